"""Looks again every so many seconds, without a task that sleeps in between: that would keep a closed tab's page."""

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import Client, background_tasks, ui


class Again:
    """Calls `look` in the slot of `element`, as long as that is on the screen and, by `is_seen`, not in vain."""

    def __init__(
        self, seconds: float, element: ui.element, look: Callable[[], Any], is_seen: Callable[[Client], bool]
    ) -> None:
        self._seconds, self._element, self._look, self._is_seen = seconds, element, look, is_seen
        element.client.on_delete(self._stop)
        self._set()

    def _set(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(self._seconds, self._ring)

    def _stop(self) -> None:
        self._alarm.cancel()

    def _ring(self) -> None:
        if self._element.is_deleted:
            return
        if self._is_seen(self._element.client):
            with self._element:
                looking = self._look()
            if looking is not None:
                background_tasks.create(looking, name="looks again", context=self._element)
        self._set()
