"""The clock: APScheduler says when, never what is due. Whoever asks is only woken and looks into the database."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Clock:
    """Rings in the running event loop. Start it there."""

    def __init__(self) -> None:
        # misfire_grace_time=None: late is better than never, after a suspended machine for example
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            executors={"default": AsyncIOExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._alarms: dict[str, datetime] = {}

    def start(self) -> None:
        """Begins to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Rings no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set_alarm(self, name: str, at: datetime | None, ring: Callable[[], None]) -> None:
        """Calls `ring` once, at `at`, instead of the earlier alarm of this name; None takes that one away."""
        if self._alarms.get(name) == at:
            return
        if at is None:
            self._remove(name)
            return
        self._alarms[name] = at

        async def run() -> None:
            self._alarms.pop(name, None)  # a new alarm for the same moment must count as new
            ring()

        self._scheduler.add_job(run, "date", run_date=at, id=name, replace_existing=True)

    def every(self, seconds: float, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Runs `run` every so many seconds; a run that takes longer is not overtaken by the next."""
        self._scheduler.add_job(run, "interval", seconds=seconds, id=name, replace_existing=True)

    def _remove(self, name: str) -> None:
        self._alarms.pop(name, None)
        try:
            self._scheduler.remove_job(name)
        except JobLookupError:
            return
