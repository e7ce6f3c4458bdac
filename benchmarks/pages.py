"""What open dashboards cost: the server's CPU at a steady rate, the dispatcher's speed, and memory that is not left."""

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from benchmarks import browsers, gauges, load, product, seeds
from benchmarks.product import Storage
from benchmarks.receiver import Receiver, receiver
from benchmarks.report import Report, ratio
from webhook_ui.app import Core
from webhook_ui.host import Emission

SETTLE = 1.0  # seconds after pages were opened, until their first work is done


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    dashboards: int
    rate: float
    seconds: float
    backlog: int
    opened: int
    patience: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What was seen while so many pages were open."""

    cpu: float  # share of a core
    p99: float
    speed: float
    work: float  # microseconds of CPU that a delivery takes then
    messages: float  # a second and page


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is measured."""

    core: Core
    pid: int
    address: str
    headers: dict[str, str]
    webhook_ids: list[int]
    far: Receiver


def measure(storage: Storage, plan: Plan) -> list[Report]:
    """A server as `webhook-ui serve` starts it, with none and with `plan.dashboards` pages open."""
    with (
        receiver(timed=True) as far,
        storage.installation(**product.FULL_SPEED, auth="none") as folder,
        folder.core() as core,
        folder.process("serve", "--port", "0") as server,
    ):
        webhook_ids = product.add_webhooks(core, [far.url] * 4)
        address = server.wait_for(product.ADDRESS)[1]
        headers = product.make_token(core)
        place = Place(core=core, pid=server.pid, address=address, headers=headers, webhook_ids=webhook_ids, far=far)
        none, some, memory = asyncio.run(_run(place, plan))
    costs = _costs(storage, plan, none, some)
    return [costs, _memory(storage, plan, memory)] if plan.opened else [costs]


async def _run(place: Place, plan: Plan) -> tuple[Cost, Cost, list[float]]:
    async with aiohttp.ClientSession(place.address, connector=aiohttp.TCPConnector(limit=0)) as session:
        await _warm_up(session)
        none = await _cost(session, place, plan, 0)
        some = await _cost(session, place, plan, plan.dashboards)
        memory = [gauges.resident(place.pid)]
        for _ in range(2 if plan.opened else 0):
            await browsers.open_and_close(session, "/", plan.opened)
            await asyncio.sleep(plan.patience)  # a tab that was closed is kept for a while
            memory.append(gauges.resident(place.pid))
        return none, some, memory


async def _warm_up(session: aiohttp.ClientSession) -> None:
    """What is made at the first request only; on a busy machine that takes longer than a page may."""
    for _ in range(10):
        async with session.get("/") as answer:
            if answer.status == 200:
                return


async def _cost(session: aiohttp.ClientSession, place: Place, plan: Plan, dashboards: int) -> Cost:
    paths = [("/", f"/webhooks/{place.webhook_ids[0]}")[number % 2] for number in range(dashboards)]
    async with browsers.open_pages(session, paths) as pages:
        await asyncio.sleep(SETTLE)
        before = sum(page.messages for page in pages)
        cpu, begin = gauges.cpu(place.pid), time.perf_counter()
        emission = Emission(trigger=product.TRIGGER, payload=product.payload(1024))
        waits = await load.offer(
            place.core, place.far, lambda _: emission, rate=plan.rate / len(place.webhook_ids), seconds=plan.seconds
        )
        took = time.perf_counter() - begin
        cpu = gauges.cpu(place.pid) - cpu
        messages = sum(page.messages for page in pages) - before
        speed, work = await _speed(session, place, plan)
        return Cost(
            cpu=cpu / took,
            p99=gauges.percentile(waits, 0.99),
            speed=speed,
            work=work,
            messages=messages / took / len(pages) if pages else 0.0,
        )


async def _speed(session: aiohttp.ClientSession, place: Place, plan: Plan) -> tuple[float, float]:
    """Deliveries a second while a backlog is worked off, and the server's CPU for each in microseconds."""
    await _pause(session, place, paused=True)
    await asyncio.to_thread(seeds.backlog, place.core, plan.backlog, webhook_ids=place.webhook_ids)
    base, cpu, begin = place.far.arrived(), gauges.cpu(place.pid), time.perf_counter()
    await _pause(session, place, paused=False)
    await place.far.arrive(base + plan.backlog)
    took, cpu = time.perf_counter() - begin, gauges.cpu(place.pid) - cpu
    return plan.backlog / took, cpu * 1e6 / plan.backlog


async def _pause(session: aiohttp.ClientSession, place: Place, *, paused: bool) -> None:
    for webhook_id in place.webhook_ids:
        path = f"/api/v1/webhooks/{webhook_id}"
        async with session.patch(path, json={"paused": paused}, headers=place.headers) as answer:
            answer.raise_for_status()


def _costs(storage: Storage, plan: Plan, none: Cost, some: Cost) -> Report:
    def row(name: str, cost: Cost) -> dict[str, str | float | None]:
        return {
            "": name,
            f"CPU at {plan.rate:,.0f}/s, % of a core": cost.cpu * 100,
            "p99 ms": cost.p99,
            "deliveries/s at full speed": cost.speed,
            "CPU µs of each": cost.work,
            "messages/s a page": cost.messages,
        }

    return Report(
        name=f"Open dashboards, {storage.name}",
        rows=[row("none", none), row(f"{plan.dashboards} open", some)],
        notes=[
            f"they cost {(some.cpu - none.cpu) * 100:.0f} % of a core (20 at the most), and full speed is "
            f"{ratio(some.speed, none.speed):.2f} of that without (0.9 at the least); who opens them shares the cores, "
            f"the server alone needs {ratio(some.work, none.work):.2f} times the CPU for a delivery",
        ],
    )


def _memory(storage: Storage, plan: Plan, memory: list[float]) -> Report:
    names = ("before", f"after {plan.opened:,} opened and closed", f"after {plan.opened:,} more")
    grown = (memory[2] - memory[1]) * 1024 / plan.opened
    return Report(
        name=f"Memory of the server, {storage.name}",
        rows=[{"": name, "MB": value} for name, value in zip(names, memory, strict=True)],
        notes=[f"the second time each page left {grown:.1f} KB; what is free for the next page is not given back"],
    )
