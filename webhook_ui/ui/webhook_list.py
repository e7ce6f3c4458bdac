"""The webhooks of one page as cards or rows, which change in place. Values come in, nothing is read here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.history.figures import Health
from webhook_ui.history.webhooks import LastResult, WebhookRow
from webhook_ui.times import utcnow
from webhook_ui.ui import formats
from webhook_ui.ui.cards import CardFace, WebhookCard, cards, is_bad
from webhook_ui.ui.charts import sparkline
from webhook_ui.ui.controls import Action, more_menu
from webhook_ui.ui.parts import Part, Status, box, link, mono, status_pill, text, time_text
from webhook_ui.ui.tables import HOOKS, Table

Offer = Callable[[int], Sequence[Action]]


def face_of(row: WebhookRow, health: Health, zone: ZoneInfo) -> CardFace:
    """What is said of one webhook."""
    webhook, last = row.webhook, row.last
    state: Literal["enabled", "disabled", "paused"] = (
        "disabled" if not webhook.enabled else "paused" if webhook.paused else "enabled"
    )
    when: tuple[str, datetime] | None = ("", last.at) if last else None
    if last and last.next_attempt_at and state == "enabled":
        when = ("retry ", last.next_attempt_at)
    down = row.is_down and state == "enabled"
    if down and row.lane.probe_at and row.lane.probe_at > utcnow():
        when = ("down, probe ", row.lane.probe_at)
    elif down:
        when = None
    words = _result_text(last) if last else ""
    result: Status = "none"
    if last:
        result = "sent" if last.status == "sent" else "error"
    elif row.held:
        result = "pending"
    return CardFace(
        title=webhook.title,
        url=webhook.url,
        path=f"/webhooks/{row.id}",
        state=state,
        triggers=webhook.triggers,
        created_at=webhook.created_at,
        sent=health.sent,
        errors=health.error,
        result=result,
        result_text=words,
        result_title=f"{words} · {formats.precise(last.at, zone)}" if last else "",
        at=last.at if last else None,
        when=when if down or not row.held else None,
        when_text="down, probing" if down else f"{formats.count(row.held)} held" if row.held else "",
    )


def _result_text(last: LastResult) -> str:
    if last.status == "sent":
        return f"{last.response_status} in {formats.duration(last.duration_ms)}"
    return last.error_message or (str(last.response_status) if last.response_status else "No answer")


class _Item(Protocol):
    """One webhook on the screen."""

    element: ui.element

    def show(self, face: CardFace) -> None: ...


class WebhookList:
    """`show` adds, takes away, moves and changes only what has to be; a menu that is open stays open."""

    def __init__(self, view: str, *, zone: ZoneInfo, offer: Offer | None) -> None:
        """`offer` says what the menu of a webhook offers; None for who may only look."""
        self.view, self._zone, self._offer = view, zone, offer
        self._items: dict[int, _Item] = {}
        self._faces: Mapping[int, CardFace] = {}
        if view == "list":
            self._table = Table("Webhooks", HOOKS, "hooks")
            self.element, self._holder = self._table.element, self._table.body
        else:
            self.element = self._holder = cards()

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

    def _make(self, webhook_id: int, face: CardFace) -> _Item:
        offer = self._offer
        actions = (lambda: offer(webhook_id)) if offer else None
        if self.view == "list":
            return _WebhookRow(self._table, face, self._zone, actions)
        return WebhookCard(face, zone=self._zone, actions=actions or ())


class _WebhookRow:
    """One webhook as a row of the table."""

    def __init__(
        self, table: Table, face: CardFace, zone: ZoneInfo, actions: Callable[[], Sequence[Action]] | None
    ) -> None:
        self._zone = zone
        row = table.row()
        self.element = row.element.classes("w-opens")
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

    def show(self, face: CardFace) -> None:
        self._words.set_text(face.title)
        self._title.props["title"] = face.title
        self._url.set_text(face.url)
        self._url.props["title"] = face.url
        if self._more:
            self._more.props["aria-label"] = f"More: {face.title}"
        off = face.state != "enabled"
        self._title.classes(add="w-second" if off else "", remove="" if off else "w-second")
        self._state.show(face.state)
        words = (face.result_text, face.result_title)
        self._result.show(face.result, words, face.at, face.when, face.when_text)
        self._spark.show(tuple(face.sent), tuple(face.errors))
        self._rate.show(sum(face.sent), sum(face.errors))
        self._triggers.show(tuple(face.triggers))
        self._created.show(face.created_at, formats.day_and_time(face.created_at, utcnow(), self._zone))

    def _build_result(
        self,
        result: Status,
        words: tuple[str, str],
        at: datetime | None,
        when: tuple[str, datetime] | None,
        when_text: str,
    ) -> None:
        with box("div", "w-two-lines"):
            with box("div", "w-row"):
                status_pill(result)
                if at:
                    time_text(at, self._zone).classes("w-meta")
            if words[0] or when_text:
                with box("div", "w-row w-line-small w-result-line"):
                    if words[0]:
                        look = "w-error-ink" if result == "error" else "w-second"
                        text(words[0], f"w-cut {look}").props["title"] = words[1]
                    self._build_more("· " if words[0] else "", when, when_text)

    def _build_more(self, dot: str, when: tuple[str, datetime] | None, when_text: str) -> None:
        if when and when[0]:
            time_text(when[1], self._zone, prefix=f"{dot}{when[0]}").classes("w-muted")
        elif when_text:
            text(f"{dot}{when_text}", "w-muted w-nowrap")

    def _build_created(self, created_at: datetime, created: str) -> None:
        time_text(created_at, self._zone, shown=created[:1].upper() + created[1:]).classes("w-muted")


def _build_rate(sent: int, errors: int) -> None:
    text(formats.success(sent, errors), "w-medium w-error-ink" if is_bad(sent, errors) else "w-medium")


def _build_triggers(triggers: tuple[str, ...]) -> None:
    text(formats.listed(list(triggers), 1), "w-cut w-muted").props["title"] = ", ".join(triggers)
