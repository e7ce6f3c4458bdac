"""`/readyz`: red as soon as something is missing, within three seconds whatever hangs, and green again by itself."""

import asyncio
import contextlib
import itertools
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import structlog
from sqlmodel import Session
from starlette.applications import Starlette
from structlog.testing import capture_logs

from tests.conftest import KEY
from tests.stored import start_sending, stop_sending
from webhook_ui import database as database_module
from webhook_ui import heartbeats, times
from webhook_ui.database import Database, moment
from webhook_ui.heartbeats import Pulse
from webhook_ui.models import Heartbeat, table
from webhook_ui.readiness import Readiness
from webhook_ui.sealing import FernetSealer
from webhook_ui.vitals import Figures

LIMIT = 3.0  # seconds that an answer may take


class Asked:
    """A site that is asked for `/readyz`; no answer is kept from one question to the next."""

    def __init__(self, database: Database) -> None:
        self.readiness = Readiness(database, clock=itertools.count(step=10.0).__next__)
        app = Starlette()
        app.add_route("/readyz", self.readiness.answer, methods=["GET"])
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web.test")

    async def ask(self, query: str = "") -> httpx.Response:
        began = time.monotonic()
        async with asyncio.timeout(3 * LIMIT):
            answer = await self._client.get(f"/readyz{query}")
        assert time.monotonic() - began < LIMIT
        return answer

    async def wrong(self) -> set[str]:
        """The checks that fail."""
        answer = await self.ask()
        if answer.status_code == 200:
            assert answer.text == "ready\n"
            return set()
        assert answer.status_code == 503
        assert answer.json()["status"] == "not ready"
        return {name for name, said in answer.json()["checks"].items() if said != "ok"}

    async def until(self, wanted: set[str]) -> None:
        """Asks again until only `wanted` fails."""
        for _ in range(100):
            if (found := await self.wrong()) == wanted:
                return
            await asyncio.sleep(0.05)  # nothing tells when a server is back
        raise AssertionError(f"still wrong: {found}")


def beat(database: Database, dispatcher: str = "d1", *, ago: float = 0.0, **figures: Any) -> None:
    """A dispatcher's sign of life, made some seconds ago."""

    def write(session: Session) -> None:
        heartbeats.beat(
            session,
            dispatcher=dispatcher,
            host="worker-7",
            pid=4711,
            version="9.9.9",
            started_at=times.utcnow(),
            figures=Figures(**figures),
        )
        mine = table(Heartbeat).c.dispatcher == dispatcher
        at = moment(session) - timedelta(seconds=ago)
        session.execute(table(Heartbeat).update().where(mine).values(beat_at=at))

    database.write_now(write)


async def test_ready_when_all_is_well(database: Database) -> None:
    beat(database)
    assert (await Asked(database).ask()).text == "ready\n"


async def test_red_while_no_dispatcher_is_at_work(database: Database) -> None:
    site = Asked(database)
    assert await site.wrong() == {"dispatcher"}
    beat(database, ago=40)
    assert await site.wrong() == {"dispatcher"}, "one that fell silent"
    beat(database, since_turn=31.0)
    assert await site.wrong() == {"dispatcher"}, "one that beats but makes no turns"
    beat(database, "d2")
    assert await site.wrong() == set()
    database.write_now(heartbeats.leave, "d2")
    assert await site.wrong() == {"dispatcher"}
    stop_sending(database)
    assert await site.wrong() == set(), "nobody is needed while nothing is to be sent"
    start_sending(database)
    assert await site.wrong() == {"dispatcher"}
    assert (await site.ask("?exclude=dispatcher")).status_code == 200
    unknown = await site.ask("?exclude=dispatchers")
    assert (unknown.status_code, "dispatcher" in unknown.text) == (400, True)


async def test_the_dispatcher_in_this_process_speaks_for_itself(database: Database) -> None:
    site, said = Asked(database), {"now": Figures(since_turn=0.1)}
    beat(database, "elsewhere")
    site.readiness.pulse = Pulse(database, "mine", lambda: said["now"])
    assert await site.wrong() == set()
    for trouble in (Figures(since_turn=31.0), Figures(since_turn=2.0, away_for=2.0)):
        said["now"] = trouble
        assert await site.wrong() == {"dispatcher"}, "however well the others do"
    said["now"] = Figures(since_turn=0.1)
    site.readiness.pulse.missed = True
    assert await site.wrong() == {"writing"}


async def test_red_while_a_sqlite_file_is_locked(sqlite_url: sa.URL) -> None:
    with closing(Database(str(sqlite_url), FernetSealer(KEY))) as database:
        beat(database)
        site = Asked(database)
        assert await site.wrong() == set()
        with closing(sqlite3.connect(str(sqlite_url.database), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await site.wrong() == {"writing"}
            other.execute("ROLLBACK")
        await site.until(set())


async def test_red_while_the_schema_is_another(database: Database) -> None:
    beat(database)
    site = Asked(database)

    def set_revision(session: Session, wanted: str) -> str:
        was = session.execute(sa.text("SELECT version_num FROM webhook_ui_version")).scalar_one()
        session.execute(sa.text("UPDATE webhook_ui_version SET version_num = :wanted"), {"wanted": wanted})
        return str(was)

    was = database.write_now(set_revision, "9999")
    try:
        assert "schema" in await site.wrong()
        text = (await site.ask()).text
        assert "9999" not in text, "strangers learn nothing of what runs here"
    finally:
        database.write_now(set_revision, was)
    assert await site.wrong() == set()


async def test_red_while_a_postgresql_is_only_read(postgres_url: sa.URL) -> None:
    name = postgres_url.database
    engine = sa.create_engine(postgres_url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with closing(Database(_text(postgres_url), FernetSealer(KEY))) as database, engine.connect() as connection:
        beat(database)
        connection.execute(sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        try:
            with closing(Database(_text(postgres_url), FernetSealer(KEY))) as standby:
                assert await Asked(standby).wrong() == {"writing"}
        finally:
            connection.execute(sa.text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
    engine.dispose()


class Line:
    """The way to PostgreSQL: it can be cut, and it can go dead."""

    def __init__(self, url: sa.URL) -> None:
        self._to = url
        self._open, self._flows = threading.Event(), threading.Event()
        self._open.set()
        self._flows.set()
        self._both_ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.set(host="127.0.0.1", port=self._listener.getsockname()[1], query={})
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self) -> None:
        """Ends all connections and takes no more."""
        self._open.clear()
        for end in self._both_ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._open.set()

    def hang(self) -> None:
        """Nothing goes through any more, and nobody is told."""
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self.flow()
        self.cut()
        self._listener.close()

    def _take(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._open.is_set():
                near.close()
                continue
            far = self._dial()
            self._both_ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _dial(self) -> socket.socket:
        folder = self._to.query.get("host", self._to.host)
        if not str(folder).startswith("/"):
            return socket.create_connection((self._to.host, self._to.port or 5432))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{folder}/.s.PGSQL.{self._to.port or 5432}")
        return far

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(postgres_url: sa.URL) -> Iterator[Line]:
    made = Line(postgres_url)
    yield made
    made.close()


@pytest.mark.parametrize(("end", "begin"), [("cut", "mend"), ("hang", "flow")])
async def test_red_while_postgresql_is_away(line: Line, end: str, begin: str) -> None:
    with closing(Database(_text(line.url), FernetSealer(KEY))) as database:
        beat(database)
        site = Asked(database)
        assert await site.wrong() == set()
        getattr(line, end)()
        assert await site.wrong() == {"database", "schema", "writing", "dispatcher"}
        text = (await site.ask()).text
        assert "127.0.0.1" not in text
        getattr(line, begin)()
        await site.until(set())


async def test_many_questions_are_one_to_the_database(database: Database) -> None:
    beat(database)
    reads: list[int] = []
    sa.event.listen(database.reader, "begin", lambda _connection: reads.append(1))
    readiness = Readiness(database, clock=lambda: 1000.0)
    for _ in range(20):
        await readiness.check()
    assert len(reads) == 1


# --- beating


async def test_a_pulse_beats_and_leaves(database: Database) -> None:
    pulse = Pulse(database, "d1", lambda: Figures(seats=64, seats_taken=3, errors={"dns": 2}, groups=(1, 0, 4)))
    await pulse.beat()
    first = database.read_now(heartbeats.list_beats)[0]
    assert first.figures == Figures(seats=64, seats_taken=3, errors={"dns": 2}, groups=(1, 0, 4))
    assert (first.dispatcher, first.pid, first.host) == ("d1", os.getpid(), socket.gethostname())
    await pulse.beat()
    (second,) = database.read_now(heartbeats.list_beats)
    assert second.beat_at > first.beat_at
    assert second.started_at == first.started_at
    await pulse.leave()
    await pulse.beat()
    assert database.read_now(heartbeats.list_beats) == [], "whoever has left does not come back"


async def test_what_was_left_behind_is_removed_after_a_day(database: Database) -> None:
    beat(database, "crashed", ago=86_500)
    beat(database, "silent", ago=86_000)
    await Pulse(database, "alive", Figures).beat()
    left = [one.dispatcher for one in database.read_now(heartbeats.list_beats)]
    assert sorted(left) == ["alive", "silent"]


def test_figures_of_another_version_can_be_read(database: Database) -> None:
    beat(database)
    strange = {"seats": 8, "of_the_future": [1], "errors": {"quantum": 1}}
    database.write_now(lambda session: session.execute(table(Heartbeat).update().values(figures=strange)))
    assert database.read_now(heartbeats.list_beats)[0].figures == Figures(seats=8, errors={"quantum": 1})
    database.write_now(lambda session: session.execute(table(Heartbeat).update().values(figures={"seats": "many"})))
    assert database.read_now(heartbeats.list_beats)[0].figures == Figures()


async def test_a_beat_that_fails_is_said_once_and_again_when_it_works(
    sqlite_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(heartbeats, "log", structlog.get_logger())  # one that has logged nothing yet
    with closing(Database(str(sqlite_url), FernetSealer(KEY))) as database, capture_logs() as logs:
        pulse = Pulse(database, "d1", Figures)
        with closing(sqlite3.connect(str(sqlite_url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                await pulse.beat()
            other.execute("ROLLBACK")
        assert pulse.missed
        await pulse.beat()
        assert not pulse.missed
    assert [one["event"] for one in logs] == ["heartbeat.missed", "heartbeat.again"]
    assert "locked" in logs[0]["reason"]


async def test_figures_that_cannot_be_told_stop_nothing(database: Database) -> None:
    def fail() -> Figures:
        raise LookupError("mine")

    pulse = Pulse(database, "d1", fail)
    await pulse.beat()
    assert pulse.missed


def _text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)
