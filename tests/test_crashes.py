"""Processes that are killed or told to stop: what was accepted arrives, and what arrives twice is accounted for."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks import crash
from benchmarks.fleet import Running
from tests.processes import Receiver, Works, key
from webhook_ui import workers

KILLS = 6
SEED = 7


class Held(Receiver):
    """A receiver that answers nobody until it is told to."""

    def __init__(self) -> None:
        self.open = threading.Event()
        super().__init__(self._wait)

    def _wait(self, _: int) -> int:
        self.open.wait(30)
        return 200


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.open.set()
    made.close()


@pytest.fixture
def works(tmp_path: Path, database_url: sa.URL) -> Iterator[Works]:
    made = Works(tmp_path / "here", database_url, concurrency_per_webhook=3, request_timeout=30, lease=60)
    yield made
    made.end()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Works]:
    """SQLite alone, where it is the processes that count."""
    made = Works(tmp_path / "here", concurrency_per_webhook=3)
    yield made
    made.end()


def test_nothing_is_lost_by_kills_at_random_moments(postgres_url: sa.URL) -> None:
    """A shorter `python -m benchmarks crash`, on both databases at the same time: much of it is waiting for leases."""
    urls = (None, postgres_url.set(drivername="postgresql").render_as_string(hide_password=False))

    def kill(url: str | None) -> crash.Account:
        return crash.run(database_url=url, workers=2, seed=SEED, go_on=lambda kills: kills < KILLS)

    with ThreadPoolExecutor(2) as pool:
        for account in pool.map(kill, urls):
            assert account.violations == [], str(account)
            assert account.lost == 0
            assert account.duplicates <= account.bound
            # the loop has proved something only if it hit claims, and if a good deal was sent
            assert account.bound > 0
            assert account.deliveries > 300


def test_told_to_stop_it_records_what_is_in_flight_and_claims_no_more(works: Works, held: Held) -> None:
    webhook_id = works.add_webhook(held.url)
    events = works.emit(12)
    worker = works.start("worker")
    held.wait_for(lambda ids: len(ids) == 3)
    worker.signal(signal.SIGTERM)
    threading.Timer(0.5, held.open.set).start()  # it answers while the worker waits for it
    assert worker.ended() == 0, worker.text
    sent = held.ids
    assert works.view.claims() == {}
    told = works.view.deliveries()
    assert {event: (told[key(webhook_id, event)].closed, told[key(webhook_id, event)].tries) for event in events} == {
        event: ("sent", 1) if event in sent else (None, 0) for event in events
    }
    works.start("worker")
    works.wait_until(lambda view: not view.open())
    assert Counter(held.ids) == Counter(events), "something was sent twice"


def test_what_takes_longer_than_the_grace_is_given_back(works: Works, held: Held) -> None:
    webhook_id = works.add_webhook(held.url)
    event = works.emit()[0]
    worker = works.start("worker", prepare=hurry)
    held.wait_for(lambda ids: len(ids) == 1)
    assert worker.stop() == 0, worker.text
    assert works.view.claims() == {}
    told = works.view.deliveries()[key(webhook_id, event)]
    assert (told.closed, told.tries, told.losses, told.tried) == (None, 0, 0, 0)
    held.open.set()
    works.start("worker")
    works.wait_until(lambda view: not view.open())
    assert held.ids == [event, event]


@pytest.mark.parametrize("command", [("worker",), ("serve", "--port", "0")], ids=["worker", "serve"])
def test_a_second_signal_ends_it_at_once_and_loses_nothing(alone: Works, held: Held, command: tuple[str, ...]) -> None:
    works = alone
    webhook_id = works.add_webhook(held.url)
    events = works.emit(6)
    running = works.start(*command)
    held.wait_for(lambda ids: len(ids) == 3)
    assert ask_until_gone(running) == 1, running.text
    assert works.view.claims().keys() == {key(webhook_id, event) for event in held.ids}
    claimed = held.ids
    held.open.set()
    works.view.end_leases()
    works.start("worker")
    works.wait_until(lambda view: not view.open())
    assert Counter(held.ids) == Counter(events) + Counter(claimed)


def test_workers_are_kept_alive_and_end_with_the_server_that_started_them(alone: Works, held: Held) -> None:
    works = alone
    webhook_id = works.add_webhook(held.url)
    server, api = works.serve("--workers", "1")
    first = children(server)
    server.wait_for("Dispatcher started")
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    works.wait_until(lambda _: server.text.count("Dispatcher started") == 2)
    assert "worker.died" in server.text
    second = children(server)
    assert len(second) == 1
    assert not second & first
    event = works.emit()[0]
    held.wait_for(lambda ids: ids == [event])
    server.kill()
    held.open.set()
    works.wait_until(lambda _: not any(runs(pid) for pid in second))
    # it has left in order: what was in flight is recorded
    assert works.view.deliveries()[key(webhook_id, event)].closed == "sent"
    api.close()


def test_a_server_that_is_told_to_stop_takes_its_workers_along(alone: Works) -> None:
    server, api = alone.serve("--workers", "2")
    api.close()
    pids = children(server)
    alone.wait_until(lambda _: server.text.count("Dispatcher started") == 2)
    assert server.stop() == 0, server.text
    assert len(pids) == 2
    assert not any(runs(pid) for pid in pids)
    assert "worker.died" not in server.text
    assert "worker.ended" not in server.text, "they had to be killed"


def hurry() -> None:
    """In a worker's process: attempts in flight get no more than a moment."""
    workers.STOP_GRACE = 0.3


def ask_until_gone(running: Running) -> int | None:
    """Signals again and again: two at once might count as one. Returns how it ended, long before any grace is over."""
    for _ in range(40):
        running.signal(signal.SIGTERM)
        if (code := running.ended(0.1)) is not None:
            return code
    return None


def children(running: Running) -> set[int]:
    """The workers that a server has started."""
    tasks = Path(f"/proc/{running.process.pid}/task").glob("*/children")
    found = {int(pid) for task in tasks for pid in task.read_text().split()}
    return {pid for pid in found if b"--attached" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def runs(pid: int) -> bool:
    """Whether a process is there and not only its entry, which nobody may have collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
