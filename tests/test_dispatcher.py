"""The dispatcher by itself: how it stops, and what it does with what cannot be sent. The main job has its own file."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.conftest import KEY
from tests.stored import NOW, OPERATOR, RULES, add_webhook, attempts, change, delivery, emit, new_event, until
from webhook_ui import board, flights, outbox, seats, webhooks
from webhook_ui import dispatcher as dispatcher_module
from webhook_ui.changes import Announcer, Changed, Kind
from webhook_ui.database import Database
from webhook_ui.dispatcher import Dispatcher
from webhook_ui.guard import Policy
from webhook_ui.models import Delivery, table
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Claimed, Claims
from webhook_ui.schedule import Clock
from webhook_ui.sealing import FernetSealer
from webhook_ui.settings import Settings

_CLAIMED = sa.select(sa.func.count()).select_from(table(Delivery)).where(table(Delivery).c.claim.is_not(None))


@pytest.fixture
def sent() -> list[str]:
    """The ids of what was sent."""
    return []


class Gate:
    """A write that holds the writing thread until it is let go."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def hold(self, _: Session) -> None:
        self.reached.set()
        self.open.wait(10)


def make(database: Database, sent: list[str]) -> tuple[Dispatcher, Sender]:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["webhook-id"])
        return httpx.Response(200)

    sender = Sender(Policy(), connections=8, user_agent="test", transport=httpx.MockTransport(answer))
    dispatcher = Dispatcher(database, sender, Clock(), Settings(_env_file=None), user_agent="test", schedules={})
    return dispatcher, sender


async def test_what_a_last_turn_claims_is_given_back_unsent(
    database: Database, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop while a turn's claims are being committed: they must not stay behind, nor be sent."""
    webhook_id = add_webhook(database)
    event_id = emit(database)
    dispatcher, sender = make(database, sent)
    claiming, claim = Gate(), outbox.claim

    def claim_and_hold(session: Session, wanted: Mapping[int, int], **how: Any) -> Claims:
        claims = claim(session, wanted, **how)
        if claims.deliveries:  # not so in the turn before, which only looks what there is
            claiming.hold(session)
        return claims

    monkeypatch.setattr(outbox, "claim", claim_and_hold)
    async with sender:
        running = asyncio.create_task(dispatcher.run())
        assert await asyncio.to_thread(claiming.reached.wait, 10)
        stopping = asyncio.create_task(dispatcher.stop(grace=5))
        await asyncio.sleep(0)
        claiming.open.set()
        await asyncio.gather(running, stopping)
    assert sent == []
    row = delivery(database, webhook_id, event_id)
    assert (row.claim, row.closed, row.tries, row.losses) == (None, None, 0, 0)


async def test_what_is_in_flight_when_it_stops_is_recorded(database: Database, sent: list[str]) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    dispatcher, sender = make(database, sent)
    settled = asyncio.Event()
    loop = asyncio.get_running_loop()
    database.announcer.subscribe(
        lambda changes: (
            any(change.kind is Kind.attempt for change in changes) and loop.call_soon_threadsafe(settled.set)
        )
    )
    async with sender:
        running = asyncio.create_task(dispatcher.run())
        await asyncio.wait_for(settled.wait(), 10)
        await dispatcher.stop(grace=5)
        await running
    assert len(sent) == len(attempts(database, webhook_id, event_id)) == 1
    assert delivery(database, webhook_id, event_id).closed == "sent"


async def test_answers_wait_for_others_but_not_where_a_lane_waits_for_them(
    database: Database, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "GATHER_SECONDS", 60.0)
    wide, ordered = (
        add_webhook(database, triggers=["user.created"]),
        add_webhook(database, triggers=["user.deleted"], ordered=True),
    )
    dispatcher, sender = make(database, sent)

    async with sender:
        running = asyncio.create_task(dispatcher.run())
        due = frozenset({Changed(Kind.delivery, wide)})
        await until(lambda: database.writing.rider is not None and database.writing.rider.wants(due))
        emitted = await database.write(outbox.emit_each, [new_event() for _ in range(3)], now=NOW)
        events = [one.event_id for one in emitted if isinstance(one, outbox.Emitted)]
        await until(lambda: len(sent) == 3)
        await asyncio.to_thread(database.write_now, lambda _: None)
        assert {delivery(database, wide, event_id).tries for event_id in events} == {0}, "their seats are free already"
        heads = [await asyncio.to_thread(emit, database, "user.deleted") for _ in range(2)]
        await until(lambda: all(delivery(database, ordered, event_id).status == "sent" for event_id in heads))
        assert {delivery(database, wide, event_id).status for event_id in events} == {"sent"}
        await dispatcher.stop(grace=5)
        await running


async def test_an_event_loop_that_rings_early_leaves_no_answer_lying(
    database: Database, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is not ours, and uvloop's counts whole milliseconds."""
    monkeypatch.setattr(dispatcher_module, "GATHER_SECONDS", 0.2)
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 3600.0)
    loop = asyncio.get_running_loop()
    call_later = loop.call_later
    webhook_id = add_webhook(database)
    dispatcher, sender = make(database, sent)
    async with sender:
        running = asyncio.create_task(dispatcher.run())
        due = frozenset({Changed(Kind.delivery, webhook_id)})
        await until(lambda: database.writing.rider is not None and database.writing.rider.wants(due))
        monkeypatch.setattr(loop, "call_later", lambda delay, *what: call_later(delay * 0.9, *what))
        event_id = await asyncio.to_thread(emit, database)
        await until(lambda: delivery(database, webhook_id, event_id).closed == "sent")
        await dispatcher.stop(grace=5)
        await running


async def test_after_lanes_in_which_nothing_is_due_those_behind_them_are_looked_at(
    sqlite_url: sa.URL, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "LOOKED_AT", 1)
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 3600.0)
    url = sqlite_url.render_as_string()
    with closing(Database(url, FernetSealer(KEY))) as database, closing(Database(url, FernetSealer(KEY))) as other:
        lanes = [add_webhook(database) for _ in range(5)]
        full = add_webhook(database, triggers=["user.deleted"])
        dispatcher, sender = make(database, sent)
        async with sender:
            running = asyncio.create_task(dispatcher.run())
            due = frozenset({Changed(Kind.delivery, full)})
            await until(lambda: database.writing.rider is not None and database.writing.rider.wants(due))
            emit(other, "user.deleted")  # nobody is told, as when a notice was lost
            database.announcer.announce([Changed(Kind.delivery, lane) for lane in [*lanes, full]])
            await until(lambda: sent)
            await dispatcher.stop(grace=5)
            await running


async def test_claims_of_a_turn_that_waited_too_long_are_given_back(
    database: Database, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their leases have run since the turn began: they may end while the attempt is under way."""
    monkeypatch.setattr(dispatcher_module, "STALE_SECONDS", -1.0)  # each has waited longer
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.1)  # what is given back waits for nothing else
    webhook_id = add_webhook(database)
    event_id = emit(database)
    dispatcher, sender = make(database, sent)
    returned, give_back = threading.Event(), outbox.give_back

    def note(session: Session, claimed: Sequence[Claimed], **how: Any) -> None:
        give_back(session, claimed, **how)
        if claimed:
            returned.set()

    monkeypatch.setattr(outbox, "give_back", note)
    async with sender:
        running = asyncio.create_task(dispatcher.run())
        assert await asyncio.to_thread(returned.wait, 10)
        assert sent == []
        monkeypatch.setattr(dispatcher_module, "STALE_SECONDS", 5.0)
        await until(lambda: delivery(database, webhook_id, event_id).closed == "sent")
        await dispatcher.stop(grace=5)
        await running
    assert [one.round for one in attempts(database, webhook_id, event_id)] == [1]
    assert delivery(database, webhook_id, event_id).tries == 1


async def test_what_waits_for_a_seat_is_given_back_when_its_webhook_is_paused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "STOCK_SECONDS", 60.0)  # neither its age
    monkeypatch.setattr(seats, "SLOW_SECONDS", 60.0)  # nor that its lane has become slow
    arrived: list[str] = []
    quick, held = 8, asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        arrived.append(request.headers["webhook-id"])
        if len(arrived) > quick:
            await held.wait()
        return httpx.Response(200)

    settings = Settings(_env_file=None, concurrency=4, concurrency_per_webhook=2)
    sender = Sender(Policy(), connections=8, user_agent="test", transport=httpx.MockTransport(answer))
    dispatcher = Dispatcher(database, sender, Clock(), settings, user_agent="test", schedules={})
    webhook_id = add_webhook(database)
    database.write_now(outbox.emit_each, [new_event() for _ in range(30)], now=NOW)

    def claimed() -> int:
        return database.read_now(lambda session: session.execute(_CLAIMED).scalar_one())

    async with sender:
        running = asyncio.create_task(dispatcher.run())
        await until(lambda: len(arrived) == quick + 2 and claimed() > 2)
        change(database, webhook_id, paused=True)
        await until(lambda: claimed() == 2)  # what is under way is finished
        held.set()
        await until(lambda: claimed() == 0)
        assert len(arrived) == quick + 2
        await dispatcher.stop(grace=5)
        await running


@pytest.mark.parametrize("fails", ["the turn", "the commit"])
async def test_what_was_read_in_a_transaction_that_failed_is_forgotten(
    fails: str, sqlite_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that was never committed is nobody's, and the next change of the webhook has the same version."""
    urls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200)

    with closing(Database(sqlite_url.render_as_string(), FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database)
        sender = Sender(Policy(), connections=8, user_agent="test", transport=httpx.MockTransport(answer))
        dispatcher = Dispatcher(database, sender, Clock(), Settings(_env_file=None), user_agent="test", schedules={})
        claim, failing = outbox.claim, threading.Event()

        def claim_in_vain(session: Session, wanted: Mapping[int, int], **how: Any) -> Claims:
            if not wanted or failing.is_set():
                return claim(session, wanted, **how)
            values = {"url": "https://never.example.com/hook"}
            webhooks.change(session, webhook_id, values, rules=RULES, actor=OPERATOR, now=NOW)
            session.flush()
            claims = claim(session, wanted, **how)
            assert claims.deliveries[0].target.url == values["url"]
            failing.set()
            if fails == "the turn":
                raise ValueError("it fails")
            sa.event.listen(session.connection().engine, "commit", _refuse_once())
            return claims

        monkeypatch.setattr(outbox, "claim", claim_in_vain)
        async with sender:
            running = asyncio.create_task(dispatcher.run())
            emit(database)
            assert await asyncio.to_thread(failing.wait, 10)
            change(database, webhook_id, url="https://second.example.com/hook")  # before the event loop goes on
            emit(database)
            await until(lambda: len(urls) == 2)
            await dispatcher.stop(grace=5)
            await running
    assert set(urls) == {"https://second.example.com/hook"}


def _refuse_once() -> Callable[[Any], None]:
    left = [1]

    def refuse(_: Any) -> None:
        if left and left.pop():
            raise sa.exc.OperationalError("COMMIT", {}, Exception("the disk is full"))

    return refuse


def test_a_subscriber_that_fails_keeps_nobody_else_from_the_news() -> None:
    announcer, heard = Announcer(), []

    def fail(_: frozenset[Changed]) -> None:
        raise RuntimeError("the loop is closed")

    announcer.subscribe(fail)
    announcer.subscribe(heard.append)
    announcer.announce([Changed(Kind.event)])
    assert heard == [frozenset({Changed(Kind.event)})]


async def test_an_answer_that_cannot_be_recorded_keeps_nobody_elses_from_being_recorded(
    sqlite_url: sa.URL, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by settling one at a time, and left out: its lease ends, and no try is counted."""
    with closing(Database(sqlite_url.render_as_string(), FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database)
        events = [emit(database) for _ in range(4)]
        dispatcher, sender = make(database, sent)
        settle, recorded = outbox.settle, asyncio.Event()
        loop = asyncio.get_running_loop()

        def refuse(session: Session, settlements: Any, **values: Any) -> Any:
            if any(one.claimed.event_id == events[-1] for one in settlements):
                raise ValueError("it cannot be recorded")
            return settle(session, settlements, **values)

        def hear(_: frozenset[Changed]) -> None:
            if [delivery(database, webhook_id, one).closed for one in events[:3]] == ["sent"] * 3:
                loop.call_soon_threadsafe(recorded.set)

        monkeypatch.setattr(outbox, "settle", refuse)
        database.announcer.subscribe(hear)
        async with sender:
            running = asyncio.create_task(dispatcher.run())
            await asyncio.wait_for(recorded.wait(), 4)  # sooner than the dispatcher's own tick would come
            await dispatcher.stop(grace=1)
            await running
        left = delivery(database, webhook_id, events[-1])
        assert (left.closed, left.tries, attempts(database, webhook_id, events[-1])) == (None, 0, [])
