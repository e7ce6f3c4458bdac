"""An event's trace: who got it, who did not, and why, by what held when it was stored; on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.stored import ENGINE, NOW, OPERATOR, RULES, Worker, add_webhook, at, change, emit
from webhook_ui import changelog, engine_events, times, webhooks
from webhook_ui.actors import SYSTEM
from webhook_ui.database import Database
from webhook_ui.errors import Invalid, NotFound
from webhook_ui.history import paging
from webhook_ui.history.events import get_event
from webhook_ui.history.trace import Group, TracePage, trace
from webhook_ui.history.trace_reasons import Outcome
from webhook_ui.models import Event, Skip, Webhook, table

THEN = at(100)


def read(database: Database, event_id: int, **arguments: Any) -> TracePage:
    return database.read_now(trace, event_id, **{"now": at(1000), "limit": 200} | arguments)


def reasons(database: Database, event_id: int) -> dict[int, tuple[Any, ...]]:
    """For each webhook without a delivery: outcome, since when, by whom."""
    rows = read(database, event_id).rows
    return {
        row.webhook_id: (row.reason.outcome.value, row.reason.since, row.reason.by)
        for row in rows
        if row.delivery is None
    }


def do(database: Database, name: str, webhook_id: int, seconds: float, **more: Any) -> None:
    """delete, restore or disable, as it happens at that time."""
    database.write_now(getattr(webhooks, name), webhook_id, **{"actor": OPERATOR, "now": at(seconds)} | more)


def test_deliveries_come_first_by_their_state(database: Database) -> None:
    first, second, third, other = (add_webhook(database, title=title) for title in "abcd")
    change(database, other, now=at(1), triggers=["order.paid"])
    change(database, third, now=at(2), paused=True)
    event_id = emit(database, now=THEN)
    Worker(database).deliver(200, now=THEN)
    outbox_error = emit(database, now=THEN)
    Worker(database, "b").deliver(503, now=THEN)
    page = read(database, event_id)
    assert [(row.webhook_id, row.delivery and row.delivery.status) for row in page.rows] == [
        (first, "sent"),
        (second, "sent"),
        (third, "pending"),
        (other, None),
    ]
    assert (page.rows[2].reason.since, page.rows[2].reason.by) == (at(2), OPERATOR.name)
    assert page.counts == dict(zip(Group, (2, 0, 1, 0, 1), strict=True))
    assert read(database, outbox_error).counts == dict(zip(Group, (0, 2, 1, 0, 1), strict=True))


def test_it_is_said_why_each_webhook_did_not_get_it(database: Database) -> None:
    never = add_webhook(database, triggers=["order.paid"])
    theirs = add_webhook(database, tenant="acme")
    off = add_webhook(database, enabled=False)
    given_up = add_webhook(database)
    do(database, "disable", given_up, 50, reason="410 Gone", actor=ENGINE)
    deleted = add_webhook(database, triggers=["user.*"])
    do(database, "delete", deleted, 60)
    later_off = add_webhook(database)
    filtered = add_webhook(database, enabled=False)  # as an emit does that evaluates filters: no delivery, a skip
    event_id = emit(database, now=THEN)
    skip = {"webhook_id": filtered, "event_id": event_id, "reason": "country is not SA"}
    database.write_now(lambda session: session.execute(table(Skip).insert().values(**skip)))
    later = add_webhook(database, now=at(200))
    later_other = add_webhook(database, now=at(200), triggers=["order.paid"])
    # what happens afterwards changes nothing of it
    change(database, never, now=at(300), triggers=["user.created"])
    change(database, theirs, now=at(300), tenant=None)
    change(database, off, now=at(300), enabled=True)
    change(database, given_up, now=at(300), enabled=True)
    do(database, "restore", deleted, 300)
    do(database, "delete", later, 301)
    change(database, later_off, now=at(300), enabled=False, triggers=["order.paid"])
    assert reasons(database, event_id) == {
        never: ("not_subscribed", None, None),
        theirs: ("other_tenant", None, None),
        off: ("disabled", NOW, OPERATOR.name),
        given_up: ("disabled", at(50), ENGINE.name),
        deleted: ("deleted", at(60), OPERATOR.name),
        filtered: ("filtered", None, None),
        later: ("created_later", at(200), None),
        later_other: ("not_subscribed", None, None),
    }
    rows = {row.webhook_id: row.reason for row in read(database, event_id).rows}
    assert rows[later_off].outcome is Outcome.delivered
    assert (rows[given_up].detail, rows[filtered].detail) == ("410 Gone", "country is not SA")
    assert (rows[off].born, rows[given_up].born) == (True, False)
    assert (rows[never].triggers, rows[never].listens) == (("order.paid",), True)
    assert (rows[theirs].tenant, rows[later].listens) == ("acme", False)


def test_one_that_was_switched_off_before_is_said_with_the_last_switch(database: Database) -> None:
    webhook_id = add_webhook(database)
    change(database, webhook_id, now=at(10), enabled=False)
    change(database, webhook_id, now=at(20), enabled=True)
    change(database, webhook_id, now=at(30), enabled=False)
    change(database, webhook_id, now=at(40), title="Renamed")
    do(database, "delete", webhook_id, 50)
    do(database, "restore", webhook_id, 60)
    event_id = emit(database, now=THEN)
    assert reasons(database, event_id) == {webhook_id: ("disabled", at(30), OPERATOR.name)}


def test_nobody_is_named_for_a_switch_that_is_on_record_no_more(database: Database) -> None:
    webhook_id = add_webhook(database)
    change(database, webhook_id, now=at(30), enabled=False)
    change(database, webhook_id, now=at(40), title="Renamed")
    event_id = emit(database, now=THEN)
    assert reasons(database, event_id) == {webhook_id: ("disabled", at(30), OPERATOR.name)}
    # the last change before then stays, which is that of the title
    database.write_now(changelog.forget, before=times.utcnow() + timedelta(minutes=1))
    assert reasons(database, event_id) == {webhook_id: ("disabled", None, None)}


def test_one_that_stopped_listening_before_is_told_from_one_that_stopped_after(database: Database) -> None:
    before, gone = add_webhook(database), add_webhook(database)
    change(database, before, now=at(10), triggers=["order.paid"])
    event_id = emit(database, now=THEN)
    do(database, "delete", gone, 200)
    page = read(database, event_id)
    assert {row.webhook_id: row.reason.outcome.value for row in page.rows} == {
        gone: "delivered",
        before: "not_subscribed",
    }
    assert page.counts[Group.not_subscribed] == 1


def test_what_was_deleted_long_before_is_no_longer_spoken_of(database: Database) -> None:
    webhook_id = add_webhook(database)
    do(database, "delete", webhook_id, 10)
    assert reasons(database, emit(database, now=at(20)))[webhook_id][0] == "deleted"
    assert reasons(database, emit(database, now=at(31 * 86400))) == {}


def test_no_webhook_hears_of_itself(database: Database) -> None:
    subject = engine_events.Subject(id=add_webhook(database), uid="u", title="t", url="https://x.test")
    rules = RULES.__class__(policy=RULES.policy, triggers=["webhook.disabled"], longest_timeout=50)
    listens = {"triggers": ["webhook.*"]}
    for webhook_id in (subject.id, add_webhook(database)):
        database.write_now(webhooks.change, webhook_id, listens, rules=rules, actor=OPERATOR, now=at(1))
    payload = engine_events.disabled_payload(subject, reason="410", failing_since=None, disabled_at=NOW)
    event_id = emit(database, "webhook.disabled", now=THEN, payload=payload, actor=SYSTEM, about=subject.id)
    assert reasons(database, event_id) == {subject.id: ("about", None, None)}
    assert read(database, event_id).counts[Group.pending] == 1


def test_where_history_says_nothing_the_present_state_speaks(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database, "order.paid", now=THEN)
    update = table(Webhook).update().values(triggers=["order.paid"], updated_at=at(1))

    def tamper(session: Any) -> None:
        session.execute(update)
        session.execute(sa.text("DELETE FROM webhook_ui_change"))
        session.execute(sa.text("UPDATE webhook_ui_subscription SET pattern = 'order.paid'"))

    database.write_now(tamper)
    assert reasons(database, event_id) == {webhook_id: ("unexplained", None, None)}


def test_a_test_send_was_meant_for_one(database: Database) -> None:
    add_webhook(database)
    event_id = emit(database, "order.paid", now=THEN)
    database.write_now(lambda session: session.execute(table(Event).update().values(test=True)))
    page = read(database, event_id)
    assert (list(page.rows), set(page.counts.values())) == ([], {0})


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_go_on_through_all_groups(database: Database, limit: int) -> None:
    listening = [add_webhook(database, title=f"Hook {number}") for number in range(3)]
    off = [add_webhook(database, enabled=False, url=f"https://off.test/{number}") for number in range(2)]
    others = [add_webhook(database, triggers=["order.paid"]) for _ in range(2)]
    event_id = emit(database, now=THEN)
    Worker(database).deliver(200, now=THEN)
    walked, cursor = [], None
    while True:
        page = read(database, event_id, limit=limit, cursor=cursor)
        walked += [row.webhook_id for row in page.rows]
        assert len(page.rows) <= limit
        cursor = page.next_cursor
        if cursor is None:
            break
    assert walked == [*listening, *off, *others]
    sought = read(database, event_id, limit=limit, q="OFF.test")
    assert [row.webhook_id for row in sought.rows] == off[:limit]
    assert sought.counts == dict(zip(Group, (0, 0, 0, 2, 0), strict=True))
    assert [row.webhook_id for row in read(database, event_id, q="hook 1").rows] == [listening[1]]
    for foreign in (paging.encode([9, 0]), paging.encode([-1, 0]), paging.encode([1])):
        with pytest.raises(Invalid, match="no cursor"):
            read(database, event_id, cursor=foreign)


def test_an_event_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound, match="no event evt_"):
        read(database, 5)


def test_the_key_an_event_was_given_is_known_for_a_day(database: Database) -> None:
    emit(database, idempotency_key="another")
    event_id, without = emit(database, idempotency_key="signup-7"), emit(database)
    assert database.read_now(get_event, event_id).idempotency_key == "signup-7"
    assert database.read_now(get_event, without).idempotency_key is None
