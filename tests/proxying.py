"""A little HTTP proxy on loopback: it takes every name for 127.0.0.1, and can refuse in several ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(kw_only=True)
class Proxy:
    """What it was asked, and how it answers: `words` instead of all else, `authorization` that it wants to see."""

    host: str
    port: int = 0
    authorization: str = ""
    words: bytes | None = None
    unreachable: frozenset[str] = frozenset()
    connections: int = 0
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials}{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                line, headers = await _read_head(reader)
                self.asked.append(line)
                self.headers.append(headers)
                method, target, _ = line.split(" ")
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if self.words is not None:
                    writer.write(self.words)
                    writer.close()
                elif headers.get("proxy-authorization", "") != self.authorization:
                    writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                elif target.rpartition(":")[0] in self.unreachable:
                    writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                elif method == "CONNECT":
                    await _tunnel(int(target.rpartition(":")[2]), reader, writer)
                else:
                    writer.write(await _forward(target, headers, body))

    async def hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await asyncio.Event().wait()


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    pairs = (text.partition(": ") for text in lines)
    return line, {name.lower(): value for name, _, value in pairs}


async def _forward(url: str, headers: dict[str, str], body: bytes) -> bytes:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
    kept = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if not name.startswith("proxy-"))
    writer.write(f"POST {parts.path} HTTP/1.1\r\n{kept}\r\n".encode("latin-1") + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    rest = await reader.readexactly(int(length))
    writer.close()
    return head + rest


async def _tunnel(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def proxying(*, host: str = "127.0.0.1", silent: bool = False, **behaviour: object) -> AsyncIterator[Proxy]:
    """A running proxy; `silent` is one that says nothing at all."""
    it = Proxy(host=host, **behaviour)  # type: ignore[arg-type]
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task((it.hold if silent else it.serve)(reader, writer))
        tasks.add(task)
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, host, 0)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
