"""The dialog Fire: a payload to type, who gets it and who does not and why, and the event that comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.history.deliveries import DeliveryFilter, DeliveryRow, list_deliveries
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter, count_webhooks, list_webhooks
from webhook_ui.host import Emission
from webhook_ui.languages import language, spoken, tr, trn
from webhook_ui.models import Webhook
from webhook_ui.plugin_api import Trigger
from webhook_ui.ui import formats, icons, plugin_texts, toasts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.fields import show_problems
from webhook_ui.ui.filter_words import filter_sign
from webhook_ui.ui.frames import DialogFrame
from webhook_ui.ui.kept_forms import Kept
from webhook_ui.ui.parts import Part, box, foreign, prose, symbol, text
from webhook_ui.ui.payload_form import PayloadForm
from webhook_ui.ui.written import Written

SHOWN = 20
MOST = 200


@dataclass(frozen=True, kw_only=True)
class Hearer:
    """A webhook that listens; `why_not` says why it gets nothing now, empty if it does (or if its filter says so)."""

    webhook_id: int
    title: str
    icon: str
    why_not: str
    held: bool = False
    only: str | None = None  # its filter


@dataclass(frozen=True, kw_only=True)
class Hearers:
    """Who listens to a trigger; there may be more than are named."""

    named: tuple[Hearer, ...]
    count: int


def hearers(session: Session, trigger: str) -> Hearers:
    """Who would get an event that is fired here: one without a tenant."""
    criteria = WebhookFilter(trigger=trigger)
    page = list_webhooks(session, criteria, sort=Sort.id, order=Order.asc, limit=MOST)
    named = tuple(_judge(row.webhook) for row in page.rows)
    return Hearers(named=named, count=count_webhooks(session, criteria) if page.next_cursor else len(named))


def _judge(webhook: Webhook) -> Hearer:
    icon, why_not, held = icons.SENT, "", False
    if not webhook.enabled:
        icon, why_not = icons.DISABLED, tr("disabled")
    elif webhook.tenant is not None:
        icon, why_not = icons.FILTER, tr("only events of tenant {tenant}", tenant=webhook.tenant)
    elif webhook.paused:
        icon, why_not, held = icons.PAUSED, tr("paused: held until Resume"), True
    number = int(webhook.id or 0)
    return Hearer(webhook_id=number, title=webhook.title, icon=icon, why_not=why_not, held=held, only=webhook.filter)


class FireDialog:
    """One opening of the dialog for one trigger; `on_fired` hears that an event was stored.

    It starts with the trigger's example, or with `payload`.
    """

    def __init__(self, tab: Tab, trigger: Trigger, *, on_fired: Callable[[], Any], payload: str | None = None) -> None:
        self._tab, self._trigger, self._on_fired = tab, trigger, on_fired
        self._busy = False
        self._frame = DialogFrame(
            tr("Fire “{title}”", title=plugin_texts.said(trigger.title)),
            primary=tr("Fire"),
            on_primary=self._fire,
            icon=icons.FIRE,
            wide=True,
            code=trigger.name,
            note=tr("Stored as an event like any other"),
        )
        self._frame.dialog.on("hide", self._frame.dialog.delete)
        with self._frame.body:
            if trigger.description:
                foreign(plugin_texts.said(trigger.description), "w-second", cut=False)
            self._payload = PayloadForm(trigger)
            if payload is not None:
                self._payload.put(payload)
            self._payload.fields[0].control.props["autofocus"] = True
            self._hearers = Part(box("div", "w-stack"), _show_hearers)
        kept = Kept(tab, self._frame.body, f"fire {trigger.name}", summary=self._frame.summary)
        self._payload.let_browser_keep(kept)
        if kept.draft:
            kept.say()

    async def open(self) -> None:
        """Shows it, with who listens now."""
        self._hearers.show(await self._tab.read(hearers, self._trigger.name))
        self._frame.open()

    async def _fire(self) -> None:
        if self._busy:
            return  # a second click, or one that was made while the connection was away
        payload = self._payload.text()
        if payload is None:
            self._explain("")
            return
        self._wait(True)
        try:
            emission = Emission(trigger=self._trigger.name, payload=payload.encode(errors="surrogatepass"))
            actor = await self._tab.current_actor()
            with spoken(language()):  # large payloads are judged on another thread
                emitted = await self._tab.services.host.emit(emission, actor=actor)
        except Invalid as error:
            self._wait(False)
            self._explain(self._payload.refuse(error.fields))
            return
        except WebhookUIError as error:
            self._wait(False)
            self._explain(str(error))
            return
        self._frame.close()
        # who was named when the dialog opened may have changed; what was stored is what counts
        first = await self._tab.read(_first_delivery, emitted.event_id)
        self._announce(emitted.event_id, emitted.deliveries, first)
        await self._on_fired()

    def _wait(self, busy: bool) -> None:
        self._busy = busy
        self._frame.wait(busy)

    def _explain(self, general: str) -> None:
        show_problems(
            self._frame.summary,
            self._payload.fields,
            tr("Nothing was fired yet. {details}", details=general).strip() + " ",
        )

    def _announce(self, event_id: int, deliveries: int, first: DeliveryRow | None) -> None:
        event = ids.event_text(event_id)
        if first is None:
            way = (tr("Show why"), f"/events/{event}")
            toasts.done(tr("Fired: {event}. No webhook gets it, so nothing is sent.", event=event), way=way)
            return
        path = f"/webhooks/{first.webhook_id}?delivery={first.id}"
        way = (tr("Show delivery"), path) if deliveries == 1 else (tr("Show event"), f"/events/{event}")
        fired = trn(
            "Fired: {event} to {n} webhook.",
            "Fired: {event} to {n} webhooks.",
            deliveries,
            n=formats.count(deliveries),
            event=event,
        )
        toasts.done(fired, way=way)


def _first_delivery(session: Session, event_id: int) -> DeliveryRow | None:
    rows = list_deliveries(session, DeliveryFilter(event_id=event_id), now=times.utcnow(), limit=MOST).rows
    # the webhook that has been there longest, and one that sends rather than one that holds
    return min(rows, key=lambda row: (row.waiting_for is not None, row.webhook_id), default=None)


def _show_hearers(heard: Hearers) -> None:
    getting = [one for one in heard.named if not one.why_not]
    held = [one for one in heard.named if one.held]
    others = [one for one in heard.named if one.why_not and not one.held]
    with box("section"):
        with box("div", "w-row"):
            count = len(getting)
            goes = trn("Goes to {n} webhook", "Goes to {n} webhooks", count) if count else tr("Goes to no webhook")
            text(goes, tag="h3")
            if getting:
                text(tr("really sent, really signed"), "w-meta w-end")
        if not heard.count:
            prose(tr("Nobody listens. The event is stored all the same."), "w-muted")
        _show_list(getting, "w-hearers w-hearers-two")
        if any(one.only for one in getting):
            text(tr("Those with a filter get it only if that lets it pass."), "w-meta", tag="p")
    if held:
        with box("section"):
            text(trn("Held for this one", "Held for these {n}", len(held)), tag="h3")
            _show_list(held, "w-hearers")
    if others:
        with box("section"):
            text(trn("Not to this one", "Not to these {n}", len(others)), tag="h3")
            _show_list(others, "w-hearers")
    if heard.count > len(heard.named):
        more = heard.count - len(heard.named)
        prose(trn("And {n} more that listen.", "And {n} more that listen.", more, n=formats.count(more)), "w-meta")


def _show_list(some: Sequence[Hearer], look: str) -> None:
    if not some:
        return
    with box("ul", look):
        for one in some[:SHOWN]:
            with box("li", "w-row"):
                symbol(one.icon, "w-muted" if one.why_not else "w-sent-ink")
                foreign(one.title)
                if one.why_not:
                    foreign(one.why_not, "w-muted w-end", cut=False)
                else:
                    Written("span", filter_sign(one.only), "w-contents")
    if len(some) > SHOWN:
        text(tr("and {count} more", count=formats.count(len(some) - SHOWN)), "w-meta", tag="p")
