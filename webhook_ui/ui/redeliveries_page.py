"""The page Redeliveries: plans at work, planned and over; one opened beside them; and the form for new ones."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nicegui import context, ui
from sqlmodel import Session

from webhook_ui.changes import Changed, Kind
from webhook_ui.database import moment
from webhook_ui.errors import Forbidden, Invalid, Unavailable
from webhook_ui.history import redeliveries as history
from webhook_ui.history.redeliveries import RedeliveryPage, Stage
from webhook_ui.languages import tr
from webhook_ui.models import Redelivery
from webhook_ui.outbox.left import Left, left
from webhook_ui.ui import icons, late_presses
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button
from webhook_ui.ui.parts import box, focus_instead, page_header, prose, text
from webhook_ui.ui.redeliveries_address import PATH, Address
from webhook_ui.ui.redelivery_form import RedeliveryForm
from webhook_ui.ui.redelivery_panel import RedeliveryPanel
from webhook_ui.ui.redelivery_rows import AtWork, PlanTable, fill_ended, fill_planned
from webhook_ui.ui.root import whole
from webhook_ui.ui.shell import Shell
from webhook_ui.ui.states import notice
from webhook_ui.ui.tables import ENDED, PLANNED, Pager

PAGE = 50
EXPLAINED = 10  # plans of which it is said what they wait for
FOLLOWED = frozenset({Kind.redelivery, Kind.webhook, Kind.anything})


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title(tr("Redeliveries · Webhook UI"))
    root = box("div", "w-page")
    page = _Page(tab, root, Address.read(context.client.sub_pages_router.current_path))
    try:
        await page.start()
    except Unavailable as error:
        root.clear()
        with root, notice(tr("Redeliveries cannot be shown now"), str(error), role="alert"):
            button(tr("Try again"), ui.navigate.reload)


async def count_in(shell: Shell, tab: Tab) -> None:
    """Keeps the number of plans at work beside the navigation's entry."""

    async def look(_: frozenset[Changed]) -> None:
        count = await tab.share("redeliveries counted", lambda: tab.read(history.count_at_work))
        shell.set_count(PATH, count or None)

    tab.follow(shell.content, look, Kind.redelivery)
    try:
        await look(frozenset())
    except Unavailable:
        return  # the page itself says that the database is away


def _read(session: Session, cursor: str | None) -> tuple[RedeliveryPage, dict[int, Left]]:
    """A page of plans, and what keeps the first of those waiting that are at work."""
    page, now = history.list_by_stage(session, limit=PAGE, cursor=cursor), moment(session)
    at_work = [row.plan for row in page.rows if row.stage is Stage.at_work][:EXPLAINED]
    return page, {plan.id or 0: left(session, plan, now=now) for plan in at_work}


class _Page:
    """Its parts, and what the address makes of them."""

    def __init__(self, tab: Tab, root: ui.element, address: Address) -> None:
        self._tab, self._root, self._address = tab, root, address
        self._form: RedeliveryForm | None = None
        self._openers: dict[str, ui.button] = {}  # of the form, by its kind
        self._asked = False  # for the form, by a button of this page: the step before it is this page without it
        self._opening = asyncio.Lock()  # one form after the other, when the address changes while one is being opened
        self._next: str | None = None
        self._awaits = False  # attempts, to say what came of a plan
        self._came_from: dict[str, Address] = {}  # by cursor
        with root:
            with page_header(tr("Redeliveries")):
                if tab.may_write:
                    cancel = button(tr("Cancel deliveries"), self._asks("cancel"), icon=icons.CANCELLED, kind="danger")
                    again = button(tr("New redelivery"), self._asks("redeliver"), icon=icons.ADD, kind="primary")
                    again.classes("w-lead")
                    self._openers = {"cancel": cancel, "redeliver": again}
            self._nothing = box("div", "w-holder")
            self._at_work = AtWork(tab, self._way)
            self._planned = PlanTable(tr("Planned"), PLANNED, self._way, partial(fill_planned, zone=tab.zone))
            self._over = PlanTable(tr("History"), ENDED, self._way, partial(fill_ended, zone=tab.zone))
            with box("div", "w-box") as self._pages:
                self._pager = Pager(self._back, self._forward)
            self._panel = RedeliveryPanel(tab, on_close=lambda: _go(replace(self._address, plan=None)))

    async def start(self) -> None:
        """Shows what the address says, and follows from here on."""
        self._tab.on_address = self._hear
        self._tab.follow(self._root, self._look)
        await self._load()
        await self._show_panels()

    async def _look(self, changes: frozenset[Changed]) -> None:
        awaited = self._panel.is_open_ended or self._awaits
        if any(change.kind in FOLLOWED or (awaited and change.kind is Kind.attempt) for change in changes):
            await self._load()
            await self._panel.refresh()

    async def _load(self) -> None:
        address = self._address
        try:
            page, lefts = await self._tab.read(_read, address.cursor or None)
        except Invalid:  # a cursor that nobody gave
            page, lefts = await self._tab.read(_read, None)
        if address.cursor == self._address.cursor:
            self._show(page, lefts)

    def _show(self, page: RedeliveryPage, lefts: Mapping[int, Left]) -> None:
        first, shown = self._address.first, len(page.rows)
        chosen = self._address.plan
        self._awaits = any(row.outcome and row.outcome.waiting for row in page.rows)
        self._at_work.show([row for row in page.rows if row.stage is Stage.at_work], lefts)
        self._planned.show([row for row in page.rows if row.stage is Stage.planned], chosen)
        self._over.show([row for row in page.rows if row.stage is Stage.over], chosen)
        self._next = page.next_cursor
        more, back = page.next_cursor is not None, bool(self._address.cursor)
        self._pages.set_visibility(more or back)
        self._pager.show(first, first + shown - 1, None if more else first + shown - 1, back=back, more=more)
        late_presses.clear(self._nothing)
        if not shown:
            with self._nothing:
                _say_nothing(self._tab.may_write)

    def _hear(self, path: str) -> None:
        """The address has changed, by a link, a button, Back or Forward."""
        if self._root.is_deleted or path.partition("?")[0].rstrip("/") != PATH:
            return
        # nothing is built anew, so the place on the page stays: as on the first request, nothing is scrolled
        self._tab.client.sub_pages_router.is_initial_request = True
        self._tab.begin(self._turn_to(Address.read(path)), name="address")

    async def _turn_to(self, address: Address) -> None:
        self._address = address
        self._asked = self._asked and address.new is not None
        with self._root:
            try:
                await self._load()
                await self._show_panels()
            except Unavailable as error:
                tell(error)
            except Forbidden:
                return  # on the way to the sign-in

    async def _show_panels(self) -> None:
        async with self._opening:
            await self._show_panel_of(self._address)

    async def _show_panel_of(self, address: Address) -> None:
        if self._form:
            self._form.hide()
            self._form = None
        if address.new and self._tab.may_write:
            self._panel.hide()
            self._form = RedeliveryForm(
                self._tab, address.new, on_close=self._close_form, on_placed=self._placed, on_scope=self._rewrite
            )
            await self._form.open(address.scope)
        elif address.plan is not None:
            await self._panel.show(address.plan)
        elif self._panel.plan_id is not None:
            self._panel.hide()

    def _rewrite(self, scope: Mapping[str, str]) -> None:
        """The address says what is entered, so that it can be sent to somebody, without being a step for Back."""
        self._address = replace(self._address, scope=scope)
        with self._root:
            _stand_at(self._address)

    def _close_form(self) -> None:
        if self._form:
            self._form.hide()
        self._form = None
        with self._root:
            if self._asked:
                ui.navigate.back()
            else:
                if opener := self._openers.get(self._address.new or ""):
                    focus_instead(opener)  # the address has opened it: the keyboard came from nowhere
                _go(replace(self._address, new=None, scope={}), instead_of_form=True)

    def _placed(self, plan: Redelivery) -> None:
        self._form = None
        with self._root:
            _go(Address(plan=plan.id), instead_of_form=True)

    def _asks(self, kind: Any) -> Callable[[], None]:
        def ask() -> None:
            self._asked = True
            _go(replace(self._address, new=kind, plan=None))

        return ask

    def _way(self, plan_id: int) -> str:
        return replace(self._address, plan=plan_id, new=None, scope={}).text()

    def _forward(self) -> None:
        if self._next:
            here = replace(self._address, plan=None)
            self._came_from[self._next] = here
            _go(replace(here, cursor=self._next, first=here.first + PAGE))

    def _back(self) -> None:
        _go(self._came_from.get(self._address.cursor, Address()))


def _go(address: Address, *, instead_of_form: bool = False) -> None:
    """`instead_of_form` once that is answered: no Back leads to it again."""
    if instead_of_form:
        _stand_at(address)
    ui.navigate.to(address.text())


def _stand_at(address: Address) -> None:
    """Instead of the form's address, as it was; never instead of what somebody has gone on to meanwhile."""
    form = f'location.pathname === {json.dumps(whole(PATH))} && new URLSearchParams(location.search).has("new")'
    ui.run_javascript(f'if ({form}) history.replaceState({{}}, "", {json.dumps(whole(address.text()))})')


def _say_nothing(may_write: bool) -> None:
    with box("section", "w-box w-nothing"):
        text(tr("No redeliveries yet"), "w-medium", tag="p")
        prose(
            tr(
                "A redelivery sends many failed deliveries again: now, at a time, or again and again "
                "by a crontab, as fast "
                "as you choose. Before it begins you see how many it takes."
            ),
            "w-muted",
        )
        if may_write:
            button(tr("New redelivery"), lambda: _go(Address(new="redeliver")), icon=icons.ADD)
