"""Runs of plans as they are remembered: one row each, written where a run begins and where it ends, and pruned."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Redelivery, RedeliveryRun, table

ROWS = 600  # removed in one transaction

_plan, _run = table(Redelivery), table(RedeliveryRun)


def begin(session: Session, plan: Redelivery, now: datetime) -> None:
    """A run of a stored plan begins `now`."""
    session.add(RedeliveryRun(redelivery_id=plan.id or 0, started_at=now, matched=plan.matched))
    session.flush()


def end(session: Session, plan: Redelivery, outcome: str, now: datetime) -> None:
    """The run that goes on, if one does, is over; call it while the plan still says how far it has come."""
    mine = sa.and_(_run.c.redelivery_id == plan.id, _run.c.ended_at.is_(None))
    session.execute(_run.update().where(mine).values(ended_at=now, outcome=outcome, done=plan.done))


def forget(session: Session, *, before: datetime) -> int:
    """Removes a batch of runs that ended before `before`, then of plans that were over by then; 0 when none is left."""
    old = sa.select(_run.c.id).where(_run.c.ended_at < before).order_by(_run.c.ended_at).limit(ROWS)
    runs = session.execute(old.with_for_update(skip_locked=True)).scalars().all()
    if runs:
        session.execute(_run.delete().where(_run.c.id.in_(runs)))
        return len(runs)
    over = sa.and_(_plan.c.state.in_(["done", "cancelled"]), _plan.c.upper_bound.is_(None), _plan.c.updated_at < before)
    bare = sa.not_(sa.exists(sa.select(1).where(_run.c.redelivery_id == _plan.c.id)))
    plans = sa.select(_plan.c.id).where(over, bare).order_by(_plan.c.id).limit(ROWS)
    found = session.execute(plans.with_for_update(of=_plan, skip_locked=True)).scalars().all()
    if found:
        session.execute(_plan.delete().where(_plan.c.id.in_(found)))
    return len(found)
