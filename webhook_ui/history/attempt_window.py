"""Deliveries by when they were attempted: the same attempts as the statistics count, so that a bar leads to its rows.

Those are not the test sends, nor what came too late to count, nor what a crash left behind.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.models import Attempt, Statistics, table

LONGEST = timedelta(minutes=10)  # an attempt gets its id when it is over, and is counted in the minute it began

_attempt, _statistics = table(Attempt), table(Statistics)


def few_lanes(
    session: Session, webhook_id: int | None, since: datetime | None, until: datetime | None, *, most: int
) -> Sequence[int] | None:
    """The webhooks that were attempted in this time, where that were `most` attempts at the most; else None."""
    statement = sa.select(_statistics.c.webhook_id, _statistics.c.sent + _statistics.c.error)
    if webhook_id is not None:
        statement = statement.where(_statistics.c.webhook_id == webhook_id)
    if since is not None:
        statement = statement.where(_statistics.c.minute >= since.replace(second=0, microsecond=0))
    if until is not None:
        statement = statement.where(_statistics.c.minute < until)
    rows = session.execute(statement.limit(most + 1)).all()
    if len(rows) > most or sum(row[1] for row in rows) > most:
        return None
    return sorted({row[0] for row in rows})


def keys(lanes: Sequence[int], since: datetime | None, until: datetime | None) -> sa.Select[Any]:
    """The keys of what was attempted for these webhooks, each once, in no order."""
    statement = sa.select(_attempt.c.event_id, _attempt.c.webhook_id).distinct()
    return statement.where(_attempt.c.webhook_id.in_(lanes), *_in(_attempt.c, since, until))


def attempted(delivery: Any, since: datetime | None, until: datetime | None) -> sa.ColumnElement[bool]:
    """Whether a delivery, a row with the columns `delivery`, was attempted in this time."""
    tried = _attempt.alias("tried").c
    its = (tried.webhook_id == delivery.webhook_id, tried.event_id == delivery.event_id)
    return sa.exists(sa.select(1).where(*its, *_in(tried, since, until)))


def _in(attempt: Any, since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    counted = sa.or_(attempt.error_class.is_(None), attempt.error_class != "crash")
    where: list[sa.ColumnElement[bool]] = [sa.not_(attempt.late), counted]
    if since is not None:
        where += [attempt.at >= since, attempt.id >= ids.floor(since)]
    if until is not None:
        where += [attempt.at < until, attempt.id < ids.floor(until + LONGEST)]
    return where
