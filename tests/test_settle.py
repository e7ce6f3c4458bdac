"""Settling: what an answer makes of its delivery and lane, and what the answer of a lost claim may still do."""

from contextlib import closing
from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from tests.conftest import KEY
from tests.stored import (
    FAILED,
    NOW,
    PENDING,
    SCHEDULE,
    SENT,
    Worker,
    add_webhook,
    answer,
    at,
    attempts,
    change,
    delivery,
    emit,
    events,
    lane,
    order,
    settle_all,
    settlement,
    state,
)
from webhook_ui import webhooks
from webhook_ui.database import Database
from webhook_ui.models import Delivery, Statistics, table
from webhook_ui.outbox.statistics import BUCKETS
from webhook_ui.sealing import FernetSealer

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

_delivery = table(Delivery)


def test_2xx_is_sent(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim().deliveries
    assert worker.settle(settlement(claimed, answer(204), now=at(1)), now=at(1))
    assert state(database, webhook_id, event_id) == SENT
    (attempt,) = attempts(database, webhook_id, event_id)
    assert (attempt.status, attempt.response_status, attempt.round, attempt.late) == ("sent", 204, 1, False)
    assert (attempt.at, attempt.duration_ms, attempt.url) == (NOW, 12.0, "https://example.com/hook")
    assert attempt.request_headers == [["content-type", "application/json"]]
    row = delivery(database, webhook_id, event_id)
    assert (row.last_attempt_id, row.updated_at, row.created_at) == (attempt.id, at(1), NOW)
    assert worker.claim(at(9999)).deliveries == []


def test_a_failure_waits_for_its_retry_until_the_schedule_is_used_up(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker, now = Worker(database), NOW
    for tries, wait in enumerate(SCHEDULE, start=1):
        assert worker.deliver(500, now) == 1
        due = now + timedelta(seconds=wait)
        assert state(database, webhook_id, event_id) == FAILED | {"due_at": due, "tries": tries}
        assert worker.claim(due - timedelta(microseconds=1)).deliveries == []
        assert worker.claim(due - timedelta(microseconds=1)).next_due == due
        now = due
    assert worker.deliver(500, now) == 1
    assert state(database, webhook_id, event_id) == FAILED | {"due_at": None, "tries": 4, "closed": "exhausted"}
    assert worker.claim(now + timedelta(days=9)).deliveries == []
    assert [one.response_status for one in attempts(database, webhook_id, event_id)] == [500] * 4
    assert (attempts(database, webhook_id, event_id)[0].error_class) == "http"


def test_410_is_gone_and_holds_the_rest_of_the_lane(database: Database) -> None:
    webhook_id = add_webhook(database)
    first, second = emit(database), emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim(seats=1).deliveries
    worker.settle(settlement(claimed, answer(410)))
    assert claimed.event_id == first
    assert state(database, webhook_id, first) == FAILED | {"due_at": None, "closed": "gone"}
    webhook = database.read_now(webhooks.get, webhook_id)
    assert (webhook.enabled, webhook.disabled_reason, webhook.updated_at) == (False, "410 Gone", NOW)
    assert state(database, webhook_id, second) == PENDING
    assert worker.claim(at(9999)).deliveries == []
    change(database, webhook_id, enabled=True)
    assert events(worker.claim(at(9999))) == [second]


def test_pause_touches_no_delivery_and_what_is_in_flight_settles(database: Database) -> None:
    webhook_id = add_webhook(database)
    first, second = emit(database), emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim(seats=1).deliveries
    change(database, webhook_id, paused=True)
    assert worker.settle(settlement(claimed, answer(200)))
    assert state(database, webhook_id, first) == SENT
    assert state(database, webhook_id, second) == PENDING
    assert worker.claim(at(1)).deliveries == []
    assert worker.claim(at(1)).next_due is None


def test_a_worker_that_lost_its_claim_changes_nothing_but_leaves_its_attempt(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    slow, quick = Worker(database, "slow"), Worker(database, "quick")
    (old,) = slow.claim().deliveries
    (new,) = quick.claim(at(60)).deliveries
    before, lane_before = state(database, webhook_id, event_id), lane(database, webhook_id)
    for status in (500, 410, 200):
        late = settlement(old, answer(status, now=at(61), retry_after=900), now=at(61))
        assert slow.settle(late, now=at(61)) == []
        assert state(database, webhook_id, event_id) == before
    assert lane(database, webhook_id) == lane_before
    assert database.read_now(webhooks.get, webhook_id).enabled
    assert [(one.late, one.response_status) for one in attempts(database, webhook_id, event_id)] == [
        (True, 500),
        (True, 410),
        (True, 200),
    ]
    assert database.read_now(lambda session: list(session.execute(sa.select(table(Statistics))))) == []
    assert quick.settle(settlement(new, answer(500), now=at(62)), now=at(62))
    assert state(database, webhook_id, event_id) == FAILED | {"due_at": at(67)}


def test_what_an_earlier_commit_has_recorded_is_not_counted_twice(database: Database) -> None:
    """The answer to a commit can get lost; whoever asked for it then settles the same again."""
    webhook_id = add_webhook(database)
    emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim().deliveries
    found = settlement(claimed, answer(500), now=at(1))
    assert worker.settle(found, now=at(1)) == [found]
    assert worker.settle(found, now=at(2)) == []
    assert len(attempts(database, *claimed.key)) == 1
    (counted,) = database.read_now(lambda session: list(session.execute(sa.select(table(Statistics)))))
    assert (counted.webhook_id, counted.error) == (webhook_id, 1)


def test_a_lease_that_ran_out_unnoticed_still_counts(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim().deliveries
    assert worker.settle(settlement(claimed, answer(200), now=at(999)), now=at(999))
    assert state(database, webhook_id, event_id) == SENT


@pytest.mark.parametrize("status", [200, 500])
def test_a_late_success_closes_what_waits_for_a_retry(database: Database, status: int) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    slow, quick = Worker(database, "slow"), Worker(database, "quick")
    (old,) = slow.claim().deliveries
    (new,) = quick.claim(at(60)).deliveries
    quick.settle(settlement(new, answer(500), now=at(61)), now=at(61))
    before = state(database, webhook_id, event_id)
    assert before["losses"] == 0
    assert slow.settle(settlement(old, answer(status), now=at(62)), now=at(62)) == []
    if status == 200:
        assert state(database, webhook_id, event_id) == SENT
        row = delivery(database, webhook_id, event_id)
        assert row.last_attempt_id == attempts(database, webhook_id, event_id)[-1].id
    else:
        assert state(database, webhook_id, event_id) == before


@pytest.mark.parametrize("late_first", [True, False])
def test_a_late_success_in_the_same_group_closes_too(database: Database, late_first: bool) -> None:
    """One worker can hold the old and the new claim of the same delivery, after it slept past its lease."""
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    (old,) = worker.claim().deliveries
    (new,) = worker.claim(at(60)).deliveries
    both = [settlement(old, answer(200), now=at(61)), settlement(new, answer(500), now=at(61))]
    counted = worker.settle(*(both if late_first else both[::-1]), now=at(61))
    assert [one.claimed.token for one in counted] == [new.token]
    assert state(database, webhook_id, event_id) == SENT


@pytest.mark.parametrize("ended", ["cancelled", "exhausted"])
def test_a_late_success_opens_nothing_that_is_over(database: Database, ended: str) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    slow, quick = Worker(database, "slow"), Worker(database, "quick")
    (old,) = slow.claim().deliveries
    if ended == "cancelled":
        order(database, "cancel", webhook_id, event_id, now=at(60))
    else:
        quick.deliver(500, at(60), schedule=())
    before = state(database, webhook_id, event_id)
    assert before["closed"] == ended
    slow.settle(settlement(old, answer(200), now=at(61)), now=at(61))
    assert state(database, webhook_id, event_id) == before
    assert attempts(database, webhook_id, event_id)[-1].late


def test_what_was_deleted_for_good_is_settled_in_silence(database: Database) -> None:
    add_webhook(database)
    emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim().deliveries
    database.write_now(lambda session: session.execute(_delivery.delete()))
    assert worker.settle(settlement(claimed, answer(200))) == []
    assert attempts(database, *claimed.key) == []


def test_what_is_being_deleted_for_good_meanwhile_gets_no_attempt_any_more(postgres_url: sa.URL) -> None:
    """PostgreSQL itself would keep an attempt without its delivery."""
    url = postgres_url.render_as_string(hide_password=False)
    with closing(Database(url, FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database)
        event_id = emit(database)
        (lost,) = Worker(database, "slow").claim().deliveries
        assert Worker(database, "quick").claim(at(60)).deliveries
        late = settlement(lost, answer(200))
        with database.reader.connect() as other:
            other.exec_driver_sql("DELETE FROM webhook_ui_delivery")
            settling = database.writing.submit(partial(settle_all, settlements=[late], dispatcher="a", now=NOW))
            with database.reader.connect().execution_options(isolation_level="AUTOCOMMIT") as beside:
                while not (settling.done() or beside.exec_driver_sql(WAITING).scalar_one()):
                    pass
            other.commit()
        assert settling.result() == []
        assert attempts(database, webhook_id, event_id) == []


@pytest.mark.parametrize(("status", "held"), [(429, True), (502, True), (503, True), (504, True), (500, False)])
def test_a_receiver_may_ask_its_whole_lane_to_wait(database: Database, status: int, held: bool) -> None:
    webhook_id = add_webhook(database)
    first, second = emit(database), emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim(seats=1).deliveries
    worker.settle(settlement(claimed, answer(status, retry_after=120)))
    assert state(database, webhook_id, first)["due_at"] == at(120)
    assert lane(database, webhook_id).not_before == (at(120) if held else None)
    claims = worker.claim(at(119))
    assert (events(claims), claims.next_due) == (([], at(120)) if held else ([second], at(120)))
    assert set(events(worker.claim(at(179)))) == {first, second} if held else {first}


def test_a_shorter_wish_of_an_answer_in_flight_does_not_shorten_the_wait(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    emit(database)
    worker = Worker(database)
    one, two = worker.claim().deliveries
    worker.settle(settlement(one, answer(429, retry_after=600)))
    worker.settle(settlement(two, answer(429, retry_after=5)))
    assert lane(database, webhook_id).not_before == at(600)


def test_the_longest_wish_of_a_group_counts(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(3):
        emit(database)
    worker = Worker(database)
    wishes = zip(worker.claim().deliveries, (5, 600, 30), strict=True)
    worker.settle(*(settlement(one, answer(429, retry_after=wish)) for one, wish in wishes))
    assert lane(database, webhook_id).not_before == at(600)


def test_the_lane_notes_how_it_went_when_that_changes(database: Database) -> None:
    webhook_id = add_webhook(database)
    worker = Worker(database)

    def go(status: int, seconds: float) -> tuple[str | None, datetime | None]:
        emit(database, now=at(seconds))
        worker.deliver(status, at(seconds), schedule=())
        row = lane(database, webhook_id)
        return row.last_result, row.failing_since

    assert (lane(database, webhook_id).last_result, lane(database, webhook_id).failing_since) == (None, None)
    assert go(200, 1) == ("sent", None)
    assert go(500, 2) == ("error", at(2))
    assert go(500, 3) == ("error", at(2))
    assert go(200, 4) == ("sent", None)


def test_statistics_add_up(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database, triggers=["user.*"])
    workers = [Worker(database, "a"), Worker(database, "b")]
    statuses = [200, 500, 204, 404, 200, 200]
    for number, status in enumerate(statuses):
        moment = at(20 * number)
        emit(database, now=moment)
        workers[number % 2].deliver(status, moment, schedule=())
    rows = database.read_now(lambda session: list(session.execute(sa.select(table(Statistics)))))
    assert {(row.webhook_id, row.minute, row.dispatcher, row.sent, row.error) for row in rows} == {
        (webhook_id, at(minute), name, sent, error)
        for webhook_id in (first, second)
        for minute, name, sent, error in ((0, "a", 2, 0), (0, "b", 0, 1), (60, "a", 1, 0), (60, "b", 1, 1))
    }
    assert all(sum(row.latency) == row.sent + row.error for row in rows)


def test_latencies_fall_into_their_buckets(database: Database) -> None:
    add_webhook(database)
    durations = [0.0, 1.0, 1.1, 12.0, 15.0, 30_000.0, 30_001.0, 1e9]
    for _ in durations:
        emit(database)
    worker = Worker(database)
    claimed = worker.claim().deliveries
    said = [answer(200, duration_ms=duration) for duration in durations]
    worker.settle(*(settlement(one, an) for one, an in zip(claimed, said, strict=True)))
    (row,) = database.read_now(lambda session: list(session.execute(sa.select(table(Statistics)))))
    expected = [0] * (len(BUCKETS) + 1)
    for bucket, count in ((0, 2), (1, 1), (6, 2), (24, 1), (25, 2)):
        expected[bucket] = count
    assert row.latency == expected
    assert list(BUCKETS) == sorted(set(BUCKETS))
