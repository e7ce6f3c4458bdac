"""The notice of a delivery's panel: what happened, how its neighbours fared, what happens by itself, what to do."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui.explain import Explanation, explain
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.history.neighbours import COUNTED, LOOKED_BACK, Neighbours
from webhook_ui.history.redeliverable import Redeliverable
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.controls import words_button
from webhook_ui.ui.panel_look import Look, case_of
from webhook_ui.ui.parts import Text, box, dress, link, prose, sentence, text, time_text
from webhook_ui.ui.redeliveries_address import failed_address, failed_count
from webhook_ui.ui.states import notice

_ENDS = {
    "cancelled": (
        mark("Cancelled before it was sent"),
        mark("Nothing more is sent unless somebody presses Redeliver."),
    ),
    "expired": (
        mark("Expired"),
        mark("It had waited as long as events are kept, so it was closed without being sent."),
    ),
    "gone": (mark("Its webhook is gone"), mark("The webhook was deleted for good, so there is nobody to send it to.")),
}


class LastStep:
    """The way back to normal: a test of the receiver, and all that has failed sent again. For who may do both."""

    def __init__(self, on_test: Callable[[], Any]) -> None:
        self._on_test = on_test
        self._redeliver: Text | None = None

    def build(self, failed: Redeliverable | None) -> None:
        self._redeliver = None
        with box("li"):
            sentence(
                tr("Then {test}, and {redeliver}.") if failed and failed.count else tr("Then {test}."),
                test=self._offer_test,
                redeliver=lambda: self._link(failed) if failed else None,
            )

    def _offer_test(self) -> None:
        dress(words_button(tr("send a test"), self._on_test), data_once="true")

    def count(self, failed: Redeliverable | None) -> None:
        """In place: what is pressed meanwhile stays."""
        if self._redeliver and failed and failed.count:
            self._redeliver.set_text(_redeliver_words(failed))

    def _link(self, failed: Redeliverable) -> None:
        self._redeliver = link(_redeliver_words(failed), failed_address(failed))


def _redeliver_words(failed: Redeliverable) -> str:
    return trn("redeliver the one that failed", "redeliver the {n} that failed", failed.count, n=failed_count(failed))


def show_notice(shown: Look, now: datetime, zone: ZoneInfo, last_step: LastStep | None) -> None:
    """Says what there is to say about the chosen attempt, or about a delivery that waits; nothing where all is well."""
    row, attempt = shown.detail.row, shown.attempt
    if attempt is None:
        _show_without_attempt(row, now, zone)
        return
    told = explain(case_of(attempt, shown.neighbours))
    if told is None:
        if row.status == "pending":
            _show_waiting(row, now, zone)
        return
    with notice(told.title, kind="pending" if told.warning else "error") as body, body:
        if shown.number < shown.detail.count:
            text(
                tr("About attempt {number} of {count}.", number=shown.number, count=shown.detail.count),
                "w-muted",
                tag="p",
            )
        prose(told.cause)
        if not told.warning:
            if shown.neighbours:
                _show_neighbours(shown.neighbours, now, zone)
            _show_follows(told, row, now, zone)
        with box("ol", "w-steps"):
            for step in told.steps:
                prose(step, tag="li")
            if last_step and not told.warning and not row.test:
                last_step.build(shown.failed)


def _show_without_attempt(row: DeliveryRow, now: datetime, zone: ZoneInfo) -> None:
    if row.status == "pending":
        _show_waiting(row, now, zone)
        return
    title, detail = _ENDS.get(row.closed_reason or "", ("", ""))
    with notice(tr(title) if title else delivery_words.result(row, now, zone), tr(detail), kind="info"):
        pass


def _show_waiting(row: DeliveryRow, now: datetime, zone: ZoneInfo) -> None:
    held = row.waiting_for in {"stopped", "paused", "disabled"}
    with notice(delivery_words.waits(row, now, zone), kind="pending" if held else "info"):
        pass


def _show_neighbours(neighbours: Neighbours, now: datetime, zone: ZoneInfo) -> None:
    looked, same = neighbours.looked, neighbours.same
    with box("p"):
        if looked > 1:
            all_same = same == looked
            text(
                tr("All of the last {count} attempts ended the same way; ", count=looked)
                if all_same
                else tr("{same} of the last {count} attempts ended the same way; ", same=same, count=looked)
            )
        if good := neighbours.last_good:
            shown = delivery_words.short_time(good, now, zone)
            sentence(
                tr("the last good one was at {time}.") if looked > 1 else tr("The last good one was at {time}."),
                time=lambda: time_text(good, zone, shown=shown),
            )
        elif looked >= COUNTED:
            text(tr("none of the last {count} was good.", count=formats.count(LOOKED_BACK)))
        else:
            text(tr("none has been good so far.") if looked > 1 else tr("It is the first one to this webhook."))


def _show_follows(told: Explanation, row: DeliveryRow, now: datetime, zone: ZoneInfo) -> None:
    if row.status == "sent":
        text(tr("A later attempt has arrived."), tag="p")
        return
    coming = delivery_words.next_attempt(row, now)
    with box("p"):
        if told.follows:
            text(f"{told.follows} ")
        if coming.at:
            again = tr("It is due to be tried again")
            time_text(coming.at, zone, now=now, prefix=tr("It is tried again "), past=again)
            text(".")
        elif row.closed_reason not in ("gone", "crashed"):  # these are told by their cause
            text(_what_follows(row, coming.words))


def _what_follows(row: DeliveryRow, words: str) -> str:
    if row.in_flight:
        return tr("It is being tried again now.")
    if row.test:
        return tr("It was a test send: it is never tried again.")
    if row.closed_reason == "cancelled":
        return tr("It was cancelled: nothing more is sent unless somebody presses Redeliver.")
    if row.closed_reason:
        return trn(
            "Given up after {n} attempt. Redeliver sends it again.",
            "Given up after {n} attempts. Redeliver sends it again.",
            row.tries,
            n=formats.count(row.tries),
        )
    return {
        "held": tr("The next attempt is held."),
        "in turn": tr("It waits for the one before it."),
        "after a probe": tr("Its receiver is down; it is tried again once a probe has arrived there."),
        "rate limit": tr("It is tried again as soon as the rate limit lets it."),
    }.get(words, tr("It is tried again at once."))
