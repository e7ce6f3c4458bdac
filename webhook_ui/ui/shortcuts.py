"""The keyboard shortcuts: one table, which `static/shell.js` acts by and the help shows, and the help itself."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from itertools import groupby
from typing import Literal

from nicegui import ui

from webhook_ui.languages import mark, tr
from webhook_ui.ui import icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.fields import switch
from webhook_ui.ui.parts import box, text

PREFERENCE = "shortcuts"


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """One way to do something by keys. `act` is what the browser does, `on` with what: a path or a CSS selector.

    The browser's own keys (Enter, Escape) stand in the table for the help alone and have no `act`.
    """

    keys: Sequence[str]  # one after the other
    also: str = ""  # another key for the same
    does: str
    group: str
    act: Literal["go", "focus", "press", "move", "menu", "undo", "help", "palette", ""] = ""
    on: str = ""


GO, ANYWHERE, LISTS = mark("Go to"), mark("Anywhere"), mark("In lists")
SHORTCUTS = (
    Shortcut(keys=("g", "w"), does=mark("Webhooks"), group=GO, act="go", on="/"),
    Shortcut(keys=("g", "d"), does=mark("Deliveries"), group=GO, act="go", on="/deliveries"),
    Shortcut(keys=("g", "e"), does=mark("Events"), group=GO, act="go", on="/events"),
    Shortcut(keys=("g", "r"), does=mark("Redeliveries"), group=GO, act="go", on="/redeliveries"),
    Shortcut(keys=("g", "t"), does=mark("Triggers"), group=GO, act="go", on="/triggers"),
    Shortcut(keys=("g", "s"), does=mark("Settings"), group=GO, act="go", on="/settings"),
    Shortcut(
        keys=("/",), does=mark("Search this page"), group=ANYWHERE, act="focus", on='.w-content input[type="search"]'
    ),
    Shortcut(
        keys=("n",), does=mark("Add: the page's first action"), group=ANYWHERE, act="press", on=".w-content .w-lead"
    ),
    Shortcut(keys=(".",), does=mark("Open the actions of a row, or of the page"), group=ANYWHERE, act="menu"),
    Shortcut(keys=("z",), does=mark("Undo what was just done"), group=ANYWHERE, act="undo"),
    Shortcut(keys=("?",), does=mark("Show this help"), group=ANYWHERE, act="help"),
    Shortcut(keys=("Escape",), does=mark("Close what is open"), group=ANYWHERE),
    Shortcut(keys=("j",), also="ArrowDown", does=mark("Next row"), group=LISTS, act="move", on="1"),
    Shortcut(keys=("k",), also="ArrowUp", does=mark("Previous row"), group=LISTS, act="move", on="-1"),
    Shortcut(keys=("Enter",), does=mark("Open the row"), group=LISTS),
)
PALETTE_KEYS = ("Ctrl", "K")
FINISH_KEYS = ("Ctrl", "Enter")
_SHOWN = {"ArrowDown": "↓", "ArrowUp": "↑", "Escape": mark("Esc")}


def place_of(path: str) -> int:
    """Where a page stands in the navigation: as in the table, others behind."""
    paths = [one.on for one in SHORTCUTS if one.act == "go"]
    return paths.index(path) if path in paths else len(paths)


class ShortcutsHelp:
    """The help over the page, with the switch that turns single keys off. Opens and closes in the browser."""

    def __init__(self, tab: Tab, paths: Sequence[str]) -> None:
        """`paths` are the pages there are; keys for others are left out."""
        self._tab = tab
        table = [one for one in SHORTCUTS if one.act != "go" or one.on in paths]
        enabled = tab.preference(PREFERENCE) != "off"
        self._dialog = box("dialog", "w-over w-keys-help", label=tr("Keyboard shortcuts"))
        self._dialog.props["data-keys"] = json.dumps([asdict(one) for one in table if one.act])
        self._show(enabled)
        with self._dialog:
            with box("div", "w-dialog-head"):
                text(tr("Keyboard shortcuts"), tag="h2")
                icon_button(icons.CLOSE, tr("Close"), small=False).props["data-close"] = "true"
            with box("div", "w-dialog-body"):
                switch(
                    tr("Single-key shortcuts"),
                    enabled,
                    detail=tr("Off for who speaks to the computer or presses keys by accident; Ctrl K stays"),
                    on_change=self._turn,
                )
                with box("div", "w-keys"):
                    for group, some in groupby(table, key=lambda one: one.group):
                        _show_group(group, list(some))

    def _turn(self, enabled: bool) -> None:
        self._tab.prefer(PREFERENCE, "on" if enabled else "off")
        self._show(enabled)

    def _show(self, enabled: bool) -> None:
        self._dialog.props["data-on"] = "true" if enabled else "false"


def open_help() -> None:
    """Opens the help in the browser that asks."""
    ui.run_javascript("webhookUi.help()")


def _show_group(group: str, some: Sequence[Shortcut]) -> None:
    with box("section"):
        text(tr(group), tag="h3")
        rows = [_row(one.keys, one.also, tr(one.does)) for one in some]
        if group == ANYWHERE:
            rows.insert(0, _row(PALETTE_KEYS, "", tr("Find anything, do anything")))
            rows.insert(-1, _row(FINISH_KEYS, "", tr("Save, fire: the form's first action")))
        # plain markup of our own words: as elements these lines alone cost every page a sixth of its time
        ui.html("".join(rows), sanitize=False, tag="dl")


def _row(keys: Sequence[str], also: str, does: str) -> str:
    pressed = "".join(_key(key) for key in keys)
    if also:
        between = escape(tr("or"))
        pressed += f'<span class="w-meta">{between}</span>{_key(also)}'
    return f'<div class="w-keys-row"><dt>{pressed}</dt><dd>{escape(does)}</dd></div>'


def _key(key: str) -> str:
    return f'<kbd class="w-kbd">{escape(_SHOWN.get(key, key))}</kbd>'
