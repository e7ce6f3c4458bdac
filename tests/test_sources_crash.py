"""Every source under kill -9: what comes in while the process is killed again and again is an event, each just once."""

import json
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from benchmarks.fleet import Running
from tests.processes import ROOT, Works, plain
from tests.test_shipped_plugins import mac

KILLS = 6
SEED = 11
SECRET = "of the sender"
WATCHED = "file.line", "own.row", "far.row", "inbound.shop"
TABLE = "app_ledger"
INSERT = f"INSERT INTO {TABLE} (n) VALUES (:n)"


@pytest.fixture
def far(postgres_url: sa.URL) -> Iterator[sa.Engine]:
    """The application's PostgreSQL, with a table in it."""
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {TABLE} (id SERIAL PRIMARY KEY, n INTEGER NOT NULL)"))
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE {TABLE}"))
    engine.dispose()


class Ledger:
    """Producers, each on a thread of its own, and what they have handed in for good: numbers, by trigger."""

    def __init__(self) -> None:
        self.address = ""
        self.made: dict[str, list[int]] = {trigger: [] for trigger in WATCHED}
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failed: list[BaseException] = []
        self._client = httpx.Client(transport=plain(), timeout=5, trust_env=False)

    def start(self, trigger: str, produce: Callable[[int], bool], *, threads: int = 1) -> None:
        """Calls `produce(n)` until it is over; what it answers True for is handed in."""
        for offset in range(threads):

            def run(first: int = offset) -> None:
                number = first
                try:
                    while not self.over.is_set():
                        if produce(number):
                            self.made[trigger].append(number)
                        number += threads
                except BaseException as error:
                    self.failed.append(error)

            self._threads.append(threading.Thread(target=run))
            self._threads[-1].start()

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()
        assert self.failed == []

    def insert(self, engine: sa.Engine, number: int, chance: random.Random) -> bool:
        """A transaction that takes a while; some are rolled back, so their ids are left out."""
        with engine.connect() as connection:
            connection.execute(sa.text(INSERT), {"n": number})
            self.over.wait(chance.random() * 0.2 if engine.dialect.name == "postgresql" else 0.01)
            if chance.random() < 0.2:
                connection.rollback()
                return False
            connection.commit()
        return not self.over.wait(0.01) or True

    def append(self, folder: Path, number: int) -> bool:
        """A line, in two halves; a new file from time to time."""
        line = json.dumps({"trigger": "file.line", "payload": {"n": number}}) + "\n"
        with (folder / f"{number // 200}.jsonl").open("a") as file:
            file.write(line[:20])
            file.flush()
            time.sleep(0.005)
            file.write(line[20:])
        return True

    def post(self, number: int) -> bool:
        """A webhook of somebody who tries until it is taken, as senders do."""
        body = json.dumps({"n": number}).encode()
        headers = {"x-github-delivery": f"d-{number}", "x-hub-signature-256": f"sha256={mac(SECRET, body)}"}
        while True:
            try:
                url = f"{self.address}/plugins/inbound/shop"
                if self._client.post(url, content=body, headers=headers).status_code == 202:
                    return not self.over.wait(0.1) or True
            except httpx.HTTPError:
                pass
            if self.over.wait(0.02) and not self.address:
                return False


def installation(tmp_path: Path, far: sa.Engine) -> Works:
    """All sources at once; `far_watch` is `sql_watch` for a second database."""
    plugins, lines, own = tmp_path / "plugins", tmp_path / "lines", tmp_path / "own.db"
    shutil.copytree(ROOT / "plugins", plugins, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(plugins / "sql_watch.py", plugins / "far_watch.py")
    (plugins / "line.py").write_text(
        "from webhook_ui import Trigger, hookimpl\n\n\n@hookimpl\ndef register_triggers():\n"
        '    return [Trigger("file.line", "Line", "", {"n": 1})]\n'
    )
    lines.mkdir()
    works = Works(tmp_path / "here", plugins_dir=plugins)
    given = {
        "SCHEDULE_EVENTS": json.dumps([{"trigger": "clock.beat", "every": 1}]),
        "INBOUND_ENDPOINTS": json.dumps({"shop": {"kind": "github", "secret": SECRET}}),
        "FOLDER_WATCH_FOLDER": str(lines),
        "FOLDER_WATCH_EVERY": "0.05",
    }
    for name, url in (("SQL", f"sqlite:///{own}"), ("FAR", far.url.render_as_string(hide_password=False))):
        trigger = "own.row" if name == "SQL" else "far.row"
        values = {"DATABASE_URL": url.replace("+psycopg", ""), "TABLE": TABLE, "TRIGGER": trigger, "EVERY": "0.05"}
        given |= {f"{name}_WATCH_{setting}": value for setting, value in values.items()}
    works.environment |= {f"WEBHOOK_UI_{name}": value for name, value in given.items()}
    return works


def events(works: Works, trigger: str) -> list[dict[str, Any]]:
    """The payloads of a trigger's events."""
    from webhook_ui.models import Event, table

    event = table(Event)
    query = sa.select(event.c.payload).where(event.c.trigger == trigger).order_by(event.c.id)
    return works.core.database.read_now(lambda session: [json.loads(one) for one in session.execute(query).scalars()])


def count(works: Works, trigger: str) -> int:
    """How many events a trigger has; asked all the time, so without reading them."""
    from webhook_ui.models import Event, table

    query = sa.select(sa.func.count()).select_from(table(Event)).where(table(Event).c.trigger == trigger)
    return works.core.database.read_now(lambda session: session.execute(query).scalar_one())


def test_over_kills_nothing_is_missed_and_nothing_comes_twice(tmp_path: Path, far: sa.Engine) -> None:
    works, ledger, chance = installation(tmp_path, far), Ledger(), random.Random(SEED)
    own = sa.create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    with own.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER)"))

    def serve() -> Running:
        server, client = works.serve()
        ledger.address = str(client.base_url).removesuffix("/api/v1/")
        client.close()
        return server

    def grown(before: dict[str, int]) -> bool:
        return all(count(works, trigger) > before[trigger] for trigger in WATCHED)

    try:
        server = serve()
        works.wait_until(lambda _: position(works, "sql_watch") and position(works, "far_watch"))
        ledger.start("file.line", lambda number: ledger.append(tmp_path / "lines", number))
        ledger.start("own.row", lambda number: ledger.insert(own, number, chance))
        ledger.start("far.row", lambda number: ledger.insert(far, number, chance), threads=3)
        ledger.start("inbound.shop", ledger.post, threads=4)
        for _ in range(KILLS):
            before = {trigger: count(works, trigger) for trigger in WATCHED}
            works.wait_until(lambda _, before=before: grown(before))
            time.sleep(chance.random() * 0.3)  # so that it hits anything
            server.kill()
            server = serve()
        ledger.end()
        for trigger in WATCHED:
            works.wait_until(lambda _, trigger=trigger: count(works, trigger) >= len(ledger.made[trigger]))
        server.kill()  # who begins again where it was repeats nothing
        server = serve()
        beats = count(works, "clock.beat")
        works.wait_until(lambda _: count(works, "clock.beat") > beats + 2)
        for trigger in WATCHED:
            assert Counter(one["n"] for one in events(works, trigger)) == Counter(ledger.made[trigger]), trigger
            assert len(ledger.made[trigger]) > 3 * KILLS, "it has proved something"
        at = [datetime.fromisoformat(one["at"]) for one in events(works, "clock.beat")]
        apart = [(later - earlier).total_seconds() for earlier, later in pairwise(at)]
        assert all(seconds >= 1 and seconds == round(seconds) for seconds in apart), apart
    finally:
        ledger.address = ""
        ledger.over.set()
        works.end()
        own.dispose()


def position(works: Works, plugin: str) -> str | None:
    """How far a source has read."""
    from webhook_ui.models import Checkpoint, table

    checkpoint = table(Checkpoint)
    query = sa.select(checkpoint.c.position).where(checkpoint.c.plugin == plugin)
    return works.core.database.read_now(lambda session: session.execute(query).scalar())
