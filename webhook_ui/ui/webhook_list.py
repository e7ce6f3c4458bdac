"""The webhooks of one page as cards or rows, which change in place. Values come in, nothing is read here."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import formats, late_presses
from webhook_ui.ui.cards import (
    TEST,
    CardFace,
    WebhookCard,
    cards,
    created_words,
    is_bad,
    more_name,
    name_controls,
    select_name,
    test_button,
    title_link,
)
from webhook_ui.ui.charts import sparkline
from webhook_ui.ui.controls import Action, Tick, more_menu
from webhook_ui.ui.filter_words import filter_sign
from webhook_ui.ui.markup import NOTHING, Markup, element, moment, mono, words
from webhook_ui.ui.parts import box, dress, written_pill
from webhook_ui.ui.tables import HOOKS, SELECT, Table, mark_chosen
from webhook_ui.ui.written import Written, hear

Offer = Callable[[int], Sequence[Action]]


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
        self._pressable: dict[str, int] = {}  # what is or was shown, by name
        self._all: Tick | None = None
        self._faces: Mapping[int, CardFace] = {}
        if view == "list":
            self._table = Table(tr("Webhooks"), (SELECT, *HOOKS) if picks else HOOKS, "hooks")
            self._build_tick_of_all()
            self.element, self._holder = self._table.element, self._table.body
        else:
            self.element = self._holder = cards()
        if on_test:
            hear(self._holder, self._pressed)

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
                    self._pressable[str(webhook_id)] = webhook_id
        children, wanted = self._holder.default_slot.children, [self._items[webhook_id].element for webhook_id in faces]
        if children != wanted:
            children[:] = wanted
            self._holder.update()

    def _build_tick_of_all(self) -> None:
        if self._picks:
            heading = self._table.headings["select"]
            late_presses.clear(heading)
            with heading:
                self._all = Tick(tr("Select this page"), lambda chosen, _: self._picks and self._picks.all(chosen))

    def _make(self, webhook_id: int, face: CardFace) -> _Item:
        offer = self._offer
        actions = (lambda: offer(webhook_id)) if offer else None
        on_tick = partial(self._picks.one, webhook_id) if self._picks else None
        name, offers_test = str(webhook_id), self._on_test is not None
        if self.view == "list":
            return _WebhookRow(
                self._table, face, self._zone, actions, name=name, offers_test=offers_test, on_tick=on_tick
            )
        return WebhookCard(
            face, zone=self._zone, name=name, actions=actions or (), offers_test=offers_test, on_tick=on_tick
        )

    def _pressed(self, does: str, name: str) -> Any:
        """One that nobody showed is not found; one that has left the page since may have been pressed before."""
        webhook_id = self._pressable.get(name)
        return self._on_test(webhook_id) if does == TEST and webhook_id and self._on_test else None


class _WebhookRow:
    """One webhook as a row of the table."""

    def __init__(
        self,
        table: Table,
        face: CardFace,
        zone: ZoneInfo,
        actions: Callable[[], Sequence[Action]] | None,
        *,
        name: str,
        offers_test: bool,
        on_tick: Callable[[bool, bool], Any] | None,
    ) -> None:
        self._zone, self._offers_test = zone, offers_test
        self._shown = self._seen(face)
        self._tick: Tick | None = None
        self._more: ui.element | None = None
        self._cells: dict[str, Written] = {}
        cells = self._write_cells(face, self._shown[1])
        with table.body, box("tr", "w-opens") as self.element:
            dress(self.element, data_row=name)
            for column in table.columns:
                if column.key in cells:
                    self._cells[column.key] = Written("td", cells[column.key], column.classes)
                    continue
                with box("td", column.classes):
                    if column.key == "select" and on_tick:
                        self._tick = Tick(select_name(face), on_tick)
                    elif column.key == "actions" and actions:
                        self._more = more_menu(actions, name=more_name(face))

    def choose(self, chosen: bool) -> None:
        if self._tick:
            self._tick.show(chosen)
            mark_chosen(self.element, chosen)

    def show(self, face: CardFace) -> None:
        shown = self._seen(face)
        if shown == self._shown:
            return
        self._shown = shown
        name_controls(face, self._tick, self._more)
        for key, content in self._write_cells(face, shown[1]).items():
            self._cells[key].write(content)

    def _seen(self, face: CardFace) -> tuple[CardFace, str]:
        return face, created_words(face, self._zone)

    def _write_cells(self, face: CardFace, created: str) -> Mapping[str, Markup]:
        key = ("row", self._zone, created, self._offers_test)
        return face.once(key, lambda: self._make_cells(face, created))

    def _make_cells(self, face: CardFace, created: str) -> dict[str, Markup]:
        sent, errors = sum(face.sent), sum(face.errors)
        off = "" if face.state == "enabled" else " w-second"
        title = title_link(face, f"w-row-title w-cut{off}")
        listed = words(formats.listed(face.triggers, 1), "w-cut w-muted", title=", ".join(face.triggers))
        created = created[:1].upper() + created[1:]
        return {
            "title": element("div", title, mono(face.url, "w-muted"), classes="w-two-lines"),
            "state": written_pill(face.state),
            "result": element("div", *self._result(face), classes="w-two-lines"),
            "spark": sparkline(face.sent, face.errors, small=True),
            "rate": words(
                formats.success(sent, errors), "w-medium w-error-ink" if is_bad(sent, errors) else "w-medium"
            ),
            "triggers": element("div", listed, filter_sign(face.filter), classes="w-row w-tight"),
            "created": moment(face.created_at, self._zone, "w-muted", shown=created),
        }

    def _result(self, face: CardFace) -> list[Markup]:
        at = moment(face.at, self._zone, "w-meta") if face.at else NOTHING
        first = element("div", written_pill(face.result), at, classes="w-row")
        second = [self._coming(face)]
        if face.untried and self._offers_test:
            second = [test_button(face.title)]
        elif face.result_text:
            look = "w-error-ink" if face.result == "error" else "w-second"
            said = words(face.result_text, f"w-cut {look}", title=face.result_title)
            second = [said, self._coming(face)]
        if not any(second):
            return [first]
        return [first, element("div", *second, classes="w-row w-line-small w-result-line")]

    def _coming(self, face: CardFace) -> Markup:
        look = "w-error-ink" if face.trouble else "w-muted"
        if face.when:
            prefix = face.when[0]
            return moment(face.when[1], self._zone, look, prefix=prefix, past=prefix and prefix + tr("due"))
        return words(face.when_text, f"{look} w-nowrap") if face.when_text else NOTHING
