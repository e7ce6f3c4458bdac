"""What a plan would take if it ran now, and how long: counted to the end, or as far as one gets in a second."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.models import Delivery, Webhook, table
from webhook_ui.outbox import pace
from webhook_ui.outbox.pace import Load
from webhook_ui.outbox.scope import Scope, matching

BUDGET_SECONDS = 1.0  # that a look which is bounded counts for
SLICE = 10_000  # deliveries that it reads at once, between two looks at the time
SAMPLES = 3

_delivery, _webhook = table(Delivery), table(Webhook)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """How many a plan would take if it ran now, and how many a second their lanes can be expected to take."""

    matched: int
    pace: float

    def seconds(self, rate: float | None) -> float:
        """How long that takes, at `rate` a second at the most."""
        return duration(self.matched, pace=self.pace, rate=rate)


@dataclass(frozen=True, kw_only=True)
class Glance:
    """A forecast that cost no more than about a second: not `complete`, there are at least so many.

    `samples` are the newest that were found, as pairs of webhook and event.
    """

    forecast: Forecast
    webhooks: int
    complete: bool
    samples: Sequence[tuple[int, int]]


def duration(count: int, *, pace: float | None, rate: float | None) -> float:
    """Seconds that `count` deliveries take."""
    slowest = min(pace or TOGETHER["redeliver"], rate or float("inf"))
    return round(count / slowest, 1)


TOGETHER = {"redeliver": 500.0, "cancel": 2000.0}  # a second, over all lanes; what the writer and one worker do easily


def foresee(session: Session, scope: Scope, *, kind: str, now: datetime) -> Forecast:
    """Counts what a plan would take. It reads all deliveries in the scope, so it has its place on a reading thread."""
    statement = _by_lane(scope, kind, now)
    return _expect(session, {row.id: _load(row) for row in session.execute(statement)}, kind, now)


def glance(session: Session, scope: Scope, *, kind: str, now: datetime) -> Glance:
    """The same as far as it can be read in `BUDGET_SECONDS`, the newest events first; what is left stays uncounted."""
    end = time.monotonic() + BUDGET_SECONDS
    loads: dict[int, Load] = {}
    samples: list[tuple[int, int]] = []
    complete = True
    by_lane, newest = _by_lane(scope, kind, now), _newest(scope, kind, now)
    for here in _slices(session, scope, kind, now):
        if time.monotonic() > end:
            complete = False
            break
        found = session.execute(by_lane.where(*here)).all()
        for row in found:
            loads[row.id] = _load(row) + loads[row.id] if row.id in loads else _load(row)
        oldest = samples[-1][1] if len(samples) == SAMPLES else -1
        if any(row.newest > oldest for row in found):  # lanes come one after another, each with events of all times
            more = session.execute(newest.where(*here).limit(SAMPLES))
            samples += [(row.webhook_id, row.event_id) for row in more]
            samples = sorted(samples, key=lambda pair: pair[1], reverse=True)[:SAMPLES]
    expected = _expect(session, loads, kind, now)
    return Glance(forecast=expected, webhooks=len(loads), complete=complete, samples=samples)


def _expect(session: Session, loads: Mapping[int, Load], kind: str, now: datetime) -> Forecast:
    matched = sum(load.count for load in loads.values())
    longest = matched / TOGETHER[kind]
    if kind == "redeliver":
        longest = max(longest, pace.longest(session, loads, now=now))
    return Forecast(matched=matched, pace=matched / longest if longest else TOGETHER[kind])


def _by_lane(scope: Scope, kind: str, now: datetime) -> sa.Select[Any]:
    newest = sa.func.max(_delivery.c.event_id).label("newest")
    columns = (_webhook.c.id, _webhook.c.rate_limit, _webhook.c.ordered, sa.func.count().label("count"), newest)
    return _meant(columns, scope, kind, now).group_by(_webhook.c.id)


def _newest(scope: Scope, kind: str, now: datetime) -> sa.Select[Any]:
    columns = (_delivery.c.webhook_id, _delivery.c.event_id)
    return _meant(columns, scope, kind, now).order_by(_delivery.c.event_id.desc())


def _meant(columns: tuple[Any, ...], scope: Scope, kind: str, now: datetime) -> sa.Select[Any]:
    statement = matching(columns, scope, kind=kind, now=now).join(_webhook, _webhook.c.id == _delivery.c.webhook_id)
    statement = statement.where(_delivery.c.event_id > scope.after(now))
    if scope.until is not None:
        statement = statement.where(_delivery.c.event_id < ids.floor(scope.until))
    if kind == "redeliver":
        statement = statement.where(_webhook.c.deleted_at.is_(None))
    return statement


def _load(row: Any) -> Load:
    return Load(count=row.count, rate_limit=row.rate_limit, ordered=row.ordered)


def _slices(session: Session, scope: Scope, kind: str, now: datetime) -> Iterator[tuple[sa.ColumnElement[bool], ...]]:
    """Conditions that each leave some `SLICE` rows of an index to be read, the newest events of a lane first.

    Several webhooks are gone through one by one, and so is what is to be cancelled: that is open, and the index of what
    is open has the lanes in front.
    """
    opened = _delivery.c.due_at.is_not(None)
    of_kind = (opened,) if kind == "cancel" else ()
    lanes: list[int | None] = [None] if scope.webhooks is None else [*scope.webhooks]
    if kind == "cancel" and scope.webhooks is None:
        lanes = list(session.execute(sa.select(_delivery.c.webhook_id).where(opened).distinct()).scalars())
    for lane in lanes:
        where = (*of_kind, *(() if lane is None else (_delivery.c.webhook_id == lane,)))
        yield from _slices_of(session, where, last=scope.last((1 << 63) - 1), after=scope.after(now))


def _slices_of(
    session: Session, where: tuple[sa.ColumnElement[bool], ...], *, last: int, after: int
) -> Iterator[tuple[sa.ColumnElement[bool], ...]]:
    event = _delivery.c.event_id
    while last > after:
        edge = sa.select(event).where(*where, event > after, event <= last).order_by(event.desc())
        first = session.execute(edge.offset(SLICE).limit(1)).scalar()
        yield (*where, event <= last) if first is None else (*where, event >= first, event <= last)
        last = after if first is None else first - 1
