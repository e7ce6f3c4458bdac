"""The feeder: carries out plans for many deliveries, a small transaction at a time, in the one elected process.

It keeps nothing that counts: what is planned, and how far each run has come, stands in the database. What one step
may do stands in `outbox.feed`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlmodel import Session

from webhook_ui import redeliveries
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database, moment
from webhook_ui.errors import Unavailable
from webhook_ui.models import Redelivery
from webhook_ui.outbox import feed, plans, scope
from webhook_ui.outbox.feed import Step, Taken
from webhook_ui.outbox.forecast import Forecast, foresee
from webhook_ui.schedule import Clock

TICK_SECONDS = 5.0  # looks at the database at least so often
DRAIN_SECONDS = 0.1  # until lanes that are full are looked at again
HELD_SECONDS = 1.0  # until lanes that are held are
AGAIN_SECONDS = 5.0  # after something unforeseen
ALARM = "next run of a plan"
CALLS = frozenset({Kind.redelivery, Kind.webhook, Kind.anything})  # what may have given it something to do

log = structlog.get_logger()


@dataclass
class Pace:
    """Keeps one plan to its rate: what it may take in any span is that span's worth, and a second's on top."""

    saved: float = 1.0
    at: float = field(default_factory=time.monotonic)
    place: int = 0  # the lane that had its turn last

    def allows(self, rate: float | None, now: float) -> int:
        """How many may be taken now."""
        if rate is None:
            return feed.AT_ONCE
        self.saved = min(self.saved + (now - self.at) * rate, max(rate, 1.0))
        self.at = now
        return int(self.saved)

    def wait(self, rate: float) -> float:
        """Seconds until one more may be taken, or a few more when there are many."""
        return max((1.0 - self.saved) / rate, DRAIN_SECONDS)


class Feeder:
    """Works while `may()`; `wake` it when that has changed."""

    def __init__(self, database: Database, clock: Clock, *, may: Callable[[], bool]) -> None:
        self._database, self._clock, self._may = database, clock, may
        self._paces: dict[int, Pace] = {}
        self._woken, self._stop = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Lets the feeder look whether there is something to do. Call it in its event loop."""
        self._woken.set()

    def stop(self) -> None:
        """Lets `run` end after the step it is at."""
        self._stop.set()
        self.wake()

    async def run(self) -> None:
        """Carries out plans until `stop`; a database that is away is waited for."""
        loop = asyncio.get_running_loop()
        quiet = self._database.announcer.subscribe(lambda changes: self._hear(loop, changes))
        try:
            while not self._stop.is_set():
                self._woken.clear()
                try:
                    wait = await self._turn() if self._may() else TICK_SECONDS
                except Unavailable as error:
                    log.warning("feeder.waits", reason=str(error), again_in_seconds=AGAIN_SECONDS)
                    await _within(AGAIN_SECONDS, self._stop)
                    continue
                if wait:
                    await _within(DRAIN_SECONDS, self._stop)  # however often it is woken
                    await _within(wait - DRAIN_SECONDS, self._woken)
        finally:
            quiet()
            self._clock.set_alarm(ALARM, None, self.wake)

    def _hear(self, loop: asyncio.AbstractEventLoop, changes: frozenset[Changed]) -> None:
        if not loop.is_closed() and any(change.kind in CALLS for change in changes):
            loop.call_soon_threadsafe(self.wake)

    async def _turn(self) -> float:
        """One step of each plan; returns how long nothing can be done after it."""
        at_work, waiting, now = await self._database.read(_look)
        busy = {plan.id for plan in at_work}
        wait, held = TICK_SECONDS, set[int | None]()
        for plan in at_work:
            pause = await self._try(plan, self._feed(plan, now))
            wait = min(wait, pause)
            if pause == HELD_SECONDS:
                held.add(plan.id)
        for plan in waiting:
            if plan.next_run_at is not None and plan.next_run_at <= now and (plan.id not in busy or plan.id in held):
                wait = min(wait, await self._try(plan, self._begin(plan, now)))
        self._paces = {number: pace for number, pace in self._paces.items() if number in busy}
        later = [plan.next_run_at for plan in waiting if plan.next_run_at is not None and plan.next_run_at > now]
        self._clock.set_alarm(ALARM, min(later, default=None), self.wake)
        return wait

    async def _try(self, plan: Redelivery, step: Awaitable[float]) -> float:
        """`step`, whose trouble must not keep other plans from theirs."""
        try:
            return await step
        except Unavailable:
            raise
        except Exception as error:
            log.warning("redelivery.waits", plan=plan.id, again_in_seconds=AGAIN_SECONDS, exc_info=error)
            return AGAIN_SECONDS

    async def _feed(self, plan: Redelivery, now: datetime) -> float:
        """One step of a plan; returns how long to wait before the next."""
        pace = self._paces.setdefault(plan.id or 0, Pace())
        rate = plan.rate if plan.state == "running" else None  # what is cancelled is closed as fast as it goes
        room = pace.allows(rate, time.monotonic())
        if rate is not None and room == 0:
            return pace.wait(rate)
        step = await self._database.read(feed.look, plan, room=room, after=pace.place, now=now)
        pace.place = step.last_lane
        if not step.parts:
            return HELD_SECONDS if step.held else DRAIN_SECONDS
        taken = await self._database.write(_take, step)
        pace.saved -= taken.count
        if taken.over:
            log.info("redelivery.run_over", plan=plan.id, state=plan.state)
        return 0.0

    async def _begin(self, plan: Redelivery, now: datetime) -> float:
        forecast = await self._database.read(foresee, scope.of_plan(plan), kind=plan.kind, now=now)
        following = redeliveries.next_run(plan, now)
        if await self._database.write(_begin, plan.id or 0, forecast, following):
            log.info("redelivery.run_begins", plan=plan.id, matched=forecast.matched, next_run_at=following)
        return 0.0


def _look(session: Session) -> tuple[list[Redelivery], list[Redelivery], datetime]:
    return list(plans.at_work(session)), list(plans.waiting(session)), moment(session)


def _take(session: Session, step: Step) -> Taken:
    return feed.take(session, step, now=moment(session))


def _begin(session: Session, plan_id: int, forecast: Forecast, following: datetime | None) -> bool:
    return plans.begin_due(session, plan_id, forecast, next_run_at=following, now=moment(session))


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Waits for `event`, but not longer than `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
