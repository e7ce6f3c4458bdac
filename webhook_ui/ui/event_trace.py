"""The trace on an event's page: one list for each group of webhooks, each row with its reason and what can be done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nicegui import ui

from webhook_ui import times
from webhook_ui.history.trace import Group, TraceRow
from webhook_ui.history.trace_reasons import Outcome
from webhook_ui.history.webhooks import describe
from webhook_ui.languages import tr
from webhook_ui.models import Event, Webhook
from webhook_ui.ui import delivery_words, formats, icons, late_presses, trace_words, webhook_form
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.event_address import EventAddress
from webhook_ui.ui.fields import search_field
from webhook_ui.ui.filter_form import edit_filter
from webhook_ui.ui.parts import Part, box, foreign, link, mono, status_pill, text, time_text
from webhook_ui.ui.redelivering import Redeliverer
from webhook_ui.ui.resume_dialog import ask_to_resume
from webhook_ui.ui.tables import Pager

ORDER = (Group.error, Group.pending, Group.sent, Group.missed, Group.not_subscribed)  # trouble first
PAGE = 50
BEGINNING = {Group.not_subscribed: 8}  # rows of a group where all are shown; of the others
USUALLY = 20
EDITABLE = frozenset({"not_subscribed", "filtered", "other_tenant"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What of a trace is shown: a part of each group, or a page of one of them."""

    counts: Mapping[Group, int]
    rows: Mapping[Group, Sequence[TraceRow]]
    next_after: int | None = None


class TraceView:
    """`go` leads to another address of the event, `refresh` looks again after something was done."""

    def __init__(
        self,
        tab: Tab,
        event: Event,
        address: EventAddress,
        *,
        go: Callable[[EventAddress], Any],
        refresh: Callable[[], Any],
    ) -> None:
        self._tab, self._event, self._address = tab, event, address
        self._redeliverer = Redeliverer(tab)
        self._go, self._refresh = go, refresh
        self._groups: dict[Group, _GroupView] = {}
        self._next: int | None = None
        self._came_from: dict[str, EventAddress] = {}
        with box("section", "w-box w-trace", label=tr("Trace")) as self.element:
            with box("div", "w-trace-head"):
                text(tr("Who got it, who did not, and why"), tag="h2")
                self._search = search_field(tr("Find a webhook"), address.q, self._find)
                self._search.props["aria-label"] = tr("Find a webhook")
                self._search.props["maxlength"] = 200
            self._way = Part(box("div", "w-holder"), self._build_way)
            for group in ORDER:
                self._groups[group] = _GroupView(self, group)
            self._nothing = Part(box("div", "w-holder"), self._build_nothing)
            self._pager = Pager(self._back, self._forward)

    @property
    def trigger(self) -> str:
        """Whose event it is."""
        return self._event.trigger

    @property
    def delivery_ids(self) -> list[str]:
        """What can be opened, from top to bottom."""
        rows = [row for group in ORDER for row in self._groups[group].rows]
        return [row.delivery.id for row in rows if row.delivery]

    def show(self, address: EventAddress, found: Found) -> None:
        """Follows the address; what has not changed stays as it is."""
        before, self._address = self._address, address
        if address.q not in {before.q, (self._search.value or "").strip()}:
            self._search.value = address.q
        self._way.show(address.group, address.q)
        for group in ORDER:
            self._groups[group].show(found.rows.get(group, ()), found.counts[group], address)
        shown = sum(len(rows) for rows in found.rows.values())
        self._nothing.show(shown == 0, address.q, self._event.test)
        self._next = found.next_after
        self._pager.element.set_visibility(bool(address.group))
        if address.group:
            last = address.start + shown - 1
            total = found.counts[Group(address.group)]
            more = found.next_after is not None
            self._pager.show(address.start, last, total, back=bool(address.cursor), more=more)

    def fill(self, line: ui.element, row: TraceRow) -> None:
        """One row as it is now."""
        now, zone, event = times.utcnow(), self._tab.zone, self._event
        delivery = row.delivery
        late_presses.clear(line)
        with line:
            with link("", f"/webhooks/{row.webhook_id}", "w-trace-name"):
                foreign(row.webhook_title, "w-medium")
            with box("div", "w-trace-why"):
                self._say(trace_words.why(row, event.trigger, now, zone))
            with box("div", "w-trace-time w-muted"):
                if delivery and delivery.last_at:
                    time_text(delivery.last_at, zone, shown=delivery_words.short_time(delivery.last_at, now, zone))
            with box("div", "w-trace-acts"):
                self._offer(row)

    def _say(self, why: trace_words.Why) -> None:
        foreign(why.words, "w-error-ink" if why.error else "", cut=False)
        for name in why.names[:5]:
            mono(name, "w-trace-code")
        if len(why.names) > 5:
            text(f"+{len(why.names) - 5}", "w-muted")
        if why.fault:
            foreign(why.fault, "w-muted", cut=False)
        if why.next_at:
            time_text(why.next_at, self._tab.zone, prefix=tr("Next ")).classes("w-muted")

    def _offer(self, row: TraceRow) -> None:
        delivery, writes, title = row.delivery, self._tab.may_write, row.webhook_title
        if delivery is None:
            if writes and row.reason.outcome.value in EDITABLE:
                edit = self._edit_filter if row.reason.outcome is Outcome.filtered else self._edit
                named = tr("Edit {title}", title=title)
                button(tr("Edit"), lambda: edit(row.webhook_id), kind="quiet", small=True, name=named)
            return
        if writes and delivery_words.may_redeliver(delivery):
            redeliver = button(
                tr("Redeliver"), lambda: self._redeliver(row.webhook_id), icon=icons.REDELIVER, kind="quiet"
            )
            redeliver.classes("w-small")
        if writes and delivery.waiting_for == "paused":
            button(tr("Resume"), lambda: self._resume(row.webhook_id), icon=icons.RESUME, kind="quiet", small=True)
        opened = replace(self._address, delivery=delivery.id)
        way = link(tr("Open"), opened.text(), "w-trace-open")
        way.props["aria-label"] = tr("Open delivery to {title}", title=title)

    async def _redeliver(self, webhook_id: int) -> None:
        if await self._redeliverer.order(webhook_id, self._event.id):
            await self._refresh()

    async def _edit(self, webhook_id: int) -> None:
        await webhook_form.edit_webhook(self._tab, webhook_id)

    async def _edit_filter(self, webhook_id: int) -> None:
        await edit_filter(self._tab, webhook_id)

    async def _resume(self, webhook_id: int) -> None:
        (row,) = await self._tab.read(lambda session: describe(session, [session.get_one(Webhook, webhook_id)]))
        with self._tab.client:
            ask_to_resume(self._tab, row, on_resumed=lambda _: None)  # the page hears of it by itself

    def all_of(self, group: Group) -> str:
        """The address of one group alone."""
        return replace(self._address, group=group.value, cursor="", start=1, delivery="").text()

    def _build_way(self, group: str, q: str) -> None:
        if group:
            with box("p", "w-trace-way"):
                link(tr("All groups"), replace(self._address, group="", cursor="", start=1, delivery="").text())

    def _build_nothing(self, empty: bool, q: str, test: bool) -> None:
        if empty and q:
            with box("p", "w-trace-none w-muted"):
                foreign(tr("No webhook has “{words}” in its title or URL.", words=q), cut=False)
        elif empty:
            text(tr("There is no webhook."), "w-trace-none w-muted", tag="p")
        elif test:
            text(tr("A test send goes to one webhook, whatever it listens to."), "w-trace-none w-meta", tag="p")

    def _find(self, words: str) -> None:
        if words != self._address.q:
            self._go(replace(self._address, q=words, cursor="", start=1, delivery=""))

    def _forward(self) -> None:
        if self._next is not None:
            cursor = str(self._next)
            self._came_from[cursor] = replace(self._address, delivery="")
            self._go(replace(self._address, cursor=cursor, start=self._address.start + PAGE, delivery=""))

    def _back(self) -> None:
        first = replace(self._address, cursor="", start=1, delivery="")
        self._go(self._came_from.get(self._address.cursor, first))


class _GroupView:
    """One group: its heading, its rows, and the way to the rest of it."""

    def __init__(self, view: TraceView, group: Group) -> None:
        self._view, self._group = view, group
        self.rows: Sequence[TraceRow] = ()
        self._lines: dict[int, ui.element] = {}
        self._address: EventAddress | None = None
        with box("section", "w-trace-group") as self.element:
            self._heading = Part(box("div", "w-row w-trace-heading"), self._build_heading)
            self._list = box("ul")
            self._rest = Part(box("div", "w-holder"), self._build_rest)
        self.element.set_visibility(False)

    def show(self, rows: Sequence[TraceRow], count: int, address: EventAddress) -> None:
        """Rows that are the same webhooks as before stay, and only what changed in them is written anew."""
        known = {row.webhook_id: row for row in self.rows}
        moved = self._address is None or replace(self._address, delivery="") != replace(address, delivery="")
        self.rows, self._address = rows, address
        self.element.set_visibility(bool(rows))
        self._heading.show(count, len(rows) == count and all(_is_held(row) for row in rows))
        self._rest.show(count > len(rows) and not address.group, count, address.q)
        if [row.webhook_id for row in rows] != list(known):
            late_presses.clear(self._list)
            with self._list:
                self._lines = {row.webhook_id: box("li", "w-trace-row") for row in rows}
            known = {}
        for row in rows:
            line = self._lines[row.webhook_id]
            if moved or known.get(row.webhook_id) != row:
                self._view.fill(line, row)
            chosen = row.delivery is not None and row.delivery.id == address.delivery
            line.classes(add="w-chosen" if chosen else "", remove="" if chosen else "w-chosen")

    def _build_heading(self, count: int, held: bool) -> None:
        status_pill("held" if held else trace_words.PILLS[self._group])
        text(trace_words.heading(self._group, count, self._view.trigger), tag="h3")

    def _build_rest(self, there_is: bool, count: int, q: str) -> None:
        if there_is:
            with box("p", "w-trace-rest"):
                link(tr("All {count}", count=formats.count(count)), self._view.all_of(self._group))


def _is_held(row: TraceRow) -> bool:
    return row.delivery is not None and row.delivery.waiting_for in ("paused", "disabled", "stopped")
