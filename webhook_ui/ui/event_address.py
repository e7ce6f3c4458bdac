"""Addresses of the event list and of one event: what they ask for, read, judged and written. Pure."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from webhook_ui import ids
from webhook_ui.history.events import EventFilter
from webhook_ui.history.trace import Group
from webhook_ui.indexed_fields import IndexedFields
from webhook_ui.languages import tr
from webhook_ui.ui.list_address import clean, midnight, read_day, written_day

PATH = "/events"
MOST_FIELDS = 5
EXAMPLE = "evt_01KB4N8Q5Z7M2"

_NAMES = {"first": "from", "last": "to"}  # those that Python or a reader would mistake
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_CONDITION = re.compile(r'([^\s="]+)\s*=\s*(?:"([^"]*)"|([^\s"]+))\s*')


@dataclass(frozen=True, kw_only=True)
class Question:
    """What an address of the list asks for; `first` and `last` are days as somebody typed them.

    `start` is the number of the first row behind `cursor`.
    """

    q: str = ""
    trigger: str = ""
    tenant: str = ""
    first: str = ""
    last: str = ""
    tz: str = ""
    cursor: str = ""
    start: int = 1

    @classmethod
    def read(cls, address: str) -> Self:
        """What cannot be meant is left open; days stay as they are, to be explained."""
        given = _query(address)
        cursor = given.get("cursor", "")
        return cls(
            q=given.get("q", ""),
            trigger=given.get("trigger", ""),
            tenant=given.get("tenant", ""),
            first=written_day(given.get("from", "")),
            last=written_day(given.get("to", "")),
            tz=given.get("tz", ""),
            cursor=cursor,
            start=_number(given.get("start", "")) if cursor else 1,
        )

    def text(self) -> str:
        """As a link within the dashboard."""
        values = [(_NAMES.get(name, name), str(value)) for name, value in vars(self).items()]
        return _write(PATH, [(name, value) for name, value in values if (name, value) != ("start", "1")])

    def with_changes(self, **changes: Any) -> Self:
        """The same from the first page on, with `changes`."""
        return replace(self, **{"cursor": "", "start": 1, **changes})

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.q or self.trigger or self.tenant or self.first or self.last)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question as it was understood; a day that was not is explained and left out of `criteria`.

    With a `problem`, the search cannot be answered; `unknown` are fields it asks for that are not indexed.
    """

    criteria: EventFilter
    first: date | None = None
    last: date | None = None
    first_problem: str | None = None
    last_problem: str | None = None
    problem: str | None = None
    unknown: tuple[str, ...] = ()


def judge(question: Question, zone: ZoneInfo, indexed: IndexedFields) -> Judged:
    """Both days are inclusive, as they pass in `zone`."""
    first, first_problem = read_day(question.first)
    last, last_problem = read_day(question.last)
    if first and last and last < first:
        last, last_problem = None, tr("To lies before From ({day}).", day=first.isoformat())
    event_id, fields, problem = read_search(question.q)
    known = indexed.paths_of(question.trigger) if question.trigger else indexed.paths
    criteria = EventFilter(
        event_id=event_id,
        trigger=question.trigger or None,
        tenant=question.tenant or None,
        since=midnight(first, zone) if first else None,
        until=midnight(last, zone, days=1) if last else None,
        fields=fields,
    )
    return Judged(
        criteria=criteria,
        first=first,
        last=last,
        first_problem=first_problem,
        last_problem=last_problem,
        problem=problem,
        unknown=tuple(dict.fromkeys(path for path, _ in fields if path not in known)),
    )


def read_search(q: str) -> tuple[int | None, tuple[tuple[str, str], ...], str | None]:
    """The event, or the fields and values, that the search names; or what is wrong with it."""
    if not q:
        return None, (), None
    if q.startswith("evt_"):
        try:
            return ids.event_number(q), (), None
        except ValueError:
            return (
                None,
                (),
                tr("An event's id looks like `{example}`, with 13 characters after `evt_`.", example=EXAMPLE),
            )
    fields, place = [], 0
    while found := _CONDITION.match(q, place):
        fields.append((found[1], found[3] if found[2] is None else found[2]))
        place = found.end()
    if place < len(q):
        return (
            None,
            (),
            (
                tr(
                    "Search for an event's id (`evt_…`) or for a value in the payload: `customer.id=42`, or "
                    '`customer.name="Zoë Park"` where it has blanks. Several must all fit.'
                )
            ),
        )
    if len(fields) > MOST_FIELDS:
        return None, (), tr("At most {count} values can be asked for at once.", count=MOST_FIELDS)
    return None, tuple(dict.fromkeys(fields)), None


@dataclass(frozen=True, kw_only=True)
class EventAddress:
    """Which event, which part of its trace, which delivery is open. Without a `group`, the beginnings of all."""

    event_id: str
    q: str = ""
    group: str = ""
    cursor: str = ""
    start: int = 1
    delivery: str = ""

    @classmethod
    def read(cls, event_id: str, address: str) -> Self:
        """What makes no sense is left out."""
        given = _query(address)
        group = given.get("group", "")
        known = group in list(Group)
        cursor = given.get("cursor", "") if known else ""
        return cls(
            event_id=event_id,
            q=given.get("q", ""),
            group=group if known else "",
            cursor=cursor if _NUMBER.fullmatch(cursor) else "",
            start=_number(given.get("start", "")) if cursor else 1,
            delivery=given.get("delivery", ""),
        )

    def text(self) -> str:
        """As a link within the dashboard."""
        values = [(name, str(value)) for name, value in vars(self).items() if name != "event_id"]
        return _write(f"{PATH}/{self.event_id}", [one for one in values if one != ("start", "1")])


def _query(address: str) -> dict[str, str]:
    try:
        given = dict(parse_qsl(urlsplit(address).query, max_num_fields=50))
    except ValueError:
        return {}
    return {name: clean(value) for name, value in given.items()}


def _write(path: str, values: list[tuple[str, str]]) -> str:
    written = urlencode([(name, value) for name, value in values if value])
    return f"{path}?{written}" if written else path


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 1
