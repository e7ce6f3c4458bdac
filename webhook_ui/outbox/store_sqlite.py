"""SQLite: one writer at a time, so nothing need be locked or passed over. What rows look like stands in `sqlite_rows`.

Each step of a statement lets go of the interpreter and has to get it back, while the event loop wants it too. So groups
go in by few statements, and come out as one row: JSON texts.
"""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import msgspec
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from webhook_ui.outbox.sqlite_rows import (
    Moments,
    attempt_values,
    from_us,
    json_text,
    lane_row,
    numbers,
    state_values,
    us,
)
from webhook_ui.outbox.store import (
    ATTEMPT,
    ATTEMPT_ONCE,
    CLAIMED,
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

T = TypeVar("T")


class SqliteStore:
    """What `Store` promises."""

    def add_events(self, connection: Connection, rows: Sequence[EventRow]) -> None:
        moments = Moments()
        values = [
            (one.id, one.trigger, one.tenant, one.payload, moments[one.occurred_at], moments[one.created_at], one.actor)
            for one in rows
        ]
        _insert(connection, EVENT, "(?, ?, ?, ?, ?, ?, ?, 0)", values)

    def add_deliveries(self, connection: Connection, rows: Sequence[DeliveryRow]) -> None:
        moments = Moments()
        values = [
            (one.webhook_id, one.event_id, one.trigger, moments[one.due_at], at := moments[one.created_at], at)
            for one in rows
        ]
        _insert(connection, DELIVERY, "(?, ?, ?, 'pending', ?, 1, 0, 0, 0, ?, ?)", values)

    def add_attempts(self, connection: Connection, rows: Sequence[AttemptRow]) -> None:
        _insert(connection, ATTEMPT, _ATTEMPT_ROW, [attempt_values(one) for one in rows], ATTEMPT_ONCE)

    def add_statistics(self, connection: Connection, rows: Sequence[StatisticsRow]) -> None:
        values = [(one.webhook_id, us(one.minute), *one[2:]) for one in rows]
        into, more = STATISTICS.split("{rows}")
        _insert(connection, into, "(?, ?, ?, ?, ?, ?)", values, more)

    def latencies(
        self, connection: Connection, dispatcher: str, minutes: Collection[datetime], webhook_ids: Collection[int]
    ) -> dict[tuple[int, datetime], str]:
        values = (dispatcher, numbers(map(us, minutes)), numbers(webhook_ids))
        found = _list(connection, _LATENCIES, values, _COUNTED)
        return {(webhook_id, from_us(minute)): latency for webhook_id, minute, latency in found}

    def listeners(
        self, connection: Connection, patterns: Sequence[str], tenant: str | None
    ) -> list[tuple[int, str | None]]:
        return _list(connection, _LISTENERS, (json_text(list(patterns)), tenant), _HEARING)

    def lanes(self, connection: Connection, webhook_ids: Collection[int]) -> list[LaneRow]:
        return [lane_row(row) for row in _list(connection, _LANES, (numbers(webhook_ids),), _STANDING)]

    def lanes_to_judge(
        self, connection: Connection, webhook_ids: Collection[int], failed: Collection[int]
    ) -> list[LaneRow]:
        values = numbers(webhook_ids), numbers(failed)
        return [lane_row(row) for row in _list(connection, _TO_JUDGE, values, _STANDING)]

    def lock_lanes(self, connection: Connection, webhook_ids: Collection[int]) -> list[LaneRow]:
        return self.lanes(connection, webhook_ids)

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
        mark = token, us(lease_until)
        if ones := [webhook_id for webhook_id, count in wanted if count == 1]:
            _rows(connection, _CLAIM_ONES, (*mark, us(now), reclaim, numbers(ones)))
        for webhook_id, count in wanted:
            if count > 1:
                _rows(connection, _CLAIM, (*mark, webhook_id, us(now), reclaim, count))
        lanes = numbers(webhook_id for webhook_id, _ in wanted)
        return self._with_events(connection, _list(connection, _MARKED, (lanes, mark[1], token), _TAKEN))

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
        statement = _HEAD if ordered else _OLDEST
        values = {
            "token": token,
            "lease_until": us(lease_until),
            "webhook_id": webhook_id,
            "now": us(now),
            "reclaim": reclaim,
        }
        return self._with_events(connection, _rows(connection, statement, values))

    def _with_events(self, connection: Connection, taken: Sequence[Any]) -> list[ClaimedRow]:
        if not taken:
            return []
        [(moments, payloads)] = _rows(connection, _EVENTS, (numbers({one[1] for one in taken}),))
        found = zip(_PAIRS.decode(moments), payloads.split(_BETWEEN), strict=True)
        events = {event_id: (from_us(occurred_at), payload) for (event_id, occurred_at), payload in found}
        return [ClaimedRow._make((*one, *events[one[1]])) for one in taken]

    def settle(self, connection: Connection, rows: Sequence[SettledRow]) -> set[Key]:
        told = json_text([state_values(one) for one in rows])
        if _run(connection, _SETTLE, (told,)).rowcount == len(rows):  # as a rule
            return {(one.webhook_id, one.event_id) for one in rows}
        return set(_list(connection, _SETTLED, (told,), _PAIRS))

    def next_due(
        self, connection: Connection, webhook_ids: Collection[int], ordered: Collection[int]
    ) -> dict[int, datetime]:
        found: list[tuple[int, int | None]] = []
        if wide := set(webhook_ids) - set(ordered):
            found += _list(connection, _NEXT, (numbers(wide),), _FALLING)
        if ordered:
            found += _list(connection, _NEXT_HEAD, (numbers(ordered),), _FALLING)
        return {webhook_id: from_us(due_at) for webhook_id, due_at in found if due_at is not None}


_ROWS_AT_ONCE = (256, 64, 16, 4, 1)  # few sizes, so that their statements stay prepared
_ATTEMPT_ROW = f"({', '.join('?' * len(AttemptRow.__struct_fields__))})"
_LISTENERS = f"""
SELECT json_group_array(json_array(id, filter))
FROM ({LISTENERS.format(patterns="s.pattern IN (SELECT value FROM json_each(?))", tenant="?")})"""
_LANES = f"SELECT json_group_array(json_array({LANE})) {LANES} WHERE w.id IN (SELECT value FROM json_each(?))"
_TO_JUDGE = f"{_LANES} AND ({NOT_IN_ORDER} OR w.id IN (SELECT value FROM json_each(?)))"
_LATENCIES = """
SELECT json_group_array(json_array(webhook_id, minute, latency)) FROM webhook_ui_statistics
WHERE dispatcher = ? AND minute IN (SELECT value FROM json_each(?))
  AND webhook_id IN (SELECT value FROM json_each(?))"""
_MARK = "UPDATE webhook_ui_delivery SET claim = {}, due_at = {}, losses = losses + (claim IS NOT NULL)"
_CLAIM = f"""
{_MARK.format("?", "?")}
WHERE (webhook_id, event_id) IN (
  SELECT webhook_id, event_id FROM webhook_ui_delivery INDEXED BY ix_webhook_ui_delivery_open_due
  WHERE webhook_id = ? AND due_at <= ? AND losses + (claim IS NOT NULL) < 2 AND (claim IS NULL OR ?)
  ORDER BY due_at LIMIT ?
)"""
_MARKED = """
SELECT json_group_array(json_array(d.webhook_id, d.event_id, d.round, d.tries, d."trigger"))
FROM json_each(?) AS lane CROSS JOIN webhook_ui_delivery AS d INDEXED BY ix_webhook_ui_delivery_open_due
WHERE d.webhook_id = lane.value AND d.due_at = ? AND d.claim = ?"""
# one of each lane: with many lanes a statement for each would take longer than all the rest of a turn
_CLAIM_ONES = f"""
{_MARK.format("?", "?")}
WHERE (webhook_id, event_id) IN (
  SELECT lane.value, (
    SELECT first.event_id FROM webhook_ui_delivery AS first INDEXED BY ix_webhook_ui_delivery_open_due
    WHERE first.webhook_id = lane.value AND first.due_at <= ? AND first.losses + (first.claim IS NOT NULL) < 2
      AND (first.claim IS NULL OR ?) ORDER BY first.due_at LIMIT 1
  ) FROM json_each(?) AS lane
)"""
# in flight: claimed, and the lease is not over (or nobody's lease can be believed at this moment)
_ALONE = """
AND due_at <= :now AND losses + (claim IS NOT NULL) < 2 AND (claim IS NULL OR :reclaim)
AND NOT EXISTS (
  SELECT 1 FROM webhook_ui_delivery AS other INDEXED BY ix_webhook_ui_delivery_open_due
  WHERE other.webhook_id = :webhook_id AND other.due_at > :now AND other.claim IS NOT NULL
) AND (:reclaim OR NOT EXISTS (
  SELECT 1 FROM webhook_ui_delivery AS other INDEXED BY ix_webhook_ui_delivery_open_due
  WHERE other.webhook_id = :webhook_id AND other.due_at <= :now AND other.claim IS NOT NULL
))"""
_HEAD = f"""
{_MARK.format(":token", ":lease_until")}
WHERE webhook_id = :webhook_id AND event_id = (
  SELECT min(first.event_id) FROM webhook_ui_delivery AS first INDEXED BY ix_webhook_ui_delivery_open_order
  WHERE first.webhook_id = :webhook_id AND first.due_at IS NOT NULL
) {_ALONE} RETURNING {CLAIMED}"""
_OLDEST = f"""
{_MARK.format(":token", ":lease_until")}
WHERE webhook_id = :webhook_id AND event_id = (
  SELECT first.event_id FROM webhook_ui_delivery AS first INDEXED BY ix_webhook_ui_delivery_open_due
  WHERE first.webhook_id = :webhook_id AND first.due_at <= :now AND first.losses + (first.claim IS NOT NULL) < 2
  AND (first.claim IS NULL OR :reclaim) ORDER BY first.due_at LIMIT 1
) {_ALONE} RETURNING {CLAIMED}"""
_BETWEEN = "\x1e"  # no JSON text has it
_EVENTS = """
SELECT json_group_array(json_array(id, occurred_at)), group_concat(payload, char(30))
FROM webhook_ui_event WHERE id IN (SELECT value FROM json_each(?))"""
_PAIRS = msgspec.json.Decoder(list[tuple[int, int]])
_TAKEN = msgspec.json.Decoder(list[tuple[int, int, int, int, str]])
_COUNTED = msgspec.json.Decoder(list[tuple[int, int, str]])
_HEARING = msgspec.json.Decoder(list[tuple[int, str | None]])
_FALLING = msgspec.json.Decoder(list[tuple[int, int | None]])
_STANDING = msgspec.json.Decoder(list[tuple[Any, ...]])
_SETTLE = """
UPDATE webhook_ui_delivery SET status = new.status, answer = new.answer, closed = new.closed, due_at = new.due_at,
  last_attempt_id = new.last_attempt_id, updated_at = new.updated_at, claim = NULL, tries = tries + 1, losses = 0
FROM (
  SELECT json_extract(value, '$[0]') AS webhook_id, json_extract(value, '$[1]') AS event_id,
    json_extract(value, '$[2]') AS claim, json_extract(value, '$[3]') AS status,
    json_extract(value, '$[4]') AS answer, json_extract(value, '$[5]') AS closed,
    json_extract(value, '$[6]') AS due_at, json_extract(value, '$[7]') AS last_attempt_id,
    json_extract(value, '$[8]') AS updated_at
  FROM json_each(?)
) AS new
WHERE webhook_ui_delivery.webhook_id = new.webhook_id AND webhook_ui_delivery.event_id = new.event_id
  AND webhook_ui_delivery.claim = new.claim"""
# by what has just been written: the attempt that an earlier commit has recorded already stands in its table by now
_SETTLED = """
SELECT json_group_array(json_array(d.webhook_id, d.event_id)) FROM json_each(?) AS new
CROSS JOIN webhook_ui_delivery AS d
WHERE d.webhook_id = json_extract(new.value, '$[0]') AND d.event_id = json_extract(new.value, '$[1]')
  AND d.last_attempt_id = json_extract(new.value, '$[7]') AND NOT EXISTS (
    SELECT 1 FROM webhook_ui_attempt AS a
    WHERE a.webhook_id = d.webhook_id AND a.event_id = d.event_id AND a.id = d.last_attempt_id
  )"""
_NEXT = """
SELECT json_group_array(json_array(value, (
  SELECT min(due_at) FROM webhook_ui_delivery INDEXED BY ix_webhook_ui_delivery_open_due
  WHERE webhook_id = value AND due_at IS NOT NULL
))) FROM json_each(?)"""
_NEXT_HEAD = """
SELECT json_group_array(json_array(value, (
  SELECT due_at FROM webhook_ui_delivery WHERE webhook_id = value AND event_id = (
    SELECT min(event_id) FROM webhook_ui_delivery INDEXED BY ix_webhook_ui_delivery_open_order
    WHERE webhook_id = value AND due_at IS NOT NULL
  )
))) FROM json_each(?)"""


def _run(connection: Connection, statement: str, values: Any) -> sqlite3.Cursor:
    """Asks the driver itself: going round SQLAlchemy here saves a tenth of a small turn."""
    driver: Any = connection.connection.dbapi_connection
    try:
        answered: sqlite3.Cursor = driver.execute(statement, values)
    except sqlite3.Error as error:
        raise _wrapped(connection, statement, error) from error
    return answered


def _rows(connection: Connection, statement: str, values: Any) -> list[Any]:
    """What a statement brings back."""
    answered = _run(connection, statement, values)
    try:
        return answered.fetchall()
    except sqlite3.Error as error:
        raise _wrapped(connection, statement, error) from error


def _list(connection: Connection, statement: str, values: Any, decoder: msgspec.json.Decoder[list[T]]) -> list[T]:
    """What a statement answers that makes one JSON text of its rows."""
    [(text,)] = _rows(connection, statement, values)
    return decoder.decode(text)


def _insert(connection: Connection, into: str, row: str, rows: Sequence[Sequence[Any]], more: str = "") -> None:
    """Inserts many rows a statement."""
    place = 0
    for size in _ROWS_AT_ONCE:
        statement = _inserting(into, row, size, more) if len(rows) - place >= size else ""
        while len(rows) - place >= size:
            _run(connection, statement, tuple(chain.from_iterable(rows[place : place + size])))
            place += size


@cache
def _inserting(into: str, row: str, size: int, more: str) -> str:
    return f"{into} VALUES {', '.join([row] * size)} {more}"


def _wrapped(connection: Connection, statement: str, error: sqlite3.Error) -> BaseException:
    """The error as SQLAlchemy raises it: what is done about it must not depend on who asked."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect)
