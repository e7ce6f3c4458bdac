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
from webhook_ui.ui.controls import Action, Tick, more_menu, words_button
from webhook_ui.ui.filter_words import filter_sign
from webhook_ui.ui.parts import Part, Status, box, link, mono, sentence, status_pill, text, time_text


@dataclass(frozen=True, kw_only=True)
class CardFace:
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
        actions: Sequence[Action] | Callable[[], Sequence[Action]] = (),
        on_test: Callable[[], Any] | None = None,
        on_tick: Callable[[bool, bool], Any] | None = None,
    ) -> None:
        """`on_test` sends a test to one that is untried; None for who may not. `on_tick` as in `Tick`."""
        self._zone, self._on_test = zone, on_test
        with box("article", "w-card w-opens") as self.element:
            with box("div", "w-card-top"):
                self._tick = Tick(tr("Select"), on_tick) if on_tick else None
                self._title = link("", face.path, "w-card-title w-cut")
                self._title.props["dir"] = "auto"
                with self._title:
                    self._words = text("", tag="bdi")
                with box("span", "w-row w-end"):
                    self._state = Part(box("span", "w-row"), status_pill)
                    self._more = more_menu(actions) if actions else None
            self._url = mono("", "w-card-url", cut=True)
            self._numbers = Part(box("div", "w-card-numbers"), _numbers)
            self._last = Part(box("div", "w-card-last"), self._build_last)
            self._next = Part(box("div", "w-card-next"), self._build_next)
            self._foot = Part(box("div", "w-card-foot"), self._build_foot)
        self.show(face)

    def choose(self, chosen: bool) -> None:
        """Shows whether it is selected."""
        if self._tick:
            self._tick.show(chosen)
            self.element.classes(add="w-card-chosen" if chosen else "", remove="" if chosen else "w-card-chosen")

    def show(self, face: CardFace) -> None:
        if self._tick:
            self._tick.element.props["aria-label"] = tr("Select {title}", title=face.title)
        self._words.set_text(face.title)
        self._title.props["title"] = face.title
        if self._more:
            self._more.props["aria-label"] = tr("More: {title}", title=face.title)
        self._url.set_text(face.url)
        self._url.props["title"] = face.url
        self.element.classes(
            add="" if face.state == "enabled" else "w-card-off", remove="w-card-off" if face.state == "enabled" else ""
        )
        self._state.show(face.state)
        self._numbers.show(tuple(face.sent), tuple(face.errors))
        offers = face.untried and self._on_test is not None
        self._last.show(face.result, face.result_text, face.result_title, face.title if offers else "")
        self._next.show(face.at, face.when, "" if offers else face.when_text, face.trouble)
        # "today" has to be said anew tomorrow
        created = formats.day_and_time(face.created_at, utcnow(), self._zone)
        self._foot.show(tuple(face.triggers), face.created_at, created, face.filter)

    def _build_last(self, result: Status, words: str, title: str, tries: str) -> None:
        status_pill(result)
        if words:
            look = "w-error-ink w-medium" if result == "error" else "w-second"
            text(words, f"w-cut {look}").props["title"] = title or words
        if tries and self._on_test:
            with box("span", "w-end w-nowrap"):
                test = words_button(tr("Send test"), self._on_test)
            test.props["aria-label"] = tr("Send test to {title}", title=tries)

    def _build_next(
        self, at: datetime | None, when: tuple[str, datetime] | None, when_text: str, trouble: bool
    ) -> None:
        if at:
            time_text(at, self._zone)
        with box("span", "w-end w-cut w-error-ink" if trouble else "w-end w-cut"):
            if when:
                time_text(when[1], self._zone, prefix=when[0], past=when[0] and when[0] + tr("due"))
            elif when_text:
                text(when_text)

    def _build_foot(self, triggers: tuple[str, ...], created_at: datetime, created: str, only: str | None) -> None:
        text(formats.listed(list(triggers)), "w-cut").props["title"] = ", ".join(triggers)
        filter_sign(only)
        with box("span", "w-end w-nowrap"):
            sentence(tr("Created {moment}"), moment=lambda: time_text(created_at, self._zone, shown=created))


def is_bad(sent: int, errors: int) -> bool:
    """Less than 95 of 100 arrive."""
    return errors > 0 and sent < errors * 20


def _numbers(sent_by_hour: Sequence[int], errors_by_hour: Sequence[int]) -> None:
    sent, errors = sum(sent_by_hour), sum(errors_by_hour)
    bad = is_bad(sent, errors)
    sparkline(sent_by_hour, errors_by_hour)
    with box("div", "w-card-rate"):
        text(formats.success(sent, errors), "w-error-ink" if bad else "", tag="strong")
        note = tr("last 24 h")
        if errors:
            note = trn("{n} error", "{n} errors", errors)
        elif sent:
            note = trn("{n} sent", "{n} sent", sent)
        text(note, "w-meta w-nowrap")
