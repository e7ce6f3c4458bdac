"""Charts with axes: bars over time above and below a line, and lines told apart by dash. Built from numbers alone.

The drawing stretches with its place, the labels beside it do not. Nothing of a user ever comes in here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nicegui import ui

from webhook_ui.ui import formats
from webhook_ui.ui.markup import element, link

WIDTH, HEIGHT = 1000, 152  # of the drawing; only its height is in pixels
LEAST = 30.0  # pixels for the smaller side, so that it can be seen
APART = 14.0  # pixels between two labels
_STEPS = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)

Tick = tuple[float, str]  # where, as a part of the width, and what stands there


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line, named at its end; `look` is the class that gives it its dash. Where nothing is known it is broken."""

    name: str
    look: str
    values: Sequence[float | None]


def bars_over_time(
    sent: Sequence[int],
    errors: Sequence[int],
    *,
    hints: Sequence[str],
    ways: Sequence[str],
    ticks: Sequence[Tick],
    name: str,
) -> ui.element:
    """Sent above the line, errors below it; `hints` are the titles of the spans, `ways` where some lead."""
    tallest, deepest = ceiling(max(sent, default=0)), ceiling(max(errors, default=0))
    line = _share(tallest, deepest)
    above, below = line / max(tallest, 1), (HEIGHT - line) / max(deepest, 1)
    step = WIDTH / max(len(sent), 1)
    drawn = [_level(0 if tallest else line), _level(line), _level(HEIGHT) if deepest else ""]
    for index, (good, bad) in enumerate(zip(sent, errors, strict=True)):
        x, wide = index * step + step * 0.08, step * 0.84
        drawn.append(_bar("w-bar-sent", x, line, wide, -max(good * above, 2.0)) if good else "")
        drawn.append(_bar("w-bar-error", x, line, wide, max(bad * below, 2.0)) if bad else "")
    labels = [(0.0, formats.count(int(tallest)))] if tallest else []
    labels += [(line / 2, formats.count(int(tallest) // 2))] if tallest % 2 == 0 and line > 4 * APART else []
    labels += [(line, "0")]
    labels += [(float(HEIGHT), formats.count(int(deepest)))] if deepest else []
    return _plot("".join(drawn) + _hints(hints, ways), labels, ticks, [], name, leads=any(ways))


def lines_over_time(
    lines: Sequence[Line],
    *,
    hints: Sequence[str],
    ticks: Sequence[Tick],
    write: Callable[[float], str],
    name: str,
) -> ui.element:
    """`write` puts a value of the axis into words."""
    top = ceiling(max((value for line in lines for value in line.values if value is not None), default=0.0)) or 1.0
    step = WIDTH / max(len(hints), 1)

    def y(value: float) -> float:
        return HEIGHT - value / top * HEIGHT

    drawn = [_level(0), _level(HEIGHT / 2), _level(HEIGHT)]
    ends: list[tuple[float, str]] = []
    for line in lines:
        known = [value for value in line.values if value is not None]
        path, dots = line_and_dots([None if value is None else y(value) for value in line.values], step)
        drawn.append(f'<path class="w-plot-line {line.look}" d="{path}"/>')
        drawn.append(f'<path class="w-plot-line w-plot-dots {line.look}" d="{dots}"/>' if dots else "")
        ends += [(y(known[-1]), line.name)] if known else []
    labels = [(0.0, write(top)), (HEIGHT / 2, write(top / 2)), (float(HEIGHT), "0")]
    return _plot("".join(drawn) + _hints(hints), labels, ticks, spread(ends), name)


def ceiling(value: float) -> float:
    """The least round number that is not below `value`; half of it can be written in short, too."""
    if value <= 0:
        return 0.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))


def spread(ends: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Labels so far apart that they can be read, the lowest where it belongs if there is room."""
    placed = sorted(ends)
    heights = [y for y, _ in placed]
    if any(below - above < APART for above, below in pairwise(heights)):
        floor = HEIGHT + APART
        for index in reversed(range(len(heights))):
            heights[index] = floor = min(heights[index], floor - APART)
    return [(y, name) for y, (_, name) in zip(heights, placed, strict=True)]


def line_and_dots(heights: Sequence[float | None], step: float) -> tuple[str, str]:
    """Through the middle of each span; apart from that, a dot for each that stands alone."""
    line: list[str] = []
    dots: list[str] = []
    for index, (before, height, after) in enumerate(zip([None, *heights], heights, [*heights[1:], None], strict=False)):
        place = f"{(index + 0.5) * step:.1f} {height:.1f}" if height is not None else ""
        if place and before is None and after is None:
            dots.append(f"M{place}h.01")
        elif place:
            line.append(f"M{place}" if before is None else f"L{place}")
    return "".join(line), "".join(dots)


def _share(tallest: float, deepest: float) -> float:
    """How many pixels from the top the line lies: one scale for both sides, unless one of them would vanish."""
    if not deepest:
        return float(HEIGHT)
    if not tallest:
        return 0.0
    return min(max(HEIGHT * tallest / (tallest + deepest), LEAST), HEIGHT - LEAST)


def _bar(look: str, x: float, line: float, wide: float, tall: float) -> str:
    top = line + min(tall, 0.0)
    return f'<rect class="{look}" x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{abs(tall):.1f}"/>'


def _level(y: float) -> str:
    return f'<path class="w-plot-level" d="M0 {y:.1f}H{WIDTH}"/>'


def _hints(hints: Sequence[str], ways: Sequence[str] = ()) -> str:
    """One place a span that says what it is; of those that lead somewhere, arrows go from one to the next."""
    step, drawn, first = WIDTH / max(len(hints), 1), [], True
    for index, hint in enumerate(hints):
        place = element("rect", element("title", hint), classes="w-plot-hint", **_at(index * step, step))
        if index < len(ways) and ways[index]:
            place = link(ways[index], place, classes="w-plot-way", aria_label=hint, tabindex="0" if first else "-1")
            first = False
        drawn.append(place)
    return "".join(drawn)


def _at(x: float, width: float) -> dict[str, str]:
    return {"x": f"{x:.1f}", "y": "0", "width": f"{width:.1f}", "height": str(HEIGHT)}


def _plot(
    drawn: str,
    labels: Sequence[tuple[float, str]],
    ticks: Sequence[Tick],
    ends: Sequence[tuple[float, str]],
    name: str,
    *,
    leads: bool = False,
) -> ui.element:
    hidden = "" if leads else ' aria-hidden="true"'
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"{hidden}>{drawn}</svg>'
    marks = [f'<span class="w-plot-y" style="top:{y:.0f}px">{words}</span>' for y, words in labels]
    marks += [f'<span class="w-plot-x" style="left:{100 * part:.1f}%">{words}</span>' for part, words in ticks]
    marks += [f'<span class="w-plot-end" style="top:{y:.0f}px">{words}</span>' for y, words in ends]
    content = f'<div class="w-plot-area">{svg}{"".join(marks)}</div>'
    made = ui.html(content, sanitize=False).classes("w-plot w-plot-ended" if ends else "w-plot")  # our own words only
    made.props["role"] = "group" if leads else "img"
    made.props["aria-label"] = name
    return made
