"""Deliveries, transition by transition: emit, claim, settle, give back, redeliver, cancel, expire, purge."""

import multiprocessing
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from tests.conftest import KEY
from tests.stored import (
    ENGINE,
    LEASE,
    NOW,
    OPERATOR,
    SCHEDULE,
    VIEWER,
    Taken,
    Worker,
    add_webhook,
    answer,
    at,
    attempts,
    change,
    claim_due,
    delivery,
    emit,
    lane,
    new_event,
    settlement,
    start_sending,
    stop_sending,
)
from webhook_ui import outbox, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, NotFound
from webhook_ui.models import Change, Delivery, Event, Statistics, table
from webhook_ui.outbox import Claims, Emitted, Lease, Targets
from webhook_ui.outbox.statistics import BUCKETS
from webhook_ui.patterns import patterns
from webhook_ui.sealing import FernetSealer

_delivery = table(Delivery)


def state(database: Database, webhook_id: int, event_id: int) -> dict[str, Any]:
    """What the transitions speak of."""
    row = delivery(database, webhook_id, event_id)
    names = ("status", "due_at", "claim", "round", "tries", "losses", "answer", "closed")
    return {name: getattr(row, name) for name in names}


def events(claims: Claims | Taken) -> list[int]:
    return [one.event_id for one in claims.deliveries]


def order(database: Database, name: str, webhook_id: int, event_id: int, *, now: datetime) -> None:
    """What a person does to one delivery: redeliver or cancel."""
    database.write_now(getattr(outbox, name), webhook_id, event_id, actor=OPERATOR, now=now)


def listeners(database: Database, event_id: int) -> set[int]:
    statement = sa.select(_delivery.c.webhook_id).where(_delivery.c.event_id == event_id)
    return database.read_now(lambda session: set(session.execute(statement).scalars()))


PENDING = {
    "status": "pending",
    "due_at": NOW,
    "claim": None,
    "round": 1,
    "tries": 0,
    "losses": 0,
    "answer": None,
    "closed": None,
}
SENT = PENDING | {"status": "sent", "due_at": None, "tries": 1, "answer": "sent", "closed": "sent"}
FAILED = PENDING | {"status": "error", "due_at": at(5), "tries": 1, "answer": "error"}


# --- emit: which webhooks, when


def test_an_event_is_stored_as_it_came_with_a_delivery_for_each_listener(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database)
    payload = '{"a":1e400,"a":18446744073709551616,"z":"\\u0000 é"}'
    found = database.write_now(outbox.emit, new_event(payload=payload), now=NOW)
    assert (found.deliveries, found.stored) == (2, True)
    event = database.read_now(lambda session: session.get_one(Event, found.event_id))
    assert (event.payload, event.trigger, event.tenant, event.occurred_at, event.created_at, event.actor) == (
        payload,
        "user.created",
        None,
        NOW,
        NOW,
        OPERATOR.name,
    )
    for webhook_id in (first, second):
        assert state(database, webhook_id, found.event_id) == PENDING
    claimed = Worker(database).claim().deliveries
    assert {one.payload for one in claimed} == {payload}


def test_an_event_nobody_listens_to_is_stored_too(database: Database) -> None:
    add_webhook(database, triggers=["order.paid"])
    event_id = emit(database)
    assert listeners(database, event_id) == set()
    assert database.read_now(lambda session: session.get(Event, event_id)) is not None


@pytest.mark.parametrize(
    ("trigger", "heard_by"),
    [
        ("user.created", {"user.created", "user.*", "both"}),
        ("user.address.changed", {"user.*", "user.address.*", "both"}),
        ("order.paid", {"order.paid"}),
        ("users.created", set()),
        ("user", set()),
    ],
)
def test_who_hears_of_a_trigger(database: Database, trigger: str, heard_by: set[str]) -> None:
    ids = {name: add_webhook(database, triggers=[name]) for name in ("user.created", "user.*", "user.address.*")}
    ids["order.paid"] = add_webhook(database, triggers=["order.paid"])
    ids["both"] = add_webhook(database, triggers=["user.created", "user.*"])
    event_id = emit(database, trigger)
    assert listeners(database, event_id) == {ids[name] for name in heard_by}


def test_patterns_of_a_trigger() -> None:
    assert patterns("a.b.c") == ["a.b.c", "a.b.*", "a.*"]


def test_disabled_and_deleted_webhooks_get_nothing_and_paused_ones_are_held(database: Database) -> None:
    disabled = add_webhook(database, enabled=False)
    deleted = add_webhook(database)
    database.write_now(webhooks.delete, deleted, actor=OPERATOR, now=NOW)
    paused = add_webhook(database, paused=True)
    event_id = emit(database)
    assert listeners(database, event_id) == {paused}
    assert Worker(database).claim(at(9)).deliveries == []
    change(database, paused, paused=False)
    change(database, disabled, enabled=True)
    assert [one.webhook_id for one in Worker(database).claim(at(9)).deliveries] == [paused]


def test_what_is_open_is_held_while_its_webhook_is_disabled(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    change(database, webhook_id, enabled=False)
    assert Worker(database).claim(at(1)).deliveries == []
    assert state(database, webhook_id, event_id) == PENDING, "disabling touches no delivery"
    change(database, webhook_id, enabled=True)
    assert events(Worker(database).claim(at(1))) == [event_id]


def test_an_events_tenant_decides_who_gets_it(database: Database) -> None:
    ids = {tenant: add_webhook(database, tenant=tenant) for tenant in (None, "acme", "globex")}
    assert listeners(database, emit(database)) == {ids[None]}
    assert listeners(database, emit(database, tenant="acme")) == {ids[None], ids["acme"]}
    assert listeners(database, emit(database, tenant="ACME")) == {ids[None]}
    assert listeners(database, emit(database, tenant="")) == {ids[None]}


TENANTS = st.sampled_from([None, "acme", "Acme", "acme ", "ac%", "a_me", "globex", "ä", "a\u0308"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owners=st.lists(TENANTS, min_size=1, max_size=6), fired=st.lists(TENANTS, min_size=1, max_size=6))
def test_no_event_of_one_tenant_reaches_anothers_webhook(
    database: Database, owners: list[str | None], fired: list[str | None]
) -> None:
    database.write_now(
        lambda session: [
            session.execute(sa.text(f"DELETE FROM webhook_ui_{name}"))
            for name in ("delivery", "subscription", "lane", "webhook")
        ]
    )
    stripped = {add_webhook(database, tenant=owner): owner and owner.strip() for owner in owners}
    for tenant in fired:
        event_id = emit(database, tenant=tenant)
        expected = {one for one, owner in stripped.items() if owner is None or owner == tenant}
        assert listeners(database, event_id) == expected


def test_deliver_at_delays_the_first_attempt(database: Database) -> None:
    webhook_id = add_webhook(database)
    later, past = emit(database, deliver_at=at(90)), emit(database, deliver_at=at(-90))
    assert state(database, webhook_id, later) == PENDING | {"due_at": at(90)}
    assert state(database, webhook_id, past) == PENDING
    worker = Worker(database)
    assert events(worker.claim(NOW)) == [past]
    claims = worker.claim(at(1))
    assert claims.deliveries == []
    assert claims.next_due == at(60), "the lease of what is in flight is the first to end"
    assert events(worker.claim(at(90))) == sorted([past, later]), "the lost one, and what is due now"


def test_occurred_at_is_kept_and_delivered(database: Database) -> None:
    add_webhook(database)
    emit(database, occurred_at=at(-3600))
    (claimed,) = Worker(database).claim().deliveries
    assert claimed.occurred_at == at(-3600)


def test_a_viewer_emits_and_orders_nothing(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    with pytest.raises(Forbidden):
        emit(database, actor=VIEWER)
    for action in (outbox.redeliver, outbox.cancel):
        with pytest.raises(Forbidden):
            database.write_now(action, webhook_id, event_id, actor=VIEWER, now=NOW)
    assert state(database, webhook_id, event_id) == PENDING


def test_an_emit_is_announced(database: Database) -> None:
    webhook_id = add_webhook(database)
    seen: list[frozenset[Changed]] = []
    database.announcer.subscribe(seen.append)
    emit(database)
    database.write_now(lambda session: None)
    assert seen == [frozenset({Changed(Kind.event), Changed(Kind.delivery, webhook_id)})]


# --- idempotency


def fire(
    database: Database, key: str, *, payload: str = '{"id":7}', now: datetime = NOW, trigger: str = "user.created"
) -> Emitted:
    return database.write_now(outbox.emit, new_event(trigger, payload=payload, idempotency_key=key), now=now)


def count_events(database: Database) -> int:
    return database.read_now(
        lambda session: session.execute(sa.select(sa.func.count()).select_from(table(Event))).scalar_one()
    )


def test_the_same_key_is_the_same_event(database: Database) -> None:
    add_webhook(database)
    first = fire(database, "k")
    add_webhook(database)
    again = fire(database, "k", now=at(24 * 3600 - 1))
    assert first.stored
    assert (again.stored, again.event_id, again.deliveries) == (False, first.event_id, 1)
    assert count_events(database) == 1


def test_another_payload_with_the_same_key_is_a_conflict(database: Database) -> None:
    fire(database, "k")
    with pytest.raises(Conflict, match=r"'k' was used .* Use a new key"):
        fire(database, "k", payload='{"id":8}')
    assert count_events(database) == 1


def test_a_key_belongs_to_its_trigger_and_is_forgotten_after_a_day(database: Database) -> None:
    first = fire(database, "k")
    assert fire(database, "k", trigger="order.paid").stored
    assert fire(database, "K").stored
    tomorrow = fire(database, "k", payload='{"id":8}', now=at(24 * 3600))
    assert tomorrow.stored
    assert tomorrow.event_id != first.event_id
    assert not fire(database, "k", payload='{"id":8}', now=at(24 * 3600 + 1)).stored


def test_keys_work_within_one_transaction(database: Database) -> None:
    def twice(session: Any) -> tuple[Emitted, Emitted]:
        event = new_event(payload="{}", idempotency_key="k")
        return outbox.emit(session, event, now=NOW), outbox.emit(session, event, now=NOW)

    first, second = database.write_now(twice)
    assert (first.stored, second.stored, second.event_id) == (True, False, first.event_id)


def _fire_elsewhere(url: str, key: str) -> tuple[int, bool]:
    with closing(Database(url, FernetSealer(KEY))) as database:
        found = fire(database, key)
    return found.event_id, found.stored


def test_two_emitters_with_one_key_store_one_event(database_url: sa.URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        for round_ in range(5):

            def race(_: int, key: str = f"k{round_}") -> tuple[int, bool]:
                start.wait()
                return _fire_elsewhere(url, key)

            found = list(pool.map(race, range(4)))
            assert len({event_id for event_id, _ in found}) == 1
            assert sum(stored for _, stored in found) == 1


def test_two_processes_with_one_key_store_one_event(database_url: sa.URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    with multiprocessing.get_context("fork").Pool(2) as processes:
        found = processes.starmap(_fire_elsewhere, [(url, "k")] * 2)
    assert len({event_id for event_id, _ in found}) == 1
    assert sum(stored for _, stored in found) == 1


# --- claim and settle, row by row


def test_a_claim_lends_a_delivery_for_a_lease(database: Database) -> None:
    webhook_id = add_webhook(database, headers={"X-Key": "a"}, timeout=9, retry_schedule=[1, 2])
    event_id = emit(database)
    (claimed,) = Worker(database).claim(at(1)).deliveries
    assert state(database, webhook_id, event_id) == PENDING | {"due_at": at(1) + LEASE, "claim": "a1"}
    assert (claimed.webhook_id, claimed.event_id, claimed.token, claimed.round, claimed.tries) == (
        webhook_id,
        event_id,
        "a1",
        1,
        0,
    )
    target = claimed.target
    assert (target.url, dict(target.headers), target.timeout) == ("https://example.com/hook", {"X-Key": "a"}, 9)
    assert list(target.retry_schedule or ()) == [1, 2]
    assert Worker(database, "b").claim(at(2)).deliveries == [], "nobody else gets it meanwhile"


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


def test_give_back_counts_nothing(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    claimed = worker.claim().deliveries
    seen: list[frozenset[Changed]] = []
    database.announcer.subscribe(seen.append)
    database.write_now(outbox.give_back, claimed, now=at(3))
    assert state(database, webhook_id, event_id) == PENDING | {"due_at": at(3)}
    database.write_now(lambda session: None)
    assert seen == [frozenset({Changed(Kind.delivery, webhook_id)})], "others may take it at once"
    assert events(worker.claim(at(3))) == [event_id]
    assert state(database, webhook_id, event_id)["losses"] == 0


def test_what_somebody_else_holds_cannot_be_given_back(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    old = Worker(database, "old").claim().deliveries
    Worker(database, "new").claim(at(60))
    before = state(database, webhook_id, event_id)
    database.write_now(outbox.give_back, old, now=at(61))
    assert state(database, webhook_id, event_id) == before
    assert before["claim"] == "new1"


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


def test_while_sending_is_stopped_everything_is_accepted_and_held(database: Database) -> None:
    webhook_id = add_webhook(database)
    stop_sending(database)
    event_id = emit(database)
    assert Worker(database).claim(at(1)) == Taken([], [], None)
    assert Worker(database).claim_alone([webhook_id], at(1)).deliveries == []
    start_sending(database)
    assert events(Worker(database).claim(at(1))) == [event_id]


def test_the_switch_is_one_row(database: Database) -> None:
    stop_sending(database)
    with pytest.raises(IntegrityError):
        stop_sending(database)


# --- fencing


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


# --- losses


def test_a_lost_claim_is_no_try_and_after_two_the_delivery_goes_alone(database: Database) -> None:
    webhook_id, other = add_webhook(database), add_webhook(database)
    event_id = emit(database)
    worker, minute = Worker(database), LEASE.total_seconds()

    def known() -> tuple[int, int]:
        found = state(database, webhook_id, event_id)
        return found["tries"], found["losses"]

    assert len(worker.claim(at(0)).deliveries) == 2
    assert known() == (0, 0)
    assert len(worker.claim(at(minute)).deliveries) == 2
    assert known() == (0, 1)
    claims = worker.claim(at(2 * minute))
    assert (claims.deliveries, set(claims.suspects)) == ([], {webhook_id, other})

    (alone,) = worker.claim_alone([webhook_id], at(2 * minute)).deliveries
    assert (alone.webhook_id, alone.event_id) == (webhook_id, event_id)
    assert known() == (0, 2)
    assert set(worker.claim(at(2 * minute)).suspects) == {other}
    assert worker.claim_alone([webhook_id], at(2 * minute + 1)).deliveries == [], "it is in flight"
    assert len(worker.claim_alone([webhook_id], at(3 * minute)).deliveries) == 1
    assert known() == (0, 3)
    assert worker.claim_alone([webhook_id], at(4 * minute)).deliveries == []
    assert state(database, webhook_id, event_id) == PENDING | {
        "status": "error",
        "due_at": None,
        "losses": 3,
        "closed": "crashed",
    }
    (attempt,) = attempts(database, webhook_id, event_id)
    assert (attempt.status, attempt.error_class) == ("error", "crash")
    assert "ended 4 times without a result" in attempt.error_message
    assert worker.deliver(200, at(4 * minute)) == 0
    assert set(worker.claim(at(4 * minute)).suspects) == {other}


def test_an_answer_forgives_all_losses(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    (alone,) = worker.claim_alone([webhook_id], at(120)).deliveries
    worker.settle(settlement(alone, answer(500), now=at(121)), now=at(121))
    assert state(database, webhook_id, event_id) == FAILED | {"due_at": at(126)}
    assert events(worker.claim(at(126))) == [event_id], "in company again"


def test_a_suspect_does_not_hold_up_its_wide_lane(database: Database) -> None:
    webhook_id = add_webhook(database)
    poison = emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    innocents = [emit(database, now=at(100)) for _ in range(3)]
    claims = worker.claim(at(120), seats=2)
    assert events(claims) == innocents[:2]
    assert list(claims.suspects) == [webhook_id]
    (alone,) = worker.claim_alone(claims.suspects, at(120)).deliveries
    assert alone.event_id == poison


def test_a_suspect_at_the_head_holds_its_ordered_lane_until_it_was_alone(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    head, follower = emit(database), emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    claims = worker.claim(at(120))
    assert (claims.deliveries, list(claims.suspects)) == ([], [webhook_id])
    assert events(worker.claim_alone([webhook_id], at(120))) == [head]
    assert events(worker.claim_alone([webhook_id], at(180))) == [head]
    assert worker.claim_alone([webhook_id], at(240)).deliveries == []
    assert state(database, webhook_id, head)["closed"] == "crashed"
    assert events(worker.claim(at(240))) == [follower], "and then makes way"


def test_a_suspect_that_is_not_the_head_waits_for_its_turn(database: Database) -> None:
    """An earlier delivery that was redelivered is the head again, and may be in flight."""
    webhook_id = add_webhook(database, ordered=True)
    first = emit(database)
    worker = Worker(database)
    worker.deliver(200)
    suspect = emit(database)
    worker.claim(at(0))
    worker.claim(at(60))
    order(database, "redeliver", webhook_id, first, now=at(120))
    assert worker.claim_alone([webhook_id], at(121)).deliveries == []
    assert events(worker.claim(at(121))) == [first]
    assert worker.claim_alone([webhook_id], at(122)).deliveries == [], "one is in flight"
    assert state(database, webhook_id, suspect)["losses"] == 1


def test_a_suspect_respects_what_holds_its_lane(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    other = emit(database, now=at(119))
    (claimed,) = worker.claim(at(119)).deliveries
    assert claimed.event_id == other
    worker.settle(settlement(claimed, answer(503, retry_after=600), now=at(120)), now=at(120))
    assert worker.claim_alone([webhook_id], at(121)).deliveries == [], "its receiver asked to wait"
    change(database, webhook_id, paused=True)
    assert worker.claim_alone([webhook_id], at(9999)).deliveries == []
    change(database, webhook_id, paused=False)
    assert len(worker.claim_alone([webhook_id], at(9999)).deliveries) == 1


def test_only_one_suspect_at_a_time_is_taken(database: Database) -> None:
    ids = [add_webhook(database), add_webhook(database)]
    emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    assert len(worker.claim_alone(ids, at(120)).deliveries) == 1
    assert len(worker.claim_alone(ids, at(120)).deliveries) == 1
    assert len(worker.claim_alone(ids, at(120)).deliveries) == 0


# --- lanes: fairness, order, waiting


def test_seats_are_shared_among_lanes(database: Database) -> None:
    loud, *quiet = [add_webhook(database, triggers=[name]) for name in ("user.created", "user.deleted", "order.paid")]
    for _ in range(50):
        emit(database)
    for trigger in ("user.deleted", "order.paid"):
        emit(database, trigger, now=at(1))
    taken = Counter(one.webhook_id for one in Worker(database).claim(at(2), seats=12).deliveries)
    assert [taken[one] for one in quiet] == [1, 1]
    assert taken[loud] <= 10
    assert Counter(one.webhook_id for one in Worker(database).claim(at(2), seats=64).deliveries) == {loud: 16}


def test_lanes_with_the_fewest_in_flight_come_first(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database)
    for _ in range(4):
        emit(database)
    worker = Worker(database)
    (claimed,) = worker.claim(seats=1, busy={first: 3, second: 1}).deliveries
    assert claimed.webhook_id == second
    taken = worker.claim(seats=20, seats_per_webhook=4, busy={first: 3, second: 1}).deliveries
    assert Counter(one.webhook_id for one in taken) == {second: 3, first: 1}
    assert worker.claim(seats=20, seats_per_webhook=4, busy={first: 4, second: 4}).deliveries == []


def test_no_seats_claim_nothing(database: Database) -> None:
    add_webhook(database)
    emit(database)
    for seats in (0, -1):
        assert Worker(database).claim(seats=seats).deliveries == []


def test_the_oldest_due_of_a_lane_comes_first(database: Database) -> None:
    add_webhook(database)
    later, sooner = emit(database, now=at(9)), emit(database, now=at(3))
    worker = Worker(database)
    assert events(worker.claim(at(10), seats=1)) == [sooner]
    assert events(worker.claim(at(10), seats=1)) == [later]


def test_the_next_due_is_that_of_free_lanes(database: Database) -> None:
    held, free = add_webhook(database), add_webhook(database, triggers=["order.paid"])
    emit(database, deliver_at=at(100))
    emit(database, "order.paid", deliver_at=at(200))
    worker = Worker(database)
    assert worker.claim().next_due == at(100)
    change(database, held, paused=True)
    assert worker.claim().next_due == at(200)
    change(database, free, enabled=False)
    assert worker.claim().next_due is None


def test_an_ordered_lane_goes_one_by_one_and_waits_for_its_head(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    first, second, third = emit(database), emit(database), emit(database)
    one, two = Worker(database, "one"), Worker(database, "two")
    (claimed,) = one.claim().deliveries
    assert claimed.event_id == first
    claims = two.claim(at(1))
    assert (claims.deliveries, claims.next_due) == ([], NOW + LEASE)
    one.settle(settlement(claimed, answer(500), now=at(2)), now=at(2))
    claims = two.claim(at(3))
    assert (claims.deliveries, claims.next_due) == ([], at(7)), "the head waits for its retry, the rest for the head"
    assert two.deliver(200, at(7)) == 1
    assert state(database, webhook_id, first)["closed"] == "sent"
    assert one.deliver(500, at(8), schedule=()) == 1
    assert state(database, webhook_id, second)["closed"] == "exhausted"
    assert events(two.claim(at(9))) == [third], "an exhausted head makes way"


def test_a_lane_that_becomes_ordered_lets_what_is_in_flight_land_first(database: Database) -> None:
    webhook_id = add_webhook(database)
    first, second, third = emit(database), emit(database), emit(database)
    worker = Worker(database)
    flying = worker.claim(seats=2).deliveries
    assert [one.event_id for one in flying] == [first, second]
    change(database, webhook_id, ordered=True)
    worker.settle(settlement(flying[0], answer(200)))
    assert worker.claim(at(1)).deliveries == []
    worker.settle(settlement(flying[1], answer(200)))
    assert events(worker.claim(at(1))) == [third]


def test_a_redelivered_head_waits_for_what_is_in_flight(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    first, second = emit(database), emit(database)
    worker = Worker(database)
    assert worker.deliver(200) == 1
    (flying,) = worker.claim().deliveries
    assert flying.event_id == second
    order(database, "redeliver", webhook_id, first, now=at(1))
    assert worker.claim(at(2)).deliveries == []
    worker.settle(settlement(flying, answer(200)))
    assert events(worker.claim(at(3))) == [first]


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


# --- statistics


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


# --- redeliver and cancel


def test_redeliver_gives_what_is_over_a_new_round(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    worker.deliver(500, schedule=())
    order(database, "redeliver", webhook_id, event_id, now=at(10))
    assert state(database, webhook_id, event_id) == PENDING | {"due_at": at(10), "round": 2, "answer": "error"}
    (claimed,) = worker.claim(at(10)).deliveries
    assert (claimed.round, claimed.tries) == (2, 0)
    worker.settle(settlement(claimed, answer(200)))
    assert state(database, webhook_id, event_id) == SENT | {"round": 2}
    assert [one.round for one in attempts(database, webhook_id, event_id)] == [1, 2]
    order(database, "redeliver", webhook_id, event_id, now=at(20))
    assert state(database, webhook_id, event_id) == PENDING | {"due_at": at(20), "round": 3, "answer": "sent"}


def test_redeliver_hurries_what_waits(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database, deliver_at=at(3600))
    order(database, "redeliver", webhook_id, event_id, now=at(10))
    assert state(database, webhook_id, event_id) == PENDING | {"due_at": at(10)}
    Worker(database).deliver(500, at(10))
    assert state(database, webhook_id, event_id)["due_at"] == at(15)
    order(database, "redeliver", webhook_id, event_id, now=at(11))
    assert state(database, webhook_id, event_id) == FAILED | {"due_at": at(11)}, "the same round goes on"


def test_redeliver_of_a_lost_claim_leaves_it_lost(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    slow = Worker(database, "slow")
    (old,) = slow.claim().deliveries
    order(database, "redeliver", webhook_id, event_id, now=at(61))
    assert events(Worker(database, "quick").claim(at(61))) == [event_id]
    assert state(database, webhook_id, event_id)["losses"] == 1
    assert slow.settle(settlement(old, answer(500))) == []


def test_cancel_ends_what_waits(database: Database) -> None:
    webhook_id = add_webhook(database)
    fresh, failed, again = emit(database), emit(database), emit(database)
    worker = Worker(database)
    for one in worker.claim().deliveries:
        if one.event_id == failed:
            worker.settle(settlement(one, answer(500)))
        elif one.event_id == again:
            worker.settle(settlement(one, answer(200)))
        else:
            database.write_now(outbox.give_back, [one], now=NOW)
    order(database, "redeliver", webhook_id, again, now=at(1))
    for event_id in (fresh, failed, again):
        order(database, "cancel", webhook_id, event_id, now=at(2))
    over = {"due_at": None, "closed": "cancelled"}
    assert state(database, webhook_id, fresh) == PENDING | {"status": "error"} | over
    assert state(database, webhook_id, failed) == FAILED | over
    assert state(database, webhook_id, again) == SENT | {"round": 2, "tries": 0}, "what was sent stays sent"
    assert worker.claim(at(9999)).deliveries == []
    for event_id in (fresh, failed, again):
        with pytest.raises(Conflict, match="is over"):
            order(database, "cancel", webhook_id, event_id, now=at(3))
    order(database, "redeliver", webhook_id, fresh, now=at(4))
    assert state(database, webhook_id, fresh) == PENDING | {"due_at": at(4), "round": 2}


@pytest.mark.parametrize("name", ["redeliver", "cancel"])
def test_what_is_in_flight_takes_no_orders(database: Database, name: str) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    Worker(database).claim()
    before = state(database, webhook_id, event_id)
    with pytest.raises(Conflict, match="in flight"):
        order(database, name, webhook_id, event_id, now=at(59))
    assert state(database, webhook_id, event_id) == before
    order(database, name, webhook_id, event_id, now=at(60))


@pytest.mark.parametrize("name", ["redeliver", "cancel"])
def test_orders_for_what_is_not_there(database: Database, name: str) -> None:
    with pytest.raises(NotFound, match=r"no delivery dlv_"):
        order(database, name, 1, 5, now=NOW)


def test_a_deleted_webhooks_deliveries_can_be_cancelled_but_not_redelivered(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)
    with pytest.raises(Conflict, match="Restore the webhook"):
        order(database, "redeliver", webhook_id, event_id, now=at(1))
    order(database, "cancel", webhook_id, event_id, now=at(1))
    assert state(database, webhook_id, event_id)["closed"] == "cancelled"


def test_orders_stand_in_history(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    order(database, "cancel", webhook_id, event_id, now=at(1))
    order(database, "redeliver", webhook_id, event_id, now=at(2))
    rows = table(Change)
    statement = sa.select(rows).where(rows.c.subject == "delivery").order_by(rows.c.id)
    cancelled, redelivered = database.read_now(lambda session: list(session.execute(statement)))
    assert (cancelled.action, cancelled.actor, cancelled.at) == ("delivery.cancelled", OPERATOR.name, at(1))
    assert cancelled.before == {"status": "pending", "closed_reason": None, "round": 1, "tries": 0}
    assert (redelivered.action, redelivered.before["closed_reason"]) == ("delivery.redelivered", "cancelled")
    assert cancelled.subject_id.endswith(f"_{webhook_id}")


# --- expire and purge


def test_what_is_open_too_long_expires(database: Database) -> None:
    webhook_id = add_webhook(database)
    fresh, failed, again, flying = (emit(database) for _ in range(4))
    worker = Worker(database)
    held = {one.event_id: one for one in worker.claim().deliveries}
    worker.settle(settlement(held[failed], answer(500)), settlement(held[again], answer(200)))
    database.write_now(outbox.give_back, [held[fresh]], now=NOW)
    order(database, "redeliver", webhook_id, again, now=at(1))
    young = emit(database, now=at(10))

    def expire() -> int:
        return database.write_now(outbox.expire, older_than=at(10), now=at(30))

    assert expire() == 3
    assert expire() == 0
    over = {"due_at": None, "closed": "expired"}
    assert state(database, webhook_id, fresh) == PENDING | {"status": "error"} | over
    assert state(database, webhook_id, failed) == FAILED | over
    assert state(database, webhook_id, again)["closed"] == "sent"
    assert state(database, webhook_id, flying)["claim"] is not None, "what is in flight is let land"
    assert state(database, webhook_id, young) == PENDING | {"due_at": at(10)}
    assert database.write_now(outbox.expire, older_than=at(10), now=at(60)) == 1, "and a lost claim is none"


def test_what_somebody_redelivered_lately_does_not_expire(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    Worker(database).deliver(200)
    order(database, "redeliver", webhook_id, event_id, now=at(20))
    assert database.write_now(outbox.expire, older_than=at(10), now=at(30)) == 0
    assert database.write_now(outbox.expire, older_than=at(21), now=at(30)) == 1


def test_a_key_is_not_known_again_for_another_tenant(database: Database) -> None:
    emit(database, tenant="red", idempotency_key="k")
    for tenant in ("blue", None):
        with pytest.raises(Conflict, match="tenant"):
            emit(database, tenant=tenant, idempotency_key="k")


def test_a_purge_closes_what_a_webhook_left_open(database: Database) -> None:
    gone, stays = add_webhook(database), add_webhook(database)
    sent = emit(database)
    Worker(database).deliver(200)
    event_id = emit(database)
    assert database.write_now(outbox.purge, gone, now=at(1)) == 1
    assert database.write_now(outbox.purge, gone, now=at(1)) == 0
    assert state(database, gone, event_id) == PENDING | {"status": "error", "due_at": None, "closed": "gone"}
    assert state(database, gone, sent) == SENT
    assert state(database, stays, event_id) == PENDING


# --- the rules the database itself keeps


@pytest.mark.parametrize(
    "values",
    [
        {"due_at": None},
        {"closed": "sent"},
        {"status": "sent"},
        {"status": "sent", "closed": "exhausted", "due_at": None},
        {"status": "error", "closed": "sent", "due_at": None},
        {"status": "pending", "closed": "cancelled", "due_at": None},
        {"status": "sent", "closed": "sent", "due_at": None, "claim": "x"},
        {"status": "done"},
        {"answer": "maybe"},
        {"status": "error", "closed": "bored", "due_at": None},
    ],
)
def test_states_that_cannot_be_are_refused(database: Database, values: dict[str, Any]) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    with pytest.raises(IntegrityError):
        database.write_now(lambda session: session.execute(_delivery.update().values(**values)))
    assert state(database, webhook_id, event_id) == PENDING


# --- what it costs


def test_no_turn_of_a_dispatcher_reads_a_whole_lane_or_table(sqlite_url: sa.URL) -> None:
    """What is over stays for months, so a statement that passes over it would become slower every day."""
    statements: dict[str, Any] = {}

    def note_statement(_connection: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        statements[text] = values[0] if many else values

    with closing(Database(sqlite_url.render_as_string(), FernetSealer(KEY))) as database:
        add_webhook(database)
        add_webhook(database, ordered=True)
        for _ in range(3):
            emit(database)
        worker = Worker(database)
        sa.event.listen(database.writer, "before_cursor_execute", note_statement)
        worker.claim(at(0))
        worker.claim(at(60))
        suspects = worker.claim(at(120)).suspects
        flying = [*worker.claim_alone(suspects, at(120)).deliveries, *worker.claim_alone(suspects, at(120)).deliveries]
        worker.settle(*(settlement(one, answer(500), now=at(121)) for one in flying), now=at(121))
        assert {one.webhook_id for one in flying} == {1, 2}
        plans = [
            (text, row[3])
            for text, values in statements.items()
            if text.startswith(("SELECT", "WITH", "UPDATE")) and "webhook_ui_delivery" in text
            for row in database.read_now(
                lambda session, text=text, values=values: list(
                    session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
                )
            )
        ]
    assert len(plans) > 20
    for text, step in plans:
        # the index over what was lost holds next to nothing, so it may be read whole
        assert not step.startswith("SCAN webhook_ui_delivery") or "ix_webhook_ui_delivery_lost" in step, text
        assert not step.endswith("USING PRIMARY KEY (webhook_id=?)"), f"reads what is over as well: {text}"


def test_a_head_is_looked_at_again_under_the_lanes_lock(database: Database) -> None:
    """Between seeing a free lane and locking it, another worker may have claimed its head, or failed with it."""
    webhook_id = add_webhook(database, ordered=True)
    head, _follower = emit(database), emit(database)
    worker = Worker(database)

    def lock(seconds: float) -> list[int]:
        """Claims as if the lane had just been seen with something due, and undoes it."""

        def claim(session: Any) -> list[int]:
            claims = outbox.claim(session, {webhook_id: 1}, lease=worker.take_lease(at(seconds)), targets=Targets())
            session.rollback()
            return [one.event_id for one in claims.deliveries]

        return database.write_now(claim)

    assert lock(0) == [head]
    (claimed,) = Worker(database).claim().deliveries
    assert lock(1) == [], "it is in flight"
    Worker(database).settle(settlement(claimed, answer(500)))
    assert lock(1) == [], "it waits for its retry"
    assert lock(5) == [head]


# --- two workers at once (with SQLite the database lets them in one by one)


def _race(databases: list[Database], until_empty: int) -> list[tuple[str, int, int, datetime]]:
    """Workers claim and settle as fast as they can; every claim is written down."""
    taken: list[tuple[str, int, int, datetime]] = []
    overlaps: list[str] = []
    flying: Counter[int] = Counter()
    lock, start = threading.Lock(), threading.Barrier(len(databases))
    ordered = {1}

    def work(number: int) -> None:
        worker = Worker(databases[number], f"w{number}-")
        start.wait()
        idle = 0
        while idle < until_empty:
            found = worker.claim(at(1), seats=7).deliveries
            idle = 0 if found else idle + 1
            with lock:
                for one in found:
                    taken.append((one.token, one.webhook_id, one.event_id, NOW))
                    flying[one.webhook_id] += 1
                    if one.webhook_id in ordered and flying[one.webhook_id] > 1:
                        overlaps.append(one.token)
            with lock:
                flying.subtract(one.webhook_id for one in found)
            worker.settle(*(settlement(one, answer(200)) for one in found))

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(work, range(len(databases))))
    assert overlaps == []
    return taken


def test_workers_at_once_never_get_the_same_delivery(database_url: sa.URL) -> None:
    url = database_url.render_as_string(hide_password=False)
    databases = [Database(url, FernetSealer(KEY)) for _ in range(3)]
    ordered = add_webhook(databases[0], ordered=True)
    wide = [add_webhook(databases[0]) for _ in range(2)]
    assert ordered == 1
    for _ in range(40):
        emit(databases[0])
    taken = _race(databases, until_empty=30)
    for database in databases:
        database.close()
    keys = [(webhook_id, event_id) for _, webhook_id, event_id, _ in taken]
    assert len(keys) == len(set(keys)) == 40 * 3
    in_order = [event_id for webhook_id, event_id in keys if webhook_id == ordered]
    assert in_order == sorted(in_order), "first in, first out"
    assert {webhook_id for webhook_id, _ in keys} == {ordered, *wide}


@pytest.fixture
def two_doors(postgres_url: sa.URL) -> Iterator[tuple[Database, Database]]:
    """Two processes on one PostgreSQL; whoever waits for the other's lock is told so instead of waiting for ever."""
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {postgres_url.database} SET lock_timeout = '1s'"))
    url = postgres_url.render_as_string(hide_password=False)
    with closing(Database(url, FernetSealer(KEY))) as one, closing(Database(url, FernetSealer(KEY))) as two:
        yield one, two


def test_an_ordered_lane_is_decided_by_one_worker_at_a_time(two_doors: tuple[Database, Database]) -> None:
    """Two transactions that both see a free ordered lane: the second finds it locked and takes nothing."""
    one, two = two_doors
    add_webhook(one, ordered=True)
    add_webhook(one)
    head = emit(one)
    emit(one)

    def claim_inside(session: Any) -> tuple[Claims, Claims]:
        mine = claim_due(session, lease=Lease(token="mine", now=at(1), until=at(61)), seats=1, busy={2: 9})
        lease = Lease(token="theirs", now=at(1), until=at(61))
        theirs = two.write_now(claim_due, lease=lease, seats=9, busy={2: 9})
        return mine, theirs

    mine, theirs = one.write_now(claim_inside)
    assert events(mine) == [head]
    assert [claimed.webhook_id for claimed in theirs.deliveries] == [2, 2], "nor does it wait for the lock"


def test_deliveries_that_another_transaction_is_claiming_are_passed_over(two_doors: tuple[Database, Database]) -> None:
    one, two = two_doors
    add_webhook(one)
    all_events = {emit(one) for _ in range(6)}

    def claim_inside(session: Any) -> tuple[Claims, Claims]:
        return (
            claim_due(session, lease=Lease(token="mine", now=at(1), until=at(61)), seats=3, busy={}),
            two.write_now(claim_due, lease=Lease(token="theirs", now=at(1), until=at(61)), seats=3, busy={}),
        )

    mine, theirs = one.write_now(claim_inside)
    assert len(mine.deliveries) == len(theirs.deliveries) == 3
    assert set(events(mine)) | set(events(theirs)) == all_events


def test_an_emit_does_not_wait_for_somebody_who_edits_the_webhook(two_doors: tuple[Database, Database]) -> None:
    one, two = two_doors
    webhook_id = add_webhook(one)

    def edit(session: Any) -> int:
        webhooks.disable(session, webhook_id, reason="x", actor=ENGINE, now=NOW)
        return emit(two)

    assert listeners(one, one.write_now(edit)) == {webhook_id}


def test_an_admin_may_do_what_an_operator_may(database: Database) -> None:
    assert emit(database, actor=Actor(kind="token", name="ci", role=Role.admin))
