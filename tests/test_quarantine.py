"""Suspects take no innocent neighbour along, and nobody waits for one whose receiver hangs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest

from tests.stored import LEASE, NOW, Worker, add_webhook, change, delivery, emit, until
from webhook_ui import dispatcher
from webhook_ui.database import Database
from webhook_ui.dispatcher import Dispatcher
from webhook_ui.guard import Policy
from webhook_ui.models import Delivery, table
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Key
from webhook_ui.quarantine import ENOUGH, HANGS_AFTER, Quarantine
from webhook_ui.schedule import Clock
from webhook_ui.settings import Settings


@dataclass
class Air:
    """What is in flight, as a test says."""

    calm_for: float = float("inf")
    keys: set[Key] = field(default_factory=set)

    def holds_any(self, keys: Collection[Key]) -> bool:
        return bool(self.keys & set(keys))


def send(quarantine: Quarantine, air: Air, *keys: Key, now: float) -> None:
    """Sends suspects, as a dispatcher that could claim these."""
    air.keys |= set(keys)
    air.calm_for = 0.0
    quarantine.note_sent(set(keys), now)


def looked_at(quarantine: Quarantine, air: Air, now: float) -> tuple[bool, list[Key]]:
    """Whether it is closed, and whom it admits."""
    quarantine.look(now, air)
    return quarantine.is_closed, list(quarantine.admitted(air))


# --- the rule


def test_suspects_wait_until_all_else_is_back_or_hangs() -> None:
    quarantine, air = Quarantine(), Air(calm_for=0.2)
    assert looked_at(quarantine, air, 10.0) == (False, [])
    quarantine.find([(1, 1)])
    assert looked_at(quarantine, air, 10.0) == (True, [])
    assert quarantine.patience(10.0, air, at_most=5.0) == pytest.approx(HANGS_AFTER - 0.2)
    air.calm_for = HANGS_AFTER
    assert looked_at(quarantine, air, 10.8) == (True, [(1, 1)])
    air.calm_for = float("inf")
    assert looked_at(quarantine, air, 10.8) == (True, [(1, 1)])


def test_suspects_are_sent_in_groups_until_none_are_left() -> None:
    quarantine, air = Quarantine(), Air()
    quarantine.find([(1, 1), (1, 2)])
    quarantine.look(10.0, air)
    send(quarantine, air, (1, 1), now=10.0)
    quarantine.find([(1, 2)])
    assert looked_at(quarantine, air, 10.1) == (True, []), "never two groups at once"
    air.keys.clear()
    air.calm_for = float("inf")
    assert looked_at(quarantine, air, 10.2) == (True, [(1, 2)])
    send(quarantine, air, (1, 2), now=10.2)
    air.keys.clear()
    assert looked_at(quarantine, air, 10.3) == (False, [])


def test_others_get_as_much_time_as_they_have_lost() -> None:
    quarantine, air = Quarantine(), Air(calm_for=0.5)
    quarantine.find([(1, 1), (1, 2)])
    quarantine.look(10.0, air)
    send(quarantine, air, (1, 1), now=10.5)
    quarantine.find([(1, 2)])
    air.keys.clear()
    assert looked_at(quarantine, air, 10.5 + ENOUGH - 0.1) == (True, [])
    assert looked_at(quarantine, air, 10.5 + ENOUGH) == (False, []), "it has sent long enough"
    assert quarantine.patience(11.5, air, at_most=5.0) == pytest.approx(1.5)
    air.calm_for = float("inf")
    assert looked_at(quarantine, air, 12.9) == (False, [])
    assert looked_at(quarantine, air, 13.0) == (True, [(1, 2)])


def test_it_opens_when_suspects_hang_and_admits_no_others_beside_them() -> None:
    quarantine, air = Quarantine(), Air()
    quarantine.find([(1, 1)])
    quarantine.look(10.0, air)
    send(quarantine, air, (1, 1), now=10.0)
    assert looked_at(quarantine, air, 10.9) == (True, [])
    assert quarantine.patience(10.9, air, at_most=5.0) == pytest.approx(0.1)
    assert looked_at(quarantine, air, 11.0) == (False, [])
    quarantine.find([(2, 1)])
    air.calm_for = HANGS_AFTER
    assert looked_at(quarantine, air, 30.0) == (False, []), "it would lose its claim with them"
    assert quarantine.patience(30.0, air, at_most=5.0) == 5.0
    air.keys.clear()
    assert looked_at(quarantine, air, 40.0) == (True, [(2, 1)])


def test_where_nothing_could_be_claimed_it_opens_at_once() -> None:
    quarantine, air = Quarantine(), Air()
    quarantine.find([(1, 1)])
    assert looked_at(quarantine, air, 10.0) == (True, [(1, 1)])
    send(quarantine, air, now=10.0)
    assert looked_at(quarantine, air, 10.0) == (False, [])


# --- the dispatcher


class Receivers:
    """Those at `hangs` answer when they are let go, all others at once."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.let_go = asyncio.Event()

    async def receive(self, request: httpx.Request) -> httpx.Response:
        self.arrived[request.url.host] += 1
        if request.url.host.startswith("hangs"):
            await self.let_go.wait()
        return httpx.Response(200)


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Receivers]:
    """A dispatcher at work."""
    far = Receivers()
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        made = Dispatcher(database, sender, Clock(), Settings(_env_file=None), user_agent="test", schedules={})
        task = asyncio.create_task(made.run())
        try:
            yield far
        finally:
            far.let_go.set()
            await made.stop(grace=5)
            await task


def lose_claims(database: Database, times: int) -> None:
    """All that is due is claimed so often by a worker that dies."""
    for lost in range(times):
        assert Worker(database, f"dead{lost}").claim(NOW + lost * (LEASE + timedelta(seconds=1))).deliveries


async def test_a_suspect_whose_receiver_hangs_keeps_nobody_waiting(database: Database) -> None:
    hangs = add_webhook(database, url="https://hangs.example.com/")
    suspect = emit(database)
    lose_claims(database, 2)
    quick = add_webhook(database, url="https://quick.example.com/")
    async with running(database) as far:
        await until(lambda: far.arrived["hangs.example.com"])
        event_id = emit(database)
        await until(lambda: far.arrived["quick.example.com"])
        await until(lambda: delivery(database, quick, event_id).closed == "sent")
        assert delivery(database, hangs, suspect).closed is None
        far.let_go.set()
        await until(lambda: delivery(database, hangs, suspect).closed == "sent")


async def test_a_suspect_does_not_wait_for_a_receiver_that_hangs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "TICK_SECONDS", 0.5)  # after which suspects are looked for
    add_webhook(database, url="https://hangs.example.com/")
    emit(database)
    async with running(database) as far:
        await until(lambda: far.arrived["hangs.example.com"])
        other = add_webhook(database, url="https://quick.example.com/")
        change(database, other, paused=True)
        suspect = emit(database)
        lost = table(Delivery).update().where(table(Delivery).c.event_id == suspect).values(losses=2)
        database.write_now(lambda session: session.execute(lost.where(table(Delivery).c.webhook_id == other)))
        change(database, other, paused=False)
        await until(lambda: delivery(database, other, suspect).closed == "sent")
        assert not far.let_go.is_set()
