"""What a person does to a delivery: redeliver, cancel; and how what is open ends by itself: expire, purge."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from tests.stored import (
    FAILED,
    NOW,
    OPERATOR,
    PENDING,
    SENT,
    VIEWER,
    Worker,
    add_webhook,
    answer,
    at,
    attempts,
    delivery,
    emit,
    events,
    order,
    settlement,
    state,
)
from webhook_ui import outbox, webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, NotFound
from webhook_ui.models import Change, Delivery, table

_delivery = table(Delivery)


def test_a_viewer_emits_and_orders_nothing(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    with pytest.raises(Forbidden):
        emit(database, actor=VIEWER)
    for action in (outbox.redeliver, outbox.cancel):
        with pytest.raises(Forbidden):
            database.write_now(action, webhook_id, event_id, actor=VIEWER, now=NOW)
    assert state(database, webhook_id, event_id) == PENDING


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


def test_what_is_to_be_sent_later_does_not_expire_before(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database, deliver_at=at(100 * 86400))
    late = at(95 * 86400)
    assert database.write_now(outbox.expire, older_than=at(90 * 86400), now=late) == 0
    assert delivery(database, webhook_id, event_id).closed is None
    due = at(100 * 86400)
    assert database.write_now(outbox.expire, older_than=at(90 * 86400), now=due) == 1
