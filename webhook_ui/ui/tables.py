"""Lists as semantic tables that become two or three lines a row below 600 px, and their pager. At most 50 rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from nicegui import context, ui

from webhook_ui.languages import mark, tr
from webhook_ui.ui import formats, icons, late_presses
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.markup import NOTHING, Markup, element, joined
from webhook_ui.ui.parts import box, foreign, text
from webhook_ui.ui.written import Written


@dataclass(frozen=True, kw_only=True)
class Column:
    """`key` is the class of its cells (`w-c-key`), by which `app.css` places them on narrow screens."""

    key: str
    title: str
    width: int | None = None
    figures: bool = False
    hidden_title: bool = False

    @property
    def classes(self) -> str:
        """Of its cells and its heading."""
        return f"w-c-{self.key} w-figures" if self.figures else f"w-c-{self.key}"


SELECT = Column(key="select", title=mark("Select"), width=40, hidden_title=True)
HOOKS = (
    Column(key="title", title=mark("Title and URL")),
    Column(key="state", title=mark("State"), width=116),
    Column(key="result", title=mark("Last result"), width=264),
    Column(key="spark", title=mark("Last 24 h"), width=136),
    Column(key="rate", title=mark("Success"), width=72, figures=True),
    Column(key="triggers", title=mark("Triggers"), width=132),
    Column(key="created", title=mark("Created"), width=140),
    Column(key="actions", title=mark("Actions"), width=44, hidden_title=True),
)
LOG = (
    Column(key="status", title=mark("Status"), width=104),
    Column(key="time", title=mark("Time"), width=104),
    Column(key="result", title=mark("Result")),
    Column(key="trigger", title=mark("Trigger"), width=148),
    Column(key="event", title=mark("Event"), width=148),
    Column(key="attempt", title=mark("Attempt"), width=76),
    Column(key="duration", title=mark("Duration"), width=84, figures=True),
    Column(key="next", title=mark("Next attempt"), width=124),
    Column(key="action", title=mark("Actions"), width=120, figures=True, hidden_title=True),
)
EVENTS = (
    Column(key="time", title=mark("Time"), width=116),
    Column(key="trigger", title=mark("Trigger"), width=168),
    Column(key="event", title=mark("Event"), width=156),
    Column(key="tenant", title=mark("Tenant"), width=112),
    Column(key="payload", title=mark("Payload")),
    Column(key="tally", title=mark("Deliveries"), width=288, figures=True),
)
WHOLE_LOG = tuple(
    Column(key="webhook", title=mark("Webhook"), width=200) if column.key == "event" else column for column in LOG
)
TRIGGERS = (
    Column(key="title", title=mark("Trigger")),
    Column(key="name", title=mark("Name")),
    Column(key="listeners", title=mark("Who listens"), width=150),
    Column(key="fired", title=mark("Last fired"), width=120),
    Column(key="count", title=mark("Last 24 h"), width=96, figures=True),
    Column(key="action", title=mark("Actions"), width=108, figures=True, hidden_title=True),
)

ACCOUNTS = (
    Column(key="email", title=mark("Email")),
    Column(key="role", title=mark("Role"), width=160),
    Column(key="state", title=mark("State"), width=160),
    Column(key="created", title=mark("Created"), width=160),
    Column(key="actions", title=mark("Actions"), width=56, hidden_title=True),
)
TOKENS = (
    Column(key="name", title=mark("Name")),
    Column(key="role", title=mark("Role"), width=120),
    Column(key="state", title=mark("State"), width=200),
    Column(key="created", title=mark("Created"), width=260),
    Column(key="action", title=mark("Actions"), width=112, figures=True, hidden_title=True),
)


PLANNED = (
    Column(key="state", title=mark("State"), width=116),
    Column(key="title", title=mark("Webhook")),
    Column(key="what", title=mark("What")),
    Column(key="pace", title=mark("Pace"), width=92),
    Column(key="schedule", title=mark("Schedule"), width=208),
    Column(key="next", title=mark("Next run"), width=148),
)
ENDED = (
    Column(key="state", title=mark("State"), width=116),
    Column(key="title", title=mark("Webhook")),
    Column(key="what", title=mark("What")),
    Column(key="by", title=mark("By"), width=176),
    Column(key="done", title=mark("Done"), width=136, figures=True),
    Column(key="next", title=mark("Last run"), width=148),
)
RUNS = (
    Column(key="state", title=mark("Result"), width=200),
    Column(key="title", title=mark("Began")),
    Column(key="took", title=mark("Took"), width=96),
    Column(key="done", title=mark("Done"), width=136, figures=True),
)


class Row:
    """One row; `with row.cell("title"):` fills a cell."""

    def __init__(self, columns: Sequence[Column], *, chosen: bool, on_click: Callable[[], Any] | None) -> None:
        self.element = box("tr", "w-chosen" if chosen else "")
        self._cells: dict[str, ui.element] = {}
        if on_click:
            self.element.classes("w-clickable").on("click", lambda _: on_click())
        with self.element:
            for column in columns:
                self._cells[column.key] = box("td", column.classes)

    def cell(self, key: str) -> ui.element:
        return self._cells[key]

    def choose(self, chosen: bool) -> None:
        mark_chosen(self.element, chosen)


def written_cells(columns: Sequence[Column], cells: Mapping[str, Markup]) -> Markup:
    """The cells of a row, by the keys of its columns."""
    return joined(element("td", cells.get(column.key, NOTHING), classes=column.classes) for column in columns)


class WrittenRow:
    """One row that is written as a whole, for long lists; a click anywhere in it is a click on its first link.

    `written.hear` on the table's body tells which `name` a button was pressed in.
    """

    def __init__(self, name: str) -> None:
        self.element = Written("tr", classes="w-clickable w-opens", data_row=name)

    def rename(self, name: str) -> None:
        """It stands for another one from now on."""
        self.element.props["data-row"] = name

    def write(self, cells: Markup) -> None:
        """What stands in it, by `written_cells`."""
        self.element.write(cells)

    def choose(self, chosen: bool) -> None:
        mark_chosen(self.element, chosen)


def mark_chosen(row: ui.element, chosen: bool) -> None:
    """Whether it is the one that is open, or among those that are selected."""
    if ("w-chosen" in row.classes) is not chosen:
        row.classes(add="w-chosen" if chosen else "", remove="" if chosen else "w-chosen")


Kind = Literal["hooks", "log", "events", "triggers", "plans", "runs", "people"]


class Table:
    """`kind` says how its rows become lines on narrow screens; rows go into `body`, or into what `group` opens."""

    def __init__(self, name: str, columns: Sequence[Column], kind: Kind) -> None:
        self.columns = columns
        with box("div", f"w-box w-table-box w-table-box-{kind}") as self.element:
            self.table = box("table", f"w-table w-table-{kind}", label=name)
        with self.table:
            with box("colgroup"):
                for column in columns:
                    made = box("col", f"w-c-{column.key}")
                    if column.width:
                        made.style(f"width:{int(column.width)}px")
            self.headings: dict[str, ui.element] = {}
            with box("thead"), box("tr"):
                for column in columns:
                    with box("th", column.classes) as heading:
                        text(tr(column.title), "w-hidden" if column.hidden_title else "")
                    heading.props["scope"] = "col"
                    self.headings[column.key] = heading
            self.body = box("tbody")

    def row(self, *, chosen: bool = False, on_click: Callable[[], Any] | None = None) -> Row:
        """In the body, or in the group that is open."""
        inside = context.slot.parent
        place = inside if inside.tag == "tbody" else self.body
        with place:
            return Row(self.columns, chosen=chosen, on_click=on_click)

    def written_row(self, name: str, instead_of: WrittenRow | None = None) -> WrittenRow:
        """In the body, or made of one that is no longer needed; `name` is what tells it from the others."""
        if instead_of is not None:
            instead_of.rename(name)
            return instead_of
        with self.body:
            return WrittenRow(name)

    def arrange(self, rows: Iterable[WrittenRow]) -> None:
        """In this order; all that are in the body."""
        children, wanted = self.body.default_slot.children, [row.element for row in rows]
        if children != wanted:
            children[:] = wanted
            self.body.update()

    def clear(self) -> None:
        late_presses.clear(self.body)

    @contextmanager
    def group(self, title: str, note: str = "") -> Iterator[None]:
        """A heading row; `row()` inside the `with` belongs to it."""
        with self.table, box("tbody"):
            with box("tr", "w-group"), box("th") as heading, box("span", "w-row"):
                foreign(title, "w-strong")
                if note:
                    text(note, "w-meta w-cut").props["title"] = note
            heading.props["colspan"] = str(len(self.columns))
            heading.props["scope"] = "rowgroup"
            yield


class Pager:
    """'1–50 of 847' with a step back and a step on; `show` renews it."""

    def __init__(self, on_back: Callable[[], Any], on_next: Callable[[], Any]) -> None:
        with box("nav", "w-pager", label=tr("Pages")) as self.element:
            self._range = text("", "w-meta")
            with box("span", "w-row w-end"):
                self.back = icon_button(icons.BACK, tr("Previous page"), on_back)
                self.next = icon_button(icons.NEXT, tr("Next page"), on_next)

    def show(self, first: int, last: int, total: int | None, *, back: bool, more: bool) -> None:
        """`total` is `None` where counting would cost too much."""
        span = f"{formats.count(first)}–{formats.count(last)}"
        if total is not None:
            span = tr("{span} of {total}", span=span, total=formats.count(total))
        self._range.set_text(span if last else tr("None"))
        self.back.set_enabled(back)
        self.next.set_enabled(more)
