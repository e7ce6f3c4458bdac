"""One attempt with its request and response, and the attempts that are still to come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from webhook_ui.history.deliveries import DeliveryDetail
from webhook_ui.models import Attempt
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.charts import Moment
from webhook_ui.ui.message_view import MessageView, size_note, timing_bars
from webhook_ui.ui.parts import box, prose, text, time_text

MOST_PLANNED = 12


def planned_attempts(detail: DeliveryDetail, retries: Sequence[float], now: datetime, zone: ZoneInfo) -> list[Moment]:
    """The attempt under way or next, and those that would follow if each one failed."""
    row = detail.row
    if row.closed_reason is not None:
        return []
    number = len(detail.attempts) + 1
    if row.in_flight:
        at, first = now, Moment(state="pending", time="Now", title="", number=number, note="under way")
    else:
        at = max(row.next_attempt_at or now, row.lane_until or now, now)
        words = delivery_words.waits(row, now, zone)
        timed = row.waiting_for in {"retry", "deliver_at"} and at > now
        first = Moment(
            state="planned",
            time=delivery_words.short_time(at, now, zone) if timed else "Next",
            title=formats.precise(at, zone) if timed else "",
            number=number,
            note=f"planned, {formats.relative(at, now)}" if timed else words[:1].lower() + words[1:],
        )
    waits = retries[row.tries :]
    moments = [first]
    for step, seconds in enumerate(waits[:MOST_PLANNED], start=1):
        at = at + timedelta(seconds=seconds)
        moments.append(
            Moment(
                state="planned",
                time=delivery_words.short_time(at, now, zone, seconds=False),
                title=f"about {formats.precise(at, zone)}",
                number=number + step,
                note="last one, then given up" if step == len(waits) else "planned",
            )
        )
    return moments


def show_attempt(attempt: Attempt, number: int, envelope: str, zone: ZoneInfo) -> None:
    """When it was, how long each step took, what was answered and what had been sent."""
    with box("div", "w-row w-wrap"):
        text(f"Attempt {number}", tag="h3")
        when = time_text(attempt.at, zone, shown=formats.absolute(attempt.at, zone, seconds=True))
        when.classes("w-meta")
        text(f"· {formats.duration(attempt.duration_ms)}", "w-meta")
        if attempt.late:
            text("· ended after its lease, not counted", "w-meta")
    timing_bars(attempt.timings)
    if attempt.response_status is None:
        with box("section", "w-message"):
            text("No response", tag="h3")
            prose(attempt.error_message or "", "w-error-ink w-break")
    else:
        phrase = delivery_words.status_line(attempt.response_status)
        look = "w-strong w-error-ink" if attempt.status == "error" else "w-strong w-sent-ink"
        start = [(look, phrase[:3]), ("", phrase[3:])]
        size = size_note(attempt.response_body, cut=True)
        note = f"{size} in {formats.duration(attempt.duration_ms)}"
        MessageView("Response", start=start, headers=attempt.response_headers, body=attempt.response_body, note=note)
    body = envelope if attempt.request_body is None else attempt.request_body
    start = [("w-json-key", "POST "), ("", attempt.url)]
    note = f"{size_note(body)}, signed"
    MessageView("Request as sent", start=start, headers=attempt.request_headers, body=body, note=note)
