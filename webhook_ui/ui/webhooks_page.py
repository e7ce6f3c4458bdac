"""The list of webhooks: filters, sorting, cards or rows. Follows its address without being built again."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from nicegui import background_tasks, ui
from sqlmodel import Session

from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import WebhookUIError
from webhook_ui.history import figures
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter, WebhookRow, count_webhooks, list_webhooks
from webhook_ui.models import Webhook
from webhook_ui.times import utcnow
from webhook_ui.ui import formats, icons, toasts, webhook_actions, webhook_form
from webhook_ui.ui.cards import cards
from webhook_ui.ui.charts import Figure, FigureStrip
from webhook_ui.ui.context import Tab, zone_named
from webhook_ui.ui.controls import Action, SortMenu, button, view_toggle
from webhook_ui.ui.first_steps import show_first_steps
from webhook_ui.ui.list_address import (
    Judged,
    Question,
    filters_in_words,
    is_here,
    judge,
    read_address,
    sorting_in_words,
    write_address,
)
from webhook_ui.ui.parts import Part, box, page_header, text
from webhook_ui.ui.states import nothing_found, notice, skeleton_card
from webhook_ui.ui.tables import Pager
from webhook_ui.ui.webhook_filters import Filters
from webhook_ui.ui.webhook_list import WebhookList, face_of

PER_PAGE = 48
AGAIN_SECONDS = 30.0  # how often it looks without news: hours end, and what is overdue gets older
USUAL = Question(view="card", sort=Sort.created.value, order=Order.desc.value)
QUIET = frozenset({Kind.event, Kind.account})  # changes that nothing here shows


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title("Webhooks · Webhook UI")
    page = WebhooksPage(tab)
    page.follow()  # first, so that nothing is missed between looking and following
    await page.refresh()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look at the database found; `everything` counts without filters, where they leave nothing."""

    total: int
    everything: int
    page: int
    rows: list[WebhookRow]
    health: dict[int, figures.Health]
    overview: figures.Overview


def look(session: Session, criteria: WebhookFilter, *, sort: str, order: str, page: int, now: datetime) -> Seen:
    """One page of the list with its figures; the last one where there are not so many pages."""
    total = count_webhooks(session, criteria)
    page = min(page, max((total - 1) // PER_PAGE + 1, 1))
    rows = list_webhooks(
        session, criteria, sort=Sort(sort), order=Order(order), limit=PER_PAGE, offset=(page - 1) * PER_PAGE
    ).rows
    return Seen(
        total=total,
        everything=total or count_webhooks(session, WebhookFilter()),
        page=page,
        rows=list(rows),
        health=figures.health(session, [row.id for row in rows], now=now),
        overview=figures.overview(session, now=now),
    )


class WebhooksPage:
    """One visit to the list in one browser tab."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._lock = asyncio.Lock()
        self._list: WebhookList | None = None
        self._address = tab.client.sub_pages_router.current_path
        with box("div", "w-page") as self.root:
            pass
        self._frame = Part(self.root, self._build_frame)
        with self.root, page_header("Webhooks"):
            pass
        with self.root, cards().classes("w-late"):
            for _ in range(6):
                skeleton_card()

    def follow(self) -> None:
        """From now on: changes of the address, news, and the clock."""
        self._tab.on_address = self._moved
        self._tab.follow(self.root, self._hear)
        ui.timer(AGAIN_SECONDS, self.refresh, immediate=False)

    async def refresh(self) -> None:
        """Looks at the database and shows what is different."""
        async with self._lock:
            question, zone = self._question(), self._zone()
            judged = judge(question, zone)
            try:
                seen = await self._tab.read(
                    look, judged.criteria, sort=question.sort, order=question.order, page=question.page, now=utcnow()
                )
            except WebhookUIError as error:
                self._frame.show("failed", str(error))
                return
            if self.root.is_deleted:
                return
            with self.root:
                if seen.everything == 0:
                    self._list = None
                    self._frame.show("first")
                else:
                    self._frame.show("list")
                    self._show(replace(question, page=seen.page), judged, seen, zone)

    def _question(self) -> Question:
        """What the address asks for; what it leaves open is as this browser last had it."""
        remembered = {name: self._tab.preference(f"webhooks_{name}") or "" for name in ("view", "sort", "order")}
        return read_address(self._address).completed(read_address(f"/?{urlencode(remembered)}")).completed(USUAL)

    def _zone(self) -> ZoneInfo:
        return zone_named(read_address(self._address).tz) or self._tab.zone

    def _moved(self, address: str) -> None:
        if not self.root.is_deleted and is_here(address):
            self._address = address
            with self.root:
                background_tasks.create(self.refresh(), name="webhooks follow their address")

    async def _hear(self, changes: frozenset[Changed]) -> None:
        shown = self._list.shown if self._list else frozenset()
        if all(change.kind in QUIET for change in changes):
            return
        elsewhere = all(
            change.kind in (Kind.attempt, Kind.delivery) and change.webhook_id and change.webhook_id not in shown
            for change in changes
        )
        if elsewhere and self._list:
            overview = await self._tab.read(figures.overview, now=utcnow())
            self._strip.show(_figures(overview))
        else:
            await self.refresh()

    def _go(self, question: Question, here: Question | None = None) -> None:
        """To another address; the present one is written out first, so that Back leads to what is seen now."""
        present = write_address(here or self._question())
        if write_address(read_address(self._address)) != present:
            ui.navigate.history.replace(present)
        if (question.first or question.last) and not question.tz:
            question = replace(question, tz=self._zone().key)
        self._address = write_address(question)  # at once: the next change may be made before the browser is there
        ui.navigate.to(self._address)

    def _ask(self, **changes: str) -> None:
        self._go(self._question().with_changes(**changes))

    def _prefer(self, **changes: str) -> None:
        here = self._question()
        for name, value in changes.items():
            self._tab.prefer(f"webhooks_{name}", value)
        self._go(here.with_changes(**changes), here)

    def _turn(self, pages: int) -> None:
        question = self._question()
        self._go(replace(question, page=self._page + pages))

    def _build_frame(self, kind: str, problem: str = "") -> None:
        if kind != "list":
            self._list = None
            with page_header("Webhooks"):
                if kind == "first" and self._tab.may_write:
                    self._build_add()
            if kind == "first":
                show_first_steps(self._tab, self._add)
            else:
                with notice("The webhooks cannot be shown now", problem, role="alert"):
                    button("Try again", self.refresh)
            return
        question, zone = self._question(), self._zone()
        judged = judge(question, zone)
        with page_header("Webhooks"):
            self._sort = SortMenu(question.sort, question.order, lambda key, end: self._prefer(sort=key, order=end))
            self._toggle = view_toggle(
                "list" if question.view == "list" else "card", lambda key: self._prefer(view=key)
            )
            if self._tab.may_write:
                self._build_add()
        self._strip = FigureStrip([])
        self._filters = Filters(question, judged, self._tab.services.plugins.triggers, self._ask)
        with box("div", "w-results") as line:
            line.props["role"] = "status"
            self._count = text("", tag="strong")
            self._words = text("", "w-wide")
        self._body = Part(box("div", "w-page"), self._build_list)
        self._nothing = Part(box("div", "w-page"), self._build_nothing)
        self._pager = Pager(partial(self._turn, -1), partial(self._turn, 1))

    def _build_add(self) -> None:
        button("Add webhook", self._add, icon=icons.ADD, kind="primary").classes("w-lead")

    def _show(self, question: Question, judged: Judged, seen: Seen, zone: ZoneInfo) -> None:
        self._page = question.page
        self._sort.show(question.sort, question.order)
        self._toggle.value = question.view
        self._strip.show(_figures(seen.overview))
        self._filters.show(question, judged)
        words = filters_in_words(judged, "" if zone == self._tab.zone else zone.key)
        self._count.set_text(formats.counted(seen.total, "webhook"))
        self._words.set_text(f"{words}{' · ' if words else ''}{sorting_in_words(question.sort, question.order)}")
        if seen.rows:
            self._body.show(question.view, zone)
            if self._list is not None:
                self._list.show({row.id: face_of(row, seen.health[row.id], zone) for row in seen.rows})
        else:
            self._nothing.show(words, seen.everything)
        self._body.element.set_visibility(bool(seen.rows))
        self._nothing.element.set_visibility(not seen.rows)
        first = (question.page - 1) * PER_PAGE + 1
        last = first + len(seen.rows) - 1
        self._pager.element.set_visibility(seen.total > PER_PAGE)
        self._pager.show(first, last, seen.total, back=question.page > 1, more=last < seen.total)

    def _build_list(self, view: str, zone: ZoneInfo) -> None:
        self._list = WebhookList(view, zone=zone, offer=self._offer if self._tab.may_write else None)

    def _build_nothing(self, words: str, everything: int) -> None:
        there = formats.counted(everything, "webhook")
        nothing_found(
            f"No webhooks match: {words}",
            f"Without filters there {'is' if everything == 1 else 'are'} {there}.",
            lambda: self._go(self._question().without_filters()),
        )

    def _offer(self, webhook_id: int) -> list[Action]:
        enabled = self._list is not None and self._list.is_enabled(webhook_id)
        switch = partial(webhook_actions.set_enabled, self._tab, webhook_id, not enabled, self.refresh)
        return [
            Action(label="Edit", icon=icons.EDIT, on_click=partial(self._edit, webhook_id)),
            Action(
                label="Disable" if enabled else "Enable",
                icon=icons.DISABLED if enabled else icons.ENABLED,
                on_click=switch,
            ),
            Action(
                label="Delete",
                icon=icons.DELETE,
                danger=True,
                on_click=partial(webhook_actions.delete, self._tab, webhook_id, self.refresh),
            ),
        ]

    def _add(self) -> None:
        webhook_form.add_webhook(self._tab, self._added)

    async def _edit(self, webhook_id: int) -> None:
        await webhook_form.edit_webhook(self._tab, webhook_id, self._edited)

    async def _added(self, webhook: Webhook) -> None:
        await self.refresh()
        where = ""
        if self._list is None or webhook.id not in self._list.shown:
            criteria = judge(self._question(), self._zone()).criteria
            newest = await self._tab.read(list_webhooks, criteria, sort=Sort.id, order=Order.desc, limit=5)
            is_found = any(row.id == webhook.id for row in newest.rows)
            where = " It stands on another page." if is_found else " The filters hide it; clear them to see it."
        toasts.done(f"“{webhook.title}” is added.{where}")

    async def _edited(self, webhook: Webhook) -> None:
        await self.refresh()
        toasts.done(f"“{webhook.title}” is saved.")


def _figures(overview: figures.Overview) -> list[Figure]:
    total = overview.sent + overview.error
    share = f"{overview.error / total:.1%}".replace("%", " %") if overview.error else ""
    late = (utcnow() - overview.oldest_due).total_seconds() if overview.oldest_due else None
    return [
        Figure(title="Sent, 24 h", value=formats.count(overview.sent)),
        Figure(title="Errors, 24 h", value=formats.count(overview.error), note=share),
        Figure(title="Waiting", value=formats.count(overview.waiting)),
        Figure(title="Oldest due", value="–" if late is None else formats.span(late)),
        Figure(title="Failing webhooks", value=formats.count(overview.failing), trouble=overview.failing > 0),
    ]
