"""Runs one plugin's code apart from everybody else's: what blocks or never ends holds up this plugin alone.

Async functions run on an event loop of the plugin's own thread, plain ones on a few threads of its own. Neither can be
killed, so what does not end in time is left behind and counted; with too many of them the plugin is switched off.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

import structlog

from webhook_ui.errors import PluginFault
from webhook_ui.plugin_problems import raised

LEFT_BEHIND = 3  # calls of one plugin that never ended, at which it is switched off
THREADS = 8
GRACE_SECONDS = 2.0  # that a call which was cancelled has to end

T = TypeVar("T")
log = structlog.get_logger()


class Runner:
    """For one plugin; threads start when they are needed first, and are daemons: they hold up no exit."""

    def __init__(self, plugin: str) -> None:
        self.off: str | None = None
        self._plugin = plugin
        self._left: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = _Threads(plugin)
        self._flights: WeakSet[_Flight] = WeakSet()

    async def run(self, what: str, make: Callable[[], Coroutine[Any, Any, T]], *, limit: float | None) -> T:
        """Awaits `make()` on the plugin's own loop. Raises PluginFault for whatever it raises, or when time is up."""
        self._check()
        flight = _Flight(self._own_loop(), make)
        self._flights.add(flight)
        return await self._wait(what, flight.ended, flight.cancel, limit)

    async def call(self, what: str, function: Callable[[], T], *, limit: float) -> T:
        """Calls `function()` on a thread of the plugin. Raises PluginFault likewise."""
        self._check()
        future = self._threads.submit(function)
        return await self._wait(what, future, future.cancel, limit)

    async def _wait(self, what: str, future: "Future[T]", cancel: Callable[[], object], limit: float | None) -> T:
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(_heard)  # who waits may be cancelled before it ends
        try:
            await asyncio.wait({waiting}, timeout=limit)
        finally:
            if not future.done():  # time is up, or whoever waits was cancelled
                cancel()
                await self._let_go(what, future, waiting)
        if not waiting.done() or waiting.cancelled():
            ended = "was cancelled" if limit is None else f"took longer than {limit:g} s"
            raise PluginFault(f"Plugin {self._plugin}: {what} {ended}.")
        error = waiting.exception()
        if error is not None:
            if isinstance(error, PluginFault):
                raise error
            raise PluginFault(f"Plugin {self._plugin}: {what} raised {raised(error)}") from error
        return waiting.result()

    async def _let_go(self, what: str, future: "Future[Any]", waiting: "asyncio.Future[Any]") -> None:
        """Waits a moment for what was cancelled; what is still there then is left behind."""
        with suppress(asyncio.CancelledError):
            await asyncio.wait({waiting}, timeout=GRACE_SECONDS)
        if future.done():
            return
        with self._lock:
            self._left.add(future)
            count = len(self._left)
            if count >= LEFT_BEHIND and self.off is None:
                self.off = (
                    f"Switched off: {count} calls of it never ended, the last one of {what}. Put a time limit on what "
                    "it waits for, and what blocks into asyncio.to_thread; then start the server again."
                )
                log.error("plugin.off", plugin=self._plugin, reason=self.off)
        future.add_done_callback(self._came_back)

    def _came_back(self, future: "Future[Any]") -> None:
        with self._lock:
            self._left.discard(future)

    def _check(self) -> None:
        if self.off is not None:
            raise PluginFault(f"Plugin {self._plugin}: {self.off}")

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                name = f"plugin-{self._plugin}"
                threading.Thread(target=_spin, args=(self._loop,), name=name, daemon=True).start()
            return self._loop

    async def sweep(self) -> None:
        """Ends what its functions have started on its loop and left running, such as a source's tasks."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            swept = asyncio.run_coroutine_threadsafe(self._sweep(), loop)
            await asyncio.wait({asyncio.wrap_future(swept)}, timeout=GRACE_SECONDS)

    async def _sweep(self) -> None:
        known = {flight.task for flight in self._flights} | {asyncio.current_task()}
        stray = [task for task in asyncio.all_tasks() if task not in known]
        for task in stray:
            task.cancel()
        await asyncio.gather(*stray, return_exceptions=True)

    def close(self) -> None:
        """Ends what runs on its loop and the loop, unless that is blocked for good."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        self._threads.close()


def _spin(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(_end_all())
    finally:
        loop.close()


async def _end_all() -> None:
    """A task that is pending when its loop ends would complain whenever it is collected as garbage."""
    while left := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _heard(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


class _Flight:
    """A coroutine on another thread's loop; unlike asyncio's own future for it, `ended` waits for its real end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self.ended: Future[Any] = Future()
        self._loop, self._make = loop, make
        self.task: asyncio.Task[None] | None = None
        loop.call_soon_threadsafe(self._start)

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel)

    def _start(self) -> None:
        self.task = self._loop.create_task(self._go())

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _go(self) -> None:
        try:
            result = await self._make()
        except asyncio.CancelledError:
            self.ended.cancel()
        except BaseException as error:  # SystemExit too: a plugin ends no thread
            self.ended.set_exception(error)
        else:
            self.ended.set_result(result)


class _Threads:
    """A few daemon threads; the standard library's pool would wait for its own at exit."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = self._count = 0

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        self._jobs.put((future, function))
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._count < THREADS:
                self._count += 1
                threading.Thread(target=self._work, name=f"plugin-{self._plugin}", daemon=True).start()
        return future

    def close(self) -> None:
        for _ in range(self._count):
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                with self._lock:
                    self._idle += 1
                job = self._jobs.get()
            if job is None:
                return
            future, function = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:  # SystemExit too
                    future.set_exception(error)
