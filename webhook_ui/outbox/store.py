"""The hot path's statements, written by hand for each database: building them anew costs more than running them.

Groups are what makes them fast: many rows go over as one JSON text, or through one prepared statement. What the rows
mean is decided elsewhere; moments go in and come out as aware datetimes.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec
from sqlalchemy.engine import Connection

from webhook_ui.wire import Headers, Timings

Key = tuple[int, int]  # webhook id, event id


class LaneRow(NamedTuple):
    """One lane as it stands; `free` is False while its webhook is paused, disabled or deleted, or all is stopped."""

    webhook_id: int
    version: int
    free: bool
    ordered: bool
    rate_limit: float | None
    resume_rate: float | None
    breaker: str
    reason: str | None
    probes: int
    last_result: str | None
    opened_at: datetime | None
    probe_at: datetime | None
    not_before: datetime | None
    rate_tat: datetime | None
    failing_since: datetime | None
    disable_at: datetime | None


class ClaimedRow(NamedTuple):
    """A delivery that was just claimed, with the event it brings."""

    webhook_id: int
    event_id: int
    round: int
    tries: int
    trigger: str
    occurred_at: datetime
    payload: str


class EventRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An event to be stored."""

    id: int
    trigger: str
    tenant: str | None
    payload: str
    occurred_at: datetime
    created_at: datetime
    actor: str


class DeliveryRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A delivery to be stored."""

    webhook_id: int
    event_id: int
    trigger: str
    due_at: datetime
    created_at: datetime


class SettledRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The new state of a delivery, if `claim` still holds it."""

    webhook_id: int
    event_id: int
    claim: str
    status: str
    answer: str
    closed: str | None
    due_at: datetime | None
    last_attempt_id: int
    updated_at: datetime


class AttemptRow(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An attempt to be stored; its headers and timings are stored as JSON."""

    webhook_id: int
    event_id: int
    id: int
    round: int
    late: bool
    at: datetime
    duration_ms: float
    status: str
    url: str
    request_headers: Headers
    request_body: str | None
    response_status: int | None
    response_headers: Headers
    response_body: str
    error_class: str | None
    error_message: str | None
    timings: Timings


class StatisticsRow(NamedTuple):
    """What one dispatcher adds to one minute of one webhook; `latency` is the whole of the minute, a JSON text."""

    webhook_id: int
    minute: datetime
    dispatcher: str
    sent: int
    error: int
    latency: str


class Store(Protocol):
    """What both databases can do."""

    def add_events(self, connection: Connection, rows: Sequence[EventRow]) -> None: ...

    def add_deliveries(self, connection: Connection, rows: Sequence[DeliveryRow]) -> None: ...

    def add_attempts(self, connection: Connection, rows: Sequence[AttemptRow]) -> None: ...

    def add_statistics(self, connection: Connection, rows: Sequence[StatisticsRow]) -> None: ...

    def latencies(
        self, connection: Connection, dispatcher: str, minutes: Collection[datetime], webhook_ids: Collection[int]
    ) -> dict[tuple[int, datetime], str]:
        """The latency counts (JSON texts) that a dispatcher has stored for these webhooks in these minutes."""
        ...

    def listeners(
        self, connection: Connection, patterns: Sequence[str], tenant: str | None
    ) -> list[tuple[int, str | None]]:
        """The enabled webhooks that listen to one of `patterns`, by id, each with its filter.

        An event with a tenant goes to that tenant's webhooks and to those without one, an event without to the latter.
        """
        ...

    def lanes(self, connection: Connection, webhook_ids: Collection[int]) -> list[LaneRow]:
        """These lanes as they stand."""
        ...

    def lanes_to_judge(
        self, connection: Connection, webhook_ids: Collection[int], failed: Collection[int]
    ) -> list[LaneRow]:
        """Those of these lanes that are not in order already, and those that `failed`."""
        ...

    def lock_lanes(self, connection: Connection, webhook_ids: Collection[int]) -> list[LaneRow]:
        """Those of these lanes that nobody else has locked, locked until the end of the transaction."""
        ...

    def claim(
        self,
        connection: Connection,
        wanted: Sequence[tuple[int, int]],
        *,
        token: str,
        now: datetime,
        lease_until: datetime,
        reclaim: bool,
    ) -> list[ClaimedRow]:
        """Claims of each lane (webhook id, how many) the oldest due; what is being claimed elsewhere is passed over.

        With `reclaim`, claims whose lease is over are taken as well.
        """
        ...

    def claim_one(
        self,
        connection: Connection,
        webhook_id: int,
        *,
        ordered: bool,
        token: str,
        now: datetime,
        lease_until: datetime,
        reclaim: bool,
    ) -> list[ClaimedRow]:
        """Claims one of a locked lane, if nothing of it is in flight: its head (`ordered`), or the oldest due."""
        ...

    def settle(self, connection: Connection, rows: Sequence[SettledRow]) -> set[Key]:
        """Stores the new states; returns which deliveries were still held by their claim. Their attempts come after."""
        ...

    def next_due(
        self, connection: Connection, webhook_ids: Collection[int], ordered: Collection[int]
    ) -> dict[int, datetime]:
        """When the next open delivery of each lane falls due (in `ordered` lanes the head); lanes without one lack."""
        ...


EVENT = 'INSERT INTO webhook_ui_event (id, "trigger", tenant, payload, occurred_at, created_at, actor, test)'
DELIVERY = (
    'INSERT INTO webhook_ui_delivery (webhook_id, event_id, "trigger", status, due_at, round, tries, losses, test,'
    " created_at, updated_at)"
)
ATTEMPT = f"INSERT INTO webhook_ui_attempt ({', '.join(AttemptRow.__struct_fields__)})"
# one that was stored already, by a commit whose answer was lost, stays as it is
ATTEMPT_ONCE = "ON CONFLICT (webhook_id, event_id, id) DO NOTHING"
LANE = (
    "w.id, w.version,"
    " w.enabled AND NOT w.paused AND w.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM webhook_ui_sending),"
    " w.ordered, w.rate_limit,"
    " l.resume_rate, l.breaker, l.reason, l.probes, l.last_result, l.opened_at, l.probe_at, l.not_before, l.rate_tat,"
    " l.failing_since, l.disable_at"
)
LANES = "FROM webhook_ui_webhook AS w JOIN webhook_ui_lane AS l ON l.webhook_id = w.id"
NOT_IN_ORDER = "(l.breaker <> 'closed' OR coalesce(l.last_result, '') <> 'sent' OR l.disable_at IS NOT NULL)"
STATISTICS = (
    "INSERT INTO webhook_ui_statistics AS stored (webhook_id, minute, dispatcher, sent, error, latency) {rows}"
    " ON CONFLICT (webhook_id, minute, dispatcher) DO UPDATE SET sent = stored.sent + excluded.sent,"
    " error = stored.error + excluded.error, latency = excluded.latency"
)
LISTENERS = (
    "SELECT DISTINCT w.id, w.filter"
    " FROM webhook_ui_subscription AS s JOIN webhook_ui_webhook AS w ON w.id = s.webhook_id"
    " WHERE {patterns} AND w.enabled AND w.deleted_at IS NULL AND (w.tenant IS NULL OR w.tenant = {tenant})"
    " ORDER BY w.id"
)
CLAIMED = 'webhook_id, event_id, round, tries, "trigger"'
