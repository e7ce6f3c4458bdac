"""What plugins do in the elected process only: their sources run, their jobs when they are due, and they are told what
the engine says."""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from webhook_ui import times
from webhook_ui.errors import PluginFault, Unavailable, WebhookUIError
from webhook_ui.host import MAX_BATCH
from webhook_ui.plugin_doors import PluginDoors
from webhook_ui.plugin_loader import Plugin, Plugins
from webhook_ui.plugin_news import WHAT, Teller
from webhook_ui.plugin_problems import raised
from webhook_ui.plugin_types import Event, Job, call_by_name
from webhook_ui.schedule import Clock
from webhook_ui.vitals import Errand

FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0  # seconds before a source that died is started again
STEADY_SECONDS = 60.0  # after which a source counts as having started well
AWAY_SECONDS = 5.0  # until the database is asked again for a job's last time

log = structlog.get_logger()


class Errands:
    """For one process; `begin` when it is elected, `end` when it is not any more. Both are called in its loop."""

    def __init__(self, plugins: Plugins, doors: PluginDoors, clock: Clock) -> None:
        self._plugins, self._doors, self._clock = plugins, doors, clock
        self._tasks: dict[Plugin, list[asyncio.Task[None]]] = {}
        self._states: dict[tuple[str, str], Errand] = {}
        self._on = self._exchanging = False

    def states(self) -> list[Errand]:
        """How all of them do; a plugin that is switched off says so."""
        off = [
            Errand(plugin=plugin.name, what="plugin", state="off", problem=plugin.contents.runner.off)
            for plugin in self._plugins.running
            if plugin.contents.runner.off is not None
        ]
        return [*self._states.values(), *off]

    def begin(self) -> None:
        """Starts them, unless they run."""
        self._on = True
        if self._exchanging:
            return  # which begins them at its end
        for plugin in self._plugins.running:
            if plugin not in self._tasks:
                self._tasks[plugin] = [asyncio.create_task(run()) for run in self._all(plugin)]

    async def end(self) -> None:
        """Ends them; what does not end by itself is left behind after a moment."""
        self._on = False
        await self._end(list(self._tasks))
        self._states.clear()

    async def exchange(self, gone: Sequence[Plugin], become: Callable[[], object]) -> None:
        """Ends what the plugins that go run, lets others take their place, and begins what those have."""
        self._exchanging = True
        try:
            await self._end(gone)
            with suppress(Unavailable):
                await self._doors.flush()  # or who comes next begins where they had been before their last events
            names = {plugin.name for plugin in gone}
            self._states = {key: state for key, state in self._states.items() if key[0] not in names}
            become()
        finally:
            self._exchanging = False
            if self._on:
                self.begin()

    async def _end(self, plugins: Sequence[Plugin]) -> None:
        tasks = [task for plugin in plugins for task in self._tasks.pop(plugin, ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # a source may leave tasks of its own behind, which would go on beside those of whoever comes next
        await asyncio.gather(*(plugin.contents.runner.sweep() for plugin in plugins))

    def _all(self, plugin: Plugin) -> "Iterator[Callable[[], Any]]":
        if plugin.contents.source is not None:
            yield partial(self._keep_source, plugin)
        if plugin.contents.notified is not None:
            yield partial(self._keep_notified, plugin)
        for job in plugin.contents.jobs:
            yield partial(self._keep_job, plugin, job)

    def _note(self, plugin: Plugin, what: str, state: str, problem: str | None = None) -> None:
        since = times.to_text(times.utcnow())
        self._states[plugin.name, what] = Errand(
            plugin=plugin.name, what=what, state=state, problem=problem, since=since
        )

    async def _keep_source(self, plugin: Plugin) -> None:
        """Runs a source, and starts it again when it dies."""
        runner, wait = plugin.contents.runner, FIRST_WAIT
        while True:
            began = time.monotonic()
            self._note(plugin, "source", "running")
            try:
                await runner.run("source", partial(hold_open, plugin), limit=None)
            except PluginFault as error:
                if runner.off is not None:
                    return
                if time.monotonic() - began > STEADY_SECONDS:
                    wait = FIRST_WAIT
                self._note(plugin, "source", "failing", str(error))
                log.warning(
                    "source.died",
                    plugin=plugin.name,
                    reason=str(error),
                    again_in_seconds=wait,
                    exc_info=error.__cause__ if wait == FIRST_WAIT else None,
                )
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                self._note(plugin, "source", "ended")
                log.info("source.ended", plugin=plugin.name)
                return

    async def _keep_notified(self, plugin: Plugin) -> None:
        """Tells a plugin what the engine has said."""
        teller = Teller(plugin, self._doors, partial(self._store, plugin, []), partial(self._note, plugin, WHAT))
        await teller.run()

    async def _keep_job(self, plugin: Plugin, job: Job) -> None:
        """Runs a job whenever it is due. When it was due last is stored, so that what was missed is made up for."""
        place = f"{plugin.name} job {job.name}"
        last = await self._last_time(place)
        while plugin.contents.runner.off is None:
            due = job.following(last)
            now = times.utcnow()
            if due <= now:
                due = _latest(job, due, now)
            else:
                await self._sleep_until(place, due)
            last = due
            await self._run_job(plugin, job, place, due)

    async def _run_job(self, plugin: Plugin, job: Job, place: str, due: datetime) -> None:
        contents = plugin.contents
        run = partial(call_by_name, job.run, host=contents.host, at=due)
        try:
            if inspect.iscoroutinefunction(job.run):
                found = await contents.runner.run(job.name, run, limit=job.time_limit)
            else:
                found = await contents.runner.call(job.name, run, limit=job.time_limit)
            await self._store(plugin, events_of(plugin, job, found), (place, times.to_text(due)))
        except WebhookUIError as error:
            self._note(plugin, job.name, "failing", str(error))
            log.warning("job.failed", plugin=plugin.name, job=job.name, reason=str(error), exc_info=error.__cause__)
            await self._store(plugin, [], (place, times.to_text(due)))  # it is tried again when it is due again
        else:
            self._note(plugin, job.name, "running")

    async def _store(self, plugin: Plugin, events: Sequence[Event], position: tuple[str, str]) -> None:
        """Stores what a run gave, and with the last of it that it is done; a database that is away is waited for."""
        groups = [events[start : start + MAX_BATCH] for start in range(0, len(events), MAX_BATCH)] or [[]]
        for number, group in enumerate(groups, start=1):
            while True:
                try:
                    await self._doors.store(plugin.name, group, position if number == len(groups) else None)
                    break
                except Unavailable as error:
                    log.warning("job.waits", job=position[0], reason=str(error), again_in_seconds=AWAY_SECONDS)
                    await asyncio.sleep(AWAY_SECONDS)

    async def _last_time(self, place: str) -> datetime:
        while True:
            try:
                stored = await self._doors.position(place)
                if stored is not None:
                    return times.from_text(stored)
                now = times.utcnow()
                await self._doors.store("", [], (place, times.to_text(now)))  # from now on what is missed is known
                return now
            except (WebhookUIError, ValueError) as error:
                log.warning("job.waits", job=place, reason=str(error), again_in_seconds=AWAY_SECONDS)
                await asyncio.sleep(AWAY_SECONDS)

    async def _sleep_until(self, name: str, due: datetime) -> None:
        ring = asyncio.Event()
        self._clock.set_alarm(name, due, ring.set)
        try:
            await ring.wait()
        finally:
            self._clock.set_alarm(name, None, ring.set)


async def hold_open(plugin: Plugin) -> None:
    """A source from its start to its end, on the plugin's own loop."""
    opened = call_by_name(plugin.contents.source, host=plugin.contents.host)  # type: ignore[arg-type]  # there is one
    if not isinstance(opened, AbstractAsyncContextManager):
        await opened
        return
    async with opened:
        await asyncio.Event().wait()


def _latest(job: Job, due: datetime, now: datetime) -> datetime:
    """Of the times that have passed, the last one: the others are made up for by the same run."""
    if job.every is not None:
        missed = (now - due) // timedelta(seconds=job.every)
        return due + missed * timedelta(seconds=job.every)
    for _ in range(10_000):
        following = job.following(due)
        if following > now:
            return due
        due = following
    return now


def events_of(plugin: Plugin, job: Job, found: Any) -> list[Event]:
    """What a job returned, as events. Raises PluginFault."""
    try:
        events = list(found or ())
    except Exception as error:
        raise PluginFault(f"Plugin {plugin.name}: {job.name} raised {raised(error)}") from error
    for event in events:
        if not isinstance(event, Event):
            kind = type(event).__name__
            raise PluginFault(f"Plugin {plugin.name}: {job.name} returned a {kind} where an Event is wanted.")
    return events
