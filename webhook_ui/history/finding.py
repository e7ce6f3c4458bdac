"""Finding one thing by what somebody has of it: words of a title, an address, a number, an id. In bounded time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import guard, ids
from webhook_ui.models import Delivery, Event, Lane, Webhook, table

MOST = 6
LOOKED_THROUGH = 100_000  # the newest webhooks; a longer list is not read for somebody who is still typing
CANDIDATES = 24
LONGEST_NUMBER = 18

_webhook, _lane, _event, _delivery = table(Webhook), table(Lane), table(Event), table(Delivery)


@dataclass(frozen=True, kw_only=True)
class FoundWebhook:
    """A webhook as far as a list of findings says it."""

    id: int
    title: str
    url: str
    enabled: bool
    paused: bool
    failing: bool


@dataclass(frozen=True, kw_only=True)
class FoundEvent:
    """An event that has exactly the id that was asked for."""

    id: str
    trigger: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class FoundDelivery:
    """A delivery that has exactly the id that was asked for."""

    id: str
    webhook_id: int
    webhook_title: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one look at the database found."""

    webhooks: Sequence[FoundWebhook] = ()
    event: FoundEvent | None = None
    delivery: FoundDelivery | None = None


def find(session: Session, words: str) -> Found:
    """What `words` may mean: `#14`, `evt_…`, `dlv_…`, or a part of a webhook's title or URL."""
    # what no database can hold, no title has
    words = words.replace("\x00", "").encode(errors="ignore").decode().strip()
    kind, _, code = words.partition("_")
    # ids are written in capitals; who types one need not
    if kind.lower() == "evt":
        return Found(event=_find_event(session, f"evt_{code.upper()}"))
    if kind.lower() == "dlv":
        return Found(delivery=_find_delivery(session, f"dlv_{code.upper()}"))
    if not words or len(words) > guard.URL_CHARACTERS:
        return Found()
    numbered = _find_number(session, words.removeprefix("#"))
    found = [one for one in _find_webhooks(session, words) if one not in numbered]
    return Found(webhooks=[*numbered, *found][:MOST])


def _find_number(session: Session, digits: str) -> list[FoundWebhook]:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER):
        return []
    return _read_webhooks(session, sa.select(_webhook).where(_webhook.c.id == int(digits)))


def _find_webhooks(session: Session, words: str) -> list[FoundWebhook]:
    text = words.lower()
    newest = sa.select(_webhook).order_by(_webhook.c.id.desc()).limit(LOOKED_THROUGH)
    found = _read_webhooks(session, newest, text)
    # who types a title begins with its beginning
    return sorted(found, key=lambda one: (not one.title.lower().startswith(text), text not in one.title.lower()))


def _read_webhooks(
    session: Session, among: sa.Select[tuple[object, ...]], text: str | None = None
) -> list[FoundWebhook]:
    chosen = among.where(_webhook.c.deleted_at.is_(None)).subquery()
    columns = chosen.c
    statement = (
        sa.select(columns.id, columns.title, columns.url, columns.enabled, columns.paused, _lane.c.failing_since)
        .join(_lane, _lane.c.webhook_id == columns.id)
        .order_by(columns.id.desc())
        .limit(CANDIDATES)
    )
    if text is not None:
        titles = sa.func.lower(columns.title).contains(text, autoescape=True)
        urls = sa.func.lower(columns.url).contains(text, autoescape=True)
        statement = statement.where(sa.or_(titles, urls))
    return [
        FoundWebhook(
            id=row.id,
            title=row.title,
            url=row.url,
            enabled=row.enabled,
            paused=row.paused,
            failing=row.failing_since is not None,
        )
        for row in session.execute(statement)
    ]


def _find_event(session: Session, text: str) -> FoundEvent | None:
    try:
        number = ids.event_number(text)
    except ValueError:
        return None
    row = session.execute(sa.select(_event.c.trigger, _event.c.created_at).where(_event.c.id == number)).one_or_none()
    return FoundEvent(id=text, trigger=row.trigger, created_at=row.created_at) if row else None


def _find_delivery(session: Session, text: str) -> FoundDelivery | None:
    try:
        webhook_id, event_id = ids.delivery_numbers(text)
    except ValueError:
        return None
    row = session.execute(
        sa.select(_delivery.c.status, _webhook.c.title)
        .join(_webhook, _webhook.c.id == _delivery.c.webhook_id)
        .where(_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == event_id)
    ).one_or_none()
    if row is None:
        return None
    return FoundDelivery(id=text, webhook_id=webhook_id, webhook_title=row.title, status=row.status)
