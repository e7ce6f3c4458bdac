"""Looks again every so many seconds, without a task that sleeps in between: that would keep a closed tab's page."""

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import background_tasks, ui


class Again:
    """Calls `look` in the slot of `element`, as long as that is on the screen and somebody is there to see it."""

    def __init__(self, seconds: float, element: ui.element, look: Callable[[], Any]) -> None:
        self._seconds, self._element, self._look = seconds, element, look
        element.client.on_delete(self._stop)
        self._set()

    def _set(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(self._seconds, self._ring)

    def _stop(self) -> None:
        self._alarm.cancel()

    def _ring(self) -> None:
        if self._element.is_deleted:
            return
        if self._element.client.has_socket_connection:
            with self._element:
                looking = self._look()
            if looking is not None:
                background_tasks.create(looking, name="looks again", context=self._element)
        self._set()
