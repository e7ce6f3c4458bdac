"""What differs between an attempt and the last good one to the same webhook, as a table; below 600 px as blocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

from webhook_ui import ids
from webhook_ui.difference import Comparison, Difference, Part
from webhook_ui.history.neighbours import LOOKED_BACK, GoodAttempt
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.panel_look import Compared
from webhook_ui.ui.parts import Text, box, foreign, link, mono, sentence, text, time_text

_PARTS: dict[Part, str] = {
    "URL": mark("URL"),
    "Request header": mark("Request header"),
    "Body": mark("Body"),
    "Answer": mark("Answer"),
    "Response header": mark("Response header"),
}
ALIKE = mark("Left out: what differs each time, such as the webhook-… headers, the timestamp and the answer's date.")


def show_difference(compared: Compared, now: datetime, zone: ZoneInfo) -> None:
    """Which attempt it is compared with, and each thing that is not the same."""
    good, comparison = compared.good, compared.comparison
    if good is None or comparison is None:
        text(tr("There is no good attempt to compare with"), "w-medium", tag="p")
        looked = formats.count(LOOKED_BACK)
        text(
            tr("None of the last {looked} attempts to this webhook before this one was good.", looked=looked),
            "w-muted",
            tag="p",
        )
        return
    _show_good(good, now, zone)
    if comparison.not_compared:
        text(comparison.not_compared, tag="p")
    if comparison.differences:
        _show_table(comparison)
        more = comparison.total - len(comparison.differences)
        if more > 0:
            words = trn("And {n} more difference.", "And {n} more differences.", more, n=formats.count(more))
            text(words, "w-muted", tag="p")
    elif not comparison.not_compared:
        text(tr("They are alike: same URL, headers, body and answer."), tag="p")
    text(tr(ALIKE), "w-meta", tag="p")


def _show_good(good: GoodAttempt, now: datetime, zone: ZoneInfo) -> None:
    attempt = good.attempt
    delivery = ids.delivery_text(attempt.webhook_id, attempt.event_id)
    with box("p", "w-second"):
        sentence(
            tr("Compared with {attempt}, {time}.")
            if good.same_trigger
            else tr(
                "Compared with {attempt}, {time}. It brought an event of another trigger, so its fields are others."
            ),
            attempt=lambda: link(tr("the last good attempt"), f"/webhooks/{attempt.webhook_id}?delivery={delivery}"),
            time=lambda: time_text(attempt.at, zone, shown=delivery_words.short_time(attempt.at, now, zone)),
        )


def _show_table(comparison: Comparison) -> None:
    with box("table", "w-diff", label=tr("Differences")):
        with box("thead"), box("tr"):
            for title in (tr("What"), tr("Last good"), tr("This one")):
                text(title, tag="th").props["scope"] = "col"
        with box("tbody"):
            for one in comparison.differences:
                _show_row(one)


def _show_row(one: Difference) -> None:
    with box("tr"):
        with box("th") as what:
            text(tr(_PARTS[one.part]), "w-meta")
            if one.path:
                mono(one.path, "w-break")
        what.props["scope"] = "row"
        _show_value(tr("Last good"), one.good, "w-diff-good")
        _show_value(tr("This one"), one.this, "w-diff-this")


def _show_value(title: str, value: str | None, look: str) -> None:
    with box("td", look):
        text(title, "w-diff-title w-meta").props["aria-hidden"] = "true"
        if value is None:
            text(tr("not there"), "w-muted")
        else:
            made: Text = foreign(value, "w-mono", cut=False)
            made.props["dir"] = "ltr"
