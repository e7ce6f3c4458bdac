"""Figures from the statistics: what was sent and what failed, by hour and in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.columns import EPOCH, MICROSECOND
from webhook_ui.models import Delivery, Lane, Sending, Statistics, Webhook, table

_statistics, _delivery, _webhook, _lane = table(Statistics), table(Delivery), table(Webhook), table(Lane)

HOURS = 24


@dataclass(frozen=True, kw_only=True)
class Health:
    """One webhook's last 24 hours, oldest hour first; `sent` and `error` count attempts."""

    sent: Sequence[int]
    error: Sequence[int]

    @property
    def rate(self) -> float | None:
        """The part of attempts that was sent; None when there were none."""
        total = sum(self.sent) + sum(self.error)
        return sum(self.sent) / total if total else None


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The figures above the list: attempts of 24 hours, open deliveries, webhooks whose last attempt failed."""

    sent: int
    error: int
    waiting: int
    oldest_due: datetime | None
    failing: int


def health(
    session: Session, webhook_ids: Sequence[int], *, now: datetime, since: datetime | None = None
) -> dict[int, Health]:
    """The last 24 hours of each webhook, less what was before `since`; the last entry is the hour that is not over."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    hour = _hours_after(session, first)
    statement = (
        sa.select(
            _statistics.c.webhook_id,
            hour.label("hour"),
            sa.func.sum(_statistics.c.sent).label("sent"),
            sa.func.sum(_statistics.c.error).label("error"),
        )
        .where(_statistics.c.webhook_id.in_(webhook_ids), _statistics.c.minute >= max(first, since or first))
        .group_by(_statistics.c.webhook_id, hour)
    )
    if not webhook_ids:
        return {}
    sent = {webhook_id: [0] * HOURS for webhook_id in webhook_ids}
    error = {webhook_id: [0] * HOURS for webhook_id in webhook_ids}
    for row in session.execute(statement):
        place = min(int(row.hour), HOURS - 1)
        sent[row.webhook_id][place] += int(row.sent)
        error[row.webhook_id][place] += int(row.error)
    return {webhook_id: Health(sent=sent[webhook_id], error=error[webhook_id]) for webhook_id in webhook_ids}


def _hours_after(session: Session, first: datetime) -> sa.ColumnElement[int]:
    """In which hour after `first` a minute lies; both databases keep moments in their own way."""
    if session.connection().dialect.name == "sqlite":
        micros = sa.type_coerce(_statistics.c.minute, sa.BigInteger) - (first - EPOCH) // MICROSECOND
        return micros // (timedelta(hours=1) // MICROSECOND)
    passed: Any = sa.type_coerce(_statistics.c.minute, sa.DateTime(timezone=True)) - first
    return sa.cast(sa.func.floor(sa.extract("epoch", passed) / 3600), sa.Integer)


def overview(session: Session, *, now: datetime) -> Overview:
    """The strip of figures; `oldest_due` looks at lanes that are free, what is held is counted in `waiting` only."""
    recent = _statistics.c.minute >= now - timedelta(hours=24)
    sums = sa.select(
        sa.func.coalesce(sa.func.sum(_statistics.c.sent), 0), sa.func.coalesce(sa.func.sum(_statistics.c.error), 0)
    )
    sent, error = session.execute(sums.where(recent)).one()
    opened = _delivery.c.due_at.is_not(None)
    stopped = sa.exists(sa.select(table(Sending).c.id))
    free = sa.and_(
        sa.not_(stopped),
        _webhook.c.enabled,
        sa.not_(_webhook.c.paused),
        _webhook.c.deleted_at.is_(None),
        _lane.c.breaker == "closed",
        sa.or_(_lane.c.not_before.is_(None), _lane.c.not_before <= now),
    )
    oldest = session.execute(
        sa.select(sa.func.min(_delivery.c.due_at))
        .join(_webhook, _webhook.c.id == _delivery.c.webhook_id)
        .join(_lane, _lane.c.webhook_id == _delivery.c.webhook_id)
        .where(opened, free, _delivery.c.due_at <= now)
    ).scalar()
    failing = session.execute(
        sa.select(sa.func.count())
        .select_from(_lane)
        .join(_webhook, _webhook.c.id == _lane.c.webhook_id)
        .where(_lane.c.last_result == "error", _webhook.c.deleted_at.is_(None), _webhook.c.enabled)
    ).scalar_one()
    return Overview(
        sent=int(sent), error=int(error), waiting=count_waiting(session), oldest_due=oldest, failing=failing
    )


def count_waiting(session: Session) -> int:
    """Open deliveries, whatever they wait for, less those of deleted webhooks."""
    kept = sa.select(_webhook.c.id).where(_webhook.c.deleted_at.is_(None))
    opened = sa.and_(_delivery.c.due_at.is_not(None), _delivery.c.webhook_id.in_(kept))
    return int(session.execute(sa.select(sa.func.count()).select_from(_delivery).where(opened)).scalar_one())
