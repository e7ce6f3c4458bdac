"""A delivery in words: what became of it, what it waits for, which attempt it is. Pure: now and zone are passed in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol
from zoneinfo import ZoneInfo

from webhook_ui.explain import said
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.languages import mark, tr
from webhook_ui.plugin_loader import RegisteredTrigger
from webhook_ui.ui import formats

_HELD = {
    "stopped": mark("Held: sending is stopped"),
    "paused": mark("Held: paused"),
    "disabled": mark("Held: disabled"),
}
_WAITS = {
    "breaker": mark("Waits for the probe: its receiver is down"),
    "ordered": mark("Waits for the one before it"),
    "rate_limit": mark("Waits for its turn: the rate is limited"),
}
_NEXT = {"breaker": mark("after a probe"), "ordered": mark("in turn"), "rate_limit": mark("rate limit")}
_FAILED = mark("Failed")
_ENDED = {
    "cancelled": mark("Cancelled before it was sent"),
    "expired": mark("Expired: it had waited as long as events are kept"),
    "gone": mark("Its webhook is gone"),
    "crashed": mark("Given up: each time it was tried, the dispatcher broke off"),
}


@dataclass(frozen=True, kw_only=True)
class Next:
    """When it is tried again: a moment, or words; `over` when it is given up."""

    words: str = ""  # looked up by `tr` where it is shown
    at: datetime | None = None
    over: bool = False


class Scheduled(Protocol):
    """A webhook, or what knows of its waits."""

    @property
    def retry_schedule(self) -> Sequence[float] | None: ...


def schedule_in_force(
    webhook: Scheduled, trigger: str, triggers: Mapping[str, RegisteredTrigger], usual: Sequence[float]
) -> Sequence[float]:
    """The waits between attempts: the webhook's own, else the trigger's, else the setting."""
    if webhook.retry_schedule is not None:
        return webhook.retry_schedule
    registered = triggers.get(trigger)
    own = registered.trigger.retry_schedule if registered else None
    return usual if own is None else own


def result(row: DeliveryRow, now: datetime, zone: ZoneInfo) -> str:
    """What became of it, or what it waits for."""
    if row.status == "pending":
        return waits(row, now, zone)
    if row.status == "sent":
        return tr("Sent in an earlier round") if row.last_error_class else status_line(row.last_response_status)
    return said(row.last_error_message or "") or tr(_ENDED.get(row.closed_reason or "", _FAILED))


def waits(row: DeliveryRow, now: datetime, zone: ZoneInfo) -> str:
    """What an open delivery waits for."""
    if row.in_flight:
        return tr("Being sent")
    if row.waiting_for in _HELD:
        return tr(_HELD[row.waiting_for])
    if row.waiting_for in _WAITS:
        return tr(_WAITS[row.waiting_for])
    if row.waiting_for == "retry" and row.lane_until:
        return tr("Waits until {time}, as its receiver asked", time=short_time(row.lane_until, now, zone))
    if row.waiting_for == "deliver_at" and row.next_attempt_at:
        return tr("Waits until {time}", time=short_time(row.next_attempt_at, now, zone, seconds=False))
    return tr("Waits for the retry") if row.waiting_for == "retry" else tr("Due now")


def next_attempt(row: DeliveryRow, now: datetime) -> Next:
    """When it is tried again."""
    if row.closed_reason:
        words = {"sent": "", "cancelled": mark("cancelled")}.get(row.closed_reason, mark("given up"))
        return Next(words=words, over=words == "given up")
    if row.waiting_for in _HELD:
        return Next(words=mark("held"))
    if row.waiting_for in _NEXT:
        return Next(words=_NEXT[row.waiting_for])
    if row.next_attempt_at:
        at = max(row.next_attempt_at, row.lane_until or row.next_attempt_at)
        if at > now:
            return Next(at=at)
    return Next(words="" if row.waiting_for == "retry" else mark("now"))


def attempt(row: DeliveryRow, retries: int) -> str:
    """'4 of 10': the attempt that was made last, or the one that comes if none was or one is under way."""
    coming = row.closed_reason is None and (row.status == "pending" or row.in_flight)
    number = row.tries + 1 if coming else row.tries
    return tr("{number} of {count}", number=number, count=max(retries + 1, number)) if number else "–"


def status_line(status: int | None) -> str:
    """'200 OK'."""
    if status is None:
        return tr("Sent")
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def cause_and_hint(message: str) -> tuple[str, str]:
    """An attempt's sentence in two: '401 Unauthorized' and 'The receiver wants credentials…'."""
    end = re.search(r": |\. ", message)
    cause, hint = (message[: end.start()], message[end.end() :]) if end else (message, "")
    return cause, hint[:1].upper() + hint[1:]


def short_time(moment: datetime, now: datetime, zone: ZoneInfo, *, seconds: bool = True) -> str:
    """'14:32:06' today, '22 Nov, 14:32' this year, else the day."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return formats.clock(moment, zone, seconds=seconds)
    if local.year != today.year:
        return formats.day(local.date())
    return f"{formats.short_day(local.date())}, {formats.clock(moment, zone, seconds=False)}"


def may_redeliver(row: DeliveryRow) -> bool:
    """Whether a person would want to send it again now."""
    return row.status == "error" and not row.in_flight and not row.test


def may_send_again(row: DeliveryRow) -> bool:
    """Whether it has arrived, as far as its answer tells, and can be sent once more all the same."""
    return row.status == "sent" and not row.in_flight and not row.test


def may_cancel(row: DeliveryRow) -> bool:
    """Whether there is something to call off."""
    return row.closed_reason is None and not row.in_flight
