"""Redelivers one delivery for whoever looks at it; pressed twice in a row, it is ordered once. Many: `outbox.plans`."""

from contextlib import suppress
from time import monotonic

from webhook_ui import outbox, times
from webhook_ui.errors import WebhookUIError
from webhook_ui.history.deliveries import rows_of
from webhook_ui.languages import tr
from webhook_ui.ui import delivery_words, toasts
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
        if again or not await act(self._tab, outbox.redeliver, webhook_id, event_id):
            return False
        await self._say_what_holds_it(webhook_id, event_id)
        return True

    async def _say_what_holds_it(self, webhook_id: int, event_id: int) -> None:
        """Where it cannot go out now, nothing else on the screen need show that it was ordered."""
        now = times.utcnow()
        with suppress(WebhookUIError):  # what was ordered is stored, whether the reason can be read or not
            for row in await self._tab.read(rows_of, [(event_id, webhook_id)], now=now):
                if row.waiting_for and not row.in_flight:
                    with self._tab.client:
                        reason = delivery_words.waits(row, now, self._tab.zone)
                        toasts.done(tr("It goes out as soon as it can. {reason}.", reason=reason))
