"""What one process does for all, the elected one: it carries out plans for many deliveries, and does the upkeep."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from webhook_ui import upkeep
from webhook_ui.database import Database
from webhook_ui.election import Election
from webhook_ui.feeder import Feeder
from webhook_ui.plugin_errands import Errands
from webhook_ui.schedule import Clock


@asynccontextmanager
async def on_call(
    database: Database, clock: Clock, *, retention: timedelta, errands: Errands | None = None
) -> AsyncIterator[None]:
    """Stands for election, and does the duties for as long as they are this process's; `errands` are the plugins'."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    def begin() -> None:
        if election.held and not under_way:
            task = loop.create_task(upkeep.run(database, retention=retention))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    async def keep_up() -> None:
        begin()

    def decided(held: bool) -> None:
        feeder.wake()
        if held:
            begin()
        if errands is not None and held:
            errands.begin()
        elif errands is not None:
            ending = loop.create_task(errands.end())
            under_way.add(ending)
            ending.add_done_callback(under_way.discard)

    def hear(held: bool) -> None:
        loop.call_soon_threadsafe(decided, held)

    election = Election(database, hear)
    feeder = Feeder(database, clock, may=lambda: election.held)
    feeding = asyncio.create_task(feeder.run())
    clock.every(upkeep.EVERY_SECONDS, "upkeep", keep_up)
    election.start()
    try:
        yield
    finally:
        feeder.stop()
        await feeding
        if errands is not None:
            await errands.end()
        await asyncio.to_thread(election.stop)
        for task in under_way:
            task.cancel()  # safe after any batch; whoever is elected next goes on
        await asyncio.gather(*under_way, return_exceptions=True)
