"""`/metrics` for Prometheus: reads the figures of all dispatchers from the database, now and then and never twice at
a time, and keeps what must only rise. Which series are made of them stands in `series`."""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from webhook_ui import heartbeats, ids, series
from webhook_ui.database import Database, moment
from webhook_ui.errors import Unavailable
from webhook_ui.history import backlog, statistics
from webhook_ui.history.statistics import Tally
from webhook_ui.series import Snapshot

KEPT_SECONDS = 10.0
COST = 20.0  # reading may take a twentieth of the time at the most; what takes longer is kept longer
PATIENCE_SECONDS = 8.0  # Prometheus waits 10
OLDEST_SECONDS = 120.0
GROWS = timedelta(minutes=5)  # for so long a minute's statistics may still change; late answers count
LONGEST_GAP = timedelta(minutes=15)  # between two scrapes; attempts of an older gap are not counted
SETTLES = timedelta(seconds=10)  # for so long events with an earlier id may still be committed
EVENTS_AT_ONCE = 2_000_000


class Metrics:
    """Answers scrapes for one database."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._page = _Page()
        self._registry.register(self._page)
        self._totals = _Totals()
        self._kept: Snapshot | None = None
        self._kept_at = self._cost = 0.0
        self._reading: asyncio.Task[Unavailable | None] | None = None

    async def answer(self, request: Request) -> Response:
        """All series, or 503 when the database does not give them in time."""
        try:
            snapshot = await self._snapshot()
        except (Unavailable, TimeoutError) as error:
            said = str(error) or "The database has not given the figures in time. They are still being read."
            return PlainTextResponse(f"{said}\n", 503, {"retry-after": "5"})
        self._page.families = list(series.families(snapshot, age=self._clock() - self._kept_at))
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": media_type, "cache-control": "no-store"})

    async def _snapshot(self) -> Snapshot:
        age = self._clock() - self._kept_at
        if self._kept is not None and age < max(KEPT_SECONDS, self._cost * COST):
            return self._kept
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        await asyncio.wait({self._reading}, timeout=PATIENCE_SECONDS)
        if self._reading.done() and (problem := self._reading.result()) is not None:
            raise problem
        if self._kept is None or self._clock() - self._kept_at > OLDEST_SECONDS:
            raise TimeoutError
        return self._kept

    async def _read(self) -> Unavailable | None:
        began = self._clock()
        try:
            self._kept = await self._database.read(_take, self._totals)
        except Unavailable as error:  # handed over as a value: there may be nobody any more who waits for it
            return error
        self._kept_at = self._clock()
        self._cost = self._kept_at - began
        return None


class _Page(Collector):
    """Hands prometheus-client what was made for this scrape."""

    def __init__(self) -> None:
        self.families: Iterable[Metric] = ()

    def collect(self) -> Iterable[Metric]:
        return self.families


class _Totals:
    """What only rises, from the first reading on: events by their ids, attempts by minutes that may still grow."""

    def __init__(self) -> None:
        self._events = 0
        self._last_event: int | None = None
        self._read_at: datetime | None = None
        self._minutes: dict[datetime, Tally] = {}
        self._ended = Tally()  # of minutes that grow no more, less what was there at the first reading

    def count_events(self, session: Session, now: datetime) -> int:
        """Events stored since the first reading."""
        until = now - SETTLES
        if self._last_event is None:
            self._last_event = ids.floor(until)
        count, self._last_event = statistics.count_events(
            session, after=self._last_event, until=until, limit=EVENTS_AT_ONCE
        )
        self._events += count
        return self._events

    def count_attempts(self, session: Session, now: datetime) -> Tally:
        """Attempts settled since the first reading."""
        since = max((self._read_at or now) - GROWS, now - LONGEST_GAP).replace(second=0, microsecond=0)
        self._minutes |= statistics.by_minute(session, since)
        if self._read_at is None:
            for minute in self._minutes.values():
                self._ended.add(-minute.sent, -minute.error, [-count for count in minute.latency])
        self._read_at = now
        for ended_at in [minute for minute in self._minutes if minute < since]:
            ended = self._minutes.pop(ended_at)
            self._ended.add(ended.sent, ended.error, ended.latency)
        total = Tally()
        for part in (self._ended, *self._minutes.values()):
            total.add(part.sent, part.error, part.latency)
        return total


def _take(session: Session, totals: _Totals) -> Snapshot:
    now = moment(session)
    return Snapshot(
        now=now,
        backlog=backlog.backlog(session, now=now),
        standing=backlog.standing(session),
        beats=heartbeats.list_beats(session),
        events=totals.count_events(session, now),
        attempts=totals.count_attempts(session, now),
    )
