"""Redelivers one delivery for whoever looks at it; pressed twice in a row, it is ordered once. Many: `outbox.plans`."""

from time import monotonic

from webhook_ui import outbox
from webhook_ui.ui.actions import act
from webhook_ui.ui.context import Tab

DOUBLE_CLICK = 1.0  # seconds


class Redeliverer:
    """Of one tab."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._last: tuple[int, int] | None = None
        self._pressed_at = 0.0

    async def order(self, webhook_id: int, event_id: int, *, confirmed: bool = False) -> bool:
        """False if it was refused, which is shown, or is the second half of a double click: none that was confirmed."""
        again = not confirmed and self._last == (webhook_id, event_id) and monotonic() - self._pressed_at < DOUBLE_CLICK
        self._last, self._pressed_at = (webhook_id, event_id), monotonic()
        return not again and await act(self._tab, outbox.redeliver, webhook_id, event_id)
