"""httpx is the interface, aiohttp the engine: a transport that dials only what the guard lets through.

The guard sits where sockets are made, so that every address is judged: of names and literals, at each new connection.
What an answer or an error means is judged in `outbound`.
"""

import asyncio
import errno
import functools
import io
import select
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from webhook_ui import answers, guard
from webhook_ui.wire import Timings

CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 4.0  # shorter than most receivers', so that they seldom close what is about to be used
CHUNK_BYTES = 16 * 1024
LARGE_BODY_BYTES = 1024 * 1024

# Threads of their own: a name server that hangs must not hold up other work that is done in threads.
_look_ups = ThreadPoolExecutor(max_workers=32, thread_name_prefix="look-up")


@dataclass(slots=True)
class Trip:
    """Notes about one send, made from where the sender cannot see; the moments are those of `perf_counter`."""

    started: float
    is_tls: bool = False
    refusal: str | None = None
    looked_up_from: float | None = None
    looked_up: float | None = None
    dialled_from: float | None = None
    dialled: float | None = None
    connected: float | None = None
    answered: float | None = None

    def timings(self) -> Timings:
        """The steps that were taken, in milliseconds; a connection used again has only the wait."""
        return Timings(
            dns=_milliseconds(self.looked_up_from, self.looked_up),
            connect=_milliseconds(self.dialled_from, self.dialled),
            tls=_milliseconds(self.dialled, self.connected) if self.is_tls else None,
            wait=_milliseconds(self.connected or self.started, self.answered),
        )

    def elapsed(self) -> float:
        """Milliseconds since the start."""
        return round((time.perf_counter() - self.started) * 1000, 3)


trip_of_task: ContextVar[Trip] = ContextVar("trip")


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 3)


async def look_up(host: str, port: int, timeout: float = 1.0) -> list[str]:  # noqa: ASYNC109 - the thread outlives it
    """The addresses of `host`, asked off the loop. Raises OSError when there are none, TimeoutError."""
    loop = asyncio.get_running_loop()
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    async with asyncio.timeout(timeout):
        found = await loop.run_in_executor(_look_ups, ask)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not addresses:
        raise OSError(f"{host} has no address")
    return addresses


class Resolver(AbstractResolver):
    """Asks the system anew for every connection; the guard then judges what it answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await look_up(host, port, timeout=CONNECT_SECONDS)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Timed(AbstractResolver):
    """Notes how long another resolver takes."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        trip = trip_of_task.get()
        trip.looked_up_from = time.perf_counter()
        found = await self._resolver.resolve(host, port, family)
        trip.looked_up = time.perf_counter()
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _Connector(aiohttp.TCPConnector):
    """Judges every address before it is dialled, and never uses a connection again on which something waits.

    It notes the moments itself: aiohttp's tracing says nothing of TLS and costs each request a sixth of its time.
    """

    def __init__(self, policy: guard.Policy, resolver: AbstractResolver, connections: int, tls: ssl.SSLContext | None):
        super().__init__(
            ssl=tls or True,
            resolver=_Timed(resolver),
            use_dns_cache=False,
            limit=connections,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            socket_factory=functools.partial(_open_socket, policy),
        )
        self._factory = functools.partial(_dialled, loop=self._loop)

    async def _get(self, key: Any, traces: Any) -> Any:
        # An answer nobody asked for would be taken for that of the next delivery.
        while (connection := await super()._get(key, traces)) is not None:
            protocol = connection.protocol
            if protocol is not None and not protocol.should_close and not _has_input(protocol.transport):
                return connection
            connection.close()
        return None

    async def _create_connection(self, *request: Any, **options: Any) -> ResponseHandler:
        protocol = await super()._create_connection(*request, **options)
        trip_of_task.get().connected = time.perf_counter()
        return protocol


def _open_socket(policy: guard.Policy, info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    trip = trip_of_task.get()
    if reason := guard.check_address(address[0], policy):
        trip.refusal = reason
        raise PermissionError(errno.EACCES, reason)
    if trip.dialled_from is None:
        trip.dialled_from = time.perf_counter()
    return socket.socket(family, kind, protocol)


def _dialled(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    """Makes the protocol of a new connection: the socket is connected by then, TLS has not begun."""
    trip = trip_of_task.get()
    trip.dialled, trip.refusal = time.perf_counter(), None  # another address of the name was let through
    return ResponseHandler(loop=loop)


def _has_input(transport: asyncio.BaseTransport | None) -> bool:
    """Whether bytes, or the peer's end of the connection, wait where the loop has not seen them yet."""
    if transport is None:
        return True
    number: int = transport.get_extra_info("socket").fileno()
    if not hasattr(select, "poll"):
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes over the wire; closing it early closes its connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self._response.content.read(CHUNK_BYTES):
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._response.close()


class Transport(httpx.AsyncBaseTransport):
    """httpx's interface over an aiohttp session. What it raises is aiohttp's: the types say more than httpx's.

    A request brings its `yarl_url`, `headers` and `body` in `extensions` too, ready for aiohttp.
    """

    def __init__(self, policy: guard.Policy, resolver: AbstractResolver, connections: int, tls: ssl.SSLContext | None):
        self._session = aiohttp.ClientSession(
            connector=_Connector(policy, resolver, connections, tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body: bytes = request.extensions["body"]
        response = await self._session.post(  # only POST: aiohttp repeats idempotent methods by itself
            request.extensions["yarl_url"],
            headers=request.extensions["headers"],
            data=body if len(body) <= LARGE_BODY_BYTES else io.BytesIO(body),
            allow_redirects=False,
        )
        reason = answers.clean(response.reason or "").encode()
        return httpx.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(response),
            extensions={"reason_phrase": reason},
        )

    async def aclose(self) -> None:
        await self._session.close()
