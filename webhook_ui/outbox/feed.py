"""Runs of plans: a step is looked for on a reading thread and taken in one small transaction, lane by lane.

How far a run has come in each lane is stored with what the step changed, so that whoever goes on, after a crash or on
another machine, neither repeats nor leaves out anything; two that feed at once do no harm, the second finds the cursor
moved. A lane that is held (paused, disabled, sending stopped) takes nothing and keeps nobody waiting: it is come back
to for as long as the plan lives. While a lane's breaker is not closed it gets one delivery, and only if it has nothing
open that could be the probe: without one it would never close. A lane gets no more than it can be seen to take, so
that of a million only a few wait in it, and cancelling is quick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Delivery, Lane, Redelivery, RedeliveryLane, Sending, Webhook, table
from webhook_ui.outbox import plans, transitions
from webhook_ui.outbox.scope import matching, of_plan, takes

AT_ONCE = 200  # rows changed in one transaction
LANES = 100  # looked at in one step
EXAMINED = 5000  # deliveries that a step may read for nothing
OPEN = 4000  # deliveries due that a run lets its lanes have together
LANE_OPEN = (50, 1000)  # and one lane alone, the least and the most

_delivery, _lane, _webhook = table(Delivery), table(Lane), table(Webhook)
_part, _sending = table(RedeliveryLane), table(Sending)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a step does in one lane: it takes `event_ids`, and has then looked at all up to `reached`.

    `seen` is the cursor it began at; `through` says that nothing is left in this lane.
    """

    webhook_id: int
    seen: int
    reached: int
    event_ids: Sequence[int]
    through: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """The next thing to do for a plan. Without parts there is nothing to do now; `held` says that no lane left can."""

    plan_id: int
    state: str
    started_at: datetime | None
    parts: Sequence[Part]
    held: bool
    last_lane: int = 0  # the lane after which the next step begins, so that all get their turn


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a step did: `count` deliveries changed; `over` says that the run is finished, or was not this one's."""

    count: int
    over: bool


def look(session: Session, plan: Redelivery, *, room: int, after: int, now: datetime) -> Step:
    """Finds up to `room` deliveries, from the lane that follows `after` on."""
    lanes = _lanes(session, plan, after)
    least, most = LANE_OPEN
    share = min(max(OPEN // max(_count_lanes(session, plan), 1), least), most)
    parts: list[Part] = []
    room, examined, last = min(room, AT_ONCE), 0, after
    for lane in lanes:
        if room <= 0 or examined >= EXAMINED:
            break
        last = lane.webhook_id
        part, read = _look_into(session, plan, lane, min(room, _free_places(session, plan, lane, share, now)), now)
        if part is not None:
            parts.append(part)
            room -= len(part.event_ids)
        examined += read
    return Step(
        plan_id=plan.id or 0, state=plan.state, started_at=plan.started_at, parts=parts, held=not lanes, last_lane=last
    )


def take(session: Session, step: Step, *, now: datetime) -> Taken:
    """Carries out a step, as far as what it found is still so: one transaction of `AT_ONCE` rows at the most."""
    plan = plans.locked(session, step.plan_id)
    if plan.state != step.state or plan.started_at != step.started_at or plan.upper_bound is None:
        return Taken(count=0, over=True)
    count = 0
    for part in sorted(step.parts, key=lambda part: part.webhook_id):
        if _move(session, plan, part):
            changed = _apply(session, plan, part, now)
            count += changed
            if plan.state == "running":
                plan.done += changed
            if changed:
                note(session, Changed(Kind.delivery, part.webhook_id))
    over = plans.finish_if_through(session, plan, now)
    note(session, Changed(Kind.redelivery))
    return Taken(count=count, over=over)


def takes_nothing() -> sa.ColumnElement[bool]:
    """Whether a webhook's lane is held, so that a redelivery comes back to it later."""
    stopped = sa.exists(sa.select(_sending.c.id))
    return sa.or_(sa.not_(_webhook.c.enabled), _webhook.c.paused, stopped)


def _lanes(session: Session, plan: Redelivery, after: int) -> list[Any]:
    """Lanes left that may take something, those after `after` first."""
    statement = (
        sa.select(_part.c.webhook_id, _part.c.cursor, _webhook.c.deleted_at, _lane.c.breaker)
        .join(_webhook, _webhook.c.id == _part.c.webhook_id)
        .join(_lane, _lane.c.webhook_id == _part.c.webhook_id)
        .where(_part.c.redelivery_id == plan.id)
        .order_by((_part.c.webhook_id <= after), _part.c.webhook_id)
        .limit(LANES)
    )
    if _heeds_lanes(plan):
        statement = statement.where(sa.or_(_webhook.c.deleted_at.is_not(None), sa.not_(takes_nothing())))
    return list(session.execute(statement))


def _count_lanes(session: Session, plan: Redelivery) -> int:
    statement = sa.select(sa.func.count()).select_from(_part).where(_part.c.redelivery_id == plan.id)
    return int(session.execute(statement).scalar_one())


def _heeds_lanes(plan: Redelivery) -> bool:
    return plan.kind == "redeliver" and plan.state == "running"


def _free_places(session: Session, plan: Redelivery, lane: Any, share: int, now: datetime) -> int:
    if not _heeds_lanes(plan) or lane.deleted_at is not None:
        return AT_ONCE
    here = _delivery.c.webhook_id == lane.webhook_id
    if lane.breaker != "closed":
        open_one = sa.select(1).where(here, _delivery.c.due_at.is_not(None)).limit(1)
        return 0 if session.execute(open_one).first() else 1
    due = sa.select(sa.literal(1)).where(here, _delivery.c.due_at <= now).limit(share).subquery()
    return share - int(session.execute(sa.select(sa.func.count()).select_from(due)).scalar_one())


def _look_into(session: Session, plan: Redelivery, lane: Any, room: int, now: datetime) -> tuple[Part | None, int]:
    """What to do in a lane, and about how many of its deliveries were read for it."""
    if _heeds_lanes(plan) and lane.deleted_at is not None:
        return _part_of(lane, [], reached=lane.cursor, through=True), 0
    if room <= 0:
        return None, 0
    if plan.state == "cancelled":
        return _look_for_reopened(session, plan, lane, room, now)
    end, read = _window(session, plan, lane)
    found = _found(session, plan, lane, room=room, end=end, now=now)
    through = end >= (plan.upper_bound or 0)
    if len(found) == room:  # there may be more behind the last one
        return _part_of(lane, found, reached=found[-1], through=through and found[-1] == end), len(found)
    return _part_of(lane, found, reached=end, through=through), read


def _part_of(lane: Any, event_ids: Sequence[int], *, reached: int, through: bool) -> Part:
    return Part(
        webhook_id=lane.webhook_id, seen=lane.cursor, reached=reached, event_ids=tuple(event_ids), through=through
    )


def _window(session: Session, plan: Redelivery, lane: Any) -> tuple[int, int]:
    """How far one step looks in a lane: over so many rows at the most, whatever it finds in them."""
    upper = plan.upper_bound or 0
    statement = sa.select(_delivery.c.event_id).where(
        _delivery.c.webhook_id == lane.webhook_id, _delivery.c.event_id > lane.cursor, _delivery.c.event_id <= upper
    )
    if plan.kind == "cancel":
        statement = statement.where(_delivery.c.due_at.is_not(None))
    last = session.execute(statement.order_by(_delivery.c.event_id).offset(EXAMINED - 1).limit(1)).scalar()
    return (upper, EXAMINED // 10) if last is None else (int(last), EXAMINED)


def _found(session: Session, plan: Redelivery, lane: Any, *, room: int, end: int, now: datetime) -> list[int]:
    statement = matching((_delivery.c.event_id,), of_plan(plan), kind=plan.kind, now=now).where(
        _delivery.c.webhook_id == lane.webhook_id, _delivery.c.event_id > lane.cursor, _delivery.c.event_id <= end
    )
    if plan.kind == "redeliver":  # what failed since the run began is not swept in, nor what it has reopened itself
        statement = statement.where(_delivery.c.updated_at <= plan.started_at)
    return list(session.execute(statement.order_by(_delivery.c.event_id).limit(room)).scalars())


def _look_for_reopened(
    session: Session, plan: Redelivery, lane: Any, room: int, now: datetime
) -> tuple[Part | None, int]:
    """What a cancelled plan has reopened in a lane. What is in flight is come back to, once it has ended."""
    here = sa.and_(_delivery.c.webhook_id == lane.webhook_id, _delivery.c.due_at.is_not(None))
    statement = sa.select(_delivery.c.event_id, transitions.free(now).label("free"), _delivery.c.redelivery_id)
    statement = statement.where(here, _delivery.c.event_id > lane.cursor).order_by(_delivery.c.event_id)
    rows = list(session.execute(statement.limit(EXAMINED // 10)))
    reached, found = lane.cursor, list[int]()
    flying = False
    for row in rows:
        mine = row.redelivery_id == plan.id
        if mine and row.free:
            found.append(row.event_id)
        flying = flying or (mine and not row.free)
        if not flying:
            reached = row.event_id
        if len(found) == room:
            break
    through = not flying and len(found) < room and len(rows) < EXAMINED // 10
    if not found and reached == lane.cursor and not through:
        return None, len(rows)
    return _part_of(lane, found, reached=reached, through=through), len(rows)


def _move(session: Session, plan: Redelivery, part: Part) -> bool:
    """Moves the lane's cursor; False if somebody else has."""
    here = sa.and_(_part.c.redelivery_id == plan.id, _part.c.webhook_id == part.webhook_id, _part.c.cursor == part.seen)
    order = _part.delete().where(here) if part.through else _part.update().where(here).values(cursor=part.reached)
    result: Any = session.execute(order)
    return bool(result.rowcount == 1)


def _apply(session: Session, plan: Redelivery, part: Part, now: datetime) -> int:
    if not part.event_ids:
        return 0
    here = sa.and_(_delivery.c.webhook_id == part.webhook_id, _delivery.c.event_id.in_(part.event_ids))
    if plan.state == "cancelled":
        still = (*takes("cancel", now), _delivery.c.redelivery_id == plan.id)
    elif plan.kind == "cancel":
        still = takes("cancel", now)
    else:
        still = (*takes("redeliver", now), _delivery.c.updated_at <= plan.started_at)
    # whoever holds one of them at this moment is about to change it: it is left alone
    statement = sa.select(_delivery.c.event_id).where(here, *still).order_by(_delivery.c.event_id)
    found = list(session.execute(statement.with_for_update(skip_locked=True)).scalars())
    values = (
        transitions.reopened(now, redelivery_id=plan.id) if _heeds_lanes(plan) else transitions.ended("cancelled", now)
    )
    mine = sa.and_(_delivery.c.webhook_id == part.webhook_id, _delivery.c.event_id.in_(found))
    if found:
        session.execute(_delivery.update().where(mine).values(**values))
    return len(found)
