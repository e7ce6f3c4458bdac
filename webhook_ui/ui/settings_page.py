"""The page Settings: what is in force, the server's state, and for admins who may come in. It follows its address."""

from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from nicegui import context, ui

from webhook_ui.actors import Role
from webhook_ui.changes import Changed
from webhook_ui.errors import Forbidden, WebhookUIError
from webhook_ui.languages import mark, tr
from webhook_ui.ui.accounts_section import AccountsSection
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.parts import box, page_header
from webhook_ui.ui.plugins_section import PluginsSection
from webhook_ui.ui.server_section import ForceSection, ServerSection
from webhook_ui.ui.tokens_section import TokensSection

PATH = "/settings"
TABS = {
    "": mark("In force"),
    "server": mark("Server"),
    "plugins": mark("Plugins"),
    "accounts": mark("Accounts"),
    "tokens": mark("API tokens"),
}
FOR_ADMINS = frozenset({"accounts", "plugins", "tokens"})


class Section(Protocol):
    """What stands under a tab; `after` is where its page of a list begins."""

    async def show(self, after: str) -> None: ...

    async def look(self, changes: frozenset[Changed]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Where:
    """The address of the page: its tab, and where a list in it begins."""

    tab: str = ""
    after: str = ""

    @classmethod
    def read(cls, path: str) -> Self:
        """What makes no sense is left out."""
        try:
            given = parse_qs(urlsplit(path).query, max_num_fields=20)
        except ValueError:
            given = {}
        tab, after = (given.get(name, [""])[-1] for name in ("tab", "after"))
        return cls(tab=tab if tab in TABS else "", after=after if after.isprintable() and len(after) <= 300 else "")

    def text(self) -> str:
        """As a link within the dashboard."""
        query = urlencode({name: text for name, text in (("tab", self.tab), ("after", self.after)) if text})
        return PATH + (f"?{query}" if query else "")


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title(tr("Settings · Webhook UI"))
    page = _Page(tab, Where.read(context.client.sub_pages_router.current_path))
    tab.on_address = page.hear
    tab.follow(page.root, page.look)  # first, so that nothing is missed between looking and following
    await page.show_tab()


class _Page:
    """Tabs, and what stands under the chosen one."""

    def __init__(self, tab: Tab, where: Where) -> None:
        self._tab = tab
        self._is_admin = tab.actor.role.covers(Role.admin)
        self._where = self._allowed(where)
        self._section: Section | None = None
        self.root = box("div", "w-page")
        with self.root:
            with page_header(tr("Settings")):
                pass
            with ui.tabs(on_change=lambda event: self._choose(event.value)) as self._tabs:
                self._tabs.props("no-caps align=left").props["aria-label"] = tr("Settings")
                for name, label in TABS.items():
                    if self._is_admin or name not in FOR_ADMINS:
                        ui.tab(name or "force", label=tr(label))
            self._tabs.value = self._where.tab or "force"
            self._place = box("div", "w-page")
            self._place.props["role"] = "tabpanel"

    def _allowed(self, where: Where) -> Where:
        return Where() if where.tab in FOR_ADMINS and not self._is_admin else where

    async def show_tab(self) -> None:
        """Builds what the address says."""
        self._section = None
        self._place.props["aria-label"] = tr(TABS[self._where.tab])
        self._place.clear()
        try:
            actor = await self._tab.current_actor()
            if self._where.tab in FOR_ADMINS:
                actor.require(Role.admin)
            with self._place:
                self._section = self._build()
                await self._section.show(self._where.after)
        except WebhookUIError as error:
            if not self.root.is_deleted:
                tell(error)

    def _build(self) -> Section:
        if self._where.tab == "server":
            return ServerSection(self._tab)
        if self._where.tab == "plugins":
            return PluginsSection(self._tab)
        if self._where.tab == "accounts":
            return AccountsSection(self._tab, go=lambda after: _go(Where(tab="accounts", after=after)))
        if self._where.tab == "tokens":
            return TokensSection(self._tab, go=lambda after: _go(Where(tab="tokens", after=after)))
        return ForceSection(self._tab)

    def hear(self, path: str) -> None:
        """The address has changed, by a link, a tab, Back or Forward."""
        if self.root.is_deleted or path.partition("?")[0].rstrip("/") != PATH:
            return
        self._tab.client.sub_pages_router.is_initial_request = True  # nothing is scrolled
        self._tab.begin(self._turn_to(self._allowed(Where.read(path))), name="address")

    async def _turn_to(self, where: Where) -> None:
        before, self._where = self._where, where
        with self.root:
            if before.tab != where.tab:
                self._tabs.value = where.tab or "force"
                await self.show_tab()
            elif self._section and before != where:
                try:
                    await self._section.show(where.after)
                except WebhookUIError as error:
                    tell(error)

    async def look(self, changes: frozenset[Changed]) -> None:
        """Shows what has changed."""
        if self._section:
            try:
                await self._section.look(changes)
            except Forbidden as error:
                tell(error)

    def _choose(self, name: str) -> None:
        tab = "" if name == "force" else name
        if tab != self._where.tab:
            _go(Where(tab=tab))


def _go(where: Where) -> None:
    ui.navigate.to(where.text())
