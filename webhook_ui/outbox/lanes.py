"""Lanes with something open, found by hopping along the index, and which of them may be claimed from."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Delivery, Lane, Sending, Webhook, table

_delivery, _lane, _webhook, _sending = table(Delivery), table(Lane), table(Webhook), table(Sending)


@dataclass(frozen=True, kw_only=True)
class OpenLane:
    """A lane that may be claimed from; `due_at` is when its next delivery falls due (the head's, if ordered).

    Where the breaker is open or the receiver asked to wait, it is not before that is over.
    """

    webhook_id: int
    due_at: datetime
    ordered: bool


def open_lanes(session: Session, now: datetime) -> list[OpenLane]:
    """Lanes that are free: not paused, disabled or deleted, and sending is not stopped. Costs one hop a lane."""
    if session.execute(sa.select(_sending.c.id)).first() is not None:
        return []
    lanes = []
    for row in session.execute(_FREE_LANES).all():
        due_at = row.head_due_at if row.ordered else row.due_at
        holds = (row.not_before, row.probe_at if row.breaker != "closed" else None)
        due_at = max(due_at, *(hold for hold in holds if hold is not None and hold > now), due_at)
        lanes.append(OpenLane(webhook_id=row.id, due_at=due_at, ordered=row.ordered))
    return lanes


def head(webhook_id: sa.ColumnElement[int] | int) -> sa.ScalarSelect[int]:
    """The first open event of a lane; asked for in this order, it is found by the index over what is open."""
    other = _delivery.alias("open")
    return (
        sa.select(other.c.event_id)
        .where(other.c.webhook_id == webhook_id, other.c.due_at.is_not(None))
        .order_by(other.c.event_id, other.c.due_at)
        .limit(sa.literal_column("1"))  # as a parameter it would be planned as if it might be many
        .correlate_except(other)
        .scalar_subquery()
    )


def _free_lanes() -> sa.Select[tuple[int, datetime, datetime, bool, datetime | None, str, datetime | None]]:
    opened = _delivery.c.due_at.is_not(None)
    first = sa.select(sa.func.min(_delivery.c.webhook_id).label("webhook_id")).where(opened)
    hop = first.cte("hop", recursive=True)
    following = (
        sa.select(sa.func.min(_delivery.c.webhook_id))
        .where(opened, _delivery.c.webhook_id > hop.c.webhook_id)
        .correlate(hop)
        .scalar_subquery()
    )
    hop = hop.union_all(sa.select(following).where(hop.c.webhook_id.is_not(None)))
    mine = sa.and_(_delivery.c.webhook_id == _webhook.c.id, opened)
    due_at = sa.select(sa.func.min(_delivery.c.due_at)).where(mine).correlate(_webhook).scalar_subquery()
    head_due_at = (
        sa.select(_delivery.c.due_at)
        .where(_delivery.c.webhook_id == _webhook.c.id, _delivery.c.event_id == head(_webhook.c.id))
        .correlate(_webhook)
    ).scalar_subquery()
    return (
        sa.select(
            _webhook.c.id,
            due_at.label("due_at"),
            sa.case((_webhook.c.ordered, head_due_at), else_=None).label("head_due_at"),
            _webhook.c.ordered,
            _lane.c.not_before,
            _lane.c.breaker,
            _lane.c.probe_at,
        )
        .join(hop, hop.c.webhook_id == _webhook.c.id)
        .join(_lane, _lane.c.webhook_id == _webhook.c.id)
        .where(_webhook.c.enabled, sa.not_(_webhook.c.paused), _webhook.c.deleted_at.is_(None))
    )


_FREE_LANES = _free_lanes()
