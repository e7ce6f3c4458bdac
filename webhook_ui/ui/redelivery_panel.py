"""The side panel of one plan: how far it has come, what waits and why, when it runs next, what its runs came to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session

from webhook_ui import schedule, times
from webhook_ui.database import moment
from webhook_ui.errors import NotFound
from webhook_ui.history.redeliveries import RedeliveryRow, Stage, get_redelivery, list_runs
from webhook_ui.languages import tr, trn
from webhook_ui.models import RedeliveryRun
from webhook_ui.outbox.left import Left, Waiting, left
from webhook_ui.ui import formats, icons, redelivery_words
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.frames import PanelFrame
from webhook_ui.ui.parts import Part, Status, box, foreign, link, sentence, status_pill, text, time_text
from webhook_ui.ui.redelivery_edit import EditDialog
from webhook_ui.ui.redelivery_orders import PlanOrders
from webhook_ui.ui.redelivery_progress import Progress
from webhook_ui.ui.redelivery_when import SHOWN, show_runs
from webhook_ui.ui.states import notice
from webhook_ui.ui.tables import RUNS, Table

OUTCOMES: dict[str | None, Status] = {None: "running", "done": "done", "cancelled": "cancelled"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A plan, its runs, and what keeps it waiting."""

    row: RedeliveryRow
    runs: Sequence[RedeliveryRun]
    left: Left


def look(session: Session, plan_id: int) -> Seen:
    """All that the panel shows. Raises NotFound."""
    row = get_redelivery(session, plan_id)
    return Seen(row=row, runs=list_runs(session, plan_id), left=left(session, row.plan, now=moment(session)))


class RedeliveryPanel:
    """Shows one plan after the other; `on_close` hears when a person closes it."""

    def __init__(self, tab: Tab, *, on_close: Callable[[], Any]) -> None:
        self._tab = tab
        self._plan_id: int | None = None
        self._row: RedeliveryRow | None = None
        self._frame = PanelFrame(tr("Redelivery"), on_close=on_close)
        self._head = Part(self._frame.head, lambda *_: self._show_head())
        with self._frame.body:
            with box("div", "w-row w-wrap") as self._actions:
                self._orders = PlanOrders(tab)
                self._edit = button(tr("Edit"), self._open_edit, icon=icons.EDIT)
            self._progress = Progress(tab.zone)
            self._left = Part(box("div", "w-holder"), self._show_left)
            self._facts = Part(box("div"), lambda *_: self._show_facts())
            self._next = Part(box("div", "w-holder w-runs"), self._show_next)
            with box("section", "w-stack") as self._history:
                text(tr("Runs"), tag="h3")
                self._runs = Part(box("div", "w-holder"), self._show_runs)

    @property
    def is_open_ended(self) -> bool:
        """Whether some of what it shows has not come to anything yet."""
        return bool(self._row and self._row.outcome and self._row.outcome.waiting)

    @property
    def plan_id(self) -> int | None:
        """Which is open."""
        return self._plan_id

    async def show(self, plan_id: int) -> None:
        """Opens it for a plan; says so where there is none."""
        if plan_id == self._plan_id:
            return
        self._plan_id, self._row = plan_id, None
        await self.refresh()
        self._frame.open()

    def hide(self) -> None:
        """Closes it without calling back."""
        self._plan_id = self._row = None
        self._frame.dialog.close()

    async def refresh(self) -> None:
        """Looks again at what is open, and shows in place what has changed."""
        asked = self._plan_id
        if asked is None:
            return
        try:
            seen = await self._tab.read(look, asked)
        except NotFound:
            if asked == self._plan_id:
                self._show_missing(asked)
            return
        if asked == self._plan_id:
            self._show(seen)

    def _show(self, seen: Seen) -> None:
        self._row = row = seen.row
        plan = row.plan
        self._frame.body.set_visibility(True)
        self._head.show(plan.id, redelivery_words.status_of(plan, row.outcome), redelivery_words.title(row))
        self._orders.show(plan, row.outcome)
        self._edit.set_visibility(self._tab.may_write and may_be_edited(row))
        self._actions.set_visibility(self._orders.element.visible or self._edit.visible)
        self._progress.element.set_visibility(plan.started_at is not None)
        self._progress.show(plan, seen.left, row.outcome)
        self._left.show(seen.left)
        self._facts.show(plan.rate, plan.within, plan.cron, plan.timezone, plan.at, plan.next_run_at, plan.id)
        self._next.show(plan.cron, plan.timezone, plan.next_run_at)
        self._history.set_visibility(bool(seen.runs))
        runs = [(run.id, run.started_at, run.ended_at, run.matched, run.done, run.outcome) for run in seen.runs]
        done = [plan.done if run.ended_at is None else run.done for run in seen.runs]
        self._runs.show(tuple(runs), tuple(done))

    def _show_missing(self, plan_id: int) -> None:
        self._frame.head.clear()
        self._head = Part(self._frame.head, lambda *_: self._show_head())
        self._frame.body.set_visibility(False)
        with self._frame.head:
            text(tr("There is no redelivery #{id}", id=plan_id), tag="h2")
            text(tr("The link may be old: what is over is kept as long as events are."), "w-meta", tag="p")

    def _show_head(self) -> None:
        if self._row is None:
            return
        plan, now, zone = self._row.plan, times.utcnow(), self._tab.zone
        with box("h2", "w-row w-wrap w-panel-title"):
            status_pill(redelivery_words.status_of(plan, self._row.outcome))
            text(f"#{plan.id}", "w-muted w-plain")
            named = self._row.webhooks
            if named is None:
                text(tr(redelivery_words.ALL), "w-strong")
            elif len(named) > 1:
                text(trn("{n} webhook", "{n} webhooks", len(named)), "w-strong")
            else:
                self._show_webhook(self._row, named[0], "w-strong")
        foreign(redelivery_words.scope(plan, now, zone), "w-second", cut=False)
        if named and len(named) > 1:
            with box("ul", "w-plan-webhooks", label=tr("Webhooks")):
                for number in named:
                    with box("li"):
                        self._show_webhook(self._row, number)
        with box("p", "w-meta"):
            sentence(
                tr("By {actor}, {time}"),
                actor=lambda: foreign(name_of(plan.actor), cut=False),
                time=lambda: time_text(plan.created_at, zone, now=now),
            )

    @staticmethod
    def _show_webhook(row: RedeliveryRow, number: int, classes: str = "") -> None:
        with link("", f"/webhooks/{number}", "w-cut"):
            foreign(redelivery_words.webhook_title(row, number), classes)

    def _show_left(self, waiting: Left) -> None:
        if not waiting.named and not waiting.others:
            return
        with notice(tr("It waits for these webhooks, and comes back to them"), kind="pending") as body, body, box("ul"):
            for one in waiting.named:
                with box("li"):
                    sentence(redelivery_words.waits(one), webhook=partial(_show_waiting, one))
            if waiting.others > 0:
                more = formats.count(waiting.others)
                text(trn("And {n} more webhook.", "And {n} more webhooks.", waiting.others, n=more), tag="li")

    def _show_facts(self) -> None:
        if self._row is None:
            return
        plan, now, zone = self._row.plan, times.utcnow(), self._tab.zone
        with box("dl", "w-kv"):
            if plan.kind == "redeliver":
                _fact(tr("Pace"), redelivery_words.pace(plan.rate).capitalize())
            _fact(
                tr("When"), redelivery_words.schedule(plan, zone) if plan.cron else _once(plan.at, now, zone.key, zone)
            )
            if plan.next_run_at and not plan.cron:  # those of a crontab are listed below
                text(tr("Next run"), tag="dt")
                with box("dd"):
                    time_text(plan.next_run_at, zone, shown=redelivery_words.coming(plan.next_run_at, now, zone))
                    text(f" {zone.key}")

    def _show_next(self, crontab: str | None, timezone: str | None, following: datetime | None) -> None:
        if not crontab or not timezone or following is None:
            return
        moments = [following, *schedule.next_times(crontab, timezone, following, SHOWN - 1)]
        show_runs(moments, words=redelivery_words.cron(crontab) or crontab, timezone=timezone)

    def _show_runs(self, runs: Sequence[Any], done: Sequence[int]) -> None:
        table, zone, now = Table(tr("Runs"), RUNS, "runs"), self._tab.zone, times.utcnow()
        for (_, began, ended, matched, _, outcome), count in zip(runs, done, strict=True):
            row = table.row()
            with row.cell("state"):
                if outcome in OUTCOMES:
                    status_pill(OUTCOMES[outcome])
                else:
                    text(tr("Taken over by the next"), "w-muted")
            with row.cell("title"):
                time_text(began, zone, shown=redelivery_words.coming(began, now, zone))
            with row.cell("took"):
                text(redelivery_words.took(began, ended), "w-muted")
            with row.cell("done"):
                text(redelivery_words.part(count, matched))

    def _open_edit(self) -> None:
        if self._row:
            with self._tab.client:
                EditDialog(self._tab, self._row.plan, on_saved=self.refresh).open()


def may_be_edited(row: RedeliveryRow) -> bool:
    """Whether something of it is still to come that can be changed."""
    return row.stage is not Stage.over and row.plan.state != "cancelled" and row.plan.kind == "redeliver"


def _show_waiting(one: Waiting) -> None:
    with link("", f"/webhooks/{one.webhook_id}"):
        foreign(one.title, cut=False)


def _fact(name: str, value: str) -> None:
    text(name, tag="dt")
    text(value, tag="dd")


def _once(at: datetime | None, now: datetime, zone_name: str, zone: Any) -> str:
    return (
        tr("Once, {moment} {zone}", moment=redelivery_words.coming(at, now, zone), zone=zone_name)
        if at
        else tr("Once, at once")
    )
