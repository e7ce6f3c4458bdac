"""What a log of deliveries reads: a page, what became of rows that are shown, what is new, and what could be done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.database import moment
from webhook_ui.history.deliveries import DeliveryFilter, DeliveryRow, list_deliveries, rows_of
from webhook_ui.history.delivery_search import Key, count, search
from webhook_ui.models import Delivery, table
from webhook_ui.outbox import transitions
from webhook_ui.ui.once import Once

PAGE = 50
MOST = 10_000  # so many are counted
AGAIN_SECONDS = 0.02  # that a look for news may take; where more is needed it finds the newest only

_delivery = table(Delivery)


@dataclass(frozen=True, kw_only=True)
class Found(Once):
    """A page of the log; where the search broke off it says how far back that was."""

    rows: Sequence[DeliveryRow]
    next_cursor: str | None
    searched_to: datetime | None


@dataclass(frozen=True, kw_only=True)
class News(Once):
    """What became of the rows that are shown, and which the filter has beside them, newest first."""

    shown: Sequence[DeliveryRow]
    fresh: Sequence[DeliveryRow]


@dataclass(frozen=True, kw_only=True)
class Doable:
    """How many of the filter's deliveries failed, and how many wait; `exactly` unless there are more."""

    failed: int
    waiting: int
    exactly: bool


def key_of(row: DeliveryRow) -> Key:
    """Its place in the log."""
    return row.event_id, row.webhook_id


def look(session: Session, criteria: DeliveryFilter, cursor: str, now: datetime) -> Found:
    """A page. Raises Invalid for a cursor that nobody gave."""
    page = list_deliveries(session, criteria, now=now, limit=PAGE, cursor=cursor or None)
    return Found(rows=page.rows, next_cursor=page.next_cursor, searched_to=page.searched_to)


def newest(session: Session, criteria: DeliveryFilter) -> Key:
    """The first of the log, to tell later what is new; the least key there is when there is none."""
    keys = search(session, criteria, limit=1, budget=AGAIN_SECONDS).keys
    return keys[0] if keys else (0, 0)


def look_again(
    session: Session, criteria: DeliveryFilter, shown: Sequence[Key], known: Key, now: datetime, *, first_page: bool
) -> News:
    """What has changed since; on a later page only what is newer than `known` counts as fresh."""
    if first_page:
        hits = search(session, criteria, limit=PAGE, budget=AGAIN_SECONDS)
        oldest = min(shown, default=(0, 0))
        fresh = [key for key in hits.keys if key not in set(shown) and (key > oldest or len(shown) < PAGE)]
    else:
        since = ids.moment(known[0]) if known[0] else criteria.since
        later = replace(criteria, since=max(filter(None, (criteria.since, since)), default=None))
        fresh = [key for key in search(session, later, limit=PAGE, budget=AGAIN_SECONDS).keys if key > known]
    rows = {key_of(row): row for row in rows_of(session, [*shown, *fresh], now=now)}
    return News(shown=[rows[key] for key in shown if key in rows], fresh=[rows[key] for key in fresh if key in rows])


def doable(session: Session, criteria: DeliveryFilter) -> Doable:
    """What of the filter could be redelivered, and what cancelled; counted for a moment only.

    What is narrowed by something that orders do not know is not offered, lest more be meant than is seen.
    """
    failed, all_failed = 0, True
    if criteria.beyond_orders:
        return Doable(failed=0, waiting=0, exactly=True)
    if criteria.state in (None, "error") and not criteria.open:
        failed, all_failed = count(session, replace(criteria, status="error", redeliverable=True), most=MOST)
    waiting, all_waiting = 0, True
    if criteria.state in (None, "pending"):
        waiting, all_waiting = _count_open(session, criteria)
    return Doable(failed=failed, waiting=waiting, exactly=all_failed and all_waiting)


def _count_open(session: Session, criteria: DeliveryFilter) -> tuple[int, bool]:
    """Those that an order could cancel: what is in flight is left alone."""
    opened = sa.select(_delivery.c.event_id, _delivery.c.webhook_id).where(_delivery.c.due_at.is_not(None))
    if criteria.webhook_id is not None:
        opened = opened.where(_delivery.c.webhook_id == criteria.webhook_id)
    if criteria.since is not None:
        opened = opened.where(_delivery.c.event_id >= ids.floor(criteria.since))
    if criteria.until is not None:
        opened = opened.where(_delivery.c.event_id < ids.floor(criteria.until))
    some = opened.limit(MOST + 1).subquery()
    here = sa.and_(_delivery.c.webhook_id == some.c.webhook_id, _delivery.c.event_id == some.c.event_id)
    free = transitions.free(moment(session))
    takes = [sa.func.count().label("found"), sa.func.sum(sa.case((sa.and_(free, *_more(criteria)), 1), else_=0))]
    found, number = session.execute(sa.select(*takes).select_from(some.join(_delivery, here))).one()
    return min(int(number or 0), MOST), found <= MOST


def _more(criteria: DeliveryFilter) -> list[sa.ColumnElement[bool]]:
    """What the index of open ones does not know."""
    return [
        column == value
        for column, value in ((_delivery.c.trigger, criteria.trigger), (_delivery.c.status, criteria.status))
        if value is not None
    ]
