"""Applications that Webhook UI is mounted in, as processes of their own, and a proxy that serves one below a prefix."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests import zygote
from tests.processes import ROOT, Process


@contextmanager
def application(folder: Path, where: str, **settings: str) -> Iterator[tuple[Process, str]]:
    """Serves the application `where` (as uvicorn names it) that stands in `folder`; it and its address."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_UI_")}
    environment = {**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}
    options = ["--port", "0", "--app-dir", str(folder), where]
    process = Process([sys.executable, "-m", "uvicorn", *options], Path(settings["HERE"]), environment, zygote.start)
    try:
        yield process, process.wait_for(r"Uvicorn running on (http://[\d.:]+)")[1]
    finally:
        process.stop()


@contextmanager
def behind_prefix(port: int, prefix: str) -> Iterator[str]:
    """A reverse proxy on loopback: takes `prefix` off each request's path, and says so in X-Forwarded-Prefix."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, port, prefix), daemon=True).start()
    with closing(listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{prefix}"


def _accept(listener: socket.socket, port: int, prefix: str) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(client, port, prefix), daemon=True).start()


def _pass_on(client: socket.socket, port: int, prefix: str) -> None:
    with suppress(OSError, ValueError), client, socket.create_connection(("127.0.0.1", port)) as server:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536) or b"\r\n\r\n"
        head, _, rest = head.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        method, path, version = line.split(b" ")
        if not path.startswith(prefix.encode() + b"/"):
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if not any(each.lower().startswith(b"upgrade:") for each in lines):  # one request a connection
            lines = [each for each in lines if not each.lower().startswith(b"connection:")] + [b"Connection: close"]
        lines.append(b"X-Forwarded-Prefix: " + prefix.encode())
        line = b" ".join((method, path.removeprefix(prefix.encode()), version))
        server.sendall(b"\r\n".join([line, *lines]) + b"\r\n\r\n" + rest)
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)
