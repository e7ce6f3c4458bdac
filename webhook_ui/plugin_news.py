"""Tells a plugin what the engine has said (`notified`): each notice until it is taken, but none holds up the others."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from webhook_ui import times
from webhook_ui.errors import PluginFault, WebhookUIError
from webhook_ui.history.notices import GROUP
from webhook_ui.plugin_doors import News, PluginDoors
from webhook_ui.plugin_loader import Plugin
from webhook_ui.plugin_types import Notice, call_by_name

WHAT = "notified"
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # until it is looked again; longer while nothing is taken
LIMIT_SECONDS = 60.0  # that a plugin has for what it is told
TRIES = 5  # after which notices are told one by one, to find the one that is never taken
PROBES = 3  # of which one must be taken then, or the plugin is thought to take none at present
SHOWN_FOR = timedelta(days=1)

log = structlog.get_logger()


class Teller:
    """For one plugin. `store` keeps a position, however long it takes; `note` says how it goes: state and problem."""

    def __init__(
        self,
        plugin: Plugin,
        doors: PluginDoors,
        store: Callable[[tuple[str, str]], Awaitable[None]],
        note: Callable[[str, str | None], None],
    ) -> None:
        self._plugin, self._doors, self._store, self._note = plugin, doors, store, note
        self._place = f"{plugin.name} {WHAT}"
        self._tries: Counter[str] = Counter()
        self._refused: tuple[str, datetime] | None = None
        self._begun = False

    async def run(self) -> None:
        """Until the plugin is switched off."""
        wait = FIRST_WAIT
        while self._plugin.contents.runner.off is None:
            try:
                more = await self._tell_news()
            except WebhookUIError as error:
                self._note("failing", str(error))
                log.warning(
                    "notices.wait",
                    plugin=self._plugin.name,
                    reason=str(error),
                    again_in_seconds=wait,
                    exc_info=error.__cause__ if wait == FIRST_WAIT else None,
                )
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            wait = FIRST_WAIT
            if not more:
                await asyncio.sleep(FIRST_WAIT)

    async def _tell_news(self) -> bool:
        """Tells what there is, and whether there may be more at once. Raises what keeps some of it from being told."""
        news = await self._doors.news(self._place)
        if len(news.notices) > 1 and any(self._tries[one.event_id] >= TRIES for one in news.notices):
            await self._tell_each(news)
        elif news.notices:
            await self._tell(news.notices)
        if news.notices or not self._begun:
            await self._take_down(news, news.notices)
        if news.notices:
            log.info("notices.told", plugin=self._plugin.name, notices=len(news.notices))
        return len(news.notices) >= GROUP

    async def _tell_each(self, news: News) -> None:
        """One by one, from a few that show whether any is taken; then what was refused too often is set aside."""
        first, *others = news.notices
        probes = [first, *random.sample(others, min(PROBES - 1, len(others)))]
        heard: list[Notice] = []
        refused: dict[str, tuple[Notice, PluginFault]] = {}
        for notice in [*probes, *(one for one in news.notices if one not in probes)]:
            try:
                await self._tell([notice])
            except PluginFault as error:
                refused[notice.event_id] = notice, error
                if not heard and len(refused) >= len(probes):
                    raise
                continue
            heard.append(notice)
            await self._take_down(news, heard)
        waiting: PluginFault | None = None
        for notice, fault in refused.values():
            if self._tries[notice.event_id] > TRIES:
                self._set_aside(notice, fault)
                heard.append(notice)
            else:
                waiting = fault
        await self._take_down(news, heard)
        if waiting is not None:
            raise waiting

    async def _tell(self, notices: Sequence[Notice]) -> None:
        contents = self._plugin.contents
        if contents.notified is None:
            return
        make = partial(call_by_name, contents.notified, host=contents.host, notices=notices)
        try:
            await contents.runner.run(WHAT, make, limit=LIMIT_SECONDS)
        except PluginFault:
            self._tries.update(one.event_id for one in notices)
            raise
        for one in notices:
            self._tries.pop(one.event_id, None)

    async def _take_down(self, news: News, heard: Sequence[Notice]) -> None:
        """Stores what was heard of these; the others are told again."""
        await self._store((self._place, news.position(heard)))
        self._begun = True
        if self._refused and self._refused[1] < times.utcnow() - SHOWN_FOR:
            self._refused = None
        self._note("running", self._refused[0] if self._refused else None)

    def _set_aside(self, notice: Notice, error: PluginFault) -> None:
        tries = self._tries.pop(notice.event_id)
        sentence = f"{notice.trigger} ({notice.event_id}) was set aside after {tries} tries. {error}"
        self._refused = sentence, times.utcnow()
        log.error(
            "notice.set_aside",
            plugin=self._plugin.name,
            event_id=notice.event_id,
            trigger=notice.trigger,
            tries=tries,
            reason=str(error),
        )
