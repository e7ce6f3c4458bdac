"""Events as they were fired, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.errors import NotFound
from webhook_ui.history import paging
from webhook_ui.models import Delivery, Event, table

_event, _delivery = table(Event), table(Delivery)


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """What the list is narrowed to; the times are those of storing, `since` inclusive, `until` exclusive."""

    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """An event and how many deliveries it has."""

    event: Event
    deliveries: int


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """One page of the list."""

    rows: Sequence[EventRow]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Firings:
    """How a trigger was used: when last, and how often since the asked moment."""

    last_at: datetime | None
    count: int


def list_events(
    session: Session, criteria: EventFilter, *, limit: int = paging.DEFAULT_LIMIT, cursor: str | None = None
) -> EventPage:
    """A page of events, newest first. Raises Invalid for a foreign cursor."""
    statement = sa.select(Event)
    if criteria.trigger is not None:
        statement = statement.where(_event.c.trigger == criteria.trigger)
    if criteria.since is not None:
        statement = statement.where(_event.c.id >= ids.floor(criteria.since))
    if criteria.until is not None:
        statement = statement.where(_event.c.id < ids.floor(criteria.until))
    if cursor is not None:
        statement = statement.where(_event.c.id < paging.decode(cursor, 1)[0])
    found = list(session.execute(statement.order_by(_event.c.id.desc()).limit(limit + 1)).scalars())
    page = found[:limit]
    counts = _count(session, [event.id for event in page])
    return EventPage(
        rows=[EventRow(event=event, deliveries=counts.get(event.id, 0)) for event in page],
        next_cursor=paging.encode([page[-1].id]) if len(found) > limit else None,
    )


def get_event(session: Session, event_id: int) -> EventRow:
    """One event. Raises NotFound."""
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound(f"There is no event {ids.event_text(event_id)}.")
    return EventRow(event=event, deliveries=_count(session, [event_id]).get(event_id, 0))


def firings(session: Session, triggers: Sequence[str], *, now: datetime) -> dict[str, Firings]:
    """For each trigger when it was fired last, and how often within the last 24 hours; test sends do not count."""
    since = ids.floor(now - timedelta(hours=24))
    result = {}
    for trigger in triggers:
        mine = sa.and_(_event.c.trigger == trigger, sa.not_(_event.c.test))
        last = session.execute(
            sa.select(_event.c.created_at).where(mine).order_by(_event.c.id.desc()).limit(1)
        ).scalar()
        recent = sa.select(sa.func.count()).select_from(_event).where(mine, _event.c.id >= since)
        result[trigger] = Firings(last_at=last, count=session.execute(recent).scalar_one())
    return result


def _count(session: Session, event_ids: Sequence[int]) -> dict[int, int]:
    statement = (
        sa.select(_delivery.c.event_id, sa.func.count().label("deliveries"))
        .where(_delivery.c.event_id.in_(event_ids))
        .group_by(_delivery.c.event_id)
    )
    return {row.event_id: row.deliveries for row in session.execute(statement)}
