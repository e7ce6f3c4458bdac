"""What is away is said once and then ever more rarely, and that it is back, once."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.conftest import KEY
from webhook_ui import election, outage, watch
from webhook_ui.database import Database
from webhook_ui.election import Election
from webhook_ui.outage import Outage
from webhook_ui.sealing import FernetSealer
from webhook_ui.watch import Watch


@pytest.fixture(autouse=True)
def lines_can_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger that has logged something keeps to where it did."""
    monkeypatch.setattr(outage, "log", structlog.get_logger())


def test_it_is_said_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: clock[0])
    away = Outage("watch")
    with capture_logs() as lines:
        for _ in range(61):
            away.note("no route")
            clock[0] += 2
        away.over()
        away.over()
        away.note("no route")
    assert [(line["event"], line.get("for_seconds")) for line in lines] == [
        *(("watch.waits", seconds) for seconds in (0, 2, 6, 14, 30, 60, 90, 120)),
        ("watch.back", 122),
        ("watch.waits", 0),
    ]
    assert {line["log_level"] for line in lines} == {"warning", "info"}


@pytest.mark.parametrize("name", ["watch", "election"])
def test_a_database_that_is_away_is_said_once_and_that_it_is_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, tried = tmp_path / "later", threading.Semaphore(0)
    monkeypatch.setattr({"watch": watch, "election": election}[name], "AGAIN_SECONDS", 0.01)
    noted = Outage.note

    def note(self: Outage, reason: str) -> None:
        noted(self, reason)
        tried.release()

    back = threading.Event()
    ended = Outage.over

    def over(self: Outage) -> None:
        ended(self)
        back.set()

    monkeypatch.setattr(Outage, "note", note)
    monkeypatch.setattr(Outage, "over", over)
    made: dict[str, Callable[[Database], Any]] = {"watch": Watch, "election": lambda at: Election(at, lambda _: None)}
    with closing(Database(f"sqlite:///{folder / 'webhook_ui.db'}", FernetSealer(KEY))) as database:
        part = made[name](database)
        with capture_logs() as lines:
            part.start()
            for _ in range(20):
                assert tried.acquire(timeout=10)
            folder.mkdir()
            sqlite3.connect(folder / "webhook_ui.db").close()
            assert back.wait(10)
            part.stop()
    told = [line["event"] for line in lines if line["event"].startswith(name)]
    assert told[:2] == [f"{name}.waits", f"{name}.back"]
    assert told.count(f"{name}.waits") == told.count(f"{name}.back") == 1
