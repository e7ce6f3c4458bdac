"""Statistics read back: attempts by webhook and span of time, and percentiles of how long they took.

What counts them while they are settled stands in `outbox`; the ends of its latency buckets are passed in.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.columns import EPOCH, MICROSECOND
from webhook_ui.errors import Invalid
from webhook_ui.history import paging
from webhook_ui.models import Event, Statistics, Webhook, table

MINUTE = timedelta(minutes=1)
MAX_SPANS = 1500
MAX_ROWS = 250_000  # that one question may add up; reading so many takes about a second

_statistics, _event, _webhook = table(Statistics), table(Event), table(Webhook)


@dataclass(kw_only=True)
class Tally:
    """Attempts added up; `latency` counts them by bucket. `longest` is for how many ms one could go on, if known."""

    sent: int = 0
    error: int = 0
    latency: list[int] = field(default_factory=list)
    longest: float | None = None

    def add(self, sent: int, error: int, latency: Sequence[int]) -> None:
        """Adds another tally's counts to this one's."""
        self.sent += sent
        self.error += error
        missing = len(latency) - len(self.latency)
        if missing > 0:
            self.latency += [0] * missing
        for place, count in enumerate(latency):
            self.latency[place] += count

    def percentile(self, share: float, ends: Sequence[float]) -> float | None:
        """The milliseconds that `share` of the attempts stayed within; None when there were none.

        Estimated: linear within a bucket, so it lies in the right bucket and is off by no more than that is wide (the
        ends grow by about half each time). What lies behind the last end counts as that. Within the bucket in which
        `longest` lies there is nothing above that: attempts that timed out took so long, and no longer.
        """
        wanted, passed, lower = share * sum(self.latency), 0, 0.0
        for count, end in zip(self.latency, ends, strict=False):
            if count and passed + count >= wanted:
                if self.longest is not None and lower <= self.longest < end:
                    end = self.longest  # noqa: PLW2901 - of this bucket only
                return lower + (end - lower) * (wanted - passed) / count
            passed, lower = passed + count, float(end)
        return lower if sum(self.latency) else None


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What is asked for: `since` inclusive, `until` exclusive, in spans of `size`; `together` is over all webhooks.

    `usual_timeout` is that of webhooks without one of their own, in seconds.
    """

    since: datetime
    until: datetime
    size: timedelta
    webhook_id: int | None = None
    together: bool = False
    usual_timeout: float | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """One webhook's attempts (all webhooks' if `webhook_id` is None) from `since` until just before `until`."""

    since: datetime
    until: datetime
    webhook_id: int | None
    tally: Tally


@dataclass(frozen=True, kw_only=True)
class SpanPage:
    """One page of them, the newest first."""

    rows: Sequence[Span]
    next_cursor: str | None


def list_spans(session: Session, criteria: Criteria, *, limit: int, cursor: str | None = None) -> SpanPage:
    """Spans in which there were attempts. Raises Invalid when that is too much to add up.

    Spans begin at whole minutes, hours or days in UTC; the first and the last are cut off where `criteria` says.
    """
    since, until, size = _floor(criteria.since, MINUTE), criteria.until, criteria.size
    if (until - since) / size > MAX_SPANS:
        raise Invalid(
            {"from": f"At the most {MAX_SPANS} spans are answered. Begin later, end earlier, or take a longer bucket."}
        )
    after = _read_cursor(cursor) if cursor else None
    latest = until if after is None else min(until, after[0] + size)
    found: dict[tuple[datetime, int], Tally] = defaultdict(Tally)
    for row in _read_rows(session, since, latest, criteria.webhook_id):
        key = _floor(row.minute, size), 0 if criteria.together else row.webhook_id
        found[key].add(row.sent, row.error, _latency(row))
    order = sorted(found, key=lambda key: (-((key[0] - EPOCH) // MICROSECOND), key[1]))
    if after is not None:
        order = [key for key in order if key[0] < after[0] or (key[0] == after[0] and key[1] > after[1])]
    longest = _longest(session, criteria)
    for (_, webhook_id), tally in found.items():
        tally.longest = longest.get(webhook_id, longest.get(0))
    rows = [
        Span(
            since=max(start, since),
            until=min(start + size, until),
            webhook_id=webhook_id or None,
            tally=found[start, webhook_id],
        )
        for start, webhook_id in order[:limit]
    ]
    start, last = order[min(limit, len(order)) - 1] if order else (EPOCH, 0)
    following = paging.encode([(start - EPOCH) // MICROSECOND, last]) if len(order) > limit else None
    return SpanPage(rows=rows, next_cursor=following)


def by_minute(session: Session, since: datetime) -> dict[datetime, Tally]:
    """All webhooks' attempts together, minute by minute."""
    found: dict[datetime, Tally] = defaultdict(Tally)
    for row in session.execute(_ROWS.where(_statistics.c.minute >= since)):
        found[row.minute].add(row.sent, row.error, _latency(row))
    return found


def count_events(session: Session, *, after: int, until: datetime, limit: int) -> tuple[int, int]:
    """How many events with a greater id than `after` were stored before `until`, and the last one's id.

    Counts `limit` at the most; the next count goes on from the id it answers.
    """
    some = (
        sa.select(_event.c.id).where(_event.c.id > after, _event.c.id < ids.floor(until)).order_by(_event.c.id)
    ).limit(limit)
    found = some.subquery()
    count, last = session.execute(sa.select(sa.func.count(), sa.func.max(found.c.id)).select_from(found)).one()
    return count, last or after


_ROWS = sa.select(
    _statistics.c.webhook_id,
    _statistics.c.minute,
    _statistics.c.sent,
    _statistics.c.error,
    sa.cast(_statistics.c.latency, sa.Text).label("latency"),  # as text: parsing is most of the work
)


def _read_rows(session: Session, since: datetime, until: datetime, webhook_id: int | None) -> Iterator[Any]:
    statement = _ROWS.where(_statistics.c.minute >= since, _statistics.c.minute < until)
    if webhook_id is not None:
        statement = statement.where(_statistics.c.webhook_id == webhook_id)
    for number, row in enumerate(session.execute(statement.limit(MAX_ROWS + 1))):
        if number == MAX_ROWS:
            raise Invalid({"from": "This is too much to add up at once. Begin later, end earlier, or name a webhook."})
        yield row


def _longest(session: Session, criteria: Criteria) -> dict[int, float]:
    """For how many ms an attempt can go on, by webhook where it has a timeout of its own, by 0 for the others.

    All webhooks together wait as long as the most patient one.
    """
    if criteria.usual_timeout is None:
        return {}
    statement = sa.select(_webhook.c.id, _webhook.c.timeout).where(_webhook.c.timeout.is_not(None))
    if criteria.webhook_id is not None:
        statement = statement.where(_webhook.c.id == criteria.webhook_id)
    own = {row.id: row.timeout * 1000 for row in session.execute(statement)}
    usual = criteria.usual_timeout * 1000
    return {0: max([usual, *own.values()])} if criteria.together else {**own, 0: usual}


def _latency(row: Any) -> list[int]:
    return msgspec.json.decode(row.latency, type=list[int])


def _floor(moment: datetime, size: timedelta) -> datetime:
    return moment - (moment - EPOCH) % size


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    microseconds, webhook_id = paging.decode(cursor, 2)
    return paging.moment(microseconds), webhook_id
