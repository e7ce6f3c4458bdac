"""One scheduler: real processes stand for election on both databases, and the holder is killed."""

import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import zygote
from tests.conftest import KEY
from tests.processes import ROOT, Installation, Process, add_webhook, payload, receiver
from webhook_ui.database import Database
from webhook_ui.election import HANDOVER_SECONDS, TRY_SECONDS, Election
from webhook_ui.sealing import FernetSealer

CANDIDATE = """
import sys
import threading
from webhook_ui.database import Database
from webhook_ui.election import Election
from webhook_ui.sealing import FernetSealer

database = Database(sys.argv[1], FernetSealer("a key that only tests use"))
Election(database, lambda held: print("won" if held else "lost", flush=True)).start()
print("standing", flush=True)
threading.Event().wait()
"""


class Candidates:
    """Two processes that stand for election; `won` names them as they win."""

    def __init__(self, url: sa.URL, folder: Path) -> None:
        command = [sys.executable, "-c", CANDIDATE, url.render_as_string(hide_password=False)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.won: queue.Queue[Process] = queue.Queue()
        self.running = [Process(command, folder, environment, zygote.start) for _ in range(2)]
        for one in self.running:
            threading.Thread(target=self._watch, args=[one], daemon=True).start()

    def _watch(self, one: Process) -> None:
        one.wait_for("won")
        self.won.put(one)


@pytest.fixture
def candidates(database_url: sa.URL, tmp_path: Path) -> Iterator[Candidates]:
    """On each database in turn."""
    made = Candidates(database_url, tmp_path)
    yield made
    for one in made.running:
        one.kill()


def test_it_moves_when_its_holder_is_killed_and_is_never_held_twice(candidates: Candidates) -> None:
    first = candidates.won.get(timeout=30)
    with pytest.raises(queue.Empty):
        candidates.won.get(timeout=2 * (TRY_SECONDS + HANDOVER_SECONDS))
    first.kill()
    second = candidates.won.get(timeout=30)
    assert second is not first
    assert "lost" not in second.seen


def test_a_holder_that_stops_hands_over(sqlite_url: sa.URL, tmp_path: Path) -> None:
    database = Database(str(sqlite_url), FernetSealer(KEY))
    won = [threading.Event(), threading.Event()]
    lost = threading.Event()
    first = Election(database, lambda held: won[0].set() if held else lost.set())
    second = Election(database, lambda held: held and won[1].set())
    first.start()
    assert won[0].wait(10)
    second.start()
    assert not second.held
    first.stop()
    assert lost.is_set()
    assert not first.held
    assert won[1].wait(10)
    assert second.held
    second.stop()
    assert not second.held
    database.close()


def test_a_holder_whose_connection_is_cut_gives_up_and_stands_again(postgres_url: sa.URL) -> None:
    database = Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))
    told: list[bool] = []
    changed = threading.Condition()

    def hear(held: bool) -> None:
        with changed:
            told.append(held)
            changed.notify_all()

    election = Election(database, hear)
    election.start()
    with changed:
        assert changed.wait_for(lambda: told == [True], 10)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
    database.read_now(lambda session: session.execute(sa.text(cut)).all())
    with changed:
        assert changed.wait_for(lambda: told == [True, False, True], 15)
    election.stop()
    assert told[-1] is False
    database.close()


def test_a_redelivery_is_delivered_by_a_real_server(tmp_path: Path) -> None:
    """From the REST call through the elected feeder and the dispatcher to the receiver."""
    house = Installation(tmp_path, allowed_networks="127.0.0.0/8,::1/128", retry_schedule="3600")
    try:
        with receiver(lambda number: 500 if number <= 5 else 200) as far:
            _, address = house.serve()
            with house.api(address) as api:
                hook = add_webhook(api, far.url)
                for number in range(5):
                    event = {"trigger": "user.created", "payload": payload(number)}
                    assert api.post("/events", json=event).status_code == 202
                far.wait_for(lambda seen: len(seen) == 5)
                failed = {one[0] for one in far.requests}
                while len(api.get("/deliveries", params={"status": "error"}).json()["items"]) < 5:
                    time.sleep(0.05)  # what has arrived is settled a moment later, and tells nobody out here
                made = api.post("/redeliveries", json={"webhook_id": hook["id"]})
                assert (made.status_code, made.json()["matched"]) == (202, 5)
                far.wait_for(lambda seen: len(seen) == 10)
                assert {one[0] for one in far.requests[5:]} == failed
                assert len(far.requests) == 10
    finally:
        house.end()
