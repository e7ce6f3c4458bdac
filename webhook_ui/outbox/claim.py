"""Claiming: a dispatcher takes what is due, lane by lane, for as long as a lease; what it does not settle is lost.

Wide lanes give as many as they are asked for. Narrow ones (ordered, with a rate, or with a breaker that is not closed)
are decided under a lock of their lane's row, so that all workers together keep to what they promise.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlmodel import Session

from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Delivery, Lane, table
from webhook_ui.outbox.limits import slower
from webhook_ui.outbox.store import ClaimedRow, Key, LaneRow
from webhook_ui.outbox.stores import store_of
from webhook_ui.outbox.targets import Target, Targets

ELSEWHERE = timedelta(milliseconds=20)  # until a lane is looked at again that another worker is deciding about
BLOCKED = timedelta(seconds=1)  # the same for one in which something is due that may not be taken now

_delivery, _lane = table(Delivery), table(Lane)


class Claimed(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One delivery in the hands of a dispatcher until its lease ends; `token` proves it.

    A `narrow` one was claimed as the only one of its lane; as a `probe`, to see whether its receiver is up again.
    """

    webhook_id: int
    event_id: int
    target: Target
    token: str
    round: int
    tries: int
    trigger: str
    payload: str
    occurred_at: datetime
    narrow: bool = False
    probe: bool = False

    @property
    def key(self) -> Key:
        return self.webhook_id, self.event_id


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a claim brought. `looks` says of each lane that was asked when to look again; held and empty ones lack."""

    deliveries: Sequence[Claimed] = ()
    looks: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Until when something is claimed at `now`; `token` stands for this claim and no other.

    Without `reclaim`, leases that seem to be over are not believed: the clock has just jumped.
    """

    token: str
    now: datetime
    until: datetime
    reclaim: bool = True

    @property
    def terms(self) -> dict[str, Any]:
        """As the statements take them."""
        return {"token": self.token, "now": self.now, "lease_until": self.until, "reclaim": self.reclaim}


def claim(session: Session, wanted: Mapping[int, int], *, lease: Lease, targets: Targets) -> Claims:
    """Takes of each lane (webhook id → how many at most) what is due and may be taken."""
    connection = session.connection()
    store = store_of(connection)
    if not wanted:
        return Claims()
    looks: dict[int, datetime] = {}
    wide: list[LaneRow] = []
    narrow: list[LaneRow] = []
    lanes = store.lanes(connection, wanted)
    known = targets.of(session, {lane.webhook_id: lane.version for lane in lanes if lane.free}, lease.now)
    for lane in lanes:
        if lane.free and lane.webhook_id not in known:
            continue
        if (until := _held_until(lane, lease.now)) is not None:
            looks[lane.webhook_id] = until
        elif lane.free:
            (narrow if _is_narrow(lane) else wide).append(lane)
    rows = store.claim(connection, [(lane.webhook_id, wanted[lane.webhook_id]) for lane in wide], **lease.terms)
    taken = Counter(row.webhook_id for row in rows)
    full = [lane for lane in wide if taken[lane.webhook_id] >= wanted[lane.webhook_id]]
    looks |= {lane.webhook_id: lease.now for lane in full if wanted[lane.webhook_id] > 1}
    singles: dict[int, bool] = {}  # lanes of which one was taken; whether as a probe
    if narrow:
        locked = {lane.webhook_id: lane for lane in store.lock_lanes(connection, [one.webhook_id for one in narrow])}
        looks |= {one.webhook_id: lease.now + ELSEWHERE for one in narrow if one.webhook_id not in locked}
        for lane in locked.values():
            rows += _claim_narrow(session, lane, wanted[lane.webhook_id], lease=lease, looks=looks, singles=singles)
    rows.sort(key=lambda row: row.event_id)
    unknown = [lane for lane in (*wide, *narrow) if lane.webhook_id not in looks]
    # what is due but was not taken waits for something else: to be sent alone, or for what is in flight
    again = {lane.webhook_id: lease.now for lane in full}
    for webhook_id, at in _next_due(session, unknown).items():
        looks[webhook_id] = at if at > lease.now else again.get(webhook_id, lease.now + BLOCKED)
    deliveries = [_claimed(row, known[row.webhook_id], lease.token, singles.get(row.webhook_id)) for row in rows]
    return Claims(deliveries=deliveries, looks=looks)


def give_back(session: Session, claimed: Iterable[Claimed], *, now: datetime) -> None:
    """Returns claims that were not used: due now, nothing counted."""
    together: dict[tuple[int, str], list[int]] = {}
    for one in claimed:
        together.setdefault((one.webhook_id, one.token), []).append(one.event_id)
    for (webhook_id, token), event_ids in together.items():
        session.execute(
            _delivery.update()
            .where(
                _delivery.c.webhook_id == webhook_id,
                _delivery.c.event_id.in_(event_ids),
                _delivery.c.claim == token,
            )
            .values(claim=None, due_at=now)
        )
        note(session, Changed(Kind.delivery, webhook_id))


def _held_until(lane: LaneRow, now: datetime) -> datetime | None:
    """Until when a free lane takes nothing, because its receiver asked for it or is down; None: not held by time."""
    if not lane.free:
        return None
    holds = (lane.not_before, lane.probe_at if lane.breaker != "closed" else None)
    return max((hold for hold in holds if hold is not None and hold > now), default=None)


def _is_narrow(lane: LaneRow) -> bool:
    return lane.ordered or lane.breaker != "closed" or lane.rate_limit is not None or lane.resume_rate is not None


def _claim_narrow(
    session: Session, lane: LaneRow, count: int, *, lease: Lease, looks: dict[int, datetime], singles: dict[int, bool]
) -> list[ClaimedRow]:
    """Takes from a lane whose row is locked, and writes down what that means for the lane."""
    connection, webhook_id = session.connection(), lane.webhook_id
    if not lane.free:
        return []
    if (until := _held_until(lane, lease.now)) is not None:
        looks[webhook_id] = until
        return []
    limit = slower(lane.rate_limit, lane.resume_rate)
    room = min(count, limit.room(lane.rate_tat, lease.now)) if limit else count
    if limit and lane.rate_tat and room == 0:
        looks[webhook_id] = limit.next_room(lane.rate_tat, lease.now)
        return []
    if lane.ordered or lane.breaker != "closed":
        rows = store_of(connection).claim_one(connection, webhook_id, ordered=lane.ordered, **lease.terms)
        if rows:
            looks[webhook_id] = lease.until  # whoever settles it looks at once
            singles[webhook_id] = lane.breaker != "closed"
    else:
        rows = store_of(connection).claim(connection, [(webhook_id, room)], **lease.terms)
    values: dict[str, Any] = {}
    if limit and rows:
        values["rate_tat"] = limit.after(lane.rate_tat, lease.now, len(rows))
        if len(rows) == room and webhook_id not in looks:
            looks[webhook_id] = limit.next_room(values["rate_tat"], lease.now)
    if lane.resume_rate is not None and lane.breaker == "closed" and len(rows) < room:
        due = store_of(connection).next_due(connection, [webhook_id], ())
        if webhook_id not in due or due[webhook_id] > lease.now:
            values["resume_rate"] = None  # nothing that was held is left
    if lane.breaker != "closed" and rows:
        values["breaker"] = "half_open"
    if values:
        session.execute(_lane.update().where(_lane.c.webhook_id == webhook_id).values(**values))
    return rows


def _next_due(session: Session, lanes: Sequence[LaneRow]) -> dict[int, datetime]:
    if not lanes:
        return {}
    connection = session.connection()
    ordered = [lane.webhook_id for lane in lanes if lane.ordered]
    return store_of(connection).next_due(connection, [lane.webhook_id for lane in lanes], ordered)


def _claimed(row: ClaimedRow, target: Target, token: str, probe: bool | None) -> Claimed:
    """`probe` is None where more than one of the lane may be in flight."""
    return Claimed(
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        target=target,
        token=token,
        round=row.round,
        tries=row.tries,
        trigger=row.trigger,
        payload=row.payload,
        occurred_at=row.occurred_at,
        narrow=probe is not None,
        probe=bool(probe),
    )
