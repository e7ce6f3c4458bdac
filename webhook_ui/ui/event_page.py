"""One event: what it says, who fired it, and its trace, with each delivery's panel beside it. Follows what happens."""

import asyncio
import time
from dataclasses import replace

from nicegui import context, ui
from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import NotFound, Unavailable
from webhook_ui.history.events import EventDetail, get_event
from webhook_ui.history.trace import Group, count, rows_of
from webhook_ui.languages import tr
from webhook_ui.models import Event
from webhook_ui.ui import delivery_words, formats, icons, plugin_texts
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.delivery_panel import DeliveryPanel
from webhook_ui.ui.event_address import PATH, EventAddress
from webhook_ui.ui.event_trace import BEGINNING, ORDER, PAGE, USUALLY, Found, TraceView
from webhook_ui.ui.fire_dialog import FireDialog
from webhook_ui.ui.no_page import answer_missing
from webhook_ui.ui.parts import box, foreign, link, mono, page_header, sentence, tag, text, time_text
from webhook_ui.ui.payload_view import SHOWN, PayloadView
from webhook_ui.ui.states import notice

FOLLOWED = frozenset({Kind.delivery, Kind.attempt, Kind.webhook, Kind.anything})
REST = 4.0  # times as long as looking took: one page costs a fifth of a reading thread at the most


async def show(tab: Tab, event_id: str) -> None:
    """Builds the page. Its query is not among the parameters: what changes there is shown in place."""
    root = box("div", "w-page")
    path = context.client.sub_pages_router.current_path
    try:
        detail = await tab.read(get_event, ids.event_number(event_id))
        tab.answered.set()
        page = EventPage(tab, root, detail, EventAddress.read(event_id, path))
        await page.start()
    except (NotFound, ValueError):
        root.clear()
        with root:
            _show_missing(event_id)
    except Unavailable as error:
        root.clear()
        with root, notice(tr("This event cannot be shown now"), str(error), role="alert"):
            button(tr("Try again"), ui.navigate.reload)


def look(session: Session, event: Event, address: EventAddress) -> Found:
    """What the address shows of the trace."""
    now, q = times.utcnow(), address.q or None
    counts = count(session, event, q=q)
    if not address.group:
        rows = {
            group: rows_of(session, event, group, now=now, q=q, limit=BEGINNING.get(group, USUALLY))
            for group in ORDER
            if counts[group]
        }
        return Found(counts=counts, rows=rows)
    group, after = Group(address.group), int(address.cursor or 0)
    found = rows_of(session, event, group, now=now, q=q, limit=PAGE + 1, after=after)
    more = found[PAGE - 1].webhook_id if len(found) > PAGE else None
    return Found(counts=counts, rows={group: found[:PAGE]}, next_after=more)


class EventPage:
    """One visit to an event that is there."""

    def __init__(self, tab: Tab, root: ui.element, detail: EventDetail, address: EventAddress) -> None:
        self._tab, self._root, self._detail, self._address = tab, root, detail, address
        self._event = detail.event
        registered = tab.services.plugins.triggers.get(self._event.trigger)
        title = plugin_texts.said(registered.trigger.title) if registered else self._event.trigger
        ui.page_title(tr("{title}, {event} · Webhook UI", title=title, event=address.event_id))
        with root:
            with page_header(
                title, own=False, note=self._event.trigger, crumb=(tr("Events"), PATH), here=address.event_id
            ):
                if self._may_fire_again():
                    button(tr("Fire again"), self._fire, icon=icons.FIRE)
            with box("div", "w-event"):
                self._trace = TraceView(tab, self._event, address, go=_go, refresh=self.refresh)
                with box("aside", "w-event-side", label=tr("Event")):
                    self._show_facts(registered.plugin.where if registered else "")
                    PayloadView(self._event.payload, address.event_id)
            self._panel = DeliveryPanel(tab, on_close=self._close_panel, on_step=self._step)

    async def start(self) -> None:
        """Shows what the address says, and follows from here on."""
        await self.refresh()
        self._tab.on_address = self._hear
        self._tab.follow(self._root, self._look)
        await self._show_panel()

    async def refresh(self) -> None:
        """Looks at the trace again."""
        address = self._address
        found = await self._tab.read(look, self._event, address)
        if address == self._address and not self._root.is_deleted:
            with self._root:
                self._trace.show(address, found)

    def _show_facts(self, plugin: str) -> None:
        event, zone, now = self._event, self._tab.zone, times.utcnow()
        with box("section"):
            text(tr("Event"), tag="h2")
            with box("dl", "w-kv"):
                text(tr("Id"), tag="dt")
                with box("dd", "w-row"):
                    mono(self._address.event_id, cut=True)
                    copy_button(self._address.event_id, tr("Copy id"))
                text(tr("Occurred"), tag="dt")
                with box("dd"):
                    shown = formats.absolute(event.occurred_at, zone, seconds=True)
                    time_text(event.occurred_at, zone, now=now, shown=shown)
                text(tr("Stored"), tag="dt")
                with box("dd"):
                    time_text(event.created_at, zone, now=now, shown=self._stored())
                for name, value in (
                    (tr("By"), name_of(event.actor)),
                    (tr("Plugin"), plugin),
                    (tr("Tenant"), event.tenant or ""),
                ):
                    if value:
                        text(name, tag="dt")
                        with box("dd"):
                            foreign(value, cut=False)
                if self._detail.idempotency_key:
                    text(tr("Key"), tag="dt")
                    with box("dd"):
                        mono(self._detail.idempotency_key, "w-break")
            if event.test:
                tag(tr("test"))

    def _stored(self) -> str:
        """'3 ms later', or when."""
        late = (self._event.created_at - self._event.occurred_at).total_seconds()
        if 0 <= late < 60:
            return tr("{duration} later", duration=formats.duration(late * 1000))
        return delivery_words.short_time(self._event.created_at, times.utcnow(), self._tab.zone)

    def _may_fire_again(self) -> bool:
        event = self._event
        known = event.trigger in self._tab.services.plugins.triggers
        return self._tab.may_write and known and event.tenant is None and len(event.payload) <= SHOWN

    async def _fire(self) -> None:
        trigger = self._tab.services.plugins.triggers[self._event.trigger].trigger
        with self._root:
            dialog = FireDialog(self._tab, trigger, on_fired=self.refresh, payload=self._event.payload)
        await dialog.open()

    async def _look(self, changes: frozenset[Changed]) -> None:
        if any(change.kind in FOLLOWED for change in changes):
            began = time.monotonic()
            await self.refresh()
            await self._panel.refresh()
            await asyncio.sleep(REST * (time.monotonic() - began))

    def _hear(self, path: str) -> None:
        """The address has changed, by a link, a search, Back or Forward."""
        here = f"{PATH}/{self._address.event_id}"
        if self._root.is_deleted or path.partition("?")[0].rstrip("/") != here:
            return
        # nothing is built anew, so the place on the page stays: as on the first request, nothing is scrolled
        self._tab.client.sub_pages_router.is_initial_request = True
        self._address = EventAddress.read(self._address.event_id, path)
        self._tab.begin(self._turn(), name="event follows its address")

    async def _turn(self) -> None:
        with self._root:
            try:
                await self.refresh()
                await self._show_panel()
            except Unavailable as error:
                tell(error)

    async def _show_panel(self) -> None:
        wanted = self._address.delivery
        if wanted:
            await self._panel.show(wanted, _webhook_of(wanted, self._event.id))
        elif self._panel.delivery_id:
            self._panel.hide()

    def _close_panel(self) -> None:
        _go(replace(self._address, delivery=""))

    def _step(self, direction: int) -> None:
        shown = self._trace.delivery_ids
        if self._address.delivery in shown:
            place = shown.index(self._address.delivery) + direction
            if 0 <= place < len(shown):
                _go(replace(self._address, delivery=shown[place]))


def _webhook_of(delivery_id: str, event_id: int) -> int:
    """The webhook of a delivery of this event; 0, which none has, for any other text."""
    try:
        webhook_id, of = ids.delivery_numbers(delivery_id)
    except ValueError:
        return 0
    return webhook_id if of == event_id else 0


def _go(address: EventAddress) -> None:
    ui.navigate.to(address.text())


def _show_missing(event_id: str) -> None:
    answer_missing()
    ui.page_title(tr("No such event · Webhook UI"))
    with page_header(tr("No such event"), crumb=(tr("Events"), PATH)):
        pass
    with box("section", "w-box w-nothing"):
        with box("p"):
            sentence(
                tr("There is no event {id}. It may be older than what is kept, or the link is not whole."),
                id=lambda: foreign(event_id[:40], cut=False),
            )
        with box("p"):
            link(tr("Back to the events"), PATH)
