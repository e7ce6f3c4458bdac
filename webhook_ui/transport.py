"""httpx is the interface, aiohttp the engine: a transport that puts a request on a connection of `dialling`.

aiohttp brings the connections and reads the answers; its session is left out, because it costs more than all else.
What an answer or an error means is judged in `outbound`.
"""

import functools
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from webhook_ui import answers, guard
from webhook_ui.dialling import KNOWN_TARGETS, Connector, Proxy, Resolver, look_up

__all__ = ["Resolver", "Transport", "look_up"]

CHUNK_BYTES = 16 * 1024
INTERIM_ANSWERS = 100
_CONTROLS = bytes(number for number in (*range(32), 127) if number != ord("\t"))


class TooManyInterimAnswers(aiohttp.ClientError):
    """The receiver says 1xx again and again instead of answering."""


RawHeaders = list[tuple[bytes, bytes]]


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes over the wire; closing it early breaks its connection off."""

    def __init__(self, connection: Connection, content: StreamReader) -> None:
        self._connection, self._content = connection, content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._content.read(CHUNK_BYTES):
            yield chunk

    async def aclose(self) -> None:
        _break_off(self._connection)


class Post(httpx.Request):
    """A POST whose headers are parsed only if somebody asks for them: as a rule they go out as the bytes they are."""

    def __init__(self, url: httpx.URL, text: str, headers: RawHeaders, body: bytes) -> None:
        self.method, self.url, self.raw_headers, self.stream = "POST", url, headers, httpx.ByteStream(body)
        self.extensions = {"url": text}

    @functools.cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override]  # an attribute of the base class
        return httpx.Headers(self.raw_headers)


class Answered(httpx.Response):
    """An answer to a `Post`: only its status, its raw headers and its stream are to be used."""

    def __init__(self, message: RawResponseMessage, stream: httpx.AsyncByteStream) -> None:
        self.status_code, self.stream, self.raw_headers = message.code, stream, message.raw_headers
        self.extensions = {"reason_phrase": answers.clean(message.reason).encode()}


class Transport(httpx.AsyncBaseTransport):
    """httpx's interface over aiohttp's connections. What it raises is aiohttp's: the types say more than httpx's.

    It sends POST requests and adds Host and Content-Length itself. `extensions["url"]` may hold the URL as text, so
    that it need not be written out for each request.
    """

    def __init__(
        self,
        policy: guard.Policy,
        resolver: AbstractResolver,
        connections: int,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        connector = self._connector = Connector(policy, resolver, connections, tls=tls, proxy=proxy)
        self._route = functools.lru_cache(KNOWN_TARGETS)(lambda url: connector.route(guard.check_url(url, policy)))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        route = self._route(request.extensions.get("url") or str(request.url))
        content = _content(request)
        connection = await self._connector.open(route)
        try:
            message, body = await _ask(connection, route.start + _serialize(request, len(content)) + content)
        except BaseException:
            _break_off(connection)
            raise
        stream = _stream(connection, body)
        if isinstance(request, Post):
            return Answered(message, stream)
        reason = answers.clean(message.reason).encode()
        return httpx.Response(
            message.code, headers=list(message.raw_headers), stream=stream, extensions={"reason_phrase": reason}
        )

    async def aclose(self) -> None:
        await self._connector.close()


def _content(request: httpx.Request) -> bytes:
    if not isinstance(request.stream, httpx.ByteStream):
        raise TypeError("only a body that is in memory can be sent")
    return b"".join(request.stream)


def _serialize(request: httpx.Request, length: int) -> bytes:
    pairs = request.raw_headers if isinstance(request, Post) else request.headers.raw
    lines = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
    if len(lines.translate(None, _CONTROLS)) != len(lines) - 2 * len(pairs):
        raise ValueError("a header contains a control character")
    return b"%bContent-Length: %d\r\n\r\n" % (lines, length)


async def _ask(connection: Connection, data: bytes) -> tuple[RawResponseMessage, StreamReader]:
    """Sends `data` and returns the head of the answer with the body that follows.

    It is written in one piece, and read at the same time: a receiver may answer before it has got everything.
    """
    protocol = connection.protocol
    if protocol is None or protocol.transport is None:
        raise aiohttp.ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True, auto_decompress=False)
    protocol.transport.write(data)
    for _ in range(INTERIM_ANSWERS):
        message, body = await protocol.read()
        if message.code >= 200 or message.code == 101 or message.code < 100:
            return message, body
    raise TooManyInterimAnswers


def _stream(connection: Connection, body: StreamReader) -> httpx.AsyncByteStream:
    if body.is_eof():
        _release(connection)
        return httpx.ByteStream(body.read_nowait())
    body.on_eof(functools.partial(_release, connection))
    return _Body(connection, body)


def _release(connection: Connection) -> None:
    """Gives a connection back for the next request, unless the receiver has answered before it had read this one."""
    protocol = connection.protocol
    if protocol is not None and protocol.transport is not None and protocol.transport.get_write_buffer_size():
        _break_off(connection)
    else:
        connection.release()


def _break_off(connection: Connection) -> None:
    """Ends a connection at once: what has not been written is not kept for a receiver that does not read."""
    protocol: Any = connection.protocol
    if protocol is not None:
        protocol.abort()
        connection.close()
