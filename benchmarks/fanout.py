"""One event to a thousand webhooks: how long until it is stored, and how fast its deliveries leave.

Beside it: as many events to one webhook, and a loop that only posts the same bytes.
"""

import asyncio
import time
from collections.abc import Awaitable

from benchmarks import gauges, peers, product
from benchmarks.laps import Lap, Stopwatch, total
from benchmarks.product import Storage
from benchmarks.receiver import Receiver, receiver
from benchmarks.report import Cell, Report, ratio
from webhook_ui import app
from webhook_ui.actors import CLI
from webhook_ui.app import Core
from webhook_ui.host import Emission

MANY, ONE = "many", "one"  # the tenants: what is for one of them is not for the other


def measure(storage: Storage, *, webhooks: int, events: int, size: int) -> Report:
    """Each event is delivered before the next one is emitted.

    Of the first event the process knows nothing: it reads each webhook, and each is new to it. It has a row of its own.
    """
    payload = product.payload(size)

    def post() -> Lap:
        count, connections = webhooks * max(events // 2, 1), product.CONNECTIONS
        return peers.run(peers.bare_aiohttp, far.url, product.body(payload), count=count, connections=connections)

    with receiver() as far, storage.installation(**product.FULL_SPEED) as place, place.core() as core:
        product.add_webhooks(core, [far.url] * (webhooks + 1), tenants=[*[MANY] * webhooks, ONE])
        before = post()
        stored, first, out, beside = asyncio.run(_run(core, far, payload, webhooks, events))
        bare = total([before, post()])
    return Report(
        name=f"Fan-out, {storage.name}, one process",
        rows=[
            _row(f"the first event to {webhooks:,} webhooks", first, beside, bare, stored[:1]),
            _row(f"1 event to {webhooks:,} webhooks", out, beside, bare, stored[1:]),
            _row(f"{webhooks:,} events to 1 webhook", beside, beside, bare, []),
            _row(peers.BARE, bare, beside, bare, []),
        ],
        notes=[f"{events} times each, delivered over {product.CONNECTIONS} connections to a {far.kind}"],
    )


async def _run(
    core: Core, far: Receiver, payload: bytes, webhooks: int, events: int
) -> tuple[list[float], Lap, Lap, Lap]:
    async def emit() -> None:
        begin = time.perf_counter()
        await core.host.emit(Emission(trigger=product.TRIGGER, payload=payload, tenant=MANY), actor=CLI)
        stored.append((time.perf_counter() - begin) * 1000)

    stored: list[float] = []
    out, beside = [], []
    async with app.running(core, dispatching=True):
        for _ in range(events + 1):
            out.append(await _delivered(far, emit(), webhooks))
            beside.append(await _delivered(far, product.store(core, payload, webhooks, tenant=ONE), webhooks))
    return stored, out[0], total(out[1:]), total(beside[1:])


async def _delivered(far: Receiver, storing: Awaitable[None], count: int) -> Lap:
    """From when it is stored until all of it has arrived."""
    base = far.arrived()
    await storing
    watch, before = Stopwatch(), far.arrived()
    return watch.lap(await far.arrive(base + count) - before)


def _row(name: str, lap: Lap, one: Lap, bare: Lap, stored: list[float]) -> dict[str, Cell]:
    return {
        "": name,
        "stored p50 ms": gauges.percentile(stored, 0.5) if stored else None,
        "stored worst ms": max(stored) if stored else None,
        "deliveries/s": lap.rate,
        "CPU µs each": lap.cpu_each,
        "of one webhook's": ratio(lap.rate, one.rate),
        "of bare aiohttp": ratio(lap.rate, bare.rate),
    }
