"""For plugins' own tests: a plugin loaded as the server loads it, a host that keeps events in memory, a real receiver.

A pytest plugin: `pytest_plugins = ["webhook_ui.testing"]` gives `load_plugin`, `receiver`, `deliver` and `host`.
Its own asserts bring their words along (PYTEST_DONT_REWRITE), so that importing it first is nothing to be warned of.
"""

import asyncio
import json
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from webhook_ui import builtin, guard, ids, payloads, plugin_loader, signing, times
from webhook_ui.composing import Composer
from webhook_ui.errors import Conflict
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Target
from webhook_ui.plugin_api import Trigger
from webhook_ui.plugin_doors import payload_text
from webhook_ui.plugin_errands import events_of, hold_open
from webhook_ui.plugin_host import PluginHost
from webhook_ui.plugin_loader import Plugins
from webhook_ui.plugin_routes import application
from webhook_ui.plugin_settings import prefix_of
from webhook_ui.plugin_types import Event, Notice, call_by_name

if TYPE_CHECKING:
    from starlette.testclient import TestClient

MAX_BYTES = 1024 * 1024
OTHERWISE = "webhook.disabled"  # what a plugin is tried with that brings no trigger
USER_AGENT = "webhook-ui/testing"
LOOPBACK = guard.Policy(allowed_networks=guard.parse_networks("127.0.0.0/8"))


class MemoryStore:
    """What stands behind the host: it judges events as the server does, and keeps them in a list."""

    def __init__(self, plugins: Plugins | None) -> None:
        self.events: list[Event] = []
        self.positions: dict[str, str] = {}
        self._plugins = plugins
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}

    async def store(self, plugin: str, events: Sequence[Event], position: tuple[str, str] | None) -> list[str]:
        """Keeps events and a position, all or nothing. Raises Invalid or Conflict."""
        texts = [self._judge(event) for event in events]
        names = []
        for event, text in zip(events, texts, strict=True):
            name = ids.event_text(ids.new_id())
            key = (event.trigger, event.idempotency_key or name)
            if (first := self._keys.setdefault(key, (name, text)))[1] != text:
                raise Conflict(f"The idempotency key {event.idempotency_key!r} was used for another payload.")
            if first[0] == name:
                self.events.append(event)
            names.append(first[0])
        if position is not None:
            self.positions[position[0]] = position[1]
        return names

    async def position(self, name: str) -> str | None:
        """What was kept under this name."""
        return self.positions.get(name)

    def _judge(self, event: Event) -> str:
        text = payloads.accept(payload_text(event.payload), max_bytes=MAX_BYTES)
        if self._plugins is not None:
            payloads.check_model(self._plugins.find(event.trigger), text)
        return text


class TestedPlugin:
    """One plugin, loaded, and what it does when it is asked to. `events` are those it has emitted."""

    __test__ = False  # pytest need not look for tests in it

    def __init__(self, plugins: Plugins, name: str) -> None:
        self.plugins = plugins
        self._plugin = next(each for each in plugins.running if each.name == name)
        self.contents = self._plugin.contents
        self.store = MemoryStore(plugins)
        self.contents.host.open(self.store)

    @property
    def host(self) -> PluginHost:
        """What the plugin's functions are given."""
        return self.contents.host

    @property
    def events(self) -> list[Event]:
        """What was emitted so far."""
        return self.store.events

    def run_job(self, name: str, **arguments: Any) -> list[Event]:
        """Runs a job now, or as if it were due `at` a moment; its events are stored, and answered."""
        job = next(job for job in self.contents.jobs if job.name == name)
        available = {"host": self.host, "at": times.utcnow(), **arguments}

        async def run() -> list[Event]:
            found = call_by_name(job.run, **available)
            events = events_of(self._plugin, job, await found if asyncio.iscoroutine(found) else found)
            await self.store.store(self._plugin.name, events, None)
            return events

        return asyncio.run(run())

    def run_source(self, until: Callable[[], object], *, patience: float = 10.0) -> None:
        """Runs the source until something is reached, for example `lambda: plugin.events`."""
        unset = self.contents.idle.get("source", ())
        assert not unset, f"The source needs settings first: {', '.join(unset)}."
        assert self.contents.source is not None, "The plugin has no source."

        async def run() -> None:
            running = asyncio.create_task(hold_open(self._plugin))
            deadline = time.monotonic() + patience
            while not until() and not running.done():
                assert time.monotonic() < deadline, f"not reached within {patience:g} s; events so far: {self.events}"
                await asyncio.sleep(0.01)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        asyncio.run(run())

    def notify(self, trigger: str, payload: Mapping[str, Any] | None = None, *, link: str | None = None) -> None:
        """Tells the plugin what the engine says; without a payload the trigger's example."""
        self.notify_all([notice(self.plugins, trigger, payload, link=link)])

    def notify_all(self, notices: Sequence[Notice]) -> None:
        """Tells it several at once, as `notice` makes them."""
        unset = self.contents.idle.get("notified", ())
        assert not unset, f"notified needs settings first: {', '.join(unset)}."
        assert self.contents.notified is not None, "The plugin has no hook notified."
        asyncio.run(call_by_name(self.contents.notified, host=self.host, notices=notices))

    def client(self) -> "TestClient":
        """A client of the plugin's routes, as a stranger; their addresses begin with `/plugins/<name>/`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would rather have another version of httpx
            from starlette.testclient import TestClient
        assert self.contents.router is not None, "The plugin has no register_routes."
        return TestClient(application({self._plugin.name: self.contents.router}))


def notice(
    plugins: Plugins, trigger: str, payload: Mapping[str, Any] | None = None, *, link: str | None = None
) -> Notice:
    """A notice as the engine gives it; fields that `payload` leaves out are those of the trigger's example."""
    said = json.loads(plugins.find(trigger).example_json()) | dict(payload or {})
    event_id = ids.event_text(ids.new_id())
    return Notice(event_id=event_id, trigger=trigger, payload=said, at=times.utcnow(), link=link)


@dataclass
class Received:
    """One request as it came."""

    body: bytes
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        """The payload."""
        return json.loads(self.body)["data"]


@dataclass
class Receiver:
    """A real HTTP server on loopback that answers `status` and keeps what it got."""

    url: str = ""
    status: int = 200
    requests: list[Received] = field(default_factory=list)


@pytest.fixture
def load_plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestedPlugin]:
    """`load_plugin("plugins/orders.py", token="…")`: a plugin with its settings; fails with what the loader says."""

    def load(path: str | Path, **settings: object) -> TestedPlugin:
        file = Path(path)
        name = file.stem if file.suffix == ".py" else file.name
        for known in [one for one in os.environ if one.startswith(prefix_of(name))]:
            monkeypatch.delenv(known)
        for setting, value in settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(prefix_of(name) + setting.upper(), text)
        plugins = plugin_loader.load_one(file, builtin=builtin.PLUGINS)
        said = [f"{one.where}{f', line {one.line}' if one.line else ''}: {one.message}" for one in plugins.problems]
        assert not said, "\n".join(said)
        return TestedPlugin(plugins, name)

    return load


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver for one test."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.requests.append(Received(body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def deliver(receiver: Receiver) -> Callable[..., Received]:
    """`deliver(plugin, "order.paid", {…})`: shapes, signs and sends an event as the server does; what arrived.

    One without triggers of its own, such as a signer, is tried with `deliver(plugin)`, an event of the engine's, or
    with `trigger=Trigger(…)`. `signer` is the name of one, `webhook_url` what the plugin believes to send to.
    """
    return partial(_deliver, receiver)


class TestHost(PluginHost):
    """A host that keeps what is emitted in `events`, for functions that are tested alone. It takes any trigger."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__("test")
        self._store = MemoryStore(None)
        self.open(self._store)

    @property
    def events(self) -> list[Event]:
        """What was emitted so far."""
        return self._store.events

    def set(self, setting: object) -> None:
        """What `host.setting` is from now on."""
        self._setting = setting


@pytest.fixture
def host() -> TestHost:
    """A host of no plugin; of a loaded one take `plugin.host`."""
    return TestHost()


def conform(plugin: TestedPlugin, deliver: Callable[..., Received]) -> None:
    """What every plugin must keep: each example is accepted, arrives, and every signer of it can sign."""
    for trigger in plugin.contents.triggers or [plugin.plugins.find(OTHERWISE)]:
        received = deliver(plugin, trigger.name, trigger.example)
        assert json.loads(received.body)["type"] == trigger.name
        signing.verify(SECRET, received.headers, received.body, int(time.time()))
        for signer in plugin.contents.signers:
            assert deliver(plugin, trigger.name, trigger.example, signer=signer.name).headers


SECRET = signing.new_secret()


def _deliver(
    receiver: Receiver,
    plugin: TestedPlugin,
    trigger: str | Trigger = OTHERWISE,
    payload: Mapping[str, Any] | None = None,
    *,
    signer: str = "standard",
    secret: str = SECRET,
    webhook_url: str | None = None,
) -> Received:
    known = trigger if isinstance(trigger, Trigger) else plugin.plugins.find(trigger)
    text = payloads.accept(payload_text(known.example if payload is None else payload), max_bytes=MAX_BYTES)
    payloads.check_model(known, text)
    target = Target(
        webhook_id=1,
        uid="test",
        title="Test",
        url=webhook_url or receiver.url,
        headers={},
        secrets=[secret],
        timeout=None,
        retry_schedule=None,
        signer=signer,
    )

    async def send() -> None:
        composer = Composer(plugin.plugins, user_agent=USER_AGENT)
        _, outgoing, _ = await composer.compose(
            target,
            event_id=ids.new_id(),
            trigger=known.name,
            occurred_at=times.utcnow(),
            payload=text,
            now=time.time(),
            timeout=10,
        )
        async with Sender(LOOPBACK, connections=1, user_agent=USER_AGENT) as sender:
            answer = await sender.send(msgspec.structs.replace(outgoing, url=receiver.url))
        assert answer.failure is None or receiver.status >= 300, answer.failure

    before = len(receiver.requests)
    asyncio.run(send())
    return receiver.requests[before]
