"""Events as they were fired, newest first: filtered, by pages, and one of them whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.errors import NotFound
from webhook_ui.history import paging
from webhook_ui.languages import tr
from webhook_ui.models import Delivery, Event, EventField, Idempotency, table

LISTED_BYTES = 16 * 1024  # a list holds no payload that is larger
BEGINNING = 160  # characters of a payload that are enough for a line
COUNTED = 1000  # deliveries of one event that a list counts by their state
FIRED = 10_000  # events of one trigger that are counted: a page looks at all triggers, again and again
KEY_LIFE = timedelta(hours=24)  # how long the outbox keeps an idempotency key


class _octets(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """How many bytes a text has. Each database says it in another way."""

    type = sa.Integer()
    inherit_cache = True


@compiles(_octets, "postgresql")
def _octets_postgresql(element: _octets, compiler: SQLCompiler, **how: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **how)})"


@compiles(_octets, "sqlite")
def _octets_sqlite(element: _octets, compiler: SQLCompiler, **how: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **how)} AS BLOB))"


_event, _delivery, _field, _key = table(Event), table(Delivery), table(EventField), table(Idempotency)


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """What the list is narrowed to; the times are those of storing, `since` inclusive, `until` exclusive.

    `fields` are indexed paths and values, all of which must be in the payload.
    """

    event_id: int | None = None
    trigger: str | None = None
    tenant: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """An event as a list shows it: without its payload where that is larger than `LISTED_BYTES`."""

    id: int
    trigger: str
    test: bool
    tenant: str | None
    occurred_at: datetime
    created_at: datetime
    actor: str
    payload: str | None
    payload_bytes: int
    beginning: str
    deliveries: int


@dataclass(frozen=True, kw_only=True)
class EventDetail:
    """One event; `idempotency_key` is known for a day, where the emitter gave one."""

    event: Event
    deliveries: int
    idempotency_key: str | None


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """One page of the list."""

    rows: Sequence[EventRow]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Tally:
    """An event's deliveries by their state; `more` where there are more than were counted."""

    sent: int = 0
    error: int = 0
    pending: int = 0
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class Firings:
    """How a trigger was used: when last, and how often since the asked moment; `more` where it was oftener."""

    last_at: datetime | None
    count: int
    more: bool = False


def list_events(
    session: Session,
    criteria: EventFilter,
    *,
    limit: int = paging.DEFAULT_LIMIT,
    cursor: str | None = None,
    counted: bool = True,
) -> EventPage:
    """A page of events, newest first. Raises Invalid for a foreign cursor.

    All deliveries of each event are counted, which takes long where each has very many: not `counted`, they are 0.
    """
    before = None if cursor is None else paging.decode(cursor, 1)[0]
    found = session.execute(_listing(criteria, before).limit(limit + 1)).all()
    page = found[:limit]
    counts = _count(session, [row.id for row in page]) if counted else {}
    return EventPage(
        rows=[EventRow(**row._mapping, deliveries=counts.get(row.id, 0)) for row in page],
        next_cursor=paging.encode([page[-1].id]) if len(found) > limit else None,
    )


def get_event(session: Session, event_id: int) -> EventDetail:
    """One event. Raises NotFound."""
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound(tr("There is no event {id}.", id=ids.event_text(event_id)))
    # the moment its key expires leads to it: keys are indexed by that, and not by their events
    expires_at = event.created_at + KEY_LIFE
    key = sa.select(_key.c.key).where(_key.c.expires_at == expires_at, _key.c.event_id == event_id).limit(1)
    return EventDetail(
        event=event,
        deliveries=_count(session, [event_id]).get(event_id, 0),
        idempotency_key=session.execute(key).scalar(),
    )


def tallies(session: Session, event_ids: Sequence[int]) -> dict[int, Tally]:
    """The deliveries of each event by their state; however many there are, no more than some are looked at."""
    if not event_ids:
        return {}
    some = [
        sa.select(_delivery.c.event_id, _delivery.c.status)
        .where(_delivery.c.event_id == event_id)
        .limit(COUNTED + 1)
        .subquery()
        for event_id in event_ids
    ]
    looked_at = sa.union_all(*(sa.select(each.c.event_id, each.c.status) for each in some)).subquery()
    kind = (looked_at.c.event_id, looked_at.c.status)
    counts: dict[int, dict[str, int]] = {}
    for row in session.execute(sa.select(*kind, sa.func.count().label("deliveries")).group_by(*kind)):
        counts.setdefault(row.event_id, {})[row.status] = row.deliveries
    return {event_id: Tally(**found, more=sum(found.values()) > COUNTED) for event_id, found in counts.items()}


def firings(session: Session, triggers: Sequence[str], *, now: datetime) -> dict[str, Firings]:
    """For each trigger when it was fired last, and how often within the last 24 hours; test sends do not count."""
    since = ids.floor(now - timedelta(hours=24))
    result = {}
    for trigger in triggers:
        mine = sa.and_(_event.c.trigger == trigger, sa.not_(_event.c.test))
        last = session.execute(
            sa.select(_event.c.created_at).where(mine).order_by(_event.c.id.desc()).limit(1)
        ).scalar()
        some = sa.select(_event.c.id).where(mine, _event.c.id >= since).limit(FIRED + 1).subquery()
        count = session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
        result[trigger] = Firings(last_at=last, count=min(count, FIRED), more=count > FIRED)
    return result


def _listing(criteria: EventFilter, before: int | None) -> sa.Select[Any]:
    octets = _octets(_event.c.payload)
    statement = sa.select(
        _event.c.id,
        _event.c.trigger,
        _event.c.test,
        _event.c.tenant,
        _event.c.occurred_at,
        _event.c.created_at,
        _event.c.actor,
        sa.case((octets <= LISTED_BYTES, _event.c.payload), else_=None).label("payload"),
        octets.label("payload_bytes"),
        sa.func.substr(_event.c.payload, 1, BEGINNING).label("beginning"),
    )
    by = _event.c.id
    for place, (path, value) in enumerate(criteria.fields):
        field = _field.alias(f"field_{place}")
        statement = statement.join(field, field.c.event_id == _event.c.id)
        statement = statement.where(field.c.field == path, field.c.value == value)
        by = field.c.event_id if place == 0 else by  # the first one's key holds its events in order
    for column, wanted in (
        (_event.c.id, criteria.event_id),
        (_event.c.trigger, criteria.trigger),
        (_event.c.tenant, criteria.tenant),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if criteria.since is not None:
        statement = statement.where(by >= ids.floor(criteria.since))
    if criteria.until is not None:
        statement = statement.where(by < ids.floor(criteria.until))
    if before is not None:
        statement = statement.where(by < before)
    return statement.order_by(by.desc())


def _count(session: Session, event_ids: Sequence[int]) -> dict[int, int]:
    statement = (
        sa.select(_delivery.c.event_id, sa.func.count().label("deliveries"))
        .where(_delivery.c.event_id.in_(event_ids))
        .group_by(_delivery.c.event_id)
    )
    return {row.event_id: row.deliveries for row in session.execute(statement)}
