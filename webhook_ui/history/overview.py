"""The overview above the list, kept cheap: what is over is read once, what is dear is read seldom. One a process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.history.webhooks import WebhookFilter, count_webhooks
from webhook_ui.models import Delivery, Lane, Sending, Statistics, Webhook, table

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
UNSETTLED = 3 * MINUTE  # attempts of so long ago may still be counted
BUDGET = 0.1  # seconds that one look spends on minutes it has not seen yet
CHEAP = 0.02  # seconds; a question that takes longer
SHARE = 50  # is asked anew after this many times what it took
FRESH = 5.0  # seconds after which a count is only about right

_statistics, _delivery, _webhook, _lane = table(Statistics), table(Delivery), table(Webhook), table(Lane)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Glance:
    """What the strip says; `about_day` and `about_open` say that the figures before them are estimates.

    `oldest_held` is since when the oldest is held that would be due; `oldest` is the delivery that is the oldest due,
    or where none is, the oldest held.
    """

    sent: int
    error: int
    about_day: bool
    waiting: int
    oldest_due: datetime | None
    about_open: bool
    per_second: float
    failing: int
    oldest_held: datetime | None = None
    oldest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What is not over: how many wait, and which of them has been due, or held, for the longest."""

    waiting: int
    oldest_due: datetime | None
    oldest_held: datetime | None
    oldest: str | None


class Watch:
    """Looks at the database again and again; not to be used by two threads at once."""

    def __init__(self) -> None:
        self._day = Day()
        self._open = _Seldom(open_deliveries)
        self._failing = _Seldom(lambda session, _: count_webhooks(session, WebhookFilter(failing=True)))

    def look(self, session: Session, *, now: datetime) -> Glance:
        """The figures as they are at `now`, or were as short a time ago as looking costs little."""
        self._day.catch_up(session, now)
        sent, error, about_day = self._day.total(now)
        opened = self._open.ask(session, now)
        return Glance(
            sent=sent,
            error=error,
            about_day=about_day,
            waiting=opened.waiting,
            oldest_due=opened.oldest_due,
            oldest_held=opened.oldest_held,
            oldest=opened.oldest,
            about_open=self._open.is_old,
            per_second=self._day.per_second(now),
            failing=self._failing.ask(session, now),
        )


class Day:
    """Attempts of the last 24 hours by minute. Each minute that is over is read once, the latest first.

    Until all of them are known, the total is estimated from those that are.
    """

    def __init__(self) -> None:
        self._minutes: dict[datetime, tuple[int, int]] = {}
        self._since: datetime | None = None  # every minute from here on is known
        self._until: datetime | None = None  # and is over, up to here
        self._span = timedelta(hours=1)  # how much is read at once

    def catch_up(self, session: Session, now: datetime) -> None:
        """Reads what is new, then what is older, as long as the budget lasts."""
        present = _floor(now)
        if self._until is None or self._until < present - DAY:
            self._minutes.clear()
            self._since = self._until = present
        begin = min(self._until, present) - UNSETTLED
        self._read(session, begin, present + DAY)  # other machines' clocks may be ahead
        self._until, self._since = present, min(self._since or begin, begin)
        oldest, end = present - DAY + MINUTE, time.monotonic() + BUDGET
        while self._since > oldest and time.monotonic() < end:
            earlier, begun = max(self._since - self._span, oldest), time.monotonic()
            self._read(session, earlier, self._since)
            self._since = earlier
            self._span = max(self._span / 2, MINUTE) if time.monotonic() - begun > BUDGET / 2 else self._span * 2
        for minute in [minute for minute in self._minutes if minute < oldest]:
            del self._minutes[minute]

    def total(self, now: datetime) -> tuple[int, int, bool]:
        """Sent, errors, and whether they are estimates."""
        sent = sum(one[0] for one in self._minutes.values())
        error = sum(one[1] for one in self._minutes.values())
        known = _floor(now) + MINUTE - (self._since or now)
        if known >= DAY:
            return sent, error, False
        return round(sent * (DAY / known)), round(error * (DAY / known)), True

    def per_second(self, now: datetime) -> float:
        """Attempts a second over the last minute: this minute so far, and the part of the one before that counts."""
        present = _floor(now)
        passed = (now - present) / MINUTE
        this, before = self._minutes.get(present, (0, 0)), self._minutes.get(present - MINUTE, (0, 0))
        return (sum(this) + sum(before) * (1 - passed)) / 60

    def _read(self, session: Session, since: datetime, until: datetime) -> None:
        sums = sa.select(_statistics.c.minute, sa.func.sum(_statistics.c.sent), sa.func.sum(_statistics.c.error))
        within = sums.where(_statistics.c.minute >= since, _statistics.c.minute < until)
        for minute, sent, error in session.execute(within.group_by(_statistics.c.minute)):
            self._minutes[minute] = int(sent), int(error)


class _Seldom(Generic[T]):
    """A question that is asked anew only when that takes no more than a small share of the time."""

    def __init__(self, question: Callable[[Session, datetime], T]) -> None:
        self._question = question
        self._answer: T | None = None
        self._at = self._again = float("-inf")

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._at > FRESH

    def ask(self, session: Session, now: datetime) -> T:
        begun = time.monotonic()
        if self._answer is None or begun >= self._again:
            self._answer = self._question(session, now)
            self._at = time.monotonic()
            took = self._at - begun
            self._again = self._at + (SHARE * took if took > CHEAP else 0)
        return self._answer


def open_deliveries(session: Session, now: datetime) -> Opened:
    """How many wait, less those of deleted webhooks, and since when the oldest of a free lane has been due, and the
    oldest of those that are not free.
    """
    first = sa.func.min(_delivery.c.due_at).label("first")
    by_lane = (
        sa.select(_delivery.c.webhook_id, sa.func.count().label("number"), first)
        .where(_delivery.c.due_at.is_not(None))
        .group_by(_delivery.c.webhook_id)
        .subquery()
    )
    free: list[Any] = [
        sa.not_(sa.exists(sa.select(table(Sending).c.id))),
        _webhook.c.enabled,
        sa.not_(_webhook.c.paused),
        _lane.c.breaker == "closed",
        sa.or_(_lane.c.not_before.is_(None), _lane.c.not_before <= now),
    ]
    due = by_lane.c.first <= now
    statement = (
        sa.select(
            sa.func.coalesce(sa.func.sum(by_lane.c.number), 0),
            _earliest(sa.and_(due, *free), by_lane.c.first),
            _earliest(sa.and_(due, sa.not_(sa.and_(*free))), by_lane.c.first),
        )
        .select_from(by_lane)
        .join(_webhook, _webhook.c.id == by_lane.c.webhook_id)
        .join(_lane, _lane.c.webhook_id == by_lane.c.webhook_id)
        .where(_webhook.c.deleted_at.is_(None))
    )
    number, oldest_due, oldest_held = session.execute(statement).one()
    oldest = oldest_due or oldest_held
    return Opened(
        waiting=int(number),
        oldest_due=oldest_due,
        oldest_held=oldest_held,
        oldest=_one_due_at(session, oldest) if oldest else None,
    )


def _earliest(condition: sa.ColumnElement[bool], moment: sa.ColumnElement[datetime]) -> sa.ColumnElement[datetime]:
    return sa.func.min(sa.case((condition, moment), else_=None), type_=_delivery.c.due_at.type)


def _one_due_at(session: Session, moment: datetime) -> str | None:
    """One of the kept webhooks' deliveries that is due at this very moment."""
    statement = (
        sa.select(_delivery.c.webhook_id, _delivery.c.event_id)
        .join(_webhook, _webhook.c.id == _delivery.c.webhook_id)
        .where(_webhook.c.deleted_at.is_(None), _delivery.c.due_at.is_not(None), _delivery.c.due_at == moment)
        .limit(1)
    )
    row = session.execute(statement).first()
    return ids.delivery_text(row.webhook_id, row.event_id) if row else None


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
