"""What a webhook's other attempts tell about one: how many ended the same way, and which was the last good one.

Both look at no more than a bounded number of attempts, newest first, along the index of the webhook.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids, wire
from webhook_ui.models import Attempt, Delivery, Event, Lane, table

COUNTED = 128
LOOKED_BACK = 2000

_attempt, _delivery, _event, _lane = table(Attempt), table(Delivery), table(Event), table(Lane)


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Of the `looked` attempts up to one, how many ended the `same` way; `last_good` is None where none is near.

    `failed_from` is when the oldest event happened for which an attempt has failed since the webhook has been failing
    (since its last good attempt where it is not): that event may be much older than the attempt, for it was held.
    `certificate_until` is what the newest of them that made a TLS connection was shown, in seconds since 1970.
    """

    looked: int
    same: int
    last_good: datetime | None
    failing_since: datetime | None
    failed_from: datetime | None
    certificate_until: float | None


@dataclass(frozen=True, kw_only=True)
class GoodAttempt:
    """A successful attempt with the body it sent; `same_trigger` says whether it brought the same kind of event."""

    attempt: Attempt
    body: str
    same_trigger: bool


def find_neighbours(session: Session, attempt: Attempt) -> Neighbours:
    """What surrounds `attempt`; test sends do not count."""
    near = _before(attempt, COUNTED, attempt.id + 1).subquery()
    rows = session.execute(
        sa.select(near)
        .join(_delivery, sa.and_(_delivery.c.webhook_id == near.c.webhook_id, _delivery.c.event_id == near.c.event_id))
        .where(sa.not_(_delivery.c.test))
        .order_by(near.c.id.desc())
    ).all()
    ends = (row.timings.get("certificate_until") for row in rows)
    good = _nearest_good(session, attempt)
    failing = session.scalar(sa.select(_lane.c.failing_since).where(_lane.c.webhook_id == attempt.webhook_id))
    since = failing or (good.at if good else None)
    return Neighbours(
        looked=len(rows),
        same=sum(_how(row) == _how(attempt) for row in rows),
        last_good=good.at if good else None,
        failing_since=failing,
        failed_from=oldest_failed(session, attempt.webhook_id, since) if since else None,
        certificate_until=next((end for end in ends if end is not None), None),
    )


def find_last_good(session: Session, attempt: Attempt, trigger: str) -> GoodAttempt | None:
    """The last successful attempt before this one, rather one with an event of the same trigger."""
    same = _nearest_good(session, attempt, trigger)
    found = same or _nearest_good(session, attempt)
    if found is None:
        return None
    good = session.get_one(Attempt, (found.webhook_id, found.event_id, found.id))
    body = good.request_body
    if body is None:
        event = session.get_one(Event, found.event_id)
        body = wire.envelope(event.trigger, event.occurred_at, event.payload).decode()
    return GoodAttempt(attempt=good, body=body, same_trigger=same is not None)


def oldest_failed(session: Session, webhook_id: int, since: datetime) -> datetime | None:
    """When the oldest event happened among those of the first attempts that ended since then and failed.

    What was under way then is one of them, although it began before.
    """
    first = (
        sa.select(*(_attempt.c[name] for name in ("event_id", "status", "at", "duration_ms")))
        .where(_attempt.c.webhook_id == webhook_id, _attempt.c.id >= ids.floor(since))
        .order_by(_attempt.c.id)
        .limit(LOOKED_BACK)
        .subquery()
    )
    failed = session.execute(sa.select(first).where(first.c.status == "error").order_by(first.c.event_id))
    oldest = next((row for row in failed if row.at + timedelta(milliseconds=row.duration_ms) >= since), None)
    return None if oldest is None else ids.moment(oldest.event_id)


def _before(attempt: Attempt, limit: int, bound: int) -> sa.Select[Any]:
    columns = ("webhook_id", "event_id", "id", "at", "status", "response_status", "error_class", "error_message")
    return (
        sa.select(*(_attempt.c[name] for name in columns), _attempt.c.timings)
        .where(_attempt.c.webhook_id == attempt.webhook_id, _attempt.c.id < bound)
        .order_by(_attempt.c.id.desc())
        .limit(limit)
    )


def _nearest_good(session: Session, attempt: Attempt, trigger: str | None = None) -> Any:
    near = (
        sa.select(_attempt.c.webhook_id, _attempt.c.event_id, _attempt.c.id, _attempt.c.at, _attempt.c.status)
        .where(_attempt.c.webhook_id == attempt.webhook_id, _attempt.c.id < attempt.id)
        .order_by(_attempt.c.id.desc())
        .limit(LOOKED_BACK)
        .subquery()
    )
    statement = (
        sa.select(near)
        .join(_delivery, sa.and_(_delivery.c.webhook_id == near.c.webhook_id, _delivery.c.event_id == near.c.event_id))
        .where(near.c.status == "sent", sa.not_(_delivery.c.test))
        .order_by(near.c.id.desc())
        .limit(1)
    )
    if trigger is not None:
        statement = statement.where(_delivery.c.trigger == trigger)
    return session.execute(statement).one_or_none()


def _how(attempt: Any) -> tuple[Any, ...]:
    """How it ended; without an answer the sentence tells the causes of a class apart."""
    if attempt.response_status is not None:
        return (attempt.status, attempt.response_status)
    return (attempt.status, attempt.error_class, attempt.error_message)
