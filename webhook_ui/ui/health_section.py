"""The tab Health of a webhook: what was sent, what failed and why, how long it took, what the engine makes of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui
from sqlmodel import Session

from webhook_ui import times
from webhook_ui.errors import Invalid
from webhook_ui.explain import said
from webhook_ui.history import health
from webhook_ui.history.health import Outcomes
from webhook_ui.history.statistics import Span, Tally
from webhook_ui.history.webhooks import WebhookRow
from webhook_ui.languages import mark, tr, trn
from webhook_ui.models import Lane
from webhook_ui.ui import formats, health_charts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import Choices
from webhook_ui.ui.health_charts import ChartBox
from webhook_ui.ui.log_address import LogAddress
from webhook_ui.ui.parts import Part, box, foreign, sentence, text, time_text
from webhook_ui.ui.states import notice
from webhook_ui.ui.webhook_page_address import PERIODS, Address

AGAIN_SECONDS = 60.0  # how often it looks without news: the window moves on
REST = 9.0  # times as long as looking took: one page costs a tenth of a reading thread at the most
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Period:
    """A window of time in words, and how it is cut into spans."""

    words: str
    length: timedelta
    size: timedelta


OFFERED = {
    "24h": Period(words="24 h", length=DAY, size=30 * MINUTE),
    "7d": Period(words=mark("7 days"), length=7 * DAY, size=4 * HOUR),
    "30d": Period(words=mark("30 days"), length=30 * DAY, size=12 * HOUR),
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look at the database found; `before` is what was sent and failed in the window before this one."""

    spans: Sequence[Span]
    before: tuple[int, int]
    outcomes: Outcomes
    has_succeeded: bool  # ever


@dataclass(frozen=True, kw_only=True)
class _Way:
    """To the webhook's log with these filters, and of what was attempted since then.

    It is a value: what leads there is written anew when its window has moved on, and only then.
    """

    webhook_id: int
    since: datetime | None = None

    def __call__(self, **part: Any) -> str:
        if self.since:
            part["attempted_first"] = times.to_text(self.since)
        return Address(webhook_id=self.webhook_id, log=LogAddress(**part)).text()


def look(
    session: Session, webhook_id: int, period: Period, known: Sequence[Span], now: datetime, *, usual_timeout: float
) -> Seen:
    """The window as it is now; of the spans that are `known` only the last two can still change."""
    first = health.first_span(now, length=period.length, size=period.size)
    kept = [span for span in known[:-2] if span.since >= first]
    since = kept[-1].until if kept else first
    fresh = health.spans(session, webhook_id, since=since, now=now, size=period.size, usual_timeout=usual_timeout)
    return Seen(
        spans=[*kept, *fresh],
        before=health.totals(session, webhook_id, since=first - period.length, until=first),
        outcomes=health.outcomes(session, webhook_id, since=first),
        has_succeeded=health.has_succeeded(session, webhook_id),
    )


class HealthSection:
    """`go` leads to another address. Values come in place: nothing is drawn anew that has not changed."""

    def __init__(self, tab: Tab, row: WebhookRow, address: Address, *, go: Callable[[Address], Any]) -> None:
        self._tab, self._row, self._address, self._go = tab, row, address, go
        self._spans: Sequence[Span] = ()
        self._looking = asyncio.Lock()
        self._refused = box("div", "w-holder")
        with box("div", "w-health") as self._body:
            with box("div", "w-health-head"):
                self._figures = Part(box("div", "w-health-figures"), _show_figures)
                self._busy = text(tr("Adding up …"), "w-meta w-late w-end")
                self._busy.props["role"] = "status"
                options = [(key, tr(period.words), None) for key, period in OFFERED.items()]
                self._choices = Choices(tr("Period"), options, address.period or PERIODS[0], self._choose)
            self._lane = Part(box("div", "w-holder"), lambda *signs: _show_lane(self._row, tab.zone, signs[-1]))
            with box("div", "w-charts"):
                charts = health_charts
                self._attempts = ChartBox(
                    tr("Sent and errors"), charts.draw_attempts, charts.write_attempts, legend=True
                )
                self._latency = ChartBox(tr("Latency"), charts.draw_latency, charts.write_latency)
                self._causes = ChartBox(tr("Error causes"), charts.draw_causes, charts.write_causes)
                self._codes = ChartBox(tr("Response codes"), charts.draw_codes, charts.write_codes)
        ui.timer(AGAIN_SECONDS, self._refresh, immediate=False)

    async def start(self) -> None:
        """Fills it in."""
        await self._refresh()

    async def show(self, address: Address) -> None:
        """Another window of time."""
        if address.period != self._address.period:
            self._address = address
            self._choices.value = address.period or PERIODS[0]
            self._spans = ()
            await self._refresh()

    async def renew(self, row: WebhookRow) -> None:
        """What the webhook, its lane and its attempts are now."""
        self._row = row
        began = time.monotonic()
        await self._refresh()
        await asyncio.sleep(REST * (time.monotonic() - began))

    async def _refresh(self) -> None:
        async with self._looking:
            address, row = self._address, self._row
            self._busy.set_visibility(not self._spans)  # seen only if it takes longer than a moment
            period = OFFERED[address.period or PERIODS[0]]
            usual_timeout = self._tab.services.settings.request_timeout
            try:
                seen = await self._tab.read(
                    look, row.id, period, self._spans, times.utcnow(), usual_timeout=usual_timeout
                )
            except Invalid as error:
                self._refuse(error)
                return
            if address == self._address and not self._body.is_deleted:
                self._fill(seen, period)

    def _refuse(self, error: Invalid) -> None:
        self._body.set_visibility(False)
        self._refused.clear()
        with self._refused, notice(tr("This window cannot be shown"), " ".join(error.fields.values()), kind="info"):
            Choices(tr("Period"), [("24h", "24 h", None)], "", self._choose)

    def _fill(self, seen: Seen, period: Period) -> None:
        self._refused.clear()
        self._body.set_visibility(True)
        self._spans = seen.spans
        self._busy.set_visibility(False)
        zone, tally = self._tab.zone, Tally()
        for span in seen.spans:
            tally.add(span.tally.sent, span.tally.error, span.tally.latency)
            tally.longest = span.tally.longest or tally.longest
        self._lane.show(_signs(self._row.lane), self._row.webhook.enabled, self._row.held, seen.has_succeeded)
        self._attempts.show(seen.spans, zone, _Way(webhook_id=self._row.id), note=tr("times in {zone}", zone=zone.key))
        self._latency.show(seen.spans, zone, note=tr("all attempts"))
        looked_at = seen.outcomes
        of = "" if looked_at.complete else _of_the_last(looked_at.attempts)
        firsts = (looked_at.firsts_sent, looked_at.firsts - looked_at.firsts_sent, of)
        self._figures.show(tally, seen.before, period, self._row.failing_since, firsts)
        way = _Way(webhook_id=self._row.id, since=seen.spans[0].since if seen.spans else None)
        self._causes.show(looked_at, way, note=of)
        self._codes.show(looked_at, way, note=of)

    def _choose(self, key: str) -> Any:
        return self._go(replace(self._address, period="" if key == PERIODS[0] else key))


def _of_the_last(attempts: int) -> str:
    return trn("of the last {n} attempt", "of the last {n} attempts", attempts)


def _show_figures(
    tally: Tally,
    before: tuple[int, int],
    period: Period,
    failing_since: datetime | None,
    firsts: tuple[int, int, str],
) -> None:
    rate = formats.success(tally.sent, tally.error)
    was = ""
    if sum(before):
        was = tr("{rate} the {period} before", rate=formats.success(*before), period=tr(period.words))
    _figure(tr("Success"), rate, was, trouble=tally.error * 10 > tally.sent + tally.error)
    _figure(tr("Latency p50 / p95 / p99"), " / ".join(health_charts.percentiles(tally)) if tally.latency else "–")
    sent, error, of = firsts
    _figure(tr("First attempt succeeds"), formats.success(sent, error), of)
    failed = trn("{n} error", "{n} errors", tally.error) if tally.error else ""
    _figure(tr("Attempts"), formats.count(tally.sent + tally.error), failed)
    if failing_since:
        _figure(tr("Without success for"), formats.span((times.utcnow() - failing_since).total_seconds()), trouble=True)


def _figure(title: str, value: str, note: str = "", *, trouble: bool = False) -> None:
    with box("div"):
        text(title, "w-meta")
        with box("span", "w-figure w-error-ink" if trouble else "w-figure"):
            text(value)
            if note:
                text(note, "w-meta", tag="small")


def _signs(lane: Lane) -> tuple[Any, ...]:
    """What of a lane is shown: the object itself is read anew each time."""
    return lane.breaker, lane.reason, lane.opened_at, lane.probe_at, lane.probes, lane.not_before, lane.disable_at


def _show_lane(row: WebhookRow, zone: ZoneInfo, has_succeeded: bool) -> None:
    """The breaker with its reason and its next probe, and what else the engine holds against the receiver."""
    lane, now = row.lane, times.utcnow()
    with box("section", "w-box w-part", label=tr("Receiver")):
        text(tr("Receiver"), tag="h2")
        with box("dl", "w-kv w-kv-wide w-receiver"):
            text(tr("Breaker"), tag="dt")
            with box("dd", "w-all"):
                text(*_breaker(row))
            if lane.breaker != "closed":
                _show_open(row, now, zone)
            if lane.not_before and lane.not_before > now:
                _moment(
                    tr("Asked to wait"),
                    lane.not_before,
                    zone,
                    tr("the receiver's Retry-After: nothing is sent before {moment}"),
                )
            if row.failing_since and has_succeeded:
                _moment(tr("Last success"), row.failing_since, zone, tr("before {moment}"))
            elif row.failing_since:
                text(tr("Last success"), tag="dt")
                text(tr("None so far"), tag="dd")
            text(tr("Will be disabled"), tag="dt")
            with box("dd"):
                _show_end(row, now, zone)


def _breaker(row: WebhookRow) -> tuple[str, str]:
    if not row.webhook.enabled:
        return tr("Closed, and the webhook is disabled: nothing is sent"), ""
    return {
        "closed": (tr("Closed: deliveries are sent as they fall due"), ""),
        "half_open": (tr("Half open: a probe is under way"), "w-pending-ink w-medium"),
    }.get(row.lane.breaker, (tr("Open: one delivery at a time is tried, the others wait"), "w-error-ink w-medium"))


def _show_open(row: WebhookRow, now: datetime, zone: ZoneInfo) -> None:
    lane = row.lane
    text(tr("Reason"), tag="dt")
    with box("dd", "w-break w-all"):
        foreign(said(lane.reason or "") or tr("Most attempts failed"), cut=False)
    if lane.opened_at:
        _moment(tr("Open since"), lane.opened_at, zone)
    text(tr("Next probe"), tag="dt")
    with box("dd"):
        due = lane.probe_at if lane.probe_at and lane.probe_at > now else None
        sentence(
            trn(
                "{moment}, {n} probe failed so far",
                "{moment}, {n} probes failed so far",
                lane.probes,
                moment="{moment}",
            )
            if lane.probes
            else tr("{moment}, the first one"),
            moment=lambda: time_text(due, zone, now=now) if due else text(tr("now")),
        )
    text(tr("Waiting"), tag="dt")
    with box("dd"):
        text(trn("{n} delivery", "{n} deliveries", row.held))


def _show_end(row: WebhookRow, now: datetime, zone: ZoneInfo) -> None:
    lane = row.lane
    if not row.webhook.enabled:
        text(tr("It is disabled"))
    elif lane.disable_at is None:
        text(
            tr("Not in sight")
            if row.failing_since is None
            else tr("Not yet: two failures 12 hours apart start the clock")
        )
    elif lane.disable_at > now:
        end = lane.disable_at
        sentence(
            tr("{moment}, unless something arrives before"),
            moment=lambda: time_text(end, zone, shown=formats.absolute(end, zone)),
        )
    else:
        text(tr("With the next attempt that fails"))


def _moment(name: str, moment: datetime, zone: ZoneInfo, words: str = "{moment}") -> None:
    text(name, tag="dt")
    with box("dd"):
        sentence(words, moment=lambda: time_text(moment, zone, shown=formats.absolute(moment, zone)))
