"""The log of one webhook: filters, pages, rows that change in place and new ones that push nothing that is read."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nicegui import ui
from sqlmodel import Session

from webhook_ui import ids, outbox, times
from webhook_ui.errors import Invalid
from webhook_ui.history.deliveries import DeliveryFilter, DeliveryRow, list_deliveries
from webhook_ui.models import Webhook
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.actions import act
from webhook_ui.ui.context import Tab
from webhook_ui.ui.fields import filter_field
from webhook_ui.ui.log_rows import fill_row, log_row
from webhook_ui.ui.parts import box, link, symbol, text
from webhook_ui.ui.states import nothing_found
from webhook_ui.ui.tables import LOG, Pager, Row, Table
from webhook_ui.ui.webhook_page_address import Address

PAGE = 50
STATUSES = {"": "All", "error": "Error", "pending": "Pending", "sent": "Sent"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of the log, the present state of rows shown that are not on it any more, and how many are newer."""

    rows: Sequence[DeliveryRow]
    others: Sequence[DeliveryRow]
    next_cursor: str | None
    newer: int


def look(session: Session, address: Address, shown: Sequence[int], newest: int | None, now: datetime) -> Found:
    """What `address` shows; `shown` are events on the screen, `newest` the newest that was known."""
    webhook_id = address.webhook_id
    criteria = DeliveryFilter(webhook_id=webhook_id, status=address.status or None, trigger=address.trigger or None)
    page = list_deliveries(session, criteria, now=now, limit=PAGE, cursor=address.cursor or None)
    here = {row.event_id for row in page.rows}
    others = [
        row
        for event_id in shown
        if event_id not in here
        for row in list_deliveries(
            session, DeliveryFilter(webhook_id=webhook_id, event_id=event_id), now=now, limit=1
        ).rows
    ]
    top = list_deliveries(session, criteria, now=now, limit=PAGE).rows if address.cursor else page.rows
    newer = 0 if newest is None else sum(row.event_id > newest for row in top)
    return Found(rows=page.rows, others=others, next_cursor=page.next_cursor, newer=newer)


def _part(address: Address) -> tuple[str, str, str]:
    """What of an address decides which rows there are."""
    return address.status, address.trigger, address.cursor


class Activity:
    """`go` leads to another address, `reading` says whether something is open that must not be disturbed."""

    def __init__(
        self,
        tab: Tab,
        webhook: Webhook,
        address: Address,
        *,
        go: Callable[[Address], Any],
        reading: Callable[[], bool],
    ) -> None:
        self._tab, self._webhook, self._address = tab, webhook, address
        self._go, self._reading = go, reading
        self._rows: dict[int, tuple[DeliveryRow, Row]] = {}  # by event, newest first
        self._newest: int | None = None
        self._next: str | None = None
        self._came_from: dict[str, Address] = {}  # by cursor
        self._build()

    def know(self, webhook: Webhook) -> None:
        """What the webhook is now."""
        self._webhook = webhook

    @property
    def event_ids(self) -> list[int]:
        """What is on the screen, newest first."""
        return list(self._rows)

    def _build(self) -> None:
        address = self._address
        triggers = {trigger.name for name in self._webhook.triggers for trigger in self._matching(name)}
        names = sorted(triggers | ({address.trigger} if address.trigger else set()))
        with box("div", "w-filters w-log-filters") as row:
            row.props["role"] = "search"
            row.props["aria-label"] = "Deliveries"
            self._status = filter_field("Status", STATUSES, address.status, self._filter_status)
            self._trigger = filter_field(
                "Trigger", {"": "All"} | {name: name for name in names}, address.trigger, self._filter_trigger
            )
            text(f"Times in {self._tab.zone.key}", "w-meta w-end w-log-zone")
        self._nothing = box("div", "w-holder")
        self._table = Table("Deliveries", LOG, "log")
        with self._table.element:
            with box("button", "w-new-rows") as self._news:
                symbol(icons.UP)
                self._news_text = text("")
            self._news.props["type"] = "button"
            self._news.on("click", self._show_news)
            self._pager = Pager(self._back, self._forward)
        self._news.move(target_index=0)
        self._news.set_visibility(False)
        self._table.element.set_visibility(False)

    def _matching(self, name: str) -> Sequence[Any]:
        return self._tab.services.plugins.matching(name)

    async def show(self, address: Address) -> None:
        """Goes to another part of the log, or marks another row as the open one."""
        before, self._address = self._address, address
        if _part(before) != _part(address):
            self._status.value = address.status
            self._trigger.value = address.trigger if address.trigger in self._trigger.options else ""
            await self.load()
            if before.cursor != address.cursor:
                ui.run_javascript(f"getHtmlElement({self._table.element.id}).scrollIntoView({{block: 'nearest'}})")
        for event_id, (_, row) in self._rows.items():
            row.choose(self._text(event_id) == address.delivery)

    async def load(self) -> None:
        """Reads the page anew and shows it from the top."""
        address = self._address
        try:
            found = await self._tab.read(look, address, (), None, times.utcnow())
        except Invalid:  # a cursor that nobody gave
            found = await self._tab.read(look, replace(address, cursor=""), (), None, times.utcnow())
        if address.cursor:
            newest = await self._tab.read(look, replace(address, cursor=""), (), None, times.utcnow())
            self._newest = newest.rows[0].event_id if newest.rows else 0
        else:
            self._newest = found.rows[0].event_id if found.rows else 0
        if _part(address) != _part(self._address):
            return  # somewhere else by now
        self._rows.clear()
        self._table.clear()
        self._place(found.rows)
        self._announce(0)
        self._frame(found)

    async def refresh(self) -> None:
        """Looks again: changes stand in their rows at once; new rows come in, or wait behind a line that counts."""
        address = self._address
        if self._newest is None:
            return
        found = await self._tab.read(look, address, list(self._rows), self._newest, times.utcnow())
        if _part(address) != _part(self._address):
            return
        for row in (*found.rows, *found.others):
            self._renew(row)
        if not found.newer:
            return
        if not address.cursor and not self._reading() and await self._at_top():
            self._place([row for row in found.rows if row.event_id > self._newest])
            self._newest = max(self._rows)
            self._announce(0)
            self._frame(found)
        else:
            self._announce(found.newer)

    async def _show_news(self) -> None:
        if self._address.cursor:
            self._go(replace(self._address, cursor="", first=1, delivery=""))
        else:
            await self.load()
            ui.run_javascript(f"getHtmlElement({self._table.element.id}).scrollIntoView({{block: 'nearest'}})")

    def _announce(self, newer: int) -> None:
        count = f"{PAGE} or more" if newer >= PAGE else formats.count(newer)
        self._news_text.set_text(f"{count} new {'delivery' if newer == 1 else 'deliveries'}")
        self._news.set_visibility(newer > 0)

    async def _at_top(self) -> bool:
        with suppress(TimeoutError):
            script = f"return getHtmlElement({self._table.element.id}).getBoundingClientRect().top >= 0 || scrollY < 8"
            return bool(await ui.run_javascript(script, timeout=2.0)) or not self._rows
        return False

    def _frame(self, found: Found) -> None:
        first, shown = self._address.first, len(self._rows)
        self._next = found.next_cursor
        more = found.next_cursor is not None
        self._table.element.set_visibility(shown > 0)
        self._pager.show(
            first, first + shown - 1, None if more else first + shown - 1, back=bool(self._address.cursor), more=more
        )
        self._nothing.clear()
        if not shown:
            with self._nothing:
                self._say_nothing()

    def _say_nothing(self) -> None:
        address = self._address
        if address.status or address.trigger:
            words = [f"status {STATUSES[address.status]}"] if address.status else []
            words += [f"trigger {address.trigger}"] if address.trigger else []
            clear = replace(address, status="", trigger="", cursor="", first=1)
            nothing_found(
                f"No delivery with {' and '.join(words)}",
                "Others may be there without the filter.",
                lambda: self._go(clear),
            )
            return
        with box("section", "w-box w-nothing"):
            text("No deliveries yet", "w-medium", tag="p")
            if not self._webhook.enabled:
                text("While it is disabled, no events are taken for it.", "w-muted", tag="p")
                return
            with box("p", "w-muted"):
                text("They appear here as soon as one of its triggers fires. To try it, ")
                link("fire one by hand", "/triggers")
                text(".")

    def _place(self, rows: Sequence[DeliveryRow]) -> None:
        """Adds `rows` (newer than all, or to an empty list) and lets go of what no longer fits on the page."""
        added: dict[int, tuple[DeliveryRow, Row]] = {}
        for place, delivery in enumerate(rows):
            row = log_row(self._table)
            row.element.move(target_index=place)
            row.choose(self._text(delivery.event_id) == self._address.delivery)
            self._fill(row, delivery)
            added[delivery.event_id] = (delivery, row)
        self._rows = added | self._rows
        for event_id in list(self._rows)[PAGE:]:
            self._rows.pop(event_id)[1].element.delete()

    def _renew(self, delivery: DeliveryRow) -> None:
        known = self._rows.get(delivery.event_id)
        if known is None or known[0] == delivery:
            return
        self._rows[delivery.event_id] = (delivery, known[1])
        self._fill(known[1], delivery)

    def _redelivering(self, event_id: int) -> Callable[[], Awaitable[None]]:
        async def redeliver() -> None:
            if await act(self._tab, outbox.redeliver, self._webhook.id, event_id):
                await self.refresh()

        return redeliver

    def _fill(self, row: Row, delivery: DeliveryRow) -> None:
        opened = replace(self._address, delivery=self._text(delivery.event_id))
        redeliver = self._redelivering(delivery.event_id) if self._tab.may_write else None
        services = self._tab.services
        usual = services.settings.retry_schedule
        retries = delivery_words.schedule_in_force(self._webhook, delivery.trigger, services.plugins.triggers, usual)
        fill_row(row, delivery, path=opened.text(), retries=len(retries), zone=self._tab.zone, redeliver=redeliver)

    def _text(self, event_id: int) -> str:
        return ids.delivery_text(self._address.webhook_id, event_id)

    def _filter_status(self, status: str) -> Any:
        if status != self._address.status:
            self._go(replace(self._address, status=status, cursor="", first=1, delivery=""))

    def _filter_trigger(self, trigger: str) -> Any:
        if trigger != self._address.trigger:
            self._go(replace(self._address, trigger=trigger, cursor="", first=1, delivery=""))

    def _forward(self) -> Any:
        if self._next:
            further = replace(self._address, cursor=self._next, first=self._address.first + PAGE, delivery="")
            self._came_from[self._next] = replace(self._address, delivery="")
            self._go(further)

    def _back(self) -> Any:
        first_page = replace(self._address, cursor="", first=1, delivery="")
        self._go(self._came_from.get(self._address.cursor, first_page))
