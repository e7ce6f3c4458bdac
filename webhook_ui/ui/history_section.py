"""The tab History of a webhook: who changed what and when, before and after, and a way back."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from webhook_ui import times, undoing
from webhook_ui.errors import Invalid
from webhook_ui.history import changes
from webhook_ui.history.changes import ChangePage
from webhook_ui.history.webhooks import WebhookRow
from webhook_ui.languages import tr, trn
from webhook_ui.models import Change
from webhook_ui.ui import change_words, formats, icons, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.change_words import Difference
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.frames import confirm
from webhook_ui.ui.parts import Part, box, foreign, mono, sentence, symbol, text, time_text
from webhook_ui.ui.tables import Pager
from webhook_ui.ui.webhook_page_address import Address

PAGE = 20


class HistorySection:
    """The newest change first. `go` leads to another address; its pages are those of the address."""

    def __init__(self, tab: Tab, row: WebhookRow, address: Address, *, go: Callable[[Address], Any]) -> None:
        self._tab, self._row, self._address, self._go = tab, row, address, go
        self._next: str | None = None
        self._came_from: dict[str, Address] = {}  # by cursor
        with box("section", "w-box w-history", label=tr("History")) as self._box:
            self._list = Part(box("ol", "w-changes", label=tr("Changes")), self._fill)
            self._pager = Pager(self._back, self._forward)

    async def start(self) -> None:
        """Fills it in."""
        address = self._address
        try:
            page = await self._load(address)
        except Invalid:  # a cursor that nobody gave
            page = await self._load(address.at_page())
        if address == self._address and not self._box.is_deleted:
            self._show(page)

    async def show(self, address: Address) -> None:
        """Another page of it."""
        before, self._address = self._address, address
        if before.log.cursor != address.log.cursor:
            await self.start()

    async def renew(self, row: WebhookRow) -> None:
        """What was done meanwhile."""
        changed = row.webhook.version != self._row.webhook.version
        self._row = row
        if changed:
            await self.start()

    async def _load(self, address: Address) -> ChangePage:
        return await self._tab.read(
            changes.list_changes,
            "webhook",
            self._row.id,
            limit=PAGE,
            cursor=address.log.cursor or None,
            restored_since=self._row.webhook.created_at,
        )

    def _show(self, page: ChangePage) -> None:
        self._next = page.next_cursor
        self._list.show([change.id for change in page.rows], page.rows)
        first, shown = self._address.log.number, len(page.rows)
        more, back = page.next_cursor is not None, bool(self._address.log.cursor)
        last = first + shown - 1
        self._pager.show(first, last if shown else 0, None if more else last, back=back, more=more)
        self._pager.element.set_visibility(more or back)

    def _fill(self, _ids: list[int], rows: list[Change]) -> None:
        if not rows:
            with box("li"):
                text(tr("Nothing is on record"), "w-muted")
        for change in rows:
            with box("li"):
                self._show_change(change)

    def _show_change(self, change: Change) -> None:
        now, zone = times.utcnow(), self._tab.zone
        with box("div", "w-row w-wrap w-change-head"):
            with box("span", "w-change-deed"):
                foreign(change_words.who(change), "w-strong", cut=False)
                text(f" {change_words.deed(change)}")
            with box("span", "w-meta"):
                if now - change.at < formats.RELATIVE_FOR:
                    time_text(change.at, zone, now=now)
                    text(" · ")
                text(formats.absolute(change.at, zone))
                if change.origin and change.actor_kind != "system":
                    origin = change.origin
                    text(" · ")
                    sentence(tr("from {address}"), address=lambda: foreign(origin, cut=False))
            if self._tab.may_write and undoing.former_values(change):
                button(tr("Undo"), partial(self._ask, change), icon=icons.UNDO, small=True).classes("w-end")
        found = change_words.differences(change)
        if found:
            with box("dl", "w-change-fields"):
                for difference in found:
                    _show_difference(difference)

    def _ask(self, change: Change) -> Any:
        names = [change_words.field_name(name) for name in undoing.former_values(change)]
        detail = tr(
            "{fields} will be as before. What was changed since in other fields stays.", fields=formats.joined(names)
        )
        if _touches_headers(change):
            detail += " " + tr("Values of headers are not on record, so they stay as they are.")
        with self._tab.client:
            return confirm(
                tr("Undo this change?"),
                detail,
                action=tr("Undo"),
                on_confirm=self._undoing(change, names),
                kind="primary",
            )

    def _undoing(self, change: Change, names: list[str]) -> Callable[[], Awaitable[None]]:
        async def undo() -> None:
            tab = self._tab
            with tab.client:
                if await act(tab, undoing.undo, self._row.id, change.id, rules=tab.services.rules):
                    fields = formats.joined(names)
                    toasts.done(trn("{fields} is as before.", "{fields} are as before.", len(names), fields=fields))

        return undo

    def _forward(self) -> Any:
        if self._next:
            further = self._address.at_page(self._next, self._address.log.number + PAGE)
            self._came_from[self._next] = self._address
            self._go(further)

    def _back(self) -> Any:
        self._go(self._came_from.get(self._address.log.cursor, self._address.at_page()))


def _touches_headers(change: Change) -> bool:
    return "headers" in change_words.changed_fields(change)


def _show_difference(difference: Difference) -> None:
    write = mono if difference.code else partial(foreign, cut=False)
    text(difference.name, tag="dt")
    with box("dd"):
        if difference.before is not None:
            text(tr("before: "), "w-hidden")
            write(difference.before, "w-break w-change-before")
            symbol(icons.ARROW, "w-muted")
            text(tr("after: "), "w-hidden")
        write(difference.after, "w-break")
