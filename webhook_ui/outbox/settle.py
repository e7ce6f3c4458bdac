"""Settling: what came of claimed deliveries is recorded, many at a time, in one transaction.

A worker whose lease ran out and whose delivery somebody else claimed since is fenced: its token no longer fits, so
it changes nothing, except that its attempt is kept as late, and a late success closes what is open and unclaimed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.breaker import Health, Verdict
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Delivery, table
from webhook_ui.outbox import health, statistics
from webhook_ui.outbox.claim import Claimed
from webhook_ui.outbox.statistics import Latencies
from webhook_ui.outbox.store import AttemptRow, Key, SettledRow
from webhook_ui.outbox.stores import store_of
from webhook_ui.retry import Decision
from webhook_ui.wire import Answer, Headers, Result

_delivery = table(Delivery)
_NONE: Latencies = {}


class Settlement(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An answer to one claimed delivery and what was decided of it.

    `request_headers` are as sent, less what is secret; `request_body` is None when it was the event's envelope.
    """

    claimed: Claimed
    answer: Answer
    decision: Decision
    url: str
    request_headers: Headers
    request_body: str | None = None
    attempt_id: int = msgspec.field(default_factory=ids.new_id)

    @property
    def key(self) -> Key:
        return self.claimed.key


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What was recorded: `counted` had not lost their claim.

    `verdicts` has the lanes whose health has changed: what it was before, and the verdict; `latencies` what the
    dispatcher has counted into the minutes of `counted` until now.
    """

    counted: Sequence[Settlement] = ()
    verdicts: Mapping[int, tuple[Health, Verdict]] = field(default_factory=dict)
    latencies: Latencies = field(default_factory=dict)


def settle(
    session: Session,
    settlements: Sequence[Settlement],
    *,
    dispatcher: str,
    now: datetime,
    pressure: Mapping[int, tuple[int, int]] | None = None,
    jitter: float = 0.0,
    latencies: Latencies = _NONE,
) -> Settled:
    """Records `settlements`; `pressure` says of webhooks how many of how many lately told attempts failed.

    `latencies` is what the dispatcher knows to be stored of its own.
    """
    if not settlements:
        return Settled()
    connection = session.connection()
    counted = _store_states(connection, settlements, now)
    late = _still_there(connection, [one for one in settlements if one.attempt_id not in counted])
    known = [one for one in settlements if one.attempt_id in counted or one.attempt_id in late]
    if known:
        rows = [_attempt(one, late=one.attempt_id in late) for one in known]
        store_of(connection).add_attempts(connection, rows)
    for one in known:
        if one.attempt_id in late and one.answer.result is Result.sent:
            _close_as_sent(session, one, now)
    recorded = [one for one in known if one.attempt_id in counted]
    verdicts = health.note(session, recorded, pressure or {}, now=now, jitter=jitter)
    answers = [(one.claimed.webhook_id, one.answer) for one in recorded]
    after = statistics.add(connection, answers, dispatcher=dispatcher, known=latencies)
    note(session, *(Changed(Kind.attempt, webhook_id) for webhook_id in {one.claimed.webhook_id for one in known}))
    return Settled(counted=recorded, verdicts=verdicts, latencies=after)


def _store_states(connection: Connection, settlements: Sequence[Settlement], now: datetime) -> set[int]:
    """Stores the new states; returns the attempts whose claim still held. Each delivery once in a statement."""
    held: set[int] = set()
    rest = list(settlements)
    while rest:
        once = {one.key: one for one in reversed(rest)}
        rest = [one for one in rest if one is not once[one.key]] if len(once) < len(rest) else []
        found = store_of(connection).settle(connection, [_state(one, now) for one in once.values()])
        held.update(once[key].attempt_id for key in found)
    return held


def _state(one: Settlement, now: datetime) -> SettledRow:
    claimed, answer, decision = one.claimed, one.answer, one.decision
    return SettledRow(
        claimed.webhook_id,
        claimed.event_id,
        claimed.token,
        "sent" if decision.status is Result.sent else "error",
        "sent" if answer.failure is None else "error",
        decision.closed,
        decision.due_at,
        one.attempt_id,
        now,
    )


def _attempt(one: Settlement, *, late: bool) -> AttemptRow:
    claimed, answer, failure = one.claimed, one.answer, one.answer.failure
    return AttemptRow(
        claimed.webhook_id,
        claimed.event_id,
        one.attempt_id,
        claimed.round,
        late,
        answer.at,
        answer.duration_ms,
        "error" if failure else "sent",
        one.url,
        one.request_headers,
        one.request_body,
        answer.response_status,
        answer.response_headers,
        answer.response_body,
        failure.kind.value if failure else None,
        failure.message if failure else None,
        answer.timings,
    )


def _still_there(connection: Connection, late: Sequence[Settlement]) -> set[int]:
    """The attempts among `late` whose delivery was not deleted for good meanwhile: of the others nothing is left."""
    if not late:
        return set()
    # two lists, because SQLite reads the whole table for pairs in IN; what fits both but no pair is left out afterwards
    statement = (
        sa.select(_delivery.c.webhook_id, _delivery.c.event_id)
        .where(_delivery.c.webhook_id.in_({one.claimed.webhook_id for one in late}))
        .where(_delivery.c.event_id.in_({one.claimed.event_id for one in late}))
        .with_for_update(key_share=True)
    )
    there = {(row.webhook_id, row.event_id) for row in connection.execute(statement)}
    return {one.attempt_id for one in late if one.key in there}


def _close_as_sent(session: Session, one: Settlement, now: datetime) -> None:
    session.execute(
        _delivery.update()
        .where(_delivery.c.webhook_id == one.claimed.webhook_id, _delivery.c.event_id == one.claimed.event_id)
        .where(_delivery.c.due_at.is_not(None), _delivery.c.claim.is_(None))
        # recorded before, in a commit whose answer was lost: what was done to the delivery since then counts
        .where(_delivery.c.last_attempt_id.is_distinct_from(one.attempt_id))
        .values(
            status="sent",
            answer="sent",
            closed="sent",
            due_at=None,
            last_attempt_id=one.attempt_id,
            losses=0,
            updated_at=now,
        )
    )
