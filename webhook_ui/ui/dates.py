"""The fields for days (typed or picked, checked for their form, empty allowed) and for moments in a zone."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import formats, icons, reader
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.fields import Field, name_inside, put_inside, text_field
from webhook_ui.ui.parts import box, prose, symbol
from webhook_ui.ui.popup import Overlay


class DateField:
    """One day. `on_change` hears a `date` or `None`, each change once, never anything half typed."""

    def __init__(
        self, label: str, value: date | None, on_change: Callable[[date | None], Any], *, calendar: str
    ) -> None:
        """`calendar` names the pop-up ("Choose the first day")."""
        self.value = value
        self._malformed = False
        self._problem: str | None = None
        self._on_change = on_change
        with box("div", "w-date") as self.element:
            self.control = ui.input(value=value.isoformat() if value else "", placeholder=tr("YYYY-MM-DD"))
            self._message = box("div", "w-error")
        self._message.set_visibility(False)
        self._dress(label)
        self._build_calendar(calendar)
        self.control.on_value_change(lambda event: self._typed(event.value or ""))
        self.control.on("blur", lambda _: self._finish())
        self.control.on("keydown.enter", lambda _: self._finish())

    def set(self, value: date | None) -> None:
        """Shows `value` without calling back."""
        self.value = value
        self.control.value = value.isoformat() if value else ""
        self._picker.value = value.isoformat() if value else None
        self._refuse(None)

    def take(self, typed: str) -> Any:
        """Hears this as if somebody had typed it here and gone on."""
        self.control.value = typed
        return self._finish()

    def enter(self, typed: str) -> None:
        """Shows what was typed elsewhere (in an address), as if it had been typed here."""
        self.control.value = typed
        self._finish()

    def show_error(self, message: str | None) -> None:
        """For what only the page knows: To before From."""
        if message == self._problem:
            return
        self._problem = message
        self._message.clear()
        self._message.set_visibility(message is not None)
        self.element.classes(add="w-bad" if message else "", remove="" if message else "w-bad")
        if message:
            with self._message:
                symbol(icons.ERROR)
                prose(message, tag="span")
            self.control.props["aria-invalid"] = "true"
            self.control.props["aria-describedby"] = self._message.html_id
        else:
            self.control.props.pop("aria-invalid", None)
            self.control.props.pop("aria-describedby", None)

    def _dress(self, label: str) -> None:
        props = self.control.props
        name_inside(self.control, label)
        props["autocomplete"] = "off"
        props["clearable"] = True
        props["clear-icon"] = icons.CLOSE
        props["maxlength"] = 10
        props["inputmode"] = "numeric"

    def _build_calendar(self, name: str) -> None:
        with self.control.add_slot("append"):
            opener = icon_button(icons.DATE, name)
            opener.props["aria-haspopup"] = "dialog"
            with Overlay(name).classes("w-calendar") as calendar:
                picked = self.value.isoformat() if self.value else None
                self._picker = ui.date(picked, on_change=lambda event: self._picked(event.value))
                self._picker.props(f"minimal first-day-of-week={reader.first_weekday()} no-unset")
        props = calendar.props
        # the field stays in focus, so that a date can be typed while the calendar is open
        props('no-parent-event no-focus no-refocus anchor="bottom left" self="top left" :offset="[0, 4]"')
        props["target"] = f"#{self.element.html_id}"
        props["role"] = "dialog"
        menu = f"getElement({calendar.id})"
        self.control.on("click", js_handler=f"() => {menu}.show()")
        # the day that is chosen already is a choice as well
        chosen = "event.target.closest('.q-date__calendar-days button')"
        self._picker.on("click", js_handler=f"(event) => {chosen} && {menu}.hide()")
        # only the button brings the focus into the calendar, for the keyboard (`static/calendar.js`)
        enter = f"webhookUi.enterCalendar({json.dumps(name)}, event.currentTarget)"
        opener.on("click", js_handler=f"(event) => {{ {menu}.toggle(); {enter} }}")
        back = f"getHtmlElement({opener.id}).focus()"
        calendar.on("hide", js_handler=f"() => document.activeElement === document.body && {back}")

    def _picked(self, chosen: str | None) -> None:
        if chosen and chosen != self.control.value:
            self.control.value = chosen

    def _typed(self, typed: str) -> Any:
        try:
            value = formats.read_date(typed)
        except ValueError as error:
            # what is still being typed is not yet wrong
            self._refuse(str(error) if len(typed.strip()) >= 10 else None)
            return None
        return None if value and len(typed.strip()) < 10 else self._take(value)

    def _finish(self) -> Any:
        typed = self.control.value or ""
        try:
            value = formats.read_date(typed)
        except ValueError as error:
            self._refuse(str(error))
            return None
        if value and typed != value.isoformat():
            self.control.value = value.isoformat()
        return self._take(value)

    def _refuse(self, message: str | None) -> None:
        self._malformed = message is not None
        self.show_error(message)

    def _take(self, value: date | None) -> Any:
        if self._malformed or value != self.value:
            self._refuse(None)
        if value == self.value:
            return None
        self.value = value
        self._picker.value = value.isoformat() if value else None
        return self._on_change(value)


def from_field(value: date | None, on_change: Callable[[date | None], Any]) -> DateField:
    """From, inclusive."""
    return DateField(tr("From"), value, on_change, calendar=tr("Choose the first day"))


def till_field(value: date | None, on_change: Callable[[date | None], Any]) -> DateField:
    """To, inclusive."""
    return DateField(tr("To"), value, on_change, calendar=tr("Choose the last day"))


class MomentField:
    """A day and a time of it, by the clocks of `zone`; midnight where no time is given. Empty without a day."""

    def __init__(
        self, label: str, value: datetime | None, zone: ZoneInfo, on_change: Callable[[], Any], *, calendar: str
    ) -> None:
        self.label, self._zone = label, zone
        local = value.astimezone(zone) if value else None
        self._error: str | None = None
        with box("div", "w-moment") as self.element:
            self._day = DateField(label, local.date() if local else None, lambda _: on_change(), calendar=calendar)
            self._clock = text_field(
                tr("{label}, time", label=label),
                value=local.strftime("%H:%M") if local else "",
                placeholder="00:00",
                max_length=5,
                on_change=lambda _: on_change(),
            )
            put_inside(self._clock.control, tr("at"))

    def parts(self, name: str) -> dict[str, DateField | Field]:
        """Its day and its time, by the names under which a browser keeps them."""
        return {name: self._day, f"{name} time": self._clock}

    def enter(self, typed: str) -> None:
        """Shows what was typed elsewhere as the day (in an address), with what is wrong with it."""
        self._day.enter(typed)

    @property
    def error(self) -> str | None:
        """What is wrong with the whole, as its owner has said."""
        return self._error

    @error.setter
    def error(self, message: str | None) -> None:
        self._error = message
        self._day.show_error(message)
        self._clock.error = None

    def focus(self) -> None:
        self._day.control.run_method("focus")

    def read(self) -> datetime | None:
        """The moment. Raises ValueError that says what is wrong."""
        day = formats.read_date(self._day.control.value or "")
        clock = formats.read_clock(self._clock.value or "")
        return datetime.combine(day, clock, self._zone) if day else None
