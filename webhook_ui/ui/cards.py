"""One webhook as a card. Takes values that are ready to show; reads nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.languages import mark, tr, trn
from webhook_ui.times import utcnow
from webhook_ui.ui import formats
from webhook_ui.ui.charts import sparkline
from webhook_ui.ui.controls import Action, Tick, more_menu
from webhook_ui.ui.filter_words import filter_sign
from webhook_ui.ui.markup import NOTHING, Markup, element, joined, link, moment, press, sentence, words
from webhook_ui.ui.once import Once
from webhook_ui.ui.parts import Status, box, dress, written_pill
from webhook_ui.ui.written import Written

TEST = "test"  # what the button does that sends one


@dataclass(frozen=True, kw_only=True)
class CardFace(Once):
    """What a card or a row says of one webhook.

    `at` is the moment of the last attempt. What comes next is `when`, a moment with the words before it ("retry "), or
    `when_text`; `trouble` when that is said of a receiver that is down. `untried` when nothing was to be sent so far.
    """

    title: str
    url: str
    path: str
    state: Literal["enabled", "disabled", "paused"]
    triggers: list[str]
    created_at: datetime
    sent: Sequence[int]
    errors: Sequence[int]
    result: Status = "none"
    result_text: str = ""
    result_title: str = ""
    at: datetime | None = None
    when: tuple[str, datetime] | None = None
    when_text: str = ""
    trouble: bool = False
    untried: bool = False
    filter: str | None = None


def cards(name: str = mark("Webhooks")) -> ui.element:
    """The grid that cards stand in: one column below 600 px, then as many as fit."""
    grid = box("div", "w-cards", label=tr(name))
    grid.props["role"] = "region"
    return grid


class WebhookCard:
    """`show` changes only what is new. `actions` may be a function that is asked when the menu opens."""

    def __init__(
        self,
        face: CardFace,
        *,
        zone: ZoneInfo,
        name: str = "",
        actions: Sequence[Action] | Callable[[], Sequence[Action]] = (),
        offers_test: bool = False,
        on_tick: Callable[[bool, bool], Any] | None = None,
    ) -> None:
        """`offers_test` where one that is untried has the button `TEST`, which `written.hear` tells of with `name`.

        `on_tick` as in `Tick`; None for who may only look.
        """
        self._zone, self._offers_test = zone, offers_test
        self._shown = self._seen(face)
        with box("article", _card_look(face)) as self.element:
            dress(self.element, data_row=name)
            with box("div", "w-card-top"):
                self._tick = Tick(select_name(face), on_tick) if on_tick else None
                self._head = Written("div", self._write_head(face), "w-contents")
                self._more = more_menu(actions, name=more_name(face)) if actions else None
            self._body = Written("div", self._write_body(face, self._shown[1]), "w-contents")

    def choose(self, chosen: bool) -> None:
        """Shows whether it is selected."""
        if self._tick:
            self._tick.show(chosen)
            if ("w-card-chosen" in self.element.classes) is not chosen:
                self.element.classes(add="w-card-chosen" if chosen else "", remove="" if chosen else "w-card-chosen")

    def show(self, face: CardFace) -> None:
        shown = self._seen(face)
        if shown == self._shown:
            return
        self._shown = shown
        name_controls(face, self._tick, self._more)
        off = face.state != "enabled"
        if ("w-card-off" in self.element.classes) is not off:
            self.element.classes(add="w-card-off" if off else "", remove="" if off else "w-card-off")
        self._head.write(self._write_head(face))
        self._body.write(self._write_body(face, shown[1]))

    def _seen(self, face: CardFace) -> tuple[CardFace, str]:
        # "today" has to be said anew tomorrow
        return face, created_words(face, self._zone)

    def _write_head(self, face: CardFace) -> Markup:
        return face.once("head", lambda: _head(face))

    def _write_body(self, face: CardFace, created: str) -> Markup:
        key = ("card", self._zone, created, self._offers_test)
        return face.once(key, lambda: self._make_body(face, created))

    def _make_body(self, face: CardFace, created: str) -> Markup:
        offers = face.untried and self._offers_test
        return joined(
            [
                element("div", face.url, classes="w-mono w-cut w-card-url", dir="ltr", title=face.url),
                element("div", _numbers(face), classes="w-card-numbers"),
                element("div", *_last(face, offers_test=offers), classes="w-card-last"),
                element("div", *self._next(face, "" if offers else face.when_text), classes="w-card-next"),
                element("div", *self._foot(face, created), classes="w-card-foot"),
            ]
        )

    def _next(self, face: CardFace, when_text: str) -> list[Markup]:
        look = "w-end w-cut w-error-ink" if face.trouble else "w-end w-cut"
        coming = words(when_text) if when_text else NOTHING
        if face.when:
            prefix, at = face.when
            coming = moment(at, self._zone, prefix=prefix, past=prefix and prefix + tr("due"))
        return [moment(face.at, self._zone) if face.at else NOTHING, element("span", coming, classes=look)]

    def _foot(self, face: CardFace, created: str) -> list[Markup]:
        said = sentence(tr("Created {moment}"), moment=moment(face.created_at, self._zone, shown=created))
        return [
            words(formats.listed(face.triggers), "w-cut", title=", ".join(face.triggers)),
            filter_sign(face.filter),
            element("span", said, classes="w-end w-nowrap"),
        ]


def created_words(face: CardFace, zone: ZoneInfo) -> str:
    """When it was added, as of now."""
    return face.once(("created", zone), lambda: formats.day_and_time(face.created_at, utcnow(), zone))


def title_link(face: CardFace, classes: str) -> Markup:
    """The webhook's title, which leads to its page."""
    return link(face.path, element("bdi", face.title), classes=classes, dir="auto", title=face.title)


def select_name(face: CardFace) -> str:
    """What the tick is called."""
    return tr("Select {title}", title=face.title)


def more_name(face: CardFace) -> str:
    """What the three dots are called."""
    return tr("More: {title}", title=face.title)


def name_controls(face: CardFace, tick: Tick | None, more: ui.element | None) -> None:
    """Says to a screen reader whose they are."""
    if tick and tick.element.props["aria-label"] != select_name(face):
        tick.element.props["aria-label"] = select_name(face)
    if more and more.props["aria-label"] != more_name(face):
        more.props["aria-label"] = more_name(face)


def test_button(title: str) -> Markup:
    """Sends a test to the webhook with this title."""
    name = tr("Send test to {title}", title=title)
    return press(TEST, tr("Send test"), classes="w-jump", aria_label=name, data_once="true")


def _card_look(face: CardFace) -> str:
    return "w-card w-opens" if face.state == "enabled" else "w-card w-opens w-card-off"


def _head(face: CardFace) -> Markup:
    return joined([title_link(face, "w-card-title w-cut"), written_pill(face.state)])


def _last(face: CardFace, *, offers_test: bool) -> list[Markup]:
    look = "w-error-ink w-medium" if face.result == "error" else "w-second"
    said = words(face.result_text, f"w-cut {look}", title=face.result_title or face.result_text)
    return [
        written_pill(face.result),
        said if face.result_text else NOTHING,
        element("span", test_button(face.title), classes="w-end w-nowrap") if offers_test else NOTHING,
    ]


def is_bad(sent: int, errors: int) -> bool:
    """Less than 95 of 100 arrive."""
    return errors > 0 and sent < errors * 20


def _numbers(face: CardFace) -> Markup:
    sent, errors = sum(face.sent), sum(face.errors)
    note = tr("last 24 h")
    if errors:
        note = trn("{n} error", "{n} errors", errors)
    elif sent:
        note = trn("{n} sent", "{n} sent", sent)
    rate = element("strong", formats.success(sent, errors), classes="w-error-ink" if is_bad(sent, errors) else "")
    figures = element("div", rate, words(note, "w-meta w-nowrap"), classes="w-card-rate")
    return joined([sparkline(face.sent, face.errors), figures])
