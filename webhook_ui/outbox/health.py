"""What settled attempts say of their lanes: breaker, disable rule, last result, and how long a receiver asked to wait.

Rules stand in `breaker`; here the lane's row is read, judged and, only when that changes it, locked and written.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.breaker import APART, WITHIN, Health, Verdict, judge, outcome
from webhook_ui.models import Lane, Statistics, table
from webhook_ui.outbox.store import LaneRow
from webhook_ui.outbox.stores import store_of
from webhook_ui.wire import Result

if TYPE_CHECKING:
    from webhook_ui.outbox.settle import Settlement

_lane, _statistics = table(Lane), table(Statistics)
_DECIDED = (
    "breaker",
    "reason",
    "opened_at",
    "probe_at",
    "probes",
    "failing_since",
    "disable_at",
    "last_result",
)


def note(
    session: Session,
    counted: Sequence["Settlement"],
    pressure: Mapping[int, tuple[int, int]],
    *,
    now: datetime,
    jitter: float,
) -> dict[int, tuple[Health, Verdict]]:
    """Writes down what `counted` change about their lanes; returns of those lanes the health before and the verdict."""
    groups: dict[int, list[Settlement]] = defaultdict(list)
    for one in counted:
        groups[one.claimed.webhook_id].append(one)
    if not groups:
        return {}
    connection = session.connection()
    store = store_of(connection)

    def judged(lane: LaneRow) -> tuple[Verdict, dict[str, Any]]:
        failed, total = pressure.get(lane.webhook_id, (0, 0))
        earlier = _failed_earlier(session, lane.webhook_id, now)
        group = groups[lane.webhook_id]
        outcomes = [outcome(one.answer, probe=one.claimed.probe) for one in sorted(group, key=_answered_at)]
        verdict = judge(
            _health(lane),
            outcomes,
            failed=failed,
            total=total,
            failed_half_a_day_ago=earlier,
            now=now,
            jitter=jitter,
        )
        return verdict, _changes(lane, verdict, group)

    failed = {one.claimed.webhook_id for one in counted if one.answer.result is not Result.sent}
    changed = [lane.webhook_id for lane in store.lanes_to_judge(connection, groups, failed) if judged(lane)[1]]
    verdicts: dict[int, tuple[Health, Verdict]] = {}
    alike: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)  # many lanes that begin are
    for lane in _locked(session, changed):
        verdict, values = judged(lane)
        if values:
            alike[tuple(values.items())].append(lane.webhook_id)
        verdicts[lane.webhook_id] = _health(lane), verdict
    for items, webhook_ids in alike.items():
        session.execute(_lane.update().where(_lane.c.webhook_id.in_(webhook_ids)).values(**dict(items)))
    return verdicts


def _changes(lane: LaneRow, verdict: Verdict, group: Sequence["Settlement"]) -> dict[str, Any]:
    """The columns of the lane that are to be written."""
    values = {name: getattr(verdict.health, name) for name in _DECIDED}
    values = {name: value for name, value in values.items() if value != getattr(lane, name)}
    waits = [one.decision.lane_not_before for one in group if one.decision.lane_not_before is not None]
    if waits and (lane.not_before is None or lane.not_before < max(waits)):
        values["not_before"] = max(waits)
    return values


def _answered_at(one: "Settlement") -> datetime:
    return one.answer.at


def _health(lane: LaneRow) -> Health:
    return Health(**{name: getattr(lane, name) for name in _DECIDED})


def _failed_earlier(session: Session, webhook_id: int, now: datetime) -> Callable[[], bool]:
    """Whether an attempt failed half a day to a day ago, as the statistics know it (to the minute)."""

    def ask() -> bool:
        statement = (
            sa.select(sa.literal(1))
            .select_from(_statistics)
            .where(_statistics.c.webhook_id == webhook_id, _statistics.c.error > 0)
            .where(_statistics.c.minute >= now - WITHIN, _statistics.c.minute <= now - APART)
            .limit(1)
        )
        return session.execute(statement).first() is not None

    return ask


def _locked(session: Session, webhook_ids: Collection[int]) -> list[LaneRow]:
    """These lanes, locked in the order of their ids, as they stand now."""
    if not webhook_ids:
        return []
    connection = session.connection()
    statement = sa.select(_lane.c.webhook_id).where(_lane.c.webhook_id.in_(webhook_ids)).order_by(_lane.c.webhook_id)
    session.execute(statement.with_for_update())
    return store_of(connection).lanes(connection, webhook_ids)
