"""The frame around every page: navigation, top bar, who is there. Knows no page but by its entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from nicegui import context, ui

from webhook_ui.languages import mark, tr
from webhook_ui.ui import formats, icons, toasts
from webhook_ui.ui.account_menu import AccountActions, AccountMenu, Person
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.parts import Part, Text, box, focus_instead, link, symbol, text
from webhook_ui.ui.root import whole
from webhook_ui.ui.shortcuts import place_of
from webhook_ui.ui.theme import STATIC_URL


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One page of the navigation."""

    title: str
    icon: str
    path: str
    count: int | None = None


ENTRIES = (
    Entry(title=mark("Webhooks"), icon=icons.WEBHOOK, path="/"),
    Entry(title=mark("Deliveries"), icon=icons.DELIVERIES, path="/deliveries"),
    Entry(title=mark("Events"), icon=icons.FIRE, path="/events"),
    Entry(title=mark("Redeliveries"), icon=icons.REDELIVER, path="/redeliveries"),
    Entry(title=mark("Triggers"), icon=icons.TRIGGERS, path="/triggers"),
    Entry(title=mark("Settings"), icon=icons.SETTINGS, path="/settings"),
)


class Shell:
    """Side navigation from 1280 px, a rail from 600 px, below that a top bar with a menu. Built once a tab.

    `with shell.content:` holds `ui.sub_pages`; `with shell.bar:` what every page says above all, see `show_stopped`.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        person: Person,
        account: AccountActions,
        on_stop: Callable[[], Any] | None = None,
        *,
        theme: str = "system",
    ) -> None:
        """`on_stop` is for who may stop sending; `theme` is the one that was chosen in this browser."""
        self._entries = sorted(entries, key=lambda entry: place_of(entry.path))
        self._person, self._theme = person, theme
        self._on_stop = on_stop
        self._account = account
        self._accounts: list[AccountMenu] = []
        self._counts: dict[str, int | None] = {entry.path: entry.count for entry in entries}
        self._stopped = False
        self._stops: list[tuple[Part, ui.element | None]] = []
        self._links: list[tuple[Entry, Text, Text]] = []
        self._lists: list[ui.element] = []
        client = context.client
        client.layout.classes("w-app")
        with client.layout:
            self._side = box("nav", "w-side", label=tr("Main"))
            top = box("header", "w-top")
            self.bar = box("div", "w-stopbar")
        self.bar.props["role"] = "status"
        self.bar.set_visibility(False)
        self.bar.move(target_index=0)
        self._side.move(target_index=0)
        top.move(target_index=1)
        with self._side:
            self._fill(account)
        with top:
            self._menu = icon_button(icons.MENU, tr("Menu"), self._open_menu, small=False)
        self._build_drawer()
        toasts.prepare()
        self.content = box("div", "w-content")
        ui.skip_link(tr("Skip to main content"), target=self.content)
        client.sub_pages_router.on_path_changed(self._show_current)
        self._show_current(client.sub_pages_router.current_path)

    def set_count(self, path: str, count: int | None) -> None:
        """The number beside an entry; none for `None`."""
        self._counts[path] = count
        for entry, made, figure in self._links:
            if entry.path == path:
                _count(entry, count, made, figure)

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Other pages in the navigation than before."""
        self._entries = sorted(entries, key=lambda entry: place_of(entry.path))
        self._links.clear()
        for listing in self._lists:
            listing.clear()
            with listing:
                self._fill_list()
        self._mark_current()

    def show_stopped(self, stopped: bool) -> None:
        """Shows the bar above all pages, and in the navigation that sending is stopped or the way to stop it."""
        self._stopped = stopped
        self.bar.set_visibility(stopped)
        for part, button_ in self._stops:
            part.show(stopped)
            if button_:
                button_.set_visibility(not stopped)

    def focus_stop(self) -> None:
        """The keyboard goes to the way to stop sending, or to the menu that has it on narrow screens."""
        focus_instead(*(button_ for _, button_ in self._stops[:1] if button_), self._menu)

    def show_theme(self, theme: str) -> None:
        """Marks the theme that was chosen."""
        self._theme = theme
        for menu in self._accounts:
            menu.show(theme)

    def _fill(self, account: AccountActions) -> None:
        logo()
        opener = _go_to()
        opener.on("click", lambda _: self._drawer.close())
        with box("ul", "w-nav") as listing:
            self._fill_list()
        self._lists.append(listing)
        with box("div", "w-side-switch"):
            state = Part(box("div", "w-row w-side-state"), _show_state)
            state.show(self._stopped)
            stop = button(tr("Stop sending"), self._on_stop, icon=icons.STOP, kind="quiet") if self._on_stop else None
            if stop:
                stop.props["title"] = tr("Stop sending")
                stop.set_visibility(not self._stopped)
            self._stops.append((state, stop))
        with box("div", "w-side-foot"):
            self._accounts.append(AccountMenu(self._person, account, self._theme))

    def _fill_list(self) -> None:
        for entry in self._entries:
            with box("li"), link("", entry.path, "w-nav-link") as made:
                symbol(entry.icon)
                text(tr(entry.title), "w-nav-title")
                figure = text("", "w-nav-count")
            figure.props["aria-hidden"] = "true"
            _count(entry, self._counts.get(entry.path), made, figure)
            self._links.append((entry, made, figure))

    def _leave_drawer(self, on_keys: Callable[[], Any] | None) -> Any:
        self._drawer.close()
        return on_keys() if on_keys else None

    def _build_drawer(self) -> None:
        self._drawer = ui.dialog().props("position=left transition-duration=200")
        self._drawer.props["aria-label"] = tr("Menu")

    def _open_menu(self) -> None:
        if not self._drawer.default_slot.children:  # most windows are wide enough never to need it
            account = replace(self._account, on_keys=partial(self._leave_drawer, self._account.on_keys))
            with self._drawer, box("nav", "w-drawer", label=tr("Menu")):
                self._fill(account)
            self._mark_current()
        self._drawer.open()

    def _show_current(self, address: str) -> None:
        self._current = self._entry_of(urlsplit(address).path)
        self._mark_current()
        self._drawer.close()

    def _mark_current(self) -> None:
        for entry, made, _ in self._links:
            made.props.set_optional("aria-current", "page" if entry.path == self._current else None)

    def _entry_of(self, path: str) -> str:
        """The path of the entry that `path` belongs to; nothing for an address that is no page."""
        if path == "/" or path.startswith("/webhooks/"):
            return "/"
        others = [entry.path for entry in self._entries if entry.path != "/"]
        return max((one for one in others if path == one or path.startswith(f"{one}/")), key=len, default="")


def _count(entry: Entry, count: int | None, made: Text, figure: Text) -> None:
    """Beside the title for eyes; the link's name stays what it is, and its title says both."""
    title, shown = tr(entry.title), "" if count is None else formats.count(count)
    figure.set_text(shown)
    made.props["title"] = f"{title}: {shown}" if shown else title


def _show_state(stopped: bool) -> None:
    words = tr("Sending stopped") if stopped else tr("Sending")
    dot = box("span", "w-dot w-dot-stopped" if stopped else "w-dot")
    dot.props["aria-hidden"] = "true"
    dot.props["title"] = words  # all that the rail has room for
    text(words, "w-nav-title w-error-ink" if stopped else "w-nav-title")


def logo() -> ui.element:
    """The mark and the name."""
    with box("div", "w-brand") as brand:
        mark = box("img", "w-mark")
        mark.props["src"] = whole(f"{STATIC_URL}/favicon.svg")
        mark.props["alt"] = ""
        text("Webhook UI", "w-brand-name")
    return brand


def _go_to() -> ui.element:
    """Looks like a field, and opens the one of the palette (`static/shell.js`)."""
    with box("button", "w-goto", label=tr("Go to")) as opener:
        symbol(icons.SEARCH)
        text(tr("Go to…"), "w-nav-title")
        for keys, where in (("Ctrl K", "w-elsewhere"), ("⌘ K", "w-on-mac")):
            text(keys, f"w-kbd w-goto-keys {where}", tag="kbd").props["aria-hidden"] = "true"
    opener.props["type"] = "button"
    opener.props["title"] = tr("Go to")
    opener.props["data-open"] = "palette"
    opener.props["aria-haspopup"] = "dialog"
    opener.props["aria-keyshortcuts"] = "Control+K Meta+K"
    return opener
