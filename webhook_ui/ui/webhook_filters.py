"""The row of filters above the webhook list. Each calls back with its name in a `Question`; none reads data."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from webhook_ui.languages import tr, tr_all, trn
from webhook_ui.ui import icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.dates import DateField, from_field, till_field
from webhook_ui.ui.fields import filter_field, search_field
from webhook_ui.ui.kept_forms import Control, Kept
from webhook_ui.ui.list_address import LASTS, STATES, Judged, Question
from webhook_ui.ui.parts import box, focus, text

Ask = Callable[..., Any]


class Filters:
    """Search, From, To, State, Trigger, Last result. `ask(q="…")` hears each change; `show` follows the address.

    Only what the address changed is written to a field, so that nothing is taken from under somebody's fingers.
    """

    def __init__(self, tab: Tab, question: Question, judged: Judged, ask: Ask) -> None:
        self._question = question
        self._ask = ask
        self._triggers = tab.services.plugins.triggers
        with box("div", "w-filters") as self.element:
            self.element.props["role"] = "search"
            self._search = search_field(tr("Search title or URL"), question.q, lambda words: self._tell("q", words))
            self._search.props["maxlength"] = 200
            self._build_more()
            self._first = from_field(judged.first, lambda day: self._tell("first", _text(day)))
            self._last = till_field(judged.last, lambda day: self._tell("last", _text(day)))
            self._build_sheet(question)
        Kept(tab, self.element, "filters webhooks").follow(self._controls)
        self._mark(question)
        self._explain(question, judged)

    def show(self, question: Question, judged: Judged) -> None:
        """Follows the address, and explains at the days what is wrong with them."""
        before, self._question = self._question, question
        if question.q not in {before.q, (self._search.value or "").strip()}:
            self._search.value = question.q
        for field, old, new in ((self._first, before.first, question.first), (self._last, before.last, question.last)):
            if new not in {old, field.control.value}:
                field.enter(new)
        if self._state.value != question.state:
            self._state.value = question.state
        if self._trigger.value != question.trigger:
            self._trigger.set_options(self._offers(question.trigger), value=question.trigger)
        if self._result.value != question.result:
            self._result.value = question.result
        self._mark(question)
        self._explain(question, judged)

    @property
    def _controls(self) -> dict[str, Control]:
        """What a browser keeps of them while the server does not hear of it."""
        return {
            "search": self._search,
            "from": self._first,
            "to": self._last,
            "state": self._state,
            "trigger": self._trigger,
            "result": self._result,
        }

    def say(self, count: int) -> None:
        """What the filters leave, said where they cover the list."""
        self._done.set_text(trn("Show {n} webhook", "Show {n} webhooks", count))

    def _tell(self, name: str, value: str) -> Any:
        # what only follows the address is no news
        return None if getattr(self._question, name) == value else self._ask(**{name: value})

    def _offers(self, chosen: str) -> dict[str, str]:
        names = [*self._triggers, *([chosen] if chosen and chosen not in self._triggers else [])]
        return {"": tr("All"), **{name: name for name in names}}

    def _build_more(self) -> None:
        # narrow screens only: the others stand in a sheet behind it
        self._more = button(tr("Filters"), self._turn, icon=icons.FILTER).classes("w-filters-more")
        self._more.props["aria-expanded"] = "false"

    def _build_sheet(self, question: Question) -> None:
        with box("div", "w-filters-sheet", label=tr("More filters")) as self._sheet:
            self._sheet.props["role"] = "group"
            self._sheet.on("keydown.escape", lambda _: self._turn(False))
            with box("div", "w-filters-sheet-head"):
                text(tr("Filters"), "w-strong")
                icon_button(icons.CLOSE, tr("Close filters"), partial(self._turn, False), small=False)
            self._state = filter_field(
                tr("State"), tr_all(STATES), question.state, lambda key: self._tell("state", key)
            )
            self._trigger = filter_field(
                tr("Trigger"),
                self._offers(question.trigger),
                question.trigger,
                lambda name: self._tell("trigger", name),
            )
            self._result = filter_field(
                tr("Last result"), tr_all(LASTS), question.result, lambda key: self._tell("result", key)
            )
            self._done = button(tr("Show webhooks"), partial(self._turn, False), kind="primary").classes(
                "w-filters-done"
            )

    def _turn(self, opened: bool | None = None) -> None:
        opened = self._more.props["aria-expanded"] != "true" if opened is None else opened
        self._more.props["aria-expanded"] = "true" if opened else "false"
        if opened:
            self._state.run_method("focus")
        else:
            focus(self._more)

    def _mark(self, question: Question) -> None:
        is_set = bool(question.state or question.trigger or question.result)
        self._more.classes(add="w-pressed" if is_set else "", remove="" if is_set else "w-pressed")

    def _explain(self, question: Question, judged: Judged) -> None:
        for field, typed, problem in (
            (self._first, question.first, judged.first_problem),
            (self._last, question.last, judged.last_problem),
        ):
            self._explain_one(field, typed, problem)

    def _explain_one(self, field: DateField, typed: str, problem: str | None) -> None:
        if field.control.value != typed and problem:
            field.enter(typed)
        # what is half typed meanwhile explains itself
        if field.control.value == typed:
            field.show_error(problem)


def _text(day: date | None) -> str:
    return day.isoformat() if day else ""
