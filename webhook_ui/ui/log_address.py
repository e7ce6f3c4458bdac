"""What an address asks of a log of deliveries: read, judged, written and put into words. Pure.

The names in the query are those of the REST API, so that a link, a redelivery and a request say the same thing.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.deliveries import DeliveryFilter
from webhook_ui.languages import mark, tr
from webhook_ui.ui import formats
from webhook_ui.wire import ErrorClass

STATUSES = {
    "": mark("All"),
    "error": mark("Error"),
    "pending": mark("Pending"),
    "sent": mark("Sent"),
    "open": mark("Open"),
}
CAUSES = {
    "": mark("All"),
    "dns": mark("Name not found"),
    "connect": mark("No connection"),
    "tls": mark("TLS"),
    "timeout": mark("Timeout"),
    "blocked": mark("Blocked"),
    "protocol": mark("Invalid HTTP"),
    "http": mark("HTTP status"),
    "plugin": mark("Plugin"),
    "crash": mark("Crash"),
}
OPEN = "open"  # of the statuses the one that is two of them
SPANS = ("1h", "24h", "7d", "30d")
LONGEST = 200
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_STATUS = re.compile(r"[1-5][0-9]{2}")
_HOW = mark("Write it as 2026-03-02 or 2026-03-02 14:30.")


@dataclass(frozen=True, kw_only=True)
class LogAddress:
    """Which part of the log, which delivery is open, how far back the picture above goes; empty is left open.

    `first` and `last` are From and To as somebody typed them, or moments in UTC; `attempted_first` and `attempted_last`
    are moments in UTC between which an attempt began; `number` counts the first row.
    """

    status: str = ""
    trigger: str = ""
    webhook: str = ""
    cause: str = ""
    response: str = ""
    first: str = ""
    last: str = ""
    attempted_first: str = ""
    attempted_last: str = ""
    redelivery: str = ""
    tz: str = ""
    span: str = ""
    cursor: str = ""
    number: int = 1
    delivery: str = ""

    @classmethod
    def read(cls, path: str) -> Self:
        """From the path with its query. What makes no sense is left out; times stay as they are, to be explained."""
        query = read_query(path)
        status, number = query.get("status", ""), query.get("first", "")
        cause, span = query.get("error_class", ""), query.get("span", "")
        return cls(
            status=status if status in STATUSES else "",
            trigger=query.get("trigger", ""),
            webhook=query.get("webhook_id", "") if _NUMBER.fullmatch(query.get("webhook_id", "")) else "",
            cause=cause if cause in tuple(ErrorClass) else "",
            response=query.get("response_status", "") if _STATUS.fullmatch(query.get("response_status", "")) else "",
            first=query.get("from", ""),
            last=query.get("to", ""),
            attempted_first=_if_moment(query.get("attempted_from", "")),
            attempted_last=_if_moment(query.get("attempted_to", "")),
            redelivery=query.get("redelivery_id", "") if _NUMBER.fullmatch(query.get("redelivery_id", "")) else "",
            tz=query.get("tz", ""),
            span=span if span in SPANS else "",
            cursor=query.get("cursor", ""),
            number=int(number) if _NUMBER.fullmatch(number) else 1,
            delivery=query.get("delivery", ""),
        )

    def query(self) -> dict[str, str]:
        """Its part of an address."""
        timed = self.first or self.last
        named = {
            "status": self.status,
            "trigger": self.trigger,
            "webhook_id": self.webhook,
            "error_class": self.cause,
            "response_status": self.response,
            "from": self.first,
            "to": self.last,
            "attempted_from": self.attempted_first,
            "attempted_to": self.attempted_last,
            "redelivery_id": self.redelivery,
            "tz": self.tz if timed else "",
            "span": "" if self.span == "24h" else self.span,
            "cursor": self.cursor,
            "first": str(self.number) if self.cursor and self.number > 1 else "",
            "delivery": self.delivery,
        }
        return {name: value for name, value in named.items() if value}

    @property
    def part(self) -> "LogAddress":
        """What of it decides which rows there are."""
        return replace(self, span="", number=1, delivery="")

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered."""
        return replace(self.part, tz="", cursor="") != LogAddress()

    def asking(self, **changes: Any) -> "LogAddress":
        """The same from the first page on, nothing open, with `changes`."""
        return replace(self, **{"cursor": "", "number": 1, "delivery": "", **changes})

    def without_filters(self) -> "LogAddress":
        """The whole log, with the picture as it is."""
        return LogAddress(span=self.span)


def read_query(path: str) -> dict[str, str]:
    """The last value of each name in the query, without what no database could look for."""
    try:
        given = parse_qs(urlsplit(path).query, max_num_fields=50)
    except ValueError:
        return {}
    last = {name: texts[-1].strip() for name, texts in given.items()}
    return {name: text for name, text in last.items() if _is_clean(text)}


def write(path: str, query: Mapping[str, str]) -> str:
    """An address of the dashboard."""
    return f"{path}?{urlencode(query)}" if query else path


@dataclass(frozen=True, kw_only=True)
class JudgedLog:
    """A part of the log whose times were understood; one that was not is explained and left out of `criteria`."""

    criteria: DeliveryFilter
    first_problem: str | None = None
    last_problem: str | None = None


def judge(log: LogAddress, zone: ZoneInfo, webhook_id: int | None = None) -> JudgedLog:
    """From is inclusive; To is exclusive, but a day ends with its midnight; both by the clocks of `zone`."""
    since, first_problem = _moment(log.first, zone)
    until, last_problem = _moment(log.last, zone, end=True)
    if since and until and until <= since:
        until, last_problem = None, tr("To lies before From.")
    if webhook_id is None and log.webhook:
        webhook_id = int(log.webhook)
    attempted_since, attempted_until = (_moment(text, zone)[0] for text in (log.attempted_first, log.attempted_last))
    if attempted_since and attempted_until and attempted_until <= attempted_since:
        attempted_until = None
    criteria = DeliveryFilter(
        webhook_id=webhook_id,
        trigger=log.trigger or None,
        status=None if log.status in ("", OPEN) else log.status,
        open=log.status == OPEN,
        redelivery_id=int(log.redelivery) if log.redelivery else None,
        error_class=log.cause or None,
        response_status=int(log.response) if log.response else None,
        since=since,
        until=until,
        attempted_since=attempted_since,
        attempted_until=attempted_until,
    )
    return JudgedLog(criteria=criteria, first_problem=first_problem, last_problem=last_problem)


def read_moment(text: str, zone: ZoneInfo, *, end: bool = False) -> datetime | None:
    """The moment that was typed, None for nothing; a day is its first moment, or for `end` the first after it.

    Raises ValueError that says what is wrong with it.
    """
    typed = text.strip().replace("T", " ").replace("  ", " ")
    if not typed:
        return None
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", typed):
        day = formats.read_date(typed)
        return _at(day, time.min, zone, days=1 if end else 0) if day else None
    match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{1,2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]{1,6})?)?(Z)?", typed)
    if match is None:
        raise ValueError(tr(_HOW))
    day, clock = formats.read_date(match[1]), formats.read_clock(match[2])
    seconds = timedelta(seconds=float((match[3] or ":0")[1:]))
    return _at(day, clock, ZoneInfo("UTC") if match[4] else zone) + seconds if day else None


def shown_moment(text: str, zone: ZoneInfo) -> str:
    """From or To of an address as its field shows it: a moment in UTC by the clocks of `zone`."""
    if text.endswith("Z"):
        try:
            moment = read_moment(text, zone)
        except ValueError:
            moment = None
        if moment:
            return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return text.replace("T", " ")


def in_words(log: LogAddress, zone: ZoneInfo, webhook: str = "") -> str:
    """'status Error and trigger order.paid'."""
    words = [tr("status {name}", name=tr(STATUSES[log.status]))] if log.status else []
    words += [tr("trigger {name}", name=log.trigger)] if log.trigger else []
    words += [tr("webhook {name}", name=webhook or "#" + log.webhook)] if log.webhook else []
    words += [tr("cause {name}", name=tr(CAUSES[log.cause]))] if log.cause else []
    words += [tr("response {status}", status=log.response)] if log.response else []
    window = window_in_words(log, zone)
    words += [tr("time {window}", window=window)] if window else []
    attempted = attempts_in_words(log, zone)
    words += [tr("attempted {window}", window=attempted)] if attempted else []
    words += [tr("redelivery #{number}", number=log.redelivery)] if log.redelivery else []
    return formats.joined(words) if words else ""


def window_in_words(log: LogAddress, zone: ZoneInfo) -> str:
    """'23 Nov 2026, 09:00 – 14:30'; what was not understood is left out."""
    criteria = judge(log, zone).criteria
    return _span_in_words(criteria.since, criteria.until, zone)


def attempts_in_words(log: LogAddress, zone: ZoneInfo) -> str:
    """The same of the time in which something was attempted."""
    criteria = judge(log, zone).criteria
    return _span_in_words(criteria.attempted_since, criteria.attempted_until, zone)


def _span_in_words(since: datetime | None, until: datetime | None, zone: ZoneInfo) -> str:
    if since and until:
        same = since.astimezone(zone).date() == until.astimezone(zone).date()
        end = formats.clock(until, zone, seconds=False) if same else formats.absolute(until, zone)
        return f"{formats.absolute(since, zone)} – {end}"
    if since:
        return tr("since {moment}", moment=formats.absolute(since, zone))
    return tr("before {moment}", moment=formats.absolute(until, zone)) if until else ""


def scope_query(criteria: DeliveryFilter, **more: str) -> dict[str, str]:
    """The filter as a redelivery's scope, for an address; moments in UTC."""
    named = {
        "webhook_id": str(criteria.webhook_id or ""),
        "trigger": criteria.trigger or "",
        "error_class": criteria.error_class or "",
        "response_status": str(criteria.response_status or ""),
        "from": times.to_text(criteria.since) if criteria.since else "",
        "to": times.to_text(criteria.until) if criteria.until else "",
    }
    return {**more, **{name: value for name, value in named.items() if value}}


def _moment(text: str, zone: ZoneInfo, *, end: bool = False) -> tuple[datetime | None, str | None]:
    try:
        return read_moment(text, zone, end=end), None
    except ValueError as error:
        return None, str(error)


def _if_moment(text: str) -> str:
    """A moment in UTC as it stands, empty for anything else: no field shows it, so nothing could be explained."""
    return text if text.endswith("Z") and _moment(text, ZoneInfo("UTC"))[0] else ""


def _at(day: date, clock: time, zone: ZoneInfo, *, days: int = 0) -> datetime:
    # days that no stored moment can have are as good as the nearest one that has
    within = min(max(day, times.EARLIEST.date() + timedelta(days=2)), times.LATEST.date() - timedelta(days=3))
    return datetime.combine(within + timedelta(days=days), clock, tzinfo=zone).astimezone(UTC)


def _is_clean(text: str) -> bool:
    return len(text) <= LONGEST and not any(unicodedata.category(one) in ("Cc", "Cs") for one in text)
