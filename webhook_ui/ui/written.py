"""An element whose whole content is `Markup`: one of the server's elements for what would be ten, or forty."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from webhook_ui.ui.markup import NOTHING, Markup
from webhook_ui.ui.parts import dress

# who presses a button inside tells what it does and in which row it stands
TELL = """(event) => {
    const button = event.target.closest("[data-do]");
    const row = button?.closest("[data-row]");
    if (row) emit(button.dataset.do, row.dataset.row);
}"""


class Written(ui.element, component="static/written.js"):
    """`write` changes it as a whole; the keyboard stays where it was inside of it."""

    def __init__(self, tag: str, content: Markup = NOTHING, classes: str = "", **props: str) -> None:
        super().__init__()
        self._content = content
        dress(self, classes, as_tag=tag, markup=str(content), **props)

    def write(self, content: Markup) -> None:
        """Shows this instead."""
        if content != self._content:
            self._content = content
            self.props["markup"] = str(content)


def hear(element: ui.element, on_press: Callable[[str, str], Any]) -> None:
    """`on_press(does, row)` hears of every button of `markup.press` inside of `element`.

    Both are what the browser says: whoever hears it looks the row up among those that it has shown.
    """
    element.on("click", lambda event: on_press(str(event.args[0]), str(event.args[1])), js_handler=TELL)
