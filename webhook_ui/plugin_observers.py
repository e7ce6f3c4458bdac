"""Tells plugins what came of attempts (`delivery_attempted`), after the commit, each plugin for itself."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog

from webhook_ui import ids
from webhook_ui.composing import webhook_of
from webhook_ui.errors import PluginFault
from webhook_ui.outbox import Settlement
from webhook_ui.plugin_loader import Plugin, Plugins
from webhook_ui.plugin_types import Attempt, Delivery, call_by_name

LIMIT_SECONDS = 10.0
WAITING = 1000  # attempts that one plugin may be behind
DRAIN_SECONDS = 3.0

Note = tuple[Delivery, Attempt]
log = structlog.get_logger()


@asynccontextmanager
async def observing(plugins: Plugins) -> AsyncIterator[Callable[[Sequence[Settlement]], None]]:
    """What to call with recorded attempts."""
    observers: dict[Plugin, _Observer] = {}
    leaving: set[asyncio.Task[None]] = set()

    def renew() -> None:
        """After plugins were exchanged: old ones hear what they still have to, and no more."""
        wanted = {each: each.contents.attempted for each in plugins.running if each.contents.attempted}
        for plugin in [one for one in observers if one not in wanted]:
            task = asyncio.create_task(observers.pop(plugin).stop())
            leaving.add(task)
            task.add_done_callback(leaving.discard)
        for plugin, attempted in wanted.items():
            if plugin not in observers:
                observers[plugin] = _Observer(plugin, attempted)

    def tell(settled: Sequence[Settlement]) -> None:
        if observers:
            notes = [_note(one) for one in settled]
            for observer in observers.values():
                observer.tell(notes)

    renew()
    plugins.follow(renew)
    try:
        yield tell
    finally:
        await asyncio.gather(*(observer.stop() for observer in observers.values()), *leaving)


class _Observer:
    """One plugin's queue, and the task that empties it."""

    def __init__(self, plugin: Plugin, attempted: Callable[..., Any]) -> None:
        self._plugin, self._attempted = plugin, attempted
        self._notes: deque[Note] = deque()
        self._missed = 0
        self._task: asyncio.Task[None] | None = None

    def tell(self, notes: Sequence[Note]) -> None:
        room = WAITING - len(self._notes)
        self._notes.extend(notes[:room])
        self._missed += max(len(notes) - room, 0)
        if self._notes and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=DRAIN_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        contents, attempted = self._plugin.contents, self._attempted
        while self._notes:
            delivery, attempt = self._notes.popleft()
            make = partial(call_by_name, attempted, host=contents.host, delivery=delivery, attempt=attempt)
            try:
                await contents.runner.run("delivery_attempted", make, limit=LIMIT_SECONDS)
            except PluginFault as error:
                if contents.runner.off is not None:  # that was said once
                    self._notes.clear()
                    return
                log.warning("plugin.failed", plugin=self._plugin.name, reason=str(error), exc_info=error.__cause__)
            if self._missed:
                log.warning("plugin.behind", plugin=self._plugin.name, attempts_missed=self._missed)
                self._missed = 0


def _note(one: Settlement) -> Note:
    claimed, answer, decision, failure = one.claimed, one.answer, one.decision, one.answer.failure
    delivery = Delivery(
        id=ids.delivery_text(claimed.webhook_id, claimed.event_id),
        event_id=ids.event_text(claimed.event_id),
        trigger=claimed.trigger,
        webhook=webhook_of(claimed.target),
        status="sent" if decision.status.value == "sent" else "error",
        tries=claimed.tries + 1,
        next_attempt_at=decision.due_at,
        closed_reason=decision.closed,
    )
    attempt = Attempt(
        at=answer.at,
        duration_ms=answer.duration_ms,
        status="sent" if failure is None else "error",
        response_status=answer.response_status,
        error_class=failure.kind.value if failure else None,
        error_message=failure.message if failure else None,
    )
    return delivery, attempt
