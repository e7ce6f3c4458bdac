"""Plans for many deliveries: what they take and leave alone, how they are fed, paused, cancelled, taken over."""

import asyncio
import re
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.api_house import House, build
from tests.stored import add_webhook, change, start_sending, stop_sending
from webhook_ui import ids, redeliveries, schedule
from webhook_ui.actors import CLI
from webhook_ui.api import plan_shapes
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database, moment
from webhook_ui.feeder import Feeder, Pace
from webhook_ui.models import Attempt, Change, Delivery, Event, Lane, Redelivery, RedeliveryLane, table
from webhook_ui.outbox import feed, plans
from webhook_ui.sealing import FernetSealer
from webhook_ui.wire import ErrorClass

_deliveries, _lanes = table(Delivery), table(Lane)
BEFORE = timedelta(hours=2)
T = TypeVar("T")


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


@pytest.fixture
def sqlite_house(sqlite_url: sa.URL, tmp_path: Path) -> Iterator[House]:
    """Where the database does not matter."""
    database = Database(str(sqlite_url), FernetSealer("a key that only tests use"))
    yield build(database, tmp_path)
    database.close()


class Fed:
    """A feeder that runs, and the sizes of the transactions it has made."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sizes: list[int] = []
        self.may = True
        self.clock = schedule.Clock()
        self.feeder = Feeder(database, self.clock, may=lambda: self.may)

    async def until(self, plan_id: int, state: str) -> Redelivery:
        """Waits until the plan is in this state and has nothing more to do for now."""

        def reached(session: Session) -> Redelivery | None:
            found = plans.get(session, plan_id)
            return found if found.state == state and found.upper_bound is None else None

        return await self.when(reached)

    async def when(self, look: Callable[[Session], T | None]) -> T:
        """What `look` finds, once it finds something; it looks again after each step."""
        heard = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hear(changes: frozenset[Changed]) -> None:
            if any(one.kind is Kind.redelivery for one in changes):
                loop.call_soon_threadsafe(heard.set)

        quiet = self.database.announcer.subscribe(hear)
        try:
            async with asyncio.timeout(30):
                while True:
                    heard.clear()
                    if found := await self.database.read(look):
                        return found
                    await heard.wait()
        finally:
            quiet()


@asynccontextmanager
async def feeding(database: Database, monkeypatch: pytest.MonkeyPatch | None = None) -> AsyncIterator[Fed]:
    """A running feeder; what it takes in each transaction is noted."""
    fed = Fed(database)
    if monkeypatch is not None:
        plain = feed.take

        def take(session: Session, step: feed.Step, *, now: datetime) -> feed.Taken:
            taken = plain(session, step, now=now)
            fed.sizes.append(taken.count)
            return taken

        monkeypatch.setattr(feed, "take", take)
    fed.clock.start()
    running = asyncio.create_task(fed.feeder.run())
    try:
        yield fed
    finally:
        fed.feeder.stop()
        await running
        fed.clock.stop()


def now_of(database: Database) -> datetime:
    return database.read_now(moment)


def store(
    database: Database, webhook_id: int, count: int = 1, *, age: timedelta = BEFORE, attempt: Any = None, **values: Any
) -> list[int]:
    """Events so old, each with a delivery that was given up, unless `values` say otherwise. Returns their ids."""
    then = now_of(database) - age
    first = ids.floor(then) + webhook_id * 1_000_000
    event_ids = [first + number for number in range(count)]
    shared = {"trigger": "user.created", "created_at": then}
    state = {"status": "error", "closed": "exhausted", "due_at": None, "answer": "error", "tries": 4} | values
    row = {"webhook_id": webhook_id, "updated_at": then, **shared, "round": 1, "losses": 0, "test": False, **state}
    tenant = row.pop("tenant", None)
    event = {"payload": "{}", "occurred_at": then, "actor": "x", "test": False, "tenant": tenant, **shared}
    event["trigger"] = row["trigger"]
    tried = {"at": then, "duration_ms": 1.0, "status": "error", "url": "https://x.test", "request_headers": []}
    tried |= {"response_headers": [], "response_body": "", "timings": {}, "late": False, "round": 1}

    def write(session: Session) -> None:
        session.execute(table(Event).insert(), [{**event, "id": number} for number in event_ids])
        rows = [{**row, "event_id": number} for number in event_ids]
        if attempt is not None:
            rows = [{**one, "last_attempt_id": one["event_id"]} for one in rows]
        session.execute(_deliveries.insert(), rows)
        if attempt is not None:
            attempts = [{**tried, **attempt, "webhook_id": webhook_id, "event_id": n, "id": n} for n in event_ids]
            session.execute(table(Attempt).insert(), attempts)

    database.write_now(write)
    return event_ids


def rows(database: Database, *where: Any) -> list[Any]:
    statement = sa.select(_deliveries).where(*where).order_by(_deliveries.c.webhook_id, _deliveries.c.event_id)
    return database.read_now(lambda session: list(session.execute(statement)))


def one(database: Database, event_id: int) -> Any:
    (row,) = rows(database, _deliveries.c.event_id == event_id)
    return row


def reopened(database: Database, plan_id: int) -> set[int]:
    return {row.event_id for row in rows(database, _deliveries.c.redelivery_id == plan_id)}


def update(database: Database, event_ids: list[int], **values: Any) -> None:
    statement = _deliveries.update().where(_deliveries.c.event_id.in_(event_ids)).values(**values)
    database.write_now(lambda session: session.execute(statement))


def set_lane(database: Database, webhook_id: int, **values: Any) -> None:
    statement = _lanes.update().where(_lanes.c.webhook_id == webhook_id).values(**values)
    database.write_now(lambda session: session.execute(statement))


async def plan(client: httpx.AsyncClient, path: str = "/redeliveries", **fields: Any) -> dict[str, Any]:
    answer = await client.post(path, json=fields)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def refused(client: httpx.AsyncClient, path: str = "/redeliveries", **fields: Any) -> dict[str, str]:
    answer = await client.post(path, json=fields)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


async def test_a_redelivery_takes_every_error_but_what_is_in_flight_or_cancelled(house: House) -> None:
    database = house.database
    here, gone = add_webhook(database), add_webhook(database)
    now = now_of(database)
    given_up = store(database, here, 3)
    waiting = store(database, here, closed=None, due_at=now + timedelta(hours=1), tries=2, age=timedelta(minutes=90))
    in_flight = store(database, here, closed=None, due_at=now + timedelta(minutes=1), claim="a", age=timedelta(hours=1))
    cancelled = store(database, here, closed="cancelled", age=timedelta(minutes=50))
    sent = store(database, here, status="sent", closed="sent", answer="sent", age=timedelta(minutes=40))
    tried_out = store(database, here, test=True, age=timedelta(minutes=30))
    deleted = store(database, gone, 2)
    async with house.client() as client, feeding(database) as fed:
        await client.delete(f"/webhooks/{gone}")
        dry = await client.post("/redeliveries", json={"dry_run": True})
        assert dry.status_code == 200
        assert dry.json()["matched"] == 4
        assert not reopened(database, 1), "a dry run changes nothing"
        made = await plan(client)
        assert (made["id"], made["state"], made["matched"], made["next_run_at"]) == (1, "running", 4, None)
        await fed.until(1, "done")
        shown = (await client.get("/redeliveries/1")).json()
    assert (shown["state"], shown["done"], shown["estimate_s"]) == ("done", 4, 0.0)
    assert reopened(database, 1) == set(given_up)
    for number in given_up:
        row = one(database, number)
        assert (row.status, row.closed, row.round, row.tries, row.losses) == ("pending", None, 2, 0, 0)
        assert row.due_at >= now
    row = one(database, waiting[0])
    assert (row.status, row.round, row.tries, row.redelivery_id) == ("error", 1, 2, None), "it was open: only sooner"
    assert row.due_at < now + timedelta(minutes=1)
    for number in (*in_flight, *cancelled, *sent, *tried_out, *deleted):
        assert one(database, number).round == 1
        assert one(database, number).updated_at < now


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"trigger": "user.*"}, {"dns", "old", "acme", "503"}),
        ({"trigger": "order.paid"}, {"order"}),
        ({"tenant": "acme"}, {"acme"}),
        ({"error_class": "dns"}, {"dns"}),
        ({"response_status": 503}, {"503"}),
        ({"within": "24h"}, {"dns", "order", "acme", "503"}),
        ({"to": (datetime.now(UTC) - timedelta(days=2)).date().isoformat()}, {"old"}),
        ({"from": (datetime.now(UTC) - timedelta(days=1)).isoformat(), "trigger": "user.*"}, {"dns", "acme", "503"}),
    ],
)
async def test_each_word_of_the_scope_narrows_it(house: House, scope: dict[str, Any], expected: set[str]) -> None:
    database = house.database
    here, other = add_webhook(database), add_webhook(database)
    down = {"error_class": "http", "response_status": 500}
    named = {
        "dns": store(database, here, attempt={"error_class": "dns"}),
        "old": store(database, here, age=timedelta(days=3), attempt=down),
        "order": store(database, here, trigger="order.paid", age=timedelta(minutes=90), attempt=down),
        "acme": store(database, here, tenant="acme", age=timedelta(minutes=80), attempt=down),
        "503": store(database, here, age=timedelta(minutes=70), attempt={**down, "response_status": 503}),
    }
    store(database, other, age=timedelta(hours=3))
    async with house.client() as client, feeding(database) as fed:
        made = await plan(client, webhook_id=here, **scope)
        await fed.until(made["id"], "done")
    assert made["matched"] == len(expected)
    assert reopened(database, made["id"]) == {number for name in expected for number in named[name]}


async def test_a_scope_of_several_webhooks_takes_theirs_and_no_others(house: House) -> None:
    database = house.database
    first, two, three = (add_webhook(database) for _ in range(3))
    failed = {number: store(database, number, 2) for number in (first, two, three)}
    due = now_of(database) + timedelta(hours=1)
    waiting = {number: store(database, number, closed=None, due_at=due, age=timedelta(hours=1)) for number in failed}
    async with house.client() as client, feeding(database) as fed:
        dry = await client.post("/redeliveries", json={"webhook_ids": [first, three], "dry_run": True})
        assert dry.json()["matched"] == 6
        await plan(client, webhook_ids=[three, first, three], to=(due - timedelta(hours=1, minutes=90)).isoformat())
        done = await fed.until(1, "done")
        assert (done.matched, done.done) == (4, 4)
        assert reopened(database, 1) == {*failed[first], *failed[three]}
        shown = (await client.get("/redeliveries/1")).json()["scope"]
        assert (shown["webhook_id"], shown["webhook_ids"]) == (None, [three, first])
        await plan(client, "/deliveries/cancel", webhook_ids=[two, three], status="error")
        assert (await fed.until(2, "done")).matched == 2
        repeated = await plan(client, webhook_ids=[first, two], cron="0 4 * * *", within="1h")
        changed = await client.patch(f"/redeliveries/{repeated['id']}", json={"within": "2h"})
        assert changed.json()["scope"]["webhook_ids"] == [first, two], "what is edited leaves it alone"
    gone = {row.webhook_id for row in rows(database, _deliveries.c.closed == "cancelled")}
    assert gone == {two, three}
    assert {row.closed for row in rows(database, _deliveries.c.event_id.in_(waiting[first]))} == {None}


async def test_a_look_ahead_at_several_webhooks_shows_the_newest_of_them_all(house: House) -> None:
    database = house.database
    first, two, three = (add_webhook(database) for _ in range(3))
    old = store(database, first, 4, age=timedelta(hours=3))
    new = store(database, three, 2, age=timedelta(hours=1))
    store(database, two, 5, age=timedelta(minutes=5))
    for kind, opened in (("redeliver", {}), ("cancel", {"closed": None, "due_at": now_of(database)})):
        if opened:
            update(database, [*old, *new], **opened)
        seen = await redeliveries.preview(database, {"webhook_ids": [first, three]}, kind=kind, actor=CLI)
        assert (seen.glance.forecast.matched, seen.glance.webhooks) == (6, 2)
        assert [row.event_id for row in seen.samples] == [new[1], new[0], old[3]], kind


async def test_what_is_wrong_is_named_with_what_to_do(sqlite_house: House) -> None:
    house = sqlite_house
    async with house.client() as client:
        assert await refused(client, webhok_id=1) == {"webhok_id": "There is no such field. Did you mean webhook_id?"}
        many = await refused(
            client, rate=0, trigger="user", status="sent", error_class="htp", response_status=99, within="1y", tenant=""
        )
        assert set(many) == {"rate", "trigger", "status", "error_class", "response_status", "within", "tenant"}
        assert many["error_class"] == "Did you mean http?"
        assert "30m, 24h, 7d" in many["within"]
        assert "more than 0" in (await refused(client, rate=-1))["rate"]
        assert "not both" in (await refused(client, **{"within": "1h", "from": "2026-01-01"}))["within"]
        assert "swap" in (await refused(client, **{"from": "2026-02-01", "to": "2026-01-01"}))["to"]
        assert "with its zone" in (await refused(client, **{"from": "yesterday"}))["from"]
        assert "passed" in (await refused(client, at="2020-01-01T00:00:00Z"))["at"]
        assert "not both" in (await refused(client, at="2100-01-01T00:00:00Z", cron="* * * * *"))["at"]
        assert "no crontab" in (await refused(client, cron="nightly"))["cron"]
        assert "no such day" in (await refused(client, cron="0 0 30 2 *"))["cron"]
        assert "Did you mean Europe/Berlin?" in (await refused(client, cron="0 4 * * *", timezone="Berlin"))["timezone"]
        assert "belongs to cron" in (await refused(client, timezone="UTC"))["timezone"]
        assert await refused(client, webhook_id=99) == {"webhook_id": "There is no webhook 99."}
        for wrong in ([], list(range(1, 102)), 3, "3"):
            assert "list of 1 to 100" in (await refused(client, webhook_ids=wrong))["webhook_ids"]
        for one in (0, True, "3", None):
            assert "the number of a webhook" in (await refused(client, webhook_ids=[3, one]))["webhook_ids"]
        assert "not both" in (await refused(client, webhook_id=1, webhook_ids=[1]))["webhook_ids"]
        there = add_webhook(house.database)
        missing = await refused(client, webhook_ids=[there, 99])
        assert missing == {"webhook_ids": "There is no webhook 99."}
        await client.delete(f"/webhooks/{there}")
        assert f"Webhook {there} is deleted" in (await refused(client, webhook_ids=[there]))["webhook_ids"]
        assert "There is no such field" in (await refused(client, "/deliveries/cancel", cron="* * * * *"))["cron"]
        assert "true or false" in (await refused(client, dry_run=1))["dry_run"]
        assert (await client.get("/redeliveries")).json()["items"] == []
        assert (await client.get("/redeliveries/7")).status_code == 404
        assert (await client.delete("/redeliveries/7")).status_code == 404


def test_the_document_names_the_fields_that_are_checked() -> None:
    def names(shape: type[msgspec.Struct]) -> set[str]:
        return {field.encode_name for field in msgspec.structs.fields(shape)} - {"dry_run"}

    assert names(plan_shapes.NewRedelivery) == set(redeliveries.FIELDS["redeliver"])
    assert names(plan_shapes.BulkCancel) == set(redeliveries.FIELDS["cancel"])
    assert names(plan_shapes.RedeliveryChange) == set(redeliveries.EDITABLE)
    assert set(typing.get_args(plan_shapes.Classes)) == set(ErrorClass)


async def test_viewers_may_look_and_no_more(sqlite_house: House) -> None:
    house = sqlite_house
    async with house.client() as operator, house.client("viewer") as viewer:
        await plan(operator, cron="0 4 * * *")
        assert (await viewer.get("/redeliveries/1")).json()["actor"] == "the operator"
        assert len((await viewer.get("/redeliveries?state=scheduled")).json()["items"]) == 1
        assert (await viewer.get("/redeliveries?state=done")).json()["items"] == []
        for method, path, body in (
            ("POST", "/redeliveries", {}),
            ("POST", "/redeliveries", {"dry_run": True}),
            ("POST", "/deliveries/cancel", {}),
            ("PATCH", "/redeliveries/1", {"state": "paused"}),
            ("DELETE", "/redeliveries/1", None),
        ):
            assert (await viewer.request(method, path, json=body)).status_code == 403, path
        await operator.patch("/redeliveries/1", json={"state": "paused"})
        await operator.delete("/redeliveries/1")
    changes = table(Change)
    statement = sa.select(changes.c.action, changes.c.actor).where(changes.c.subject == "redelivery").order_by("id")
    found = house.database.read_now(lambda session: [tuple(row) for row in session.execute(statement)])
    assert found == [
        (action, "the operator") for action in ("redeliver.planned", "redeliver.changed", "redeliver.cancelled")
    ]


async def test_20000_deliveries_go_in_small_steps_and_only_a_few_wait(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lanes: one drains, one never does. The first is not kept waiting by the second."""
    database = house.database
    quick, stuck = add_webhook(database), add_webhook(database)
    for _ in range(2):
        store(database, quick, 5000, age=timedelta(hours=5 - _))
        store(database, stuck, 5000, age=timedelta(hours=5 - _))
    most_waiting = 0
    waiting = sa.select(_deliveries.c.webhook_id, _deliveries.c.event_id).where(_deliveries.c.due_at.is_not(None))

    async def drain() -> None:
        nonlocal most_waiting
        sent = 0
        while sent < 10_000:
            due = await database.read(lambda session: session.execute(waiting).all())
            most_waiting = max(most_waiting, len(due))
            taken = [row.event_id for row in due if row.webhook_id == quick]
            if taken:
                update(database, taken, status="sent", closed="sent", answer="sent", due_at=None)
            sent += len(taken)
            await asyncio.sleep(0.05)  # a receiver that takes its time

    async with house.client() as client, feeding(database, monkeypatch) as fed:
        made = await plan(client)
        assert made["matched"] == 20_000
        async with asyncio.timeout(60):
            await drain()
        shown = (await client.get(f"/redeliveries/{made['id']}")).json()
        assert shown["state"] == "running", "the stuck lane still has more than it may have at once"
        assert (await client.delete(f"/redeliveries/{made['id']}")).json()["state"] == "cancelled"
        await fed.until(made["id"], "cancelled")
    assert max(fed.sizes) <= feed.AT_ONCE
    assert most_waiting <= feed.OPEN + 2 * feed.AT_ONCE
    assert 0 < shown["done"] - 10_000 <= feed.LANE_OPEN[1]
    closed = rows(database, _deliveries.c.webhook_id == stuck, _deliveries.c.closed == "cancelled")
    assert len(closed) == shown["done"] - 10_000
    assert not rows(database, _deliveries.c.due_at.is_not(None))
    assert {row.round for row in rows(database, _deliveries.c.webhook_id == quick)} == {2}, "none was sent twice"


async def test_a_new_feeder_goes_on_where_the_old_one_fell(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies in mid-run: what was reopened and the cursor are of one commit."""
    database = house.database
    here = add_webhook(database)
    events = store(database, here, 900)
    plain = feed.take

    async with house.client() as client:
        made = await plan(client)
        steps, fallen = 0, asyncio.Event()
        loop = asyncio.get_running_loop()

        def fall(session: Session, step: feed.Step, *, now: datetime) -> feed.Taken:
            nonlocal steps
            taken = plain(session, step, now=now)
            steps += 1
            if steps == 3:
                loop.call_soon_threadsafe(fallen.set)
                raise RuntimeError("the plug is pulled before the commit")
            return taken

        monkeypatch.setattr(feed, "take", fall)
        old = Feeder(database, schedule.Clock(), may=lambda: True)
        running = asyncio.create_task(old.run())
        await asyncio.wait_for(fallen.wait(), 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        monkeypatch.setattr(feed, "take", plain)
        assert len(reopened(database, made["id"])) == 400
        # some of it has failed again meanwhile, and must not be taken a second time
        again = now_of(database)
        update(database, events[:150], status="error", closed="exhausted", due_at=None, updated_at=again)
        update(database, events[150:400], status="sent", closed="sent", due_at=None, updated_at=again)
        async with feeding(database) as fed:
            await fed.until(made["id"], "done")
        assert (await client.get(f"/redeliveries/{made['id']}")).json()["done"] == 900
    assert {row.round for row in rows(database)} == {2}
    assert len(rows(database, _deliveries.c.due_at.is_not(None))) == 500


async def test_a_step_that_somebody_else_has_taken_changes_nothing(house: House) -> None:
    database = house.database
    store(database, add_webhook(database), 300)
    async with house.client() as client:
        made = await plan(client)
    now = now_of(database)
    found = database.read_now(plans.get, made["id"])
    step = database.read_now(feed.look, found, room=100, after=0, now=now)
    assert database.write_now(feed.take, step, now=now).count == 100
    further = database.read_now(feed.look, found, room=50, after=0, now=now)
    assert database.write_now(feed.take, further, now=now).count == 50
    assert database.write_now(feed.take, step, now=now).count == 0
    assert len(reopened(database, made["id"])) == 150
    cursor = database.read_now(lambda session: session.execute(sa.select(table(RedeliveryLane).c.cursor)).scalar_one())
    assert cursor == further.parts[0].reached, "who comes late does not set it back"


async def test_what_fails_after_a_run_began_is_not_swept_in(house: House) -> None:
    database = house.database
    here = add_webhook(database)
    later = store(database, here, status="pending", closed=None, due_at=now_of(database), answer=None)
    early = store(database, here, 1, age=timedelta(hours=3))
    async with house.client() as client:
        made = await plan(client)
        update(database, later, status="error", closed="exhausted", due_at=None, updated_at=now_of(database))
        newer = store(database, here, age=timedelta(seconds=-1))
        async with feeding(database) as fed:
            await fed.until(made["id"], "done")
    assert reopened(database, made["id"]) == set(early)
    assert one(database, newer[0]).round == 1


async def test_held_lanes_keep_nobody_waiting_and_are_come_back_to(house: House) -> None:
    database = house.database
    free, paused, down = (add_webhook(database) for _ in range(3))
    store(database, paused, 3)
    broken = store(database, down, 3)
    unheld = store(database, free, 3)
    change(database, paused, paused=True)
    set_lane(database, down, breaker="open", reason="it does not answer")
    async with house.client() as client, feeding(database) as fed:
        made = await plan(client)
        await fed.when(lambda session: plans.get(session, made["id"]).done == 4)
        shown = (await client.get(f"/redeliveries/{made['id']}")).json()
        assert (shown["state"], shown["held"]) == ("running", 1)
        assert set(unheld) < reopened(database, made["id"])
        probes = rows(database, _deliveries.c.webhook_id == down, _deliveries.c.due_at.is_not(None))
        assert [row.event_id for row in probes] == broken[:1], "one that can find out whether the receiver is back"
        update(database, broken[:1], status="sent", closed="sent", due_at=None)
        set_lane(database, down, breaker="closed", reason=None)
        await client.post(f"/webhooks/{paused}/resume")
        await fed.until(made["id"], "done")
    assert len(reopened(database, made["id"])) == 9


async def test_lanes_that_take_nothing_do_not_hide_those_behind_them(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LANES", 2)
    database = sqlite_house.database
    down = [add_webhook(database) for _ in range(5)]
    free = add_webhook(database)
    for webhook_id in down:
        waiting, _ = store(database, webhook_id, 2)
        update(database, [waiting], status="pending", closed=None, due_at=now_of(database))
        set_lane(database, webhook_id, breaker="open", reason="it does not answer")
    behind = store(database, free, 3)
    async with sqlite_house.client() as client, feeding(database) as fed:
        made = await plan(client)
        await fed.when(lambda session: plans.get(session, made["id"]).done == 3)
    assert reopened(database, made["id"]) == set(behind)


async def test_while_sending_is_stopped_nothing_is_reopened(house: House) -> None:
    database = house.database
    store(database, add_webhook(database), 2)
    stop_sending(database)
    async with house.client() as client:
        made = await plan(client)
        found = database.read_now(plans.get, made["id"])
        step = database.read_now(feed.look, found, room=100, after=0, now=now_of(database))
        assert step.held
        assert not step.parts
        assert (await client.get("/redeliveries/1")).json()["held"] == 1
        start_sending(database)
        async with feeding(database) as fed:
            await fed.until(made["id"], "done")


async def test_a_plan_is_paused_edited_and_goes_on(house: House) -> None:
    database = house.database
    store(database, add_webhook(database), 5)
    async with house.client() as client:
        made = await plan(client, rate=2)
        assert made["estimate_s"] == 2.5
        path = f"/redeliveries/{made['id']}"
        paused = await client.patch(path, json={"state": "paused"})
        assert paused.json()["state"] == "paused"
        assert database.read_now(plans.at_work) == []
        wrong = await client.patch(path, json={"cron": "* * * * *", "within": "1h"})
        assert [error["field"] for error in wrong.json()["errors"]] == ["cron", "within"]
        assert (await client.patch(path, json={"rate": None})).json()["rate"] is None
        assert (await client.patch(path, json={"state": "done"})).status_code == 422
        async with feeding(database) as fed:
            assert (await client.patch(path, json={"state": "running"})).json()["state"] == "running"
            await fed.until(made["id"], "done")
        assert (await client.patch(path, json={"state": "paused"})).status_code == 409


async def test_cancelling_closes_what_the_plan_reopened_and_no_more(house: House) -> None:
    database = house.database
    here = add_webhook(database)
    now = now_of(database)
    events = store(database, here, 6)
    waiting = store(database, here, closed=None, due_at=now + timedelta(hours=1), age=timedelta(hours=1))
    async with house.client() as client, feeding(database) as fed:
        made = await plan(client)
        await fed.until(made["id"], "done")
        sent, flying, again = events[:1], events[1:2], events[2:3]
        update(database, sent, status="sent", closed="sent", answer="sent", due_at=None)
        update(database, flying, claim="a", due_at=now_of(database) + timedelta(minutes=1))
        update(database, again, status="error", closed=None, due_at=now + timedelta(hours=1), tries=1)
        assert (await client.delete(f"/redeliveries/{made['id']}")).json()["state"] == "cancelled"
        cancelled = sa.select(sa.func.count()).select_from(_deliveries).where(_deliveries.c.closed == "cancelled")
        await fed.when(lambda session: session.execute(cancelled).scalar_one() == 4)
        assert one(database, flying[0]).claim == "a"
        update(database, flying, claim=None, status="error", due_at=now + timedelta(hours=1), tries=1)
        await fed.until(made["id"], "cancelled")
        assert (await client.delete(f"/redeliveries/{made['id']}")).status_code == 200, "the same again is no mistake"
        assert (await client.patch(f"/redeliveries/{made['id']}", json={"rate": 1})).status_code == 409
    assert {row.event_id for row in rows(database, _deliveries.c.closed == "cancelled")} == set(events[1:])
    assert one(database, sent[0]).closed == "sent"
    assert one(database, waiting[0]).closed is None, "it was open before, and goes on"
    assert not database.read_now(lambda session: session.execute(sa.select(table(RedeliveryLane))).all())


async def test_bulk_cancel_ends_what_is_open_and_leaves_the_rest(house: House) -> None:
    database = house.database
    here, other = add_webhook(database), add_webhook(database)
    later = now_of(database) + timedelta(hours=1)
    pending = store(database, here, 250, status="pending", closed=None, due_at=later, answer=None)
    waiting = store(database, here, closed=None, due_at=later, age=timedelta(minutes=90))
    once_sent = store(
        database, here, status="pending", closed=None, due_at=later, answer="sent", age=timedelta(hours=1)
    )
    flying = store(database, here, status="pending", closed=None, due_at=later, claim="a", age=timedelta(minutes=50))
    over = store(database, here, age=timedelta(minutes=40))
    elsewhere = store(database, other, status="pending", closed=None, due_at=later, answer=None)
    change(database, here, paused=True)
    async with house.client() as client, feeding(database) as fed:
        dry = await client.post("/deliveries/cancel", json={"webhook_id": here, "status": "error", "dry_run": True})
        assert (dry.status_code, dry.json()["matched"]) == (200, 1)
        made = await plan(client, "/deliveries/cancel", webhook_id=here)
        assert (made["kind"], made["matched"]) == ("cancel", 252)
        await fed.until(made["id"], "done")
        assert (await client.get(f"/redeliveries/{made['id']}")).json()["done"] == 252
        assert (await client.delete(f"/redeliveries/{made['id']}")).status_code == 409
    cancelled = {row.event_id for row in rows(database, _deliveries.c.closed == "cancelled")}
    assert cancelled == {*pending, *waiting}
    assert (one(database, once_sent[0]).status, one(database, once_sent[0]).closed) == ("sent", "sent")
    assert one(database, flying[0]).claim == "a"
    assert one(database, over[0]).closed == "exhausted"
    assert one(database, elsewhere[0]).closed is None


async def test_a_cron_plan_runs_once_for_all_that_was_missed_and_waits_again(house: House) -> None:
    database = house.database
    here = add_webhook(database)
    async with house.client() as client:
        made = await plan(client, cron="0 4 * * *", timezone="Europe/Berlin", within="24h", webhook_id=here)
        assert (made["state"], made["matched"]) == ("scheduled", 0)
        planned = datetime.fromisoformat(made["next_run_at"])
        assert planned == schedule.next_time("0 4 * * *", "Europe/Berlin", now_of(database))
        recent = store(database, here)
        old = store(database, here, age=timedelta(days=2))
        missed = now_of(database) - timedelta(days=4)
        plan_rows = table(Redelivery)
        database.write_now(lambda session: session.execute(plan_rows.update().values(next_run_at=missed)))
        async with feeding(database) as fed:
            await fed.when(lambda session: plans.get(session, 1).started_at)
            await fed.until(1, "scheduled")
        shown = (await client.get("/redeliveries/1")).json()
        assert (shown["matched"], shown["done"]) == (1, 1)
        assert datetime.fromisoformat(shown["next_run_at"]) == planned
        assert reopened(database, 1) == set(recent)
        assert one(database, old[0]).round == 1
        paused = (await client.patch("/redeliveries/1", json={"state": "paused"})).json()
        assert (paused["state"], paused["next_run_at"]) == ("paused", None)
        edited = (await client.patch("/redeliveries/1", json={"cron": "30 5 * * *", "within": "7d"})).json()
        assert (edited["state"], edited["scope"]["within"], edited["next_run_at"]) == ("paused", "7d", None)
        resumed = (await client.patch("/redeliveries/1", json={"state": "running"})).json()
        assert resumed["state"] == "scheduled"
        following = schedule.next_time("30 5 * * *", "Europe/Berlin", now_of(database))
        assert datetime.fromisoformat(resumed["next_run_at"]) == following
        assert (await client.patch("/redeliveries/1", json={"cron": None})).status_code == 422
        assert (await client.delete("/redeliveries/1")).json()["state"] == "cancelled"


async def test_a_plan_for_later_begins_when_its_time_has_come(house: House) -> None:
    database = house.database
    here = add_webhook(database)
    store(database, here)
    async with house.client() as client, feeding(database) as fed:
        at = now_of(database) + timedelta(seconds=0.6)
        made = await plan(client, at=at.isoformat())
        assert (made["state"], made["next_run_at"]) == ("scheduled", at.isoformat().replace("+00:00", "Z"))
        assert not reopened(database, made["id"])
        done = await fed.until(made["id"], "done")
    assert done.started_at is not None
    assert done.started_at >= at
    assert done.next_run_at is None


def test_a_pace_never_gives_more_than_its_rate_and_a_second_on_top() -> None:
    pace = Pace(at=0.0)
    given = []
    for moment_ in (0.0, 0.01, 0.5, 1.0, 30.0, 30.1):
        count = pace.allows(5.0, moment_)
        pace.saved -= count
        given.append(count)
    assert given == [1, 0, 2, 3, 5, 0]
    assert Pace().allows(None, 0.0) == feed.AT_ONCE


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # clocks go forward on 28 March 2027: 02:30 is 03:30 that day
        ("30 2 * * *", "2027-03-27T12:00:00Z", ["2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z"]),
        # and back on 25 October 2026: 02:30 comes twice
        (
            "30 2 * * *",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        ("0 9 * * *", "2026-10-24T12:00:00Z", ["2026-10-25T08:00:00Z"]),
        ("0 9 * * *", "2027-03-27T12:00:00Z", ["2027-03-28T07:00:00Z"]),
        # weekdays as crontab numbers them, not as APScheduler does: 0 and 7 are Sunday, 1 is Monday
        ("0 9 * * 0", "2026-11-23T09:00:00Z", ["2026-11-29T08:00:00Z"]),
        ("0 9 * * 7", "2026-11-23T09:00:00Z", ["2026-11-29T08:00:00Z"]),
        ("0 9 * * 1-5", "2026-11-27T09:00:00Z", ["2026-11-30T08:00:00Z"]),
        ("0 9 * * sat-sun", "2026-11-23T09:00:00Z", ["2026-11-28T08:00:00Z", "2026-11-29T08:00:00Z"]),
        ("0 0 1 jan,jul *", "2026-11-23T09:00:00Z", ["2026-12-31T23:00:00Z", "2027-06-30T22:00:00Z"]),
    ],
)
def test_a_crontab_goes_by_the_clocks_of_its_timezone(cron: str, after: str, expected: list[str]) -> None:
    found, place = [], datetime.fromisoformat(after)
    for _ in expected:
        place = schedule.next_time(cron, BERLIN, place)
        found.append(place.isoformat().replace("+00:00", "Z"))
    assert found == expected


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("", "it needs five fields"),
        ("@daily", "it needs five fields"),
        ("* * * *", "it needs five fields"),
        ("60 * * * *", "60 is no minute, which goes from 0 to 59"),
        ("* 8-24 * * *", "8-24 is no hour, which goes from 0 to 23"),
        ("* * 0 * *", "0 is no day of month, which goes from 1 to 31"),
        ("* * * 13 *", "13 is no month, which goes from 1 to 12"),
        ("30-10 * * * *", "30-10 runs backwards"),
        ("* * * mar-jan *", "mar-jan runs backwards"),
        ("*/70 * * * *", "the step of */70 leads past its end at once"),
        ("0-10/20 * * * *", "the step of 0-10/20 leads past its end at once"),
        ("* * 1 * 1", "give either a day of the month or a day of the week"),
        ("0 9 * * mon!", "mon! cannot be read as day of week"),
        ("0 9 * * 5-1", "5-1 is no range of weekdays"),
    ],
)
def test_what_is_no_crontab_is_refused_in_words_of_ours(cron: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"This is no crontab: {re.escape(reason)}"):
        schedule.next_time(cron, "UTC", datetime(2026, 11, 23, tzinfo=UTC))
