"""Connections: names are looked up, addresses judged, sockets dialled; by way of the operator's proxy if there is one.

The guard sits where sockets are made, so that no address goes round it: of names and literals, at each new connection.
With a proxy it is the proxy that dials, so all addresses of a target are judged before the proxy is asked. What goes
over a connection is `transport`'s.
"""

import asyncio
import errno
import functools
import select
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from webhook_ui import guard
from webhook_ui.wire import Timings

CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 4.0  # shorter than most receivers', so that they seldom close what is about to be used
KNOWN_TARGETS = 4096
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)

# Threads of their own: a name server that hangs must not hold up other work that is done in threads.
_look_ups = ThreadPoolExecutor(max_workers=32, thread_name_prefix="look-up")


@dataclass(slots=True)
class Trip:
    """Notes about one send, made from where the sender cannot see; the moments are those of `perf_counter`.

    `proxy` is the place of the proxy once it has been asked, `tunnelled` whether it has put a tunnel through.
    """

    started: float
    is_tls: bool = False
    refusal: str | None = None
    proxy: str | None = None
    tunnelled: bool = False
    looked_up_from: float | None = None
    looked_up: float | None = None
    dialled_from: float | None = None
    dialled: float | None = None
    connected: float | None = None
    answered: float | None = None
    certificate_until: float | msgspec.UnsetType = msgspec.UNSET

    def timings(self) -> Timings:
        """The steps that were taken, in milliseconds; a connection used again has only the wait."""
        if self.connected is None and self.looked_up_from is None and self.dialled_from is None:
            return Timings(wait=_milliseconds(self.started, self.answered))
        return Timings(
            dns=_milliseconds(self.looked_up_from, self.looked_up),
            connect=_milliseconds(self.dialled_from, self.dialled),
            tls=_milliseconds(self.dialled, self.connected) if self.is_tls else None,
            wait=_milliseconds(self.connected or self.started, self.answered),
            certificate_until=self.certificate_until,
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


@dataclass(frozen=True, slots=True)
class Proxy:
    """The operator's proxy: an http URL. `place` is how it is shown, without the credentials."""

    url: yarl.URL
    place: str
    authorization: str | None

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """The proxy that `url` names, with a user and a password if there are some."""
        parsed = yarl.URL(url)
        credentials = None
        if parsed.user is not None:
            credentials = aiohttp.encode_basic_auth(parsed.user, parsed.password or "")
        return cls(parsed.with_user(None), f"{parsed.host_subcomponent}:{parsed.port}", credentials)


class _Request(aiohttp.ClientRequest):
    """What aiohttp wants to know of a request to connect for it; used for all requests to one target."""

    @functools.cached_property
    def connection_key(self) -> Any:
        return super().connection_key


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a target, made once: what to connect for, and how each request along it begins."""

    target: guard.Target
    request: aiohttp.ClientRequest
    start: bytes


class Line(ResponseHandler):
    """aiohttp's end of a connection, that knows whether something waits there which nobody asked for."""

    poll: Any = None

    def is_quiet(self) -> bool:
        """Whether this idle connection can be used again: no bytes, and not the peer's end of it, wait anywhere."""
        if self.should_close or self.transport is None:
            return False
        if self.poll is None:
            number: int = self.transport.get_extra_info("socket").fileno()
            if not hasattr(select, "poll"):
                return not select.select([number], [], [], 0)[0]
            self.poll = select.poll()
            self.poll.register(number, select.POLLIN)
        return not self.poll.poll(0)


class Connector(aiohttp.TCPConnector):
    """Judges every address before it is dialled, and never uses a connection again on which something waits.

    It notes the moments itself: aiohttp's tracing says nothing of TLS and costs each request a sixth of its time.

    With a proxy, a target is judged before each request by all its addresses, and the proxy is not judged: it is the
    operator's. For https the proxy is then asked for the very address that was judged, while TLS goes on checking the
    name. For http it has to be given the name, or the receiver would see an address in Host. So there a gap is left: a
    proxy that resolves names otherwise, or a moment later, can be led to an inner address; give it rules of its own.
    """

    def __init__(
        self,
        policy: guard.Policy,
        resolver: AbstractResolver,
        connections: int,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._policy, self._proxy, self._names = policy, proxy, _Timed(resolver)
        super().__init__(
            ssl=tls or True,
            resolver=self._names if proxy is None else resolver,
            use_dns_cache=False,
            limit=connections,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            socket_factory=functools.partial(_open_socket, None if proxy else policy),
        )
        self._factory: Any = functools.partial(_dialled, loop=self._loop)
        self._tunnel = functools.lru_cache(KNOWN_TARGETS)(self._make_tunnel)

    def route(self, target: guard.Target) -> Route:
        """The way to `target`, to be kept for the next request to it."""
        url = yarl.URL(target.url, encoded=True)
        start = f"POST {target.resource} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
        if self._proxy is not None and target.scheme == "http":
            start = f"POST {target.url} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
            if self._proxy.authorization:
                start += f"Proxy-Authorization: {self._proxy.authorization}\r\n"
        return Route(target, self._request(url), start.encode())

    async def open(self, route: Route) -> Connection:
        """A connection for one request along `route`, used before or new."""
        if self._proxy is None:
            return await self.connect(route.request, [], _TIMEOUT)
        addresses = await self._judge(route)
        trip_of_task.get().proxy = self._proxy.place
        if route.target.scheme == "http":
            return await self.connect(route.request, [], _TIMEOUT)
        return await self._open_tunnel(route.target, addresses)

    async def _judge(self, route: Route) -> Sequence[str]:
        """The addresses of the target, each of them open; IPv4 first, and always in the same order."""
        target = route.target
        found = {str(target.address)} if target.address is not None else await self._addresses(route)
        addresses = sorted(found, key=lambda address: (":" in address, address))
        for address in addresses:
            if reason := guard.check_address(address, self._policy):
                trip_of_task.get().refusal = reason
                raise PermissionError(errno.EACCES, reason)
        return addresses

    async def _addresses(self, route: Route) -> set[str]:
        try:
            found = await self._names.resolve(route.target.host, route.target.port)
        except TimeoutError:
            raise
        except OSError as error:
            raise aiohttp.ClientConnectorDNSError(route.request.connection_key, error) from error
        return {str(one["host"]) for one in found}

    async def _open_tunnel(self, target: guard.Target, addresses: Sequence[str]) -> Connection:
        """A tunnel to the first address to which the proxy puts one through."""
        for address in addresses[:-1]:
            try:
                return await self.connect(self._tunnel(target.host, target.port, address), [], _TIMEOUT)
            except aiohttp.ClientHttpProxyError as error:
                if error.status < 500:
                    raise
        return await self.connect(self._tunnel(target.host, target.port, addresses[-1]), [], _TIMEOUT)

    def _make_tunnel(self, host: str, port: int, address: str) -> aiohttp.ClientRequest:
        url = yarl.URL.build(scheme="https", host=address, port=port)
        return self._request(url, server_hostname=host)

    def _request(self, url: yarl.URL, server_hostname: str | None = None) -> aiohttp.ClientRequest:
        if self._proxy is None:
            return _Request("POST", url, loop=self._loop)
        authorization = self._proxy.authorization
        return _Request(
            "POST",
            url,
            loop=self._loop,
            server_hostname=server_hostname,
            proxy=self._proxy.url,
            proxy_headers={"Proxy-Authorization": authorization} if authorization else None,
        )

    async def _get(self, key: Any, traces: Any) -> Any:
        # An answer nobody asked for would be taken for that of the next delivery.
        while (connection := await super()._get(key, traces)) is not None:
            protocol = connection.protocol
            if isinstance(protocol, Line) and protocol.is_quiet():
                return connection
            connection.close()
        return None

    async def _create_connection(self, *request: Any, **options: Any) -> ResponseHandler:
        protocol = await super()._create_connection(*request, **options)
        trip = trip_of_task.get()
        trip.connected = time.perf_counter()
        if trip.is_tls:
            trip.certificate_until = _read_end(protocol)
        return protocol

    async def _start_tls_connection(self, *request: Any, **options: Any) -> Any:
        trip_of_task.get().tunnelled = True
        return await super()._start_tls_connection(*request, **options)


def _read_end(protocol: ResponseHandler) -> float | msgspec.UnsetType:
    """Until when the certificate of a new connection is valid."""
    shown = protocol.transport.get_extra_info("peercert") if protocol.transport else None
    try:
        return float(ssl.cert_time_to_seconds(shown["notAfter"])) if shown else msgspec.UNSET
    except (KeyError, ValueError):
        return msgspec.UNSET


def _open_socket(policy: guard.Policy | None, info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    trip = trip_of_task.get()
    if policy is not None and (reason := guard.check_address(address[0], policy)):
        trip.refusal = reason
        raise PermissionError(errno.EACCES, reason)
    if trip.dialled_from is None:
        trip.dialled_from = time.perf_counter()
    return socket.socket(family, kind, protocol)


def _dialled(loop: asyncio.AbstractEventLoop) -> Line:
    """Makes the protocol of a new connection: the socket is connected by then, TLS has not begun."""
    trip = trip_of_task.get()
    trip.dialled, trip.refusal = time.perf_counter(), None  # another address of the name was let through
    return Line(loop=loop)
