"""Attempts over time as bars, sent above the line and errors below it, from which a window of time is chosen.

Built from numbers alone; mouse and keys are heard in `static/log.js`, which says the numbers of the bars.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.languages import mark, tr
from webhook_ui.ui import formats
from webhook_ui.ui.attempt_counts import SCALES, Bar, Scale
from webhook_ui.ui.controls import Choices, button
from webhook_ui.ui.parts import box, text

HEIGHT = 100  # of the drawing, which is stretched to its place
HERE = "[here]"  # no word of ours has brackets; stands for what is the place's own
LEAST = 0.22  # of the height, for the smaller side
HALVED = 0.45  # of the height, from which on the upper side has room for the figure of its half
STEPS = (1, 2, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Bars and what is drawn of them, for every tab that shows them."""

    bars: Sequence[Bar]
    drawing: str  # in which ids begin with `HERE`

    @classmethod
    def of(cls, bars: Sequence[Bar], zone: ZoneInfo) -> "Picture":
        """Draws it, in the language that is spoken."""
        return cls(bars=bars, drawing=draw(bars, zone, HERE))


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
                self._legend = box("div", "w-row w-hist-legend")
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
            self._marks = box("div", "w-hist-marks")
            self._marks.props["aria-hidden"] = "true"
            with box("div", "w-hist-plot", label=tr("Attempts, bar by bar")) as self._plot:
                self._drawing = ui.html("", sanitize=False, tag="span").classes("w-hist-drawing")
                self._chosen = box("div", "w-hist-window")
            props = self._plot.props
            props["role"] = "listbox"
            props["aria-multiselectable"] = "true"
            props["tabindex"] = "0"
            props["title"] = tr("Click a bar or drag over several; with the keyboard arrows, Shift and Enter")
            self._plot.on("pick", self._picked, js_handler="event => emit(event.detail)")
            self._times = box("div", "w-hist-times")
            self._times.props["aria-hidden"] = "true"
        self._chosen.set_visibility(False)
        self._all.set_visibility(False)

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
        self._plot.props["data-bars"] = str(len(bars))
        self._drawing.set_content(picture.drawing.replace(HERE, f"{self._plot.html_id}-"))
        self._legend.clear()
        with self._legend:
            for name, look, count in (
                (mark("Sent"), "sent", sum(b.sent for b in bars)),
                (mark("Error"), "error", _errors(bars)),
            ):
                with box("span", "w-row w-hist-key"):
                    box("span", f"w-hist-swatch w-hist-{look}").props["aria-hidden"] = "true"
                    text(f"{tr(name)} {formats.count(count)}")
        self._show_marks()
        self.mark(*self._window)
        if self._opener.props["aria-expanded"] == "true":
            self._fill_table()

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

    def _show_marks(self) -> None:
        self._marks.clear()
        self._times.clear()
        with self._marks:
            for value, share in marks(self._bars):
                text(formats.count(value), "w-meta").style(f"top:{share * 100:.2f}%")
        with self._times:
            for number in range(5):
                moment = self._bars[0].since + (self._bars[-1].until - self._bars[0].since) * number / 4
                text(_short(moment, self._scale, self._zone), "w-meta")

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


def draw(bars: Sequence[Bar], zone: ZoneInfo, prefix: str) -> str:
    """The bars as SVG; each is an option with its figures in words, and an id that begins with `prefix`."""
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
            f'<g role="option" aria-selected="false" id="{prefix}{number}" aria-label="{words}"><title>{words}</title>'
            f'<rect class="w-hist-hit" x="{number}" y="0" width="1" height="{HEIGHT}"/>'
            f'<rect class="w-bar-sent" x="{number + 0.08:.2f}" y="{line - up:.2f}" width=".84" height="{up:.2f}"/>'
            f'<rect class="w-bar-error" x="{number + 0.08:.2f}" y="{line:.2f}" width=".84" height="{down:.2f}"/></g>'
        )
    return (
        f'<svg role="presentation" viewBox="0 0 {len(bars)} {HEIGHT}" preserveAspectRatio="none">'
        f'<rect class="w-hist-line" x="0" y="{line:.2f}" width="{len(bars)}" height=".5"/>{"".join(drawn)}</svg>'
    )


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
