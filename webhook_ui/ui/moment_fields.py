"""The fields From and To of a log: a day, or a day and a time of day, typed or picked. They keep what was typed."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui.languages import tr
from webhook_ui.ui.dates import DateField
from webhook_ui.ui.log_address import read_moment

WHOLE = len("2026-03-02 14:30")


class MomentField(DateField):
    """Says what was typed once it is whole; `on_change` hears the text, empty for none, each change once."""

    def __init__(self, label: str, typed: str, on_change: Callable[[str], Any], *, calendar: str) -> None:
        self._text = typed
        self._on_text = on_change
        super().__init__(label, None, lambda _: None, calendar=calendar)
        self.control.value = typed
        self.element.classes("w-moment-field")
        self.control.props["placeholder"] = tr("Any time")
        self.control.props["maxlength"] = 20
        self.control.props.pop("inputmode", None)

    def enter(self, typed: str) -> None:
        """Shows what an address says, without calling back."""
        self._text = typed
        if self.control.value != typed:
            self.control.value = typed

    def _picked(self, chosen: str | None) -> None:
        if not chosen:
            return
        _, _, clock = (self.control.value or "").partition(" ")
        self.control.value = f"{chosen} {clock}".strip()
        self._finish()

    def _typed(self, typed: str) -> Any:
        # a day alone may be the beginning of a time: it counts once the field is left
        return self._finish() if not typed or len(typed.strip()) == WHOLE else self._refuse(None)

    def _finish(self) -> Any:
        typed = (self.control.value or "").strip()
        try:
            read_moment(typed, ZoneInfo("UTC"))
        except ValueError as error:
            self._refuse(str(error))
            return None
        self._refuse(None)
        if typed == self._text:
            return None
        self._text = typed
        return self._on_text(typed)
