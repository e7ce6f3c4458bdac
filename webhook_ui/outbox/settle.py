"""Settling: what came of claimed deliveries is recorded, many at a time, in one transaction.

A worker whose lease ran out and whose delivery somebody else claimed since is fenced: its token no longer fits, so
it changes nothing, except that its attempt is kept as late, and a late success closes what is open and unclaimed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Attempt, Delivery, Lane, table
from webhook_ui.outbox import statistics
from webhook_ui.outbox.claim import Claimed
from webhook_ui.retry import Decision
from webhook_ui.wire import Answer, Headers, Result

_delivery, _attempt, _lane = table(Delivery), table(Attempt), table(Lane)


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """An answer to one claimed delivery and what was decided of it.

    `request_headers` are as sent, less what is secret; `request_body` is None when it was the event's envelope.
    """

    claimed: Claimed
    answer: Answer
    decision: Decision
    url: str
    request_headers: Headers
    request_body: str | None = None


def settle(session: Session, settlements: Sequence[Settlement], *, dispatcher: str, now: datetime) -> list[Settlement]:
    """Records `settlements` and returns those that counted: the others had lost their claim."""
    held = _held(session, settlements)
    # what is not held was deleted for good meanwhile: there is nothing left to say it of
    known = [one for one in sorted(settlements, key=_key) if _key(one) in held]
    counted = [one for one in known if held[_key(one)].claim == one.claimed.token]
    attempt_ids = {id(one): ids.new_id() for one in known}
    if not known:
        return []
    late = [one for one in known if held[_key(one)].claim != one.claimed.token]
    session.execute(
        _attempt.insert(),
        [_attempt_values(one, attempt_ids[id(one)], late=False) for one in counted]
        + [_attempt_values(one, attempt_ids[id(one)], late=True) for one in late],
    )
    if counted:
        session.connection().execute(_SETTLED, [_settled_values(one, attempt_ids[id(one)], now) for one in counted])
    for one in late:
        if one.answer.result is Result.sent:
            _close_as_sent(session, one, attempt_ids[id(one)], now)
    _note_lanes(session, counted, now)
    statistics.add(session, [(one.claimed.webhook_id, one.answer) for one in counted], dispatcher=dispatcher)
    note(session, *(Changed(Kind.attempt, one.claimed.webhook_id) for one in known))
    return counted


def _key(one: Settlement) -> tuple[int, int]:
    return one.claimed.webhook_id, one.claimed.event_id


def _held(session: Session, settlements: Iterable[Settlement]) -> dict[tuple[int, int], Any]:
    keys = {_key(one) for one in settlements}
    if not keys:
        return {}
    named = {"webhooks": sorted({key[0] for key in keys}), "events": sorted({key[1] for key in keys})}
    rows = session.execute(_HELD, named)
    return {(row.webhook_id, row.event_id): row for row in rows if (row.webhook_id, row.event_id) in keys}


# two lists, because SQLite reads the whole table for pairs in IN; what fits both but no pair is left out afterwards
_HELD = (
    sa.select(_delivery.c.webhook_id, _delivery.c.event_id, _delivery.c.claim)
    .where(_delivery.c.webhook_id.in_(sa.bindparam("webhooks", expanding=True)))
    .where(_delivery.c.event_id.in_(sa.bindparam("events", expanding=True)))
    .order_by(_delivery.c.webhook_id, _delivery.c.event_id)
    .with_for_update(of=_delivery)
)


def _attempt_values(one: Settlement, attempt_id: int, *, late: bool) -> dict[str, Any]:
    answer, failure = one.answer, one.answer.failure
    return {
        "webhook_id": one.claimed.webhook_id,
        "event_id": one.claimed.event_id,
        "id": attempt_id,
        "round": one.claimed.round,
        "late": late,
        "at": answer.at,
        "duration_ms": answer.duration_ms,
        "status": answer.result.value,
        "url": one.url,
        "request_headers": [list(pair) for pair in one.request_headers],
        "request_body": one.request_body,
        "response_status": answer.response_status,
        "response_headers": [list(pair) for pair in answer.response_headers],
        "response_body": answer.response_body,
        "error_class": failure.kind.value if failure else None,
        "error_message": failure.message if failure else None,
        "timings": asdict(answer.timings),
    }


_SETTLED = (
    _delivery.update()
    .where(
        _delivery.c.webhook_id == sa.bindparam("of_webhook"),
        _delivery.c.event_id == sa.bindparam("of_event"),
    )
    .values(claim=None, tries=_delivery.c.tries + 1, losses=0)
)


def _settled_values(one: Settlement, attempt_id: int, now: datetime) -> dict[str, Any]:
    return {
        "of_webhook": one.claimed.webhook_id,
        "of_event": one.claimed.event_id,
        "status": one.decision.status.value,
        "answer": one.answer.result.value,
        "closed": one.decision.closed,
        "due_at": one.decision.due_at,
        "last_attempt_id": attempt_id,
        "updated_at": now,
    }


def _close_as_sent(session: Session, one: Settlement, attempt_id: int, now: datetime) -> None:
    session.execute(
        _delivery.update()
        .where(_delivery.c.webhook_id == one.claimed.webhook_id, _delivery.c.event_id == one.claimed.event_id)
        .where(_delivery.c.due_at.is_not(None), _delivery.c.claim.is_(None))
        .values(
            status="sent",
            answer="sent",
            closed="sent",
            due_at=None,
            last_attempt_id=attempt_id,
            losses=0,
            updated_at=now,
        )
    )


def _note_lanes(session: Session, counted: Iterable[Settlement], now: datetime) -> None:
    """Notes in each lane how its last attempt ended, when that changed, and how long its receiver asked to wait."""
    by_lane: dict[int, list[Settlement]] = defaultdict(list)
    for one in counted:
        by_lane[one.claimed.webhook_id].append(one)
    for webhook_id, group in sorted(by_lane.items()):
        last = max(group, key=lambda one: one.answer.at).answer.result
        changed = sa.or_(_lane.c.last_result.is_(None), _lane.c.last_result != last.value)
        session.execute(
            _lane.update()
            .where(_lane.c.webhook_id == webhook_id, changed)
            .values(last_result=last.value, failing_since=now if last is Result.error else None)
        )
        waits = [one.decision.lane_not_before for one in group if one.decision.lane_not_before is not None]
        if waits:
            longer = sa.or_(_lane.c.not_before.is_(None), _lane.c.not_before < max(waits))
            session.execute(
                _lane.update().where(_lane.c.webhook_id == webhook_id, longer).values(not_before=max(waits))
            )
