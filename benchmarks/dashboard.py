"""How long the dashboard and the REST API take to answer: while deliveries go out at full speed, and of very many."""

import asyncio
import time
from collections.abc import Mapping

import aiohttp

from benchmarks import gauges, product, seeds
from benchmarks.product import Storage
from benchmarks.receiver import Receiver, receiver
from benchmarks.report import Cell, Report, ratio

PATHS = {"GET /": "/", "GET /api/v1/deliveries": "/api/v1/deliveries?limit=50"}
PAUSE = 0.05  # seconds between one answer and the next request for the same

Waits = dict[str, list[float]]


def measure(storage: Storage, *, seconds: float, backlog: int) -> Report:
    """A server as `webhook-ui serve` starts it, asked from outside before and while it works off a backlog."""
    with receiver() as far, storage.installation(**product.FULL_SPEED, auth="none") as place:
        with place.core() as core:
            webhook_ids = product.add_webhooks(core, [far.url], paused=True)
            headers = product.make_token(core)
            seeds.backlog(core, backlog, webhook_ids=webhook_ids)
        with place.process("serve", "--port", "0") as server:
            address = server.wait_for(product.ADDRESS)[1]
            idle, busy, rate = asyncio.run(_run(address, headers, far, webhook_ids[0], seconds))
        left = backlog - far.arrived()
    return Report(
        name=f"Dashboard, {storage.name}, {rate:,.0f} deliveries/s meanwhile",
        rows=[_row(name, idle[name], busy[name]) for name in PATHS],
        notes=[] if left > 0 else ["the backlog ended before the measurement: give more --backlog"],
    )


async def _run(
    address: str, headers: Mapping[str, str], far: Receiver, webhook_id: int, seconds: float
) -> tuple[Waits, Waits, float]:
    async with aiohttp.ClientSession(address, headers=headers) as session:
        await _ask_all(session, 1.0)  # what is made at the first request only
        idle = await _ask_all(session, seconds)
        async with session.patch(f"/api/v1/webhooks/{webhook_id}", json={"paused": False}) as answer:
            answer.raise_for_status()
        before, begin = await far.arrive(1), time.perf_counter()
        busy = await _ask_all(session, seconds)
        return idle, busy, (far.arrived() - before) / (time.perf_counter() - begin)


async def _ask_all(session: aiohttp.ClientSession, seconds: float) -> Waits:
    found = await asyncio.gather(*(_ask(session, path, seconds) for path in PATHS.values()))
    return dict(zip(PATHS, found, strict=True))


async def _ask(session: aiohttp.ClientSession, path: str, seconds: float) -> list[float]:
    waits, end = [], time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        async with session.get(path, allow_redirects=False) as answer:
            await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}")
        waits.append((time.perf_counter() - begin) * 1000)
        await asyncio.sleep(PAUSE)
    return waits


def _row(name: str, idle: list[float], busy: list[float]) -> dict[str, Cell]:
    p99 = gauges.percentile(busy, 0.99)
    return {
        "": name,
        "requests": len(busy),
        "idle p50 ms": gauges.percentile(idle, 0.5),
        "idle p99 ms": gauges.percentile(idle, 0.99),
        "busy p50 ms": gauges.percentile(busy, 0.5),
        "busy p99 ms": p99,
        "p99 × idle": ratio(p99, gauges.percentile(idle, 0.99)),
    }
