"""The webhooks of one page as cards or rows, which change in place. Values come in, nothing is read here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.history.figures import Health
from webhook_ui.history.webhook_pages import MOST_HELD
from webhook_ui.history.webhooks import LastResult, WebhookRow
from webhook_ui.languages import tr, trn
from webhook_ui.times import utcnow
from webhook_ui.ui import formats
from webhook_ui.ui.cards import CardFace, WebhookCard, cards, is_bad
from webhook_ui.ui.charts import sparkline
from webhook_ui.ui.controls import Action, Tick, more_menu
from webhook_ui.ui.filter_words import filter_sign
from webhook_ui.ui.parts import Part, Status, box, link, mono, status_pill, text, time_text
from webhook_ui.ui.tables import HOOKS, SELECT, Table

Offer = Callable[[int], Sequence[Action]]
Coming = tuple[tuple[str, datetime] | None, str, bool]  # a moment with words before it, or words; is the receiver down


def face_of(row: WebhookRow, health: Health) -> CardFace:
    """What is said of one webhook."""
    webhook, last = row.webhook, row.last
    words = _result_text(last) if last else ""
    result: Status = "pending" if row.held else "none"
    if last:
        result = "sent" if last.status == "sent" else "error"
    when, when_text, trouble = _what_comes(row)
    return CardFace(
        title=webhook.title,
        url=webhook.url,
        path=f"/webhooks/{row.id}",
        state="disabled" if not webhook.enabled else "paused" if webhook.paused else "enabled",
        triggers=webhook.triggers,
        created_at=webhook.created_at,
        sent=health.sent,
        errors=health.error,
        result=result,
        result_text=words,
        result_title=words,
        at=last.at if last else None,
        when=when,
        when_text=when_text,
        trouble=trouble,
        untried=last is None and webhook.enabled and not webhook.paused and not row.is_down,
        filter=webhook.filter,
    )


def _what_comes(row: WebhookRow) -> Coming:
    if not row.webhook.enabled or row.webhook.paused:
        held = trn("{n} held", "{n} held", row.held) if row.held else ""
        if row.held > MOST_HELD:
            held = tr("over {n} held", n=formats.count(MOST_HELD))
        return None, held, False
    if row.is_down:
        probe_at = row.lane.probe_at
        if row.lane.breaker == "open" and probe_at and probe_at > utcnow():
            return (tr("Down: next probe "), probe_at), "", True
        return None, tr("Probing: one delivery at a time"), True
    if row.last and row.last.in_flight:
        return None, tr("being tried again"), False
    if row.last and row.last.next_attempt_at:
        return (tr("retry "), row.last.next_attempt_at), "", False
    return None, "" if row.last else tr("waits for its first event"), False


def _result_text(last: LastResult) -> str:
    if last.status == "sent":
        return tr("{status} in {duration}", status=last.response_status, duration=formats.duration(last.duration_ms))
    return last.error_message or (str(last.response_status) if last.response_status else tr("No answer"))


class _Item(Protocol):
    """One webhook on the screen."""

    element: ui.element

    def show(self, face: CardFace) -> None: ...

    def choose(self, chosen: bool) -> None: ...


class Picks(Protocol):
    """Hears what is ticked."""

    def one(self, webhook_id: int, chosen: bool, shift: bool) -> Any: ...

    def all(self, chosen: bool) -> Any: ...


class WebhookList:
    """`show` adds, takes away, moves and changes only what has to be; a menu that is open stays open."""

    def __init__(
        self,
        view: str,
        *,
        zone: ZoneInfo,
        offer: Offer | None,
        picks: Picks | None,
        on_test: Callable[[int], Any] | None = None,
    ) -> None:
        """`offer` says what the menu of a webhook offers, `picks` hears the ticks, `on_test` sends a test; None for who
        may only look.
        """
        self.view, self._zone, self._offer, self._picks, self._on_test = view, zone, offer, picks, on_test
        self._items: dict[int, _Item] = {}
        self._all: Tick | None = None
        self._faces: Mapping[int, CardFace] = {}
        if view == "list":
            self._table = Table(tr("Webhooks"), (SELECT, *HOOKS) if picks else HOOKS, "hooks")
            self._build_tick_of_all()
            self.element, self._holder = self._table.element, self._table.body
        else:
            self.element = self._holder = cards()

    def choose(self, is_chosen: Callable[[int], bool]) -> None:
        """Ticks those that are selected."""
        chosen = [is_chosen(webhook_id) for webhook_id in self._items]
        for item, one in zip(self._items.values(), chosen, strict=True):
            item.choose(one)
        if self._all:
            self._all.show(bool(chosen) and all(chosen), partly=any(chosen) and not all(chosen))

    @property
    def order(self) -> list[int]:
        """The webhooks on the screen from the first to the last."""
        return list(self._faces)

    @property
    def shown(self) -> frozenset[int]:
        """The webhooks on the screen."""
        return frozenset(self._items)

    def is_enabled(self, webhook_id: int) -> bool:
        """As it was last shown; one that is gone is not."""
        return webhook_id in self._faces and self._faces[webhook_id].state != "disabled"

    def show(self, faces: Mapping[int, CardFace]) -> None:
        """Exactly these, in this order."""
        self._faces = faces
        for gone in [webhook_id for webhook_id in self._items if webhook_id not in faces]:
            self._items.pop(gone).element.delete()
        for webhook_id, face in faces.items():
            if webhook_id in self._items:
                self._items[webhook_id].show(face)
            else:
                with self._holder:
                    self._items[webhook_id] = self._make(webhook_id, face)
        children, wanted = self._holder.default_slot.children, [self._items[webhook_id].element for webhook_id in faces]
        if children != wanted:
            children[:] = wanted
            self._holder.update()

    def _build_tick_of_all(self) -> None:
        if self._picks:
            heading = self._table.headings["select"]
            heading.clear()
            with heading:
                self._all = Tick(tr("Select this page"), lambda chosen, _: self._picks and self._picks.all(chosen))

    def _make(self, webhook_id: int, face: CardFace) -> _Item:
        offer = self._offer
        actions = (lambda: offer(webhook_id)) if offer else None
        on_tick = partial(self._picks.one, webhook_id) if self._picks else None
        if self.view == "list":
            return _WebhookRow(self._table, face, self._zone, actions, on_tick)
        on_test = partial(self._on_test, webhook_id) if self._on_test else None
        return WebhookCard(face, zone=self._zone, actions=actions or (), on_test=on_test, on_tick=on_tick)


class _WebhookRow:
    """One webhook as a row of the table."""

    def __init__(
        self,
        table: Table,
        face: CardFace,
        zone: ZoneInfo,
        actions: Callable[[], Sequence[Action]] | None,
        on_tick: Callable[[bool, bool], Any] | None,
    ) -> None:
        self._zone = zone
        self._row = row = table.row()
        self.element = row.element.classes("w-opens")
        self._tick: Tick | None = None
        if on_tick:
            with row.cell("select"):
                self._tick = Tick(tr("Select"), on_tick)
        with row.cell("title"), box("div", "w-two-lines"):
            self._title = link("", face.path, "w-row-title w-cut")
            with self._title:
                self._words = text("", tag="bdi")
            self._title.props["dir"] = "auto"
            self._url = mono("", "w-muted", cut=True)
        with row.cell("actions"):
            self._more = more_menu(actions) if actions else None
        self._state = Part(row.cell("state"), status_pill)
        self._result = Part(row.cell("result"), self._build_result)
        self._spark = Part(row.cell("spark"), lambda sent, errors: sparkline(sent, errors, small=True))
        self._rate = Part(row.cell("rate"), _build_rate)
        self._triggers = Part(row.cell("triggers"), _build_triggers)
        self._created = Part(row.cell("created"), self._build_created)
        self.show(face)

    def choose(self, chosen: bool) -> None:
        if self._tick:
            self._tick.show(chosen)
            self._row.choose(chosen)

    def show(self, face: CardFace) -> None:
        if self._tick:
            self._tick.element.props["aria-label"] = tr("Select {title}", title=face.title)
        self._words.set_text(face.title)
        self._title.props["title"] = face.title
        self._url.set_text(face.url)
        self._url.props["title"] = face.url
        if self._more:
            self._more.props["aria-label"] = tr("More: {title}", title=face.title)
        off = face.state != "enabled"
        self._title.classes(add="w-second" if off else "", remove="" if off else "w-second")
        self._state.show(face.state)
        words = (face.result_text, face.result_title)
        self._result.show(face.result, words, face.at, (face.when, face.when_text, face.trouble))
        self._spark.show(tuple(face.sent), tuple(face.errors))
        self._rate.show(sum(face.sent), sum(face.errors))
        self._triggers.show(tuple(face.triggers), face.filter)
        self._created.show(face.created_at, formats.day_and_time(face.created_at, utcnow(), self._zone))

    def _build_result(
        self,
        result: Status,
        words: tuple[str, str],
        at: datetime | None,
        coming: Coming,
    ) -> None:
        with box("div", "w-two-lines"):
            with box("div", "w-row"):
                status_pill(result)
                if at:
                    time_text(at, self._zone).classes("w-meta")
            if words[0] or coming[0] or coming[1]:
                with box("div", "w-row w-line-small w-result-line"):
                    if words[0]:
                        look = "w-error-ink" if result == "error" else "w-second"
                        text(words[0], f"w-cut {look}").props["title"] = words[1]
                    self._build_more("· " if words[0] else "", coming)

    def _build_more(self, dot: str, coming: Coming) -> None:
        when, when_text, trouble = coming
        look = "w-error-ink" if trouble else "w-muted"
        if when:
            prefix = f"{dot}{when[0]}"
            time_text(when[1], self._zone, prefix=prefix, past=when[0] and prefix + tr("due")).classes(look)
        elif when_text:
            text(f"{dot}{when_text}", f"{look} w-nowrap")

    def _build_created(self, created_at: datetime, created: str) -> None:
        time_text(created_at, self._zone, shown=created[:1].upper() + created[1:]).classes("w-muted")


def _build_rate(sent: int, errors: int) -> None:
    text(formats.success(sent, errors), "w-medium w-error-ink" if is_bad(sent, errors) else "w-medium")


def _build_triggers(triggers: tuple[str, ...], only: str | None) -> None:
    with box("div", "w-row w-tight"):
        text(formats.listed(list(triggers), 1), "w-cut w-muted").props["title"] = ", ".join(triggers)
        filter_sign(only)
