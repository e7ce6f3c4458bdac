"""What is open, what is due, and what is held for which reason: figures over all lanes at one moment."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Delivery, Lane, Sending, Webhook, table

HELD = ("stopped", "deleted", "disabled", "paused", "breaker", "not_before", "ordered", "rate_limit")
BREAKERS = ("closed", "open", "half_open")

_delivery, _lane, _webhook, _sending = table(Delivery), table(Lane), table(Webhook), table(Sending)


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Open deliveries: each is either due in a free lane, later in a free lane, or held.

    `later` has those in flight too. `held` counts by the first reason of HELD that is true; `oldest_due` is when the
    one that waits longest fell due, among those that nothing but a free seat is missing for.
    """

    due: int
    later: int
    held: Mapping[str, int]
    oldest_due: datetime | None

    @property
    def total(self) -> int:
        return self.due + self.later + sum(self.held.values())


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How many webhooks are in which state, how many lanes in which, and whether everything is stopped."""

    webhooks: Mapping[str, int]
    breakers: Mapping[str, int]
    failing: int
    stopped: bool


def backlog(session: Session, *, now: datetime) -> Backlog:
    """One pass over the index of what is open: a million deliveries take a good part of a second."""
    rows = session.execute(_OPEN, {"now": now}).all()
    stopped = is_stopped(session)
    lanes = {lane.id: lane for lane in session.execute(_LANES)}  # read after what is open, so that none is missing
    heads = {head.id: head.due_at for head in session.execute(_HEADS)}
    due = later = 0
    held: Counter[str] = Counter(dict.fromkeys(HELD, 0))
    oldest: datetime | None = None
    for row in rows:
        lane, opened, ready, first = lanes[row.webhook_id], row.opened, int(row.due), row.first
        if reason := "stopped" if stopped else _reason(lane, now):
            held[reason] += opened
            continue
        if lane.ordered:  # one at a time: only the head may be due, and the others wait for it
            held["ordered"] += opened - 1
            first = heads.get(row.webhook_id) or first
            opened, ready = 1, int(first <= now)
        later += opened - ready
        if ready and _is_limited(lane, now):
            held["rate_limit"] += ready
        elif ready:
            due += ready
            oldest = first if oldest is None else min(oldest, first)
    return Backlog(due=due, later=later, held=dict(held), oldest_due=oldest)


def standing(session: Session) -> Standing:
    """Webhooks that are not deleted, and their lanes; `failing` are enabled ones whose last attempt was an error."""
    webhooks: Counter[str] = Counter(enabled=0, paused=0, disabled=0)
    kept = _webhook.c.deleted_at.is_(None)
    states = sa.select(_webhook.c.enabled, _webhook.c.paused, sa.func.count().label("number"))
    for row in session.execute(states.where(kept).group_by(_webhook.c.enabled, _webhook.c.paused)):
        webhooks["disabled" if not row.enabled else "paused" if row.paused else "enabled"] += row.number
    breakers: Counter[str] = Counter(dict.fromkeys(BREAKERS, 0))
    failed = sa.case((sa.and_(_lane.c.last_result == "error", _webhook.c.enabled), 1), else_=0)
    counted = sa.select(_lane.c.breaker, sa.func.count().label("number"), sa.func.sum(failed).label("failing"))
    failing = 0
    joined = counted.join(_webhook, _webhook.c.id == _lane.c.webhook_id).where(kept).group_by(_lane.c.breaker)
    for row in session.execute(joined):
        breakers[row.breaker] += row.number
        failing += int(row.failing)
    return Standing(webhooks=dict(webhooks), breakers=dict(breakers), failing=failing, stopped=is_stopped(session))


def is_stopped(session: Session) -> bool:
    """Whether somebody has stopped sending everywhere."""
    return session.execute(sa.select(_sending.c.id)).first() is not None


def _reason(lane: Any, now: datetime) -> str | None:
    """Why nothing of this lane is sent in the ordinary way."""
    reasons = {
        "deleted": lane.deleted_at is not None,
        "disabled": not lane.enabled,
        "paused": lane.paused,
        "breaker": lane.breaker != "closed",
        "not_before": lane.not_before is not None and lane.not_before > now,
    }
    return next((reason for reason, true in reasons.items() if true), None)


def _is_limited(lane: Any, now: datetime) -> bool:
    """Whether the lane has a rate and has lately used it: then the rate says when it goes on, not the engine."""
    rated = lane.rate_limit is not None or lane.resume_rate is not None
    return rated and lane.rate_tat is not None and lane.rate_tat > now


def _open() -> sa.Select[Any]:
    now = sa.bindparam("now", type_=_delivery.c.due_at.type)
    return (
        sa.select(
            _delivery.c.webhook_id,
            sa.func.count().label("opened"),
            sa.func.sum(sa.case((_delivery.c.due_at <= now, 1), else_=0)).label("due"),
            sa.func.min(_delivery.c.due_at).label("first"),
        )
        .where(_delivery.c.due_at.is_not(None))
        .group_by(_delivery.c.webhook_id)
    )


def _heads() -> sa.Select[Any]:
    """When the first open delivery of each ordered lane is due."""
    head = (
        sa.select(_delivery.c.due_at)
        .where(_delivery.c.webhook_id == _webhook.c.id, _delivery.c.due_at.is_not(None))
        .order_by(_delivery.c.event_id)
        .limit(1)
        .correlate(_webhook)
        .scalar_subquery()
    )
    return sa.select(_webhook.c.id, head.label("due_at")).where(_webhook.c.ordered, _webhook.c.deleted_at.is_(None))


_OPEN = _open()
_HEADS = _heads()
_LANES = sa.select(
    _webhook.c.id,
    _webhook.c.enabled,
    _webhook.c.paused,
    _webhook.c.deleted_at,
    _webhook.c.ordered,
    _webhook.c.rate_limit,
    _lane.c.breaker,
    _lane.c.not_before,
    _lane.c.rate_tat,
    _lane.c.resume_rate,
).join(_lane, _lane.c.webhook_id == _webhook.c.id)
