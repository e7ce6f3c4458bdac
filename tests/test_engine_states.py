"""The engine at work, a real dispatcher against a real receiver: down and up again, gone, rated, hanging, paused."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.conftest import KEY
from tests.stored import OPERATOR, RULES, fields, lane, new_event
from webhook_ui import breaker, ids, outbox, times, webhooks
from webhook_ui.database import Database
from webhook_ui.dispatcher import Dispatcher
from webhook_ui.engine_events import DISABLED, EXHAUSTED, FAILING, RECOVERED, TRIGGERS
from webhook_ui.models import Attempt, Delivery, Event, table
from webhook_ui.outbound import Sender
from webhook_ui.schedule import Clock
from webhook_ui.sealing import FernetSealer
from webhook_ui.settings import Settings
from webhook_ui.webhook_fields import Rules

PATIENCE = 30.0

_attempt, _delivery, _event = table(Attempt), table(Delivery), table(Event)


class Far:
    """A receiver on loopback: `statuses` says what each path answers, None that it hangs. 200 where it says nothing."""

    def __init__(self) -> None:
        self.statuses: dict[str, int | None] = {}
        self.arrivals: list[tuple[str, str, float]] = []  # path, webhook-id, when
        self.bodies: list[tuple[str, Any]] = []
        self.most_at_once = 0
        self._flying = 0
        self._news, self._connections = asyncio.Event(), set[asyncio.Task[None]]()

    async def __aenter__(self) -> "Far":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def on(self, path: str) -> list[str]:
        """The ids that arrived there, in order."""
        return [webhook_id for where, webhook_id, _ in self.arrivals if where == path]

    async def until(self, reached: Callable[[], object]) -> None:
        """Waits for arrivals until they are enough."""
        async with asyncio.timeout(PATIENCE):
            while not reached():
                self._news.clear()
                await self._news.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._answer(reader, writer)
        self._connections.discard(task)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = first.split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.arrivals.append((path, headers["webhook-id"], asyncio.get_running_loop().time()))
        self.bodies.append((path, json.loads(body)))
        self._flying += 1
        self.most_at_once = max(self.most_at_once, self._flying)
        self._news.set()
        try:
            status = self.statuses.get(path, 200)
            if status is None:
                await reader.read()  # until the sender hangs up
                return
            await asyncio.sleep(0.01)  # so that two at once are seen as two
            writer.write(f"HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n".encode())
            await writer.drain()
        finally:
            self._flying -= 1


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    async with Far() as made:
        yield made


@pytest.fixture
def light(sqlite_url: sa.URL) -> Iterator[Database]:
    """SQLite alone, where storage does not matter."""
    with closing(Database(sqlite_url.render_as_string(), FernetSealer(KEY))) as database:
        yield database


@asynccontextmanager
async def dispatching(database: Database, grace: float = 5, **values: Any) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work, without the parts around it."""
    given = {"retry_schedule": "1,1,1,1", "retry_jitter": 0, "allowed_networks": "127.0.0.0/8"} | values
    settings, clock = Settings(_env_file=None, **given), Clock()
    async with Sender(settings.policy, connections=settings.concurrency, user_agent="test") as sender:
        dispatcher = Dispatcher(database, sender, clock, settings, user_agent="test", schedules={})
        clock.start()
        running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            clock.stop()
            await dispatcher.stop(grace)
            await running


def add(database: Database, url: str, **values: Any) -> int:
    """A webhook on loopback; it may listen to the engine as well."""
    policy = Settings(_env_file=None, allowed_networks="127.0.0.0/8").policy
    rules = Rules(policy=policy, triggers={*RULES.triggers, *TRIGGERS}, longest_timeout=50)
    given, now = fields(url=url, **values), times.utcnow()
    return int(database.write_now(webhooks.add, given, rules=rules, actor=OPERATOR, now=now).id or 0)


def emit(database: Database, count: int, trigger: str = "user.created") -> list[str]:
    """The ids of so many new events."""
    events = [new_event(trigger, payload=f'{{"id":{number}}}') for number in range(count)]
    emitted = database.write_now(outbox.emit_each, events, now=times.utcnow())
    return [ids.event_text(one.event_id) for one in emitted]


async def until(database: Database, reached: Callable[[Session], object]) -> None:
    """Waits for commits until the database says what `reached` wants to hear."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    quiet = database.announcer.subscribe(lambda _: loop.call_soon_threadsafe(news.set))
    try:
        async with asyncio.timeout(PATIENCE):
            while not await database.read(reached):
                await news.wait()
                news.clear()
    finally:
        quiet()


def all_over(session: Session) -> bool:
    return session.execute(sa.select(_delivery.c.event_id).where(_delivery.c.due_at.is_not(None))).first() is None


def rows(database: Database, statement: sa.Select[Any]) -> list[Any]:
    return database.read_now(lambda session: list(session.execute(statement)))


def events_of(database: Database, trigger: str) -> list[Any]:
    """The payloads of all events of a trigger."""
    return [json.loads(one.payload) for one in rows(database, sa.select(_event).where(_event.c.trigger == trigger))]


# --- down, and up again


async def test_a_receiver_that_is_down_is_probed_and_then_gets_everything(
    database: Database, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "FIRST_PROBE", timedelta(seconds=0.2))
    webhook_id = add(database, far.url("/down"), triggers=["user.created", "webhook.*"])
    watcher = add(database, far.url("/watcher"), triggers=["webhook.*"])
    far.statuses["/down"] = 500
    events = emit(database, 300)
    async with dispatching(database):
        await until(database, lambda session: lane(database, webhook_id).breaker != "closed")
        before = len(far.on("/down"))
        assert before <= 40, "so many attempts were made until it was known to be down"
        # a probe is made only when nothing else of the lane is in flight
        await until(database, lambda session: lane(database, webhook_id).probes >= 1)
        far.most_at_once = 0
        await until(database, lambda session: lane(database, webhook_id).probes >= 3)
        assert far.most_at_once <= 1, "one probe at a time"
        assert len(far.on("/down")) <= before + 16 + 3, "what was in flight when it opened, and three probes"
        tries = rows(database, sa.select(_delivery.c.tries).where(_delivery.c.webhook_id == webhook_id))
        assert {one.tries for one in tries} <= {0, 1}, "nobody uses up tries meanwhile"
        assert "Still down after " in lane(database, webhook_id).reason
        far.statuses["/down"] = 200
        await until(database, all_over)
    assert set(far.on("/down")) == set(events)
    closed = rows(database, sa.select(_delivery.c.closed, sa.func.count()).group_by(_delivery.c.closed))
    assert [tuple(one) for one in closed] == [("sent", 302)], "the watcher hears of it, and it does not hear of itself"
    assert lane(database, webhook_id).breaker == "closed"
    (said,) = events_of(database, FAILING)
    assert said["webhook"]["id"] == webhook_id
    assert said["reason"].startswith(f"{said['failed']} of the last {said['attempts']} attempts failed; last: 500")
    assert said["error"] == {"class": "http", "message": said["error"]["message"], "response_status": 500}
    (over,) = events_of(database, RECOVERED)
    assert over["webhook"]["id"] == webhook_id
    assert said["failing_since"] <= said["noticed_at"] < over["recovered_at"]
    assert len(far.on("/watcher")) == 2
    assert lane(database, watcher).breaker == "closed"


# --- what the engine says of itself


async def test_a_webhook_that_is_gone_is_disabled_and_others_hear_of_it(database: Database, far: Far) -> None:
    gone = add(database, far.url("/gone"), triggers=["user.created", "webhook.*", "delivery.*"])
    other = add(database, far.url("/other"), triggers=["webhook.disabled"])
    far.statuses["/gone"] = 410
    emit(database, 1)
    async with dispatching(database):
        await far.until(lambda: far.on("/other"))
        await until(database, all_over)
    (said,) = events_of(database, DISABLED)
    assert (said["webhook"]["id"], "410" in said["reason"]) == (gone, True)
    assert far.bodies[-1] == ("/other", far.bodies[-1][1] | {"type": DISABLED, "data": said})
    heard = rows(database, sa.select(_delivery.c.webhook_id).where(_delivery.c.trigger == DISABLED))
    assert [one.webhook_id for one in heard] == [other], "it is disabled itself"
    assert len(far.on("/gone")) == 1
    assert events_of(database, EXHAUSTED) == [], "gone is not exhausted"


async def test_an_exhausted_delivery_is_told_of_but_not_the_one_that_tells(database: Database, far: Far) -> None:
    add(database, far.url("/failing"), triggers=["user.created", "delivery.*"], retry_schedule=[0.05])
    add(database, far.url("/listening"), triggers=["delivery.exhausted"], retry_schedule=[0.05])
    far.statuses |= {"/failing": 500, "/listening": 500}
    (event,) = emit(database, 1)
    async with dispatching(database):
        await far.until(lambda: len(far.on("/listening")) == 2)
        await until(database, all_over)
    assert far.on("/failing") == [event, event]
    (said,) = events_of(database, EXHAUSTED)
    assert (said["event_id"], said["trigger"], said["tries"]) == (event, "user.created", 2)
    closed = rows(database, sa.select(_delivery.c.trigger, _delivery.c.closed))
    assert sorted(tuple(one) for one in closed) == [(EXHAUSTED, "exhausted"), ("user.created", "exhausted")]


# --- held by a rate, by others that hang, by a pause


async def test_a_rate_holds_over_all_dispatchers(database: Database, far: Far) -> None:
    rate, burst, spare = 20.0, 2, 5  # what was claimed in time may be late on its way by a quarter of a second
    add(database, far.url("/rated"), rate_limit=rate)
    events = emit(database, 30)
    url = database.url.render_as_string(hide_password=False)
    with closing(Database(url, FernetSealer(KEY))) as second:
        async with AsyncExitStack() as stack:
            for one in (database, second):
                await stack.enter_async_context(dispatching(one))
            await far.until(lambda: len(far.on("/rated")) == 30)
    assert database.read_now(all_over)
    assert sorted(far.on("/rated")) == sorted(events), "each once"
    at = [moment for _, _, moment in far.arrivals]
    for first, begin in enumerate(at):
        for last, end in enumerate(at[first:], start=first):
            assert last - first + 1 <= rate * (end - begin) + burst + spare
    assert at[-1] - at[0] >= (30 - burst - spare) / rate


async def test_receivers_that_hang_keep_nobody_waiting(light: Database, far: Far) -> None:
    paths = ["/hang/1", "/hang/2", "/hang/3"]
    for path in paths:
        add(light, far.url(path))
        far.statuses[path] = None
    add(light, far.url("/quick"), triggers=["order.paid"])
    emit(light, 100)
    async with dispatching(light, grace=0, request_timeout=2, concurrency=8):
        await far.until(lambda: all(far.on(path) for path in paths))
        events = emit(light, 50, "order.paid")
        await far.until(lambda: len(far.on("/quick")) == 50)
        began = min(moment for path, _, moment in far.arrivals if path in paths)
        assert far.arrivals[-1][2] - began < 2, "somebody had to wait for a timeout"
        assert rows(light, sa.select(_attempt.c.id).where(_attempt.c.error_class == "timeout")) == []
    assert sorted(far.on("/quick")) == sorted(events)


async def test_what_a_pause_has_held_is_sent_in_order_when_it_ends(database: Database, far: Far) -> None:
    webhook_id = add(database, far.url("/paused"), paused=True)
    add(database, far.url("/free"), triggers=["order.paid"])
    held = [event for _ in range(4) for event in sorted(emit(database, 5))]
    async with dispatching(database, concurrency_per_webhook=1):
        emit(database, 1, "order.paid")
        await far.until(lambda: far.on("/free"))
        held += emit(database, 1)
        emit(database, 1, "order.paid")
        await far.until(lambda: len(far.on("/free")) == 2)
        assert far.on("/paused") == []
        now = times.utcnow()
        await database.write(webhooks.resume, webhook_id, actor=OPERATOR, now=now)
        await until(database, all_over)
    assert far.on("/paused") == held
