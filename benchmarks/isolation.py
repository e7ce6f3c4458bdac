"""What a few receivers that hang, with a long backlog each, do to all the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from benchmarks import gauges, load, product, seeds
from benchmarks.product import Storage
from benchmarks.receiver import receiver
from benchmarks.report import Cell, Report, ratio
from webhook_ui import app
from webhook_ui.app import Core
from webhook_ui.host import Emission

WARM_UP = 1.0  # seconds in which lanes become known and connections are opened
STOPPING = 1.0  # seconds more than their timeout until attempts that hang have ended

Waits = list[float]


def measure(
    storage: Storage, *, webhooks: int, hanging: int, backlog: int, rate: float, seconds: float, timeout: float
) -> Report:
    """The same load on the others three times: while the hanging ones are paused, while not, and paused again.

    `webhooks` counts them all; seats are as the product has them by default.
    """
    with (
        receiver(timed=True) as far,
        receiver(hang=True) as hole,
        storage.installation(request_timeout=str(timeout)) as place,
        place.core() as core,
    ):
        hung = product.add_webhooks(core, [hole.url] * hanging, tenants=["hung"] * hanging, paused=True)
        free = webhooks - hanging
        product.add_webhooks(core, [far.url] * free, tenants=[_tenant(number) for number in range(free)])
        seeds.backlog(core, backlog * hanging, webhook_ids=hung)

        payload = product.payload(1024)

        def emission(number: int) -> Emission:
            return Emission(trigger=product.TRIGGER, payload=payload, tenant=_tenant(number % free))

        async def offer(seconds: float) -> Waits:
            return await load.offer(core, far, emission, rate=rate, seconds=seconds)

        without, beside = asyncio.run(_run(core, offer, hung, seconds, timeout))
        tried = hole.arrived()
    return Report(
        name=f"Isolation, {storage.name}, one process: {webhooks:,} webhooks, {rate:g} events/s to those that answer",
        rows=[
            _row("no webhook hangs", without, without),
            _row(f"{hanging} hang, {backlog:,} deliveries each", beside, without),
        ],
        notes=[f"timeout {timeout:g} s; {tried:,} attempts hung; the first row is before and after together"],
    )


async def _run(
    core: Core, offer: Callable[[float], Awaitable[Waits]], hung: Sequence[int], seconds: float, longest: float
) -> tuple[Waits, Waits]:
    async with app.running(core, dispatching=True):
        await offer(min(WARM_UP, seconds))
        before = await offer(seconds)
        await asyncio.to_thread(product.change_webhooks, core, hung, paused=False)
        beside = await offer(seconds)
        await asyncio.to_thread(product.change_webhooks, core, hung, paused=True)
        await asyncio.sleep(longest + STOPPING)
        after = await offer(seconds)
    return before + after, beside


def _tenant(number: int) -> str:
    return f"tenant-{number}"  # so that an event goes to one webhook only


def _row(name: str, waits: Waits, without: Waits) -> dict[str, Cell]:
    p99 = gauges.percentile(waits, 0.99)
    return {
        "": name,
        "events": len(waits),
        "p50 ms": gauges.percentile(waits, 0.5),
        "p99 ms": p99,
        "p99 × none hang": ratio(p99, gauges.percentile(without, 0.99)),
    }
