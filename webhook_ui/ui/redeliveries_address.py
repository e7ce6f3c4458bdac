"""The address of the page Redeliveries: which part of the list, which plan is open, which order is being made. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.redeliverable import Redeliverable
from webhook_ui.ui import formats
from webhook_ui.ui.webhook_more import write_rate

PATH = "/redeliveries"
KINDS = ("redeliver", "cancel")
SCOPE = ("webhook_id", "trigger", "tenant", "status", "error_class", "response_status", "from", "to", "within")
WHEN = ("rate", "at", "cron", "timezone")
LONGEST = 200
MOST_FIELDS = 150  # a scope names up to a hundred webhooks
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")

Kind = Literal["redeliver", "cancel"]


@dataclass(frozen=True, kw_only=True)
class Address:
    """What stands in the query; what makes no sense is left out. `scope` is as it was typed, by the fields' names, with
    how fast and when.

    Several webhooks stand in it with commas between them, in the query each by itself: `webhook_id=3&webhook_id=9`.
    """

    cursor: str = ""
    first: int = 1
    plan: int | None = None
    new: Kind | None = None
    scope: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str) -> Self:
        """From the path with its query."""
        try:
            given = parse_qs(urlsplit(path).query, max_num_fields=MOST_FIELDS)
        except ValueError:
            given = {}
        last = {name: texts[-1].strip() for name, texts in given.items()}
        # what no database could look for (NUL, half characters) is as good as left out
        query = {name: text for name, text in last.items() if text.isprintable() and 0 < len(text) <= LONGEST}
        webhooks = [text.strip() for text in given.get("webhook_id", ())]
        if named := [text for text in dict.fromkeys(webhooks) if text.isprintable() and 0 < len(text) <= LONGEST]:
            query["webhook_id"] = ",".join(named)
        new: Any = query.get("new")
        first = query.get("first", "")
        return cls(
            cursor=query.get("cursor", ""),
            first=int(first) if _NUMBER.fullmatch(first) else 1,
            plan=read_number(query.get("plan", "")),
            new=new if new in KINDS else None,
            scope={name: query[name] for name in (*SCOPE, *WHEN) if name in query} if new in KINDS else {},
        )

    def text(self) -> str:
        """As a link within the dashboard."""
        query = {
            "cursor": self.cursor,
            "first": str(self.first) if self.cursor and self.first > 1 else "",
            "plan": str(self.plan or ""),
            "new": self.new or "",
            **({name: _apart(name, text) for name, text in self.scope.items()} if self.new else {}),
        }
        written = urlencode({name: text for name, text in query.items() if text}, doseq=True)
        return PATH + (f"?{written}" if written else "")


def order_address(kind: Kind, **scope: Any) -> str:
    """The way for other pages to the form, filled in: `order_address("cancel", webhook_id=7)`."""
    return Address(new=kind, scope={name: str(value) for name, value in scope.items() if value is not None}).text()


def failed_address(failed: Redeliverable) -> str:
    """The way to the form that sends these again."""
    since = times.to_text(failed.since) if failed.since else None
    return order_address("redeliver", webhook_id=failed.webhook_id, status="error", **{"from": since})


def failed_count(failed: Redeliverable) -> str:
    """'806', '1 000+'."""
    return formats.count(failed.count) + ("" if failed.exactly else "+")


def write_scope(values: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a scope, and how fast and when, as an address carries them."""
    several = values.get("webhook_ids")
    given = {"webhook_id": ",".join(str(number) for number in several), **values} if several else values
    return {name: _write(given[name]) for name in (*SCOPE, *WHEN) if given.get(name) not in (None, "")}


def _write(value: Any) -> str:
    if isinstance(value, datetime):
        return times.to_text(value)
    return write_rate(value) if isinstance(value, float) else str(value)


def typed_moment(day: str, clock: str) -> str:
    """A day and a time of it, as they were typed, for an address."""
    return f"{day}T{clock}" if clock and len(day) == 10 else day


def split_webhooks(text: str) -> list[str]:
    """The webhooks that `webhook_id` of a scope names, as they were typed."""
    return [one for part in text.split(",") if (one := part.strip())]


def _apart(name: str, text: str) -> str | list[str]:
    return split_webhooks(text) if name == "webhook_id" else text


def read_number(text: str) -> int | None:
    """The number of a plan or a webhook; None for what is none."""
    return int(text) if _NUMBER.fullmatch(text) else None


def read_moment(text: str, zone: ZoneInfo, *, end: bool = False) -> datetime | None:
    """A moment in an address: RFC 3339, or without a zone by the clocks of `zone`; a bare day is its beginning.

    At the `end` of a window a bare day is meant whole. None for what is none.
    """
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
        if day is not None:
            moment = datetime.combine(day + timedelta(days=1 if end else 0), time.min, zone)
        else:
            moment = datetime.fromisoformat(text)
        return times.check(moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
