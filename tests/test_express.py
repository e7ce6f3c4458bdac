"""Express claims: what a commit makes due is claimed in that commit, as long as the dispatcher has seats to spare."""

import asyncio
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.stored import NOW, add_webhook, delivery, emit, new_event, until
from webhook_ui import outbox
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.dispatcher import Dispatcher
from webhook_ui.errors import Unavailable
from webhook_ui.guard import Policy
from webhook_ui.outbound import Sender
from webhook_ui.schedule import Clock
from webhook_ui.settings import Settings
from webhook_ui.writing import Rider

DUE = frozenset({Changed(Kind.delivery, 1)})


class Far:
    """A receiver that answers when it is let."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.open = asyncio.Event()

    async def receive(self, request: httpx.Request) -> httpx.Response:
        self.arrived.append(request.headers["webhook-id"])
        await self.open.wait()
        return httpx.Response(200)


@asynccontextmanager
async def dispatching(database: Database, far: Far, **settings: Any) -> AsyncIterator[Dispatcher]:
    """A dispatcher that has looked at everything and has nothing to do."""
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        made = Settings(_env_file=None, **settings)
        dispatcher = Dispatcher(database, sender, Clock(), made, user_agent="test", schedules={})
        running = asyncio.create_task(dispatcher.run())
        await until(lambda: database.writing.rider is not None and database.writing.rider.wants(DUE))
        try:
            yield dispatcher
        finally:
            far.open.set()
            await dispatcher.stop(10)
            await running


async def test_what_is_emitted_to_an_idle_dispatcher_is_claimed_in_the_same_commit(database: Database) -> None:
    webhook_id, far = add_webhook(database), Far()
    async with dispatching(database, far):
        event_id = await asyncio.to_thread(emit, database)
        assert delivery(database, webhook_id, event_id).claim is not None, "when emit answers it is claimed already"
        await until(lambda: far.arrived)
        far.open.set()
        await until(lambda: delivery(database, webhook_id, event_id).status == "sent")
    assert len(far.arrived) == 1


async def test_an_express_claim_takes_few_of_many_and_the_rest_follows(database: Database) -> None:
    far = Far()
    for _ in range(12):
        add_webhook(database)
    async with dispatching(database, far, concurrency=16):
        await asyncio.to_thread(emit, database)
        assert claimed(database) >= 2, "an eighth of the seats"
        far.open.set()
        await until(lambda: len(far.arrived) == 12)
    assert len(set(far.arrived)) == 1


async def test_what_is_emitted_while_a_turn_waits_to_be_written_is_claimed_in_the_same_commit(
    database: Database,
) -> None:
    first, second, far = (
        add_webhook(database, triggers=["user.created"]),
        add_webhook(database, triggers=["user.deleted"]),
        Far(),
    )
    async with dispatching(database, far):
        reached, gate = threading.Event(), threading.Event()

        def hold(_: Session) -> None:
            reached.set()
            gate.wait(10)

        held = asyncio.create_task(database.write(hold))
        await asyncio.to_thread(reached.wait, 10)
        database.announcer.announce({Changed(Kind.delivery, first)})  # its turn waits behind what is held
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        emitted = asyncio.create_task(database.write(outbox.emit, new_event("user.deleted"), now=NOW))
        await asyncio.sleep(0)
        gate.set()
        event_id = (await emitted).event_id
        assert delivery(database, second, event_id).claim is not None
        await held
        far.open.set()
        await until(lambda: delivery(database, second, event_id).status == "sent")


async def test_a_lane_that_is_crowded_is_left_to_the_turns(database: Database) -> None:
    webhook_id, far = add_webhook(database), Far()
    async with dispatching(database, far, concurrency_per_webhook=1):
        await asyncio.to_thread(emit, database)
        await until(lambda: far.arrived)
        other = frozenset({Changed(Kind.delivery, webhook_id + 1)})
        await until(lambda: database.writing.rider is not None and database.writing.rider.wants(other))
        event_id = await asyncio.to_thread(emit, database)
        assert delivery(database, webhook_id, event_id).claim is None
        far.open.set()
        await until(lambda: delivery(database, webhook_id, event_id).status == "sent")
    assert len(far.arrived) == 2


async def test_what_must_wait_is_not_claimed_by_express(database: Database) -> None:
    paused, far = add_webhook(database, paused=True), Far()
    async with dispatching(database, far):
        event_id = await asyncio.to_thread(emit, database)
        assert delivery(database, paused, event_id).claim is None
        await until(lambda: database.writing.rider is not None and database.writing.rider.wants(DUE))
    assert far.arrived == []


async def test_an_express_claim_that_breaks_undoes_only_itself(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id, far, claim = add_webhook(database), Far(), outbox.claim
    broken: list[bool] = []

    def break_once(session: Session, *args: Any, **how: Any) -> Any:
        found = claim(session, *args, **how)
        if found.deliveries and not broken:
            broken.append(True)
            raise RuntimeError("a mistake")
        return found

    async with dispatching(database, far):
        monkeypatch.setattr(outbox, "claim", break_once)
        event_id = await asyncio.to_thread(emit, database)
        far.open.set()
        await until(lambda: delivery(database, webhook_id, event_id).status == "sent")
    assert (len(broken), len(far.arrived)) == (1, 1)


class Breaking:
    """Lets the express claim ride, then the transaction breaks."""

    def __init__(self, rider: Rider) -> None:
        self.wants, self.land, self._ride = rider.wants, rider.land, rider.ride

    def ride(self, session: Session, changes: Collection[Changed]) -> None:
        self._ride(session, changes)
        session.connection().invalidate()
        raise sa.exc.OperationalError("COMMIT", {}, Exception("the database went away"))


async def test_nothing_is_sent_of_what_was_never_committed(database: Database) -> None:
    far = Far()
    add_webhook(database)
    async with dispatching(database, far):
        rider = database.writing.rider
        assert rider is not None
        database.writing.rider = Breaking(rider)
        with pytest.raises(Unavailable):
            await database.write(outbox.emit, new_event(), now=NOW)
        database.writing.rider = rider
        await until(lambda: rider.wants(DUE))
    assert far.arrived == []
    assert claimed(database) == 0


async def test_told_to_stop_it_gives_back_what_was_claimed_by_express_meanwhile(database: Database) -> None:
    webhook_id, far = add_webhook(database), Far()
    async with dispatching(database, far) as dispatcher:
        stopping = asyncio.create_task(dispatcher.stop(10))
        event_id = emit(database)  # the loop stands still meanwhile, so what is claimed comes back after the order
        assert delivery(database, webhook_id, event_id).claim is not None
        await stopping
        found = delivery(database, webhook_id, event_id)
        assert (found.claim, found.status, found.losses, far.arrived) == (None, "pending", 0, [])


def claimed(database: Database) -> int:
    """How many deliveries are claimed."""
    count: int = database.read_now(lambda session: session.execute(CLAIMED).scalar_one())
    return count


CLAIMED = sa.text("SELECT count(*) FROM webhook_ui_delivery WHERE claim IS NOT NULL")
