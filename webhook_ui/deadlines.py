"""Many time limits on one timer: what `asyncio.timeout` does, without a timer of its own for each attempt."""

import asyncio
from types import TracebackType
from typing import Self


class Deadlines:
    """The limits that run in one event loop. The timer is set for the earliest; those that end in time cost nothing."""

    def __init__(self) -> None:
        self._running: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, seconds: float) -> "Limit":
        """A context that raises TimeoutError when it lasts longer than `seconds` from now."""
        return Limit(self, asyncio.get_running_loop(), seconds)

    def close(self) -> None:
        """Stops the timer; limits that still run no longer end anything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def add(self, limit: "Limit") -> None:
        """Counts `limit` in, also after it has become shorter."""
        self._running.add(limit)
        if self._timer is None or limit.until < self._timer.when():
            self._set_timer(limit)

    def drop(self, limit: "Limit") -> None:
        """Forgets `limit`: what it was about has ended."""
        self._running.discard(limit)

    def _set_timer(self, limit: "Limit") -> None:
        self.close()
        self._timer = limit.loop.call_at(limit.until, self._ring, limit.loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for limit in [limit for limit in self._running if limit.until <= now]:
            self._running.discard(limit)
            limit.expire()
        if self._running:
            self._set_timer(min(self._running, key=lambda limit: limit.until))


class Limit:
    """One limit; `until` is a moment of the loop's clock."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "loop", "until")

    def __init__(self, deadlines: Deadlines, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._deadlines, self.loop, self.until, self._expired = deadlines, loop, loop.time() + seconds, False

    def shorten(self, seconds: float) -> None:
        """Lets it end within `seconds` from now, if that is earlier."""
        self.until = min(self.until, self.loop.time() + seconds)
        self._deadlines.add(self)

    def expire(self) -> None:
        """Breaks off what the limit is about, as `asyncio.timeout` does: by a cancellation that ends in `__exit__`."""
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a limit needs a task that it can break off")
        self._task, self._cancelling = task, task.cancelling()
        self._deadlines.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.drop(self)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
