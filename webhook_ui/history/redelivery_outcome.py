"""What came of the deliveries that a plan's run has had sent again: sent, failed once more, or waiting still."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.models import Delivery, Redelivery, table

MOST = 20_000  # deliveries that are looked at

_delivery = table(Delivery)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How many were `sent`, have `failed` again (some are tried once more by themselves), or wait to be tried.

    `unsent` are open and are cancelled with the plan: the others had been waiting for a retry before. `complete` unless
    there are more than were looked at. What was since redelivered otherwise is counted there.
    """

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    unsent: int = 0
    complete: bool = True


def outcome_of(session: Session, plan: Redelivery, *, most: int = MOST) -> Outcome | None:
    """Of the run that goes on, or else the last one; None of a plan that cancels, or where nothing is known of any."""
    if plan.kind != "redeliver" or plan.started_at is None or not plan.done:
        return None
    mine = (
        sa.select(
            _delivery.c.status,
            _delivery.c.due_at,
            _delivery.c.last_attempt_id,
            _delivery.c.redelivery_id,
            _delivery.c.updated_at,
        )
        .where(_delivery.c.last_redelivery_id == plan.id)
        .limit(most + 1)
        .subquery()
    ).c
    # an attempt's id is made when it is over: an earlier one than the run does not tell of it
    tried = sa.and_(mine.last_attempt_id.is_not(None), mine.last_attempt_id >= ids.floor(plan.started_at))
    opened = mine.due_at.is_not(None)
    of_this_run = mine.updated_at >= plan.started_at
    row = session.execute(
        sa.select(
            sa.func.count().label("looked_at"),
            _sum(of_this_run, tried, mine.status == "sent").label("sent"),
            _sum(of_this_run, tried, mine.status == "error").label("failed"),
            _sum(of_this_run, sa.not_(tried), opened).label("waiting"),
            _sum(opened, mine.redelivery_id == plan.id).label("unsent"),
        )
    ).one()
    found = Outcome(
        sent=int(row.sent),
        failed=int(row.failed),
        waiting=int(row.waiting),
        unsent=int(row.unsent),
        complete=row.looked_at <= most,
    )
    return found if found.sent or found.failed or found.waiting else None


def _sum(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*conditions), 1), else_=0)), 0)
