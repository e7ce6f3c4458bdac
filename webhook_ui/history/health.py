"""One webhook's health as its page shows it: attempts over time from statistics, causes from the newest attempts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.columns import EPOCH
from webhook_ui.history.statistics import MAX_SPANS, Criteria, Span, Tally, list_spans
from webhook_ui.models import Attempt, Delivery, Statistics, table

NEWEST = 1000  # attempts that are looked at for causes: whole rows are read, and with them what receivers answered

_attempt, _delivery, _statistics = table(Attempt), table(Delivery), table(Statistics)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """How many attempts failed with errors of one class; `message` is what the newest of them says."""

    error_class: str
    count: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What the newest attempts came to, the most frequent first; `complete` when no older one was left out.

    `codes` counts by response status, None where there was no response. `firsts` of them were the first attempts of
    their deliveries, and `firsts_sent` of those arrived.
    """

    attempts: int
    complete: bool
    causes: Sequence[Cause]
    codes: Sequence[tuple[int | None, int]]
    firsts: int
    firsts_sent: int


def first_span(now: datetime, *, length: timedelta, size: timedelta) -> datetime:
    """Where the first span of a window begins whose last one holds `now`."""
    return now - (now - EPOCH) % size - length + size


def spans(
    session: Session,
    webhook_id: int,
    *,
    since: datetime,
    now: datetime,
    size: timedelta,
    usual_timeout: float | None = None,
) -> list[Span]:
    """Attempts of every span from the one that begins at `since` to the one that holds `now`, empty ones too.

    Raises Invalid when that is too much to add up.
    """
    until = now - (now - EPOCH) % size + size
    criteria = Criteria(since=since, until=until, size=size, webhook_id=webhook_id, usual_timeout=usual_timeout)
    found = {span.since: span for span in list_spans(session, criteria, limit=MAX_SPANS).rows}
    starts = [since + number * size for number in range((until - since) // size)]
    return [
        found.get(start) or Span(since=start, until=start + size, webhook_id=webhook_id, tally=Tally())
        for start in starts
    ]


def totals(session: Session, webhook_id: int, *, since: datetime, until: datetime) -> tuple[int, int]:
    """How many attempts were sent and how many failed, from `since` until just before `until`."""
    statement = sa.select(
        sa.func.coalesce(sa.func.sum(_statistics.c.sent), 0), sa.func.coalesce(sa.func.sum(_statistics.c.error), 0)
    ).where(_statistics.c.webhook_id == webhook_id, _statistics.c.minute >= since, _statistics.c.minute < until)
    sent, error = session.execute(statement).one()
    return int(sent), int(error)


def has_succeeded(session: Session, webhook_id: int) -> bool:
    """Whether an attempt was ever sent, as far back as statistics go."""
    sent = sa.select(sa.literal(1)).where(_statistics.c.webhook_id == webhook_id, _statistics.c.sent > 0)
    return session.scalar(sent.order_by(_statistics.c.minute.desc()).limit(1)) is not None


def outcomes(session: Session, webhook_id: int, *, since: datetime, limit: int = NEWEST) -> Outcomes:
    """What the newest `limit` attempts since `since` came to; test sends are left out."""
    here = sa.and_(_delivery.c.webhook_id == _attempt.c.webhook_id, _delivery.c.event_id == _attempt.c.event_id)
    earlier = _attempt.alias("earlier")
    same = (earlier.c.webhook_id == _attempt.c.webhook_id, earlier.c.event_id == _attempt.c.event_id)
    first = sa.not_(sa.exists(sa.select(earlier.c.id).where(*same, earlier.c.id < _attempt.c.id)))
    told = (_attempt.c.status, _attempt.c.response_status, _attempt.c.error_class, _attempt.c.error_message)
    statement = (
        sa.select(*told, first.label("first"))
        .join(_delivery, here)
        .where(_attempt.c.webhook_id == webhook_id, _attempt.c.id >= ids.floor(since), sa.not_(_delivery.c.test))
        .order_by(_attempt.c.id.desc())
        .limit(limit + 1)
    )
    rows = session.execute(statement).all()
    looked_at = rows[:limit]
    newest: dict[str, str] = {}
    for row in looked_at:
        if row.error_class:
            newest.setdefault(row.error_class, row.error_message or "")
    firsts = [row.status for row in looked_at if row.first]
    causes = Counter(row.error_class for row in looked_at if row.error_class)
    return Outcomes(
        attempts=len(looked_at),
        complete=len(rows) <= limit,
        causes=[Cause(error_class=name, count=count, message=newest[name]) for name, count in causes.most_common()],
        codes=Counter(row.response_status for row in looked_at).most_common(),
        firsts=len(firsts),
        firsts_sent=firsts.count("sent"),
    )
