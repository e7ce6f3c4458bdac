"""Attempts over time as bars, sent above the line and errors below it, from which a window of time is chosen.

Built from numbers alone; mouse and keys are heard in `static/log.js`, which says the numbers of the bars.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui.languages import mark, tr
from webhook_ui.ui import formats
from webhook_ui.ui.attempt_counts import SCALES, Bar, Scale
from webhook_ui.ui.controls import Choices, button
from webhook_ui.ui.markup import Markup, element, joined
from webhook_ui.ui.parts import Part, box, dress, text
from webhook_ui.ui.written import Written

HEIGHT = 100  # of the drawing, which is stretched to its place
BAR = "w-hist-bar-"  # begins the ids of the bars; a page has one picture
GROUP = 8  # bars that are written as one: most often only the last ones have changed
LEAST = 0.22  # of the height, for the smaller side
HALVED = 0.45  # of the height, from which on the upper side has room for the figure of its half
STEPS = (1, 2, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Bars and what is drawn of them, for every tab that shows them."""

    bars: Sequence[Bar]
    groups: Sequence[Markup]

    @classmethod
    def of(cls, bars: Sequence[Bar], zone: ZoneInfo) -> "Picture":
        """Draws it, in the language that is spoken."""
        drawn = draw(bars, zone)
        return cls(bars=bars, groups=[joined(drawn[start : start + GROUP]) for start in range(0, len(drawn), GROUP)])


class Histogram:
    """`on_pick(since, until)` hears the chosen window, two None when it is taken back; `on_scale` another scale."""

    def __init__(
        self,
        scale: str,
        zone: ZoneInfo,
        *,
        on_pick: Callable[[datetime | None, datetime | None], Any],
        on_scale: Callable[[str], Any],
    ) -> None:
        self._zone, self._on_pick = zone, on_pick
        self._bars: Sequence[Bar] = ()
        self._scale = SCALES[scale]
        self._window: tuple[datetime | None, datetime | None] = (None, None)
        with box("section", "w-box w-hist", label=tr("Attempts over time")) as self.element:
            with box("div", "w-hist-head"):
                with box("div", "w-hist-title"):
                    self._title = text("", tag="h2")
                    self._note = text("", "w-meta")
                self._legend = Part(box("div", "w-row w-hist-legend"), _show_legend)
                self._all = text(tr("all attempts"), "w-meta")
                self._all.props["title"] = tr("Of the filters below, only Webhook applies to the bars.")
                options = [(key, one.name, None) for key, one in SCALES.items()]
                self._choices = Choices(tr("How far back"), options, scale, on_scale)
                self._opener = button(tr("Table"), self._turn_table, kind="quiet", small=True)
                self._opener.props["aria-expanded"] = "false"
            self._build_plot()
            self._table = box("div", "w-holder w-hist-table", label=tr("Attempts over time, as a table"))
            self._table.props["role"] = "region"
            self._table.props["tabindex"] = "0"  # it scrolls
        self._name()

    def _build_plot(self) -> None:
        with box("div", "w-hist-body"):
            self._marks = Part(box("div", "w-hist-marks"), _show_marks)
            self._marks.element.props["aria-hidden"] = "true"
            with box("div", "w-hist-plot", label=tr("Attempts, bar by bar")) as self._plot:
                self._build_drawing()
                self._chosen = box("div", "w-hist-window")
            props = self._plot.props
            props["role"] = "listbox"
            props["aria-multiselectable"] = "true"
            props["tabindex"] = "0"
            props["title"] = tr("Click a bar or drag over several; with the keyboard arrows, Shift and Enter")
            self._plot.on("pick", self._picked, js_handler="event => emit(event.detail)")
            self._times = Part(box("div", "w-hist-times"), _show_times)
            self._times.element.props["aria-hidden"] = "true"
        self._chosen.set_visibility(False)
        self._all.set_visibility(False)

    def _build_drawing(self) -> None:
        self._groups: list[Written] = []
        with box("svg", "w-hist-drawing") as self._drawing:
            dress(self._drawing, role="presentation", preserveAspectRatio="none")
            self._line = box("rect", "w-hist-line")
            dress(self._line, x="0", height=".5")

    def say_all(self, said: bool) -> None:
        """Whether it says beside the figures that they count all attempts, whatever else is filtered."""
        self._all.set_visibility(said)

    def scale(self, scale: str) -> None:
        """Marks another scale; its bars come by `show`."""
        self._scale = SCALES[scale]
        self._choices.value = scale
        self._name()

    def show(self, picture: Picture) -> None:
        """Shows these bars, if they are others than before."""
        bars = picture.bars
        if bars == self._bars:
            return
        self._bars = bars
        self._draw(picture)
        self._legend.show(sum(bar.sent for bar in bars), _errors(bars))
        self._marks.show(marks(bars))
        self._times.show(bars[0].since, bars[-1].until, self._scale, self._zone)
        self.mark(*self._window)
        if self._opener.props["aria-expanded"] == "true":
            self._fill_table()

    def _draw(self, picture: Picture) -> None:
        """Changes what has to be; numbers of bars change with the scale only."""
        count = len(picture.bars)
        self._plot.props["data-bars"] = str(count)
        self._drawing.props["viewBox"] = f"0 0 {count} {HEIGHT}"
        self._line.props["width"] = str(count)
        self._line.props["y"] = f"{HEIGHT * extent(picture.bars)[2]:.2f}"
        for group in self._groups[len(picture.groups) :]:
            group.delete()
        with self._drawing:
            self._groups += [Written("g") for _ in picture.groups[len(self._groups) :]]
        del self._groups[len(picture.groups) :]
        for group, content in zip(self._groups, picture.groups, strict=True):
            group.write(content)

    def mark(self, since: datetime | None, until: datetime | None) -> None:
        """Shows which window of time is in force."""
        self._window = (since, until)
        bars = self._bars
        if not bars or not (since or until):
            self._chosen.set_visibility(False)
            return
        start, end = bars[0].since, bars[-1].until
        left = max(since or start, start)
        right = min(until or end, end)
        self._chosen.set_visibility(left < right)
        if left < right:
            whole = (end - start).total_seconds()
            share = [100 * (moment - start).total_seconds() / whole for moment in (left, right)]
            self._chosen.style(f"left:{share[0]:.3f}%;width:{share[1] - share[0]:.3f}%")

    def _name(self) -> None:
        self._title.set_text(tr(self._scale.title))
        self._note.set_text(tr("{zone}, {span} a bar", zone=self._zone.key, span=self._scale.unit))

    def _picked(self, event: Any) -> Any:
        """`12-15` from the browser: the first and the last bar; empty to take it back."""
        first, _, last = str(event.args or "").partition("-")
        if not first:
            return self._on_pick(None, None)
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last) < len(self._bars)):
            return None
        return self._on_pick(self._bars[int(first)].since, self._bars[int(last)].until)

    def _turn_table(self) -> None:
        opened = self._opener.props["aria-expanded"] == "true"
        self._opener.props["aria-expanded"] = "false" if opened else "true"
        self._table.clear()
        if not opened:
            self._fill_table()

    def _fill_table(self) -> None:
        self._table.clear()
        filled = [bar for bar in reversed(self._bars) if bar.sent or bar.error]
        with self._table:
            if not filled:
                text(tr("No attempts in this time."), "w-muted", tag="p")
                return
            with box("table", "w-hist-figures", label=tr("Attempts over time")):
                with box("thead"), box("tr"):
                    for title in (tr("Time"), tr("Sent"), tr("Error")):
                        text(title, tag="th").props["scope"] = "col"
                with box("tbody"):
                    for bar in filled:
                        with box("tr"):
                            text(span_words(bar, self._zone), tag="td")
                            text(formats.count(bar.sent), tag="td")
                            text(formats.count(bar.error), tag="td")


def _show_legend(sent: int, errors: int) -> None:
    for name, look, count in ((mark("Sent"), "sent", sent), (mark("Error"), "error", errors)):
        with box("span", "w-row w-hist-key"):
            box("span", f"w-hist-swatch w-hist-{look}").props["aria-hidden"] = "true"
            text(f"{tr(name)} {formats.count(count)}")


def _show_marks(shown: Sequence[tuple[int, float]]) -> None:
    for value, share in shown:
        text(formats.count(value), "w-meta").style(f"top:{share * 100:.2f}%")


def _show_times(start: datetime, end: datetime, scale: Scale, zone: ZoneInfo) -> None:
    for number in range(5):
        text(_short(start + (end - start) * number / 4, scale, zone), "w-meta")


def draw(bars: Sequence[Bar], zone: ZoneInfo) -> list[Markup]:
    """Each bar as SVG: an option with its figures in words."""
    top, bottom, share = extent(bars)
    line = HEIGHT * share
    above, below = line / top if top else 0, (HEIGHT - line) / bottom if bottom else 0
    drawn = []
    for number, bar in enumerate(bars):
        up = max(bar.sent * above, 1.5) if bar.sent else 0
        down = max(bar.error * below, 1.5) if bar.error else 0
        # not the words of the statuses, which name the options of a filter
        words = tr(
            "{span}: {sent} arrived, {errors} failed",
            span=span_words(bar, zone),
            sent=formats.count(bar.sent),
            errors=formats.count(bar.error),
        )
        drawn.append(
            element(
                "g",
                element("title", words),
                _rect("hist-hit", number, 0, 1, HEIGHT),
                _rect("bar-sent", number + 0.08, line - up, 0.84, up),
                _rect("bar-error", number + 0.08, line, 0.84, down),
                role="option",
                aria_selected="false",
                id=f"{BAR}{number}",
                aria_label=words,
            )
        )
    return drawn


def _rect(look: str, x: float, y: float, width: float, height: float) -> Markup:
    sizes = {"x": x, "y": y, "width": width, "height": height}
    return element("rect", classes=f"w-{look}", **{name: f"{size:.5g}" for name, size in sizes.items()})


def extent(bars: Sequence[Bar]) -> tuple[int, int, float]:
    """The figure at the top, the one at the bottom, and how far down the line between them lies."""
    top = _round_up(max((bar.sent for bar in bars), default=0))
    bottom = _round_up(max((bar.error for bar in bars), default=0))
    if not bottom:
        return top or 1, 0, 0.98
    if not top:
        return 0, bottom, 0.02
    return top, bottom, min(max(top / (top + bottom), LEAST), 1 - LEAST)


def marks(bars: Sequence[Bar]) -> list[tuple[int, float]]:
    """Figures beside the drawing, each with how far down it stands: far enough apart to be read."""
    top, bottom, line = extent(bars)
    half = top // 2 if top % 2 == 0 and line >= HALVED else 0
    places = ((top, 0.0), (half, line / 2), (0, line), (bottom, 1.0))
    return [(value, share) for value, share in places if value or share == line]


def span_words(bar: Bar, zone: ZoneInfo) -> str:
    """'23 Nov 2026, 14:30 – 14:45'."""
    return f"{formats.absolute(bar.since, zone)} – {formats.clock(bar.until, zone, seconds=False)}"


def _errors(bars: Sequence[Bar]) -> int:
    return sum(bar.error for bar in bars)


def _round_up(count: int) -> int:
    """The next figure that looks like one: 7 is 8, 47 is 60, 1,130 is 1,500."""
    if not count:
        return 0
    unit: int = 10 ** max(len(str(count)) - 2, 0)
    return next(step * unit for step in STEPS if step * unit >= count)


def _short(moment: datetime, scale: Scale, zone: ZoneInfo) -> str:
    if scale.bar.total_seconds() < 3600:
        return formats.clock(moment, zone, seconds=False)
    return formats.short_day(moment.astimezone(zone).date())
