"""What open dashboards cost: the server's CPU at a steady rate, the dispatcher's speed, and memory that is not left."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

import aiohttp

from benchmarks import browsers, gauges, load, product, seeds
from benchmarks.browsers import OpenPage
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
    rounds: int
    opened: int
    patience: float


@dataclass(frozen=True, kw_only=True)
class Steady:
    """What was seen at a steady rate."""

    cpu: float  # share of a core
    p99: float
    messages: float  # a second and page
    others: float  # cores that processes had which do not belong to this


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What was seen at full speed."""

    speed: float  # deliveries a second
    work: float  # microseconds of CPU that a delivery takes then
    far: float  # and its receiver for it: always the same work, so that it tells how quick the machine is just then
    others: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What was seen while so many pages were open; at full speed once in each round."""

    steady: Steady
    full: list[Speed]

    @property
    def speed(self) -> float:
        """As it was most often."""
        return median(each.speed for each in self.full)

    @property
    def work(self) -> float:
        """As it was most often."""
        return median(each.work for each in self.full)

    @property
    def far(self) -> float:
        """As it was most often."""
        return median(each.far for each in self.full)

    @property
    def others(self) -> float:
        """The most that others had."""
        return max(self.steady.others, *(each.others for each in self.full))


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
        counts = (0, plan.dashboards)
        steady = [await _steady(session, place, plan, count) for count in counts]
        # in turns: the speed of a machine that others use as well changes from minute to minute
        speeds = [[await _speed(session, place, plan, count) for count in counts] for _ in range(plan.rounds)]
        none, some = (
            Cost(steady=each, full=list(full)) for each, full in zip(steady, zip(*speeds, strict=True), strict=True)
        )
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


@asynccontextmanager
async def _open(session: aiohttp.ClientSession, place: Place, dashboards: int) -> AsyncIterator[list[OpenPage]]:
    paths = [("/", f"/webhooks/{place.webhook_ids[0]}")[number % 2] for number in range(dashboards)]
    async with browsers.open_pages(session, paths) as pages:
        await asyncio.sleep(SETTLE)
        yield pages


async def _steady(session: aiohttp.ClientSession, place: Place, plan: Plan, dashboards: int) -> Steady:
    async with _open(session, place, dashboards) as pages:
        before = sum(page.messages for page in pages)
        span, cpu = _Span(), gauges.cpu(place.pid)
        emission = Emission(trigger=product.TRIGGER, payload=product.payload(1024))
        waits = await load.offer(
            place.core, place.far, lambda _: emission, rate=plan.rate / len(place.webhook_ids), seconds=plan.seconds
        )
        cpu, messages = gauges.cpu(place.pid) - cpu, sum(page.messages for page in pages) - before
        took, others = span.end()
        return Steady(
            cpu=cpu / took,
            p99=gauges.percentile(waits, 0.99),
            messages=messages / took / len(pages) if pages else 0.0,
            others=others,
        )


async def _speed(session: aiohttp.ClientSession, place: Place, plan: Plan, dashboards: int) -> Speed:
    """While a backlog is worked off."""
    async with _open(session, place, dashboards):
        await _pause(session, place, paused=True)
        await asyncio.to_thread(seeds.backlog, place.core, plan.backlog, webhook_ids=place.webhook_ids)
        base, span = place.far.arrived(), _Span()
        cpu, far = gauges.cpu(place.pid), gauges.cpu_of_family(place.far.pid)
        await _pause(session, place, paused=False)
        await place.far.arrive(base + plan.backlog)
        cpu, far = gauges.cpu(place.pid) - cpu, gauges.cpu_of_family(place.far.pid) - far
        took, others = span.end()
        each = 1e6 / plan.backlog
        return Speed(speed=plan.backlog / took, work=cpu * each, far=far * each, others=others)


class _Span:
    """A span of time, and how much of the machine others had in it."""

    def __init__(self) -> None:
        self._begin, self._busy, self._ours = time.perf_counter(), gauges.busy(), gauges.cpu_of_family(os.getpid())

    def end(self) -> tuple[float, float]:
        """Its seconds, and the cores of others."""
        took = time.perf_counter() - self._begin
        ours = gauges.cpu_of_family(os.getpid()) - self._ours
        return took, max(gauges.busy() - self._busy - ours, 0.0) / took


async def _pause(session: aiohttp.ClientSession, place: Place, *, paused: bool) -> None:
    for webhook_id in place.webhook_ids:
        path = f"/api/v1/webhooks/{webhook_id}"
        async with session.patch(path, json={"paused": paused}, headers=place.headers) as answer:
            answer.raise_for_status()


def _costs(storage: Storage, plan: Plan, none: Cost, some: Cost) -> Report:
    def row(name: str, cost: Cost) -> dict[str, str | float | None]:
        return {
            "": name,
            f"CPU at {plan.rate:,.0f}/s, % of a core": cost.steady.cpu * 100,
            "p99 ms": cost.steady.p99,
            "deliveries/s at full speed": cost.speed,
            "CPU µs of each": cost.work,
            "its receiver's": cost.far,
            "messages/s a page": cost.steady.messages,
            "cores of others": cost.others,
        }

    paces = [f"{ratio(one.far, other.far):.2f}" for one, other in zip(some.full, none.full, strict=True)]
    shares = [f"{ratio(one.speed, other.speed):.2f}" for one, other in zip(some.full, none.full, strict=True)]
    return Report(
        name=f"Open dashboards, {storage.name}",
        rows=[row("none", none), row(f"{plan.dashboards} open", some)],
        notes=[
            f"they cost {(some.steady.cpu - none.steady.cpu) * 100:.0f} % of a core (20 at the most), and full speed "
            f"is {ratio(some.speed, none.speed):.2f} of that without (0.9 at the least); who opens them shares the "
            f"cores, the server alone needs {ratio(some.work, none.work):.2f} times the CPU for a delivery",
            f"full speed is the median of rounds in turns, with by without: {', '.join(shares)}; that means little "
            "where others had more than a fifth of a core, or where the machine was slower in one than in the other: "
            f"its receiver, whose work is the same, took {', '.join(paces)} times the CPU",
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
