"""The life of a plan for many deliveries: stored, begun, changed, cancelled, done. What its runs do stands in `feed`.

One-time plans run once and are done; a cron plan waits for its next time again. A run that is still going when the
next one falls due is finished first, except for lanes that are held: the next run takes those over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict, Invalid, NotFound
from webhook_ui.languages import tr
from webhook_ui.models import Delivery, Event, Redelivery, RedeliveryLane, Webhook, table
from webhook_ui.outbox import runs
from webhook_ui.outbox.forecast import Forecast
from webhook_ui.outbox.scope import Scope, of_plan, to_json

_plan, _part, _event = table(Redelivery), table(RedeliveryLane), table(Event)
_delivery, _webhook = table(Delivery), table(Webhook)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When a plan runs: now (all None), once `at` a time, or by `cron` in a `timezone`; `next_run_at` is the next."""

    at: datetime | None = None
    cron: str | None = None
    timezone: str | None = None
    next_run_at: datetime | None = None


def get(session: Session, plan_id: int) -> Redelivery:
    """The plan. Raises NotFound."""
    plan = session.get(Redelivery, plan_id) if 0 < plan_id < 1 << 63 else None
    if plan is None:
        raise NotFound(tr("There is no redelivery {id}.", id=plan_id))
    return plan


def locked(session: Session, plan_id: int) -> Redelivery:
    """The plan as it is now; nobody else changes it before the end of the transaction. Raises NotFound."""
    get(session, plan_id)
    statement = sa.select(Redelivery).where(_plan.c.id == plan_id).with_for_update()
    plan: Redelivery = session.execute(statement, execution_options={"populate_existing": True}).scalar_one()
    return plan


def store(
    session: Session,
    *,
    kind: str,
    scope: Scope,
    rate: float | None,
    timing: Timing,
    forecast: Forecast,
    actor: Actor,
    now: datetime,
) -> Redelivery:
    """A new plan; one without a time begins to run. Raises Invalid when there is no such webhook."""
    actor.require(Role.operator)
    _check_webhooks(session, scope, kind)
    plan = Redelivery(
        kind=kind,
        state="scheduled",
        scope=to_json(scope),
        within=scope.within,
        rate=rate,
        at=timing.at,
        cron=timing.cron,
        timezone=timing.timezone,
        next_run_at=timing.next_run_at,
        actor=actor.name,
        created_at=now,
        updated_at=now,
    )
    session.add(plan)
    session.flush()
    _foresee(plan, forecast)
    if timing.next_run_at is None:
        _begin(session, plan, now)
    _record(session, plan, f"{kind}.planned", actor, now, before=None)
    return plan


def change(
    session: Session,
    plan: Redelivery,
    *,
    state: str | None,
    rate: float | None,
    within: str | None,
    timing: Timing,
    actor: Actor,
    now: datetime,
) -> None:
    """Pauses, resumes or edits a `locked` plan: `rate`, `within` and `timing` are as they shall be from now on.

    A pause also stops the clock: runs that fall due meanwhile are left out.
    """
    actor.require(Role.operator)
    if plan.state in ("done", "cancelled"):
        raise Conflict(tr("This plan is {state}; it can no longer be changed. Make a new one.", state=plan.state))
    before = snapshot(plan)
    plan.rate, plan.within = rate, within
    plan.at, plan.cron, plan.timezone = timing.at, timing.cron, timing.timezone
    if state == "paused" or (state is None and plan.state == "paused"):
        plan.state, plan.next_run_at = "paused", None
    else:
        plan.state = "running" if plan.upper_bound is not None else "scheduled"
        plan.next_run_at = timing.next_run_at
    if snapshot(plan) != before:
        plan.updated_at = now
        _record(session, plan, f"{plan.kind}.changed", actor, now, before=before)


def cancel(session: Session, plan_id: int, *, actor: Actor, now: datetime) -> Redelivery:
    """Ends a plan. What a redelivery has reopened and is not sent yet is then cancelled too, step by step.

    What had been open before and was only made due goes on as it would have; so does what is cancelled already.
    """
    actor.require(Role.operator)
    plan = locked(session, plan_id)
    if plan.state == "cancelled":
        return plan
    if plan.state == "done" and plan.kind == "cancel":
        raise Conflict(tr("This plan is done: what it meant is cancelled. To send some of it after all, redeliver it."))
    before = snapshot(plan)
    runs.end(session, plan, "cancelled", now)
    plan.state, plan.next_run_at, plan.updated_at, plan.upper_bound = "cancelled", None, now, None
    session.execute(_part.delete().where(_part.c.redelivery_id == plan_id))
    if plan.kind == "redeliver" and plan.started_at is not None:
        _lay_out(session, plan, [_has(_delivery.c.due_at.is_not(None))], after=-1)
        plan.upper_bound = _newest(session) if _left(session, plan) else None
    _record(session, plan, f"{plan.kind}.cancelled", actor, now, before=before)
    return plan


def begin_due(
    session: Session, plan_id: int, forecast: Forecast, *, next_run_at: datetime | None, now: datetime
) -> bool:
    """Begins the run that is due; False if it is not, or no longer."""
    plan = locked(session, plan_id)
    if plan.state not in ("scheduled", "running") or plan.next_run_at is None or plan.next_run_at > now:
        return False
    _foresee(plan, forecast)
    plan.next_run_at = next_run_at
    _begin(session, plan, now)
    note(session, Changed(Kind.redelivery))
    return True


def finish_if_through(session: Session, plan: Redelivery, now: datetime) -> bool:
    """Ends the run of a `locked` plan that has nothing left to do in any lane."""
    if plan.upper_bound is None or _left(session, plan):
        return False
    plan.upper_bound, plan.updated_at = None, now
    if plan.state != "cancelled":
        plan.state = "scheduled" if plan.cron is not None else "done"
        runs.end(session, plan, "done", now)
    return True


def at_work(session: Session) -> Sequence[Redelivery]:
    """Plans with a run in progress, and cancelled ones of which something is still to be closed."""
    working = sa.and_(_plan.c.upper_bound.is_not(None), _plan.c.state.in_(["running", "cancelled"]))
    return list(session.execute(sa.select(Redelivery).where(working).order_by(_plan.c.id)).scalars())


def waiting(session: Session) -> Sequence[Redelivery]:
    """Plans that have a next run, the earliest first."""
    planned = sa.and_(_plan.c.next_run_at.is_not(None), _plan.c.state.in_(["scheduled", "running"]))
    statement = sa.select(Redelivery).where(planned).order_by(_plan.c.next_run_at, _plan.c.id)
    return list(session.execute(statement).scalars())


def snapshot(plan: Redelivery) -> dict[str, Any]:
    """What history keeps of a plan."""
    at = plan.at.isoformat() if plan.at is not None else None
    timing = {"at": at, "cron": plan.cron, "timezone": plan.timezone}
    return {"state": plan.state, "scope": plan.scope, "within": plan.within, "rate": plan.rate, **timing}


def _begin(session: Session, plan: Redelivery, now: datetime) -> None:
    scope = of_plan(plan)
    runs.end(session, plan, "taken_over", now)  # where one still goes on, only lanes that are held are left of it
    plan.upper_bound = scope.last(_newest(session))
    plan.state, plan.started_at, plan.updated_at = "running", now, now
    plan.done = 0
    runs.begin(session, plan, now)
    session.execute(_part.delete().where(_part.c.redelivery_id == plan.id))
    lanes = [_has(_delivery.c.due_at.is_not(None) if plan.kind == "cancel" else sa.true())]
    if plan.kind == "redeliver":
        lanes.append(_webhook.c.deleted_at.is_(None))
    if scope.webhooks is not None:
        lanes.append(_webhook.c.id.in_(scope.webhooks))
    _lay_out(session, plan, lanes, after=scope.after(now))
    finish_if_through(session, plan, now)


def _lay_out(session: Session, plan: Redelivery, lanes: Sequence[sa.ColumnElement[bool]], *, after: int) -> None:
    """Notes the lanes that a run has to go through: one statement, however many there are."""
    columns = (sa.literal(plan.id, _part.c.redelivery_id.type), _webhook.c.id, sa.literal(after, _part.c.cursor.type))
    found = sa.select(*columns).where(*lanes)
    session.execute(_part.insert().from_select(["redelivery_id", "webhook_id", "cursor"], found))


def _has(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists(sa.select(1).where(_delivery.c.webhook_id == _webhook.c.id, condition).correlate(_webhook))


def _left(session: Session, plan: Redelivery) -> bool:
    session.flush()
    return session.execute(sa.select(1).where(_part.c.redelivery_id == plan.id).limit(1)).first() is not None


def _newest(session: Session) -> int:
    newest: int | None = session.execute(sa.select(sa.func.max(_event.c.id))).scalar_one()
    return newest or 0


def _foresee(plan: Redelivery, forecast: Forecast) -> None:
    plan.matched, plan.pace = forecast.matched, forecast.pace


def _check_webhooks(session: Session, scope: Scope, kind: str) -> None:
    if scope.webhooks is None:
        return
    field = "webhook_id" if scope.webhook_ids is None else "webhook_ids"
    statement = sa.select(_webhook.c.id, _webhook.c.deleted_at).where(_webhook.c.id.in_(scope.webhooks))
    deleted = {row.id: row.deleted_at is not None for row in session.execute(statement)}
    for webhook_id in scope.webhooks:
        if webhook_id not in deleted:
            raise Invalid({field: tr("There is no webhook {id}.", id=webhook_id)})
        if deleted[webhook_id] and kind == "redeliver":
            words = (
                tr("This webhook is deleted. Restore it, then redeliver.")
                if field == "webhook_id"
                else tr("Webhook {id} is deleted. Restore it, then redeliver.", id=webhook_id)
            )
            raise Invalid({field: words})


def _record(
    session: Session, plan: Redelivery, action: str, actor: Actor, now: datetime, *, before: Mapping[str, Any] | None
) -> None:
    session.flush()
    changelog.record(
        session,
        actor=actor,
        action=action,
        subject="redelivery",
        subject_id=str(plan.id),
        before=dict(before) if before is not None else None,
        after=snapshot(plan),
        now=now,
    )
    note(session, Changed(Kind.redelivery))
