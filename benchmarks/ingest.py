"""How fast events are taken in: singly and in batches over HTTP, and from code in the same process."""

import asyncio
from collections.abc import Mapping

import aiohttp

from benchmarks import product
from benchmarks.laps import Lap, Stopwatch
from benchmarks.peers import spread
from benchmarks.product import CONNECTIONS, Storage
from benchmarks.report import Cell, Report
from webhook_ui.actors import CLI
from webhook_ui.app import Core
from webhook_ui.host import MAX_BATCH, Emission

NOWHERE = "http://127.0.0.1:9/"  # nothing is sent while this is measured
SENDERS_OF_BATCHES = 2


def measure(storage: Storage, *, count: int, size: int) -> Report:
    """`count` events singly and several times as many in batches, by each way in; one webhook listens."""
    payload, batches = product.payload(size), max(4 * count // MAX_BATCH, 1)
    with storage.installation() as place:
        with place.core() as core:
            product.add_webhooks(core, [NOWHERE])
            headers = product.make_token(core)
        with place.process("serve", "--port", "0", "--workers", "0") as server:
            address = server.wait_for(product.ADDRESS)[1]
            singly, batched = asyncio.run(_post(address, headers, payload, count, batches, pid=server.pid))
        with place.core() as core:
            emitted, many = asyncio.run(_emit(core, payload, count, batches))
    return Report(
        name=f"Ingest, {storage.name}",
        rows=[
            _row(f"POST /events, {CONNECTIONS} at a time", singly),
            _row(f"POST /events/batch of {MAX_BATCH:,}, {SENDERS_OF_BATCHES} at a time", batched),
            _row(f"emit in process, {CONNECTIONS} at a time", emitted),
            _row(f"emit_many of {MAX_BATCH:,} in process", many),
        ],
        notes=[
            f"bodies of {size:,} bytes, durable, for one webhook; CPU is that of the process that stores",
            f"one fsync on this disk takes {storage.fsync():.2f} ms",
        ],
    )


async def _post(
    address: str, headers: Mapping[str, str], payload: bytes, count: int, batches: int, *, pid: int
) -> tuple[Lap, Lap]:
    single = b'{"trigger":"%s","payload":%s}' % (product.TRIGGER.encode(), payload)
    batch = b'{"events":[%s]}' % b",".join([single] * MAX_BATCH)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(f"{address}/api/v1/", connector=connector, headers=headers) as session:

        async def send(path: str, body: bytes) -> None:
            async with session.post(path, data=body) as answer:
                if answer.status != 202:
                    raise RuntimeError(f"{path} answered {answer.status}: {await answer.text()}")
                await answer.read()

        await spread(lambda: send("events", single), CONNECTIONS, CONNECTIONS)  # opens the connections
        watch = Stopwatch(pid)
        await spread(lambda: send("events", single), count, CONNECTIONS)
        singly, watch = watch.lap(count), Stopwatch(pid)
        await spread(lambda: send("events/batch", batch), batches, SENDERS_OF_BATCHES)
        return singly, watch.lap(batches * MAX_BATCH)


async def _emit(core: Core, payload: bytes, count: int, batches: int) -> tuple[Lap, Lap]:
    emission = Emission(trigger=product.TRIGGER, payload=payload)
    watch = Stopwatch()
    await spread(lambda: core.host.emit(emission, actor=CLI), count, CONNECTIONS)
    singly, watch = watch.lap(count), Stopwatch()
    await product.store(core, payload, batches * MAX_BATCH)
    return singly, watch.lap(batches * MAX_BATCH)


def _row(name: str, lap: Lap) -> dict[str, Cell]:
    return {"": name, "events/s": lap.rate, "CPU µs each": lap.cpu_each}
