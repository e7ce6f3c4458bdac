"""The dialog Resume, for a paused webhook that holds something: all of it in order, at a rate, less what is too old."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from webhook_ui import resuming, times
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.history.webhooks import WebhookRow
from webhook_ui.languages import tr, trn
from webhook_ui.models import Webhook
from webhook_ui.ui import formats, icons, toasts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.dates import DateField
from webhook_ui.ui.fields import put_inside, show_problems, switch, text_field
from webhook_ui.ui.frames import DialogFrame
from webhook_ui.ui.parts import box, prose
from webhook_ui.ui.webhook_more import read_rate


class ResumeDialog:
    """One opening of the dialog; `on_resumed` hears what the webhook is then."""

    def __init__(self, tab: Tab, row: WebhookRow, *, on_resumed: Callable[[Webhook], Any]) -> None:
        self._tab, self._row, self._on_resumed = tab, row, on_resumed
        self._busy = False
        self._frame = DialogFrame(tr("Resume"), primary=tr("Resume"), on_primary=self._resume, icon=icons.RESUME)
        self._frame.dialog.on("hide", self._frame.dialog.delete)
        with self._frame.body:
            prose(
                trn(
                    "{n} delivery waits. Resume sends it.",
                    "{n} deliveries wait. Resume sends all of them, the oldest first.",
                    row.held,
                )
            )
            self._rated = switch(
                tr("Send at a rate"), False, detail=tr("Until none of them waits any more"), on_change=self._choose_rate
            )
            self._rate = text_field(
                tr("Rate"), note=tr("a second"), hint=tr("At the most, over all dispatchers; for example 5")
            )
            self._dropping = switch(
                tr("Drop what is old"),
                False,
                detail=tr("Those of older events are cancelled; Redeliver still sends them"),
                on_change=self._choose_drop,
            )
            with box("div", "w-moment") as self._moment:
                self._day = DateField(tr("Before"), None, lambda _: None, calendar=tr("Choose the day"))
                self._clock = text_field(tr("Time"), value="00:00", max_length=5)
                put_inside(self._clock.control, tr("at"))
                prose(tr("By the clocks of {zone}", zone=tab.zone.key), "w-hint")
        self._rate.element.set_visibility(False)
        self._moment.set_visibility(False)

    def open(self) -> None:
        self._frame.open()

    def _choose_rate(self, wanted: bool) -> None:
        self._rate.element.set_visibility(wanted)
        self._rate.error = None

    def _choose_drop(self, wanted: bool) -> None:
        self._moment.set_visibility(wanted)
        self._day.show_error(None)

    async def _resume(self) -> None:
        if self._busy:
            return  # a second click
        try:
            rate, before = self._read_rate(), self._read_moment()
        except ValueError:
            return  # the field says what is wrong
        self._wait(True)
        tab, webhook_id = self._tab, self._row.id
        try:
            actor = await tab.current_actor()
            write = partial(_write, tab, webhook_id, actor=actor)
            webhook, dropped = await resuming.resume(
                tab.services.database, webhook_id, write, actor=actor, rate=rate, drop_before=before
            )
        except Invalid as error:
            self._wait(False)
            self._rate.error = error.fields.get("rate", str(error))
            return
        except WebhookUIError as error:
            self._wait(False)
            show_problems(self._frame.summary, [], str(error))
            return
        self._frame.close()
        words = tr("“{title}” is resumed.", title=webhook.title)
        if before:
            cancelled = trn("{n} older delivery cancelled.", "{n} older deliveries cancelled.", dropped)
            words = f"{words} {cancelled}"
        toasts.done(words)
        self._on_resumed(webhook)

    def _wait(self, busy: bool) -> None:
        self._busy = busy
        self._frame.wait(busy)

    def _read_rate(self) -> float | None:
        if not self._rated.value:
            return None
        try:
            rate = read_rate(self._rate.value or "")
            if rate is None:
                raise ValueError(tr("Say how many a second, for example 5 or 0.5."))
        except ValueError as error:
            self._rate.error = str(error)
            self._rate.focus()
            raise
        return rate

    def _read_moment(self) -> datetime | None:
        """What is older than this is dropped."""
        if not self._dropping.value:
            return None
        try:
            day = formats.read_date(self._day.control.value or "")
            if day is None:
                raise ValueError(tr("Choose the day, for example 2026-03-02."))
        except ValueError as error:
            self._day.show_error(str(error))
            raise
        try:
            clock = formats.read_clock(self._clock.value or "")
        except ValueError as error:
            self._clock.error = str(error)
            self._clock.focus()
            raise
        return datetime.combine(day, clock, self._tab.zone)


async def _write(tab: Tab, webhook_id: int, order: Callable[..., Webhook], **by: Any) -> Webhook:
    return await tab.write(order, webhook_id, now=times.utcnow(), **by)
