"""What several tabs ask at the same time is read once: lists for all that hear of the same news, figures for all."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from webhook_ui.history.overview import Glance, Watch
from webhook_ui.times import utcnow

LASTS = 2.0  # seconds; hours end and retries fall due without any news
PACE = 1.0  # seconds between two looks at the overview

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A question that was asked after `pulse` had begun, so that its answer knows all the news of that pulse."""

    pulse: int
    begun: float
    task: "asyncio.Future[Any]"


class SharedReads:
    """One for the whole process."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Read] = {}
        self._queue = asyncio.Lock()

    async def ask(self, key: Hashable, pulse: int, read: Callable[[], Awaitable[T]], *, fresh: bool = False) -> T:
        """The answer to the question `key`, of `read` or of whoever asked it after the same news; `fresh` asks anew."""
        now = time.monotonic()
        self._known = {key: known for key, known in self._known.items() if now - known.begun < LASTS}
        known = self._known.get(key)
        if fresh or known is None or known.pulse != pulse:
            known = _Read(pulse=pulse, begun=now, task=asyncio.ensure_future(read()))
            known.task.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard, whoever waits
            self._known[key] = known
        answer: T = await asyncio.shield(known.task)  # one tab that closes takes the answer from nobody
        return answer

    async def in_turn(self) -> None:
        """For who has much to show: all tabs at once would do it in one go, and keep everything else waiting."""
        async with self._queue:
            await asyncio.sleep(0)


class OverviewDesk:
    """Hands out the figures above the list: one look a second at the most, however many tabs are open."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._lock = asyncio.Lock()
        self._at = float("-inf")
        self._glance: Glance | None = None

    async def look(self, read: Callable[..., Awaitable[Glance]], *, since: float) -> Glance:
        """Figures that were read after `since` (`time.monotonic`), by `read` once it is time to look again."""
        async with self._lock:
            if self._glance is None or self._at < since:
                await asyncio.sleep(max(self._at + PACE - time.monotonic(), 0))
                begun = time.monotonic()
                self._glance = await read(self._watch.look, now=utcnow())
                self._at = begun
            return self._glance
