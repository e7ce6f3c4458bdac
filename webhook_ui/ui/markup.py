"""Rows of lists as markup, put together by `element`, the one place that escapes: what is not `Markup` is text.

A page of fifty rows would else be more than a thousand elements of the server's. Nothing else makes `Markup`; `Written`
shows it. Names of elements, classes and attributes are ours, never words of others; links lead to the dashboard only.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from string import Formatter
from zoneinfo import ZoneInfo

from webhook_ui.times import utcnow
from webhook_ui.ui import formats
from webhook_ui.ui.root import whole


class Markup(str):
    """What a browser may read as HTML."""

    __slots__ = ()


NOTHING = Markup("")


def element(tag: str, *content: str, classes: str = "", **attributes: str | None) -> Markup:
    """`<tag …>content</tag>`. In names of attributes `_` stands for `-`; None leaves one out."""
    named = {"class": classes or None, **attributes}
    head = "".join(
        f' {name.strip("_").replace("_", "-")}="{escape(value)}"' for name, value in named.items() if value is not None
    )
    inside = "".join(piece if isinstance(piece, Markup) else escape(piece) for piece in content)
    return Markup(f"<{tag}{head}>{inside}</{tag}>")


def joined(pieces: Iterable[Markup]) -> Markup:
    """One after the other."""
    return Markup("".join(pieces))


def words(content: str, classes: str = "", *, title: str | None = None) -> Markup:
    """A piece of text with a look of its own."""
    return element("span", content, classes=classes, title=title)


def foreign(content: str, classes: str = "") -> Markup:
    """Words of others, in one line: kept apart from the direction of what surrounds them."""
    return element("bdi", content, classes=f"w-cut {classes}".strip(), dir="auto", title=content)


def mono(content: str, classes: str = "") -> Markup:
    """Code, ids, names of triggers, URLs, in one line."""
    return element("span", content, classes=f"w-mono w-cut {classes}".strip(), dir="ltr", title=content)


def link(path: str, *content: str, classes: str = "", **attributes: str | None) -> Markup:
    """To a page of the dashboard; `path` starts with `/`."""
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"not a path of the dashboard: {path!r}")
    return element("a", *content, classes=classes, href=whole(path), **attributes)


def symbol(icon: str, classes: str = "") -> Markup:
    """An icon that only repeats what words beside it say, drawn as Quasar draws it."""
    drawing = element("svg", element("path", d=icon), viewBox="0 0 24 24")
    return element("i", drawing, classes=f"q-icon w-icon {classes}".strip(), aria_hidden="true")


def pill(look: str, icon: str, word: str) -> Markup:
    """Colour, icon and word."""
    return element("span", symbol(icon), words(word), classes=f"w-pill w-pill-{look}")


def press(does: str, *content: str, classes: str, **attributes: str | None) -> Markup:
    """A button; `written.hear` tells the server that `does` was asked for, and in which row."""
    return element("button", *content, classes=classes, type="button", data_do=does, **attributes)


def row_button(does: str, label: str, icon: str) -> Markup:
    """The button with words that stands at the end of a row."""
    return press(does, symbol(icon), words(label), classes="w-btn w-way w-quiet w-small")


def moment(
    at: datetime,
    zone: ZoneInfo,
    classes: str = "",
    *,
    now: datetime | None = None,
    prefix: str = "",
    shown: str | None = None,
    past: str = "",
) -> Markup:
    """`<time>` as `parts.time_text` says it."""
    shown, attributes = time_face(at, zone, now=now, prefix=prefix, shown=shown, past=past)
    return element("time", shown, classes=f"w-nowrap {classes}".strip(), **attributes)


def time_face(
    moment: datetime,
    zone: ZoneInfo,
    *,
    now: datetime | None = None,
    prefix: str = "",
    shown: str | None = None,
    past: str = "",
) -> tuple[str, dict[str, str]]:
    """The text and the attributes of a `<time>`: relative, and counted on by the browser, the exact one in the title.

    `shown` replaces the relative text and stays as it is; `past` replaces it as soon as the moment has come.
    """
    now = now or utcnow()
    exact = {"datetime": moment.isoformat(), "title": formats.precise(moment, zone)}
    if shown is not None:
        return shown, exact
    counted = past if past and moment <= now else prefix + formats.when(moment, now, zone)
    return counted, {**exact, "data_at": str(int(moment.timestamp() * 1000)), "data_prefix": prefix, "data_past": past}


def sentence(pattern: str, **pieces: Markup) -> Markup:
    """A sentence with markup at its `{names}`: their order is the language's."""
    made: list[Markup] = []
    for before, name, _, _ in Formatter().parse(pattern):
        made += [words(before)] if before else []
        made += [pieces[name]] if name else []
    return joined(made)
