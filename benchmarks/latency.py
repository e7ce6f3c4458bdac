"""From emit to arrival, in one process: idle, and under a steady load."""

import asyncio

from benchmarks import gauges, load, product
from benchmarks.product import Storage
from benchmarks.receiver import Receiver, receiver
from benchmarks.report import Cell, Report, ratio
from webhook_ui import app
from webhook_ui.app import Core
from webhook_ui.host import Emission

WARM_UP = 20
PAUSE = 0.03  # seconds between two events when idle: until the last attempt is recorded


def measure(storage: Storage, *, rate: float, seconds: float, idle: int, size: int) -> Report:
    """`idle` events one at a time, then `rate` a second for so many `seconds`."""
    with receiver(timed=True) as far, storage.installation(**product.FULL_SPEED) as place, place.core() as core:
        product.add_webhooks(core, [far.url])
        emission = Emission(trigger=product.TRIGGER, payload=product.payload(size))
        alone, steady = asyncio.run(_run(core, far, emission, rate=rate, seconds=seconds, idle=idle))
    fsync = storage.fsync()
    return Report(
        name=f"Latency from emit to arrival, {storage.name}, one process",
        rows=[
            _row("one at a time", alone, 2 * fsync + 2),
            _row(f"{rate:g}/s offered", steady, None),
        ],
        notes=[f"one fsync on this disk takes {fsync:.2f} ms; what idle p50 is held against is two of them and 2 ms"],
    )


async def _run(
    core: Core, far: Receiver, emission: Emission, *, rate: float, seconds: float, idle: int
) -> tuple[list[float], list[float]]:
    async with app.running(core, dispatching=True):
        await load.one_at_a_time(core, far, emission, count=min(WARM_UP, idle), pause=PAUSE)
        alone = await load.one_at_a_time(core, far, emission, count=idle, pause=PAUSE)
        return alone, await load.offer(core, far, lambda _: emission, rate=rate, seconds=seconds)


def _row(name: str, waits: list[float], bound: float | None) -> dict[str, Cell]:
    p50 = gauges.percentile(waits, 0.5)
    return {
        "": name,
        "events": len(waits),
        "p50 ms": p50,
        "p99 ms": gauges.percentile(waits, 0.99),
        "2 fsyncs + 2 ms": bound,
        "p50 of that": None if bound is None else ratio(p50, bound),
    }
