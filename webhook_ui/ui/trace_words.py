"""Why a webhook got an event or not, in words. Pure: now and zone are passed in."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from webhook_ui.explain import said
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.history.trace import Group, TraceRow
from webhook_ui.history.trace_reasons import Outcome, Reason
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.parts import Status

PILLS: dict[Group, Status] = {
    Group.sent: "sent",
    Group.error: "error",
    Group.pending: "pending",
    Group.missed: "not_sent",
    Group.not_subscribed: "not_sent",
}
_ORDINALS = ("", mark("first attempt"), mark("second attempt"), mark("third attempt"))
_SWITCHES = {"paused": mark("Held: paused{by}{at}"), "disabled": mark("Held: disabled{by}{at}")}
_BORN = {
    "paused": mark("Held: paused since it was created{by}{at}"),
    "disabled": mark("Held: disabled since it was created{by}{at}"),
}


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
    number = formats.count(count)
    if group is Group.sent:
        return trn("{n} webhook got it", "{n} webhooks got it", count, n=number)
    if group is Group.error:
        return trn("{n} has not got it", "{n} have not got it", count, n=number)
    if group is Group.pending:
        return trn("{n} waits for it", "{n} wait for it", count, n=number)
    if group is Group.missed:
        return trn("{n} did not get it", "{n} did not get it", count, n=number)
    return trn("{n} did not listen to {trigger}", "{n} did not listen to {trigger}", count, n=number, trigger=trigger)


def why(row: TraceRow, trigger: str, now: datetime, zone: ZoneInfo) -> Why:
    """Of one webhook."""
    if row.delivery is not None:
        found = _delivered(row.delivery, row.reason, now, zone)
        fault = row.reason.fault
        told = tr("Not left out, as its filter could not be evaluated: {fault}", fault=said(fault)) if fault else ""
        return replace(found, fault=told)
    return _missed(row.reason, trigger, now, zone)


def _delivered(row: DeliveryRow, reason: Reason, now: datetime, zone: ZoneInfo) -> Why:
    if row.status == "sent":
        if row.last_response_status is None or row.last_duration_ms is None:
            return Why(words=delivery_words.result(row, now, zone))
        ordinal = _ORDINALS[row.tries] if 0 < row.tries < len(_ORDINALS) else ""
        which = tr(ordinal) if ordinal else tr("attempt {number}", number=row.tries)
        return Why(
            words=tr(
                "{status} in {duration}, {attempt}",
                status=row.last_response_status,
                duration=formats.duration(row.last_duration_ms),
                attempt=which,
            )
        )
    if row.waiting_for in _SWITCHES:
        switch = (_BORN if reason.born else _SWITCHES)[row.waiting_for]
        return Why(words=tr(switch, by=_by(reason), at=_at(reason.since, now, zone)))
    if row.status == "pending":
        return Why(words=delivery_words.waits(row, now, zone))
    cause, _ = delivery_words.cause_and_hint(delivery_words.result(row, now, zone))
    coming = delivery_words.next_attempt(row, now)
    words = [cause.rstrip(".")]
    if row.tries:
        words.append(trn("{n} attempt", "{n} attempts", row.tries, n=formats.count(row.tries)))
    if coming.over:
        words.append(tr("given up"))
    return Why(words=", ".join(words), error=True, next_at=coming.at)


def _missed(reason: Reason, trigger: str, now: datetime, zone: ZoneInfo) -> Why:
    if reason.outcome is Outcome.not_subscribed:
        words = (
            tr("Not subscribed; it listens now. It listened to")
            if reason.listens
            else tr("Not subscribed. It listened to")
        )
        return Why(words=words, names=reason.triggers)
    if reason.outcome is Outcome.other_tenant:
        return Why(words=tr("It takes only events of the tenant"), names=(reason.tenant or "",))
    if reason.outcome is Outcome.filtered:
        return Why(words=tr("Filtered out by"), names=(reason.detail or "",))
    detail = said(reason.detail or "")
    because = f": {detail[:1].lower()}{detail[1:]}" if detail else ""
    who, at = _by(reason), _at(reason.since, now, zone)
    born = tr("Disabled since it was created{by}{at}", by=who, at=at)
    said_of = {
        Outcome.disabled: born if reason.born else tr("Disabled{by}{at}{said}", by=who, at=at, said=because),
        Outcome.deleted: tr("Deleted{by}{at}", by=who, at=at),
        Outcome.created_later: tr("Created later{at}", at=at),
        Outcome.about: tr("The event tells of this very webhook, and none hears of itself"),
    }
    unknown = tr(
        "It listened to {trigger}, but no delivery is on record: it was changed at the same moment", trigger=trigger
    )
    return Why(words=said_of.get(reason.outcome, unknown))


def _by(reason: Reason) -> str:
    return tr(" by {actor}", actor=name_of(reason.by)) if reason.by else ""


def _at(moment: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    return f", {formats.day_and_time(moment, now, zone)}" if moment else ""
