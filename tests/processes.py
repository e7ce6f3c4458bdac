"""The product as people start it: real processes in a folder of their own, and a real receiver on loopback."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import standardwebhooks

from benchmarks import fleet
from benchmarks.ledger import Key, View
from tests import zygote
from webhook_ui import accounts, ids, plugin_loader, settings, storage, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.app import Core
from webhook_ui.host import Emission
from webhook_ui.times import utcnow

ROOT = Path(__file__).parent.parent
CACHES = shutil.ignore_patterns("__pycache__")
PATIENCE = 30.0  # seconds until a thing that should happen counts as not happening


def plain(retries: int = 0) -> httpx.HTTPTransport:
    """For HTTP on loopback: to read which authorities this machine trusts takes a client 20 ms."""
    return httpx.HTTPTransport(retries=retries, verify=False)


class Process:
    """A running command; its output is read line by line. `start` it as a fork, if it is a module of ours."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        start: Callable[..., "zygote.Child | subprocess.Popen[bytes]"] = subprocess.Popen,
    ) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        read, write = os.pipe()
        self._output = os.fdopen(read, encoding="utf-8", errors="replace")
        with os.fdopen(write, "wb") as out:
            streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
            self.process = start(command, cwd=folder, env=dict(environment), **streams)
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits until a line matches; what was printed so far is shown when none does."""
        while (line := self._next(pattern)) is not None:
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} never came; the process ended after:\n{self.text}")

    @property
    def text(self) -> str:
        return "\n".join(self.seen)

    def kill(self) -> None:
        """Pulls the plug."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Asks it to stop, as a service manager does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def _read(self) -> None:
        with self._output as lines:
            for line in lines:
                self.seen.append(line.rstrip("\n"))
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _next(self, wanted: str) -> str | None:
        try:
            return self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"{wanted!r} did not come in time; so far:\n{self.text}") from None


class Installation:
    """A folder with plugins and data, in which commands run."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "plugins", folder / "plugins", dirs_exist_ok=True, ignore=CACHES)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_UI_")}
        given = {f"WEBHOOK_UI_{name.upper()}": value for name, value in settings.items()}
        self.environment = {**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **given}
        self.running: list[Process] = []

    def run(
        self, *arguments: str, stdin: str = "", really: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; `really` by an interpreter of its own."""
        command = [sys.executable, "-m", "webhook_ui", *arguments]
        given = {**self.environment, **environment}
        if not really:
            return zygote.run(command, cwd=self.folder, env=given, input=stdin, timeout=60)
        return subprocess.run(
            command, cwd=self.folder, env=given, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, *arguments: str, really: bool = False, hurried: str = "") -> Process:
        """Starts a command that goes on running; `really` by an interpreter of its own.

        `hurried` is run in its process first: it shortens what the product waits for and no setting says.
        """
        command = [sys.executable, "-m", "webhook_ui", *arguments]
        if hurried:
            command[1:3] = ["-c", f"{hurried}\nfrom webhook_ui.cli import main; main()"]
        start = subprocess.Popen if really else zygote.start
        process = Process(command, self.folder, self.environment, start)
        self.running.append(process)
        return process

    def serve(self, *arguments: str, really: bool = False) -> tuple[Process, str]:
        """Starts the server on a free port; returns it with its address once it answers."""
        server = self.start("serve", "--port", "0", *arguments, really=really)
        address = server.wait_for(r"Dashboard +(http://\S+)")[1]
        with httpx.Client(transport=plain(retries=20), timeout=PATIENCE) as client:
            assert client.get(f"{address}/healthz").status_code == 200
        return server, address

    def token(self, role: str = "admin") -> str:
        """A new API token."""
        made = self.run("token", "create", "test", "--role", role)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def api(self, address: str, role: str = "admin") -> httpx.Client:
        """A client of the REST API with a token of its own."""
        headers = {"authorization": f"Bearer {self.token(role)}"}
        return httpx.Client(base_url=f"{address}/api/v1", headers=headers, timeout=PATIENCE, transport=plain())

    def end(self) -> None:
        """Ends whatever is still running."""
        for process in self.running:
            if process.process.poll() is None:
                process.kill()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever was killed does not wait for its answer: nothing to write home about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Receiver:
    """A real receiver on loopback with a ledger; `answer` decides each status from the number of the request."""

    def __init__(self, answer: Callable[[int], int] = lambda _: 200) -> None:
        self.answer = answer
        self.secret: str | None = None
        self.requests: list[tuple[str, bytes, dict[str, str]]] = []  # webhook-id, body, headers
        self.body = b""
        self._arrived = threading.Condition()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.take(body, {**headers, ":path": self.path}, self)

            def log_message(self, *_: object) -> None:
                return

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body: bytes, headers: dict[str, str], handler: BaseHTTPRequestHandler) -> None:
        if self.secret is not None:
            standardwebhooks.Webhook(self.secret).verify(body, headers)
        with self._arrived:
            self.requests.append((headers["webhook-id"], body, headers))
            number = len(self.requests)
            self._arrived.notify_all()
        handler.send_response(self.answer(number))
        handler.send_header("content-length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)

    @property
    def ids(self) -> list[str]:
        """The ids that arrived, in order; one that arrived twice stands there twice."""
        return [one[0] for one in self.requests]

    def wait_for(self, enough: Callable[[list[str]], bool], patience: float = PATIENCE) -> None:
        """Waits until the ids that arrived are enough."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: enough(self.ids), patience)
        assert arrived, f"only {len(self.requests)} requests arrived"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiver(answer: Callable[[int], int] = lambda _: 200) -> Iterator[Receiver]:
    """A receiver for the length of a `with`."""
    made = Receiver(answer)
    try:
        yield made
    finally:
        made.close()


class Works:
    """A database with commands on it that start quickly; webhooks and events go in from here, without a server."""

    def __init__(self, folder: Path, url: sa.URL | None = None, **values: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        given = {
            "data_dir": folder / "data",
            "plugins_dir": ROOT / "plugins",
            "request_timeout": 30,
            "lease": 60,
            **values,
        }
        if url is not None:
            plain = url if url.get_backend_name() == "sqlite" else url.set(drivername="postgresql")
            given["database_url"] = plain.render_as_string(hide_password=False)
        self.environment = fleet.environment(**{name: str(value) for name, value in given.items()})
        self.settings = settings.load(**given, allowed_networks="127.0.0.0/8")
        database = storage.open_database(self.settings)
        self.core = Core(
            settings=self.settings, database=database, plugins=plugin_loader.load(self.settings.plugins_dir)
        )
        self.view = View(self.settings.database)
        self.started: list[fleet.Running] = []

    def start(self, *arguments: str, prepare: Callable[[], object] | None = None) -> fleet.Running:
        """Starts a command; `prepare` is called in its process first."""
        log = self.folder / f"{len(self.started)}.log"
        running = fleet.start(*arguments, "--allow-loopback", environment=self.environment, log=log, prepare=prepare)
        self.started.append(running)
        return running

    def serve(self, *arguments: str, prepare: Callable[[], object] | None = None) -> tuple[fleet.Running, httpx.Client]:
        """Starts the server on a free port, and returns it with a client of its API once it answers."""
        server = self.start("serve", "--port", "0", *arguments, prepare=prepare)
        server.wait_for("Open http")
        address = re.search(r"Dashboard +(http://\S+)", server.text)
        assert address, server.text
        api = self.client(address[1])
        assert api.get("/webhooks").status_code == 200
        return server, api

    def client(self, address: str) -> httpx.Client:
        """A client of the REST API with a token of its own."""
        _, token = self.core.database.write_now(
            accounts.create_token, name="test", role=Role.admin, actor=CLI, now=utcnow()
        )
        return httpx.Client(
            base_url=f"{address}/api/v1",
            headers={"authorization": f"Bearer {token}"},
            transport=plain(retries=20),
            timeout=PATIENCE,
        )

    def add_webhook(self, url: str, **fields: Any) -> int:
        """A webhook's id."""
        values = {"title": "Test", "url": url, "triggers": ["user.created"], **fields}
        made = self.core.database.write_now(webhooks.add, values, rules=self.core.rules, actor=CLI, now=utcnow())
        assert made.id is not None
        return made.id

    def emit(self, count: int = 1) -> list[str]:
        """The ids of so many new events."""
        emissions = [
            Emission(trigger="user.created", payload=json.dumps(payload(one)).encode()) for one in range(count)
        ]
        emitted = [self.core.host.emit_now(emission, actor=CLI) for emission in emissions]
        return [ids.event_text(one.event_id) for one in emitted]

    def wait_until(self, reached: Callable[[View], object], patience: float = PATIENCE) -> None:
        """Waits until the database says what `reached` wants to hear."""
        deadline = time.monotonic() + patience
        while not reached(self.view):
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.02)

    def told(self) -> str:
        """All there is to say when something did not come."""
        logs = "\n".join(running.text for running in self.started)
        return f"{self.view.deliveries()}\n{logs}"

    def end(self) -> None:
        """Ends whatever is still running."""
        for running in self.started:
            running.signal(signal.SIGCONT)
            running.kill()
        self.core.database.close()


def key(webhook_id: int, event: str) -> Key:
    """A delivery as a view of the database names it."""
    return webhook_id, ids.event_number(event)


def add_webhook(api: httpx.Client, url: str, **fields: Any) -> dict[str, Any]:
    """Adds a webhook for `user.created` by the REST API."""
    answer = api.post("/webhooks", json={"title": "Test", "url": url, "triggers": ["user.created"], **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def payload(number: int) -> dict[str, Any]:
    """A payload that `user.created` accepts."""
    return {"id": number, "name": f"Zoë {number}"}


def body_of(request: tuple[str, bytes, dict[str, str]]) -> dict[str, Any]:
    """What the receiver got, parsed."""
    parsed: dict[str, Any] = json.loads(request[1])
    return parsed
