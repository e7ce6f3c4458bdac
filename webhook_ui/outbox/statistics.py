"""Statistics, rolled up as attempts are settled: one row per webhook, minute and dispatcher, so that none is hot."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Statistics, table
from webhook_ui.wire import Answer, Result

# upper ends of the latency buckets in ms, each some 1.5 times the one before; a last bucket takes the rest
BUCKETS = (
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    22,
    33,
    50,
    75,
    110,
    170,
    250,
    380,
    570,
    850,
    1300,
    1900,
    2900,
    4300,
    6500,
    10_000,
    15_000,
    30_000,
)

_statistics = table(Statistics)


def add(session: Session, answers: Iterable[tuple[int, Answer]], *, dispatcher: str) -> None:
    """Counts `answers` (webhook id, answer) into their minutes; merging two rows is adding them up."""
    groups: dict[tuple[int, datetime], list[Answer]] = defaultdict(list)
    for webhook_id, answer in answers:
        groups[webhook_id, answer.at.replace(second=0, microsecond=0)].append(answer)
    for (webhook_id, minute), group in sorted(groups.items()):
        _merge(session, webhook_id, minute, dispatcher, group)


def _merge(session: Session, webhook_id: int, minute: datetime, dispatcher: str, group: list[Answer]) -> None:
    here = sa.and_(
        _statistics.c.webhook_id == webhook_id,
        _statistics.c.minute == minute,
        _statistics.c.dispatcher == dispatcher,
    )
    row = session.execute(sa.select(_statistics).where(here)).one_or_none()
    latency = list(row.latency) if row else [0] * (len(BUCKETS) + 1)
    for answer in group:
        latency[bisect_left(BUCKETS, answer.duration_ms)] += 1
    sent = sum(answer.result is Result.sent for answer in group)
    counts = {"sent": sent, "error": len(group) - sent}
    if row is None:
        key = {"webhook_id": webhook_id, "minute": minute, "dispatcher": dispatcher}
        session.execute(_statistics.insert().values(**key, **counts, latency=latency))
    else:
        added = {name: _statistics.c[name] + count for name, count in counts.items()}
        session.execute(_statistics.update().where(here).values(**added, latency=latency))
