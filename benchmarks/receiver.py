"""A bare receiver in a process of its own: nginx where it is installed and enough, else a server of one screen.

It answers 200 to everything and counts. Counting must cost next to nothing: whoever is measured shares the machine.
"""

import asyncio
import http.client
import multiprocessing
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_longlong
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
PATIENCE = 60.0  # seconds without a single arrival after which a measurement is given up
_spawn = multiprocessing.get_context("spawn")

NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 ""; }}
    location = /count {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A running receiver. `arrived` tells how many requests came; `take_arrivals` when each did, if it is `timed`."""

    url: str
    kind: str
    pid: int
    arrived: Callable[[], int]
    take_arrivals: Callable[[], list[tuple[str, float]]]

    def wait_for(self, count: int) -> int:
        """Returns how many have arrived, once they are at least `count`."""
        seen, since = -1, time.monotonic()
        while (arrived := self.arrived()) < count:
            self._check_patience(arrived, seen, since, count)
            if arrived > seen:
                seen, since = arrived, time.monotonic()
            time.sleep(_pause(count - arrived))  # another process counts; nothing here could be awaited
        return arrived

    async def arrive(self, count: int) -> int:
        """`wait_for` that lets the product run in this event loop meanwhile."""
        seen, since = -1, time.monotonic()
        while (arrived := self.arrived()) < count:
            self._check_patience(arrived, seen, since, count)
            if arrived > seen:
                seen, since = arrived, time.monotonic()
            await asyncio.sleep(_pause(count - arrived))
        return arrived

    def _check_patience(self, arrived: int, seen: int, since: float, count: int) -> None:
        if arrived == seen and time.monotonic() - since > PATIENCE:
            raise RuntimeError(f"{arrived} of {count} requests arrived, and none in the last {PATIENCE:.0f} seconds")


def _pause(missing: int) -> float:
    """Seconds until the next look: seldom while many are missing, since to ask nginx takes as long as a delivery."""
    return 0.002 if missing < 500 else 0.02


@contextmanager
def receiver(*, timed: bool = False, latency: float = 0.0, hang: bool = False) -> Iterator[Receiver]:
    """Starts a receiver on a free port and ends it afterwards.

    `timed`: notes when each webhook-id arrived. `latency`: answers so many seconds late. `hang`: never answers.
    """
    if shutil.which("nginx") and not (timed or latency or hang):
        with _nginx() as found:
            yield found
    else:
        with _bundled(timed=timed, latency=latency, hang=hang) as made:
            yield made


@contextmanager
def _bundled(**behaviour: Any) -> Iterator[Receiver]:
    ours, theirs = _spawn.Pipe()
    count = _spawn.RawValue(c_longlong, 0)
    process = _spawn.Process(target=_serve, args=(theirs, count), kwargs=behaviour, daemon=True)
    process.start()
    port = ours.recv()

    def take_arrivals() -> list[tuple[str, float]]:
        ours.send(None)
        return [(name.decode(), moment) for name, moment in ours.recv()]

    try:
        yield Receiver(
            url=f"http://127.0.0.1:{port}/",
            kind="bundled receiver",
            pid=process.pid or 0,
            arrived=lambda: int(count.value),
            take_arrivals=take_arrivals,
        )
    finally:
        process.terminate()
        process.join()


@contextmanager
def _nginx() -> Iterator[Receiver]:
    with tempfile.TemporaryDirectory(prefix="webhook-ui-nginx-") as folder:
        Path(folder).chmod(0o755)  # started as root, its worker is somebody else
        port = _free_port()
        (Path(folder) / "nginx.conf").write_text(NGINX.format(port=port))
        process = subprocess.Popen(["nginx", "-p", folder, "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
        try:
            _await_port(port)
            status = http.client.HTTPConnection("127.0.0.1", port)
            asked = 0

            def arrived() -> int:
                nonlocal asked
                status.request("GET", "/count")
                asked += 1  # nginx counts this request too
                return int(status.getresponse().read().split()[9]) - asked

            yield Receiver(
                url=f"http://127.0.0.1:{port}/",
                kind="nginx",
                pid=process.pid,
                arrived=arrived,
                take_arrivals=lambda: [],
            )
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    give_up = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > give_up:
                raise RuntimeError("nginx is installed but does not start; look at its own error log") from None
            time.sleep(0.02)


def _serve(pipe: Connection, count: Any, *, timed: bool, latency: float, hang: bool) -> None:
    try:
        import uvloop

        run = uvloop.run  # leaves more of the machine to what is measured
    except ImportError:
        run = asyncio.run
    run(_run(pipe, count, timed=timed, latency=latency, hang=hang))


async def _run(pipe: Connection, count: Any, *, timed: bool, latency: float, hang: bool) -> None:
    loop = asyncio.get_running_loop()
    local, arrivals = 0, []

    class Protocol(asyncio.Protocol):
        """Just enough HTTP: a head, a content-length, keep-alive, many requests at a time."""

        def connection_made(self, transport: Any) -> None:
            self.transport, self.rest = transport, b""

        def data_received(self, data: bytes) -> None:
            nonlocal local
            data = self.rest + data if self.rest else data
            start = answers = 0
            while (end := data.find(b"\r\n\r\n", start)) >= 0:
                head = data[start:end].lower()
                stop = end + 4 + int(_header(head, head, b"content-length") or 0)
                if stop > len(data):
                    break
                if timed:
                    arrivals.append((_header(head, data[start:end], b"webhook-id"), time.monotonic()))
                start, answers = stop, answers + 1
            self.rest = data[start:]
            if answers:
                local += answers
                count.value = local  # one writer only, so no lock
                self.answer(ANSWER * answers)

        def answer(self, answers: bytes) -> None:
            if latency:
                loop.call_later(latency, self.transport.write, answers)
            elif not hang:
                self.transport.write(answers)

    def tell() -> None:
        try:
            pipe.recv()
        except EOFError:  # whoever started it was killed
            loop.stop()
            return
        os.set_blocking(pipe.fileno(), True)  # the loop had it otherwise, and a long list does not fit in at once
        pipe.send(arrivals)
        arrivals.clear()

    server = await loop.create_server(Protocol, "127.0.0.1", 0, backlog=4096)
    loop.add_reader(pipe.fileno(), tell)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _header(lowered: bytes, head: bytes, name: bytes) -> bytes:
    start = lowered.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    end = lowered.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()
