"""The whole log: the deliveries of all webhooks, filtered by the address, with the panel of one beside them."""

from dataclasses import replace
from urllib.parse import urlsplit

from nicegui import ui

from webhook_ui import ids
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Unavailable
from webhook_ui.languages import tr
from webhook_ui.ui.activity import Activity
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button
from webhook_ui.ui.delivery_panel import DeliveryPanel
from webhook_ui.ui.log_address import LogAddress, write
from webhook_ui.ui.parts import box, page_header
from webhook_ui.ui.states import notice

PATH = "/deliveries"
SHOWN = frozenset({Kind.attempt, Kind.delivery, Kind.webhook, Kind.anything})


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title(tr("Deliveries · Webhook UI"))
    page = DeliveriesPage(tab)
    try:
        await page.start()
    except Unavailable as error:
        page.root.clear()
        with page.root, notice(tr("The deliveries cannot be shown now"), str(error), role="alert"):
            button(tr("Try again"), ui.navigate.reload)
        return
    tab.follow(page.root, page.hear)


class DeliveriesPage:
    """One visit to the log in one browser tab."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._log = LogAddress.read(tab.client.sub_pages_router.current_path)
        with box("div", "w-page") as self.root:
            with page_header(tr("Deliveries")):
                pass
            self._activity = Activity(tab, self._log, go=_go, path=_path, reading=self._is_reading)
            self._panel = DeliveryPanel(tab, on_close=self._close_panel, on_step=self._step)

    async def start(self) -> None:
        """Shows what the address says, and follows from here on."""
        self._tab.on_address = self._moved
        await self._activity.load()
        await self._show_panel()

    async def hear(self, changes: frozenset[Changed]) -> None:
        """Shows what has changed."""
        if any(change.kind in SHOWN for change in changes):
            await self._activity.refresh(fresh=False)
            await self._panel.refresh()

    def _moved(self, address: str) -> None:
        if self.root.is_deleted or urlsplit(address).path.rstrip("/") != PATH:
            return
        # nothing is built anew, so the place on the page stays: as on the first request, nothing is scrolled
        self._tab.client.sub_pages_router.is_initial_request = True
        self._tab.begin(self._turn_to(LogAddress.read(address)), name="deliveries follow their address")

    async def _turn_to(self, log: LogAddress) -> None:
        self._log = log
        with self.root:
            try:
                await self._activity.show(log)
                await self._show_panel()
            except Unavailable as error:
                tell(error)

    async def _show_panel(self) -> None:
        if self._log.delivery:
            await self._panel.show(self._log.delivery, _webhook_of(self._log.delivery))
        elif self._panel.delivery_id:
            self._panel.hide()
            await self._activity.refresh()  # what waited for the panel to close

    def _is_reading(self) -> bool:
        return bool(self._panel.delivery_id)

    def _close_panel(self) -> None:
        _go(replace(self._log, delivery=""))

    def _step(self, direction: int) -> None:
        """To the delivery above or below the open one."""
        shown = self._activity.delivery_ids
        if self._log.delivery in shown:
            place = shown.index(self._log.delivery) + direction
            if 0 <= place < len(shown):
                _go(replace(self._log, delivery=shown[place]))


def _go(log: LogAddress) -> None:
    ui.navigate.to(_path(log))


def _path(log: LogAddress) -> str:
    return write(PATH, log.query())


def _webhook_of(delivery: str) -> int:
    try:
        return ids.delivery_numbers(delivery)[0]
    except ValueError:
        return 0
