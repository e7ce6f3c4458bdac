"""Which deliveries a filter leaves, newest first: found through the indexes there are, a window of them at a time.

A rare combination (a class of error, an HTTP status) has no index. Then what an index holds is looked through for a
moment only, and the answer says how far back that was: the search goes on from there. How rows look stands elsewhere.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.history import attempt_window
from webhook_ui.models import Attempt, Delivery, Event, table

WINDOW, WIDEST = 1000, 8000  # candidates looked at in one statement; each next one takes twice as many
BUDGET_SECONDS = 0.12
FEW = 5000  # so many deliveries that are open, or attempts of a span of time, are read whole and sorted

_delivery, _attempt, _event = table(Delivery), table(Attempt), table(Event)

Key = tuple[int, int]
"""Event and webhook, in the order of the log."""


@dataclass(frozen=True, kw_only=True)
class DeliveryFilter:
    """What the log is narrowed to; `since` and `until` are times of the event, the first inclusive, the second not.

    `attempted_since` and `attempted_until` keep what has an attempt that began between them; test sends have none.
    `redelivery_id` keeps what this plan was the last to have sent again.
    `open` keeps what is not over, whatever it waits for: pending, or an error that is tried again. `error_class` and
    `response_status` are those of the latest attempt: of deliveries in error, or sent for a 2xx.
    `redeliverable` leaves out what was cancelled, and test sends.
    """

    webhook_id: int | None = None
    event_id: int | None = None
    trigger: str | None = None
    status: str | None = None
    error_class: str | None = None
    response_status: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    attempted_since: datetime | None = None
    attempted_until: datetime | None = None
    redelivery_id: int | None = None
    open: bool = False
    redeliverable: bool = False

    @property
    def by_attempts(self) -> bool:
        """Whether it asks for a time of attempts."""
        return self.attempted_since is not None or self.attempted_until is not None

    @property
    def beyond_orders(self) -> bool:
        """Whether it asks for something by which no plan can choose."""
        return self.by_attempts or self.redelivery_id is not None

    @property
    def state(self) -> str | None:
        """The status that the whole filter leaves; empty when its parts exclude each other."""
        implied: set[str] = {self.status} if self.status else set()
        if self.error_class is not None:
            implied.add("error")
        if self.response_status is not None:
            implied.add("sent" if 200 <= self.response_status < 300 else "error")
        return implied.pop() if len(implied) == 1 else "" if implied else None


@dataclass(frozen=True, kw_only=True)
class Hits:
    """What was found, newest first; `more` goes on behind it, `searched_to` is set where the search broke off."""

    keys: Sequence[Key]
    more: Key | None = None
    searched_to: datetime | None = None


def search(
    session: Session,
    criteria: DeliveryFilter,
    *,
    limit: int,
    after: Key | None = None,
    budget: float | None = None,
) -> Hits:
    """Up to `limit` deliveries behind `after`.

    Looks through windows for `budget` seconds (BUDGET_SECONDS), and through one at least.
    """
    if criteria.state == "":
        return Hits(keys=[])
    few = _few(session, criteria)
    if few is not None:
        found = _sorted(session, criteria, few, after)
        return Hits(keys=found[:limit], more=found[limit - 1] if len(found) > limit else None)
    if not _rest(criteria):
        found = _keys(session, _candidates(criteria, after).limit(limit + 1))
        return Hits(keys=found[:limit], more=found[limit - 1] if len(found) > limit else None)
    seconds = BUDGET_SECONDS if budget is None else budget
    return _look_through(session, criteria, limit, after, time.monotonic() + seconds)


def count(session: Session, criteria: DeliveryFilter, *, most: int, budget: float | None = None) -> tuple[int, bool]:
    """How many a filter leaves, up to `most`, and whether those are all."""
    hits = search(session, criteria, limit=most, budget=budget)
    return len(hits.keys), hits.more is None


def _look_through(session: Session, criteria: DeliveryFilter, limit: int, after: Key | None, until: float) -> Hits:
    found: list[Key] = []
    size = WINDOW
    while True:
        window = _candidates(criteria, after).limit(size).subquery("candidate")
        last = _last(session, window, size)
        found += _matches(session, criteria, window, limit + 1 - len(found))
        if len(found) > limit:
            return Hits(keys=found[:limit], more=found[limit - 1])
        if last is None:
            return Hits(keys=found)
        after, size = last, min(size * 2, WIDEST)
        if time.monotonic() >= until:
            return Hits(keys=found, more=last, searched_to=ids.moment(last[0]))


def _last(session: Session, window: sa.Subquery, size: int) -> Key | None:
    """The oldest candidate of a window; None when the window is not full, so that nothing lies behind it."""
    row = session.execute(sa.select(window.c.event_id, window.c.webhook_id).offset(size - 1).limit(1)).first()
    return (row.event_id, row.webhook_id) if row else None


def _matches(
    session: Session, criteria: DeliveryFilter, window: sa.Subquery, limit: int, *, unsorted: bool = False
) -> list[Key]:
    """Those of a window that the rest of the filter leaves; of an `unsorted` one no index knows anything."""
    statement = sa.select(window.c.event_id, window.c.webhook_id).join(
        _delivery,
        sa.and_(_delivery.c.webhook_id == window.c.webhook_id, _delivery.c.event_id == window.c.event_id),
    )
    if criteria.error_class is not None or criteria.response_status is not None:
        last = sa.and_(
            _attempt.c.webhook_id == window.c.webhook_id,
            _attempt.c.event_id == window.c.event_id,
            _attempt.c.id == _delivery.c.last_attempt_id,
        )
        statement = statement.join(_attempt, last)
    if unsorted:
        statement = statement.where(*_within(criteria, window.c.event_id))
    statement = statement.where(*_rest(criteria, unsorted=unsorted))
    return _keys(session, statement.order_by(window.c.event_id.desc(), window.c.webhook_id.desc()).limit(limit))


def _candidates(criteria: DeliveryFilter, after: Key | None) -> sa.Select[Any]:
    """The keys of what one index has of this filter, newest first."""
    event_id, webhook_id = _delivery.c.event_id, _delivery.c.webhook_id
    statement = sa.select(event_id, webhook_id)
    if criteria.redelivery_id is not None:
        statement = statement.where(_delivery.c.last_redelivery_id == criteria.redelivery_id)
    elif criteria.state == "error":
        statement = statement.where(_delivery.c.status == "error")
        if criteria.trigger is not None:
            statement = statement.where(_delivery.c.trigger == criteria.trigger)
    elif criteria.webhook_id is not None and (criteria.open or criteria.state == "pending"):
        statement = statement.where(_delivery.c.due_at.is_not(None))
    elif criteria.webhook_id is None and criteria.trigger is not None:
        event_id = _event.c.id
        statement = sa.select(event_id.label("event_id"), webhook_id).join(_delivery, _delivery.c.event_id == event_id)
        statement = statement.where(_event.c.trigger == criteria.trigger)
    if criteria.webhook_id is not None:
        statement = statement.where(webhook_id == criteria.webhook_id)
    statement = statement.where(*_within(criteria, event_id), *_behind(after, event_id))
    return statement.order_by(event_id.desc(), webhook_id.desc())


def _within(criteria: DeliveryFilter, event_id: sa.ColumnElement[int]) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if criteria.event_id is not None:
        where.append(event_id == criteria.event_id)
    if criteria.since is not None:
        where.append(event_id >= ids.floor(criteria.since))
    if criteria.until is not None:
        where.append(event_id < ids.floor(criteria.until))
    if criteria.attempted_until is not None:  # what happened later cannot have been attempted by then
        where.append(event_id < ids.floor(criteria.attempted_until))
    return where


def _behind(after: Key | None, event_id: sa.ColumnElement[int]) -> list[sa.ColumnElement[bool]]:
    if after is None:
        return []
    place = sa.or_(event_id < after[0], _delivery.c.webhook_id < after[1])
    return [event_id <= after[0], place]


def _rest(criteria: DeliveryFilter, *, unsorted: bool = False) -> list[sa.ColumnElement[bool]]:
    """What the candidates' index does not know: of `unsorted` ones, everything."""
    where: list[sa.ColumnElement[bool]] = []
    unknown = unsorted or criteria.redelivery_id is not None
    failed = criteria.state == "error" and not unknown
    if criteria.state and not failed:
        where.append(_delivery.c.status == criteria.state)
    if criteria.trigger is not None and not failed and (unknown or criteria.webhook_id is not None):
        where.append(_delivery.c.trigger == criteria.trigger)
    if unsorted and criteria.redelivery_id is not None:
        where.append(_delivery.c.last_redelivery_id == criteria.redelivery_id)
    if criteria.open:
        where.append(_delivery.c.due_at.is_not(None))
    if criteria.by_attempts:
        where.append(sa.not_(_delivery.c.test))
        if not unsorted:
            where.append(attempt_window.attempted(_delivery.c, criteria.attempted_since, criteria.attempted_until))
    if criteria.redeliverable:
        closed = _delivery.c.closed
        where += [sa.or_(closed.is_(None), closed != "cancelled"), sa.not_(_delivery.c.test)]
    if criteria.error_class is not None:
        where.append(_attempt.c.error_class == criteria.error_class)
    if criteria.response_status is not None:
        where.append(_attempt.c.response_status == criteria.response_status)
    return where


def _few(session: Session, criteria: DeliveryFilter) -> sa.Select[Any] | None:
    """What is best looked at whole, where that is little: what was attempted in a time, or all that is open.

    Neither has an index in the order of the log; of one webhook's open ones there is one.
    """
    if criteria.by_attempts:
        span = criteria.attempted_since, criteria.attempted_until
        lanes = attempt_window.few_lanes(session, criteria.webhook_id, *span, most=FEW)
        return None if lanes is None else attempt_window.keys(lanes, *span)
    if (
        criteria.webhook_id is not None
        or criteria.redelivery_id is not None
        or not (criteria.open or criteria.state == "pending")
    ):
        return None
    opened = sa.select(_delivery.c.webhook_id, _delivery.c.event_id).where(_delivery.c.due_at.is_not(None))
    some = opened.limit(FEW + 1).subquery()
    few = int(session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()) <= FEW
    return opened if few else None


def _sorted(session: Session, criteria: DeliveryFilter, few: sa.Select[Any], after: Key | None) -> list[Key]:
    window = few.limit(FEW + 1).subquery("few")  # the limit keeps it apart, so that its index is used
    found = _matches(session, criteria, window, FEW + 1, unsorted=True)
    return found if after is None else [key for key in found if key < after]


def _keys(session: Session, statement: sa.Select[Any]) -> list[Key]:
    return [(row.event_id, row.webhook_id) for row in session.execute(statement)]
