"""Plans as the page Redeliveries lists them: a block for each that is at work, rows for what is to come or over.

All of them change in place, so that nobody loses the button under the cursor.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.redeliveries import RedeliveryRow
from webhook_ui.languages import short_number, tr
from webhook_ui.outbox.left import Left
from webhook_ui.ui import late_presses, redelivery_words
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.context import Tab
from webhook_ui.ui.parts import Part, box, foreign, link, sentence, status_pill, text, time_text
from webhook_ui.ui.redelivery_orders import PlanOrders
from webhook_ui.ui.redelivery_progress import Progress
from webhook_ui.ui.tables import Column, Row, Table

Ways = Callable[[int], str]  # the address at which a plan is open


class AtWork:
    """The block of plans that have a run: each with its bar, its figures and what can be done."""

    def __init__(self, tab: Tab, way: Ways) -> None:
        self._tab, self._way = tab, way
        self._blocks: dict[int, _Block] = {}
        with box("section", "w-box w-plans", label=tr("Running")) as self.element:
            text(tr("Running"), tag="h2")
            self._list = box("ul")

    def show(self, rows: Sequence[RedeliveryRow], lefts: Mapping[int, Left]) -> None:
        """Those that are at work now, and what keeps them waiting."""
        self.element.set_visibility(bool(rows))
        numbers = [row.plan.id or 0 for row in rows]
        for gone in self._blocks.keys() - set(numbers):
            self._blocks.pop(gone).element.delete()
        for place, row in enumerate(rows):
            number = numbers[place]
            if number not in self._blocks:
                with self._list:
                    self._blocks[number] = _Block(self._tab, self._way(number))
                self._blocks[number].element.move(target_index=place)
            self._blocks[number].show(row, lefts.get(number, Left()))


class _Block:
    """One plan that is at work."""

    def __init__(self, tab: Tab, way: str) -> None:
        self._zone, self._path = tab.zone, way
        with box("li", "w-plan") as self.element:
            with box("div", "w-row w-plan-head"):
                self._head = Part(box("div", "w-row w-wrap w-grow"), self._show_head)
                self._orders = PlanOrders(tab, small=True)
            self._progress = Progress(tab.zone)
            self._foot = Part(box("p", "w-meta"), self._show_foot)

    def show(self, row: RedeliveryRow, waiting: Left) -> None:
        plan = row.plan
        what = redelivery_words.scope(plan, times.utcnow(), self._zone)
        self._head.show(redelivery_words.status_of(plan), redelivery_words.title(row), what)
        self._orders.show(plan)
        self._progress.show(plan, waiting, row.outcome)
        self._foot.show(plan.id, plan.actor, plan.started_at)

    def _show_head(self, status: Any, title: str, what: str) -> None:
        status_pill(status)
        with link("", self._path, "w-cut w-plan-title"):
            foreign(title, "w-medium")
        foreign(what, "w-second", cut=False)

    def _show_foot(self, number: int, actor: str, began: datetime | None) -> None:
        sentence(
            tr("#{id}, by {actor}, began {time}") if began else tr("#{id}, by {actor}"),
            id=number,
            actor=lambda: foreign(name_of(actor), cut=False),
            time=lambda: time_text(began, self._zone) if began else None,
        )


class PlanTable:
    """A table of plans; `fill` writes one row."""

    def __init__(
        self, name: str, columns: Sequence[Column], way: Ways, fill: Callable[[Row, RedeliveryRow, str], None]
    ) -> None:
        self._columns, self._way, self._fill = columns, way, fill
        self._shown: dict[int, tuple[Any, Row]] = {}
        with box("section", "w-stack w-plans-part", label=name) as self.element:
            text(name, tag="h2")
            self.table = Table(name, columns, "plans")

    def show(self, rows: Sequence[RedeliveryRow], chosen: int | None) -> None:
        """Those that stand in it now; `chosen` is the plan that is open."""
        self.element.set_visibility(bool(rows))
        numbers = [row.plan.id or 0 for row in rows]
        if numbers != list(self._shown):
            self._shown.clear()
            self.table.clear()
        for number, found in zip(numbers, rows, strict=True):
            face = (found.plan.model_dump(), found.held, found.titles, found.outcome)
            known = self._shown.get(number)
            row = known[1] if known else self._new_row()
            if known is None or known[0] != face:
                for column in self._columns:
                    late_presses.clear(row.cell(column.key))
                self._fill(row, found, self._way(number))
                self._shown[number] = (face, row)
            row.choose(number == chosen)

    def _new_row(self) -> Row:
        row = self.table.row()
        row.element.classes("w-clickable w-opens")
        return row


def fill_planned(row: Row, found: RedeliveryRow, way: str, *, zone: ZoneInfo) -> None:
    """What is to come: how fast, when, and when next."""
    plan, now = found.plan, times.utcnow()
    _fill_what(row, found, way, zone)
    with row.cell("pace"):
        text(tr("no limit") if plan.rate is None else f"{short_number(plan.rate)} / s", "w-muted")
    with row.cell("schedule"):
        words = redelivery_words.schedule(plan, zone)
        text(words, "w-cut w-muted").props["title"] = words
    with row.cell("next"):
        if plan.next_run_at:
            time_text(plan.next_run_at, zone, shown=redelivery_words.coming(plan.next_run_at, now, zone))
        else:
            text(tr("not while paused"), "w-muted")


def fill_ended(row: Row, found: RedeliveryRow, way: str, *, zone: ZoneInfo) -> None:
    """What is over: who wanted it and what it came to."""
    plan, now = found.plan, times.utcnow()
    _fill_what(row, found, way, zone)
    with row.cell("by"):
        foreign(name_of(plan.actor), "w-muted")
    with row.cell("done"):
        text(redelivery_words.part(plan.done, plan.matched) if plan.started_at else "–")
    with row.cell("next"):
        if plan.started_at:
            time_text(plan.started_at, zone, shown=redelivery_words.coming(plan.started_at, now, zone)).classes(
                "w-muted"
            )
        else:
            text(tr("never ran"), "w-muted")


def _fill_what(row: Row, found: RedeliveryRow, way: str, zone: ZoneInfo) -> None:
    plan = found.plan
    with row.cell("state"):
        status_pill(redelivery_words.status_of(plan, found.outcome))
    title, what = redelivery_words.title(found), redelivery_words.scope(plan, times.utcnow(), zone)
    with row.cell("title"):
        with link("", way, "w-open w-cut") as opener:
            foreign(title, "w-medium")
        opener.props["aria-label"] = tr("Plan {id}: {title}, {what}", id=plan.id, title=title, what=what)
    with row.cell("what"):
        foreign(what, "w-second")
