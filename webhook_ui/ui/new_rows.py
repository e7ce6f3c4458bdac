"""What has come in and is not in a list yet, said above it. It floats, so that nothing moves when it comes or goes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.parts import box, symbol, text
from webhook_ui.ui.turnover import BEAT_SECONDS


class NewRows:
    """To be built before the list. `count` puts their number into words, `on_show` hears that they are wanted now."""

    def __init__(self, count: Callable[[int], str], on_show: Callable[[], Any]) -> None:
        self._count = count
        with box("div", "w-news"):
            with box("button", "w-new-rows") as self._button:
                symbol(icons.UP)
                self._words = text("")
            # a figure that changes twice a second would never be let speak to its end
            self._said = text("", "w-hidden")
        self._said.props["role"] = "status"
        self._button.props["type"] = "button"
        self._button.on("click", on_show)
        self._button.set_visibility(False)

    def show(self, waiting: int, *, hurried: bool = False) -> None:
        """So many wait; `hurried` where they come in faster than the list turns over."""
        pace = tr("updated every {n} s", n=f"{BEAT_SECONDS:g}") if hurried else ""
        number = self._count(waiting) if waiting else ""
        self._words.set_text(" · ".join(filter(None, (number, pace))))
        self._button.set_visibility(hurried or waiting > 0)
        if hurried:
            said = tr("New rows come in quickly. The list is updated every {n} s.", n=f"{BEAT_SECONDS:g}")
        else:
            said = tr("There are new rows above the list.") if waiting else ""
        self._said.set_text(said)


async def stands_at_top(listing: ui.element) -> bool:
    """Whether the browser shows the beginning of this list, so that what comes in pushes nothing that is read."""
    with suppress(TimeoutError):
        script = f"return getHtmlElement({listing.id}).getBoundingClientRect().top >= 0 || scrollY < 8"
        return bool(await ui.run_javascript(script, timeout=2.0))
    return False


def show_beginning(listing: ui.element) -> None:
    """Scrolls there, and takes the keyboard along if the button is gone on which it stood."""
    ui.run_javascript(
        f"const list = getHtmlElement({listing.id});"
        "list.scrollIntoView({block: 'nearest'});"
        "requestAnimationFrame(() => {"
        "    if (document.activeElement.matches('body, .w-new-rows'))"
        "        list.querySelector('tbody a')?.focus({preventScroll: true})"
        "})"
    )
