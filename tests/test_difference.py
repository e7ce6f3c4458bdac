"""What differs between two attempts, and which attempts are a webhook's neighbours."""

import json
import time
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from tests.stored import NOW, Worker, add_webhook, answer, at, emit, lane, set_lane, settlement
from webhook_ui import ids, wire
from webhook_ui.database import Database
from webhook_ui.difference import LONGEST_VALUE, MOST_LISTED, Comparison, Side, compare
from webhook_ui.history import neighbours
from webhook_ui.history.neighbours import GoodAttempt, Neighbours, find_last_good, find_neighbours
from webhook_ui.models import Attempt, Delivery, table


def side(data: Any = None, **values: Any) -> Side:
    body = data if isinstance(data, str) else json.dumps({"type": "a.b", "timestamp": str(values), "data": data})
    usual = {"url": "https://a.example/", "request_headers": [], "answer": "200 OK", "response_headers": []}
    return Side(**{**usual, "body": body, **values})


def listed(comparison: Comparison) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.part, one.path, one.good, one.this) for one in comparison.differences]


def test_fields_of_the_body_are_compared_by_path() -> None:
    good = side({"a": 1, "b": {"c d": "x", "gone": [1, 2]}, "same": None, "list": [{"i": 1}, 2]})
    this = side({"a": "1", "b": {"c d": "y", "new": {}}, "same": None, "list": [{"i": 2}]})
    assert listed(compare(good, this)) == [
        ("Body", "data.a", "1", '"1"'),
        ("Body", 'data.b["c d"]', '"x"', '"y"'),
        ("Body", "data.b.gone", "a list of 2", None),
        ("Body", "data.b.new", None, "an object with 0 fields"),
        ("Body", "data.list[0].i", "1", "2"),
        ("Body", "data.list[1]", "2", None),
    ]


def test_no_digit_of_a_number_is_lost() -> None:
    good, this = (
        side('{"a":18446744073709551616,"b":1e400,"c":1.0}'),
        side('{"a":18446744073709551617,"b":1e400,"c":1.00}'),
    )
    assert listed(compare(good, this)) == [
        ("Body", "a", "18446744073709551616", "18446744073709551617"),
        ("Body", "c", "1.0", "1.00"),
    ]


def test_what_differs_each_time_is_left_out() -> None:
    good = side(
        request_headers=[["Webhook-Id", "1"], ["X-Key", "•••"]], response_headers=[["Date", "a"], ["Server", "b"]]
    )
    this = side(
        request_headers=[["webhook-id", "2"], ["x-more", "<b>"]],
        response_headers=[["date", "c"], ["server", "d"], ["Server", "e"]],
        answer="503 Service Unavailable",
        url="https://b.example/",
    )
    assert listed(compare(good, this)) == [
        ("URL", "", "https://a.example/", "https://b.example/"),
        ("Request header", "x-key", "•••", None),
        ("Request header", "x-more", None, "<b>"),
        ("Answer", "", "200 OK", "503 Service Unavailable"),
        ("Response header", "server", "b", "d, e"),
    ]
    assert compare(good, good) == Comparison(differences=[], total=0)


def test_large_and_odd_bodies_take_bounded_time() -> None:
    many, others = {str(number): number for number in range(9000)}, {str(number): -number - 1 for number in range(9000)}
    started = time.thread_time()
    found = compare(side(many), side(others))
    assert time.thread_time() - started < 1
    assert (len(found.differences), found.total) == (MOST_LISTED, 9000)
    huge = compare(side("x" * 300_000), side("y" * 300_000))
    assert (huge.differences, huge.not_compared[-20:]) == ([], "larger than 256 KiB.")
    assert listed(compare(side("not json"), side("[" * 100_000)))[0][:3] == ("Body", "", "not json")
    assert len(listed(compare(side("a" * 1000), side("b")))[0][2] or "") == LONGEST_VALUE + 1


def test_long_values_are_shown_from_where_they_differ() -> None:
    alike = "x" * 500
    ((_, _, good, this),) = listed(compare(side({"a": alike + "1"}), side({"a": alike + "2 and more"})))
    assert (good, this) == (f'…{"x" * 20}1"', f'…{"x" * 20}2 and more"')


def deliver(database: Database, status: int, second: float, **event: Any) -> Attempt:
    """One event that gets this status at once."""
    event_id, worker = emit(database, now=at(second), **event), Worker(database)
    (claimed,) = [one for one in worker.claim(at(second)).deliveries if one.event_id == event_id]
    worker.settle(settlement(claimed, answer(status, now=at(second)), now=at(second)), now=at(second))
    return newest(database)


def newest(database: Database) -> Attempt:
    def read(session: Session) -> Attempt:
        return session.execute(sa.select(Attempt).order_by(table(Attempt).c.id.desc()).limit(1)).scalar_one()

    return database.read_now(read)


def test_neighbours_are_counted_up_to_an_attempt(database: Database) -> None:
    webhook_id = add_webhook(database, triggers=["user.created", "order.paid"], retry_schedule=[86400])
    first = deliver(database, 503, 0)
    assert around(database, first) == (1, 1, None)
    deliver(database, 200, 1, payload='{"id":1}')
    deliver(database, 200, 2, trigger="order.paid")
    deliver(database, 404, 3)
    last = deliver(database, 503, 4)
    assert around(database, last) == (5, 2, at(2))
    assert around(database, first) == (1, 1, None)
    set_lane(database, webhook_id, failing_since=at(3))
    database.write_now(lambda session: session.execute(table(Delivery).update().values(test=True)))
    found = database.read_now(find_neighbours, last)
    assert (found.looked, found.last_good, found.failing_since) == (0, None, at(3))


def test_what_failed_is_sought_from_its_event_on_however_late_it_was_attempted(database: Database) -> None:
    webhook_id = add_webhook(database, retry_schedule=[86400])
    before = deliver(database, 503, 0)
    held = emit(database, now=at(1))
    deliver(database, 503, 2)
    last = newest(database)
    worker = Worker(database)
    (claimed,) = [one for one in worker.claim(at(100)).deliveries if one.event_id == held]
    worker.settle(settlement(claimed, answer(503, now=at(100)), now=at(100)), now=at(100))
    for since, oldest in ((at(0), before.event_id), (at(1), held), (at(2), held), (at(101), None)):
        set_lane(database, webhook_id, failing_since=since)
        found = database.read_now(find_neighbours, last)
        assert found.failed_from == (ids.moment(oldest) if oldest else None), since
    set_lane(database, webhook_id, failing_since=None)
    assert database.read_now(find_neighbours, last).failed_from is None, "nothing was good before, so from is left out"


def test_what_was_under_way_when_others_began_to_fail_is_sought_too(database: Database) -> None:
    webhook_id = add_webhook(database, retry_schedule=[86400])
    slow, quick = emit(database, now=at(0)), emit(database, now=at(1))
    worker = Worker(database)
    claimed = {one.event_id: one for one in worker.claim(at(2)).deliveries}
    for event_id, began, ended in ((quick, 3, 4), (slow, 2, 5)):
        told = answer(503, now=at(began), duration_ms=1000 * (ended - began))
        worker.settle(settlement(claimed[event_id], told, now=at(ended)), now=at(ended))
    assert lane(database, webhook_id).failing_since == at(3)
    assert database.read_now(find_neighbours, newest(database)).failed_from == ids.moment(slow)


def around(database: Database, attempt: Attempt) -> tuple[Any, ...]:
    found: Neighbours = database.read_now(find_neighbours, attempt)
    return found.looked, found.same, found.last_good


def test_the_last_good_one_is_rather_of_the_same_trigger_and_near(database: Database, monkeypatch: Any) -> None:
    add_webhook(database, triggers=["user.created", "order.paid"], retry_schedule=[86400])
    deliver(database, 200, 1, payload='{"id":1}')
    deliver(database, 200, 2, trigger="order.paid", payload='{"id":2}')
    bad = deliver(database, 500, 3)
    found: GoodAttempt | None = database.read_now(find_last_good, bad, "user.created")
    assert found is not None
    assert (found.same_trigger, found.attempt.at) == (True, at(1))
    assert found.body == wire.envelope("user.created", at(1), '{"id":1}').decode()
    found = database.read_now(find_last_good, bad, "user.deleted")
    assert found is not None
    assert (found.same_trigger, found.attempt.at) == (False, at(2))
    monkeypatch.setattr(neighbours, "LOOKED_BACK", 1)
    found = database.read_now(find_last_good, bad, "user.created")
    assert found is not None
    assert found.attempt.at == at(2)


def test_of_a_certificate_the_newest_that_saw_one_tells(database: Database) -> None:
    add_webhook(database, retry_schedule=[86400])
    ends = NOW + timedelta(days=3)
    event_id, worker = emit(database), Worker(database)
    (claimed,) = worker.claim().deliveries
    seen = wire.Answer(
        result=wire.Result.sent,
        at=NOW,
        duration_ms=1.0,
        response_status=200,
        timings=wire.Timings(certificate_until=ends.timestamp()),
    )
    worker.settle(settlement(claimed, seen))
    assert claimed.event_id == event_id
    last = deliver(database, 200, 5)
    assert "certificate_until" not in last.timings
    assert database.read_now(find_neighbours, last).certificate_until == ends.timestamp()
