"""Emitting: which webhooks get a delivery, and when; what an idempotency key does."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import KEY
from tests.stored import (
    ENGINE,
    NOW,
    OPERATOR,
    PENDING,
    Worker,
    add_webhook,
    at,
    change,
    emit,
    events,
    listeners,
    new_event,
    state,
)
from webhook_ui import outbox, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Conflict
from webhook_ui.models import Event, table
from webhook_ui.outbox import Emitted
from webhook_ui.patterns import patterns
from webhook_ui.sealing import FernetSealer


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


def test_an_emit_is_announced(database: Database) -> None:
    webhook_id = add_webhook(database)
    seen: list[frozenset[Changed]] = []
    database.announcer.subscribe(seen.append)
    emit(database)
    database.write_now(lambda session: None)
    assert seen == [frozenset({Changed(Kind.event), Changed(Kind.delivery, webhook_id)})]


def test_an_admin_may_do_what_an_operator_may(database: Database) -> None:
    assert emit(database, actor=Actor(kind="token", name="ci", role=Role.admin))


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


def test_a_key_is_not_known_again_for_another_tenant(database: Database) -> None:
    emit(database, tenant="red", idempotency_key="k")
    for tenant in ("blue", None):
        with pytest.raises(Conflict, match="tenant"):
            emit(database, tenant=tenant, idempotency_key="k")


def test_an_emit_does_not_wait_for_somebody_who_edits_the_webhook(two_doors: tuple[Database, Database]) -> None:
    one, two = two_doors
    webhook_id = add_webhook(one)

    def edit(session: Any) -> int:
        webhooks.disable(session, webhook_id, reason="x", actor=ENGINE, now=NOW)
        return emit(two)

    assert listeners(one, one.write_now(edit)) == {webhook_id}
