"""The dialog that changes a redelivery: its pace, and while it has not begun (or runs by cron) its window and times."""

from collections.abc import Callable
from typing import Any

from webhook_ui import redeliveries, times
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.languages import tr
from webhook_ui.models import Redelivery
from webhook_ui.ui import redelivery_words, toasts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.fields import Faulty, choice_field, show_problems
from webhook_ui.ui.frames import DialogFrame
from webhook_ui.ui.kept_forms import Kept
from webhook_ui.ui.parts import text
from webhook_ui.ui.redelivery_scope import WINDOWS
from webhook_ui.ui.redelivery_when import CRON, WhenFields, pace_field, read_pace
from webhook_ui.ui.webhook_more import write_rate


class EditDialog:
    """One opening of the dialog; `on_saved` hears that something was changed."""

    def __init__(self, tab: Tab, plan: Redelivery, *, on_saved: Callable[[], Any]) -> None:
        self._tab, self._plan, self._on_saved = tab, plan, on_saved
        self._busy = False
        self._when: WhenFields | None = None
        self._frame = DialogFrame(
            tr("Edit redelivery #{id}", id=plan.id), primary=tr("Save"), on_primary=self._save, wide=True
        )
        self._frame.dialog.on("hide", self._frame.dialog.delete)
        with self._frame.body:
            self._pace = pace_field(write_rate(plan.rate), lambda: None)
            self._fields: dict[str, Faulty] = {"rate": self._pace}
            if plan.cron is not None or plan.upper_bound is None:
                self._add_times(plan)
            else:
                text(tr("It has begun, so its times cannot be changed."), "w-meta", tag="p")
        within = {"within": self._within} if "within" in self._fields else {}
        kept = Kept(tab, self._frame.body, f"plan {plan.id}", summary=self._frame.summary)
        kept.keep({"rate": self._pace, **within, **(self._when.controls if self._when else {})})

    def open(self) -> None:
        self._frame.open()

    def _add_times(self, plan: Redelivery) -> None:
        if plan.within is not None:
            lengths = dict.fromkeys([*WINDOWS, plan.within])
            options = {
                length: tr("Last {length} before each run", length=redelivery_words.within(length))
                for length in lengths
            }
            self._within = choice_field(tr("Time of the event"), options, plan.within)
            self._fields["within"] = self._within
        self._when = WhenFields(
            self._tab, self._show_runs, at=plan.at, cron=plan.cron, timezone=plan.timezone, now=False
        )
        self._fields |= self._when.fields
        self._show_runs()

    def _show_runs(self) -> None:
        if self._when:
            self._when.show(self._when.values()[0])

    async def _save(self) -> None:
        if self._busy:
            return  # a second click
        values, problems = self._read()
        if problems:
            self._explain(problems)
            return
        self._wait(True)
        try:
            actor = await self._tab.current_actor()
            await self._tab.write(redeliveries.change, self._plan.id or 0, values, actor=actor, now=times.utcnow())
        except Invalid as error:
            self._wait(False)
            self._explain(error.fields)
            return
        except WebhookUIError as error:
            self._wait(False)
            show_problems(self._frame.summary, [], str(error))
            return
        self._frame.close()
        toasts.done(tr("Redelivery #{id} is changed.", id=self._plan.id))
        await self._on_saved()

    def _read(self) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        try:
            values["rate"] = read_pace(self._pace)
        except ValueError as error:
            problems["rate"] = str(error)
        if self._when:
            when, wrong = self._when.values()
            changed = (
                when if self._when.chosen == CRON else {name: at for name, at in when.items() if at != self._plan.at}
            )
            values, problems = values | changed, problems | wrong
        if "within" in self._fields and self._within.value != self._plan.within:
            values["within"] = self._within.value
        return values, problems

    def _explain(self, problems: dict[str, str]) -> None:
        for name, field in self._fields.items():
            field.error = problems.get(name)
        general = " ".join(message for name, message in problems.items() if name not in self._fields)
        general = general or tr("Nothing was saved yet.")
        show_problems(self._frame.summary, list(self._fields.values()), f"{general} ")

    def _wait(self, busy: bool) -> None:
        self._busy = busy
        self._frame.wait(busy)
