"""Claiming: what may be taken, how seats are shared, in which order, and what it costs."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from tests.conftest import KEY
from tests.stored import (
    LEASE,
    NOW,
    OPERATOR,
    PENDING,
    Taken,
    Worker,
    add_webhook,
    answer,
    at,
    change,
    claim_due,
    emit,
    events,
    order,
    set_lane,
    settlement,
    start_sending,
    state,
    stop_sending,
)
from webhook_ui import outbox
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.outbox import Claims, Lease, NewEvent, Targets, store_sqlite
from webhook_ui.sealing import FernetSealer


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


def test_while_sending_is_stopped_everything_is_accepted_and_held(database: Database) -> None:
    webhook_id = add_webhook(database)
    stop_sending(database)
    event_id = emit(database)
    assert Worker(database).claim(at(1)) == Taken([], [], None)
    assert Worker(database).claim_suspects([webhook_id], at(1)).deliveries == []
    start_sending(database)
    assert events(Worker(database).claim(at(1))) == [event_id]


def test_the_switch_is_one_row(database: Database) -> None:
    stop_sending(database)
    with pytest.raises(IntegrityError):
        stop_sending(database)


def test_seats_are_shared_among_lanes(database: Database) -> None:
    loud, *quiet = [add_webhook(database, triggers=[name]) for name in ("user.created", "user.deleted", "order.paid")]
    for _ in range(50):
        emit(database)
    for trigger in ("user.deleted", "order.paid"):
        emit(database, trigger, now=at(1))
    worker = Worker(database)
    taken = Counter(one.webhook_id for one in worker.claim(at(2), seats=12).deliveries)
    assert [taken[one] for one in quiet] == [1, 1]
    assert taken[loud] <= 10
    assert Counter(one.webhook_id for one in worker.claim(at(2), seats=64).deliveries) == {loud: 16}


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


def test_no_turn_of_a_dispatcher_reads_a_whole_lane_or_table(sqlite_url: sa.URL) -> None:
    """What is over stays for months, so a statement that passes over it would become slower every day."""
    with closing(Database(sqlite_url.render_as_string(), FernetSealer(KEY))) as database:
        wide = add_webhook(database)
        add_webhook(database, ordered=True)
        add_webhook(database, rate_limit=100)
        set_lane(database, add_webhook(database), breaker="open", reason="x", opened_at=NOW, probe_at=NOW)
        for _ in range(3):
            emit(database)
        worker = Worker(database)
        with traced(database) as statements:
            first = list(worker.claim(seats=8, seats_per_webhook=2).deliveries)
            assert Counter(one.webhook_id for one in first) == {1: 2, 2: 1, 3: 2, 4: 1}
            late = [one for one in first if one.webhook_id == wide]
            database.write_now(outbox.give_back, [one for one in first if one.webhook_id == 3], now=NOW)
            unsure = worker.take_lease(at(1))
            database.write_now(claim_due, lease=replace(unsure, reclaim=False), seats=8, busy={})
            worker.claim(at(61))
            suspects = worker.claim(at(122)).suspects
            flying = [one for _ in suspects for one in worker.claim_suspects(suspects, at(122)).deliveries]
            assert {one.webhook_id for one in flying} == {1, 2, 3}
            found = [settlement(one, answer(500, now=at(123)), now=at(123)) for one in flying]
            worker.settle(*found, *(settlement(one, answer(200)) for one in late), now=at(123))
            assert worker.claim(at(200), seats=8, seats_per_webhook=1).deliveries
        plans = {text: plan(database, text) for text in statements}
    for name in (
        "_CLAIM",
        "_CLAIM_ONES",
        "_HEAD",
        "_OLDEST",
        "_MARKED",
        "_SETTLED",
        "_SETTLE",
        "_NEXT",
        "_NEXT_HEAD",
        "_EVENTS",
    ):
        statement = getattr(store_sqlite, name)
        assert any(as_pattern(statement).fullmatch(text) for text in statements), f"{name} was not looked at"
    assert sum("webhook_ui_delivery" in text for text in plans) > 12
    for text, steps in plans.items():
        for step in steps:
            # the index over what was lost holds next to nothing, so it may be read whole
            assert not GROWING.match(step) or "ix_webhook_ui_delivery_lost" in step, f"{step}: {text}"
            assert not step.endswith("USING PRIMARY KEY (webhook_id=?)"), f"reads what is over as well: {text}"


@pytest.mark.parametrize("found", [100, 1200])
def test_plans_that_postgresql_makes_without_knowing_its_tables_are_good(postgres_url: sa.URL, found: int) -> None:
    """What is there when a worker starts, and its statements are planned, says little about what will be."""
    with closing(Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
        add_webhook(database)
        worker = Worker(database)

        def deliver(times: int) -> None:
            for _ in range(times):
                found = [settlement(one, answer(200)) for one in worker.claim(at(1), seats=16).deliveries]
                assert len(worker.settle(*found, now=at(2))) == 16

        emit_many(database, found)
        with psycopg.connect(plain(postgres_url), autocommit=True) as connection:
            connection.execute("ANALYZE")  # else what is known is left over from other tests
        for _ in range(12):  # the driver has its statements prepared by then, and the server keeps their plans
            emit(database)
            worker.settle(*(settlement(one, answer(200)) for one in worker.claim(at(1), seats=1).deliveries))
        emit_many(database, 1600)
        deliver(12)
        before = rows_met(postgres_url, database)
        deliver(12)
        met = rows_met(postgres_url, database) - before
    assert met < 12 * 16 * 20, f"{met / 12 / 16:.0f} rows for each delivery"


def test_the_head_of_an_ordered_lane_is_found_without_reading_what_is_over(postgres_url: sa.URL) -> None:
    """Also while PostgreSQL takes all of it for open: it was so when it looked last."""
    with closing(Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
        webhook_id, *_ = [add_webhook(database, ordered=True) for _ in range(3)]
        emit_many(database, 2000)
        with psycopg.connect(plain(postgres_url), autocommit=True) as connection:
            connection.execute("ANALYZE")
            connection.execute("UPDATE webhook_ui_delivery SET due_at = NULL, status = 'sent', closed = 'sent'")
        worker = Worker(database)
        head = emit(database)
        before = rows_met(postgres_url, database, OVER)
        assert [one.due_at for one in database.write_now(outbox.open_lanes, at(1))] == [NOW] * 3
        assert events(worker.claim(at(1))) == [head] * 3
        claims = database.write_now(outbox.claim, {webhook_id: 1}, lease=worker.take_lease(at(2)), targets=Targets())
        assert claims.looks == {webhook_id: at(1) + LEASE}
        assert rows_met(postgres_url, database, OVER) - before < 100


def emit_many(database: Database, count: int) -> None:
    event = NewEvent(trigger="user.created", payload="{}", actor=OPERATOR)
    for _ in range(count // 100):
        database.write_now(outbox.emit_each, [event] * 100, now=NOW)


def plain(url: sa.URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


ALL = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables
WHERE relname IN ('webhook_ui_delivery', 'webhook_ui_event', 'webhook_ui_attempt')"""
OVER = """
SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
WHERE relname = 'webhook_ui_delivery' AND indexrelname NOT LIKE '%_open_%'"""  # by the indexes that what is over is in


def rows_met(url: sa.URL, database: Database, which: str = ALL) -> int:
    """How many rows of the large tables were read so far, as PostgreSQL counts it."""
    database.write_now(lambda session: session.connection().exec_driver_sql("SELECT pg_stat_force_next_flush()"))
    with psycopg.connect(plain(url)) as connection:
        found = connection.execute(which).fetchone()
    return int(found[0]) if found else 0


# a step that reads one of the tables whole that hold what is over
GROWING = re.compile(r"SCAN (webhook_ui_(delivery|event|attempt|statistics)|open|first|other)\b")


@contextmanager
def traced(database: Database) -> Iterator[set[str]]:
    """What the writer's driver is told inside, with the values in their places: most of it goes round SQLAlchemy."""
    statements: set[str] = set()

    def listen(session: Session, listener: Callable[[str], None] | None) -> None:
        driver: Any = session.connection().connection.dbapi_connection
        driver.set_trace_callback(listener)

    def hear(text: str) -> None:
        if text.startswith(("SELECT", "WITH", "\nSELECT", "\nUPDATE", "UPDATE", "DELETE")):
            statements.add(text)

    database.write_now(listen, hear)
    yield statements
    database.write_now(listen, None)


def plan(database: Database, text: str) -> list[str]:
    """How SQLite goes about a statement."""

    def explain(session: Session) -> list[str]:
        driver: Any = session.connection().connection.dbapi_connection
        return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}")]

    return database.read_now(explain)


def as_pattern(statement: str) -> re.Pattern[str]:
    """A statement with anything in the places of its values."""
    return re.compile(re.sub(r"(?<=[ (]):\w+|\\\?", ".+?", re.escape(statement)), re.DOTALL)


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


def test_a_lane_that_gave_its_only_delivery_is_not_looked_at_again_at_once(database: Database) -> None:
    one, two = (add_webhook(database, triggers=[name]) for name in ("user.created", "user.deleted"))
    emit(database, trigger="user.created")
    emit(database, trigger="user.deleted")
    emit(database, trigger="user.deleted")
    lease = Worker(database).take_lease(at(1))

    def claim(session: Session) -> Claims:
        return outbox.claim(session, {one: 1, two: 1}, lease=lease, targets=Targets())

    claims = database.write_now(claim)
    assert sorted(claimed.webhook_id for claimed in claims.deliveries) == [one, two]
    assert claims.looks == {one: lease.until, two: lease.now}
