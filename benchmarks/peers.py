"""What we are measured against: loops that post the same bytes and store nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import httpx

from benchmarks.laps import Lap, Stopwatch

Post = Callable[[str, bytes, int, int], Awaitable[None]]
BARE, PLAIN = "bare aiohttp, nothing stored", "plain httpx, nothing stored"

# as long as ours, so that the same number of bytes goes out
HEADERS = {
    "content-type": "application/json",
    "webhook-id": "evt_01KB4N8Q5Z7M2",
    "webhook-timestamp": "1763888400",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
}


def run(post: Post, url: str, body: bytes, *, count: int, connections: int) -> Lap:
    """Lets `post` send `body` so many times, on the standard event loop."""
    watch = Stopwatch()
    asyncio.run(post(url, body, count, connections))
    return watch.lap(count)


async def bare_aiohttp(url: str, body: bytes, count: int, connections: int) -> None:
    """As little as aiohttp can do."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def work() -> None:
            async with session.post(url, data=body, headers=HEADERS) as answer:
                await answer.read()

        await spread(work, count, connections)


async def plain_httpx(url: str, body: bytes, count: int, connections: int) -> None:
    """One shared `httpx.AsyncClient`, as its documentation shows it."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:

        async def work() -> None:
            await client.post(url, content=body, headers=HEADERS)

        await spread(work, count, connections)


async def spread(work: Callable[[], Awaitable[object]], count: int, at_a_time: int) -> None:
    """Does `work` exactly `count` times, so many at a time."""
    left = iter(range(count))

    async def repeat() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(repeat() for _ in range(at_a_time)))
