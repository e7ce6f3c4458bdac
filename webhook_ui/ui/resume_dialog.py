"""The dialog Resume, for paused webhooks that hold something: all of it in order, at a rate, less what is too old."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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
from webhook_ui.ui.kept_forms import Control, Kept
from webhook_ui.ui.parts import box, prose
from webhook_ui.ui.webhook_more import read_rate

MOST_KEPT = 100  # webhooks whose selection a browser keeps with what was typed for them


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How what was held goes on: at most so many a second, and without what is older than a moment."""

    rate: float | None = None
    before: datetime | None = None


class TermsDialog:
    """Asks on what terms; `on_resume` does it and shows what is wrong by `refuse`."""

    def __init__(
        self, tab: Tab, words: str, *, title: str, form: str, on_resume: Callable[[Terms], Awaitable[None]]
    ) -> None:
        """`form` says for which webhooks it asks; without, nothing is kept."""
        self._tab, self._on_resume = tab, on_resume
        self._frame = DialogFrame(title, primary=tr("Resume"), on_primary=self._press, icon=icons.RESUME)
        self._frame.dialog.on("hide", self._frame.dialog.delete)
        with self._frame.body:
            prose(words)
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
        if form:
            self._let_browser_keep(form)

    def _let_browser_keep(self, form: str) -> None:
        kept = Kept(self._tab, self._frame.body, form, summary=self._frame.summary)
        at_a_rate: dict[str, Control] = {"rated": self._rated, "rate": self._rate}
        kept.keep(at_a_rate | {"dropping": self._dropping, "before": self._day, "before time": self._clock})

    def open(self) -> None:
        self._frame.open()

    def _choose_rate(self, wanted: bool) -> None:
        self._rate.element.set_visibility(wanted)
        self._rate.error = None

    def _choose_drop(self, wanted: bool) -> None:
        self._moment.set_visibility(wanted)
        self._day.show_error(None)

    def close(self) -> None:
        self._frame.close()

    def refuse(self, error: WebhookUIError) -> None:
        """At its field if it is the rate, else above all."""
        if isinstance(error, Invalid):
            self._rate.error = error.fields.get("rate", str(error))
        else:
            show_problems(self._frame.summary, [], str(error))

    async def _press(self) -> None:
        try:
            terms = Terms(rate=self._read_rate(), before=self._read_moment())
        except ValueError:
            return  # the field says what is wrong
        await self._frame.work(lambda: self._on_resume(terms))

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


def ask_to_resume(tab: Tab, row: WebhookRow, *, on_resumed: Callable[[Webhook], Any]) -> None:
    """Opens the dialog for one; `on_resumed` hears what the webhook is then."""

    async def resume(terms: Terms) -> None:
        try:
            webhook, dropped = await resume_on(tab, row.id, terms)
        except WebhookUIError as error:
            dialog.refuse(error)
            return
        dialog.close()
        words = tr("“{title}” is resumed.", title=webhook.title)
        if terms.before:
            words = f"{words} {dropped_words(dropped)}"
        toasts.done(words)
        told = on_resumed(webhook)
        if isinstance(told, Awaitable):
            await told

    words = trn(
        "{n} delivery waits. Resume sends it.",
        "{n} deliveries wait. Resume sends all of them, the oldest first.",
        row.held,
    )
    dialog = TermsDialog(tab, words, title=tr("Resume"), form=f"resume {row.id}", on_resume=resume)
    dialog.open()


def ask_to_resume_many(tab: Tab, webhook_ids: Sequence[int], on_resume: Callable[[Terms], Awaitable[None]]) -> None:
    """The same for several, of which some may hold nothing."""
    number = len(webhook_ids)

    async def resume(terms: Terms) -> None:
        dialog.close()
        await on_resume(terms)

    title = trn("Resume {n} webhook", "Resume {n} webhooks", number)
    words = tr("What waits for those of them that are paused is sent, for each the oldest first.")
    form = f"resume {','.join(map(str, webhook_ids))}" if number <= MOST_KEPT else ""
    dialog = TermsDialog(tab, words, title=title, form=form, on_resume=resume)
    dialog.open()


async def resume_on(tab: Tab, webhook_id: int, terms: Terms) -> tuple[Webhook, int]:
    """Resumes one; and how many older deliveries were cancelled."""
    actor = await tab.current_actor()
    write = partial(_write, tab, webhook_id, actor=actor)
    return await resuming.resume(
        tab.services.database, webhook_id, write, actor=actor, rate=terms.rate, drop_before=terms.before
    )


def dropped_words(number: int) -> str:
    """What became of what was too old."""
    return trn("{n} older delivery cancelled.", "{n} older deliveries cancelled.", number)


async def _write(tab: Tab, webhook_id: int, order: Callable[..., Webhook], **by: Any) -> Webhook:
    return await tab.write(order, webhook_id, now=times.utcnow(), **by)
