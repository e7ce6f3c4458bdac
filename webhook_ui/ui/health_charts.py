"""What the tab Health draws: each picture in a box with a button that shows its figures as a table instead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.explain import said
from webhook_ui.history.health import Outcomes
from webhook_ui.history.statistics import Span, Tally
from webhook_ui.languages import mark, tr, trn
from webhook_ui.outbox.statistics import BUCKETS
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.controls import button
from webhook_ui.ui.parts import Part, box, foreign, link, text
from webhook_ui.ui.plots import Line, Tick, bars_over_time, lines_over_time

Way = Callable[..., str]  # to the log, with what is given of its address
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
CLASSES = {
    "dns": mark("Name not found"),
    "connect": mark("No connection"),
    "tls": mark("No secure connection"),
    "timeout": mark("No answer in time"),
    "blocked": mark("Blocked by the guard"),
    "protocol": mark("No HTTP"),
    "http": mark("Answered with an error"),
    "plugin": mark("A plugin failed"),
    "crash": mark("The dispatcher broke off"),
}


class ChartBox:
    """`draw` and `write` fill the place from the same values: the one as a picture, the other as a table."""

    def __init__(
        self, title: str, draw: Callable[..., Any], write: Callable[..., Any], *, legend: bool = False
    ) -> None:
        self._draw, self._write = draw, write
        self._values: tuple[Any, ...] = ()
        self._as_table = False
        with box("section", "w-box w-part w-chart", label=title):
            with box("div", "w-row w-wrap w-chart-head"):
                text(title, tag="h2")
                self._note = text("", "w-meta")
                with box("span", "w-row w-end"):
                    if legend:
                        text(tr("Sent"), "w-legend w-legend-sent")
                        text(tr("Error"), "w-legend w-legend-error")
                    self._toggle = button(
                        tr("Table"), self._turn, kind="quiet", small=True, name=tr("Table: {title}", title=title)
                    )
            self._place = Part(box("div", "w-chart-place"), lambda *_: self._build())
        self._toggle.props["aria-pressed"] = "false"

    def show(self, *values: Any, note: str = "") -> None:
        """Draws anew, if anything has changed."""
        self._values = values
        self._note.set_text(note)
        self._place.show(self._as_table, *values)

    def _turn(self) -> None:
        self._as_table = not self._as_table
        self._toggle.props["aria-pressed"] = "true" if self._as_table else "false"
        self._place.show(self._as_table, *self._values)

    def _build(self) -> None:
        (self._write if self._as_table else self._draw)(*self._values)


def draw_attempts(rows: Sequence[Span], zone: ZoneInfo, way: Way) -> None:
    """Bars: sent up, errors down; those of errors lead to the deliveries that failed then."""
    sent, errors = [row.tally.sent for row in rows], [row.tally.error for row in rows]
    if not sum(sent) + sum(errors):
        _say_nothing()
        return
    hints = [f"{when(row, zone)}: {_sent(row.tally.sent)}, {_errors(row.tally.error)}" for row in rows]
    name = tr(
        "{sent}, {errors}, from {moment} on",
        sent=_sent(sum(sent)),
        errors=_errors(sum(errors)),
        moment=when(rows[0], zone),
    )
    ways = [
        way(
            status="error",
            attempted_first=times.to_text(row.since),
            attempted_last=times.to_text(row.until),
        )
        if row.tally.error
        else ""
        for row in rows
    ]
    bars_over_time(sent, errors, hints=hints, ways=ways, ticks=ticks(rows, zone), name=name)


def write_attempts(rows: Sequence[Span], zone: ZoneInfo, way: Way) -> None:
    """The same, newest first."""
    cells = [
        (when(row, zone), formats.count(row.tally.sent), formats.count(row.tally.error))
        for row in reversed(rows)
        if row.tally.sent or row.tally.error
    ]
    write_table(tr("Sent and errors"), (tr("Time"), tr("Sent"), tr("Error")), cells)


def draw_latency(rows: Sequence[Span], zone: ZoneInfo) -> None:
    """Three lines: within which time so many of a hundred attempts were answered."""
    if not any(sum(row.tally.latency) for row in rows):
        _say_nothing()
        return
    lines = [
        Line(name=name, look=f"w-plot-{name}", values=[row.tally.percentile(share, BUCKETS) for row in rows])
        for name, share in SHARES
    ]
    hints = [f"{when(row, zone)}: {' / '.join(percentiles(row.tally))}" for row in rows]
    name = tr("Latency over time, p50, p95 and p99; the button Table shows the figures")
    lines_over_time(lines, hints=hints, ticks=ticks(rows, zone), write=formats.duration, name=name)


def write_latency(rows: Sequence[Span], zone: ZoneInfo) -> None:
    """The same, newest first."""
    cells = [(when(row, zone), *percentiles(row.tally)) for row in reversed(rows) if sum(row.tally.latency)]
    write_table(tr("Latency"), (tr("Time"), *(name for name, _ in SHARES)), cells)


def draw_causes(outcomes: Outcomes, way: Way) -> None:
    """A bar for each class of error, which leads to its deliveries."""
    failed = sum(cause.count for cause in outcomes.causes)
    if not failed:
        text(tr("No attempt failed") if outcomes.attempts else tr("No attempts in this time"), "w-muted", tag="p")
        return
    _bars(
        [
            _Bar(
                name=tr(CLASSES[one.error_class]) if one.error_class in CLASSES else one.error_class,
                count=one.count,
                total=failed,
                look="error",
                note=said(one.message),
                path=way(cause=one.error_class),
            )
            for one in outcomes.causes
        ]
    )


def write_causes(outcomes: Outcomes, way: Way) -> None:
    """The same, with what the newest attempt of each class says."""
    failed = sum(cause.count for cause in outcomes.causes)
    cells = [
        (one.error_class, formats.count(one.count), formats.success(one.count, failed - one.count), said(one.message))
        for one in outcomes.causes
    ]
    write_table(tr("Error causes"), (tr("Class"), tr("Attempts"), tr("Share"), tr("The newest says")), cells)


def draw_codes(outcomes: Outcomes, way: Way) -> None:
    """A bar for each response status, which leads to its deliveries, and one for what had no response."""
    if not outcomes.attempts:
        _say_nothing()
        return
    _bars(
        [
            _Bar(
                name=_code(code),
                count=count,
                total=outcomes.attempts,
                look="sent" if code and 200 <= code < 300 else "error",
                path=way(response=str(code)) if code else "",
            )
            for code, count in outcomes.codes
        ]
    )


def write_codes(outcomes: Outcomes, way: Way) -> None:
    """The same as figures."""
    cells = [
        (_code(code), formats.count(count), formats.success(count, outcomes.attempts - count))
        for code, count in outcomes.codes
    ]
    write_table(tr("Response codes"), (tr("Response"), tr("Attempts"), tr("Share")), cells)


def write_table(name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of figures that scrolls in its place; the first column names the row, texts of others are cut."""
    if not rows:
        _say_nothing()
        return
    with box("div", "w-data-box", label=name) as place, box("table", "w-data", label=name):
        with box("thead"), box("tr"):
            for column in head:
                text(column, tag="th").props["scope"] = "col"
        with box("tbody"):
            for row in rows:
                with box("tr"):
                    text(row[0], tag="th").props["scope"] = "row"
                    for cell in row[1:]:
                        with box("td"):
                            foreign(cell, cut=False)
    place.props["tabindex"] = "0"
    place.props["role"] = "region"


def ticks(rows: Sequence[Span], zone: ZoneInfo) -> list[Tick]:
    """Five moments along the axis; days where the whole is longer than a day."""
    first, last = rows[0].since, rows[-1].until
    words = _clock if last - first <= timedelta(days=1, hours=1) else _day
    return [(part / 4, words(first + (last - first) * part / 4, zone)) for part in range(5)]


def when(row: Span, zone: ZoneInfo) -> str:
    """'23 Nov, 14:30–15:00'."""
    return f"{_day(row.since, zone)}, {_clock(row.since, zone)}–{_clock(row.until, zone)}"


def percentiles(tally: Tally) -> list[str]:
    """p50, p95 and p99 in words, dashes without attempts."""
    found = [tally.percentile(share, BUCKETS) for _, share in SHARES]
    return ["–" if value is None else formats.duration(value) for value in found]


@dataclass(frozen=True, kw_only=True)
class _Bar:
    """`count` of `total`; `note` is what somebody else says about it."""

    name: str
    count: int
    total: int
    look: Literal["sent", "error"]
    note: str = ""
    path: str = ""


def _bars(bars: Sequence[_Bar]) -> None:
    most = max(bar.count for bar in bars)
    with box("ul", "w-shares"):
        for bar in bars:
            with box("li", "w-opens" if bar.path else ""):
                with box("span", "w-share-name"):
                    if bar.path:
                        with link("", bar.path, "w-share-way"):
                            foreign(bar.name)
                    else:
                        foreign(bar.name)
                    if bar.note:
                        foreign(bar.note, "w-meta")
                with box("span", "w-share-track") as track:
                    box("span", f"w-share w-share-{bar.look}").style(f"width:{100 * bar.count / most:.1f}%")
                track.props["aria-hidden"] = "true"
                text(formats.count(bar.count), "w-share-count")
                text(formats.success(bar.count, bar.total - bar.count), "w-share-part")


def _code(code: int | None) -> str:
    return tr("No response") if code is None else delivery_words.status_line(code)


def _sent(number: int) -> str:
    return trn("{n} sent", "{n} sent", number)


def _errors(number: int) -> str:
    return trn("{n} error", "{n} errors", number)


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return formats.clock(moment, zone, seconds=False)


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return formats.short_day(moment.astimezone(zone).date())


def _say_nothing() -> None:
    text(tr("No attempts in this time"), "w-muted", tag="p")
