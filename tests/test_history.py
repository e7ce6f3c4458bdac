"""The read side: filters, sorts, cursors, what a delivery waits for, figures; on both databases."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from tests.stored import (
    NOW,
    OPERATOR,
    Worker,
    add_webhook,
    answer,
    at,
    attempts,
    change,
    delivery,
    emit,
    set_lane,
    settlement,
    stop_sending,
)
from webhook_ui import ids, outbox, webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Invalid, NotFound
from webhook_ui.history import deliveries, events, figures, paging
from webhook_ui.history import webhooks as listed
from webhook_ui.history.deliveries import DeliveryFilter
from webhook_ui.history.events import EventFilter, Firings
from webhook_ui.history.figures import Health, Overview
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter
from webhook_ui.models import Attempt, Delivery, Event, Statistics, table
from webhook_ui.ui.trigger_panel import times_fired


def found(database: Database, **criteria: Any) -> set[int]:
    """The webhooks a filter leaves; the count must agree."""
    wanted = WebhookFilter(**criteria)
    page = database.read_now(listed.list_webhooks, wanted, limit=200)
    assert database.read_now(listed.count_webhooks, wanted) == len(page.rows)
    return {row.id for row in page.rows}


def row(database: Database, webhook_id: int) -> Any:
    page = database.read_now(listed.list_webhooks, WebhookFilter())
    return next(one for one in page.rows if one.id == webhook_id)


def shown(database: Database, webhook_id: int, event_id: int, now: datetime) -> Any:
    """A delivery as the log shows it; the list and the single view must agree."""
    one = database.read_now(deliveries.get_delivery, webhook_id, event_id, now=now).row
    criteria = DeliveryFilter(webhook_id=webhook_id, event_id=event_id)
    assert list(database.read_now(deliveries.list_deliveries, criteria, now=now).rows) == [one]
    return one


def store_event(database: Database, moment: datetime, number: int, webhook_ids: list[int], **values: Any) -> int:
    """An event whose id is of a moment of our choice, with deliveries."""
    event_id = ids.floor(moment) + number
    event = {"id": event_id, "trigger": "user.created", "payload": "{}", "actor": "x", "test": False, **values}
    fixed = {"event_id": event_id, "trigger": event["trigger"], "status": "pending", "due_at": moment, "round": 1}
    fixed |= {"tries": 0, "losses": 0, "test": False, "created_at": moment, "updated_at": moment}

    def store(session: Any) -> None:
        session.execute(table(Event).insert().values(**event, occurred_at=moment, created_at=moment))
        for webhook_id in webhook_ids:
            session.execute(table(Delivery).insert().values(webhook_id=webhook_id, **fixed))

    database.write_now(store)
    return event_id


# --- webhooks: filters


def test_from_is_inclusive_and_to_exclusive(database: Database) -> None:
    ids_ = [add_webhook(database, now=at(second)) for second in (0, 1, 1.000001, 2)]
    assert found(database) == set(ids_)
    assert found(database, created_from=at(1)) == set(ids_[1:])
    assert found(database, created_to=at(1)) == {ids_[0]}
    assert found(database, created_from=at(1), created_to=at(2)) == set(ids_[1:3])
    assert found(database, created_from=at(1), created_to=at(1)) == set()
    assert found(database, created_from=at(2), created_to=at(1)) == set()


def test_webhooks_by_state_and_trigger(database: Database) -> None:
    exact, group = add_webhook(database), add_webhook(database, triggers=["user.*"], enabled=False)
    deep = add_webhook(database, triggers=["user.address.*", "user.*"])
    gone = add_webhook(database)
    database.write_now(webhooks.delete, gone, actor=OPERATOR, now=NOW)
    assert found(database) == {exact, group, deep}
    assert found(database, enabled=True) == {exact, deep}
    assert found(database, enabled=False) == {group}
    assert found(database, trigger="user.created") == {exact, group, deep}
    assert found(database, trigger="user.address.changed") == {group, deep}
    assert found(database, trigger="order.paid") == set()
    assert found(database, trigger="user.created", enabled=False) == {group}
    assert database.read_now(listed.listeners, "user.created") == 3


@pytest.mark.parametrize(
    ("q", "titles"),
    [
        ("%", {"100% sure"}),
        ("_", {"snake_case"}),
        ("/", {"a/b", "100% sure", "snake_case", "ÉCOLE Zoë", "back\\slash", "日本", "it's"}),
        ("0% s", {"100% sure"}),
        ("SNAKE", {"snake_case"}),
        ("\\", {"back\\slash"}),
        ("'", {"it's"}),
        ("日", {"日本"}),
        ("zoë", {"ÉCOLE Zoë"}),
        ("ZOË", {"ÉCOLE Zoë"}),
        ("école", {"ÉCOLE Zoë"}),
        ("École", {"ÉCOLE Zoë"}),
        ("ecole", set()),
        ("  sure ", {"100% sure"}),
        ("EXAMPLE.com/HOOK", {"a/b", "100% sure", "snake_case", "ÉCOLE Zoë", "back\\slash", "日本", "it's"}),
        ("x" * 100_000, set()),
    ],
)
def test_search_takes_every_character_as_itself(database: Database, q: str, titles: set[str]) -> None:
    all_titles = ("100% sure", "snake_case", "ÉCOLE Zoë", "back\\slash", "日本", "it's", "a/b")
    by_id = {add_webhook(database, title=title): title for title in all_titles}
    assert {by_id[one] for one in found(database, q=q)} == titles


def test_an_empty_search_finds_all(database: Database) -> None:
    webhook_id = add_webhook(database)
    assert found(database, q="") == found(database, q="  ") == {webhook_id}


# --- webhooks: sorts and cursors


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("order", list(Order))
def test_pages_have_no_gap_and_no_duplicate(database: Database, sort: Sort, order: Order) -> None:
    created = [0, 1, 1, 1, 2, 2, 0, 5, 1, 1.000001, 2]
    stored = [(second, add_webhook(database, now=at(second))) for second in created]
    updated = {webhook_id: (second, webhook_id) for second, webhook_id in stored}
    for index, second in ((0, 9), (3, 3), (5, 3), (7, 9)):
        webhook_id = stored[index][1]
        change(database, webhook_id, title="New", now=at(second))
        updated[webhook_id] = (second, webhook_id)
    expected = {
        Sort.created: [webhook_id for _, webhook_id in sorted(stored)],
        Sort.updated: [webhook_id for _, webhook_id in sorted(updated.values())],
        Sort.id: [webhook_id for _, webhook_id in stored],
    }[sort]
    if order is Order.desc:
        expected = expected[::-1]
    for limit in (1, 2, 3, 4, 10, 11, 12):
        walked: list[int] = []
        cursor, pages = None, 0
        while True:
            page = database.read_now(
                listed.list_webhooks, WebhookFilter(), sort=sort, order=order, limit=limit, cursor=cursor
            )
            walked += [one.id for one in page.rows]
            cursor, pages = page.next_cursor, pages + 1
            if cursor is None:
                break
        assert walked == expected
        assert pages == -(-len(expected) // limit), "no empty last page"
    offset = database.read_now(listed.list_webhooks, WebhookFilter(), sort=sort, order=order, limit=3, offset=4)
    assert [one.id for one in offset.rows] == expected[4:7]


def test_a_cursor_goes_on_although_its_row_is_gone(database: Database) -> None:
    ids_ = [add_webhook(database, now=at(number)) for number in range(4)]

    def page(cursor: str | None) -> Any:
        return database.read_now(
            listed.list_webhooks, WebhookFilter(), sort=Sort.created, order=Order.asc, limit=2, cursor=cursor
        )

    first = page(None)
    database.write_now(webhooks.delete, ids_[1], actor=OPERATOR, now=NOW)
    assert [one.id for one in page(first.next_cursor).rows] == ids_[2:]


FOREIGN = "x äöü e30 WzFd W10 bnVsbA WzEsInR3byJd Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTksMV0 ========="
UNFIT = [paging.encode(values) for values in ([1, 10**17, 1], [1, -(10**17), 1], [1, 2, 3, 4])]


def test_a_cursor_belongs_to_its_order(database: Database) -> None:
    for number in range(3):
        add_webhook(database, title=str(number))
    page = database.read_now(listed.list_webhooks, WebhookFilter(), sort=Sort.created, limit=1)
    for sort, order in ((Sort.created, Order.asc), (Sort.updated, Order.desc), (Sort.id, Order.desc)):
        with pytest.raises(Invalid, match="another order"):
            database.read_now(
                listed.list_webhooks, WebhookFilter(), sort=sort, order=order, limit=1, cursor=page.next_cursor
            )


@pytest.mark.parametrize("cursor", ["", "W" * 100_000, *FOREIGN.split(), *UNFIT])
def test_a_foreign_cursor_is_refused(database: Database, cursor: str) -> None:
    add_webhook(database)
    with pytest.raises(Invalid, match="cursor"):
        database.read_now(listed.list_webhooks, WebhookFilter(), cursor=cursor)


def test_cursors_of_other_lists_are_refused(database: Database) -> None:
    for cursor in ("", "x", paging.encode([1, 2, 3])):
        with pytest.raises(Invalid, match="cursor"):
            database.read_now(deliveries.list_deliveries, DeliveryFilter(), now=NOW, cursor=cursor)
        with pytest.raises(Invalid, match="cursor"):
            database.read_now(events.list_events, EventFilter(), cursor=cursor)


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=3))
def test_a_cursor_says_what_was_put_into_it(values: list[int]) -> None:
    assert list(paging.decode(paging.encode(values), len(values))) == values


# --- webhooks: what the engine knows


def test_the_last_result_is_that_of_the_latest_attempt(database: Database) -> None:
    webhook_id, other = add_webhook(database), add_webhook(database, triggers=["order.paid"])
    worker = Worker(database)
    assert row(database, webhook_id).last is None
    emit(database)
    worker.deliver(200)
    last = row(database, webhook_id).last
    assert (last.status, last.at, last.response_status, last.next_attempt_at) == ("sent", NOW, 200, None)
    assert (last.error_class, last.error_message, last.duration_ms) == (None, None, 12.0)
    emit(database, now=at(9))
    worker.deliver(503, at(10))
    last = row(database, webhook_id).last
    assert (last.status, last.at, last.response_status, last.error_class) == ("error", at(10), 503, "http")
    assert (last.error_message, last.next_attempt_at) == ("503 from the receiver", at(15))
    assert not last.in_flight
    assert row(database, webhook_id).failing_since == at(10)
    worker.claim(at(15))
    last = row(database, webhook_id).last
    assert (last.next_attempt_at, last.in_flight) == (None, True), "it is being made right now"
    assert row(database, other).last is None


def test_a_delivery_that_crashed_is_a_last_result_too(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    for minute in (2, 3, 4, 5):
        worker.claim_suspects([webhook_id], at(60 * minute))
    last = row(database, webhook_id).last
    assert (last.status, last.error_class, last.response_status, last.next_attempt_at) == ("error", "crash", None, None)


def test_what_is_held_is_counted(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    Worker(database).deliver(200)
    for _ in range(3):
        emit(database)
    assert row(database, webhook_id).held == 0
    change(database, webhook_id, paused=True)
    assert row(database, webhook_id).held == 3
    change(database, webhook_id, paused=False, enabled=False)
    assert row(database, webhook_id).held == 3
    change(database, webhook_id, enabled=True)
    assert row(database, webhook_id).held == 0


# --- deliveries


def test_deliveries_are_filtered(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database, triggers=["user.created", "order.paid"])
    users, orders = emit(database), emit(database, "order.paid")
    worker = Worker(database)
    for one in worker.claim().deliveries:
        if one.event_id == users:
            worker.settle(settlement(one, answer(200 if one.webhook_id == first else 500)))

    def keys(**criteria: Any) -> list[tuple[int, int]]:
        page = database.read_now(deliveries.list_deliveries, DeliveryFilter(**criteria), now=NOW)
        return [(one.webhook_id, one.event_id) for one in page.rows]

    assert keys() == [(second, orders), (second, users), (first, users)], "newest first"
    assert keys(webhook_id=second) == [(second, orders), (second, users)]
    assert keys(event_id=users) == [(second, users), (first, users)]
    assert keys(trigger="order.paid") == [(second, orders)]
    assert keys(status="sent") == [(first, users)]
    assert keys(status="error") == [(second, users)]
    assert keys(status="pending") == [(second, orders)]
    assert keys(status="sent", webhook_id=second) == []


def test_the_log_is_filtered_by_the_events_time(database: Database) -> None:
    webhook_id = add_webhook(database)
    stored = [store_event(database, at(second), 5, [webhook_id]) for second in (0, 1, 1.001, 2)]
    for criteria, expected in (
        ({"since": at(1)}, stored[1:]),
        ({"until": at(1)}, stored[:1]),
        ({"since": at(1), "until": at(2)}, stored[1:3]),
        ({"since": at(3)}, []),
    ):
        log = database.read_now(deliveries.list_deliveries, DeliveryFilter(**criteria), now=NOW)
        assert [one.event_id for one in log.rows] == expected[::-1]
        page = database.read_now(events.list_events, EventFilter(**criteria))
        assert [one.id for one in page.rows] == expected[::-1]


def test_the_log_is_walked_without_gap_or_duplicate(database: Database) -> None:
    ids_ = [add_webhook(database, triggers=["order.paid"]) for _ in range(3)]
    stored = [store_event(database, at(0), number, ids_) for number in range(4)]
    keys = [(event_id, one) for event_id in stored for one in ids_]
    for limit in (1, 2, 5, 12, 13):
        walked: list[tuple[int, int]] = []
        cursor = None
        while True:
            page = database.read_now(deliveries.list_deliveries, DeliveryFilter(), now=NOW, limit=limit, cursor=cursor)
            walked += [(one.event_id, one.webhook_id) for one in page.rows]
            if (cursor := page.next_cursor) is None:
                break
        assert walked == sorted(keys, reverse=True)


def _paused(database: Database, webhook_id: int) -> None:
    change(database, webhook_id, paused=True)


def _disabled(database: Database, webhook_id: int) -> None:
    change(database, webhook_id, enabled=False)


def _deleted(database: Database, webhook_id: int) -> None:
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)


def _stopped(database: Database, _: int) -> None:
    stop_sending(database)


@pytest.mark.parametrize(
    ("hold", "expected"), [(_paused, "paused"), (_disabled, "disabled"), (_deleted, "disabled"), (_stopped, "stopped")]
)
def test_what_holds_a_lane_is_said(database: Database, hold: Callable[[Database, int], None], expected: str) -> None:
    webhook_id = add_webhook(database)
    flying, due, later = emit(database), emit(database), emit(database, deliver_at=at(3600))
    Worker(database).claim(seats=1)
    hold(database, webhook_id)
    assert shown(database, webhook_id, due, at(1)).waiting_for == expected
    assert shown(database, webhook_id, later, at(1)).waiting_for == expected
    one = shown(database, webhook_id, flying, at(1))
    assert (one.in_flight, one.waiting_for, one.next_attempt_at) == (True, None, None)


def test_what_a_delivery_waits_for_is_said(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database, deliver_at=at(60))
    worker = Worker(database)

    def look(seconds: float) -> tuple[Any, ...]:
        one = shown(database, webhook_id, event_id, at(seconds))
        return one.status, one.waiting_for, one.in_flight, one.next_attempt_at, one.tries, one.closed_reason

    assert look(0) == ("pending", "deliver_at", False, at(60), 0, None)
    assert look(60) == ("pending", None, False, at(60), 0, None), "it is due"
    (claimed,) = worker.claim(at(60)).deliveries
    assert look(61) == ("pending", None, True, None, 0, None)
    assert look(121) == ("pending", None, False, at(120), 0, None), "its worker is lost"
    worker.settle(settlement(claimed, answer(500), now=at(122)), now=at(122))
    assert look(123) == ("error", "retry", False, at(127), 1, None)
    assert look(127) == ("error", None, False, at(127), 1, None)
    (claimed,) = worker.claim(at(127)).deliveries
    assert look(128) == ("error", None, True, None, 1, None)
    worker.settle(settlement(claimed, answer(429, retry_after=900), now=at(128)), now=at(128))
    other = emit(database, now=at(129))
    assert shown(database, webhook_id, other, at(130)).waiting_for == "retry", "its receiver asked all to wait"
    worker.deliver(200, at(1028))
    assert look(1029) == ("sent", None, False, None, 3, "sent")


LATE = at(500)


@pytest.mark.parametrize(
    ("webhook", "lanes", "due", "later"),
    [
        ({}, {"breaker": "open", "probe_at": LATE}, ("breaker", LATE), ("deliver_at", None)),
        ({}, {"breaker": "half_open", "probe_at": at(-1)}, ("breaker", None), ("deliver_at", None)),
        ({"paused": True}, {"breaker": "open", "probe_at": LATE}, ("paused", None), ("paused", None)),
        ({"rate_limit": 0.1}, {"rate_tat": LATE}, ("rate_limit", LATE), ("deliver_at", None)),
        ({"rate_limit": 0.1}, {"rate_tat": at(0)}, (None, None), ("deliver_at", None)),
        ({}, {"resume_rate": 0.1, "rate_tat": LATE}, ("rate_limit", LATE), ("deliver_at", None)),
        ({}, {"rate_tat": LATE}, (None, None), ("deliver_at", None)),
        ({"rate_limit": 1}, {"rate_tat": LATE, "not_before": at(400)}, ("retry", at(400)), ("deliver_at", None)),
        ({"rate_limit": 1}, {"rate_tat": LATE, "breaker": "open"}, ("breaker", None), ("deliver_at", None)),
    ],
)
def test_what_the_engine_holds_is_said_and_until_when(
    database: Database, webhook: dict[str, Any], lanes: dict[str, Any], due: Any, later: Any
) -> None:
    webhook_id = add_webhook(database)
    now, then = emit(database), emit(database, deliver_at=at(60))
    change(database, webhook_id, **webhook)
    set_lane(database, webhook_id, **lanes)
    for event_id, expected in ((now, due), (then, later)):
        one = shown(database, webhook_id, event_id, at(1))
        assert (one.waiting_for, one.lane_until) == expected
        assert one.next_attempt_at == (one.lane_until or at(0 if event_id == now else 60)), "not while its lane waits"


def test_in_an_ordered_lane_that_is_down_all_wait_for_the_probe(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    head, follower = emit(database), emit(database)
    set_lane(database, webhook_id, breaker="open", probe_at=LATE)
    assert [shown(database, webhook_id, one, at(1)).waiting_for for one in (head, follower)] == ["breaker"] * 2
    Worker(database).deliver(500, LATE)
    assert shown(database, webhook_id, follower, LATE).waiting_for == "breaker"


def test_a_receiver_that_is_down_is_described(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    assert (row(database, webhook_id).is_down, row(database, webhook_id).held) == (False, 0)
    set_lane(database, webhook_id, breaker="open", reason="9 of 10 failed", probe_at=LATE)
    found = row(database, webhook_id)
    assert (found.is_down, found.lane.reason, found.lane.probe_at, found.held) == (True, "9 of 10 failed", LATE, 1)
    assert database.read_now(figures.overview, now=at(9)).oldest_due is None, "what waits for a probe is not late"


def test_followers_in_an_ordered_lane_wait_for_their_head(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    head, follower = emit(database), emit(database)
    worker = Worker(database)
    assert shown(database, webhook_id, head, at(1)).waiting_for is None
    assert shown(database, webhook_id, follower, at(1)).waiting_for == "ordered"
    worker.deliver(500)
    assert shown(database, webhook_id, head, at(1)).waiting_for == "retry"
    assert shown(database, webhook_id, follower, at(1)).waiting_for == "ordered"
    worker.deliver(200, at(5))
    assert shown(database, webhook_id, follower, at(6)).waiting_for is None


def test_one_delivery_shows_its_event_and_attempts(database: Database) -> None:
    webhook_id = add_webhook(database, title="Billing")
    event_id = emit(database, payload='{"n":1}')
    worker = Worker(database)
    worker.deliver(500)
    worker.deliver(200, at(5))
    detail = database.read_now(deliveries.get_delivery, webhook_id, event_id, now=at(9))
    assert (detail.webhook.title, detail.row.webhook_title, detail.event.payload) == ("Billing", "Billing", '{"n":1}')
    assert [one.response_status for one in detail.attempts] == [500, 200]
    assert detail.row.id == ids.delivery_text(webhook_id, event_id)
    assert (detail.row.last_at, detail.row.last_response_status, detail.row.last_error_class) == (at(5), 200, None)
    assert len(attempts(database, webhook_id, event_id)) == 2
    with pytest.raises(NotFound, match="no delivery dlv_"):
        database.read_now(deliveries.get_delivery, webhook_id, 5, now=NOW)


def test_of_many_attempts_the_newest_are_read_and_more_when_asked(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    Worker(database).deliver(500)
    attempt = table(Attempt)

    def make_many(session: Session) -> None:
        (made,) = session.execute(sa.select(attempt)).mappings()
        more = [{**made, "id": made["id"] + number, "response_status": 500 + number} for number in range(1, 6)]
        session.execute(attempt.insert(), more)

    database.write_now(make_many)

    def codes(**asked: Any) -> tuple[int, list[int | str | None]]:
        detail = database.read_now(deliveries.get_delivery, webhook_id, event_id, now=at(9), **asked)
        assert detail.count == 6
        apart = [f"#{detail.apart[0]}: {detail.apart[1].response_status}"] if detail.apart else []
        assert all(detail.attempt(number) is one for number, one in enumerate(detail.attempts, detail.earlier + 1))
        return detail.earlier, [*apart, *(one.response_status for one in detail.attempts)]

    assert codes() == (0, [500, 501, 502, 503, 504, 505])
    assert codes(newest=2) == (4, [504, 505])
    assert codes(newest=2, also=5) == (4, [504, 505]), "it is there already"
    assert codes(newest=2, also=4) == (4, ["#4: 503", 504, 505])
    assert codes(newest=2, also=1) == (4, ["#1: 500", 504, 505]), "not all in between"
    assert codes(newest=2, also=99) == (4, [504, 505])
    assert codes(newest=6) == codes(newest=50) == codes()


def test_a_late_attempt_is_in_the_trace_but_not_the_last_one_of_the_log(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    slow, quick = Worker(database, "slow"), Worker(database, "quick")
    (old,) = slow.claim().deliveries
    (new,) = quick.claim(at(60)).deliveries
    quick.settle(settlement(new, answer(500, now=at(61)), now=at(61)), now=at(61))
    slow.settle(settlement(old, answer(404, now=at(62)), now=at(62)), now=at(62))
    one = shown(database, webhook_id, event_id, at(63))
    assert (one.last_response_status, one.tries) == (500, 1)
    assert delivery(database, webhook_id, event_id).tries == 1


# --- events


def test_events_are_listed_with_their_deliveries(database: Database) -> None:
    add_webhook(database)
    add_webhook(database, triggers=["user.*"])
    first, second, third = emit(database), emit(database, "order.paid"), emit(database, "user.deleted")

    def listing(**arguments: Any) -> list[tuple[int, int]]:
        page = database.read_now(events.list_events, arguments.pop("criteria", EventFilter()), **arguments)
        return [(one.id, one.deliveries) for one in page.rows]

    assert listing() == [(third, 1), (second, 0), (first, 2)]
    assert listing(criteria=EventFilter(trigger="user.created")) == [(first, 2)]
    page = database.read_now(events.list_events, EventFilter(), limit=2)
    assert listing(limit=2, cursor=page.next_cursor) == [(first, 2)]
    assert listing(counted=False) == [(third, 0), (second, 0), (first, 0)]
    assert database.read_now(events.get_event, first).deliveries == 2
    with pytest.raises(NotFound, match="no event evt_"):
        database.read_now(events.get_event, 5)


def test_how_often_a_trigger_fires(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store_event(database, at(-86_401), 1, [])
    store_event(database, at(-86_400), 1, [])
    store_event(database, at(-60), 1, [])
    told = database.read_now(events.firings, ["user.created", "order.paid"], now=NOW)
    assert told["user.created"] == Firings(last_at=at(-60), count=2)
    assert told["order.paid"] == Firings(last_at=None, count=0)
    monkeypatch.setattr(events, "FIRED", 2)
    assert not database.read_now(events.firings, ["user.created"], now=NOW)["user.created"].more
    store_event(database, at(-30), 1, [])
    more = database.read_now(events.firings, ["user.created"], now=NOW)["user.created"]
    assert more == Firings(last_at=at(-30), count=2, more=True)
    assert times_fired(more) == "2+"


# --- figures


def test_health_counts_attempts_by_the_hour(database: Database) -> None:
    webhook_id, other = add_webhook(database), add_webhook(database)
    now = NOW + timedelta(minutes=30)

    def count(hours: float, sent: int, error: int, dispatcher: str = "a") -> None:
        minute = (now - timedelta(hours=hours)).replace(second=0)
        values = {"minute": minute, "dispatcher": dispatcher, "sent": sent, "error": error, "latency": []}
        database.write_now(
            lambda session: session.execute(table(Statistics).insert().values(webhook_id=webhook_id, **values))
        )

    count(0, 3, 1)
    count(0, 1, 0, "b")
    count(0.5, 2, 0)
    count(0.6, 0, 5)
    count(23.5, 1, 0)
    count(23.6, 100, 100)
    told = database.read_now(figures.health, [webhook_id, other], now=now)
    assert list(told[webhook_id].sent) == [1] + [0] * 22 + [6]
    assert list(told[webhook_id].error) == [0] * 22 + [5, 1]
    assert told[webhook_id].rate == pytest.approx(7 / 13)
    assert told[other] == Health(sent=[0] * 24, error=[0] * 24)
    assert told[other].rate is None
    assert database.read_now(figures.health, [], now=now) == {}


def test_the_overview_adds_up(database: Database) -> None:
    empty = database.read_now(figures.overview, now=NOW)
    assert empty == Overview(sent=0, error=0, waiting=0, oldest_due=None, failing=0)
    first = add_webhook(database)
    second = add_webhook(database, triggers=["order.paid"])
    worker = Worker(database)
    emit(database)
    worker.deliver(200)
    emit(database, "order.paid")
    worker.deliver(500)
    emit(database, now=at(1))
    emit(database, now=at(2))
    emit(database, deliver_at=at(9999))
    told = database.read_now(figures.overview, now=at(3))
    assert told == Overview(sent=1, error=1, waiting=4, oldest_due=at(1), failing=1)
    assert {type(told.sent), type(told.error), type(told.waiting)} == {int}, "figures for JSON, on both databases"

    change(database, second, enabled=False)
    assert database.read_now(figures.overview, now=at(6)).failing == 0
    change(database, first, paused=True)
    held = database.read_now(figures.overview, now=at(6))
    assert (held.waiting, held.oldest_due) == (4, None), "what is held is counted, but is not late"
    change(database, first, paused=False)
    stop_sending(database)
    assert database.read_now(figures.overview, now=at(6)).oldest_due is None


def test_what_is_lost_or_asked_to_wait_in_the_overview(database: Database) -> None:
    add_webhook(database)
    emit(database)
    emit(database)
    worker = Worker(database)
    one, _lost = worker.claim().deliveries
    assert database.read_now(figures.overview, now=at(30)).oldest_due is None, "in flight"
    assert database.read_now(figures.overview, now=at(61)).oldest_due == at(60), "lost"
    worker.settle(settlement(one, answer(429, retry_after=900)), now=at(61))
    assert database.read_now(figures.overview, now=at(62)).oldest_due is None, "the receiver asked to wait"
    assert database.write_now(outbox.expire, older_than=at(900), now=at(900)) == 2
    assert database.read_now(figures.overview, now=at(901)).waiting == 0


def test_reading_changes_nothing(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    before = delivery(database, webhook_id, event_id)
    shown(database, webhook_id, event_id, at(1))
    row(database, webhook_id)
    database.read_now(figures.overview, now=at(1))
    assert delivery(database, webhook_id, event_id) == before
    count = sa.select(sa.func.count()).select_from(table(Delivery))
    assert database.read_now(lambda session: session.execute(count).scalar_one()) == 1
