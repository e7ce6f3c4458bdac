"""A place for notices that come and go while somebody reads: they move nothing until he wants to see the whole."""

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.parts import dress


class Steady(ui.element, component="static/steady.js"):
    """`notice` goes into it. What is there from the beginning, or comes after a press, takes its room at once."""

    def __init__(self, classes: str = "") -> None:
        super().__init__()
        dress(self, classes, more=tr("Show all of it"), icon=icons.CHEVRON)
