"""At the foot of the navigation: who is signed in, and what is theirs: theme, language, keys, signing out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from nicegui import ui

from webhook_ui.actors import Role
from webhook_ui.languages import LANGUAGES, language, mark, tr
from webhook_ui.ui import formats, icons
from webhook_ui.ui.parts import box, foreign, symbol, text
from webhook_ui.ui.popup import Popup, menu_entry

ROLES = {Role.admin: mark("Admin"), Role.operator: mark("Operator"), Role.viewer: mark("Viewer")}
THEMES = (("system", mark("As the system")), ("light", mark("Light")), ("dark", mark("Dark")))


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who is signed in; `name` may be an e-mail address."""

    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class AccountActions:
    """What the menu offers; what is None is left out."""

    on_theme: Callable[[str], Any] | None = None
    on_language: Callable[[str], Any] | None = None
    on_keys: Callable[[], Any] | None = None
    on_sign_out: Callable[[], Any] | None = None


class AccountMenu:
    """A button with the person's name that opens the menu."""

    def __init__(self, person: Person, actions: AccountActions, theme: str) -> None:
        self._themes: dict[str, ui.menu_item] = {}
        with box("button", "w-account", label=tr("Account: {name}", name=person.name)) as opener:
            text(formats.initials(person.name), "w-avatar").props["aria-hidden"] = "true"
            with box("span", "w-person"):
                foreign(person.name, "w-medium")
                text(person.role, "w-meta")
            symbol(icons.CHEVRON, "w-account-sign")
            self._build_menu(actions)
        opener.props["type"] = "button"
        opener.props["aria-haspopup"] = "menu"
        opener.props["title"] = person.name
        self.show(theme)

    def show(self, theme: str) -> None:
        """Marks the theme that is in force."""
        for name, entry in self._themes.items():
            entry.props["aria-checked"] = "true" if name == theme else "false"

    def _build_menu(self, actions: AccountActions) -> None:
        with Popup(tr("Account")).props('anchor="top left" self="bottom left"'):
            if actions.on_theme:
                with _group(tr("Theme")):
                    for name, label in THEMES:
                        self._themes[name] = _entry(tr(label), partial(actions.on_theme, name), check=True)
                ui.separator().props["role"] = "separator"
            if actions.on_language:
                with _group(tr("Language")):
                    for code, own_name in LANGUAGES.items():
                        entry = _entry(own_name, partial(actions.on_language, code), check=True)
                        entry.props["aria-checked"] = "true" if code == language() else "false"
                        entry.props["lang"] = code
                ui.separator().props["role"] = "separator"
            if actions.on_keys:
                _entry(tr("Keyboard shortcuts"), actions.on_keys, icon=icons.KEYBOARD)
            if actions.on_sign_out:
                _entry(tr("Sign out"), actions.on_sign_out, icon=icons.SIGN_OUT)


@contextmanager
def _group(title: str) -> Iterator[None]:
    text(title, "w-menu-head").props["role"] = "presentation"
    with box("div", label=title) as group:
        group.props["role"] = "group"
        yield


def _entry(label: str, on_click: Callable[[], Any], *, icon: str = "", check: bool = False) -> ui.menu_item:
    with menu_entry(on_click, "menuitemradio" if check else "menuitem") as entry:
        symbol(icons.CHECK, "w-menu-check") if check else symbol(icon)
        text(label)
    return entry
