"""Buttons, toggles and menus, and code with its copy button. They call back; they change nothing themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from nicegui import ui

from webhook_ui.languages import mark, tr
from webhook_ui.ui import icons, markup
from webhook_ui.ui.parts import Text, box, dress, link, mono, symbol, text
from webhook_ui.ui.popup import Popup, menu_entry
from webhook_ui.ui.written import Written

Kind = Literal["plain", "primary", "quiet", "danger"]
SORTS = (
    ("created", mark("Creation date"), ""),
    ("updated", mark("Update date"), ""),
    ("id", mark("Smart sorting"), mark("by ID")),
)
ORDERS = (("asc", mark("Ascending"), icons.UP), ("desc", mark("Descending"), icons.DOWN))


def button(
    label: str,
    on_click: Callable[[], Any] | None = None,
    *,
    icon: str | None = None,
    kind: Kind = "plain",
    small: bool = False,
    name: str = "",
) -> ui.button:
    """A button with words; one `primary` a view. `name` when a screen reader needs more than the words."""
    made = ui.button(label, icon=icon, color=None).classes(f"w-btn w-{kind}")
    if on_click:
        made.on_click(lambda _: on_click())
    if small:
        made.classes("w-small")
    if name:
        made.props["aria-label"] = name
    return made


def icon_button(
    icon: str, name: str, on_click: Callable[[], Any] | None = None, *, kind: Kind = "quiet", small: bool = True
) -> ui.button:
    """A button that is only an icon; `name` is its accessible name and its title."""
    made = button("", on_click, icon=icon, kind=kind, small=small, name=name).classes("w-only-icon")
    made.props["title"] = name
    return made


def clear_button(label: str, on_click: Callable[[], Any], *, kind: Kind = "plain", small: bool = False) -> ui.button:
    """Takes filters back, and goes with them: who pressed it by key stands in the first of them (`static/focus.js`)."""
    made = button(label, on_click, icon=None if small else icons.CLOSE, kind=kind, small=small)
    made.props["data-then"] = "[role=search] input"
    return made


def words_button(words: str, on_click: Callable[[], Any]) -> Text:
    """A button that stands in a sentence and looks like a link there."""
    made = Text("button", words, "w-jump", type="button")
    made.on("click", lambda _: on_click())
    return made


def way_button(words: str, icon: str, path: str) -> ui.element:
    """A link that looks like a button: it leads to where something is asked for, or ordered."""
    with link("", path, "w-btn w-way") as way:
        symbol(icon)
        text(words)
    return way


def copy_button(content: str, name: str) -> ui.button:
    """Copies in the browser (`static/app.js`), without asking the server."""
    made = icon_button(icons.COPY, name)
    made.props["data-copy"] = content
    return made


def code_block(content: str, *, name: str, copy: bool = True) -> ui.element:
    """Verbatim text that scrolls sideways; `name` says what it is ("Response")."""
    with box("div", "w-code") as block:
        pre = Text("pre", content)
        pre.props["tabindex"] = "0"
        pre.props["aria-label"] = name
        pre.props["role"] = "region"
        if copy:
            what = name[:1].lower() + name[1:]
            copy_button(content, tr("Copy {what}", what=what))
    return block


def command(content: str) -> ui.element:
    """One line for the terminal, with its copy button."""
    with box("div", "w-command") as line:
        mono(content, "w-grow", cut=True)
        copy_button(content, tr("Copy command"))
    return line


class Tick:
    """A checkbox without words; `on_tick(chosen, shift)` hears whether Shift was held down."""

    def __init__(self, name: str, on_tick: Callable[[bool, bool], Any]) -> None:
        self.element = box("input", "w-tick", label=name)
        dress(self.element, type="checkbox")
        self.element.on(
            "click",
            lambda event: on_tick(bool(event.args[0]), bool(event.args[1])),
            js_handler="(event) => emit(event.target.checked, event.shiftKey)",
        )

    def show(self, chosen: bool, *, partly: bool = False) -> None:
        """Ticks it or not; `partly` is for some of many."""
        props = {"checked": chosen, "indeterminate": partly}
        for name, value in props.items():
            if self.element.props.get(name, False) is not value:
                self.element.props[name] = value


# what was pressed looks so before the server has heard of it, and while it cannot
_PRESS_AT_ONCE = """() => {
    for (const one of elements[GROUP].children) elements[one].props["aria-pressed"] = one === id ? "true" : "false";
}"""


class Choices:
    """Buttons of which one is pressed; `value` can be set from outside."""

    def __init__(
        self, name: str, options: Sequence[tuple[str, str, str | None]], value: str, on_change: Callable[[str], Any]
    ) -> None:
        self._on_change = on_change
        self._buttons: dict[str, ui.button] = {}
        with box("div", "w-seg", label=name) as self.element:
            self.element.props["role"] = "group"
            for key, label, icon in options:
                made = icon_button(icon, label, small=False) if icon else button(label, kind="quiet")
                made.props["data-choice"] = key
                made.on("click", js_handler=_PRESS_AT_ONCE.replace("GROUP", str(self.element.id)))
                made.on_click(lambda _, key=key: self._choose(key))
                self._buttons[key] = made
        self.value = value

    @property
    def value(self) -> str:
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        self._value = value
        for key, made in self._buttons.items():
            made.props["aria-pressed"] = "true" if key == value else "false"

    def choose(self, key: str) -> bool:
        """As a press does, where nobody has to wait for what it leads to; whether it is another one than before."""
        is_other = key in self._buttons and key != self._value
        if is_other:
            self._choose(key)
        return is_other

    def _choose(self, key: str) -> Any:
        if key == self._value:
            return None
        self.value = key
        return self._on_change(key)  # what comes back may have to be awaited


def view_toggle(value: Literal["list", "card"], on_change: Callable[[str], Any]) -> Choices:
    """List view, Card view."""
    options = [("list", tr("List view"), icons.LIST), ("card", tr("Card view"), icons.CARDS)]
    return Choices(tr("View"), options, value, on_change)


class SortMenu:
    """The button Sort; `on_change(sort, order)` hears `created`, `updated` or `id`, and `asc` or `desc`.

    `on_failing(first)` hears whether failing ones shall stand above the others; without it that is not offered.
    """

    def __init__(
        self,
        sort: str,
        order: str,
        on_change: Callable[[str, str], Any],
        *,
        failing_first: bool = False,
        on_failing: Callable[[bool], Any] | None = None,
    ) -> None:
        self.sort, self.order, self.failing_first = sort, order, failing_first
        self._on_change = on_change
        self._entries: dict[str, ui.menu_item] = {}
        self.button = button(tr("Sort"), icon=icons.SORT)
        self.button.props["aria-haspopup"] = "menu"
        with self.button, Popup(tr("Sort")):
            text(tr("Sort by"), "w-menu-head").props["role"] = "presentation"
            with box("div", label=tr("Sort by")) as group:
                group.props["role"] = "group"
                for key, label, hint in SORTS:
                    self._entry(key, tr(label), partial(self._choose_sort, key), hint=tr(hint))
            ui.separator().props["role"] = "separator"
            with box("div", label=tr("Direction")) as group:
                group.props["role"] = "group"
                for key, label, icon in ORDERS:
                    self._entry(key, tr(label), partial(self._choose_order, key), icon=icon)
            if on_failing:
                ui.separator().props["role"] = "separator"
                entry = self._entry("failing", tr("Failing first"), lambda: on_failing(not self.failing_first))
                entry.props["role"] = "menuitemcheckbox"
        self._mark()

    def show(self, sort: str, order: str, *, failing_first: bool = False) -> None:
        """Marks what is in force, without calling back."""
        self.sort, self.order, self.failing_first = sort, order, failing_first
        self._mark()

    def choose(self, sort: str, order: str) -> Any:
        self.show(sort, order, failing_first=self.failing_first)
        return self._on_change(sort, order)

    def _choose_sort(self, sort: str) -> Any:
        return self.choose(sort, self.order)

    def _choose_order(self, order: str) -> Any:
        return self.choose(self.sort, order)

    def _entry(
        self, key: str, label: str, on_click: Callable[[], Any], *, hint: str = "", icon: str | None = None
    ) -> ui.element:
        with menu_entry(on_click, "menuitemradio") as entry:
            symbol(icons.CHECK, "w-menu-check")
            if icon:
                symbol(icon)
            text(label)
            if hint:
                # a hint beside the name, not a part of it
                text(hint, "w-meta w-end").props["aria-hidden"] = "true"
        self._entries[key] = entry
        return entry

    def _mark(self) -> None:
        chosen = {self.sort, self.order, *(["failing"] if self.failing_first else [])}
        for key, entry in self._entries.items():
            entry.props["aria-checked"] = "true" if key in chosen else "false"


@dataclass(frozen=True, kw_only=True)
class Action:
    """One entry of a menu; what is in `copy` is copied by the browser as well."""

    label: str
    on_click: Callable[[], Any]
    icon: str | None = None
    danger: bool = False
    copy: str = ""


def more_menu(
    actions: Sequence[Action] | Callable[[], Sequence[Action]], *, name: str = "", small: bool = True
) -> ui.element:
    """The three dots and what they offer; a function is asked what that is each time the menu opens.

    Lists have one in each row: it is no button of NiceGUI's, which costs ten times as much.
    """
    name = name or tr("More")
    with box("button", f"w-btn w-quiet w-only-icon w-dots{' w-small' if small else ''}", label=name) as made:
        # `static/shell.js` opens it by a key
        dress(made, type="button", title=name, data_more="true", aria_haspopup="menu")
        Written("span", markup.symbol(icons.MORE), "w-contents")
        if not callable(actions):
            with Popup(name):
                _entries(actions)
    if callable(actions):
        made.on("click", lambda _: _toggle_menu(made, name, actions))
    return made


def with_menu(opener: ui.button, name: str, actions: Sequence[Action]) -> ui.button:
    """A button that opens a menu."""
    opener.props["aria-haspopup"] = "menu"
    with opener, Popup(name):
        _entries(actions)
    return opener


def _toggle_menu(opener: ui.element, name: str, offer: Callable[[], Sequence[Action]]) -> None:
    for known in [element for element in opener.default_slot.children if isinstance(element, Popup)]:
        if known.value:
            known.hide()
            return
        known.delete()  # on its way out
    opener = _successor(opener, name)
    with opener, Popup(name) as menu:
        _entries(offer())
    menu.props("no-parent-event")
    menu.on("hide", lambda _: _discard(menu))
    menu.show()


def _successor(opener: ui.element, name: str) -> ui.element:
    """What stands in its place, where it was taken away while it was pressed."""
    if not opener.is_deleted:
        return opener
    others = (one for one in opener.client.elements.values() if "data-more" in one.props)
    return next((one for one in others if one.props["aria-label"] == name), opener)


def _discard(menu: Popup) -> None:
    """Gone when it has closed, so that a page of many cards stays light."""
    if not menu.is_deleted:
        menu.delete()


def _entries(actions: Sequence[Action]) -> None:
    for action in actions:
        with menu_entry(action.on_click) as entry:
            if action.icon:
                symbol(action.icon)
            text(action.label)
        if action.danger:
            entry.classes("w-danger")
        if action.copy:
            entry.props["data-copy"] = action.copy
