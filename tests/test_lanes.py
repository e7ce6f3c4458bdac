"""What holds a lane, over all workers: rates, the breaker and its probes, a resumed backlog, a clock that jumped."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.stored import (
    LEASE,
    NOW,
    Worker,
    add_webhook,
    answer,
    at,
    change,
    delivery,
    emit,
    lane,
    settlement,
)
from webhook_ui import outbox
from webhook_ui.database import Database
from webhook_ui.models import Lane, Statistics, table
from webhook_ui.outbox import Claims, Lease, Settled, Targets

_lane = table(Lane)
DAY = 86400.0


def put_lane(database: Database, webhook_id: int, **values: Any) -> None:
    """Changes the engine's record."""
    statement = _lane.update().where(_lane.c.webhook_id == webhook_id).values(**values)
    database.write_now(lambda session: session.execute(statement))


def claim(database: Database, webhook_id: int, count: int = 16, *, seconds: float = 0, reclaim: bool = True) -> Claims:
    """Claims of one lane."""
    lease = Lease(token=f"t{seconds}", now=at(seconds), until=at(seconds) + LEASE, reclaim=reclaim)
    return database.write_now(outbox.claim, {webhook_id: count}, lease=lease, targets=Targets())


def settle(
    database: Database, claims: Claims, status: int, *, seconds: float, pressure: tuple[int, int] = (0, 0)
) -> Settled:
    """Everything claimed got `status`; `pressure` is what the window counts with it."""
    now = at(seconds)
    settlements = [settlement(one, answer(status, now=now), now=now) for one in claims.deliveries]
    webhook_ids = {one.webhook_id for one in claims.deliveries}
    told = dict.fromkeys(webhook_ids, pressure)
    return database.write_now(outbox.settle, settlements, dispatcher="a", now=now, pressure=told)


# --- rates


def test_a_rate_holds_over_all_workers(database: Database) -> None:
    webhook_id = add_webhook(database, rate_limit=20)
    for _ in range(30):
        emit(database)
    first = claim(database, webhook_id)
    assert len(first.deliveries) == 2, "a tenth of a second's worth at once"
    other = claim(database, webhook_id, seconds=0.01)
    assert (other.deliveries, other.looks) == ([], {webhook_id: at(0.05)})
    assert len(claim(database, webhook_id, seconds=0.05).deliveries) == 1
    assert len(claim(database, webhook_id, seconds=10).deliveries) == 2


def test_a_rate_takes_nothing_where_nothing_is_due(database: Database) -> None:
    webhook_id = add_webhook(database, rate_limit=1)
    emit(database)
    assert len(claim(database, webhook_id).deliveries) == 1
    assert claim(database, webhook_id, seconds=1).deliveries == []
    emit(database, now=at(2))
    assert len(claim(database, webhook_id, seconds=2).deliveries) == 1, "what was not claimed was not used up"


def test_what_a_pause_gathered_is_sent_in_order_at_its_rate_and_then_without(database: Database) -> None:
    webhook_id = add_webhook(database)
    waiting = [emit(database) for _ in range(3)]
    put_lane(database, webhook_id, resume_rate=1.0)
    for number, event_id in enumerate(waiting):
        assert [one.event_id for one in claim(database, webhook_id, seconds=number).deliveries] == [event_id]
        assert claim(database, webhook_id, seconds=number + 0.5).deliveries == []
    assert claim(database, webhook_id, seconds=4).deliveries == []
    assert lane(database, webhook_id).resume_rate is None, "nothing is left of it"
    for _ in range(5):
        emit(database, now=at(5))
    assert len(claim(database, webhook_id, seconds=5).deliveries) == 5


def test_an_ordered_lane_with_a_rate_keeps_both(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True, rate_limit=1)
    emit(database)
    emit(database)
    first = claim(database, webhook_id)
    settle(database, first, 200, seconds=0.1)
    assert claim(database, webhook_id, seconds=0.2).deliveries == []
    assert len(claim(database, webhook_id, seconds=1).deliveries) == 1


# --- the breaker


def test_a_failure_rate_opens_the_breaker_and_its_lane_waits_without_using_up_tries(database: Database) -> None:
    webhook_id = add_webhook(database)
    events = [emit(database) for _ in range(6)]
    settled = settle(database, claim(database, webhook_id, 2), 503, seconds=1, pressure=(12, 20))
    (before, verdict) = settled.verdicts[webhook_id]
    assert (before.breaker, verdict.opened) == ("closed", True)
    row = lane(database, webhook_id)
    assert (row.breaker, row.opened_at, row.probe_at) == ("open", at(1), at(6))
    assert row.reason == "12 of the last 20 attempts failed; last: 503 from the receiver"
    held = claim(database, webhook_id, seconds=5)
    assert (held.deliveries, held.looks) == ([], {webhook_id: at(6)})
    assert [delivery(database, webhook_id, event_id).tries for event_id in events] == [1, 1, 0, 0, 0, 0]


def test_it_is_probed_by_one_delivery_at_a_time_over_all_workers(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(4):
        emit(database)
    put_lane(database, webhook_id, breaker="open", opened_at=NOW, probe_at=at(5), reason="down")
    probe = claim(database, webhook_id, seconds=5)
    assert [one.probe for one in probe.deliveries] == [True]
    assert lane(database, webhook_id).breaker == "half_open"
    assert claim(database, webhook_id, seconds=6).deliveries == [], "another worker, the same lane"
    settle(database, probe, 503, seconds=7)
    row = lane(database, webhook_id)
    assert (row.breaker, row.probes, row.opened_at) == ("open", 1, NOW)
    assert row.probe_at == at(12)
    again = claim(database, webhook_id, seconds=12)
    settle(database, again, 503, seconds=13)
    assert lane(database, webhook_id).probe_at == at(13 + 10), "twice as long each time"


def test_a_probe_that_is_answered_closes_it_and_everything_goes_on(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(4):
        emit(database)
    put_lane(database, webhook_id, breaker="open", opened_at=NOW, probe_at=at(5), reason="down", failing_since=NOW)
    settled = settle(database, claim(database, webhook_id, seconds=5), 200, seconds=6)
    assert settled.verdicts[webhook_id][1].recovered
    row = lane(database, webhook_id)
    assert (row.breaker, row.reason, row.probe_at, row.failing_since) == ("closed", None, None, None)
    assert len(claim(database, webhook_id, seconds=6).deliveries) == 3


def test_a_probe_whose_worker_died_is_made_again_after_its_lease(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    emit(database)
    put_lane(database, webhook_id, breaker="open", opened_at=NOW, probe_at=NOW, reason="down")
    (lost,) = claim(database, webhook_id).deliveries
    assert claim(database, webhook_id, seconds=59).deliveries == []
    again = claim(database, webhook_id, seconds=60).deliveries
    assert [one.probe for one in again] == [True]
    assert delivery(database, webhook_id, lost.event_id).tries == 0


def test_what_was_in_flight_when_it_opened_ends_before_the_first_probe(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(3):
        emit(database)
    flying = claim(database, webhook_id, 2)
    put_lane(database, webhook_id, breaker="open", opened_at=NOW, probe_at=at(5), reason="down")
    assert claim(database, webhook_id, seconds=6).deliveries == []
    settle(database, flying, 200, seconds=7)
    assert lane(database, webhook_id).breaker == "open", "it was no probe"
    assert len(claim(database, webhook_id, seconds=8).deliveries) == 1


def test_a_lane_with_an_open_breaker_is_looked_at_when_its_probe_is_due(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    put_lane(database, webhook_id, breaker="open", opened_at=NOW, probe_at=at(5), reason="down")
    (found,) = database.read_now(outbox.open_lanes, at(1))
    assert (found.webhook_id, found.due_at) == (webhook_id, at(5))


# --- the disable rule


def fail(database: Database, webhook_id: int, seconds: float) -> Settled:
    """One attempt fails at that moment."""
    emit(database, now=at(seconds))
    return settle(database, claim(database, webhook_id, 1, seconds=seconds), 500, seconds=seconds)


@pytest.mark.parametrize(("second", "starts"), [(11.9, False), (12.1, True), (23.9, True), (24.1, False)])
def test_two_failures_half_a_day_apart_within_a_day_start_the_clock(
    database: Database, second: float, starts: bool
) -> None:
    webhook_id = add_webhook(database)
    fail(database, webhook_id, 0)
    fail(database, webhook_id, second * 3600)
    found = lane(database, webhook_id).disable_at
    assert found == (at(second * 3600 + 5 * DAY) if starts else None)


def test_the_first_failure_of_the_day_need_not_be_the_first_of_all(database: Database) -> None:
    """0 h, 14 h and 27 h: the second and the third are far enough apart, and near enough."""
    webhook_id = add_webhook(database)
    fail(database, webhook_id, 0)
    put_lane(database, webhook_id, disable_at=None)
    fail(database, webhook_id, 11 * 3600)
    assert lane(database, webhook_id).disable_at is None
    fail(database, webhook_id, 25 * 3600)
    assert lane(database, webhook_id).disable_at == at(25 * 3600 + 5 * DAY)


def test_a_success_stops_the_clock_and_five_days_without_one_disable(database: Database) -> None:
    webhook_id = add_webhook(database)
    fail(database, webhook_id, 0)
    fail(database, webhook_id, 13 * 3600)
    last = fail(database, webhook_id, 13 * 3600 + 5 * DAY)
    reason = last.verdicts[webhook_id][1].disable
    assert reason is not None
    assert reason.startswith("Nothing was delivered since 2026-11-23 09:00 UTC")
    emit(database, now=at(14 * 3600 + 5 * DAY))
    settle(database, claim(database, webhook_id, 1, seconds=15 * 3600 + 5 * DAY), 200, seconds=15 * 3600 + 5 * DAY)
    row = lane(database, webhook_id)
    assert (row.disable_at, row.failing_since, row.last_result) == (None, None, "sent")


def test_statistics_know_the_failures_the_rule_asks_for(database: Database) -> None:
    webhook_id = add_webhook(database)
    fail(database, webhook_id, 30)
    statistics = table(Statistics)
    statement = sa.select(statistics.c.minute, statistics.c.error).where(statistics.c.webhook_id == webhook_id)
    assert database.read_now(lambda session: session.execute(statement).all()) == [(NOW, 1)]


# --- a clock that has just jumped forward


def test_while_leases_are_not_believed_nobody_takes_what_is_in_flight(database: Database) -> None:
    wide, ordered = add_webhook(database), add_webhook(database, ordered=True)
    emit(database)
    fresh = emit(database)
    for webhook_id in (wide, ordered):
        assert len(claim(database, webhook_id, 1).deliveries) == 1
    hour = 3600.0
    found = claim(database, wide, seconds=hour, reclaim=False)
    assert [one.event_id for one in found.deliveries] == [fresh]
    assert claim(database, ordered, seconds=hour, reclaim=False).deliveries == []
    assert len(claim(database, wide, seconds=hour + 1).deliveries) == 1
    assert len(claim(database, ordered, seconds=hour + 1).deliveries) == 1


def test_a_lane_that_is_held_is_not_looked_at_again_by_itself(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    change(database, webhook_id, paused=True)
    assert claim(database, webhook_id) == Claims(deliveries=[], looks={})


def test_a_lane_with_more_due_than_asked_is_looked_at_again_at_once(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(3):
        emit(database)
    assert claim(database, webhook_id, 2).looks == {webhook_id: NOW}
    assert claim(database, webhook_id, 2, seconds=1).looks == {webhook_id: NOW + LEASE}


def test_a_target_follows_its_webhook(database: Database) -> None:
    """What is kept of a webhook between claims is read again when the webhook has changed, or an old secret is over."""
    webhook_id = add_webhook(database)
    targets, worker = Targets(), Worker(database)

    def target(now: datetime) -> Any:
        emit(database, now=now)
        claims = database.write_now(outbox.claim, {webhook_id: 1}, lease=worker.take_lease(now), targets=targets)
        return claims.deliveries[0].target

    first = target(NOW)
    assert target(at(1)) is first
    change(database, webhook_id, url="https://example.com/new")
    second = target(at(2))
    assert (first.url, second.url) == ("https://example.com/hook", "https://example.com/new")
    from tests.stored import OPERATOR
    from webhook_ui import webhooks

    database.write_now(webhooks.rotate_secret, webhook_id, actor=OPERATOR, now=at(3))
    assert len(target(at(4)).secrets) == 2
    assert len(target(at(3) + timedelta(hours=24)).secrets) == 1


def test_a_held_backlog_keeps_its_rate_while_the_receiver_is_probed(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(5):
        emit(database)
    put_lane(database, webhook_id, resume_rate=100.0, breaker="open", opened_at=NOW, probe_at=NOW, reason="down")
    assert len(claim(database, webhook_id).deliveries) == 1
    assert lane(database, webhook_id).resume_rate == 100.0


def test_an_ordered_backlog_is_without_its_rate_once_it_is_through(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    emit(database)
    emit(database)
    put_lane(database, webhook_id, resume_rate=1.0)
    settle(database, claim(database, webhook_id), 200, seconds=0.1)
    assert lane(database, webhook_id).resume_rate == 1.0, "one is left"
    settle(database, claim(database, webhook_id, seconds=1), 200, seconds=1.1)
    assert claim(database, webhook_id, seconds=2).deliveries == []
    assert lane(database, webhook_id).resume_rate is None


def test_a_higher_rate_is_in_force_at_once(database: Database) -> None:
    webhook_id = add_webhook(database, rate_limit=0.001)
    emit(database)
    emit(database)
    assert len(claim(database, webhook_id).deliveries) == 1
    change(database, webhook_id, rate_limit=10)
    assert len(claim(database, webhook_id, seconds=1).deliveries) == 1


def test_a_webhook_that_cannot_be_read_keeps_no_other_waiting(database: Database) -> None:
    """Its secret is sealed with another key: nothing of it is claimed, and the others are."""
    unreadable, good = add_webhook(database), add_webhook(database)
    event_id = emit(database)
    broken = sa.text("UPDATE webhook_ui_webhook SET secret = 'sealed with another key', version = 2 WHERE id = :id")
    database.write_now(lambda session: session.execute(broken, {"id": unreadable}))
    lease = Lease(token="t", now=at(1), until=at(61))
    claims = database.write_now(outbox.claim, {unreadable: 4, good: 4}, lease=lease, targets=Targets())
    assert [one.webhook_id for one in claims.deliveries] == [good]
    row = delivery(database, unreadable, event_id)
    assert (row.claim, row.losses, row.closed) == (None, 0, None)
