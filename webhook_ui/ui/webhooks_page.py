"""The list of webhooks: filters, sorting, cards or rows. Follows its address without being built again."""

import asyncio
import time
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.changes import Changed, Kind, is_traffic
from webhook_ui.errors import WebhookUIError
from webhook_ui.history import webhook_pages
from webhook_ui.history.webhooks import Order, Sort, list_webhooks
from webhook_ui.languages import tr, trn
from webhook_ui.models import Webhook
from webhook_ui.times import utcnow
from webhook_ui.ui import icons, toasts, webhook_actions, webhook_form, webhooks_look
from webhook_ui.ui.cards import cards
from webhook_ui.ui.charts import FigureStrip
from webhook_ui.ui.context import Tab, zone_named
from webhook_ui.ui.controls import Action, SortMenu, button, view_toggle
from webhook_ui.ui.export_menu import export_menu
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
from webhook_ui.ui.parts import Part, Scenes, box, page_header, text
from webhook_ui.ui.root import whole
from webhook_ui.ui.states import nothing_found, notice, skeleton_card
from webhook_ui.ui.tables import Pager
from webhook_ui.ui.webhook_choice import Choice
from webhook_ui.ui.webhook_filters import Filters
from webhook_ui.ui.webhook_list import WebhookList
from webhook_ui.ui.webhooks_look import PER_PAGE, Seen

AGAIN_SECONDS = 30.0  # how often it looks without news: hours end, and what is overdue gets older
STRIP_SECONDS = 5.0  # how old the figures above it may become
SHARE = 20  # news of others make it look for a whole page after this many times what that takes
USUAL = Question(view="card", sort=Sort.created.value, order=Order.desc.value)
REMEMBERED = ("view", "sort", "order", "failing")
QUIET = frozenset({Kind.event, Kind.account, Kind.redelivery})  # changes that nothing here shows


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title(tr("Webhooks · Webhook UI"))
    page = WebhooksPage(tab)
    page.follow()  # first, so that nothing is missed between looking and following
    await page.refresh()


class WebhooksPage:
    """One visit to the list in one browser tab."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._lock = asyncio.Lock()
        self._list: WebhookList | None = None
        self._choice: Choice | None = None
        self._filtered: Judged | None = None
        self._figures = webhooks_look.unknown_figures()
        self._wanted = self._had = float("-inf")  # of when the figures have to be, and are
        self._full_look = 0.0  # when the next whole look may be
        self._strip: FigureStrip | None = None
        self._address = tab.client.sub_pages_router.current_path
        with box("div", "w-page") as self.root:
            self._build_header(self._question())
            first = partial(show_first_steps, self._tab, self._add)
            self._scenes = Scenes({"first": first, "failed": self._build_failed, "list": self._build_frame})
            with cards().classes("w-late") as self._skeleton:
                for _ in range(6):
                    skeleton_card()

    def follow(self) -> None:
        """From now on: changes of the address, news, and the clock."""
        self._tab.on_address = self._moved
        self._tab.follow(self.root, self._hear)
        self._want_figures()
        for seconds, look in ((AGAIN_SECONDS, self.refresh), (STRIP_SECONDS, self._want_figures)):
            self._tab.again(seconds, self.root, look)

    async def refresh(self, *, fresh: bool = True) -> None:
        """Looks at the database and shows what is different; if not `fresh`, with what another tab has just seen."""
        async with self._lock:
            question, zone = self._question(), self._zone()
            judged, sorting = judge(question, zone), question.sorting
            try:
                seen = await self._tab.share(
                    (judged.criteria, sorting, question.page),
                    lambda: self._tab.read(
                        webhooks_look.look,
                        judged.criteria,
                        sorting,
                        page=question.page,
                        memory=self._tab.services.health,
                        now=utcnow(),
                    ),
                    fresh=fresh,
                    in_turn=True,
                )
            except WebhookUIError as error:
                self._play("failed", str(error))
                return
            self._full_look = time.monotonic() + SHARE * seen.took
            if self.root.is_deleted or question != self._question():
                return  # somebody has chosen otherwise meanwhile, and is shown that next
            with self.root:
                if seen.everything == 0:
                    self._play("first")
                else:
                    self._play("list")
                    self._show(replace(question, page=seen.page), judged, seen, zone)

    def _question(self) -> Question:
        """What the address asks for; what it leaves open is as this browser last had it."""
        remembered = {name: self._tab.preference(f"webhooks_{name}") or "" for name in REMEMBERED}
        return read_address(self._address).completed(read_address(f"/?{urlencode(remembered)}")).completed(USUAL)

    def _zone(self) -> ZoneInfo:
        return zone_named(read_address(self._address).tz) or self._tab.zone

    def _moved(self, address: str) -> None:
        if not self.root.is_deleted and is_here(address):
            self._address = address
            with self.root:
                self._tab.begin(self.refresh(), name="webhooks follow their address")

    async def _hear(self, changes: frozenset[Changed]) -> None:
        seen = [change for change in changes if change.kind not in QUIET]
        if not seen:
            return
        self._want_figures()
        if all(is_traffic(change) for change in seen) and self._list and not self._moves_with_attempts():
            if any(change.webhook_id is None or change.webhook_id in self._list.shown for change in seen):
                await self._renew_rows()
            return
        wait = self._full_look - time.monotonic()
        if wait > 0 and self._list:
            await self._renew_rows()
            await asyncio.sleep(wait)  # what is heard meanwhile is seen by the same look
        await self.refresh(fresh=False)

    def _moves_with_attempts(self) -> bool:
        """Whether an attempt may change which webhooks stand on this page."""
        question = self._question()
        return question.state == "failing" or bool(question.result) or question.sorting.failing_first

    async def _renew_rows(self) -> None:
        """Looks at the webhooks on the screen only."""
        async with self._lock:
            if not self._list:
                return
            ids = self._list.order
            shown = await self._tab.share(
                ("rows", *ids),
                lambda: self._tab.read(webhooks_look.look_at, ids, memory=self._tab.services.health, now=utcnow()),
                in_turn=True,
            )
            if self._list and not self.root.is_deleted:
                self._list.show(shown.faces)

    def _want_figures(self) -> None:
        if self._had >= self._wanted:  # else somebody is at it
            self._wanted = time.monotonic()
            self._tab.begin(self._renew_figures(), name="overview of webhooks")
        else:
            self._wanted = time.monotonic()

    async def _renew_figures(self) -> None:
        while self._had < self._wanted and not self.root.is_deleted:
            wanted = self._wanted
            try:
                glance = await self._tab.services.overview.look(self._tab.read, since=wanted)
            except WebhookUIError:
                self._had = self._wanted
                return  # the list says that the database is away
            self._had = wanted
            self._figures = webhooks_look.figures_of(glance, now=utcnow())
            if self._strip and not self._strip.element.is_deleted:
                with self.root:
                    self._strip.show(self._figures)

    def _go(self, question: Question, here: Question | None = None) -> None:
        """To another address; the present one is written out first, so that Back leads to what is seen now."""
        present = write_address(here or self._question())
        if write_address(read_address(self._address)) != present:
            ui.navigate.history.replace(whole(present))
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

    def _export_query(self) -> dict[str, str]:
        return {"tz": self._zone().key, **dict(parse_qsl(urlsplit(self._address).query))}

    def _play(self, scene: str, *values: str) -> None:
        if not self._skeleton.is_deleted:
            self._skeleton.delete()
        self._scenes.play(scene, *values)
        for tool in self._tools:
            tool.set_visibility(scene == "list")
        if scene == "first" and self._choice:
            self._choice.clear()

    def _build_header(self, question: Question) -> None:
        """It stays as it is, whatever is shown below."""
        with page_header(tr("Webhooks")):
            self._sort = SortMenu(
                question.sort,
                question.order,
                lambda key, end: self._prefer(sort=key, order=end),
                on_failing=lambda first: self._prefer(failing="first" if first else "mixed"),
            )
            self._toggle = view_toggle(
                "list" if question.view == "list" else "card", lambda key: self._prefer(view=key)
            )
            self._tools = (self._sort.button, self._toggle.element, export_menu("webhooks", self._export_query))
            if self._tab.may_write:
                button(tr("Add webhook"), self._add, icon=icons.ADD, kind="primary").classes("w-lead")

    def _build_failed(self, problem: str) -> None:
        with notice(tr("The webhooks cannot be shown now"), problem, role="alert"):
            button(tr("Try again"), self.refresh)

    def _build_frame(self) -> None:
        question, zone = self._question(), self._zone()
        judged = judge(question, zone)
        self._strip = FigureStrip(self._figures)
        self._filters = Filters(self._tab, question, judged, self._ask)
        with box("div", "w-results") as line:
            line.props["role"] = "status"
            self._count = text("", tag="strong")
            self._words = text("", "w-wide")
        if self._tab.may_write:
            self._choice = Choice(
                self._tab,
                line,
                is_narrowed=lambda: self._question().narrowed,
                find_all=self._find_all,
                after=self.refresh,
            )
        self._body = Part(box("div", "w-page"), self._build_list)
        self._nothing = Part(box("div", "w-page"), self._build_nothing)
        self._pager = Pager(partial(self._turn, -1), partial(self._turn, 1))

    def _show(self, question: Question, judged: Judged, seen: Seen, zone: ZoneInfo) -> None:
        self._page = question.page
        self._sort.show(question.sort, question.order, failing_first=question.failing == "first")
        self._toggle.value = question.view
        self._filters.show(question, judged)
        self._filters.say(seen.total)
        words = filters_in_words(judged, "" if zone == self._tab.zone else zone.key)
        self._count.set_text(trn("{n} webhook", "{n} webhooks", seen.total))
        self._words.set_text(
            f"{words}{' · ' if words else ''}{sorting_in_words(question.sort, question.order, question.failing)}"
        )
        shown = seen.shown.faces
        if shown:
            self._body.show(question.view, zone)
            if self._list is not None:
                self._list.show(shown)
        else:
            self._nothing.show(words, seen.everything)
        self._body.element.set_visibility(bool(shown))
        self._nothing.element.set_visibility(not shown)
        if self._choice:
            if self._filtered and self._filtered.criteria != judged.criteria:
                self._choice.clear()
            self._choice.show(self._list if shown else None, seen.total)
        self._filtered = judged
        self._pager.element.set_visibility(seen.total > PER_PAGE)
        last = (question.page - 1) * PER_PAGE + len(shown)
        self._pager.show(last - len(shown) + 1, last, seen.total, back=question.page > 1, more=last < seen.total)

    def _build_list(self, view: str, zone: ZoneInfo) -> None:
        offer = self._offer if self._tab.may_write else None
        test = partial(webhook_actions.send_test, self._tab) if self._tab.may_write else None
        self._list = WebhookList(view, zone=zone, offer=offer, picks=self._choice, on_test=test)

    async def _find_all(self) -> list[int]:
        return await self._tab.read(webhook_pages.find_all, judge(self._question(), self._zone()).criteria)

    def _build_nothing(self, words: str, everything: int) -> None:
        nothing_found(
            tr("No webhooks match: {filters}", filters=words),
            trn("Without filters there is {n} webhook.", "Without filters there are {n} webhooks.", everything),
            lambda: self._go(self._question().without_filters()),
        )

    def _offer(self, webhook_id: int) -> list[Action]:
        enabled = self._list is not None and self._list.is_enabled(webhook_id)
        switch = partial(webhook_actions.set_enabled, self._tab, webhook_id, not enabled, self.refresh)
        return [
            Action(label=tr("Edit"), icon=icons.EDIT, on_click=partial(self._edit, webhook_id)),
            Action(
                label=tr("Disable") if enabled else tr("Enable"),
                icon=icons.DISABLED if enabled else icons.ENABLED,
                on_click=switch,
            ),
            Action(
                label=tr("Delete"),
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
        words = tr("“{title}” is added.", title=webhook.title)
        if self._list is None or webhook.id not in self._list.shown:
            criteria = judge(self._question(), self._zone()).criteria
            newest = await self._tab.read(list_webhooks, criteria, sort=Sort.id, order=Order.desc, limit=5)
            is_found = any(row.id == webhook.id for row in newest.rows)
            where = tr("It stands on another page.") if is_found else tr("The filters hide it; clear them to see it.")
            words = f"{words} {where}"
        toasts.done(words)

    async def _edited(self, webhook: Webhook) -> None:
        await self.refresh()
        toasts.done(tr("“{title}” is saved.", title=webhook.title))
