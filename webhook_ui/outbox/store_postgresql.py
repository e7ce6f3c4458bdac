"""PostgreSQL: many workers at once, so what somebody is claiming is passed over. Groups go over as one JSON text."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from webhook_ui.outbox.store import (
    ATTEMPT,
    ATTEMPT_ONCE,
    DELIVERY,
    EVENT,
    LANE,
    LANES,
    LISTENERS,
    NOT_IN_ORDER,
    STATISTICS,
    AttemptRow,
    ClaimedRow,
    DeliveryRow,
    EventRow,
    Key,
    LaneRow,
    SettledRow,
    StatisticsRow,
)


class PostgresqlStore:
    """What `Store` promises, each in one round trip."""

    def add_events(self, connection: Connection, rows: Sequence[EventRow]) -> None:
        _run(connection, _ADD_EVENTS, (_records(rows),))

    def add_deliveries(self, connection: Connection, rows: Sequence[DeliveryRow]) -> None:
        _run(connection, _ADD_DELIVERIES, (_records(rows),))

    def add_attempts(self, connection: Connection, rows: Sequence[AttemptRow]) -> None:
        _run(connection, _ADD_ATTEMPTS, (_records(rows),))

    def add_statistics(self, connection: Connection, rows: Sequence[StatisticsRow]) -> None:
        _run(connection, _ADD_STATISTICS, _columns(rows))

    def latencies(
        self, connection: Connection, dispatcher: str, minutes: Collection[datetime], webhook_ids: Collection[int]
    ) -> dict[tuple[int, datetime], str]:
        found = _rows(connection, _LATENCIES, (dispatcher, list(minutes), list(webhook_ids)))
        return {(webhook_id, minute): latency for webhook_id, minute, latency in found}

    def listeners(
        self, connection: Connection, patterns: Sequence[str], tenant: str | None
    ) -> list[tuple[int, str | None]]:
        found = _rows(connection, _LISTENERS, (list(patterns), tenant))
        return [(row[0], row[1]) for row in found]

    def lanes(self, connection: Connection, webhook_ids: Collection[int]) -> list[LaneRow]:
        found = _rows(connection, _LANES, (list(webhook_ids),))
        return [LaneRow(*one) for one in found]

    def lanes_to_judge(
        self, connection: Connection, webhook_ids: Collection[int], failed: Collection[int]
    ) -> list[LaneRow]:
        found = _rows(connection, _TO_JUDGE, (list(webhook_ids), list(failed)))
        return [LaneRow(*one) for one in found]

    def lock_lanes(self, connection: Connection, webhook_ids: Collection[int]) -> list[LaneRow]:
        found = _rows(connection, _LOCK_LANES, (list(webhook_ids),))
        return [LaneRow(*one) for one in found]

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
        if not wanted:
            return []
        webhook_ids, counts = zip(*wanted, strict=True)
        values = (list(webhook_ids), list(counts), now, reclaim, token, lease_until)
        return [ClaimedRow(*one) for one in _rows(connection, _CLAIM, values)]

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
        values = {
            "token": token,
            "lease_until": lease_until,
            "webhook_id": webhook_id,
            "now": now,
            "reclaim": reclaim,
        }
        found = _rows(connection, _HEAD if ordered else _OLDEST, values)
        return [ClaimedRow(*one) for one in found]

    def settle(self, connection: Connection, rows: Sequence[SettledRow]) -> set[Key]:
        found = _rows(connection, _SETTLE, (_records(rows),))
        return {(webhook_id, event_id) for webhook_id, event_id in found}

    def next_due(
        self, connection: Connection, webhook_ids: Collection[int], ordered: Collection[int]
    ) -> dict[int, datetime]:
        found: list[Any] = []
        if wide := set(webhook_ids) - set(ordered):
            found += _rows(connection, _NEXT, (list(wide),))
        if ordered:
            found += _rows(connection, _NEXT_HEAD, (list(ordered),))
        return {webhook_id: due_at for webhook_id, due_at in found if due_at is not None}


_LISTENERS = LISTENERS.format(patterns="s.pattern = ANY(%s::text[])", tenant="%s::text")
_ADD_EVENTS = f"""
{EVENT} SELECT id, "trigger", tenant, payload, occurred_at, created_at, actor, false
FROM json_populate_recordset(NULL::webhook_ui_event, %s::json)"""
_ADD_DELIVERIES = f"""
{DELIVERY} SELECT webhook_id, event_id, "trigger", 'pending', due_at, 1, 0, 0, false, created_at, created_at
FROM json_populate_recordset(NULL::webhook_ui_delivery, %s::json)"""
_ADD_ATTEMPTS = f"""
{ATTEMPT} SELECT {", ".join(AttemptRow.__struct_fields__)}
FROM json_populate_recordset(NULL::webhook_ui_attempt, %s::json) {ATTEMPT_ONCE}"""
_STATISTICS_ROWS = """
SELECT webhook_id, minute, dispatcher, sent, error, latency::json
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
  AS new (webhook_id, minute, dispatcher, sent, error, latency)"""
_ADD_STATISTICS = STATISTICS.format(rows=_STATISTICS_ROWS)
_LATENCIES = """
SELECT webhook_id, minute, latency::text FROM webhook_ui_statistics
WHERE dispatcher = %s AND minute = ANY(%s::timestamptz[]) AND webhook_id = ANY(%s::bigint[])"""
_LANES = f"SELECT {LANE} {LANES} WHERE w.id = ANY(%s::bigint[])"
_TO_JUDGE = f"{_LANES} AND ({NOT_IN_ORDER} OR w.id = ANY(%s::bigint[]))"
_LOCK_LANES = f"{_LANES} ORDER BY w.id FOR UPDATE OF l SKIP LOCKED"
_CLAIM = """
WITH picked AS (
  SELECT due.webhook_id, due.event_id
  FROM unnest(%s::bigint[], %s::int[]) AS wanted (webhook_id, count)
  CROSS JOIN LATERAL (
    SELECT webhook_id, event_id FROM webhook_ui_delivery AS open
    WHERE open.webhook_id = wanted.webhook_id AND due_at <= %s
      AND losses + (claim IS NOT NULL)::int < 2 AND (claim IS NULL OR %s)
    ORDER BY due_at LIMIT wanted.count FOR UPDATE SKIP LOCKED
  ) AS due
), claimed AS (
  UPDATE webhook_ui_delivery AS delivery
  SET claim = %s, due_at = %s, losses = losses + (claim IS NOT NULL)::int
  FROM picked WHERE delivery.webhook_id = picked.webhook_id AND delivery.event_id = picked.event_id
  RETURNING delivery.webhook_id, delivery.event_id, round, tries, delivery."trigger"
)
SELECT claimed.*, event.occurred_at, event.payload
FROM claimed JOIN webhook_ui_event AS event ON event.id = claimed.event_id"""
# in flight: claimed, and the lease is not over (or nobody's lease can be believed at this moment)
_ONE = """
WITH claimed AS (
  UPDATE webhook_ui_delivery AS delivery
  SET claim = %(token)s, due_at = %(lease_until)s, losses = losses + (claim IS NOT NULL)::int
  WHERE webhook_id = %(webhook_id)s AND event_id = ({which})
    AND due_at <= %(now)s AND losses + (claim IS NOT NULL)::int < 2 AND (claim IS NULL OR %(reclaim)s)
    AND NOT EXISTS (
      SELECT 1 FROM webhook_ui_delivery AS other
      WHERE other.webhook_id = %(webhook_id)s AND other.due_at IS NOT NULL AND other.claim IS NOT NULL
        AND (other.due_at > %(now)s OR NOT %(reclaim)s)
    )
  RETURNING delivery.webhook_id, delivery.event_id, round, tries, delivery."trigger"
)
SELECT claimed.*, event.occurred_at, event.payload
FROM claimed JOIN webhook_ui_event AS event ON event.id = claimed.event_id"""
# asked for in this order, which only the index over what is open has: `min` is looked for among what is over as well
_HEAD = _ONE.format(
    which="""
    SELECT first.event_id FROM webhook_ui_delivery AS first
    WHERE first.webhook_id = %(webhook_id)s AND first.due_at IS NOT NULL
    ORDER BY first.event_id, first.due_at LIMIT 1"""
)
_OLDEST = _ONE.format(
    which="""
    SELECT first.event_id FROM webhook_ui_delivery AS first
    WHERE first.webhook_id = %(webhook_id)s AND first.due_at <= %(now)s
      AND first.losses + (first.claim IS NOT NULL)::int < 2 AND (first.claim IS NULL OR %(reclaim)s)
    ORDER BY first.due_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
)
_SETTLE = """
UPDATE webhook_ui_delivery AS delivery SET status = new.status, answer = new.answer, closed = new.closed,
  due_at = new.due_at, last_attempt_id = new.last_attempt_id, updated_at = new.updated_at, claim = NULL,
  tries = delivery.tries + 1, losses = 0
FROM json_populate_recordset(NULL::webhook_ui_delivery, %s::json) AS new
WHERE delivery.webhook_id = new.webhook_id AND delivery.event_id = new.event_id AND delivery.claim = new.claim
RETURNING delivery.webhook_id, delivery.event_id"""
_NEXT = """
SELECT lane.id, (
  SELECT min(due_at) FROM webhook_ui_delivery AS open WHERE open.webhook_id = lane.id AND due_at IS NOT NULL
) FROM unnest(%s::bigint[]) AS lane (id)"""
_NEXT_HEAD = """
SELECT lane.id, (
  SELECT due_at FROM webhook_ui_delivery AS head WHERE head.webhook_id = lane.id AND head.event_id = (
    SELECT event_id FROM webhook_ui_delivery AS open WHERE open.webhook_id = lane.id AND due_at IS NOT NULL
    ORDER BY event_id, due_at LIMIT 1
  )
) FROM unnest(%s::bigint[]) AS lane (id)"""


def _rows(connection: Connection, statement: str, values: Any) -> list[Any]:
    """What a statement brings back."""
    return _run(connection, statement, values).fetchall()


def _run(connection: Connection, statement: str, values: Any) -> psycopg.Cursor[Any]:
    """Asks the driver itself: to go round SQLAlchemy here saves half of what a small statement costs this process."""
    driver: Any = connection.connection.dbapi_connection
    try:
        answered: psycopg.Cursor[Any] = driver.execute(statement, values)
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error
    return answered


def _records(rows: Sequence[msgspec.Struct]) -> str:
    """Rows as one JSON text: the server reads that more quickly than Python writes arrays."""
    return msgspec.json.encode(rows).decode()


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))
