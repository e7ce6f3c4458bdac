"""One webhook: its head, its log, its settings and its secret. It hears changes of its address and follows what happens."""

from dataclasses import replace
from typing import Any, Literal

from nicegui import background_tasks, context, ui
from sqlmodel import Session

from webhook_ui import times, webhooks
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import NotFound
from webhook_ui.history.webhooks import WebhookRow, describe
from webhook_ui.ui import icons, webhook_actions, webhook_form
from webhook_ui.ui.actions import act
from webhook_ui.ui.activity import Activity
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.delivery_panel import DeliveryPanel
from webhook_ui.ui.parts import box, foreign, page_header, text
from webhook_ui.ui.secret_section import SecretSection
from webhook_ui.ui.webhook_address import Address, read_id
from webhook_ui.ui.webhook_header import WebhookHeader
from webhook_ui.ui.webhook_settings import show_settings


async def show(tab: Tab, webhook_id: str) -> None:
    """Builds the page."""
    number = read_id(webhook_id)
    router = context.client.sub_pages_router
    path = router.current_path
    root = box("div", "w-page")
    row = None if number is None else await tab.read(_load, number)
    with root:
        if row is None:
            _show_missing(webhook_id)
        elif row.webhook.deleted_at is not None:
            _show_deleted(tab, row)
        else:
            page = _Page(tab, root, row, Address.read(row.id, path))
            await page.start()


def _load(session: Session, webhook_id: int) -> WebhookRow | None:
    try:
        return describe(session, [webhooks.get(session, webhook_id, deleted=True)])[0]
    except NotFound:
        return None


class _Page:
    """A webhook that is there."""

    def __init__(self, tab: Tab, root: ui.element, row: WebhookRow, address: Address) -> None:
        self._tab, self._root, self._row, self._address = tab, root, row, address
        self._activity: Activity | None = None
        self._secret: SecretSection | None = None
        ui.page_title(f"{row.webhook.title} · Webhook UI")
        self._header = WebhookHeader(tab, row, on_edit=self._edit, on_delete=self._delete)
        with ui.tabs(value=address.tab, on_change=lambda event: self._choose_tab(event.value)) as self._tabs:
            self._tabs.props('no-caps align=left aria-label="About this webhook"')
            ui.tab("activity", label="Activity")
            ui.tab("settings", label="Settings")
            if tab.may_write:
                ui.tab("secret", label="Secret")
        self._place = box("div", "w-page")
        self._place.props["role"] = "tabpanel"
        self._panel = DeliveryPanel(tab, on_close=self._close_panel, on_step=self._step)

    async def start(self) -> None:
        """Shows what the address says, and follows from here on."""
        self._tab.on_address = self._hear
        await self._show_tab()
        await self._show_panel()
        self._tab.services.live.follow(self._root, self._look)

    async def _show_tab(self) -> None:
        self._activity = self._secret = None
        self._place.props["aria-label"] = self._address.tab.capitalize()
        self._place.clear()
        with self._place:
            if self._address.tab == "secret" and self._tab.may_write:
                self._secret = SecretSection(self._tab, self._row.webhook)
            elif self._address.tab == "settings":
                show_settings(self._tab, self._row.webhook)
            else:
                activity = Activity(self._tab, self._row.webhook, self._address, go=_go, reading=self._is_reading)
                self._activity = activity
                await activity.load()

    async def _show_panel(self) -> None:
        if self._address.delivery:
            await self._panel.show(self._address.delivery, self._row.id)
        elif self._panel.delivery_id:
            self._panel.hide()
            if self._activity:  # what waited for the panel to close
                await self._activity.refresh()

    def _hear(self, path: str) -> None:
        """The address has changed, by a link, a filter, Back or Forward."""
        address = Address.read(self._row.id, path)
        if self._root.is_deleted or path.split("?")[0].rstrip("/") != f"/webhooks/{self._row.id}":
            return
        # nothing is built anew, so the place on the page stays: as on the first request, nothing is scrolled
        self._tab.client.sub_pages_router.is_initial_request = True
        background_tasks.create(self._turn_to(address), name="address")

    async def _turn_to(self, address: Address) -> None:
        before, self._address = self._address, address
        with self._root:
            if before.tab != address.tab:
                self._tabs.value = address.tab
                await self._show_tab()
            elif self._activity:
                await self._activity.show(address)
            await self._show_panel()

    async def _look(self, changes: frozenset[Changed]) -> None:
        mine = {change.kind for change in changes if change.webhook_id == self._row.id}
        if not mine and Kind.anything not in {change.kind for change in changes}:
            return
        row = await self._tab.read(_load, self._row.id)
        if row is None or row.webhook.deleted_at is not None:
            if not self._leaving:
                _go(Address(webhook_id=self._row.id))
                self._tab.client.sub_pages_router.refresh
            return
        changed = row.webhook.version != self._row.webhook.version
        self._row = row
        self._header.show(row)
        if self._activity:
            self._activity.know(row.webhook)
            await self._activity.refresh()
        elif self._secret and changed:
            self._secret.know(row.webhook)
        elif changed:
            await self._show_tab()
        await self._panel.refresh()
