"""What a run has left in webhooks that keep it waiting, and why they do: counted as far as it is quickly counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Delivery, Lane, Redelivery, RedeliveryLane, Sending, Webhook, table
from webhook_ui.outbox.feed import takes_nothing
from webhook_ui.outbox.scope import matching, of_plan

NAMED = 5  # lanes that are looked into, the rest is counted only
MOST = 1000  # deliveries that are counted in one of them

_delivery, _lane, _webhook = table(Delivery), table(Lane), table(Webhook)
_part, _sending = table(RedeliveryLane), table(Sending)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One webhook: `count` deliveries (`MOST` or more) wait, for `reason`: stopped, disabled, paused or breaker."""

    webhook_id: int
    title: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Left:
    """The webhooks that keep a run waiting; `others` are more of them, in `empty` nothing waits after all."""

    named: Sequence[Waiting] = ()
    others: int = 0
    empty: int = 0


def left(session: Session, plan: Redelivery, *, now: datetime) -> Left:
    """What waits, for a redelivery whose run goes on; nothing for any other plan."""
    if plan.kind != "redeliver" or plan.state not in ("running", "paused") or plan.upper_bound is None:
        return Left()
    waits = sa.or_(takes_nothing(), _lane.c.breaker != "closed")
    statement = (
        sa.select(
            _part.c.webhook_id,
            _part.c.cursor,
            _webhook.c.title,
            _webhook.c.enabled,
            _webhook.c.paused,
            sa.exists(sa.select(_sending.c.id)).label("stopped"),
        )
        .join(_webhook, _webhook.c.id == _part.c.webhook_id)
        .join(_lane, _lane.c.webhook_id == _part.c.webhook_id)
        .where(_part.c.redelivery_id == plan.id, _webhook.c.deleted_at.is_(None), waits)
        .order_by(_part.c.webhook_id)
    )
    rows = session.execute(statement.limit(NAMED)).all()
    others = 0
    if len(rows) == NAMED:
        others = session.execute(sa.select(sa.func.count()).select_from(statement.subquery())).scalar_one() - NAMED
    counted = [_wait(session, plan, row, now) for row in rows]
    named = tuple(one for one in counted if one.count)
    return Left(named=named, others=others, empty=len(counted) - len(named))


def _wait(session: Session, plan: Redelivery, lane: Any, now: datetime) -> Waiting:
    meant = matching((_delivery.c.event_id,), of_plan(plan), kind=plan.kind, now=now).where(
        _delivery.c.webhook_id == lane.webhook_id,
        _delivery.c.event_id > lane.cursor,
        _delivery.c.event_id <= plan.upper_bound,
        _delivery.c.updated_at <= plan.started_at,
    )
    count = session.execute(sa.select(sa.func.count()).select_from(meant.limit(MOST).subquery())).scalar_one()
    reason = "stopped" if lane.stopped else "disabled" if not lane.enabled else "paused" if lane.paused else "breaker"
    return Waiting(webhook_id=lane.webhook_id, title=lane.title, reason=reason, count=count)
