"""Attempts by span of time for the picture above a log. What is long over is added up once for the whole process."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from webhook_ui.database import Database
from webhook_ui.history.over_time import Minute, by_minute
from webhook_ui.languages import mark

CELL = timedelta(minutes=15)  # every time zone begins its hours at a multiple of it
SETTLED = timedelta(minutes=10)  # attempts are counted in the minute they began, once they are over
PORTION = timedelta(hours=6)  # so much is added up in one look at the database
KEPT = timedelta(days=32)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How far back a picture goes, and in how many bars."""

    name: str
    title: str
    bar: timedelta
    bars: int
    unit: str


SCALES = {
    "1h": Scale(name="1 h", title=mark("Last hour"), bar=timedelta(minutes=1), bars=60, unit="1 min"),
    "24h": Scale(name="24 h", title=mark("Last 24 hours"), bar=timedelta(minutes=15), bars=96, unit="15 min"),
    "7d": Scale(name="7 d", title=mark("Last 7 days"), bar=timedelta(hours=2), bars=84, unit="2 h"),
    "30d": Scale(name="30 d", title=mark("Last 30 days"), bar=timedelta(hours=6), bars=120, unit="6 h"),
}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """The attempts of one span of time."""

    since: datetime
    until: datetime
    sent: int
    error: int


class AttemptCounts:
    """One for the whole process: what all webhooks' attempts were in each quarter of an hour that is over."""

    def __init__(self) -> None:
        self._cells: dict[datetime, tuple[int, int]] = {}
        self._lock = asyncio.Lock()

    async def bars(
        self, database: Database, scale: Scale, *, now: datetime, zone: ZoneInfo, webhook_id: int | None
    ) -> list[Bar]:
        """The bars of a picture, oldest first; the last one is not over."""
        offset = now.astimezone(zone).utcoffset() or timedelta()
        until = now - (now + offset - EPOCH) % scale.bar + scale.bar
        since = until - scale.bar * scale.bars
        if webhook_id is None and scale.bar >= CELL:
            counts = await self._all(database, since, until, now)
        else:
            minutes = await database.read(by_minute, since, until, webhook_id=webhook_id)
            counts = {minute.at: (minute.sent, minute.error) for minute in minutes}
        sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for moment, (sent, error) in counts.items():
            place = sums[(moment - since) // scale.bar]
            place[0] += sent
            place[1] += error
        starts = [since + scale.bar * number for number in range(scale.bars)]
        return [
            Bar(since=start, until=start + scale.bar, sent=sums[number][0], error=sums[number][1])
            for number, start in enumerate(starts)
        ]

    async def _all(
        self, database: Database, since: datetime, until: datetime, now: datetime
    ) -> dict[datetime, tuple[int, int]]:
        async with self._lock:  # who comes second finds what the first has added up
            over = now - SETTLED - CELL
            self._cells = {cell: counts for cell, counts in self._cells.items() if cell > now - KEPT}
            wanted = [since + CELL * number for number in range((until - since) // CELL)]
            missing = [cell for cell in wanted if cell not in self._cells]
            found: dict[datetime, tuple[int, int]] = {}
            while missing:
                first = missing[0]
                portion = [cell for cell in missing if cell < first + PORTION]
                minutes = await database.read(by_minute, first, portion[-1] + CELL)
                added = _add_up(minutes, portion)
                found |= added
                self._cells |= {cell: counts for cell, counts in added.items() if cell <= over}
                missing = missing[len(portion) :]
            return {cell: self._cells.get(cell) or found.get(cell) or (0, 0) for cell in wanted}


def _add_up(minutes: Iterable[Minute], cells: list[datetime]) -> dict[datetime, tuple[int, int]]:
    sums = dict.fromkeys(cells, (0, 0))
    for minute in minutes:
        cell = minute.at - (minute.at - EPOCH) % CELL
        if cell in sums:
            sent, error = sums[cell]
            sums[cell] = (sent + minute.sent, error + minute.error)
    return sums
