"""Exchanges plugins while everything runs: when their settings were saved, and, in development, when files change.

Each process does so for itself. A plugin is exchanged as a whole or stays as it is, with the reason told.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from webhook_ui import plugin_loader, plugin_search, plugin_values
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Unavailable
from webhook_ui.plugin_doors import PluginDoors
from webhook_ui.plugin_errands import Errands
from webhook_ui.plugin_loader import News, Plugin, PluginProblem, Plugins
from webhook_ui.plugin_search import Stamp
from webhook_ui.plugin_settings import NOTHING

LOOK_SECONDS = 0.5  # a change of files is taken up when the next look finds the same: whoever writes is done by then
CLOSE_SECONDS = 10.0  # that calls of an old one have to come back

log = structlog.get_logger()


class Reloader:
    """One a process. `errands`, where this process has a dispatcher, are set by who runs them."""

    def __init__(
        self,
        plugins: Plugins,
        doors: PluginDoors,
        database: Database,
        *,
        folder: Path,
        builtin: Sequence[ModuleType],
        watching: bool,
    ) -> None:
        self._plugins, self._doors, self._database = plugins, doors, database
        self._folder, self._builtin, self._watching = folder, builtin, watching
        self._stamps: Mapping[str, Stamp] = plugin_search.stamps(folder) if watching else {}
        self._seen = self._stamps
        self._saved: Mapping[str, Mapping[str, Any]] | None = None
        self._news = True  # what was saved between the load and the first look
        self.errands: Errands | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks for changes until the end."""
        quiet = self._database.announcer.subscribe(self._hear)
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            quiet()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look(self) -> None:
        """Exchanges what has changed since the last look. Raises Unavailable."""
        names: set[str] = set()
        if self._news:
            self._news = False
            try:
                saved = await self._database.read(plugin_values.all_values)
            except Unavailable:
                self._news = True
                raise
            names |= self._newly_saved(saved)
            self._saved = saved
        if self._watching:
            stamps = await asyncio.to_thread(plugin_search.stamps, self._folder)
            if stamps == self._seen:
                names |= {name for name in {*stamps, *self._stamps} if stamps.get(name) != self._stamps.get(name)}
                self._stamps = stamps
            self._seen = stamps
        if names:
            await self._exchange(names)

    def _hear(self, changes: frozenset[Changed]) -> None:
        if any(change.kind in (Kind.plugin, Kind.anything) for change in changes):
            self._news = True

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable:
                pass  # it is asked again
            except Exception:
                log.exception("plugins.not_exchanged")
            await asyncio.sleep(LOOK_SECONDS)

    def _newly_saved(self, saved: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Those whose settings are others than they were loaded, or tried, with."""
        loaded: dict[str, Mapping[str, Any]] = {each.name: each.saved for each in self._plugins.running}
        before = loaded if self._saved is None else {**self._saved}
        return {name for name in self._plugins.models if saved.get(name, NOTHING) != before.get(name, NOTHING)}

    async def _exchange(self, names: set[str]) -> None:
        before = self._plugins.running
        kept = {each.name: each for each in before if each.name not in names}
        load = partial(
            plugin_loader.load,
            self._folder,
            builtin=self._builtin,
            saved=self._saved or {},
            kept=kept,
            before={each.name: each for each in before if each.name in names},
        )
        found = await asyncio.to_thread(load)
        new = [each for each in found.running if each not in before]
        gone = [each for each in before if each not in found.running]
        for plugin in new:
            plugin.contents.host.open(self._doors)
        become = partial(self._plugins.become, found, _tell(names, found, new, gone))
        if self.errands is None:
            become()
        else:
            await self.errands.exchange(gone, become)
        self._database.announcer.announce([Changed(Kind.plugin)])
        if gone:
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, _close, gone)


def _tell(names: set[str], found: Plugins, new: Sequence[Plugin], gone: Sequence[Plugin]) -> list[News]:
    """What came of it, for people and for the log."""
    refused = [problem for problem in found.problems if problem.name in names]
    there, old = {each.name for each in new}, {each.name for each in gone}
    told = [_refuse(problem) for problem in refused]
    for name in sorted(there):
        told.append(News(good=True, words=f"Plugin {name} is loaded{' anew' if name in old else ''}."))
        log.info("plugin.loaded", plugin=name, anew=name in old)
    for name in sorted(old - there - {problem.name for problem in refused}):
        told.append(News(good=True, words=f"Plugin {name} is gone."))
        log.info("plugin.gone", plugin=name)
    return told


def _refuse(problem: PluginProblem) -> News:
    log.error(
        "plugin.refused",
        plugin=problem.name,
        where=problem.where,
        line=problem.line,
        reason=problem.message,
        runs_on=problem.runs_on,
    )
    stays = "what was loaded of it before goes on" if problem.runs_on else "it is left out"
    line = f", line {problem.line}" if problem.line else ""
    reason = f"{problem.where}{line}: {problem.message}"
    return News(good=False, words=f"Plugin {problem.name} was refused; {stays}", reason=reason)


def _close(plugins: Sequence[Plugin]) -> None:
    for plugin in plugins:
        with suppress(RuntimeError):  # its loop has ended by itself
            plugin.contents.runner.close()
