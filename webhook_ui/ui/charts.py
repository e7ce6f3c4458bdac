"""Pictures of numbers: the sparkline, the overview strip and the time line of attempts. Built from numbers alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nicegui import ui

from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import icons
from webhook_ui.ui.markup import Markup, element
from webhook_ui.ui.parts import Text, box, link, symbol, text
from webhook_ui.ui.root import whole

BARS = 24


def sparkline(sent: Sequence[int], errors: Sequence[int], *, small: bool = False) -> Markup:
    """Sent above the line, errors below it, a hairline where nothing was sent; the last bar is the present hour."""
    width, height = (120, 28) if small else (216, 32)
    drawing = element(
        "svg",
        *_bars(sent, errors, width, height),
        classes="w-spark",
        viewBox=f"0 0 {width} {height}",
        width=str(width),
        height=str(height),
        role="img",
        aria_label=_in_words(sum(sent), sum(errors)),
    )
    return element("span", drawing, classes="w-spark-box")


def _in_words(sent: int, errors: int) -> str:
    parts = [trn("{n} sent", "{n} sent", sent)] if sent else []
    parts += [trn("{n} error", "{n} errors", errors)] if errors else []
    if not parts:
        return tr("Last 24 hours: nothing sent")
    return tr("Last 24 hours: {figures}", figures=", ".join(parts))


def _bars(sent: Sequence[int], errors: Sequence[int], width: int, height: int) -> list[Markup]:
    line = round(height * 0.69)  # sent has two thirds of the height
    above, below = line, height - line - 1
    tallest = max([*sent, 1])
    deepest = max([*errors, tallest / 2])  # a few among many stay small
    step, bar = width / BARS, width / BARS - (1.5 if width < 200 else 2)
    drawn: dict[str, list[str]] = {"sent": [], "error": [], "none": []}
    for index in range(BARS):
        x = index * step
        good, bad = int(sent[index]), int(errors[index])
        if good:
            tall = max(2.0, above * good / tallest)
            drawn["sent"].append(_bar(x, line - tall, bar, tall))
        if bad:
            deep = max(3.0, below * bad / deepest)
            drawn["error"].append(_bar(x, line + 1, bar, deep))
        if not good and not bad:
            drawn["none"].append(_bar(x, line - 1, bar, 1))
    return [element("path", classes=f"w-bar-{look}", d="".join(bars)) for look, bars in drawn.items() if bars]


def _bar(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the overview strip; `path` leads to what it counts."""

    title: str
    value: str
    note: str = ""
    trouble: bool = False
    path: str = ""


class FigureStrip:
    """Up to six figures in a row, three by two below 1280 px; `show` renews them in place."""

    def __init__(self, figures: Sequence[Figure], *, name: str = mark("Overview")) -> None:
        self.element = box("section", "w-strip", label=tr(name))
        self._figures: Sequence[Figure] = ()
        self._places: list[_FigurePlace] = []
        self.show(figures)

    def show(self, figures: Sequence[Figure]) -> None:
        if figures == self._figures:
            return
        for index, figure in enumerate(figures):
            self._place(index, figure).show(figure)  # in place, so that who stands on it keeps the focus
        self._figures = figures

    def _place(self, index: int, figure: Figure) -> "_FigurePlace":
        """The place of a figure: another one only if it has begun to lead somewhere, or no longer does."""
        known = self._places[index] if index < len(self._places) else None
        if known is not None and known.leads == bool(figure.path):
            return known
        with self.element:
            made = _FigurePlace(figure)
        if known is None:
            self._places.append(made)
        else:
            made.element.move(target_index=index)
            known.element.delete()
            self._places[index] = made
        return made


class _FigurePlace:
    """One figure on the strip."""

    def __init__(self, figure: Figure) -> None:
        self.leads = bool(figure.path)
        with link("", figure.path) if figure.path else box() as self.element:
            self._title = text("", "w-meta")
            with box("span", "w-figure") as self._line:
                self._value = text("")
                self._note = text("", "w-meta", tag="small")

    def show(self, figure: Figure) -> None:
        if figure.path:
            self.element.props["href"] = whole(figure.path)
        self._title.set_text(figure.title)
        self._line.classes(add="w-error-ink" if figure.trouble else "", remove="" if figure.trouble else "w-error-ink")
        self._value.set_text(figure.value)
        self._note.set_text(figure.note)
        self._note.set_visibility(bool(figure.note))


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One attempt on the time line: past (`sent`, `error`), under way (`pending`) or planned."""

    state: Literal["sent", "error", "pending", "planned"]
    time: str
    title: str
    number: int
    result: str = ""
    note: str = ""
    chosen: bool = False


_MARKS = {"sent": icons.SENT, "error": icons.ERROR, "pending": icons.PENDING, "planned": icons.UNUSED}
_WORDS = {"sent": mark("Sent"), "error": mark("Error"), "pending": mark("Pending"), "planned": mark("Planned")}


def time_line(
    moments: Sequence[Moment], on_choose: Callable[[int], Any] | None = None, *, name: str = ""
) -> ui.element:
    """Past attempts with icon, result and duration; planned ones hollow, on a dashed line."""
    with box("ol", "w-line", label=name or tr("Attempts")) as listing:
        for moment in moments:
            with box("li", f"w-line-{moment.state}") as item:
                if moment.chosen:
                    item.props["aria-current"] = "true"
                symbol(_MARKS[moment.state], "w-line-mark")
                _moment(moment, on_choose)
    return listing


def _moment(moment: Moment, on_choose: Callable[[int], Any] | None) -> None:
    choose = on_choose if moment.state != "planned" else None
    with box("button" if choose else "div", "w-line-body") as body:
        if choose:
            body.props["type"] = "button"
            body.on("click", lambda _: choose(moment.number))
        with box("span", "w-row"):
            time = Text("time", moment.time, "" if moment.state == "planned" else "w-medium")
            time.props["title"] = moment.title
            text(tr(_WORDS[moment.state]), "w-hidden")
            text(f"#{moment.number}", "w-meta w-end")
        with box("span", "w-line-result"):
            if moment.result:
                text(moment.result, "w-error-ink" if moment.state == "error" else "")
            if moment.note:
                text(f"· {moment.note}" if moment.result else moment.note, "w-muted")
