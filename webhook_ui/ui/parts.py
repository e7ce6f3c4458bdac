"""Small pieces that show something: text, pills, tags, times, page headers. No data access, no input.

Foreign text only ever becomes a text node or a prop's value here, never markup, template or style.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from string import Formatter
from typing import Any, Literal
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.languages import mark, tr
from webhook_ui.ui import icons, late_presses, markup
from webhook_ui.ui.root import whole

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
    "sent": ("sent", icons.SENT, mark("Sent")),
    "error": ("error", icons.ERROR, mark("Error")),
    "pending": ("pending", icons.PENDING, mark("Pending")),
    "enabled": ("on", icons.ENABLED, mark("Enabled")),
    "disabled": ("idle", icons.DISABLED, mark("Disabled")),
    "paused": ("idle", icons.PAUSED, mark("Paused")),
    "failing": ("error", icons.ERROR, mark("Failing")),
    "held": ("idle", icons.PAUSED, mark("Held")),
    "not_sent": ("idle", icons.DISABLED, mark("Not sent")),
    "none": ("idle", icons.UNUSED, mark("No deliveries yet")),
    "running": ("pending", icons.REDELIVER, mark("Running")),
    "scheduled": ("idle", icons.DATE, mark("Scheduled")),
    "done": ("sent", icons.SENT, mark("Done")),
    "cancelled": ("idle", icons.CANCELLED, mark("Cancelled")),
    "all_failed": ("error", icons.ERROR, mark("All failed")),
    "some_failed": ("error", icons.ERROR, mark("Some failed")),
    "cancelling": ("pending", icons.CANCELLED, mark("Cancelling")),
}


class Text(ui.element):
    """Any HTML element that holds nothing but text; `set_text` changes it.

    Lists consist of these: it leaves out what NiceGUI's own text elements can be bound to, which costs a third of each.
    """

    def __init__(self, tag: str, text: str, classes: str = "", **props: str) -> None:
        super().__init__(tag)
        self._text = text
        dress(self, classes, **props)

    def set_text(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.update()


def dress(element: ui.element, classes: str = "", **props: str) -> None:
    """What a new element begins with: nobody has seen it yet, so that nobody need be told of each change.

    In names of props `_` stands for `-`.
    """
    if classes:
        list.extend(element.classes, classes.split())
    for name, value in props.items():
        dict.__setitem__(element.props, name.replace("_", "-"), value)


def focus(element: ui.element) -> None:
    """The keyboard goes there."""
    ui.run_javascript(f"getHtmlElement({element.id})?.focus()")


def focus_instead(*elements: ui.element) -> None:
    """The keyboard goes to the first of them that is seen, once it stands nowhere: what it stood on is going away."""
    found = ", ".join(f"getHtmlElement({element.id})" for element in elements)
    ui.run_javascript(f"webhookUi.standOn({found})")


class Part:
    """A place that is filled anew only when what it shows has changed, so that nobody's place in it is lost."""

    def __init__(self, element: ui.element, build: Callable[..., Any]) -> None:
        self.element = element
        dress(element, data_part="true")  # `static/focus.js` keeps the focus in it
        self._build = build
        self._shown: tuple[Any, ...] | None = None

    def show(self, *values: Any) -> None:
        """Calls `build(*values)` inside the place, if they are others than before."""
        if values == self._shown:
            return
        self._shown = values
        late_presses.clear(self.element)
        with self.element:
            self._build(*values)


class Scenes:
    """What may stand in one place, one at a time, each built when it is first shown.

    The others are hidden, not taken away: a press on one may be on its way.
    """

    def __init__(self, builders: Mapping[str, Callable[..., Any]]) -> None:
        self._parts = {name: Part(box("div", "w-scene"), build) for name, build in builders.items()}

    def play(self, scene: str, *values: Any) -> None:
        """Shows this one, as `Part.show` does."""
        self._parts[scene].show(*values)
        for name, part in self._parts.items():
            part.element.set_visibility(name == scene)


def box(tag: str = "div", classes: str = "", *, label: str = "") -> ui.element:
    """A plain element to put others in; `label` is what a screen reader calls it."""
    element = ui.element(tag)
    dress(element, classes, **{"aria-label": label} if label else {})
    return element


def text(content: str, classes: str = "", *, tag: str = "span") -> Text:
    """Our own words."""
    return Text(tag, content, classes)


def foreign(content: str, classes: str = "", *, cut: bool = True) -> Text:
    """Words of others (titles, names): kept apart from the direction of what surrounds them; one line when `cut`."""
    if cut:
        return Text("bdi", content, f"w-cut {classes}", dir="auto", title=content)
    return Text("bdi", content, f"w-break {classes}", dir="auto")


def mono(content: str, classes: str = "", *, cut: bool = False) -> Text:
    """Code, ids, names of triggers, URLs; one line with the whole in the title when `cut`."""
    if cut:
        return Text("span", content, f"w-mono w-cut {classes}", dir="ltr", title=content)
    return Text("span", content, f"w-mono {classes}", dir="ltr")


def prose(content: str, classes: str = "", *, tag: str = "p") -> ui.element:
    """A sentence in which `backticks` mark code."""
    with box(tag, classes) as paragraph:
        for index, part in enumerate(content.split("`")):
            if part:
                Text("span", part, "w-mono" if index % 2 else "")
    return paragraph


def symbol(icon: str, classes: str = "") -> ui.icon:
    """An icon that only repeats what words beside it say."""
    element = ui.icon(icon)
    dress(element, f"w-icon {classes}")
    return element


def status_pill(status: Status) -> ui.element:
    """Colour, icon and word."""
    look, icon, word = _STATUS[status]
    with box("span", f"w-pill w-pill-{look}") as pill:
        symbol(icon)
        text(tr(word))
    return pill


def written_pill(status: Status) -> markup.Markup:
    """The same, for a row that is written as a whole."""
    look, icon, word = _STATUS[status]
    return markup.pill(look, icon, tr(word))


def sentence(pattern: str, **pieces: str | int | Callable[[], object]) -> None:
    """A sentence whose `{names}` are words, or elements that a function builds: their order is the language's."""
    words = ""
    for before, name, _, _ in Formatter().parse(pattern):
        words += before
        piece = pieces[name] if name else ""
        if callable(piece):
            if words:
                text(words)
            words = ""
            piece()
        else:
            words += str(piece)
    if words:
        text(words)


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
    words, attributes = markup.time_face(moment, zone, now=now, prefix=prefix, shown=shown, past=past)
    return Text("time", words, "w-nowrap", **attributes)


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
                with box("nav", "w-crumb", label=tr("Breadcrumb")):
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
    return Text("a", label, classes, href=whole(path))


def key_values(pairs: Sequence[tuple[str, str]], *, code: bool = False) -> ui.element:
    """Names left, values right; values in mono when `code`."""
    with box("dl", "w-kv") as listing:
        for name, value in pairs:
            text(name, tag="dt")
            with box("dd"):
                mono(value, "w-break") if code else foreign(value, cut=False)
    return listing
