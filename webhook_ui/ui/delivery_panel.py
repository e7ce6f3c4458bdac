"""The side panel of one delivery: its state, what can be done, every attempt with request and response."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from webhook_ui import ids, outbox, times, wire
from webhook_ui.errors import NotFound
from webhook_ui.history.deliveries import DeliveryDetail, DeliveryRow, get_delivery
from webhook_ui.ui import delivery_words, formats, icons, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.attempt_view import planned_attempts, show_attempt
from webhook_ui.ui.charts import Moment, time_line
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.frames import PanelFrame
from webhook_ui.ui.message_view import MessageView, size_note
from webhook_ui.ui.parts import box, foreign, link, mono, prose, status_pill, tag, text, time_text
from webhook_ui.ui.states import notice

STEPS_DOWN, STEPS_UP = 1, -1


class DeliveryPanel:
    """Shows one delivery after the other; `on_close` and `on_step` (-1 newer, 1 older) hear what a person wants."""

    def __init__(self, tab: Tab, *, on_close: Callable[[], Any], on_step: Callable[[int], Any]) -> None:
        self._tab = tab
        self._detail: DeliveryDetail | None = None
        self._chosen: int | None = None  # None: whatever attempt is the latest
        self._shown_attempt: int | None = None
        self._delivery: tuple[int, int] | None = None
        self._frame = PanelFrame("Delivery", on_close=on_close)
        with self._frame.tools:
            icon_button(icons.UP, "Newer delivery", lambda: on_step(STEPS_UP))
            icon_button(icons.DOWN, "Older delivery", lambda: on_step(STEPS_DOWN))
        with self._frame.body:
            with box("div", "w-row w-wrap") as self._actions:
                self._redeliver = button("Redeliver", self._order_redelivery, icon=icons.REDELIVER, kind="primary")
                self._cancel = button("Cancel retries", self._order_end, icon=icons.CLOSE, kind="quiet")
            self._notice = box("div", "w-holder")
            with box("div", "w-split"):
                with box("div"):
                    text("Attempts", tag="h3")
                    self._line = box()
                self._attempt = box()

    @property
    def delivery_id(self) -> str:
        """What is open, empty for nothing."""
        return ids.delivery_text(*self._delivery) if self._delivery else ""

    async def show(self, delivery_id: str, webhook_id: int) -> None:
        """Opens it for a delivery of this webhook; says so where there is none."""
        if delivery_id == self.delivery_id:
            return
        self._detail = self._chosen = self._shown_attempt = None
        try:
            self._delivery = ids.delivery_numbers(delivery_id)
        except ValueError:
            self._delivery = (webhook_id, 0)
        if self._delivery[0] != webhook_id:
            self._delivery = (webhook_id, 0)
        await self.refresh()
        self._frame.open()

    def hide(self) -> None:
        """Closes it without calling back."""
        self._delivery = self._detail = None
        self._frame.dialog.close()

    async def refresh(self) -> None:
        """Looks again at what is open, and shows in place what has changed."""
        if self._delivery is None:
            return
        asked = self._delivery
        try:
            detail = await self._tab.read(get_delivery, *asked, now=times.utcnow())
        except NotFound:
            self._show_missing()
            return
        known = self._detail
        if asked != self._delivery or (
            known and known.row == detail.row and len(known.attempts) == len(detail.attempts)
        ):
            return
        self._detail = detail
        self._show_state(detail)
        self._show_line(detail)
        self._show_attempt(detail)

    def _show_missing(self) -> None:
        for part in (self._frame.head, self._notice, self._line, self._attempt):
            part.clear()
        self._actions.set_visibility(False)
        with self._frame.head:
            text("No such delivery", tag="h2")
        with self._notice, notice("This delivery is not here", "It may be older than what is kept.", kind="info"):
            pass

    def _show_state(self, detail: DeliveryDetail) -> None:
        row, now, zone = detail.row, times.utcnow(), self._tab.zone
        retries = self._retries(detail)
        self._frame.head.clear()
        with self._frame.head:
            with box("h2", "w-row w-wrap w-panel-title"):
                status_pill(row.status)  # type: ignore[arg-type]  # one of three, by a CHECK of the table
                mono(row.trigger, "w-strong")
                if row.test:
                    tag("test")
                with box("span", "w-row"):
                    text("to", "w-muted w-plain")
                    foreign(row.webhook_title, "w-plain")
            with box("p", "w-meta"):
                text("Event ")
                with link("", f"/events/{ids.event_text(row.event_id)}"):
                    mono(ids.event_text(row.event_id))
                text(" · fired ")
                time_text(row.created_at, zone, shown=delivery_words.short_time(row.created_at, now, zone))
                text(f" · {row.tries} of {max(len(retries) + 1, row.tries)} attempts")
                text(f" · round {row.round}" if row.round > 1 else "")
        writes = self._tab.may_write
        self._redeliver.set_visibility(writes and delivery_words.may_redeliver(row))
        self._cancel.set_visibility(writes and delivery_words.may_cancel(row))
        self._cancel.set_text("Cancel retries" if row.tries else "Cancel delivery")
        self._actions.set_visibility(self._redeliver.visible or self._cancel.visible)
        self._notice.clear()
        with self._notice:
            self._show_notice(detail, now)

    def _show_notice(self, detail: DeliveryDetail, now: datetime) -> None:
        row = detail.row
        if row.status == "sent":
            return
        if row.status == "pending":
            held = row.waiting_for in {"stopped", "paused", "disabled"}
            with notice(delivery_words.waits(row, now, self._tab.zone), kind="pending" if held else "info"):
                return
        cause, hint = delivery_words.cause_and_hint(delivery_words.result(row, now, self._tab.zone))
        coming = delivery_words.next_attempt(row, now)
        with notice(cause) as body, body:
            if hint:
                prose(hint if hint.endswith(".") else f"{hint}.")
            with box("p"):
                if coming.at:
                    time_text(coming.at, self._tab.zone, now=now, prefix="It is tried again ")
                    text(".")
                else:
                    text(_what_follows(row, coming.words))

    def _show_line(self, detail: DeliveryDetail) -> None:
        self._line.clear()
        now, zone = times.utcnow(), self._tab.zone
        chosen = self._choice(detail)
        past = [
            Moment(
                state="sent" if attempt.status == "sent" else "error",
                time=delivery_words.short_time(attempt.at, now, zone),
                title=formats.precise(attempt.at, zone),
                number=number,
                result=str(attempt.response_status or attempt.error_class or ""),
                note=formats.duration(attempt.duration_ms),
                chosen=number == chosen,
            )
            for number, attempt in enumerate(detail.attempts, start=1)
        ]
        with self._line:
            coming = planned_attempts(detail, self._retries(detail), now, zone)
            if past or coming:
                time_line([*past, *coming], self._choose)
            else:
                text("None was made.", "w-muted w-line-none", tag="p")

    def _choice(self, detail: DeliveryDetail) -> int:
        return self._chosen or len(detail.attempts)

    def _choose(self, number: int) -> None:
        if self._detail and 1 <= number <= len(self._detail.attempts):
            self._chosen = number
            self._show_line(self._detail)
            self._show_attempt(self._detail)

    def _show_attempt(self, detail: DeliveryDetail) -> None:
        number = self._choice(detail)
        if number == self._shown_attempt:
            return
        self._shown_attempt = number
        self._attempt.clear()
        envelope = wire.envelope(detail.event.trigger, detail.event.occurred_at, detail.event.payload).decode()
        with self._attempt:
            if number:
                show_attempt(detail.attempts[number - 1], number, envelope, self._tab.zone)
            else:
                with box("div"):
                    text("Not sent yet", tag="h3")
                    text("This is what will go out, signed when it does.", "w-muted", tag="p")
                start = [("w-json-key", "POST "), ("", detail.webhook.url)]
                headers = [["content-type", "application/json"]]
                MessageView("Request", start=start, headers=headers, body=envelope, note=size_note(envelope))

    def _retries(self, detail: DeliveryDetail) -> Sequence[float]:
        services = self._tab.services
        usual = services.settings.retry_schedule
        return delivery_words.schedule_in_force(detail.webhook, detail.row.trigger, services.plugins.triggers, usual)

    async def _order_redelivery(self) -> None:
        if self._delivery and await act(self._tab, outbox.redeliver, *self._delivery):
            self._chosen = None
            await self.refresh()

    async def _order_end(self) -> None:
        if self._delivery and await act(self._tab, outbox.cancel, *self._delivery):
            toasts.done("Cancelled. It is not sent again by itself.")
            await self.refresh()


def _what_follows(row: DeliveryRow, words: str) -> str:
    if row.in_flight:
        return "It is being tried again now."
    if row.test:
        return "It was a test send: it is never tried again."
    if row.closed_reason == "cancelled":
        return "It was cancelled: nothing more is sent unless somebody presses Redeliver."
    if row.closed_reason:
        return f"Given up after {formats.counted(row.tries, 'attempt')}. Redeliver sends it again."
    return {
        "held": "The next attempt is held.",
        "in turn": "It waits for the one before it.",
        "after a probe": "Its receiver is down; it is tried again once a probe has arrived there.",
        "rate limit": "It is tried again as soon as the rate limit lets it.",
    }.get(words, "It is tried again at once.")
