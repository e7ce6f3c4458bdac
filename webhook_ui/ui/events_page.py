"""The list of events: filters, search by payload fields, rows whose figures change in place. Follows its address."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from nicegui import ui
from sqlmodel import Session

from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Invalid, Unavailable
from webhook_ui.history.events import EventFilter, EventRow, Tally, list_events, tallies
from webhook_ui.languages import tr, trn
from webhook_ui.ui import event_rows, formats
from webhook_ui.ui.context import Tab, tell, zone_named
from webhook_ui.ui.controls import clear_button
from webhook_ui.ui.event_address import PATH, Judged, Question, judge
from webhook_ui.ui.event_filters import EventFilters
from webhook_ui.ui.export_menu import export_menu
from webhook_ui.ui.markup import Markup
from webhook_ui.ui.new_rows import NewRows, show_beginning, stands_at_top
from webhook_ui.ui.once import Once
from webhook_ui.ui.parts import Part, box, link, page_header, prose, sentence, text
from webhook_ui.ui.states import nothing_found, notice
from webhook_ui.ui.tables import EVENTS, Pager, Table, WrittenRow, written_cells
from webhook_ui.ui.turnover import Turnover

PAGE = 50
FOLLOWED = frozenset({Kind.event, Kind.delivery, Kind.attempt, Kind.anything})
REST = 4.0  # times as long as looking took: one page costs a fifth of a reading thread at the most


@dataclass(frozen=True, kw_only=True)
class Seen(Once):
    """A page of events, the figures of those and of what was shown before, and how many are newer than the known."""

    rows: Sequence[EventRow]
    tallies: dict[int, Tally]
    next_cursor: str | None
    newest: int
    newer: int


def look(session: Session, criteria: EventFilter, cursor: str, newest: int | None, shown: Sequence[int] = ()) -> Seen:
    """What the criteria leave; `newest` is the newest event that was known, None at first."""
    page = list_events(session, criteria, limit=PAGE, cursor=cursor or None, counted=False)
    top = list_events(session, criteria, limit=PAGE, counted=False).rows if cursor else page.rows
    known = top[0].id if newest is None and top else newest or 0
    wanted = dict.fromkeys([*(row.id for row in page.rows), *shown])
    return Seen(
        rows=page.rows,
        tallies=tallies(session, list(wanted)),
        next_cursor=page.next_cursor,
        newest=known,
        newer=sum(row.id > known for row in top),
    )


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title(tr("Events · Webhook UI"))
    page = EventsPage(tab)
    await page.load()
    page.follow()


class _Row:
    """One event on the screen; `count` renews its figures."""

    def __init__(self, row: WrittenRow, event: EventRow, zone: ZoneInfo) -> None:
        self._event, self._zone, self.row = event, zone, row
        self._tally: Tally | None = None

    def count(self, seen: Seen) -> None:
        tally = seen.tallies.get(self._event.id, Tally())
        if tally != self._tally:
            self._tally = tally
            self.row.write(seen.once((self._event.id, self._zone), lambda: self._write(tally)))

    def _write(self, tally: Tally) -> Markup:
        cells = {**event_rows.event_cells(self._event, self._zone), **event_rows.tally_cell(tally)}
        return written_cells(EVENTS, cells)


class EventsPage:
    """One visit to the list in one browser tab."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._question = Question.read(tab.client.sub_pages_router.current_path)
        self._rows: dict[int, _Row] = {}  # newest first
        self._newest: int | None = None
        self._next: str | None = None
        self._came_from: dict[str, Question] = {}  # by cursor
        self._turnover = Turnover(tab, PAGE, self._look_again)
        judged = self._judge()
        with box("div", "w-page") as self.root:
            with page_header(tr("Events")):
                export_menu("events", self._export_query)
            self._filters = EventFilters(tab, self._question, judged, self._ask)
            self._notice = Part(box("div", "w-holder"), self._build_notice)
            self._nothing = Part(box("div", "w-holder"), self._build_nothing)
            self._news = NewRows(_count_new, self._show_news)
            self._table = Table(tr("Events"), EVENTS, "events")
            with self._table.element:
                self._pager = Pager(self._back, self._forward)
            self._table.element.set_visibility(False)

    def follow(self) -> None:
        """From now on: changes of the address, and news."""
        self._tab.on_address = self._moved
        self._tab.follow(self.root, self._hear)

    async def load(self) -> None:
        """Reads the page anew and shows it from the top."""
        question, judged = self._question, self._judge()
        self._filters.show(question, judged)
        self._notice.show(judged.problem, judged.unknown, question.trigger)
        if judged.problem or judged.unknown:
            self._show(Seen(rows=[], tallies={}, next_cursor=None, newest=0, newer=0), said=True)
            return
        try:
            seen = await self._look(judged.criteria, question.cursor)
        except Unavailable as error:
            tell(error)
            return
        if question == self._question and not self.root.is_deleted:
            with self.root:
                self._show(seen)

    async def _look(self, criteria: EventFilter, cursor: str) -> Seen:
        try:
            return await self._tab.read(look, criteria, cursor, None)
        except Invalid:  # a cursor that nobody gave
            self._question = self._question.with_changes()
            return await self._tab.read(look, criteria, "", None)

    def _export_query(self) -> dict[str, str]:
        return {"tz": self._zone().key, **dict(parse_qsl(urlsplit(self._question.text()).query))}

    def _judge(self) -> Judged:
        return judge(self._question, self._zone(), self._tab.services.settings.indexed)

    def _zone(self) -> ZoneInfo:
        return zone_named(self._question.tz) or self._tab.zone

    def _show(self, seen: Seen, *, said: bool = False) -> None:
        self._rows.clear()
        self._table.clear()
        self._newest = seen.newest
        self._place(seen.rows, seen)
        self._news.show(0)
        self._frame(seen, said=said)

    def _frame(self, seen: Seen, *, said: bool = False) -> None:
        first, shown = self._question.start, len(self._rows)
        self._next = seen.next_cursor
        more = seen.next_cursor is not None
        self._table.element.set_visibility(shown > 0)
        total = None if more else first + shown - 1
        self._pager.show(first, first + shown - 1, total, back=bool(self._question.cursor), more=more)
        self._nothing.show(not shown and not said, self._question)

    def _place(self, rows: Sequence[EventRow], seen: Seen) -> None:
        """Adds `rows` (newer than all, or to an empty list) in the places of what no longer fits on the page."""
        known = list(self._rows.items())
        stays = max(PAGE - len(rows), 0)
        free = (row.row for _, row in known[stays:])
        added: dict[int, _Row] = {}
        for event in rows:
            row = added[event.id] = _Row(self._table.written_row(str(event.id), next(free, None)), event, self._zone())
            row.count(seen)
        self._rows = added | dict(known[:stays])
        self._table.arrange(row.row for row in self._rows.values())

    async def _hear(self, changes: frozenset[Changed]) -> None:
        if any(change.kind in FOLLOWED for change in changes):
            began = time.monotonic()
            await self._refresh()
            await asyncio.sleep(REST * (time.monotonic() - began))

    async def _look_again(self) -> None:
        if not self.root.is_deleted:
            with self.root:
                await self._refresh()

    async def _refresh(self) -> None:
        """Figures change in their rows at once; new rows come in, or wait behind a line that counts them."""
        question, judged = self._question, self._judge()
        if self._newest is None or judged.problem or judged.unknown:
            return
        newest, shown = self._newest, list(self._rows)
        seen = await self._tab.share(
            ("events", judged.criteria, question.cursor, newest, tuple(shown)),
            lambda: self._tab.read(look, judged.criteria, question.cursor, newest, shown),
            in_turn=True,
        )
        if question != self._question:
            return
        for row in self._rows.values():
            row.count(seen)
        if not seen.newer or (not question.cursor and self._turnover.too_soon(seen.newer)):
            self._news.show(seen.newer, hurried=self._turnover.hurried)
            return
        may_move = not question.cursor and await self._at_top()
        if question != self._question:
            return  # gone on while the browser was asked
        if may_move:
            known = self._newest
            fresh = [row for row in seen.rows if row.id > known]
            self._turnover.came(len(fresh))
            self._place(fresh, seen)
            self._newest = max(self._rows)
            self._news.show(0, hurried=self._turnover.hurried)
            self._frame(seen)
        else:
            self._news.show(seen.newer)

    async def _at_top(self) -> bool:
        return await stands_at_top(self._table.element) or not self._rows

    async def _show_news(self) -> None:
        if self._question.cursor:
            self._go(self._question.with_changes())
        else:
            await self.load()
            show_beginning(self._table.element)

    def _moved(self, address: str) -> None:
        if self.root.is_deleted or address.partition("?")[0].rstrip("/") != PATH:
            return
        # nothing is built anew, so the place on the page stays: as on the first request, nothing is scrolled
        self._tab.client.sub_pages_router.is_initial_request = True
        self._question = Question.read(address)
        with self.root:
            self._tab.begin(self.load(), name="events follow their address")

    def _ask(self, **changes: str) -> None:
        self._go(self._question.with_changes(**changes))

    def _go(self, question: Question) -> None:
        if (question.first or question.last) and not question.tz:
            question = replace(question, tz=self._zone().key)
        self._question = question  # at once: the next change may be made before the browser is there
        ui.navigate.to(question.text())

    def _forward(self) -> None:
        if self._next:
            self._came_from[self._next] = self._question
            self._go(replace(self._question, cursor=self._next, start=self._question.start + PAGE))

    def _back(self) -> None:
        self._go(self._came_from.get(self._question.cursor, self._question.with_changes()))

    def _build_notice(self, problem: str | None, unknown: Sequence[str], trigger: str) -> None:
        if problem:
            with notice(tr("This search cannot be understood"), problem, kind="info"):
                clear_button(tr("Clear search"), self._clear_search)
        elif unknown:
            event_rows.explain_unknown(unknown, trigger, self._tab.services.settings.indexed, self._clear_search)

    def _clear_search(self) -> None:
        self._ask(q="")

    def _build_nothing(self, empty: bool, question: Question) -> None:
        if not empty:
            return
        if question.narrowed or question.cursor:
            nothing_found(
                tr("No events match"),
                tr("An event is found by its fields if they were indexed when it was stored.")
                if self._judge().criteria.fields
                else tr("Others may be there without the filters."),
                lambda: self._go(Question()),
            )
            return
        with box("section", "w-box w-nothing"):
            text(tr("No events yet"), "w-medium", tag="p")
            with box("p", "w-muted"):
                sentence(
                    tr("They appear here as soon as a trigger fires. To try it, {fire}."),
                    fire=lambda: link(tr("fire one by hand"), "/triggers"),
                )
            prose(tr("They are kept for `WEBHOOK_UI_RETENTION_DAYS`."), "w-meta")


def _count_new(newer: int) -> str:
    if newer >= PAGE:
        return tr("{count} or more new events", count=PAGE)
    return trn("{n} new event", "{n} new events", newer, n=formats.count(newer))
