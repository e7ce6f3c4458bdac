"""A retry schedule as a picture: when attempts would fall if each one failed, on a scale, then given up."""

import html
import math
from collections.abc import Sequence
from itertools import accumulate

from nicegui import ui

from webhook_ui.languages import tr, trn
from webhook_ui.ui import formats

MARKS = (10, 60, 600, 3600, 6 * 3600, 86400, 3 * 86400, 10 * 86400, 30 * 86400, 100 * 86400)
NEAR = 0.11  # of the width: closer to one another, two marks could not be read


def schedule_strip(schedule: Sequence[float]) -> ui.element:
    """Hollow points on a line whose scale grows, as the waits do."""
    moments = [0.0, *accumulate(schedule)]
    places = [_place(moment, moments) for moment in moments]
    drawn = [f'<i class="w-sched-line" style="width:{100 * places[-1]:.1f}%"></i><i class="w-sched-end"></i>']
    drawn += [
        f'<i class="w-sched-dot" style="left:{100 * place:.1f}%" title="{_title(number, moment)}"></i>'
        for number, (place, moment) in enumerate(zip(places, moments, strict=True), start=1)
    ]
    drawn += [f'<span style="left:{100 * place:.1f}%">{words}</span>' for place, words in _marks(moments)]
    end = html.escape(tr("given up"))
    area = f'<div class="w-sched-area" aria-hidden="true" data-end="{end}">{"".join(drawn)}</div>'
    made = ui.html(area, sanitize=False).classes("w-sched")  # numbers and words of our own
    made.props["role"] = "img"
    made.props["aria-label"] = in_words(schedule)
    return made


def in_words(schedule: Sequence[float]) -> str:
    """'10 attempts within 3 d 3 h, then given up'."""
    if not schedule:
        return tr("One attempt, then given up")
    return trn(
        "{n} attempt within {span}, then given up",
        "{n} attempts within {span}, then given up",
        len(schedule) + 1,
        span=formats.span(sum(schedule)),
    )


def _place(moment: float, moments: Sequence[float]) -> float:
    """Between 0 and 1; what lies ten times as far is always the same step away."""
    unit = next((one for one in moments if one > 0), 1.0)
    last = moments[-1]
    return math.log1p(moment / unit) / math.log1p(last / unit) if last else 0.0


def _marks(moments: Sequence[float]) -> list[tuple[float, str]]:
    last = moments[-1]
    found = [(0.0, tr("at once"))]
    for mark in MARKS:
        place = _place(mark, moments)
        if mark < last and place - found[-1][0] >= NEAR + 0.07 * (len(found) == 1) and place <= 1 - NEAR:
            found.append((place, formats.span(mark)))
    return [*found, (1.0, formats.span(last))] if last else found


def _title(number: int, moment: float) -> str:
    if not moment:
        return tr("Attempt {n}: at once", n=number)
    return tr("Attempt {n}: {span} after the first", n=number, span=formats.wait(moment))
