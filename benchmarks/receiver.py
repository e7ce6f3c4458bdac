"""A bare receiver in a process of its own: answers 200 to everything, counts, and tells when each request arrived."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Receiver:
    """A running receiver; `arrivals` yields (webhook-id, monotonic seconds) while `timed`."""

    url: str
    count: "Synchronized[int]"
    arrivals: Connection

    def wait_for(self, count: int) -> None:
        """Returns once so many requests have arrived."""
        while self.count.value < count:
            time.sleep(0.002)  # another process counts; nothing here could be awaited


@contextmanager
def receiver(*, timed: bool = False) -> Iterator[Receiver]:
    """Starts a receiver on a free port and ends it afterwards."""
    ours, theirs = _spawn.Pipe()
    count = _spawn.Value("q", 0)
    process = _spawn.Process(target=_serve, args=(theirs, count, timed), daemon=True)
    process.start()
    port = ours.recv()
    try:
        yield Receiver(url=f"http://127.0.0.1:{port}/", count=count, arrivals=ours)
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, count: "Synchronized[int]", timed: bool) -> None:
    asyncio.run(_run(pipe, count, timed))


async def _run(pipe: Connection, count: "Synchronized[int]", timed: bool) -> None:
    class Protocol(asyncio.Protocol):
        """Just enough HTTP: a head, a content-length, keep-alive."""

        def connection_made(self, transport: Any) -> None:
            self.transport, self.buffer = transport, b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
                head = self.buffer[:end].lower()
                length = int(_header(head, b"content-length") or 0)
                if len(self.buffer) < end + 4 + length:
                    return
                self.buffer = self.buffer[end + 4 + length :]
                if timed:
                    pipe.send((_header(head, b"webhook-id").decode().upper(), time.monotonic()))
                count.value += 1
                self.transport.write(ANSWER)

    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _header(head: bytes, name: bytes) -> bytes:
    start = head.find(b"\r\n" + name + b":")
    return head[
        start + len(name) + 3 : head.find(b"\r\n", start + 2) if head.find(b"\r\n", start + 2) > 0 else None
    ].strip()
