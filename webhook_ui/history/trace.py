"""An event's trace: for every webhook why it did or did not get the event. What held then comes from history.

However many webhooks there are, a page of it stays a page: a group is walked by the webhooks' ids, and each webhook on
it is judged by itself (`trace_reasons`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.errors import Invalid, NotFound
from webhook_ui.history import paging
from webhook_ui.history.deliveries import DeliveryRow, deliveries_of
from webhook_ui.history.trace_reasons import Outcome, Reason, held_since, judge, read_case, unjudged
from webhook_ui.languages import tr
from webhook_ui.models import Change, Delivery, Event, Skip, Subscription, Webhook, table
from webhook_ui.patterns import patterns

REMEMBERED = timedelta(days=30)  # a webhook that had been deleted longer than this was gone for good

_event, _webhook, _delivery = table(Event), table(Webhook), table(Delivery)
_skip, _change, _subscription = table(Skip), table(Change), table(Subscription)


class Group(StrEnum):
    """Parts of a trace, in their order. `missed` listen, or listened when it happened, and have no delivery."""

    sent = "sent"
    error = "error"
    pending = "pending"
    missed = "missed"
    not_subscribed = "not_subscribed"


DELIVERED = (Group.sent, Group.error, Group.pending)


@dataclass(frozen=True, kw_only=True)
class TraceRow:
    """One webhook: its delivery, or why there is none. For one that is held, `reason` says since when and by whom."""

    webhook_id: int
    webhook_title: str
    reason: Reason
    delivery: DeliveryRow | None = None


@dataclass(frozen=True, kw_only=True)
class TracePage:
    """A part of a trace; `counts` is of all of it."""

    event: Event
    counts: dict[Group, int]
    rows: Sequence[TraceRow]
    next_cursor: str | None


def trace(
    session: Session,
    event_id: int,
    *,
    now: datetime,
    q: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
    cursor: str | None = None,
) -> TracePage:
    """A page over all groups, one after the other. Raises NotFound, and Invalid for a foreign cursor."""
    event = find_event(session, event_id)
    groups = list(Group)
    place, after = (0, 0) if cursor is None else paging.decode(cursor, 2)
    if not 0 <= place < len(groups):
        raise Invalid({"cursor": "This is no cursor of this list. Use next_cursor of the page before as it came."})
    rows: list[TraceRow] = []
    next_cursor = None
    for number, group in enumerate(groups[place:], start=place):
        found = rows_of(session, event, group, now=now, q=q, limit=limit - len(rows) + 1, after=after)
        room, after = limit - len(rows), 0
        if len(found) > room:
            last = found[room - 1].webhook_id if room else 0
            next_cursor = paging.encode([number, last])
            rows += found[:room]
            break
        rows += found
    return TracePage(event=event, counts=count(session, event, q=q), rows=rows, next_cursor=next_cursor)


def find_event(session: Session, event_id: int) -> Event:
    """The event. Raises NotFound."""
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound(tr("There is no event {id}.", id=ids.event_text(event_id)))
    return event


def count(session: Session, event: Event, *, q: str | None = None) -> dict[Group, int]:
    """How many webhooks each group has; with `q`, of those with this in title or URL."""
    statement = sa.select(_delivery.c.status, sa.func.count().label("webhooks")).where(_delivery.c.event_id == event.id)
    if q:
        statement = statement.join(_webhook, _webhook.c.id == _delivery.c.webhook_id).where(_named(q))
    found = {row.status: row.webhooks for row in session.execute(statement.group_by(_delivery.c.status))}
    counts = {group: int(found.get(group, 0)) for group in DELIVERED}
    if event.test:  # it was meant for one webhook
        return counts | dict.fromkeys((Group.missed, Group.not_subscribed), 0)
    missed, lived = _is_missed(event), _lived(event)
    # each webhook is asked once whether it missed the event; again only those that were deleted before
    tests = (missed, lived, sa.and_(sa.not_(lived), missed))
    sums = (sa.func.coalesce(sa.func.sum(sa.case((test, 1), else_=0)), 0) for test in tests)
    all_missed, all_lived, dead = map(int, session.execute(sa.select(*sums).where(*_undelivered(event, q))).one())
    return counts | {Group.missed: all_missed, Group.not_subscribed: all_lived - (all_missed - dead)}


def rows_of(
    session: Session, event: Event, group: Group, *, now: datetime, q: str | None = None, limit: int, after: int = 0
) -> list[TraceRow]:
    """Webhooks of one group by their ids, those after `after`."""
    if group in DELIVERED:
        return _delivered(session, event, group, now=now, q=q, limit=limit, after=after)
    if event.test:
        return []
    missed = _is_missed(event)
    wanted = missed if group is Group.missed else sa.and_(sa.not_(missed), _lived(event))
    statement = sa.select(Webhook).where(*_undelivered(event, q), wanted, _webhook.c.id > after)
    webhooks = session.execute(statement.order_by(_webhook.c.id).limit(limit)).scalars().all()
    case = read_case(session, event, [int(webhook.id or 0) for webhook in webhooks])
    return [
        TraceRow(webhook_id=int(webhook.id or 0), webhook_title=webhook.title, reason=judge(session, case, webhook))
        for webhook in webhooks
    ]


def _delivered(
    session: Session, event: Event, group: Group, *, now: datetime, q: str | None, limit: int, after: int
) -> list[TraceRow]:
    statement = (
        sa.select(_delivery.c.webhook_id)
        .where(_delivery.c.event_id == event.id, _delivery.c.status == group.value, _delivery.c.webhook_id > after)
        .order_by(_delivery.c.webhook_id)
        .limit(limit)
    )
    if q:
        statement = statement.join(_webhook, _webhook.c.id == _delivery.c.webhook_id).where(_named(q))
    webhook_ids = session.execute(statement).scalars().all()
    found = deliveries_of(session, event.id, webhook_ids, now=now)
    faults = unjudged(session, event.id, webhook_ids)
    return [
        TraceRow(
            webhook_id=webhook_id,
            webhook_title=found[webhook_id].webhook_title,
            reason=replace(_held(session, found[webhook_id], now), fault=faults.get(webhook_id)),
            delivery=found[webhook_id],
        )
        for webhook_id in webhook_ids
    ]


def _held(session: Session, row: DeliveryRow, now: datetime) -> Reason:
    switch = {"paused": ("paused", True), "disabled": ("enabled", False)}.get(row.waiting_for or "")
    return held_since(session, row.webhook_id, *switch, until=now) if switch else Reason(outcome=Outcome.delivered)


def _undelivered(event: Event, q: str | None) -> list[sa.ColumnElement[bool]]:
    """Webhooks that were there, or might have been, and have no delivery."""
    delivered = sa.exists().where(_delivery.c.webhook_id == _webhook.c.id, _delivery.c.event_id == event.id)
    gone = event.created_at - REMEMBERED
    where = [sa.not_(delivered), sa.or_(_webhook.c.deleted_at.is_(None), _webhook.c.deleted_at > gone)]
    return [*where, _named(q)] if q else where


def _is_missed(event: Event) -> sa.ColumnElement[bool]:
    """Whether it was skipped, listens now, or may have listened then: it has been changed or deleted meanwhile."""
    skipped = sa.exists().where(_skip.c.webhook_id == _webhook.c.id, _skip.c.event_id == event.id)
    hears = sa.select(_subscription.c.webhook_id).where(_subscription.c.pattern.in_(patterns(event.trigger)))
    moment = event.created_at
    changed = sa.and_(_webhook.c.created_at <= moment, _webhook.c.updated_at >= moment, _names(_then(event), event))
    deleted = sa.and_(_webhook.c.deleted_at.is_not(None), _names(sa.cast(_webhook.c.triggers, sa.Text), event))
    return sa.or_(skipped, _webhook.c.id.in_(hears), changed, deleted)


def _then(event: Event) -> sa.ColumnElement[str]:
    """What history says that a webhook was when the event happened, as JSON text; empty where it says nothing."""
    gone = _change.c.action == "webhook.deleted"
    before, after = sa.cast(_change.c.before, sa.Text), sa.cast(_change.c.after, sa.Text)
    latest = (
        sa.select(sa.case((gone, before), else_=after))
        .where(_change.c.subject == "webhook", _change.c.subject_id == sa.cast(_webhook.c.id, sa.Text))
        .where(_change.c.at <= event.created_at)
        .order_by(_change.c.id.desc())
        .limit(1)
        .correlate(_webhook)
        .scalar_subquery()
    )
    return sa.func.coalesce(latest, "")


def _names(text: sa.ColumnElement[str], event: Event) -> sa.ColumnElement[bool]:
    """Whether a JSON text holds a pattern that leads to the event: a first sieve, each row is judged after it."""
    return sa.or_(*(text.contains(f'"{pattern}"', autoescape=True) for pattern in patterns(event.trigger)))


def _lived(event: Event) -> sa.ColumnElement[bool]:
    return sa.or_(_webhook.c.deleted_at.is_(None), _webhook.c.deleted_at > event.created_at)


def _named(q: str) -> sa.ColumnElement[bool]:
    words = q.strip().lower()
    columns = (_webhook.c.title, _webhook.c.url)
    return sa.or_(*(sa.func.lower(column).contains(words, autoescape=True) for column in columns))
