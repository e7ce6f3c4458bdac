"""The address of the webhook list: what it asks for, read, judged, written and put into words. Pure."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.webhook_pages import Sorting
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter
from webhook_ui.languages import mark, tr
from webhook_ui.ui import formats

PATH = "/"
VIEWS = ("list", "card")
STATES = {
    "": mark("All"),
    "enabled": mark("Enabled"),
    "disabled": mark("Disabled"),
    "paused": mark("Paused"),
    "failing": mark("Failing"),
}
LASTS = {"": mark("All"), "sent": mark("Sent"), "error": mark("Error"), "none": mark("None yet")}
FAILING = ("first", "mixed")  # where failing ones stand
LONGEST = 200  # characters of a search, and of any other value
LAST_PAGE = 1_000_000

_NAMES = {"first": "from", "last": "to", "result": "last"}  # those that Python or a reader would mistake
_SORTS = {"created": mark("by creation date"), "updated": mark("by update date"), "id": mark("smart sorting, by ID")}
_ENDED = {"sent": mark("last result sent"), "error": mark("last result error"), "none": mark("without a result yet")}
_ENDS = {
    ("time", "desc"): mark("newest first"),
    ("time", "asc"): mark("oldest first"),
    ("id", "desc"): mark("highest first"),
    ("id", "asc"): mark("lowest first"),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What an address asks for; empty is what it leaves open. `first` and `last` are days as somebody typed them."""

    view: str = ""
    sort: str = ""
    order: str = ""
    q: str = ""
    first: str = ""
    last: str = ""
    tz: str = ""
    trigger: str = ""
    state: str = ""
    result: str = ""
    failing: str = ""
    page: int = 1

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.q or self.first or self.last or self.trigger or self.state or self.result)

    def with_changes(self, **changes: Any) -> "Question":
        """The same from the first page on, with `changes`."""
        return replace(self, **{"page": 1, **changes})

    def completed(self, other: "Question") -> "Question":
        """With the view and sorting of `other` where this leaves them open."""
        return replace(
            self,
            view=self.view or other.view,
            sort=self.sort or other.sort,
            order=self.order or other.order,
            failing=self.failing or other.failing,
        )

    def without_filters(self) -> "Question":
        """Everything, as it is sorted and shown now."""
        return Question(view=self.view, sort=self.sort, order=self.order, failing=self.failing)

    @property
    def sorting(self) -> Sorting:
        """How a completed question wants it sorted."""
        return Sorting(sort=Sort(self.sort), order=Order(self.order), failing_first=self.failing == "first")


def read_address(address: str) -> Question:
    """What `address` asks for. What cannot be meant is left open; days stay as they are, to be explained."""
    try:
        given = dict(parse_qsl(urlsplit(address).query, max_num_fields=50))
    except ValueError:
        given = {}
    values = {name: clean(value) for name, value in given.items()}
    page = values.get("page", "")
    return Question(
        view=_one_of(values.get("view"), VIEWS),
        sort=_one_of(values.get("sort"), tuple(Sort)),
        order=_one_of(values.get("order"), tuple(Order)),
        q=values.get("q", ""),
        first=written_day(values.get("from", "")),
        last=written_day(values.get("to", "")),
        tz=values.get("tz", ""),
        trigger=values.get("trigger", ""),
        state=_one_of(values.get("state"), tuple(STATES)),
        result=_one_of(values.get("last"), tuple(LASTS)),
        failing=_one_of(values.get("failing"), FAILING),
        page=min(max(int(page), 1), LAST_PAGE) if page.isascii() and page.isdigit() else 1,
    )


def write_address(question: Question) -> str:
    """The address that asks for exactly this."""
    values = [(_NAMES.get(name, name), value) for name, value in vars(question).items()]
    return f"{PATH}?{urlencode([(name, value) for name, value in values if value and (name, value) != ('page', 1)])}"


def is_here(address: str) -> bool:
    """Whether it is an address of this list."""
    return urlsplit(address).path in (PATH, "")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A question whose days were understood; one that was not is explained and left out of `criteria`."""

    criteria: WebhookFilter
    first: date | None = None
    last: date | None = None
    first_problem: str | None = None
    last_problem: str | None = None


def judge(question: Question, zone: ZoneInfo) -> Judged:
    """Both days are inclusive, as they pass in `zone`."""
    first, first_problem = read_day(question.first)
    last, last_problem = read_day(question.last)
    if first and last and last < first:
        last, last_problem = None, tr("To lies before From ({day}).", day=first.isoformat())
    criteria = WebhookFilter(
        created_from=midnight(first, zone) if first else None,
        created_to=midnight(last, zone, days=1) if last else None,
        q=question.q or None,
        trigger=question.trigger or None,
        enabled={"enabled": True, "paused": True, "disabled": False}.get(question.state),
        paused={"enabled": False, "paused": True}.get(question.state),
        failing=question.state == "failing",
        last=question.result or None,
    )
    return Judged(criteria=criteria, first=first, last=last, first_problem=first_problem, last_problem=last_problem)


def filters_in_words(judged: Judged, zone: str = "") -> str:
    """'enabled, with “bill” in title or URL, created 1 Aug 2025 – 23 Nov 2026'; `zone` is said where it is given."""
    criteria, first, last = judged.criteria, judged.first, judged.last
    parts = []
    if criteria.failing:
        parts.append(tr("failing"))
    if criteria.enabled is not None:
        parts.append(tr("paused") if criteria.paused else tr("enabled") if criteria.enabled else tr("disabled"))
    if criteria.last:
        parts.append(tr(_ENDED[criteria.last]))
    if criteria.trigger:
        parts.append(tr("that hear of {trigger}", trigger=criteria.trigger))
    if criteria.q:
        parts.append(tr("with “{words}” in title or URL", words=criteria.q))
    if first and last and first == last:
        parts.append(tr("created on {day}", day=formats.day(first)))
    elif first and last:
        parts.append(tr("created {first} – {last}", first=formats.day(first), last=formats.day(last)))
    elif first:
        parts.append(tr("created since {day}", day=formats.day(first)))
    elif last:
        parts.append(tr("created until {day}", day=formats.day(last)))
    if zone and (first or last):
        parts[-1] += f" ({zone})"
    return ", ".join(parts)


def sorting_in_words(sort: str, order: str, failing: str = "") -> str:
    """'by update date, newest first', 'failing first, then by update date, newest first'."""
    words = f"{tr(_SORTS[sort])}, {tr(_ENDS['id' if sort == 'id' else 'time', order])}"
    return tr("failing first, then {sorting}", sorting=words) if failing == "first" else words


def _one_of(value: str | None, known: tuple[str, ...]) -> str:
    return value if value in known else ""


def clean(value: str) -> str:
    """A value of an address as a database could look for it."""
    # control characters and lone surrogates are nothing a database could look for
    kept = "".join(character for character in value if unicodedata.category(character) not in ("Cc", "Cs"))
    return kept.strip()[:LONGEST]


def read_day(typed: str) -> tuple[date | None, str | None]:
    """The day, or what is wrong with it."""
    try:
        return formats.read_date(typed), None
    except ValueError as error:
        return None, str(error)


def written_day(typed: str) -> str:
    """A day in the one way addresses write it; what is none stays, to be explained."""
    day, _ = read_day(typed)
    return day.isoformat() if day else typed


def midnight(day: date, zone: ZoneInfo, *, days: int = 0) -> datetime:
    """When the day begins in `zone`, or so many days later."""
    # days that no stored moment can have are as good as the nearest one that has
    within = min(max(day, times.EARLIEST.date() + timedelta(days=2)), times.LATEST.date() - timedelta(days=3))
    return datetime.combine(within + timedelta(days=days), time.min, tzinfo=zone).astimezone(UTC)
