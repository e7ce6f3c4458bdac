"""Why a webhook got an event or not, in words. Pure: now and zone are passed in."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.history.trace import Group, TraceRow
from webhook_ui.history.trace_reasons import Outcome, Reason
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.parts import Status

PILLS: dict[Group, Status] = {
    Group.sent: "sent",
    Group.error: "error",
    Group.pending: "pending",
    Group.missed: "not_sent",
    Group.not_subscribed: "not_sent",
}
_ARRIVED = {
    1: mark("{status} in {duration}, first attempt"),
    2: mark("{status} in {duration}, second attempt"),
    3: mark("{status} in {duration}, third attempt"),
}


@dataclass(frozen=True, kw_only=True)
class Why:
    """A sentence, what of it others have written (`names`, in code), and when it is tried again."""

    words: str
    names: tuple[str, ...] = ()
    error: bool = False
    next_at: datetime | None = None


def heading(group: Group, count: int, trigger: str) -> str:
    """'5 webhooks got it'."""
    if group is Group.sent:
        return trn("{n} webhook got it", "{n} webhooks got it", count)
    if group is Group.error:
        return trn("{n} has not got it", "{n} have not got it", count)
    if group is Group.pending:
        return trn("{n} waits for it", "{n} wait for it", count)
    if group is Group.missed:
        return trn("{n} did not get it", "{n} did not get it", count)
    return trn("{n} did not listen to {trigger}", "{n} did not listen to {trigger}", count, trigger=trigger)


def why(row: TraceRow, trigger: str, now: datetime, zone: ZoneInfo) -> Why:
    """Of one webhook."""
    if row.delivery is not None:
        return _delivered(row.delivery, row.reason, now, zone)
    return _missed(row.reason, trigger, now, zone)


def _delivered(row: DeliveryRow, reason: Reason, now: datetime, zone: ZoneInfo) -> Why:
    if row.status == "sent":
        if row.last_response_status is None or row.last_duration_ms is None:
            return Why(words=delivery_words.result(row, now, zone))
        which = _ARRIVED.get(row.tries, mark("{status} in {duration}, attempt {n}"))
        took = formats.duration(row.last_duration_ms)
        return Why(words=tr(which, status=row.last_response_status, duration=took, n=row.tries))
    if row.waiting_for in ("paused", "disabled"):
        words = tr("Held: paused") if row.waiting_for == "paused" else tr("Held: disabled")
        return Why(words=_signed(words, reason, now, zone))
    if row.status == "pending":
        return Why(words=delivery_words.waits(row, now, zone))
    cause, _ = delivery_words.cause_and_hint(delivery_words.result(row, now, zone))
    parts = [cause, *([trn("{n} attempt", "{n} attempts", row.tries)] if row.tries else [])]
    coming = delivery_words.next_attempt(row, now)
    parts += [tr("given up")] if coming.over else []
    return Why(words=", ".join(parts), error=True, next_at=coming.at)


def _missed(reason: Reason, trigger: str, now: datetime, zone: ZoneInfo) -> Why:
    if reason.outcome is Outcome.not_subscribed:
        if reason.listens:
            return Why(words=tr("Not subscribed; it listens now. It listened to"), names=reason.triggers)
        return Why(words=tr("Not subscribed. It listened to"), names=reason.triggers)
    if reason.outcome is Outcome.other_tenant:
        return Why(words=tr("It takes only events of the tenant"), names=(reason.tenant or "",))
    said = f": {reason.detail[:1].lower()}{reason.detail[1:]}" if reason.detail else ""
    words = {
        Outcome.filtered: f"{tr('Left out by its filter')}{said}",
        Outcome.disabled: f"{_signed(tr('Disabled'), reason, now, zone)}{said}",
        Outcome.deleted: _signed(tr("Deleted"), reason, now, zone),
        Outcome.created_later: _at(tr("Created later"), reason.since, now, zone),
        Outcome.about: tr("The event tells of this very webhook, and none hears of itself"),
    }
    unknown = tr(
        "It listened to {trigger}, but no delivery is on record: it was changed at the same moment", trigger=trigger
    )
    return Why(words=words.get(reason.outcome, unknown))


def _signed(words: str, reason: Reason, now: datetime, zone: ZoneInfo) -> str:
    by = tr("{done} by {person}", done=words, person=reason.by) if reason.by else words
    return _at(by, reason.since, now, zone)


def _at(words: str, moment: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    return f"{words}, {formats.day_and_time(moment, now, zone)}" if moment else words
