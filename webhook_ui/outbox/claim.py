"""Claiming: a dispatcher takes what is due, lane by lane, for as long as a lease; what it does not settle is lost.

A claim that was lost is not a try. `losses` counts claims in a row that were never settled: after 2 a delivery is
claimed alone, so that one that kills its worker takes no neighbour with it; after 2 more it is closed as crashed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids, wire
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Attempt, Delivery, Event, Lane, Webhook, table
from webhook_ui.outbox.lanes import OpenLane, head, open_lanes

ALONE_AFTER = 2
CRASHED_AFTER = 4

_event, _delivery, _webhook = table(Event), table(Delivery), table(Webhook)
_lost = _delivery.c.losses + sa.case((_delivery.c.claim.is_not(None), 1), else_=0)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a delivery goes and how, as the webhook says it at the moment of the claim."""

    webhook_id: int
    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str]
    timeout: float | None
    retry_schedule: Sequence[float] | None


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One delivery in the hands of a dispatcher until its lease ends; `token` proves it."""

    target: Target
    event_id: int
    token: str
    round: int
    tries: int
    trigger: str
    payload: str
    occurred_at: datetime

    @property
    def webhook_id(self) -> int:
        return self.target.webhook_id


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a claim brought; `suspects` are lanes where something waits to be claimed alone, `next_due` is when
    the next delivery of a free lane falls due (None: none is known)."""

    deliveries: Sequence[Claimed]
    suspects: Sequence[int]
    next_due: datetime | None


def claim(
    session: Session,
    *,
    token: str,
    now: datetime,
    lease_until: datetime,
    seats: int,
    seats_per_webhook: int,
    busy: Mapping[int, int],
) -> Claims:
    """Takes up to `seats` due deliveries, those of lanes with the fewest in flight (`busy`) first."""
    lanes = open_lanes(session, now)
    due = sorted(
        (lane for lane in lanes if lane.due_at <= now), key=lambda lane: (busy.get(lane.webhook_id, 0), lane.due_at)
    )
    taken: list[Any] = []
    for place, lane in enumerate(due):
        free = seats - len(taken)
        if free <= 0:
            break
        share = -(-free // (len(due) - place))  # what is left, divided among the lanes that are left
        room = min(share, seats_per_webhook - busy.get(lane.webhook_id, 0))
        if room > 0:
            taken += _lock_due(session, lane, room, now)
    _mark(session, taken, token=token, lease_until=lease_until)
    later = [lane.due_at for lane in lanes if lane.due_at > now] + _following(session, taken, now)
    return Claims(
        deliveries=_load(session, taken, token, now),
        suspects=sorted({webhook_id for webhook_id, _ in _suspects(session, [lane.webhook_id for lane in due], now)}),
        next_due=min(later, default=None),
    )


def claim_alone(
    session: Session, webhook_ids: Collection[int], *, token: str, now: datetime, lease_until: datetime
) -> Claims:
    """Takes the one suspect that waits longest, for a dispatcher that has nothing else in flight.

    A suspect that was lost alone as often as with others is closed as crashed instead.
    """
    lanes = {lane.webhook_id: lane for lane in open_lanes(session, now) if lane.due_at <= now}
    taken: list[Any] = []
    for webhook_id, event_id in _suspects(session, sorted(lanes.keys() & webhook_ids), now):
        rows = _lock_suspect(session, lanes[webhook_id], event_id, now)
        if rows and rows[0].lost >= CRASHED_AFTER:
            _close_crashed(session, rows[0], now)
        elif rows:
            taken = rows
            break
    _mark(session, taken, token=token, lease_until=lease_until)
    return Claims(deliveries=_load(session, taken, token, now), suspects=(), next_due=None)


def give_back(session: Session, claimed: Iterable[Claimed], *, now: datetime) -> None:
    """Returns claims that were not used: due now, nothing counted."""
    for one in claimed:
        session.execute(
            _delivery.update()
            .where(
                _delivery.c.webhook_id == one.webhook_id,
                _delivery.c.event_id == one.event_id,
                _delivery.c.claim == one.token,
            )
            .values(claim=None, due_at=now)
        )
        note(session, Changed(Kind.delivery, one.webhook_id))


def _lock_due(session: Session, lane: OpenLane, room: int, now: datetime) -> list[Any]:
    """Up to `room` deliveries of a lane that may be claimed in company."""
    if lane.ordered:
        return [row for row in _ordered_head(session, lane.webhook_id, now) if row.lost < ALONE_AFTER]
    statement = (
        sa.select(_delivery, _lost.label("lost"))
        .where(_delivery.c.webhook_id == lane.webhook_id, _delivery.c.due_at <= now)
        .where(_lost < ALONE_AFTER)
        .order_by(_delivery.c.due_at)
        .limit(room)
    )
    return list(session.execute(statement.with_for_update(skip_locked=True)))


def _lock_suspect(session: Session, lane: OpenLane, event_id: int, now: datetime) -> list[Any]:
    """This one delivery, if it must still be claimed alone and may be claimed now."""
    if lane.ordered:
        rows = _ordered_head(session, lane.webhook_id, now)
    else:
        statement = sa.select(_delivery, _lost.label("lost")).where(
            _delivery.c.webhook_id == lane.webhook_id, _delivery.c.event_id == event_id, _delivery.c.due_at <= now
        )
        rows = list(session.execute(statement.with_for_update(skip_locked=True)))
    return [row for row in rows if row.event_id == event_id and row.lost >= ALONE_AFTER]


def _ordered_head(session: Session, webhook_id: int, now: datetime) -> list[Any]:
    """The first open delivery of an ordered lane, if it is due and nothing of the lane is in flight."""
    if not _lock_lane(session, webhook_id):
        return []
    first = session.execute(
        sa.select(_delivery, _lost.label("lost"))
        .where(_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == head(webhook_id))
        .where(_delivery.c.due_at.is_not(None))
        .with_for_update()
    ).one_or_none()
    in_flight = sa.select(_delivery.c.event_id).where(
        _delivery.c.webhook_id == webhook_id, _delivery.c.claim.is_not(None), _delivery.c.due_at > now
    )
    if first is None or first.due_at > now or session.execute(in_flight.limit(1)).first():
        return []
    return [first]


def _lock_lane(session: Session, webhook_id: int) -> bool:
    """Locks the lane's row, so that two workers never decide about one ordered lane at the same time."""
    lane = table(Lane)
    statement = sa.select(lane.c.webhook_id).where(lane.c.webhook_id == webhook_id).with_for_update(skip_locked=True)
    return session.execute(statement).first() is not None


_MARKED = (
    _delivery.update()
    .where(_delivery.c.webhook_id == sa.bindparam("of_webhook"), _delivery.c.event_id == sa.bindparam("of_event"))
    .values(losses=_lost)
)


def _mark(session: Session, rows: Sequence[Any], *, token: str, lease_until: datetime) -> None:
    if rows:
        marks = [{"of_webhook": row.webhook_id, "of_event": row.event_id} for row in rows]
        session.connection().execute(_MARKED.values(claim=token, due_at=lease_until), marks)


def _following(session: Session, taken: Iterable[Any], now: datetime) -> list[datetime]:
    """When lanes that were just claimed from have something due again: their leases, and what lay behind them."""
    following = (
        sa.select(_delivery.c.due_at)
        .where(_delivery.c.webhook_id == _webhook.c.id, _delivery.c.due_at > now)
        .order_by(_delivery.c.due_at)
        .limit(1)
        .correlate(_webhook)
        .scalar_subquery()
    )
    webhook_ids = {row.webhook_id for row in taken}
    return list(session.execute(sa.select(following).where(_webhook.c.id.in_(webhook_ids))).scalars())


def _suspects(session: Session, webhook_ids: Sequence[int], now: datetime) -> list[tuple[int, int]]:
    """Deliveries (webhook id, event id) that may only be claimed alone, those that wait longest first."""
    among = set(webhook_ids)
    rows = session.execute(_SUSPECTS, {"now": now}) if among else ()
    return [(row.webhook_id, row.event_id) for row in rows if row.webhook_id in among]


_SUSPECTS = (
    sa.select(_delivery.c.webhook_id, _delivery.c.event_id)
    .where(_delivery.c.due_at <= sa.bindparam("now", type_=_delivery.c.due_at.type), _lost >= ALONE_AFTER)
    .where(sa.text("losses > 0"))  # in the words of the index over what was lost, or SQLite does not use it
    .order_by(_delivery.c.due_at, _delivery.c.event_id)
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


def _load(session: Session, rows: Sequence[Any], token: str, now: datetime) -> list[Claimed]:
    if not rows:
        return []
    events = {
        event.id: event
        for event in session.execute(sa.select(_event).where(_event.c.id.in_({row.event_id for row in rows})))
    }
    webhooks = session.execute(sa.select(_webhook).where(_webhook.c.id.in_({row.webhook_id for row in rows})))
    targets = {webhook.id: _target(webhook, now) for webhook in webhooks}
    return [
        Claimed(
            target=targets[row.webhook_id],
            event_id=row.event_id,
            token=token,
            round=row.round,
            tries=row.tries,
            trigger=row.trigger,
            payload=events[row.event_id].payload,
            occurred_at=events[row.event_id].occurred_at,
        )
        for row in rows
    ]


def _target(webhook: Any, now: datetime) -> Target:
    rotating = webhook.old_secret is not None and webhook.old_secret_until > now
    return Target(
        webhook_id=webhook.id,
        url=webhook.url,
        headers=webhook.headers,
        secrets=(webhook.secret, webhook.old_secret) if rotating else (webhook.secret,),
        timeout=webhook.timeout,
        retry_schedule=webhook.retry_schedule,
    )
