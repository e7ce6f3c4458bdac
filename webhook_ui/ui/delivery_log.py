"""A log of deliveries: pages, rows that change in place, and new ones that push nothing that is read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from webhook_ui import times
from webhook_ui.errors import Invalid
from webhook_ui.history import paging
from webhook_ui.history.deliveries import DeliveryFilter, DeliveryRow
from webhook_ui.history.delivery_search import Key
from webhook_ui.languages import tr, trn
from webhook_ui.ui import delivery_words, formats, icons, late_presses
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.log_address import LogAddress
from webhook_ui.ui.log_look import PAGE, Found, key_of, look, look_again, newest
from webhook_ui.ui.log_rows import REDELIVER, write_row
from webhook_ui.ui.markup import Markup
from webhook_ui.ui.new_rows import NewRows, show_beginning, stands_at_top
from webhook_ui.ui.once import Once
from webhook_ui.ui.parts import box, text
from webhook_ui.ui.redelivering import Redeliverer
from webhook_ui.ui.tables import LOG, WHOLE_LOG, Pager, Table, WrittenRow
from webhook_ui.ui.turnover import Turnover
from webhook_ui.ui.written import hear


class Surroundings(Protocol):
    """What the log asks of the page around it."""

    def go(self, log: LogAddress) -> None:
        """Leads to another part of the log."""

    def path(self, log: LogAddress) -> str:
        """As a link."""

    def is_reading(self) -> bool:
        """Whether something is open that must not be disturbed."""

    def say_nothing(self, log: LogAddress) -> None:
        """Builds what stands there instead of an empty list."""


MOST_PRESSABLE = 500  # deliveries whose buttons are heard, although their rows may have left the page


class DeliveryLog:
    """One webhook's rows, or with `whole` those of all, each with its webhook."""

    def __init__(
        self, tab: Tab, log: LogAddress, criteria: DeliveryFilter, around: Surroundings, *, whole: bool = False
    ) -> None:
        self._tab, self._log, self._criteria, self._around = tab, log, criteria, around
        self._closed = replace(log, delivery="")  # whatever is open
        self._redeliverer = Redeliverer(tab)
        self._columns = WHOLE_LOG if whole else LOG
        self._rows: dict[Key, tuple[DeliveryRow, WrittenRow]] = {}  # newest first
        self._pressable: dict[str, tuple[int, int]] = {}  # what is or was shown, by name
        self._known: Key | None = None  # the newest that was there when the page was shown
        self._next: str | None = None
        self._came_from: dict[str, LogAddress] = {}  # by cursor
        self._turnover = Turnover(tab, PAGE, self._look_again)
        self._build()

    @property
    def delivery_ids(self) -> list[str]:
        """What is on the screen, newest first."""
        return [row.id for row, _ in self._rows.values()]

    def _build(self) -> None:
        self._nothing = box("div", "w-holder")
        self._news = NewRows(_count_new, self._show_news)
        self._table = Table(tr("Deliveries"), self._columns, "log")
        hear(self._table.body, self._pressed)
        with self._table.element:
            with box("div", "w-searched") as self._searched:
                self._searched_text = text("", "w-muted")
                button(tr("Search on"), self._forward, small=True, icon=icons.SEARCH)
            self._pager = Pager(self._back, self._forward)
        self._searched.set_visibility(False)
        self._table.element.set_visibility(False)

    async def show(self, log: LogAddress, criteria: DeliveryFilter) -> None:
        """Goes to another part of the log, or marks another row as the open one."""
        before, self._log, self._criteria = self._log, log, criteria
        self._closed = replace(log, delivery="")
        if before.part != log.part:
            await self.load()
            if before.cursor != log.cursor:
                show_beginning(self._table.element)
        for delivery, row in self._rows.values():
            row.choose(delivery.id == log.delivery)

    async def load(self) -> None:
        """Reads the page anew and shows it from the top."""
        log, criteria = self._log, self._criteria
        try:
            found = await self._tab.read(look, criteria, log.cursor, times.utcnow())
        except Invalid:  # a cursor that nobody gave
            found = await self._tab.read(look, criteria, "", times.utcnow())
        first = key_of(found.rows[0]) if found.rows else (0, 0)
        known = await self._tab.read(newest, criteria) if log.cursor else first
        if log.part != self._log.part:
            return  # somewhere else by now
        self._known = known
        self._rows.clear()
        self._table.clear()
        self._place(found.rows, found)
        self._news.show(0)
        self._frame(found)

    async def refresh(self, *, fresh: bool = True) -> None:
        """Looks again: changes stand in their rows at once; new rows come in, or wait behind a line that counts.

        If not `fresh`, with what another tab has found after the same news.
        """
        log, criteria, known = self._log, self._criteria, self._known
        if known is None:
            return
        shown = list(self._rows)
        first_page = not log.cursor
        news = await self._tab.share(
            ("log", criteria, tuple(shown), None if first_page else known),
            lambda: self._tab.read(look_again, criteria, shown, known, times.utcnow(), first_page=first_page),
            fresh=fresh,
            in_turn=True,
        )
        if log.part != self._log.part:
            return
        for row in news.shown:
            self._renew(row, news)
        many = len(self._unknown(news.fresh))
        if not many or (first_page and self._turnover.too_soon(many)):
            self._news.show(many, hurried=self._turnover.hurried)
            return
        may_move = first_page and not self._around.is_reading() and await self._at_top()
        rows = self._unknown(news.fresh)  # another look may have brought them while the browser was asked
        if not rows or log.part != self._log.part:
            return
        if may_move:
            self._turnover.came(len(rows))
            if self._place(rows, news):  # the next page begins behind what is the last row now
                self._next = paging.encode(min(self._rows))
                self._say_searched(None)
            self._known = max(self._rows)
            self._news.show(0, hurried=self._turnover.hurried)
            self._count_rows(more=self._next is not None)
        else:
            self._news.show(len(rows))

    async def _look_again(self) -> None:
        if not self._table.element.is_deleted:
            await self.refresh(fresh=False)

    def _unknown(self, rows: Sequence[DeliveryRow]) -> list[DeliveryRow]:
        return [row for row in rows if key_of(row) not in self._rows]

    async def _show_news(self) -> None:
        if self._log.cursor:
            self._around.go(replace(self._log, cursor="", number=1, delivery=""))
        else:
            await self.load()
            show_beginning(self._table.element)

    async def _at_top(self) -> bool:
        return await stands_at_top(self._table.element) or not self._rows

    def _frame(self, found: Found) -> None:
        self._next = found.next_cursor
        self._say_searched(found.searched_to)
        self._count_rows(more=found.next_cursor is not None)

    def _count_rows(self, *, more: bool) -> None:
        first, shown = self._log.number, len(self._rows)
        stopped = self._searched.visible
        self._table.element.set_visibility(shown > 0 or stopped)
        last = first + shown - 1
        self._pager.show(first, last if shown else 0, None if more else last, back=bool(self._log.cursor), more=more)
        late_presses.clear(self._nothing)
        if not shown and not stopped:
            with self._nothing:
                self._around.say_nothing(self._log)

    def _say_searched(self, moment: datetime | None) -> None:
        self._searched.set_visibility(moment is not None)
        if moment:
            back = formats.absolute(moment, self._tab.zone, seconds=True)
            self._searched_text.set_text(tr("Searched back to {moment}. There may be older ones.", moment=back))

    def _place(self, rows: Sequence[DeliveryRow], seen: Once) -> bool:
        """Adds `rows` where they belong, and lets go of what no longer fits on the page; says whether there was any.

        Who comes takes the place of who goes: a page that turns over builds nothing.
        """
        coming = {key_of(delivery): delivery for delivery in rows}
        keys = sorted({*self._rows, *coming}, reverse=True)
        page = dict.fromkeys(keys[:PAGE])
        free = [row for key, (_, row) in self._rows.items() if key not in page]
        places = iter(free)
        placed: dict[Key, tuple[DeliveryRow, WrittenRow]] = {}
        for key in page:
            placed[key] = self._rows.get(key) or (coming[key], self._row_for(coming[key], next(places, None), seen))
        for left_over in places:
            left_over.element.delete()
        self._rows = placed
        self._table.arrange(row for _, row in placed.values())
        return len(keys) > PAGE

    def _row_for(self, delivery: DeliveryRow, row: WrittenRow | None, seen: Once) -> WrittenRow:
        """A row that shows it, made of the one that is free."""
        row = self._table.written_row(delivery.id, row)
        row.choose(delivery.id == self._log.delivery)
        self._fill(row, delivery, seen)
        return row

    def _renew(self, delivery: DeliveryRow, seen: Once) -> None:
        known = self._rows.get(key_of(delivery))
        if known is None or known[0] == delivery:
            return
        self._rows[key_of(delivery)] = (delivery, known[1])
        self._fill(known[1], delivery, seen)

    async def _pressed(self, does: str, delivery_id: str) -> None:
        """One that nobody showed is not found; one that has left the page since may have been pressed before."""
        named = self._pressable.get(delivery_id)
        if does == REDELIVER and named and await self._redeliverer.order(*named):
            await self.refresh()

    def _fill(self, row: WrittenRow, delivery: DeliveryRow, seen: Once) -> None:
        tab = self._tab
        depends = (key_of(delivery), self._closed, self._columns, tab.zone, tab.may_write)
        row.write(seen.once(depends, lambda: self._write(delivery)))
        self._pressable.pop(delivery.id, None)  # what was written last is forgotten last: it is on the screen
        self._pressable[delivery.id] = delivery.webhook_id, delivery.event_id
        if len(self._pressable) > MOST_PRESSABLE:
            self._pressable.pop(next(iter(self._pressable)))

    def _write(self, delivery: DeliveryRow) -> Markup:
        services = self._tab.services
        usual = services.settings.retry_schedule
        retries = delivery_words.schedule_in_force(delivery, delivery.trigger, services.plugins.triggers, usual)
        return write_row(
            delivery,
            columns=self._columns,
            path=self._around.path(replace(self._log, delivery=delivery.id)),
            retries=0 if delivery.test else len(retries),
            zone=self._tab.zone,
            may_redeliver=self._tab.may_write,
        )

    def _forward(self) -> Any:
        if self._next:
            self._came_from[self._next] = replace(self._log, delivery="")
            number = self._log.number + len(self._rows)
            self._around.go(replace(self._log, cursor=self._next, number=number, delivery=""))

    def _back(self) -> Any:
        first_page = replace(self._log, cursor="", number=1, delivery="")
        self._around.go(self._came_from.get(self._log.cursor, first_page))


def _count_new(newer: int) -> str:
    if newer >= PAGE:
        return tr("{count} or more new deliveries", count=PAGE)
    return trn("{n} new delivery", "{n} new deliveries", newer, n=formats.count(newer))
