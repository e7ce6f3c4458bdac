"""One attempt with its request and response, and the attempts that are still to come."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui import shaping, times
from webhook_ui.explain import said
from webhook_ui.history.deliveries import DeliveryDetail
from webhook_ui.languages import mark, tr
from webhook_ui.models import Attempt
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.charts import Moment
from webhook_ui.ui.difference_view import show_difference
from webhook_ui.ui.filter_words import shape_words
from webhook_ui.ui.log_address import CAUSES
from webhook_ui.ui.message_view import MessageView, size_note, timing_bars
from webhook_ui.ui.panel_look import Look
from webhook_ui.ui.parts import box, prose, text, time_text

MOST_PLANNED = 12
VIEWS = {"messages": mark("Request and response"), "difference": mark("Difference from last good")}


def past_attempts(numbered: Iterable[tuple[int, Attempt]], chosen: int, now: datetime, zone: ZoneInfo) -> list[Moment]:
    """Some of those that were made, each with its number, for the time line."""
    return [
        Moment(
            state="sent" if attempt.status == "sent" else "error",
            time=delivery_words.short_time(attempt.at, now, zone),
            title=formats.precise(attempt.at, zone),
            number=number,
            result=str(attempt.response_status or _cause(attempt.error_class)),
            note=formats.duration(attempt.duration_ms),
            chosen=number == chosen,
        )
        for number, attempt in numbered
    ]


def _cause(error_class: str | None) -> str:
    return tr(CAUSES.get(error_class, error_class)) if error_class else ""


def planned_attempts(detail: DeliveryDetail, retries: Sequence[float], now: datetime, zone: ZoneInfo) -> list[Moment]:
    """The attempt under way or next, and those that would follow if each one failed."""
    row = detail.row
    if row.closed_reason is not None:
        return []
    number = detail.count + 1
    if row.in_flight:
        at, first = now, Moment(state="pending", time=tr("Now"), title="", number=number, note=tr("under way"))
    else:
        at = max(row.next_attempt_at or now, row.lane_until or now, now)
        words = delivery_words.waits(row, now, zone)
        timed = row.waiting_for in {"retry", "deliver_at"} and at > now
        first = Moment(
            state="planned",
            time=delivery_words.short_time(at, now, zone) if timed else tr("Next"),
            title=formats.precise(at, zone) if timed else "",
            number=number,
            note=tr("planned, {distance}", distance=formats.relative(at, now))
            if timed
            else words[:1].lower() + words[1:],
        )
    waits = retries[row.tries :]
    moments = [first]
    for step, seconds in enumerate(waits[:MOST_PLANNED], start=1):
        at = at + timedelta(seconds=seconds)
        moments.append(
            Moment(
                state="planned",
                time=delivery_words.short_time(at, now, zone, seconds=False),
                title=tr("about {moment}", moment=formats.precise(at, zone)),
                number=number + step,
                note=tr("last one, then given up") if step == len(waits) else tr("planned"),
            )
        )
    return moments


def show_attempt(shown: Look, attempt: Attempt, zone: ZoneInfo, *, on_view: Callable[[str], Any]) -> None:
    """When it was, how long each step took, what was sent and answered, or what differs from a good one."""
    with box("div", "w-row w-wrap"):
        text(tr("Attempt {number}", number=shown.number), tag="h3")
        when = time_text(attempt.at, zone, shown=formats.absolute(attempt.at, zone, seconds=True))
        when.classes("w-meta")
        text(f"· {formats.duration(attempt.duration_ms)}", "w-meta")
        if attempt.round > 1:
            text(tr("· round {number}", number=attempt.round), "w-meta")
        if attempt.late:
            text(tr("· ended after its lease, not counted"), "w-meta")
    timing_bars(attempt.timings)
    view = shown.choice.view
    with ui.tabs() as tabs:
        tabs.props("no-caps dense align=left").props["aria-label"] = tr("About this attempt")
        for name, label in VIEWS.items():
            ui.tab(name, label=tr(label))
    tabs.value = view
    tabs.on_value_change(lambda event: on_view(event.value))
    with box("div", "w-attempt-view", label=tr(VIEWS[view])) as place:
        place.props["role"] = "tabpanel"
        if shown.compared:
            show_difference(shown.compared, times.utcnow(), zone)
        else:
            _show_messages(attempt, shown.body_of(attempt))


def _show_messages(attempt: Attempt, body: str) -> None:
    if attempt.response_status is None:
        with box("section", "w-message"):
            text(tr("No response"), tag="h3")
            prose(said(attempt.error_message or ""), "w-error-ink w-break")
    else:
        phrase = delivery_words.status_line(attempt.response_status)
        look = "w-strong w-error-ink" if attempt.status == "error" else "w-strong w-sent-ink"
        start = [(look, phrase[:3]), ("", phrase[3:])]
        size = size_note(attempt.response_body, cut=True)
        note = tr("{size} in {duration}", size=size, duration=formats.duration(attempt.duration_ms))
        MessageView(
            tr("Response"), start=start, headers=attempt.response_headers, body=attempt.response_body, note=note
        )
    if not attempt.request_headers:
        return  # it never became a request
    start = [("w-json-key", "POST "), ("", attempt.url)]
    note = tr("{size}, signed", size=size_note(body))
    MessageView(tr("Request as sent"), start=start, headers=attempt.request_headers, body=body, note=note)


def show_what_will_be_sent(shown: Look) -> None:
    """Before the first attempt: the request, as far as it is known."""
    with box("div"):
        text(tr("Not sent yet"), tag="h3")
        words = tr("This is what will go out, signed when it does.")
        if template := shown.detail.webhook.template:
            words = tr("This is the event. Its body is made when it goes out: {shape}.", shape=shape_words(template))
        text(words, "w-muted", tag="p")
    envelope = shown.envelope
    start = [("w-json-key", "POST "), ("", shown.detail.webhook.url)]
    headers = [["content-type", shaping.content_type(shown.detail.webhook.template)]]
    MessageView(tr("Request"), start=start, headers=headers, body=envelope, note=size_note(envelope))
