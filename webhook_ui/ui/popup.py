"""Menus and their entries, and what else pops up. The browser opens and closes it; the server only hears of it.

If it were asked first, as NiceGUI does, a menu would stand there after a choice until the answer has come: whoever
presses its button meanwhile closes it, and what he chooses next is lost in a menu on its way out.
"""

from collections.abc import Callable
from typing import Any, Literal

from nicegui import ui

Role = Literal["menuitem", "menuitemradio", "menuitemcheckbox"]


class Overlay(ui.menu):
    """Empty, for the element it stands in."""

    LOOPBACK = None

    def __init__(self, name: str) -> None:
        super().__init__()
        self.props["aria-label"] = name

    def _value_to_model_value(self, value: bool) -> None:
        """Nothing, whatever the value: by this Quasar knows that nobody but the browser decides."""

    def show(self) -> None:
        """For one that was made only now, and whose button could not open it."""
        self.run_method("show")

    def hide(self) -> None:
        """As a choice or Escape does."""
        self.run_method("hide")


class Popup(Overlay):
    """An empty menu; arrow keys come from `static/app.js`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.classes("w-menu").props('auto-close anchor="bottom right" self="top right" :offset="[0, 4]"')
        self.props("transition-duration=120")


def menu_entry(on_click: Callable[[], Any], role: Role = "menuitem") -> ui.menu_item:
    """An entry to be filled; its menu closes by itself."""
    entry = ui.menu_item(on_click=lambda _: on_click(), auto_close=False).classes("w-menu-item")
    entry.props["role"] = role
    entry.props["tabindex"] = "-1"
    return entry
