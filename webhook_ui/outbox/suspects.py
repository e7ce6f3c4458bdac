"""Suspects: deliveries whose claims were lost again and again, perhaps because sending them kills the process.

A claim that was lost is not a try. `losses` counts claims in a row that were never settled. After 2 a delivery is a
suspect, and claimed with other suspects only: so most of those that were only near are sent at once. After 3 it is
claimed alone, so that one that kills its worker takes no neighbour with it; after 2 more it is closed as crashed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids, wire
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Attempt, Delivery, Event, Lane, Webhook, table
from webhook_ui.outbox.claim import Claimed, Claims, Lease
from webhook_ui.outbox.lanes import OpenLane, head, open_lanes
from webhook_ui.outbox.limits import slower
from webhook_ui.outbox.targets import Targets

SUSPECT_AFTER = 2
ALONE_AFTER = 3
CRASHED_AFTER = 5
COMPANY = 32  # suspects in flight at the same time, at the most

_delivery, _event, _lane, _webhook = table(Delivery), table(Event), table(Lane), table(Webhook)
_lost = _delivery.c.losses + sa.case((_delivery.c.claim.is_not(None), 1), else_=0)


def suspects(session: Session, lanes: Sequence[OpenLane], now: datetime) -> list[tuple[int, int]]:
    """Deliveries (webhook id, event id) of these lanes that are due and may be claimed, but not with others.

    The longest waiting first. Of an ordered lane it can only be the head.
    """
    due = {lane.webhook_id: lane for lane in lanes if lane.due_at <= now}
    found = [(row.webhook_id, row.event_id) for row in session.execute(_SUSPECTS, {"now": now})] if due else []
    return [one for one in found if one[0] in due and (not due[one[0]].ordered or _is_head(session, *one))]


def claim_suspects(session: Session, among: Sequence[tuple[int, int]], *, lease: Lease, targets: Targets) -> Claims:
    """Takes of these suspects what may be sent together, for a dispatcher whose other deliveries are back, or hang.

    That is one that must go alone, or several that need not. A suspect that was lost alone twice is closed as crashed.
    """
    lanes = {lane.webhook_id: lane for lane in open_lanes(session, lease.now) if lane.due_at <= lease.now}
    taken: list[Claimed] = []
    for webhook_id, event_id in among:
        row = _lock(session, lanes[webhook_id], event_id, lease) if webhook_id in lanes else None
        if row is None:
            continue
        if row.lost >= CRASHED_AFTER:
            _close_crashed(session, row, lease.now)
            continue
        goes_alone = row.lost >= ALONE_AFTER
        if goes_alone and taken:
            continue
        session.execute(
            _delivery.update()
            .where(_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == event_id)
            .values(claim=lease.token, due_at=lease.until, losses=row.lost)
        )
        _count_in(session, webhook_id, lease.now)
        taken.append(_load(session, row, lease, targets))
        if goes_alone or len(taken) == COMPANY:
            break
    return Claims(deliveries=taken)


_LANE = sa.select(
    _lane.c.breaker, _lane.c.resume_rate, _lane.c.rate_tat, _webhook.c.ordered, _webhook.c.rate_limit
).join(_webhook, _webhook.c.id == _lane.c.webhook_id)
_SUSPECTS = (
    sa.select(_delivery.c.webhook_id, _delivery.c.event_id)
    .where(_delivery.c.due_at <= sa.bindparam("now", type_=_delivery.c.due_at.type), _lost >= SUSPECT_AFTER)
    .where(sa.text("losses > 0"))  # in the words of the index over what was lost, or SQLite does not use it
    .order_by(_delivery.c.due_at, _delivery.c.event_id)
)


def _is_head(session: Session, webhook_id: int, event_id: int) -> bool:
    return session.execute(sa.select(head(webhook_id))).scalar() == event_id


def _lock(session: Session, lane: OpenLane, event_id: int, lease: Lease) -> Any:
    """This one delivery, locked, if it is still a suspect and may be claimed now."""
    # two workers must never decide about one lane at the same time
    locked = session.execute(
        _LANE.where(_lane.c.webhook_id == lane.webhook_id).with_for_update(of=_lane, skip_locked=True)
    ).one_or_none()
    if locked is None or _is_full(locked, lease.now):
        return None
    statement = sa.select(_delivery, _lost.label("lost")).where(
        _delivery.c.webhook_id == lane.webhook_id, _delivery.c.event_id == event_id, _delivery.c.due_at <= lease.now
    )
    if not lease.reclaim:
        statement = statement.where(_delivery.c.claim.is_(None))
    if locked.ordered:
        statement = statement.where(_delivery.c.event_id == head(lane.webhook_id))
    if (locked.ordered or locked.breaker != "closed") and _is_anything_in_flight(session, lane.webhook_id, lease):
        return None
    row = session.execute(statement.with_for_update(skip_locked=True)).one_or_none()
    return row if row is not None and row.lost >= SUSPECT_AFTER else None


def _is_full(lane: Any, now: datetime) -> bool:
    """Whether the lane's rate has no room for one more now."""
    limit = slower(lane.rate_limit, lane.resume_rate)
    return limit is not None and not limit.room(lane.rate_tat, now)


def _count_in(session: Session, webhook_id: int, now: datetime) -> None:
    """Counts one more into the rate of a locked lane."""
    lane = session.execute(_LANE.where(_lane.c.webhook_id == webhook_id)).one()
    if (limit := slower(lane.rate_limit, lane.resume_rate)) is not None:
        arrival = limit.after(lane.rate_tat, now, 1)
        session.execute(_lane.update().where(_lane.c.webhook_id == webhook_id).values(rate_tat=arrival))


def _is_anything_in_flight(session: Session, webhook_id: int, lease: Lease) -> bool:
    in_flight = sa.select(_delivery.c.event_id).where(
        _delivery.c.webhook_id == webhook_id, _delivery.c.claim.is_not(None), _delivery.c.due_at > lease.now
    )
    return session.execute(in_flight.limit(1)).first() is not None


def _load(session: Session, row: Any, lease: Lease, targets: Targets) -> Claimed:
    version = session.execute(sa.select(_webhook.c.version).where(_webhook.c.id == row.webhook_id)).scalar_one()
    event = session.execute(sa.select(_event).where(_event.c.id == row.event_id)).one()
    return Claimed(
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        target=targets.of(session, {row.webhook_id: version}, lease.now)[row.webhook_id],
        token=lease.token,
        round=row.round,
        tries=row.tries,
        trigger=row.trigger,
        payload=event.payload,
        occurred_at=event.occurred_at,
        narrow=True,
    )


def _close_crashed(session: Session, row: Any, now: datetime) -> None:
    attempt_id = ids.new_id()
    url = session.execute(sa.select(_webhook.c.url).where(_webhook.c.id == row.webhook_id)).scalar_one()
    message = (
        f"Sending this ended {row.lost} times without a result: the process that sent it stopped each time. "
        "Look for crashes in the server's log, then redeliver."
    )
    session.execute(
        table(Attempt)
        .insert()
        .values(
            webhook_id=row.webhook_id,
            event_id=row.event_id,
            id=attempt_id,
            round=row.round,
            late=False,
            at=now,
            duration_ms=0.0,
            status=wire.Result.error.value,
            url=url,
            request_headers=[],
            response_headers=[],
            response_body="",
            error_class=wire.ErrorClass.crash.value,
            error_message=message,
            timings={},
        )
    )
    session.execute(
        _delivery.update()
        .where(_delivery.c.webhook_id == row.webhook_id, _delivery.c.event_id == row.event_id)
        .values(status="error", closed="crashed", due_at=None, claim=None, last_attempt_id=attempt_id, updated_at=now)
    )
    note(session, Changed(Kind.attempt, row.webhook_id))
