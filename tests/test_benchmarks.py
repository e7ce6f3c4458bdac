"""The benchmarks run: each prints its table. How fast anything is, no test asks."""

import json
import os
import re
import socket
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from benchmarks import crash, gauges, product, seeds
from benchmarks.__main__ import app
from benchmarks.ledger import Told
from benchmarks.receiver import receiver
from tests import zygote
from tests.processes import ROOT
from webhook_ui.models import Attempt, Delivery, Event, table

COMMANDS = {
    "throughput": ("--count", "150", "--rounds", "1"),
    "latency": ("--seconds", "0.2", "--idle", "3", "--rate", "100"),
    "ingest": ("--count", "50"),
    "fanout": ("--webhooks", "5", "--events", "2"),
    "isolation": (
        *("--webhooks", "8", "--hanging", "2", "--backlog", "20"),
        *("--seconds", "0.3", "--rate", "50", "--timeout", "0.3"),
    ),
    "kit": ("--count", "500", "--rounds", "1"),
    "dashboard": ("--seconds", "0.3", "--backlog", "500", "--webhooks", "200", "--deliveries", "1000"),
    "pages": (
        *("--dashboards", "2", "--rate", "40", "--seconds", "0.3"),
        *("--backlog", "50", "--rounds", "1", "--opened", "2", "--patience", "0"),
    ),
    "backup": ("--deliveries", "1000"),
}


@pytest.fixture
def quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's processes are forks here; how benchmarks start them is seen in that of the latency."""
    names = {"Popen": zygote.start, "DEVNULL": subprocess.DEVNULL, "TimeoutExpired": subprocess.TimeoutExpired}
    monkeypatch.setattr(product, "subprocess", SimpleNamespace(**names))


def run(*arguments: str) -> str:
    """What a benchmark prints."""
    ended = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_prints_a_table(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if name != "latency":
        request.getfixturevalue("quick_start")
    _, title, head, *rows = run(name, *COMMANDS[name], "--folder", str(tmp_path)).splitlines()
    assert "SQLite" in title
    assert re.search(r" (p99 ms|\w+/s|busy p99 ms|× peer|CPU seconds) ", head + " ")
    assert sum(bool(re.search(r"  \d[\d,.]*", row)) for row in rows) >= 2
    assert list(tmp_path.iterdir()) == []  # it has cleared up after itself


def test_a_process_that_has_ended_has_no_memory() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert 0 < gauges.resident(process.pid) <= gauges.memory(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert gauges.memory(process.pid) == 0  # ended, and nobody has asked how
    process.wait()
    assert gauges.memory(process.pid) == gauges.resident(process.pid) == 0  # nothing is left of it


def test_growth_on_postgresql_as_json(postgres_server: sa.URL, quick_start: None) -> None:
    server = postgres_server.set(drivername="postgresql").render_as_string(hide_password=False)
    small = ("--kind", "history", "--largest", "2", "--rounds", "1", "--count", "50")
    text = run("growth", *small, "--json", "--database-url", server)
    found: dict[str, Any] = json.loads(text)
    assert "cores" in found["machine"]
    (report,) = found["reports"]
    assert [row[""] for row in report["rows"]] == ["history, 100 rows"]
    assert report["rows"][0]["worker's memory MB"] > 10


def test_crash_takes_a_database_of_its_own_workers_and_a_seed(
    postgres_server: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it kills is tested elsewhere."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(crash, "crash", lambda *given: calls.append(given))
    run("crash", "--minutes", "0.5", "--workers", "3", "--seed", "7")
    server = postgres_server.set(drivername="postgresql").render_as_string(hide_password=False)
    run("crash", "--database-url", server)
    (on_sqlite, (minutes, url, workers, seed)) = calls
    assert on_sqlite == (0.5, None, 3, 7)
    assert (minutes, workers, seed) == (10.0, 2, 1)
    assert sa.make_url(str(url)).database != postgres_server.database, "one that was made for this"


def test_the_receiver_counts_requests_however_they_are_cut() -> None:
    request = b"POST / HTTP/1.1\r\nWebhook-Id: evt_01KB4N8Q5Z7M%d\r\nContent-Length: 4\r\n\r\nabcd"
    stream = b"".join(request % number for number in range(5))
    with receiver(timed=True) as far:
        with socket.create_connection(("127.0.0.1", int(far.url.rsplit(":", 1)[1].strip("/")))) as connection:
            for start in range(0, len(stream), 7):
                connection.sendall(stream[start : start + 7])
            assert far.wait_for(5) == 5
            answers = b""
            while answers.count(b"200 OK") < 5:
                answers += connection.recv(4096)
        assert [name for name, _ in far.take_arrivals()] == [f"evt_01KB4N8Q5Z7M{number}" for number in range(5)]
        assert far.take_arrivals() == []


def test_seeds_are_rows_the_product_could_have_written(tmp_path: Path) -> None:
    with (
        product.storage(database_url=None, postgresql=False, folder=tmp_path) as storage,
        storage.installation() as place,
        place.core() as core,
    ):
        webhook_ids = product.add_webhooks(core, ["http://127.0.0.1:9/"] * 3)
        seeds.history(core, 1500, webhook_ids=webhook_ids)
        seeds.backlog(core, 20, webhook_ids=webhook_ids)
        counts = [
            core.database.read_now(
                lambda session, model=model: session.scalar(sa.select(sa.func.count(table(model).c[0])))
            )
            for model in (Event, Delivery, Attempt)
        ]
        open_ones = sa.select(sa.func.count()).where(table(Delivery).c.due_at.is_not(None))
        assert counts == [1520, 1520, 1500]
        assert core.database.read_now(lambda session: session.scalar(open_ones)) == 20


def test_the_readme_names_commands_that_are_there() -> None:
    known = {command.name for command in app.registered_commands}
    named = set(re.findall(r"python -m benchmarks (\w+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= known


@pytest.mark.parametrize(
    ("younger", "overtaken"),
    [
        pytest.param({(1, 60): [24.0]}, True, id="one of its lane that was stored late goes first"),
        pytest.param({(1, 60): [28.0]}, False, id="it may have been claimed by then, and lain in stock"),
        pytest.param({(1, 60): [31.0]}, False, id="it goes after"),
        pytest.param({(1, 60): []}, False, id="it never goes"),
        pytest.param({(1, 40): [24.0]}, False, id="it was stored before what was left could be noticed"),
        pytest.param({(2, 60): [24.0]}, False, id="another lane"),
    ],
)
def test_what_a_kill_left_is_late_if_younger_ones_go_before_it(
    younger: dict[tuple[int, int], list[float]], overtaken: bool
) -> None:
    loss = crash.Loss(at=0.0, key=(1, 10), claim="a1", soon=50)
    assert crash.is_overtaken(loss, 30.0, {loss.key: [-1.0, 30.0], **younger}) is overtaken


@pytest.mark.parametrize(
    ("closed", "losses", "wrong"),
    [
        pytest.param("sent", 2, False, id="sent"),
        pytest.param(None, 0, False, id="open"),
        pytest.param("crashed", 5, False, id="lost five times"),
        pytest.param("crashed", 4, True, id="given up too soon"),
        pytest.param("exhausted", 5, True, id="its tries were used up"),
    ],
)
def test_an_end_without_cause_does_not_add_up(closed: str | None, losses: int, wrong: bool) -> None:
    key = 1, 10
    told = Told(status="error", closed=closed, tries=0, losses=0, tried=1, answered=0)
    _, violations = crash._compare({key: told}, {key: [1.0]}, Counter({key: losses}))
    assert bool(violations) is wrong


@pytest.mark.parametrize(("closed", "count"), [("crashed", 2), ("sent", 1)])
def test_the_last_claim_of_what_crashed_was_lost_though_nothing_comes_after_it(closed: str, count: int) -> None:
    told = Told(status="error", closed=closed, tries=0, losses=0, tried=1, answered=0)
    first, last = (crash.Loss(at=at, key=(1, 10), claim=claim, soon=50) for at, claim in ((1.0, "a"), (9.0, "b")))
    waits = crash._waits({(1, 10): told}, {(1, 10): [0.5]}, [first, last])
    assert crash.count_lost({(1, 10): told}, waits, [first, last]) == Counter({(1, 10): count})
