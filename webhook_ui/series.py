"""The series of `/metrics`, made from figures that were read before; nothing here asks the database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from webhook_ui import __version__
from webhook_ui.heartbeats import Beat
from webhook_ui.history.backlog import Backlog, Standing
from webhook_ui.history.statistics import Tally
from webhook_ui.outbox.statistics import BUCKETS
from webhook_ui.vitals import GROUP_SIZES, Figures
from webhook_ui.wire import ErrorClass

PREFIX = "webhook_ui_"
GAUGES: dict[str, tuple[str, Callable[[Figures], float]]] = {
    "seats": ("Attempts that may be in flight.", lambda figures: figures.seats),
    "seats_taken": ("Attempts in flight.", lambda figures: figures.seats_taken),
    "slow_seats_taken": ("Of those, to lanes that have lately been slow.", lambda figures: figures.slow_seats_taken),
    "lanes_known": ("Lanes it looks after.", lambda figures: figures.lanes),
    "answers_waiting": ("Answers that are not recorded yet.", lambda figures: figures.answers_waiting),
    "since_turn_seconds": ("Since its last turn that succeeded.", lambda figures: figures.since_turn or 0.0),
    "away_seconds": (
        "For how long its turns have been failing, 0 while none does.",
        lambda figures: figures.away_for or 0.0,
    ),
}
COUNTERS: dict[str, tuple[str, Callable[[Figures], float]]] = {
    "turns": ("Turns: settling and claiming.", lambda figures: figures.turns),
    "turn_seconds": ("Time its turns took.", lambda figures: figures.turn_seconds),
    "claims_lost": ("Claims that it did not settle in time.", lambda figures: figures.claims_lost),
}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything that is shown, as it was at `now` by the database's clock; `events` and `attempts` only rise."""

    now: datetime
    backlog: Backlog
    standing: Standing
    beats: Sequence[Beat]
    events: int
    attempts: Tally


def families(snapshot: Snapshot, *, age: float) -> Iterator[Metric]:
    """All series; `age` is for how many seconds the snapshot has been kept."""
    yield InfoMetricFamily(f"{PREFIX}build", "This web process.", {"version": __version__})
    yield _gauge("figures_age_seconds", "How old the figures of this scrape are.", age)
    yield from _of_backlog(snapshot)
    yield from _of_webhooks(snapshot.standing)
    yield CounterMetricFamily(
        f"{PREFIX}events_accepted",
        "Events stored since the first scrape of this web process, counted 10 s behind.",
        snapshot.events,
    )
    yield _attempt_seconds(snapshot.attempts)
    alive = [beat for beat in snapshot.beats if beat.is_alive(snapshot.now)]
    silent = len(snapshot.beats) - len(alive)
    name, text = "dispatchers", "Dispatchers at work, and those of the last day that fell silent without leaving."
    yield _gauges(name, text, "state", {"alive": len(alive), "silent": silent})
    yield from _of_dispatchers(alive)
    yield _infos(snapshot.beats)


def _of_backlog(snapshot: Snapshot) -> Iterator[Metric]:
    backlog, oldest = snapshot.backlog, 0.0
    if backlog.oldest_due is not None:
        oldest = max((snapshot.now - backlog.oldest_due).total_seconds(), 0.0)
    yield _gauge("deliveries_open", "Deliveries that are not over: due, later and held.", backlog.total)
    yield _gauge("deliveries_due", "Due in free lanes: only a seat is missing.", backlog.due)
    yield _gauge("deliveries_later", "Not due in free lanes: in flight, or waiting for a retry or time.", backlog.later)
    yield _gauges("deliveries_held", "Held, by the first reason that is true.", "reason", backlog.held)
    yield _gauge("oldest_due_seconds", "For how long the oldest of deliveries_due has been due.", oldest)


def _of_webhooks(standing: Standing) -> Iterator[Metric]:
    yield _gauges("webhooks", "Webhooks that are not deleted, by state.", "state", standing.webhooks)
    yield _gauge("webhooks_failing", "Enabled webhooks whose last attempt was an error.", standing.failing)
    yield _gauges("lanes", "Lanes of webhooks that are not deleted, by breaker.", "breaker", standing.breakers)
    yield _gauge("sending_stopped", "1 while somebody has stopped sending everywhere.", int(standing.stopped))


def _attempt_seconds(attempts: Tally) -> Metric:
    counts = attempts.latency or [0] * (len(BUCKETS) + 1)
    ends = [end / 1000 for end in BUCKETS]
    # what each bucket holds lay somewhere within it: its middle stands for all, the last one's lower end for the rest
    middles = [(low + high) / 2 for low, high in zip([0.0, *ends], ends, strict=False)]
    total = sum(count * middle for count, middle in zip(counts, [*middles, ends[-1]], strict=False))
    return HistogramMetricFamily(
        f"{PREFIX}attempt_seconds",
        "Duration of settled attempts since the first scrape of this web process; _sum is estimated from the buckets.",
        buckets=_cumulate(counts, ends),
        sum_value=total,
    )


def _of_dispatchers(beats: Sequence[Beat]) -> Iterator[Metric]:
    for name, (text, value) in GAUGES.items():
        gauge = GaugeMetricFamily(f"{PREFIX}dispatcher_{name}", text, labels=["dispatcher"])
        for beat in beats:
            gauge.add_metric([beat.dispatcher], value(beat.figures))
        yield gauge
    for name, (text, value) in COUNTERS.items():
        counter = CounterMetricFamily(f"{PREFIX}dispatcher_{name}", f"{text} From its start.", labels=["dispatcher"])
        for beat in beats:
            counter.add_metric([beat.dispatcher], value(beat.figures))
        yield counter
    yield _attempts(beats)
    yield _groups(beats)


def _attempts(beats: Sequence[Beat]) -> Metric:
    labels = ["dispatcher", "result", "error_class"]
    counter = CounterMetricFamily(f"{PREFIX}attempts", "Settled attempts. From the dispatcher's start.", labels=labels)
    for beat in beats:
        counter.add_metric([beat.dispatcher, "sent", ""], beat.figures.sent)
        for kind in (*ErrorClass, *sorted(beat.figures.errors.keys() - set(ErrorClass))):
            counter.add_metric([beat.dispatcher, "error", str(kind)], beat.figures.errors.get(kind, 0))
    return counter


def _groups(beats: Sequence[Beat]) -> Metric:
    histogram = HistogramMetricFamily(
        f"{PREFIX}group_size",
        "Answers recorded in one transaction. From the dispatcher's start.",
        labels=["dispatcher"],
    )
    for beat in beats:
        counts = beat.figures.groups or (0,) * (len(GROUP_SIZES) + 1)
        in_all = beat.figures.sent + sum(beat.figures.errors.values()) + beat.figures.claims_lost
        histogram.add_metric([beat.dispatcher], _cumulate(counts, GROUP_SIZES), in_all)
    return histogram


def _infos(beats: Sequence[Beat]) -> Metric:
    text = "Where each dispatcher runs, or ran when it fell silent."
    info = InfoMetricFamily(f"{PREFIX}dispatcher", text, labels=["dispatcher"])
    for beat in beats:
        info.add_metric([beat.dispatcher], {"host": beat.host, "pid": str(beat.pid), "version": beat.version})
    return info


def _cumulate(counts: Sequence[int], ends: Sequence[float]) -> list[tuple[str, float]]:
    """Counts by bucket as Prometheus wants them: each with all that are below."""
    return list(zip([*map(floatToGoString, ends), "+Inf"], accumulate(counts), strict=True))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    gauge = GaugeMetricFamily(PREFIX + name, text, labels=[label])
    for value, count in values.items():
        gauge.add_metric([value], count)
    return gauge
