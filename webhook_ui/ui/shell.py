"""The frame around every page: navigation, top bar, who is there. Knows no page but by its entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nicegui import context, ui

from webhook_ui.ui import formats, icons, toasts
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.parts import Text, box, foreign, link, symbol, text
from webhook_ui.ui.theme import STATIC_URL


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One page of the navigation."""

    title: str
    icon: str
    path: str
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who is signed in; `name` may be an e-mail address."""

    name: str
    role: str


ENTRIES = (
    Entry(title="Webhooks", icon=icons.WEBHOOK, path="/"),
    Entry(title="Triggers", icon=icons.TRIGGERS, path="/triggers"),
    Entry(title="Settings", icon=icons.SETTINGS, path="/settings"),
)


class Shell:
    """Side navigation from 1280 px, a rail from 600 px, below that a top bar with a menu. Built once a tab.

    `with shell.content:` holds `ui.sub_pages`; `with shell.bar:` what every page says above all, see `show_stopped`.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        person: Person,
        on_sign_out: Callable[[], Any] | None = None,
        on_stop: Callable[[], Any] | None = None,
    ) -> None:
        """Without `on_sign_out` (nobody signed in) there is no such button; `on_stop` is for who may stop sending."""
        self._entries = entries
        self._person = person
        self._on_sign_out, self._on_stop = on_sign_out, on_stop
        self._stops: list[tuple[ui.element, ui.element | None]] = []
        self._links: list[tuple[Entry, ui.element, Text]] = []
        client = context.client
        client.layout.classes("w-app")
        with client.layout:
            self._side = box("nav", "w-side", label="Main")
            top = box("header", "w-top")
            self.bar = box("div", "w-stopbar")
        self.bar.props["role"] = "status"
        self.bar.set_visibility(False)
        self.bar.move(target_index=0)
        self._side.move(target_index=0)
        top.move(target_index=1)
        with self._side:
            self._fill()
        with top:
            icon_button(icons.MENU, "Menu", self._open_menu, small=False)
        self._build_drawer()
        toasts.prepare()
        self.content = box("div", "w-content")
        ui.skip_link(target=self.content)
        client.sub_pages_router.on_path_changed(self._show_current)
        self._show_current(client.sub_pages_router.current_path)

    def set_count(self, path: str, count: int | None) -> None:
        """The number beside an entry; none for `None`."""
        for entry, _, figure in self._links:
            if entry.path == path:
                figure.set_text("" if count is None else formats.count(count))

    def show_stopped(self, stopped: bool) -> None:
        """Shows the bar above all pages, and in the navigation that sending is stopped or the way to stop it."""
        self.bar.set_visibility(stopped)
        for sign, button_ in self._stops:
            sign.set_visibility(stopped)
            if button_:
                button_.set_visibility(not stopped)

    def _fill(self) -> None:
        logo()
        with box("ul", "w-nav"):
            for entry in self._entries:
                with box("li"), link("", entry.path, "w-nav-link") as made:
                    symbol(entry.icon)
                    text(entry.title, "w-nav-title")
                    figure = text("" if entry.count is None else formats.count(entry.count), "w-nav-count")
                made.props["title"] = entry.title
                self._links.append((entry, made, figure))
        with box("div", "w-side-switch"):
            with box("div", "w-row w-side-stopped") as sign:
                box("span", "w-dot").props["aria-hidden"] = "true"
                text("Sending stopped", "w-nav-title w-error-ink")
            sign.set_visibility(False)
            stop = button("Stop sending", self._on_stop, icon=icons.STOP, kind="quiet") if self._on_stop else None
            if stop:
                stop.props["title"] = "Stop sending"
            self._stops.append((sign, stop))
        with box("div", "w-side-foot"):
            text(formats.initials(self._person.name), "w-avatar").props["aria-hidden"] = "true"
            with box("span", "w-person"):
                foreign(self._person.name, "w-medium")
                text(self._person.role, "w-meta")
            if self._on_sign_out:
                icon_button(icons.SIGN_OUT, "Sign out", self._on_sign_out)

    def _build_drawer(self) -> None:
        self._drawer = ui.dialog().props("position=left transition-duration=200")
        self._drawer.props["aria-label"] = "Menu"
        with self._drawer, box("nav", "w-drawer", label="Menu"):
            self._fill()

    def _open_menu(self) -> None:
        self._drawer.open()

    def _show_current(self, address: str) -> None:
        """The entry whose path is the longest beginning of the address; `/` also has `/webhooks/…`."""
        path = urlsplit(address).path
        fitting = [e.path for e in self._entries if e.path != "/" and (path == e.path or path.startswith(e.path + "/"))]
        current = max(fitting, key=len, default="/")
        for entry, made, _ in self._links:
            made.props.set_optional("aria-current", "page" if entry.path == current else None)
        self._drawer.close()


def logo() -> ui.element:
    """The mark and the name."""
    with box("div", "w-brand") as brand:
        mark = box("img", "w-mark")
        mark.props["src"] = f"{STATIC_URL}/favicon.svg"
        mark.props["alt"] = ""
        text("Webhook UI", "w-brand-name")
    return brand
