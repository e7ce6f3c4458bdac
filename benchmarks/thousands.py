"""How long the list of webhooks takes in a large installation: its first answer, and each filter, sort and page."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp

from benchmarks import estate, gauges, product
from benchmarks.product import Storage
from benchmarks.report import Cell, Report
from webhook_ui.app import Core
from webhook_ui.history.health_memory import HealthMemory
from webhook_ui.history.overview import Watch
from webhook_ui.history.webhook_pages import Sorting
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter
from webhook_ui.times import utcnow
from webhook_ui.ui.webhooks_look import PER_PAGE, look

ROUNDS = 5
LIMIT = 300  # milliseconds, for whatever is asked of the list
FAILING_FIRST = Sorting(failing_first=True)


def measure(storage: Storage, *, webhooks: int, deliveries: int) -> Report:
    """Looks as the page does, on the server's side, and asks a server for the page itself."""
    with storage.installation(auth="none") as place:
        begun = time.perf_counter()
        with place.core() as core:
            estate.estate(core, webhooks, deliveries)
            seeded = time.perf_counter() - begun
            rows = [_row(core, name, *asked) for name, asked in _questions(webhooks).items()]
            rows.append(_overview(core))
        with place.process("serve", "--port", "0") as server:
            rows.append(asyncio.run(_first_answer(server.wait_for(product.ADDRESS)[1])))
    slow = [str(row[""]) for row in rows[:-2] if isinstance(row["p50 ms"], float) and row["p50 ms"] > LIMIT]
    return Report(
        name=f"List of {webhooks:,} webhooks with {deliveries:,} deliveries, {storage.name}",
        rows=rows,
        notes=[f"seeded in {seeded:.0f} s", *([f"over {LIMIT} ms: {', '.join(slow)}"] if slow else [])],
    )


def _questions(webhooks: int) -> dict[str, tuple[WebhookFilter, Sorting, int]]:
    last, now = -(-webhooks // PER_PAGE), utcnow()
    days = WebhookFilter(created_from=now - timedelta(days=60), created_to=now - timedelta(days=30))
    newest, everything = Sorting(), WebhookFilter()
    return {
        "newest": (everything, newest, 1),
        "page in the middle": (everything, newest, last // 2),
        "last page": (everything, newest, last),
        "by update date": (everything, Sorting(sort=Sort.updated), 1),
        "by id, middle": (everything, Sorting(sort=Sort.id, order=Order.asc), last // 2),
        "failing first": (everything, FAILING_FIRST, 1),
        "failing first, middle": (everything, FAILING_FIRST, last // 2),
        "enabled": (WebhookFilter(enabled=True, paused=False), newest, 1),
        "paused": (WebhookFilter(enabled=True, paused=True), newest, 1),
        "failing": (WebhookFilter(failing=True), newest, 1),
        "last result sent": (WebhookFilter(last="sent"), newest, 1),
        "last result sent, middle": (WebhookFilter(last="sent"), newest, last // 2),
        "last result none": (WebhookFilter(last="none"), newest, 1),
        "trigger": (WebhookFilter(trigger=product.TRIGGER), newest, 1),
        "trigger, middle": (WebhookFilter(trigger=product.TRIGGER), newest, last // 2),
        "search, one found": (WebhookFilter(q=f"customer {webhooks - 1}"), newest, 1),
        "search, all found": (WebhookFilter(q="customer"), FAILING_FIRST, 1),
        "search, none found": (WebhookFilter(q="nobody"), newest, 1),
        "days": (days, newest, 1),
    }


def _row(core: Core, name: str, criteria: WebhookFilter, sorting: Sorting, page: int) -> dict[str, Cell]:
    memory = HealthMemory()  # one a process, empty at its start
    return _told(
        name, lambda: core.database.read_now(look, criteria, sorting, page=page, memory=memory, now=utcnow()).total
    )


def _overview(core: Core) -> dict[str, Cell]:
    watch = Watch()  # one a process: what it has seen it need not read again
    return _told("overview", lambda: core.database.read_now(watch.look, now=utcnow()).waiting)


def _told(name: str, ask: Callable[[], int]) -> dict[str, Cell]:
    waits, found = [], 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        found = ask()
        waits.append((time.perf_counter() - begun) * 1000)
    return {
        "": name,
        "found": found,
        "first ms": waits[0],
        "p50 ms": gauges.percentile(waits[1:], 0.5),
        "most ms": max(waits),
    }


async def _first_answer(address: str) -> dict[str, Cell]:
    waits: list[float] = []
    async with aiohttp.ClientSession(address) as session:
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            async with session.get("/", allow_redirects=False) as answer:
                body: Any = await answer.read()
                if answer.status != 200 or not body:
                    raise RuntimeError(f"/ answered {answer.status}")
            waits.append((time.perf_counter() - begun) * 1000)
    return {
        "": "GET /",
        "found": None,
        "first ms": waits[0],
        "p50 ms": gauges.percentile(waits[1:], 0.5),
        "most ms": max(waits),
    }
