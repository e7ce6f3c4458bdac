"""The row of filters above the event list. Each calls back with its name in a `Question`; none reads data."""

from collections.abc import Callable
from datetime import date
from typing import Any

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.dates import DateField, from_field, till_field
from webhook_ui.ui.event_address import Judged, Question
from webhook_ui.ui.fields import filter_field, name_inside, search_field
from webhook_ui.ui.kept_forms import Control, Kept
from webhook_ui.ui.parts import box


class EventFilters:
    """Search, From, To, Trigger, Tenant. `ask(q="…")` hears each change; `show` follows the address.

    Only what the address changed is written to a field, so that nothing is taken from under somebody's fingers.
    """

    def __init__(self, tab: Tab, question: Question, judged: Judged, ask: Callable[..., Any]) -> None:
        self._question = question
        self._ask = ask
        self._triggers = tab.services.plugins.triggers
        with box("div", "w-filters") as self.element:
            self.element.props["role"] = "search"
            self.element.props["aria-label"] = tr("Events")
            self._search = search_field(
                tr("Search evt_… or customer.id=42"), question.q, lambda words: self._tell("q", words), wait_ms=500
            )
            self._search.props["maxlength"] = 200
            self._more = button(tr("Filters"), self._open, icon=icons.FILTER).classes("w-filters-more")
            # those that are set are in sight after a new page, too
            self._more.props["aria-expanded"] = "true" if question.trigger or question.tenant else "false"
            self._first = from_field(judged.first, lambda day: self._tell("first", _text(day)))
            self._last = till_field(judged.last, lambda day: self._tell("last", _text(day)))
            self._trigger = filter_field(
                tr("Trigger"),
                self._offers(question.trigger),
                question.trigger,
                lambda name: self._tell("trigger", name),
            )
            self._tenant = _tenant_field(question.tenant, lambda name: self._tell("tenant", name))
        Kept(tab, self.element, "filters events").follow(self._controls)
        self.show(question, judged)

    def show(self, question: Question, judged: Judged) -> None:
        """Follows the address, and explains at the days what is wrong with them."""
        before, self._question = self._question, question
        for control, old, new in (
            (self._search, before.q, question.q),
            (self._tenant, before.tenant, question.tenant),
        ):
            if new not in {old, (control.value or "").strip()}:
                control.value = new
        for field, old, new in ((self._first, before.first, question.first), (self._last, before.last, question.last)):
            if new not in {old, field.control.value}:
                field.enter(new)
        if self._trigger.value != question.trigger:
            self._trigger.set_options(self._offers(question.trigger), value=question.trigger)
        is_set = bool(question.trigger or question.tenant)
        self._more.classes(add="w-pressed" if is_set else "", remove="" if is_set else "w-pressed")
        self._tenant.classes(add="w-set" if question.tenant else "", remove="" if question.tenant else "w-set")
        _explain(self._first, question.first, judged.first_problem)
        _explain(self._last, question.last, judged.last_problem)

    @property
    def _controls(self) -> dict[str, Control]:
        """What a browser keeps of them while the server does not hear of it."""
        return {
            "search": self._search,
            "from": self._first,
            "to": self._last,
            "trigger": self._trigger,
            "tenant": self._tenant,
        }

    def _tell(self, name: str, value: str) -> Any:
        # what only follows the address is no news
        return None if getattr(self._question, name) == value else self._ask(**{name: value})

    def _offers(self, chosen: str) -> dict[str, str]:
        names = [*self._triggers, *([chosen] if chosen and chosen not in self._triggers else [])]
        return {"": tr("All"), **{name: name for name in names}}

    def _open(self) -> None:
        opened = self._more.props["aria-expanded"] == "true"
        self._more.props["aria-expanded"] = "false" if opened else "true"


def _tenant_field(value: str, on_change: Callable[[str], Any]) -> ui.input:
    made = ui.input(value=value).classes("w-filter")
    name_inside(made, tr("Tenant"))
    made.props.update({"debounce": 500, "maxlength": 200, "dir": "auto"})
    made.props.update({"clearable": True, "clear-icon": icons.CLOSE, "autocomplete": "off"})
    made.on_value_change(lambda event: on_change((event.value or "").strip()))
    return made


def _explain(field: DateField, typed: str, problem: str | None) -> None:
    if field.control.value != typed and problem:
        field.enter(typed)
    # what is half typed meanwhile explains itself
    if field.control.value == typed:
        field.show_error(problem)


def _text(day: date | None) -> str:
    return day.isoformat() if day else ""
