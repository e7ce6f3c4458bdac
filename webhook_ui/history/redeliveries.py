"""Plans for many deliveries as they are read: lists and one, with how many of the lanes left are held."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.errors import NotFound
from webhook_ui.history import paging
from webhook_ui.models import Redelivery, RedeliveryLane, Sending, Webhook, table

_plan, _part, _webhook = table(Redelivery), table(RedeliveryLane), table(Webhook)


@dataclass(frozen=True, kw_only=True)
class RedeliveryRow:
    """A plan; `held` counts webhooks that a run still has to come back to, because they take nothing at the moment."""

    plan: Redelivery
    held: int


@dataclass(frozen=True, kw_only=True)
class RedeliveryPage:
    """One page of plans."""

    rows: Sequence[RedeliveryRow]
    next_cursor: str | None


def list_redeliveries(
    session: Session, *, state: str | None = None, limit: int = paging.DEFAULT_LIMIT, cursor: str | None = None
) -> RedeliveryPage:
    """A page of plans, newest first. Raises Invalid for a foreign cursor."""
    statement = sa.select(Redelivery).order_by(_plan.c.id.desc()).limit(limit + 1)
    if state is not None:
        statement = statement.where(_plan.c.state == state)
    if cursor is not None:
        (last,) = paging.decode(cursor, 1)
        statement = statement.where(_plan.c.id < last)
    found = list(session.execute(statement).scalars())
    page = found[:limit]
    next_cursor = paging.encode([page[-1].id or 0]) if len(found) > limit else None
    return RedeliveryPage(rows=_rows(session, page), next_cursor=next_cursor)


def get_redelivery(session: Session, plan_id: int) -> RedeliveryRow:
    """One plan. Raises NotFound."""
    plan = session.get(Redelivery, plan_id) if 0 < plan_id < 1 << 63 else None
    if plan is None:
        raise NotFound(f"There is no redelivery {plan_id}.")
    return _rows(session, [plan])[0]


def _rows(session: Session, page: Sequence[Redelivery]) -> list[RedeliveryRow]:
    running = [plan.id for plan in page if plan.kind == "redeliver" and plan.state == "running"]
    stopped = sa.exists(sa.select(table(Sending).c.id))
    statement = (
        sa.select(_part.c.redelivery_id, sa.func.count())
        .join(_webhook, _webhook.c.id == _part.c.webhook_id)
        .where(_part.c.redelivery_id.in_(running), _webhook.c.deleted_at.is_(None))
        .where(sa.or_(sa.not_(_webhook.c.enabled), _webhook.c.paused, stopped))
        .group_by(_part.c.redelivery_id)
    )
    held = {row[0]: row[1] for row in session.execute(statement)} if running else {}
    return [RedeliveryRow(plan=plan, held=held.get(plan.id, 0)) for plan in page]
