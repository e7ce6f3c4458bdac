"""Recent events of some triggers, to try filters and templates on, and what filters could not make of an event."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.expressions import Document
from webhook_ui.models import Event, Skip, table

MOST_TRIGGERS = 50  # that are looked through
MOST_CHARACTERS = 4 * 1024 * 1024  # of payloads that are read at once
TOGETHER = 10

_event, _skip = table(Event), table(Skip)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An event as a list of recent ones names it."""

    event_id: int
    trigger: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """The latest event for which a webhook's filter could not be evaluated, and why; it was delivered."""

    event_id: int
    reason: str


def recent(session: Session, triggers: Sequence[str], tenant: str | None, *, limit: int) -> list[Sample]:
    """The newest events of these triggers, of any tenant or of one; test sends are left out."""
    found: list[Sample] = []
    for trigger in triggers[:MOST_TRIGGERS]:
        statement = sa.select(_event.c.id, _event.c.created_at).where(
            _event.c.trigger == trigger, sa.not_(_event.c.test)
        )
        if tenant is not None:
            statement = statement.where(_event.c.tenant == tenant)
        rows = session.execute(statement.order_by(_event.c.id.desc()).limit(limit))
        found += [Sample(event_id=row.id, trigger=trigger, created_at=row.created_at) for row in rows]
    return sorted(found, key=lambda sample: sample.event_id, reverse=True)[:limit]


def documents(session: Session, event_ids: Sequence[int]) -> Iterator[Document]:
    """What expressions see of these events, those that are still there; it ends early where they are very large."""
    read = 0
    for start in range(0, len(event_ids), TOGETHER):
        some = event_ids[start : start + TOGETHER]
        events = session.execute(sa.select(Event).where(_event.c.id.in_(some))).scalars().all()
        for event in sorted(events, key=lambda one: some.index(one.id)):
            yield Document(
                event_id=ids.event_text(event.id),
                trigger=event.trigger,
                timestamp=times.to_text(event.occurred_at),
                payload=event.payload,
            )
            read += len(event.payload)
            if read > MOST_CHARACTERS:
                return


def latest_unjudged(session: Session, webhook_id: int, *, since: datetime) -> Unjudged | None:
    """The latest event since a moment that a webhook got because its filter could not be evaluated."""
    statement = (
        sa.select(_skip.c.event_id, _skip.c.reason)
        .where(_skip.c.webhook_id == webhook_id, _skip.c.delivered, _skip.c.event_id >= ids.floor(since))
        .order_by(_skip.c.event_id.desc())
        .limit(1)
    )
    row = session.execute(statement).first()
    return None if row is None else Unjudged(event_id=row.event_id, reason=row.reason)
