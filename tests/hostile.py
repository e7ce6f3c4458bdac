"""A receiver on loopback that speaks raw bytes, so that it can misbehave in every way; the path says in which."""

import asyncio
import functools
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Flood: y\r\n"),
    "header": (b"HTTP/1.1 200 OK\r\nX-Flood: ", b"y"),
    "name": (b"HTTP/1.1 200 OK\r\n", b"y"),
    "reason": (b"HTTP/1.1 200 ", b"y"),
    "lines": (b"", b"\r\n"),
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\nX-More: yes\r\n\r\n"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "extension": (CHUNKED + b"5;x=", b"y"),
    "size": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"0\r\n", b"X-Flood: y\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "answers": (b"", b"HTTP/1.1 204 No Content\r\n\r\n"),
}


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came; `connection` counts from 1."""

    method: str
    path: str
    headers: dict[str, str]
    names: list[str]
    body: bytes
    connection: int


class Line:
    """The receiver's end of one connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def say(self, data: bytes, *, pause: float = 0.0) -> None:
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(pause)

    def hang_up(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Breaks off with RST instead of FIN, whatever is still on its way."""
        socket_ = self._writer.get_extra_info("socket")
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Line, str], Awaitable[None]]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(function: Behaviour) -> Behaviour:
    BEHAVIOURS[function.__name__] = function
    return function


@behaviour
async def ok(line: Line, argument: str) -> None:
    await line.say(OK)


@behaviour
async def status(line: Line, argument: str) -> None:
    """`/status/503` or `/status/429/Retry-After: 60`."""
    code, _, header = argument.partition("/")
    extra = f"{header}\r\n" if header else ""
    await line.say(f"HTTP/1.1 {code} \r\n{extra}Content-Length: 0\r\n\r\n".encode())


@behaviour
async def redirect(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 301 Moved Permanently\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")


@behaviour
async def silent(line: Line, argument: str) -> None:
    await asyncio.Event().wait()


@behaviour
async def slow_head(line: Line, argument: str) -> None:
    for number in OK:
        await line.say(bytes([number]), pause=0.05)


@behaviour
async def slow_body(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await line.say(b"x", pause=0.05)


@behaviour
async def endless(line: Line, argument: str) -> None:
    """`/endless/500`: a body without an end."""
    await line.say(f"HTTP/1.1 {argument} X\r\nContent-Length: 999999999999\r\n\r\n".encode())
    while True:
        await line.say(b"x" * 65536)


@functools.cache
def bomb_bytes() -> bytes:
    """30 MB of nothing, compressed to a thousandth."""
    return gzip.compress(bytes(30_000_000))


@behaviour
async def bomb(line: Line, argument: str) -> None:
    data = bomb_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    await line.say(head.encode() + data)


@behaviour
async def late_second(line: Line, argument: str) -> None:
    """Answers once as asked and once more unasked, for the next delivery to fall for."""
    await line.say(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", pause=0.05)
    await line.say(OK)


@behaviour
async def garbage(line: Line, argument: str) -> None:
    await line.say(b"\x16\x03\x01 hello, I am no web server\r\n\r\n")


@behaviour
async def flood(line: Line, argument: str) -> None:
    """Interim answers without an end."""
    while True:
        await line.say(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20, pause=0.01)


@behaviour
async def bad_chunk(line: Line, argument: str) -> None:
    await line.say(CHUNKED, pause=0.05)
    await line.say(b"zz\r\nnonsense\r\n")
    await asyncio.Event().wait()


@behaviour
async def cut_body(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf", pause=0.05)
    line.hang_up()


@behaviour
async def hang_up(line: Line, argument: str) -> None:
    line.hang_up()


@behaviour
async def reset(line: Line, argument: str) -> None:
    line.reset()


@behaviour
async def reset_in_head(line: Line, argument: str) -> None:
    """Breaks off after the status line."""
    await line.say(b"HTTP/1.1 200 OK\r\nContent-", pause=0.05)
    line.reset()


@behaviour
async def reset_in_body(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf", pause=0.05)
    line.reset()


@behaviour
async def hang_up_in_head(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 200 OK\r\nContent-", pause=0.05)
    line.hang_up()


@behaviour
async def raw(line: Line, argument: str) -> None:
    """`/raw/HTTP%2F1.1%20200...`: these bytes, then the end."""
    await line.say(unquote_to_bytes(argument), pause=0.02)
    line.hang_up()


@behaviour
async def more(line: Line, argument: str) -> None:
    """`/more/header`: the start of an answer, and then the same again and again, as fast as it is read."""
    start, again = ENDLESS[argument]
    await line.say(start)
    while True:
        await line.say(again * (65536 // len(again)))


@behaviour
async def ok_then_hang_up(line: Line, argument: str) -> None:
    await line.say(OK)
    line.hang_up()


@behaviour
async def odd_texts(line: Line, argument: str) -> None:
    body = b"a\x00b\xed\xa0\x80\xff"
    head = b"HTTP/1.1 500 Oh\xff\xfe no\r\nX-Odd: \xff\xed\xb3\xbf\r\nContent-Length: %d\r\n\r\n" % len(body)
    await line.say(head + body)


@behaviour
async def cookies(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n")


@behaviour
async def many_headers(line: Line, argument: str) -> None:
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(500))
    await line.say(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")


@behaviour
async def long_header(line: Line, argument: str) -> None:
    await line.say(b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n")


@behaviour
async def long_body(line: Line, argument: str) -> None:
    """`/long_body/50000`: an honest body of that many bytes."""
    await line.say(f"HTTP/1.1 200 OK\r\nContent-Length: {argument}\r\n\r\n".encode() + b"y" * int(argument))


@dataclass(kw_only=True)
class Receiver:
    """What arrived, and where to send."""

    host: str
    port: int = 0
    scheme: str = "http"
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    words: bytes = b""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, host: str = "") -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number, line = self.connections, Line(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                lines = [text.partition(": ") for text in head[1:] if text]
                headers = {name.lower(): value for name, _, value in lines}
                names = [name.lower() for name, _, _ in lines]
                if path == "/deaf":
                    await asyncio.Event().wait()
                if path == "/early":
                    await line.say(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
                    await asyncio.Event().wait()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append(
                    Received(method=method, path=path, headers=headers, names=names, body=body, connection=number)
                )
                self.arrived.set()
                if path == "/words":
                    await line.say(self.words)
                    continue
                name, _, argument = path.strip("/").partition("?")[0].partition("/")
                await BEHAVIOURS[name](line, argument if name == "raw" else argument.replace("%20", " "))
                self.answered.set()


@asynccontextmanager
async def receiver(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A running receiver; what it still does is cut off at the end."""
    it = Receiver(host=host, scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(it.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(lambda _: (writer.transport.abort(), it.left.set()))

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()  # its connections too, where this Python waits for them
