"""Why a webhook got an event or not, in words. Pure: now and zone are passed in."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.history.trace import Group, TraceRow
from webhook_ui.history.trace_reasons import Outcome, Reason
from webhook_ui.languages import tr
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.parts import Status

PILLS: dict[Group, Status] = {
    Group.sent: "sent",
    Group.error: "error",
    Group.pending: "pending",
    Group.missed: "not_sent",
    Group.not_subscribed: "not_sent",
}
_ORDINALS = ("", "first", "second", "third")
_SWITCHES = {"paused": "paused", "disabled": "disabled"}


@dataclass(frozen=True, kw_only=True)
class Why:
    """A sentence, what of it others have written (`names`, in code), and when it is tried again.

    `fault` is a second sentence, about a filter that failed.
    """

    words: str
    names: tuple[str, ...] = ()
    error: bool = False
    next_at: datetime | None = None
    fault: str = ""


def heading(group: Group, count: int, trigger: str) -> str:
    """'5 webhooks got it'."""
    number, one = formats.count(count), count == 1
    if group is Group.sent:
        return f"{formats.counted(count, 'webhook')} got it"
    if group is Group.error:
        return f"{number} {'has' if one else 'have'} not got it"
    if group is Group.pending:
        return f"{number} {'waits' if one else 'wait'} for it"
    if group is Group.missed:
        return f"{number} did not get it"
    return f"{number} did not listen to {trigger}"


def why(row: TraceRow, trigger: str, now: datetime, zone: ZoneInfo) -> Why:
    """Of one webhook."""
    if row.delivery is not None:
        found = _delivered(row.delivery, row.reason, now, zone)
        fault = row.reason.fault
        told = tr("Not left out, as its filter could not be evaluated: {fault}", fault=fault) if fault else ""
        return replace(found, fault=told)
    return _missed(row.reason, trigger, now, zone)


def _delivered(row: DeliveryRow, reason: Reason, now: datetime, zone: ZoneInfo) -> Why:
    if row.status == "sent":
        if row.last_response_status is None or row.last_duration_ms is None:
            return Why(words=delivery_words.result(row, now, zone))
        ordinal = _ORDINALS[row.tries] if 0 < row.tries < len(_ORDINALS) else ""
        which = f"{ordinal} attempt" if ordinal else f"attempt {row.tries}"
        return Why(words=f"{row.last_response_status} in {formats.duration(row.last_duration_ms)}, {which}")
    if row.waiting_for in _SWITCHES:
        return Why(words=f"Held: {_SWITCHES[row.waiting_for]}{_by(reason)}{_at(reason.since, now, zone)}")
    if row.status == "pending":
        return Why(words=delivery_words.waits(row, now, zone))
    cause, _ = delivery_words.cause_and_hint(delivery_words.result(row, now, zone))
    tries = f", {formats.counted(row.tries, 'attempt')}" if row.tries else ""
    coming = delivery_words.next_attempt(row, now)
    return Why(words=f"{cause}{tries}{', given up' if coming.over else ''}", error=True, next_at=coming.at)


def _missed(reason: Reason, trigger: str, now: datetime, zone: ZoneInfo) -> Why:
    if reason.outcome is Outcome.not_subscribed:
        now_too = "; it listens now" if reason.listens else ""
        return Why(words=f"Not subscribed{now_too}. It listened to", names=reason.triggers)
    if reason.outcome is Outcome.other_tenant:
        return Why(words="It takes only events of the tenant", names=(reason.tenant or "",))
    if reason.outcome is Outcome.filtered:
        return Why(words=tr("Filtered out by"), names=(reason.detail or "",))
    said = f": {reason.detail[:1].lower()}{reason.detail[1:]}" if reason.detail else ""
    who, at = _by(reason), _at(reason.since, now, zone)
    words = {
        Outcome.disabled: f"Disabled{who}{at}{said}",
        Outcome.deleted: f"Deleted{who}{at}",
        Outcome.created_later: f"Created later{at}",
        Outcome.about: "The event tells of this very webhook, and none hears of itself",
    }
    unknown = f"It listened to {trigger}, but no delivery is on record: it was changed at the same moment"
    return Why(words=words.get(reason.outcome, unknown))


def _by(reason: Reason) -> str:
    return f" by {reason.by}" if reason.by else ""


def _at(moment: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    return f", {formats.day_and_time(moment, now, zone)}" if moment else ""
