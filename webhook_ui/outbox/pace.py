"""How many a second a lane can be expected to take: by its limits, and by how quickly it has answered lately."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Statistics, table
from webhook_ui.outbox.statistics import BUCKETS

SEATS = 16  # attempts in flight for one webhook, as the server is set unless told otherwise
UNKNOWN = 50.0  # a second, of a webhook that nothing was sent to lately: its seats at some 0.3 s an answer
LATELY = timedelta(hours=24)
MINUTES = 200  # rows of statistics that tell enough of a lane
MEASURED = 20  # lanes, the ones with the most to do; the others count as unknown

_statistics = table(Statistics)
_ENDS = (0.0, *map(float, BUCKETS), BUCKETS[-1] * 2.0)
_MIDDLES = [(low + high) / 2 for low, high in itertools.pairwise(_ENDS)]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one lane has to take, and what limits it."""

    count: int
    rate_limit: float | None = None
    ordered: bool = False

    def __add__(self, other: "Load") -> "Load":
        return Load(count=self.count + other.count, rate_limit=self.rate_limit, ordered=self.ordered)


def longest(session: Session, loads: Mapping[int, Load], *, now: datetime) -> float:
    """Seconds until the slowest of the lanes is through."""
    largest = sorted(loads, key=lambda webhook_id: loads[webhook_id].count, reverse=True)[:MEASURED]
    known = {webhook_id: _measured(session, webhook_id, loads[webhook_id], now) for webhook_id in largest}
    paces = {webhook_id: known.get(webhook_id) or UNKNOWN for webhook_id in loads}
    return max(
        (load.count / min(load.rate_limit or paces[lane], paces[lane]) for lane, load in loads.items()), default=0
    )


def _measured(session: Session, webhook_id: int, load: Load, now: datetime) -> float | None:
    """By the last minutes in which it mostly answered well, if there were some; None without any attempt."""
    here = sa.and_(_statistics.c.webhook_id == webhook_id, _statistics.c.minute > now - LATELY)
    columns = (_statistics.c.sent, _statistics.c.error, sa.cast(_statistics.c.latency, sa.Text).label("latency"))
    rows = session.execute(sa.select(*columns).where(here).order_by(_statistics.c.minute.desc()).limit(MINUTES)).all()
    well = [row for row in rows if row.sent >= row.error] or rows
    attempts: int = sum(row.sent + row.error for row in well)
    if not attempts:
        return None
    seconds = sum(_seconds(row) for row in well) / attempts
    busiest = max(row.sent + row.error for row in well) / 60
    by_seats: float = (1 if load.ordered else SEATS) / max(seconds, 0.001)
    return max(by_seats, float(busiest))


def _seconds(row: Any) -> float:
    counts = msgspec.json.decode(row.latency, type=list[int])
    return sum(count * middle for count, middle in zip(counts, _MIDDLES, strict=False)) / 1000
