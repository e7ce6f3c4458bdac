"""The elected process's duties end with it: nobody waits for a prune of hours."""

import asyncio
import time
from datetime import timedelta

import pytest

from tests.stored import Worker, add_webhook, emit
from webhook_ui import duties, times, upkeep
from webhook_ui.database import Database
from webhook_ui.schedule import Clock


async def test_a_stop_does_not_wait_for_a_prune(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day is pruned in many batches with a rest after each; here the rest after the first is endless."""
    monkeypatch.setattr(upkeep, "REST", 1_000_000.0)
    resting = asyncio.Event()
    wanted = asyncio.sleep

    async def rest(seconds: float) -> None:
        resting.set()
        await wanted(seconds)

    monkeypatch.setattr(upkeep.asyncio, "sleep", rest)
    long_ago = times.utcnow() - timedelta(days=100)
    add_webhook(database, now=long_ago)
    emit(database, now=long_ago)
    Worker(database).deliver(200, long_ago)
    clock = Clock()
    clock.start()
    async with duties.on_call(database, clock, retention=timedelta(days=90)):
        await asyncio.wait_for(resting.wait(), 15)
        began = time.monotonic()
    clock.stop()
    assert time.monotonic() - began < 3


async def test_what_the_clock_began_is_ended_as_well(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), []

    async def endless(_: Database, *, retention: timedelta) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(retention)

    async def nothing(_: Database, *, retention: timedelta) -> None:
        monkeypatch.setattr(upkeep, "run", endless)

    monkeypatch.setattr(upkeep, "run", nothing)
    monkeypatch.setattr(upkeep, "EVERY_SECONDS", 0.05)
    clock = Clock()
    clock.start()
    async with duties.on_call(database, clock, retention=timedelta(days=90)):
        await asyncio.wait_for(begun.wait(), 15)
    assert ended == [timedelta(days=90)], "once, and it was over before we left"
    clock.stop()


async def test_a_run_that_a_stop_cuts_off_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            over.set()

    clock = Clock()
    clock.start()
    clock.every(0.01, "endless", endless)
    await asyncio.wait_for(begun.wait(), 15)
    clock.stop()
    await asyncio.wait_for(over.wait(), 15)
    await asyncio.sleep(0)  # for who hears of its end
    assert not [record for record in caplog.records if record.exc_info]
