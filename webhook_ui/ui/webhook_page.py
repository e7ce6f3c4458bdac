"""One webhook: its head, its log, its settings, its secret. It hears its address change and follows what happens."""

from dataclasses import replace
from typing import Protocol

from nicegui import context, ui

from webhook_ui import times, webhooks
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Unavailable
from webhook_ui.history.webhooks import WebhookRow
from webhook_ui.languages import tr
from webhook_ui.ui import icons, toasts, webhook_actions, webhook_form
from webhook_ui.ui.actions import act
from webhook_ui.ui.activity import Activity
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button
from webhook_ui.ui.delivery_panel import DeliveryPanel
from webhook_ui.ui.health_section import HealthSection
from webhook_ui.ui.history_section import HistorySection
from webhook_ui.ui.no_page import answer_missing
from webhook_ui.ui.parts import box, foreign, page_header, sentence, time_text
from webhook_ui.ui.secret_section import SecretSection
from webhook_ui.ui.states import notice
from webhook_ui.ui.webhook_header import WebhookHeader
from webhook_ui.ui.webhook_page_address import TABS, TITLES, Address, read_id
from webhook_ui.ui.webhook_settings import SettingsSection
from webhook_ui.ui.webhook_trouble import Seen, look

OF_WEBHOOKS = frozenset(
    {Kind.webhook, Kind.delivery, Kind.attempt, Kind.anything}
)  # changes of one, of some, or of all


async def show(tab: Tab, webhook_id: str) -> None:
    """Builds the page. Its query is not among the parameters: what changes there is shown in place."""
    number = read_id(webhook_id)
    if number is None:
        _show_missing(webhook_id)
        return
    view = _View(tab, number, box("div", "w-page"))
    path = context.client.sub_pages_router.current_path
    try:
        seen = await tab.read(look, number)
        if seen is not None:
            tab.answered.set()
        await view.build(seen, path)
    except Unavailable as error:
        view.root.clear()
        with view.root, notice(tr("This webhook cannot be shown now"), str(error), role="alert"):
            button(tr("Try again"), ui.navigate.reload)
        return
    tab.follow(view.root, view.look)


class _View:
    """The webhook, or why it cannot be shown; built anew when that changes."""

    def __init__(self, tab: Tab, webhook_id: int, root: ui.element) -> None:
        self.root = root
        self._tab, self._webhook_id = tab, webhook_id
        self._page: _Page | None = None

    async def build(self, seen: Seen | None, path: str) -> None:
        self.root.clear()
        self._page = None
        with self.root:
            if seen is None:
                _show_missing(str(self._webhook_id))
            elif seen.row.webhook.deleted_at is not None:
                _show_deleted(self._tab, seen.row)
            else:
                self._page = _Page(self._tab, self.root, seen, Address.read(seen.row.id, path))
                await self._page.start()

    async def look(self, changes: frozenset[Changed]) -> None:
        """Shows what has changed, if anything of this webhook has."""
        if not any(self._concerns(change) for change in changes):
            return
        seen = await self._tab.share(("webhook", self._webhook_id), lambda: self._tab.read(look, self._webhook_id))
        alive = seen is not None and seen.row.webhook.deleted_at is None
        if alive != (self._page is not None):
            await self.build(seen, f"/webhooks/{self._webhook_id}")
        elif self._page and seen:
            await self._page.renew(seen)

    def _concerns(self, change: Changed) -> bool:
        of_many = change.webhook_id is None and change.kind in OF_WEBHOOKS
        return of_many or change.webhook_id == self._webhook_id


class Section(Protocol):
    """What stands under a tab other than Activity."""

    async def start(self) -> None: ...

    async def show(self, address: Address) -> None: ...

    async def renew(self, row: WebhookRow) -> None: ...


class _Page:
    """A webhook that is there."""

    def __init__(self, tab: Tab, root: ui.element, seen: Seen, address: Address) -> None:
        row = seen.row
        self._tab, self._root, self._row = tab, root, row
        self._address = self._allowed(address)
        self._activity: Activity | None = None
        self._section: Section | None = None
        ui.page_title(tr("{title} · Webhook UI", title=row.webhook.title))
        self._header = WebhookHeader(tab, seen, on_edit=self._edit, on_delete=self._delete)
        with ui.tabs(on_change=lambda event: self._choose_tab(event.value)) as self._tabs:
            self._tabs.props("no-caps align=left")
            self._tabs.props["aria-label"] = tr("About this webhook")
            for name in TABS:
                if name != "secret" or tab.may_write:
                    ui.tab(name, label=tr(TITLES[name]))
        self._tabs.value = self._address.tab
        self._place = box("div", "w-page")
        self._place.props["role"] = "tabpanel"
        self._panel = DeliveryPanel(tab, on_close=self._close_panel, on_step=self._step)

    async def start(self) -> None:
        """Shows what the address says, and follows from here on."""
        self._tab.on_address = self._hear
        await self._show_tab()
        await self._show_panel()

    def _allowed(self, address: Address) -> Address:
        return replace(address, tab=TABS[0]) if address.tab == "secret" and not self._tab.may_write else address

    async def _show_tab(self) -> None:
        self._activity = self._section = None
        self._place.props["aria-label"] = tr(TITLES[self._address.tab])
        self._place.clear()
        with self._place:
            if self._address.tab != TABS[0]:
                self._section = self._build_section()
                await self._section.start()
            else:
                activity = Activity(
                    self._tab,
                    self._address.log,
                    webhook=self._row.webhook,
                    go=lambda log: _go(replace(self._address, log=log)),
                    path=lambda log: replace(self._address, log=log).text(),
                    reading=self._is_reading,
                    offered=lambda: self._header.offers_redelivery,
                )
                self._activity = activity
                await activity.load()

    def _build_section(self) -> Section:
        tab, row, address = self._tab, self._row, self._address
        if address.tab == "health":
            return HealthSection(tab, row, address, go=_go)
        if address.tab == "history":
            return HistorySection(tab, row, address, go=_go)
        if address.tab == "secret":
            return SecretSection(tab, row.webhook)
        return SettingsSection(tab, row.webhook, on_edit=self._edit)

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
        if self._root.is_deleted or path.partition("?")[0].rstrip("/") != f"/webhooks/{self._row.id}":
            return
        # nothing is built anew, so the place on the page stays: as on the first request, nothing is scrolled
        self._tab.client.sub_pages_router.is_initial_request = True
        self._tab.begin(self._turn_to(address), name="address")

    async def _turn_to(self, address: Address) -> None:
        before, self._address = self._address, self._allowed(address)
        address = self._address
        with self._root:
            try:
                if before.tab != address.tab:
                    self._tabs.value = address.tab
                    await self._show_tab()
                elif self._activity:
                    await self._activity.show(address.log)
                elif self._section:
                    await self._section.show(address)
                await self._show_panel()
            except Unavailable as error:
                tell(error)

    async def renew(self, seen: Seen) -> None:
        """What the webhook and its deliveries are now."""
        self._row = row = seen.row
        self._header.show(row, seen.trouble)
        if self._activity:
            self._activity.know(row.webhook)
            await self._activity.refresh(fresh=False)
        await self._panel.refresh()
        if self._section:
            await self._section.renew(row)

    def _choose_tab(self, tab: str) -> None:
        if tab != self._address.tab:
            _go(Address(webhook_id=self._row.id, tab=tab))

    def _is_reading(self) -> bool:
        return bool(self._panel.delivery_id)

    def _close_panel(self) -> None:
        _go(self._address.with_delivery(""))

    def _step(self, direction: int) -> None:
        """To the delivery above or below the open one in the log."""
        shown = self._activity.delivery_ids if self._activity else []
        if self._address.delivery in shown:
            place = shown.index(self._address.delivery) + direction
            if 0 <= place < len(shown):
                _go(self._address.with_delivery(shown[place]))

    async def _edit(self) -> None:
        await webhook_form.edit_webhook(self._tab, self._row.id)

    async def _delete(self) -> None:
        path = f"/webhooks/{self._row.id}"

        async def leave() -> None:
            if self._tab.client.sub_pages_router.current_path.partition("?")[0] == path:
                ui.navigate.to("/")

        await webhook_actions.delete(self._tab, self._row.id, leave)


def _go(address: Address) -> None:
    ui.navigate.to(address.text())


def _show_missing(webhook_id: str) -> None:
    answer_missing()
    ui.page_title(tr("No such webhook · Webhook UI"))
    with page_header(tr("No such webhook"), crumb=(tr("Webhooks"), "/")):
        pass
    with box("section", "w-box w-nothing"):
        with box("p"):
            sentence(
                tr("There is no webhook {number}. The link may be old, or the webhook was deleted long ago."),
                number=lambda: foreign(webhook_id[:40], cut=False),
            )
        button(tr("Back to the webhooks"), lambda: ui.navigate.to("/"), icon=icons.BACK)


def _show_deleted(tab: Tab, row: WebhookRow) -> None:
    webhook = row.webhook
    ui.page_title(tr("Deleted webhook · Webhook UI"))
    with page_header(webhook.title, own=False, crumb=(tr("Webhooks"), "/")):
        pass

    async def restore() -> None:
        if await act(tab, webhooks.restore, row.id):
            with tab.client:
                toasts.done(webhook_actions.restored(webhook))

    with box("section", "w-box w-nothing"):
        with box("p"):
            at = webhook.deleted_at or times.utcnow()
            sentence(
                tr(
                    "This webhook was deleted {moment}. It can be restored for {n} days; "
                    "until then its deliveries wait.",
                    moment="{moment}",
                    n=webhooks.RESTORABLE.days,
                ),
                moment=lambda: time_text(at, tab.zone),
            )
        with box("div", "w-row w-wrap"):
            if tab.may_write:
                button(tr("Restore"), restore, icon=icons.UNDO, kind="primary")
            button(tr("Back to the webhooks"), lambda: ui.navigate.to("/"), icon=icons.BACK)
