"""Plugins' code runs apart: what blocks, never ends or ends the program holds up nobody else, and says whose it is."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from webhook_ui import plugin_errands, plugin_runner, times
from webhook_ui.database import Database
from webhook_ui.errors import PluginFault
from webhook_ui.host import Host
from webhook_ui.plugin_contents import Contents
from webhook_ui.plugin_doors import PluginDoors
from webhook_ui.plugin_errands import Errands
from webhook_ui.plugin_host import PluginHost
from webhook_ui.plugin_loader import Plugin, PluginInfo, Plugins, RegisteredTrigger, Source
from webhook_ui.plugin_runner import LEFT_BEHIND, Runner
from webhook_ui.plugin_types import Event, Job
from webhook_ui.schedule import Clock


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    monkeypatch.setattr(plugin_runner, "GRACE_SECONDS", 0.05)
    made = Runner("odd")
    yield made
    made.close()


async def test_results_and_mistakes_come_back_with_the_plugins_name(runner: Runner) -> None:
    async def seven() -> int:
        return 7

    async def leave() -> None:
        raise SystemExit(3)

    assert await runner.run("seven", seven, limit=5) == 7
    assert await runner.call("eight", lambda: 8, limit=5) == 8
    with pytest.raises(PluginFault, match=r"^Plugin odd: leave raised SystemExit: 3\.$"):
        await runner.run("leave", leave, limit=5)
    with pytest.raises(PluginFault, match=r"^Plugin odd: divide raised ZeroDivisionError: division by zero\.$"):
        await runner.call("divide", lambda: 1 / 0, limit=5)
    assert runner.off is None


async def test_what_still_runs_when_its_loop_ends_is_ended_with_it(runner: Runner) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def on_and_on() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(runner.run("on_and_on", on_and_on, limit=60))
    assert await asyncio.to_thread(begun.wait, 15)
    runner.close()
    assert await asyncio.to_thread(ended.wait, 15), "it would complain whenever it is collected as garbage"
    with pytest.raises(PluginFault, match="on_and_on"):
        await asyncio.wait_for(waiting, 15)


async def test_a_mistake_that_nobody_waits_for_any_more_is_not_complained_about(runner: Runner) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    begun, free = threading.Event(), threading.Event()

    async def late() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            free.wait(15)  # longer than it is given
            raise ConnectionError("gone")

    waiting = asyncio.create_task(runner.run("late", late, limit=60))
    assert await asyncio.to_thread(begun.wait, 15)
    (flight,) = runner._flights
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    free.set()
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(asyncio.wrap_future(flight.ended), 15)
    del flight, waiting
    gc.collect()
    assert complaints == []


async def test_what_waits_too_long_is_cancelled_and_costs_nothing(runner: Runner) -> None:
    for _ in range(LEFT_BEHIND + 1):
        with pytest.raises(PluginFault, match=r"patience took longer than 0\.05 s"):
            await runner.run("patience", lambda: asyncio.sleep(60), limit=0.05)
    assert runner.off is None, "they ended when they were told to"


@pytest.mark.parametrize("kind", ["run", "call"])
async def test_what_blocks_holds_up_that_plugin_alone_and_switches_it_off(runner: Runner, kind: str) -> None:
    free = threading.Event()

    async def block() -> None:
        free.wait(60)

    async def one() -> None:
        if kind == "run":
            await runner.run("block", block, limit=0.05)
        else:
            await runner.call("block", lambda: free.wait(60), limit=0.05)

    began = time.monotonic()
    try:
        for _ in range(LEFT_BEHIND):
            assert runner.off is None
            with pytest.raises(PluginFault, match="took longer"):
                await one()
        assert runner.off is not None
        with pytest.raises(PluginFault, match="Switched off: 3 calls of it never ended, the last one of block"):
            await one()
        assert time.monotonic() - began < 5, "this loop went on all the time"
    finally:
        free.set()


async def test_a_call_that_waits_for_a_thread_is_not_left_behind(runner: Runner) -> None:
    free = threading.Event()
    busy = [
        asyncio.create_task(runner.call("busy", lambda: free.wait(60), limit=60)) for _ in range(plugin_runner.THREADS)
    ]
    await asyncio.sleep(0)
    for _ in range(LEFT_BEHIND + 1):
        with pytest.raises(PluginFault, match="took longer"):
            await runner.call("next", lambda: None, limit=0.02)
    assert runner.off is None
    free.set()
    assert await asyncio.gather(*busy) == [True] * plugin_runner.THREADS


def plugins(job: Job | None = None, source: object = None) -> Plugins:
    from webhook_ui.plugin_api import Trigger

    info = PluginInfo(name="odd", source=Source.file, where="odd.py", title="Odd", triggers=1)
    host = PluginHost("odd")
    contents = Contents(host=host, runner=Runner("odd"), jobs=[job] if job else [], source=source)  # type: ignore[arg-type]  # odd on purpose
    trigger = Trigger("odd.done", "Done", "", {})
    return Plugins(
        triggers={"odd.done": RegisteredTrigger(trigger=trigger, plugin=info)},
        loaded=(info,),
        problems=(),
        running=(Plugin(info=info, contents=contents),),
    )


class Doors(PluginDoors):
    """Says when the position of a job was stored."""

    def __init__(self, database: Database, offered: Plugins) -> None:
        super().__init__(database, Host(database, offered, max_payload_bytes=1 << 20))
        self.stored = asyncio.Event()

    async def store(self, plugin: str, events: Sequence[Event], position: tuple[str, str] | None) -> list[str]:
        found = await super().store(plugin, events, position)
        self.stored.set()
        return found


async def test_due_times_that_passed_are_made_up_for_by_one_run(database: Database) -> None:
    ran: list[datetime] = []

    def nightly(at: datetime) -> list[Event]:
        ran.append(at)
        return [Event(trigger="odd.done", payload={"at": at.isoformat()})]

    offered = plugins(Job("nightly", nightly, cron="0 3 * * *", timezone="Europe/Berlin"))
    doors = Doors(database, offered)
    long_ago = times.utcnow() - timedelta(days=4)
    await doors.store("odd", [], ("odd job nightly", times.to_text(long_ago)))
    doors.stored.clear()
    clock = Clock()
    clock.start()
    errands = Errands(offered, doors, clock)
    errands.begin()
    await asyncio.wait_for(doors.stored.wait(), 15)
    assert await doors.position("odd job nightly") == times.to_text(ran[0])
    await errands.end()
    errands.begin()  # another process is elected: it finds nothing to do
    await asyncio.sleep(0.2)
    await errands.end()
    clock.stop()
    (at,) = ran
    assert timedelta() < times.utcnow() - at <= timedelta(hours=25), "the last of those that passed"


async def test_a_source_that_dies_comes_back_later_each_time(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(plugin_errands, "FIRST_WAIT", 0.01)
    starts: list[float] = []
    five = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def source() -> None:
        starts.append(time.monotonic())
        if len(starts) == 5:
            loop.call_soon_threadsafe(five.set)
        raise ConnectionError("gone")

    offered = plugins(source=source)
    errands = Errands(offered, PluginDoors(database, Host(database, offered, max_payload_bytes=1 << 20)), Clock())
    errands.begin()
    await asyncio.wait_for(five.wait(), 15)
    await errands.end()
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps[3] > gaps[2] > gaps[1], gaps


def test_daylight_saving_is_stated() -> None:
    job = Job("nightly", print, cron="30 2 * * *", timezone="Europe/Berlin")
    skipped = job.following(datetime(2027, 3, 27, 12, tzinfo=UTC))
    assert skipped == datetime(2027, 3, 28, 1, 30, tzinfo=UTC), "02:30 does not exist that day: 03:30 by the clock"
    first = job.following(datetime(2027, 10, 30, 12, tzinfo=UTC))
    assert first == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert job.following(first) == datetime(2027, 10, 31, 1, 30, tzinfo=UTC), "02:30 comes twice that night"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "give either cron"),
        ({"cron": "* * * * *", "every": 5}, "give either cron"),
        ({"every": 0.5}, "at least 1"),
        ({"cron": "61 * * * *"}, "no crontab"),
        ({"cron": "0 3 * * *", "timezone": "Europe/Berlim"}, "Did you mean Europe/Berlin"),
        ({"every": 5, "time_limit": 0}, "time_limit"),
    ],
)
def test_a_job_that_is_not_valid_says_what_to_do(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Job("x", print, **change)  # type: ignore[arg-type]  # wrong on purpose
