"""`python -m benchmarks throughput` and `latency`."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

import aiohttp
import httpx
import typer

from benchmarks.receiver import Receiver, receiver
from webhook_ui import app as product
from webhook_ui import ids, settings, webhooks
from webhook_ui.actors import CLI
from webhook_ui.app import Core
from webhook_ui.host import Emission
from webhook_ui.times import utcnow

CONNECTIONS = 64
PLUGINS = Path(__file__).parent.parent / "plugins"

app = typer.Typer(no_args_is_help=True, add_completion=False)
Url = Annotated[str | None, typer.Option("--database-url", help="PostgreSQL instead of SQLite.")]


@app.command()
def throughput(count: int = 5000, size: int = 1024, database_url: Url = None) -> None:
    """Deliveries a second, durable, signed and logged, against loops that only post the same bytes."""
    payload = json.dumps({"id": 7, "name": "x" * (size - 100)}).encode()
    with receiver() as far, _core(far, database_url) as core:
        ours = asyncio.run(_deliver(core, far, payload, count))
        bare = asyncio.run(_loop(_aiohttp, far, payload, count))
        plain = asyncio.run(_loop(_httpx, far, payload, max(count // 5, 500)))
    print(f"{'':34}{'a second':>10}{'against bare aiohttp':>22}")
    for name, rate in (
        ("webhook-ui", ours),
        ("bare aiohttp, nothing stored", bare),
        ("httpx.AsyncClient, nothing stored", plain),
    ):
        print(f"{name:34}{rate:10.0f}{rate / bare:22.2f}")


@app.command()
def latency(count: int = 200, database_url: Url = None) -> None:
    """Milliseconds from emit to arrival, one event at a time, against this disk's fsync."""
    with receiver(timed=True) as far, _core(far, database_url) as core:
        waits = sorted(asyncio.run(_trickle(core, far, count)))
    flush = _fsync()
    print(f"emit to arrival, idle: p50 {_at(waits, 0.5):.1f} ms, p99 {_at(waits, 0.99):.1f} ms ({count} events)")
    print(f"one fsync: p50 {flush:.2f} ms; p50 is {_at(waits, 0.5) / flush:.1f} fsyncs")


@contextmanager
def _core(far: Receiver, database_url: str | None) -> Iterator[Core]:
    with tempfile.TemporaryDirectory() as folder:
        core = product.build(
            settings.load(
                data_dir=Path(folder),
                plugins_dir=PLUGINS,
                database_url=database_url,
                allowed_networks=(ip_network("127.0.0.0/8"),),
                concurrency=CONNECTIONS,
                concurrency_per_webhook=CONNECTIONS,
            )
        )
        values = {"title": "benchmark", "url": far.url, "triggers": ["user.created"]}
        core.database.write_now(webhooks.add, values, rules=core.rules, actor=CLI, now=utcnow())
        try:
            yield core
        finally:
            core.database.close()


async def _deliver(core: Core, far: Receiver, payload: bytes, count: int) -> float:
    import logging

    logging.getLogger().setLevel(logging.WARNING)
    emission = Emission(trigger="user.created", payload=payload)
    for start in range(0, count, 1000):
        await core.host.emit_many([emission] * min(1000, count - start), actor=CLI)
    begin = time.perf_counter()
    async with product.running(core, dispatching=True):
        await asyncio.to_thread(far.wait_for, count)
        return count / (time.perf_counter() - begin)


async def _trickle(core: Core, far: Receiver, count: int) -> list[float]:
    waits = []
    async with product.running(core, dispatching=True):
        for _ in range(count):
            begin = time.monotonic()
            emitted = await core.host.emit(Emission(trigger="user.created", payload=b'{"id":7,"name":"x"}'), actor=CLI)
            name, arrived = await asyncio.to_thread(far.arrivals.recv)
            assert name == ids.event_text(emitted.event_id).upper()
            waits.append((arrived - begin) * 1000)
            await asyncio.sleep(0.05)  # until the last attempt is recorded: idle is what is asked for
    return waits


async def _loop(post: Callable[..., Awaitable[None]], far: Receiver, body: bytes, count: int) -> float:
    begin = time.perf_counter()
    await post(far.url, body, count)
    return count / (time.perf_counter() - begin)


async def _aiohttp(url: str, body: bytes, count: int) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def work(share: int) -> None:
            for _ in range(share):
                async with session.post(url, data=body) as answer:
                    await answer.read()

        await asyncio.gather(*(work(count // CONNECTIONS) for _ in range(CONNECTIONS)))


async def _httpx(url: str, body: bytes, count: int) -> None:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:

        async def work(share: int) -> None:
            for _ in range(share):
                await client.post(url, content=body)

        await asyncio.gather(*(work(count // CONNECTIONS) for _ in range(CONNECTIONS)))


def _fsync() -> float:
    import os

    with tempfile.NamedTemporaryFile() as file:
        times = []
        for _ in range(100):
            begin = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


if __name__ == "__main__":
    app()
