"""Attempts over time, from the statistics: what was sent and what failed, minute by minute."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Statistics, table

_statistics = table(Statistics)


@dataclass(frozen=True, kw_only=True)
class Minute:
    """The attempts of one minute."""

    at: datetime
    sent: int
    error: int


def by_minute(session: Session, since: datetime, until: datetime, *, webhook_id: int | None = None) -> list[Minute]:
    """Minutes in which there were attempts, `since` inclusive, `until` exclusive; of one webhook or of all."""
    minute = _statistics.c.minute
    statement = sa.select(
        minute, sa.func.sum(_statistics.c.sent).label("sent"), sa.func.sum(_statistics.c.error).label("error")
    ).where(minute >= since, minute < until)
    if webhook_id is not None:
        statement = statement.where(_statistics.c.webhook_id == webhook_id)
    rows = session.execute(statement.group_by(minute).order_by(minute))
    return [Minute(at=row.minute, sent=int(row.sent), error=int(row.error)) for row in rows]
