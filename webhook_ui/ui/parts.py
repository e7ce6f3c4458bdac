"""Small pieces that show something: text, pills, tags, times, page headers. No data access, no input.

Foreign text only ever becomes a text node or a prop's value here, never markup, template or style.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from webhook_ui.times import utcnow
from webhook_ui.ui import formats, icons

Status = Literal[
    "sent",
    "error",
    "pending",
    "enabled",
    "disabled",
    "paused",
    "failing",
    "held",
    "not_sent",
    "none",
    "running",
    "scheduled",
    "done",
    "cancelled",
    "cancelling",
    "all_failed",
    "some_failed",
]

_STATUS: dict[str, tuple[str, str, str]] = {
    "sent": ("sent", icons.SENT, "Sent"),
    "error": ("error", icons.ERROR, "Error"),
    "pending": ("pending", icons.PENDING, "Pending"),
    "enabled": ("on", icons.ENABLED, "Enabled"),
    "disabled": ("idle", icons.DISABLED, "Disabled"),
    "paused": ("idle", icons.PAUSED, "Paused"),
    "failing": ("error", icons.ERROR, "Failing"),
    "held": ("idle", icons.PAUSED, "Held"),
    "not_sent": ("idle", icons.DISABLED, "Not sent"),
    "none": ("idle", icons.UNUSED, "No deliveries yet"),
    "running": ("pending", icons.REDELIVER, "Running"),
    "scheduled": ("idle", icons.DATE, "Scheduled"),
    "done": ("sent", icons.SENT, "Done"),
    "cancelled": ("idle", icons.CANCELLED, "Cancelled"),
    "all_failed": ("error", icons.ERROR, "All failed"),
    "some_failed": ("error", icons.ERROR, "Some failed"),
    "cancelling": ("pending", icons.CANCELLED, "Cancelling"),
}


class Text(TextElement):
    """Any HTML element that holds nothing but text; `set_text` changes it."""

    def __init__(self, tag: str, text: str, classes: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)


class Part:
    """A place that is filled anew only when what it shows has changed, so that nobody's place in it is lost."""

    def __init__(self, element: ui.element, build: Callable[..., Any]) -> None:
        self.element = element
        self._build = build
        self._shown: tuple[Any, ...] | None = None

    def show(self, *values: Any) -> None:
        """Calls `build(*values)` inside the place, if they are others than before."""
        if values == self._shown:
            return
        self._shown = values
        self.element.clear()
        with self.element:
            self._build(*values)


def box(tag: str = "div", classes: str = "", *, label: str = "") -> ui.element:
    """A plain element to put others in; `label` is what a screen reader calls it."""
    element = ui.element(tag).classes(classes)
    if label:
        element.props["aria-label"] = label
    return element


def text(content: str, classes: str = "", *, tag: str = "span") -> Text:
    """Our own words."""
    return Text(tag, content, classes)


def foreign(content: str, classes: str = "", *, cut: bool = True) -> Text:
    """Words of others (titles, names): kept apart from the direction of what surrounds them; one line when `cut`."""
    element = Text("bdi", content, f"w-cut {classes}" if cut else f"w-break {classes}")
    element.props["dir"] = "auto"
    if cut:
        element.props["title"] = content
    return element


def mono(content: str, classes: str = "", *, cut: bool = False) -> Text:
    """Code, ids, names of triggers, URLs; one line with the whole in the title when `cut`."""
    element = Text("span", content, f"w-mono {'w-cut ' if cut else ''}{classes}")
    element.props["dir"] = "ltr"
    if cut:
        element.props["title"] = content
    return element


def prose(content: str, classes: str = "", *, tag: str = "p") -> ui.element:
    """A sentence in which `backticks` mark code."""
    with box(tag, classes) as paragraph:
        for index, part in enumerate(content.split("`")):
            if part:
                Text("span", part, "w-mono" if index % 2 else "")
    return paragraph


def symbol(icon: str, classes: str = "") -> ui.icon:
    """An icon that only repeats what words beside it say."""
    return ui.icon(icon).classes(f"w-icon {classes}")


def status_pill(status: Status) -> ui.element:
    """Colour, icon and word."""
    look, icon, word = _STATUS[status]
    with box("span", f"w-pill w-pill-{look}") as pill:
        symbol(icon)
        text(word)
    return pill


def tag(name: str) -> Text:
    """A trigger's name."""
    return Text("span", name, "w-tag")


def time_text(
    moment: datetime,
    zone: ZoneInfo,
    *,
    now: datetime | None = None,
    prefix: str = "",
    shown: str | None = None,
    past: str = "",
) -> Text:
    """`<time>`: relative, and counted on by the browser, with the exact moment in the title.

    `shown` replaces the relative text and stays as it is; `past` replaces it as soon as the moment has come.
    """
    now = now or utcnow()
    counted = past if past and moment <= now else prefix + formats.when(moment, now, zone)
    element = Text("time", shown or counted, "w-nowrap")
    element.props["datetime"] = moment.isoformat()
    element.props["title"] = formats.precise(moment, zone)
    if shown is None:
        element.props["data-at"] = str(int(moment.timestamp() * 1000))
        element.props["data-prefix"] = prefix
        element.props["data-past"] = past
    return element


@contextmanager
def page_header(
    title: str, *, note: str = "", own: bool = True, crumb: tuple[str, str] | None = None, here: str = ""
) -> Iterator[Text]:
    """The page's h1; what is built inside the `with` stands at its right. `own=False` for a title others chose.

    Below 600 px the title stands in the top bar (with a `crumb`, the way back does) and, of the actions, the one
    with the class `w-lead`.
    """
    with box("header", "w-head w-head-sub" if crumb else "w-head"):
        with box("div", "w-head-title"):
            if crumb:
                with box("nav", "w-crumb", label="Breadcrumb"):
                    link(crumb[0], crumb[1])
                    if here:
                        text(f" / {here}")
            with box("div", "w-row w-head-line"):
                heading = text(title, tag="h1") if own else foreign(title)
                if not own:
                    heading.props["role"] = "heading"
                    heading.props["aria-level"] = "1"
                    heading.classes("w-h1")
                if note:
                    text(note, "w-muted w-head-note")
        with box("div", "w-acts"):
            yield heading


def link(label: str, path: str, classes: str = "") -> Text:
    """To a page of the dashboard; `path` starts with `/`."""
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"not a path of the dashboard: {path!r}")
    element = Text("a", label, classes)
    element.props["href"] = path
    return element


def key_values(pairs: Sequence[tuple[str, str]], *, code: bool = False) -> ui.element:
    """Names left, values right; values in mono when `code`."""
    with box("dl", "w-kv") as listing:
        for name, value in pairs:
            text(name, tag="dt")
            with box("dd"):
                mono(value, "w-break") if code else foreign(value, cut=False)
    return listing
