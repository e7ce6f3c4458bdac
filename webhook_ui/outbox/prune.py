"""Pruning: what is over and old is removed, in bounded batches. When that is done, and how often, stands in `upkeep`.

Batches and not partitions: they work the same on both databases, and by day the keys could not lead with `webhook_id`,
by which one server's rows are to be split over many. Ids are time-ordered, so that walking events by id finds what is
old without an index on dates. No batch holds the writer for longer than a moment, however many deliveries an event has.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.columns import UtcDateTime
from webhook_ui.models import Attempt, Delivery, Event, EventField, Idempotency, Skip, Statistics, table

EVENTS = 300  # looked at together
ROWS = 600  # deliveries and attempts removed in one transaction, or as many skips, statistics or keys

_event, _delivery, _attempt, _skip = table(Event), table(Delivery), table(Attempt), table(Skip)
_statistics, _idempotency, _field = table(Statistics), table(Idempotency), table(EventField)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The next events by id: which of them can be removed, how many cannot yet, and where the page after it begins.

    `stale` are those of the kept with an open delivery that nothing has happened to for as long. At the end, `last` is
    None.
    """

    events: Sequence[int]
    stale: Sequence[int]
    kept: int
    last: int | None


@dataclass(frozen=True, kw_only=True)
class Removed:
    """How many rows of each kind."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    skips: int = 0

    def __bool__(self) -> bool:
        return bool(self.events or self.deliveries or self.attempts or self.skips)

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            events=self.events + other.events,
            deliveries=self.deliveries + other.deliveries,
            attempts=self.attempts + other.attempts,
            skips=self.skips + other.skips,
        )


def page(session: Session, *, before: datetime, after: int) -> Page:
    """The events from after `after` on that were stored before `before`.

    One can be removed when all its deliveries are closed and nothing has happened to any since `before`: what somebody
    redelivered yesterday is not old.
    """
    bounds = {"after": after, "until": ids.floor(before), "before": before, "rows": EVENTS}
    rows = session.execute(_PAGE, bounds).all()
    kept = [row.id for row in rows if row.in_use is not None]
    stale = session.execute(_STALE, {"events": kept, "before": before}).scalars().all() if kept else []
    return Page(
        events=[row.id for row in rows if row.in_use is None],
        stale=stale,
        kept=len(kept),
        last=rows[-1].id if len(rows) == EVENTS else None,
    )


def count(session: Session, events: Sequence[int]) -> Removed:
    """What `remove` would remove of `events` in the end."""
    deliveries, attempts = session.execute(_COUNT, {"events": events}).one()
    skips = session.execute(sa.select(sa.func.count()).select_from(_skip).where(_skip.c.event_id.in_(events)))
    return Removed(events=len(events), deliveries=deliveries, attempts=int(attempts), skips=skips.scalar_one())


def remove(session: Session, events: Sequence[int], *, before: datetime) -> Removed:
    """Removes a batch of what hangs on `events`, which `page` has found, and at last themselves; nothing when all is
    done. What is in use by now, or being used at this moment, stays, and its event with it.
    """
    locked = session.execute(_LOCKED, {"events": events}).scalars().all()
    old = session.execute(_OLD, {"events": locked, "before": before, "rows": ROWS}).all()
    if batch := _bounded(old):
        _delete(session, _DELETE_ATTEMPTS, batch)
        _delete(session, _DELETE_DELIVERIES, batch)
        return Removed(deliveries=len(batch), attempts=sum(row.attempts for row in batch))
    bare = session.execute(_BARE, {"events": locked}).scalars().all()
    if skips := session.execute(_SKIPS, {"events": bare, "rows": ROWS}).all():
        _delete(session, _DELETE_SKIPS, skips)
        return Removed(skips=len(skips))
    session.execute(_DELETE_FIELDS, {"events": bare})  # a few an event, so that they need no batches of their own
    session.execute(_DELETE_EVENTS, {"events": bare})
    return Removed(events=len(bare))


def forget_statistics(session: Session, *, before: datetime) -> int:
    """Removes a batch of statistics of minutes before `before`; returns how many rows, 0 when none is left."""
    rows = session.execute(_MINUTES, {"before": before, "rows": ROWS}).all()
    _delete(session, _DELETE_MINUTES, rows)
    return len(rows)


def forget_keys(session: Session, *, now: datetime) -> int:
    """Removes a batch of idempotency keys that have expired; returns how many, 0 when none is left."""
    rows = session.execute(_KEYS, {"now": now, "rows": ROWS}).all()
    _delete(session, _DELETE_KEYS, rows)
    return len(rows)


def _bounded(rows: Sequence[Any]) -> Sequence[Any]:
    """The first of `rows` that make, with their attempts, a batch; at least one."""
    sizes = accumulate(1 + row.attempts for row in rows)
    return rows[: max(1, bisect_right(list(sizes), ROWS))]


def _delete(session: Session, how: "_ByKey", rows: Sequence[Any]) -> None:
    """Each row by its key: given a list of pairs or a subquery, a planner may choose to read all there is."""
    if not rows:
        return
    connection, columns = session.connection(), zip(*rows, strict=True)
    if connection.dialect.name == "postgresql":
        connection.execute(how.at_once, dict(zip(rows[0]._fields, map(list, columns), strict=True)))
    else:
        connection.execute(how.one_by_one, [row._asdict() for row in rows])


class _ByKey:
    """Deletes rows by these columns of their key: with the driver's own loop, or with arrays that are a round trip."""

    def __init__(self, of: sa.Table, *names: str) -> None:
        self.one_by_one = of.delete().where(*(of.c[name] == sa.bindparam(name) for name in names))
        arrays = (sa.bindparam(name, type_=ARRAY(of.c[name].type)) for name in names)
        keys = sa.func.unnest(*arrays).table_valued(*names, name="gone").render_derived()
        self.at_once = of.delete().where(*(of.c[name] == keys.c[name] for name in names))


_before, _rows = sa.bindparam("before", type_=UtcDateTime()), sa.bindparam("rows", type_=sa.Integer())
_events: sa.BindParameter[int] = sa.bindparam("events", type_=sa.BigInteger(), expanding=True)
_opened, _untouched = _delivery.c.due_at.is_not(None), _delivery.c.updated_at < _before
_of_event = _delivery.c.event_id == _event.c.id
_attempts = (  # how many a delivery has; a subquery that stands for a value is never turned into a join
    sa.select(sa.func.count())
    .where(_attempt.c.webhook_id == _delivery.c.webhook_id, _attempt.c.event_id == _delivery.c.event_id)
    .correlate(_delivery)
    .scalar_subquery()
)


def _one(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """1 if the event has a delivery like this, else null."""
    return sa.select(sa.literal(1)).where(_of_event, *conditions).limit(1).correlate(_event).scalar_subquery()


_PAGE = (
    sa.select(_event.c.id, _one(sa.or_(_opened, sa.not_(_untouched))).label("in_use"))
    .where(_event.c.id > sa.bindparam("after"), _event.c.id < sa.bindparam("until"))
    .order_by(_event.c.id)
    .limit(_rows)
)
_STALE = sa.select(_event.c.id).where(_event.c.id.in_(_events), _one(_opened, _untouched).is_not(None))
_COUNT = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_attempts), 0)).where(
    _delivery.c.event_id.in_(_events)
)

_LOCKED = sa.select(_event.c.id).where(_event.c.id.in_(_events)).with_for_update(skip_locked=True)
_OLD = (
    sa.select(_delivery.c.webhook_id, _delivery.c.event_id, _attempts.label("attempts"))
    .where(_delivery.c.event_id.in_(_events), _delivery.c.due_at.is_(None), _untouched)
    .order_by(_delivery.c.event_id, _delivery.c.webhook_id)
    .limit(_rows)
    .with_for_update(of=_delivery, skip_locked=True)
)
_BARE = sa.select(_event.c.id).where(_event.c.id.in_(_events), _one().is_(None))
_SKIPS = sa.select(_skip.c.webhook_id, _skip.c.event_id).where(_skip.c.event_id.in_(_events)).limit(_rows)
_MINUTES = (
    sa.select(_statistics.c.webhook_id, _statistics.c.minute, _statistics.c.dispatcher)
    .where(_statistics.c.minute < _before)
    .order_by(_statistics.c.minute)
    .limit(_rows)
    .with_for_update(skip_locked=True)
)
_KEYS = (
    sa.select(_idempotency.c.trigger, _idempotency.c.key)
    .where(_idempotency.c.expires_at <= sa.bindparam("now"))
    .order_by(_idempotency.c.expires_at)
    .limit(_rows)
    .with_for_update(skip_locked=True)
)


_DELETE_ATTEMPTS = _ByKey(_attempt, "webhook_id", "event_id")
_DELETE_DELIVERIES = _ByKey(_delivery, "webhook_id", "event_id")
_DELETE_SKIPS = _ByKey(_skip, "webhook_id", "event_id")
_DELETE_MINUTES = _ByKey(_statistics, "webhook_id", "minute", "dispatcher")
_DELETE_KEYS = _ByKey(_idempotency, "trigger", "key")
_DELETE_FIELDS = _field.delete().where(_field.c.event_id.in_(_events))
_DELETE_EVENTS = _event.delete().where(_event.c.id.in_(_events))
