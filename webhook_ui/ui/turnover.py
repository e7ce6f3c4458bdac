"""How quickly a list may turn over by itself: more than a page in some seconds nobody can read, and many tabs would
pay for it. What comes quicker waits for the next beat, which is the same one in all tabs, so that they share it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from webhook_ui.errors import Unavailable
from webhook_ui.ui.context import Tab

BEAT_SECONDS = 5.0


def beat() -> int:
    """The number of the beat that holds now."""
    return int(time.monotonic() // BEAT_SECONDS)


async def next_beat() -> None:
    """Waits for it."""
    await asyncio.sleep(BEAT_SECONDS - time.monotonic() % BEAT_SECONDS)


class Turnover:
    """Counts for one list what has come in; `look` looks again at what was too soon."""

    def __init__(self, tab: Tab, page: int, look: Callable[[], Awaitable[None]]) -> None:
        self._tab, self._page, self._look = tab, page, look
        self._beat = self._count = 0
        self._late = -2  # the beat in which something was too soon
        self._waits = False

    @property
    def hurried(self) -> bool:
        """Whether more comes in than the list shows at once: until a whole beat without has passed."""
        return beat() <= self._late + 1

    def came(self, many: int) -> None:
        """So many rows have come in by themselves."""
        self._count = many + (self._count if self._beat == beat() else 0)
        self._beat = beat()

    def too_soon(self, many: int) -> bool:
        """Whether so many more have to wait; if so, `look` is called at each beat until it is no longer hurried."""
        if self._beat != beat() or self._count + many <= self._page:
            return False
        self._late = beat()
        if not self._waits:
            self._waits = True
            self._tab.begin(self._look_later(), name="rows that came too soon")
        return True

    async def _look_later(self) -> None:
        while self.hurried:
            await next_beat()
            with suppress(Unavailable):  # else with the next change
                await self._look()
        self._waits = False
