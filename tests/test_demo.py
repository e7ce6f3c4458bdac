"""`demo`, as somebody sees it who has installed nothing else: alive at once, apart from everything, and gone again."""

import signal
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from tests.processes import PATIENCE, Installation
from webhook_ui import ids, serving
from webhook_ui.times import utcnow


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """One whose settings would let nothing start, and whose temporary files lie where they can be counted."""
    made = Installation(tmp_path / "here", database_url="postgresql://nobody@127.0.0.1:1/none", host="nonsense.invalid")
    (made.folder / ".env").write_text("WEBHOOK_UI_FAX_NUMBER=1\n")
    (tmp_path / "temporary").mkdir()
    made.environment["TMPDIR"] = str(tmp_path / "temporary")
    yield made
    made.end()


def listing(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if "__pycache__" not in one.parts)


def asked(file: Path, statement: str) -> list[Any]:
    """Rows of the demo's database, while it runs."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=PATIENCE)) as database:
        return database.execute(statement).fetchall()


def column(file: Path, statement: str) -> set[Any]:
    return {row[0] for row in asked(file, statement)}


def test_it_is_alive_at_once_stands_apart_and_leaves_nothing(installation: Installation, tmp_path: Path) -> None:
    before = listing(installation.folder)
    demo = installation.start("demo", really=True)
    demo.wait_for("Making a day's history")
    address = demo.wait_for(r"Open +(http://127\.0\.0\.1:\d+)$")[1]
    password = demo.wait_for(r"Password +(\S+)")[1]
    for role in ("admin", "operator", "viewer"):
        email = demo.wait_for(rf"{role} +(\S+@\S+)")[1]
        with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=20), timeout=PATIENCE) as client:
            assert client.post("/login", data={"email": email, "password": password}).status_code == 303
            assert client.get("/").status_code == 200
    (file,) = (tmp_path / "temporary").glob("webhook-ui-demo-*/data/webhook_ui.db")
    looks_at_its_best(file)
    goes_on(file)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(PATIENCE) == 0, demo.text
    assert listing(tmp_path / "temporary") == []
    assert listing(installation.folder) == before
    assert "Traceback" not in demo.text


def looks_at_its_best(file: Path) -> None:
    """Every state and every cause there is to see, and a day that is full."""
    urls = column(file, "SELECT url FROM webhook_ui_webhook")
    assert len(urls) >= 12
    assert {urlsplit(url).hostname for url in urls} == {"127.0.0.1"}
    assert column(file, "SELECT enabled FROM webhook_ui_webhook") == {0, 1}
    assert column(file, "SELECT paused FROM webhook_ui_webhook") == {0, 1}
    assert column(file, "SELECT ordered FROM webhook_ui_webhook") == {0, 1}
    assert None in column(file, "SELECT rate_limit FROM webhook_ui_webhook WHERE rate_limit IS NULL")
    assert len(column(file, "SELECT rate_limit FROM webhook_ui_webhook")) > 1
    assert any("410" in (reason or "") for reason in column(file, "SELECT disabled_reason FROM webhook_ui_webhook"))
    assert {"http", "tls", "connect", "timeout", None} <= column(file, "SELECT error_class FROM webhook_ui_attempt")
    assert {200, 410, 422, 429, 500, 503} <= column(file, "SELECT response_status FROM webhook_ui_attempt")
    assert {"sent", "exhausted", "gone", None} <= column(file, "SELECT closed FROM webhook_ui_delivery")
    assert "open" in column(file, "SELECT breaker FROM webhook_ui_lane")
    hours = column(file, "SELECT minute / 3600000000 FROM webhook_ui_statistics")
    assert len(hours) >= 24, "no hour is empty"
    triggers = column(file, "SELECT trigger FROM webhook_ui_event")
    assert {"order.paid", "user.created", "webhook.failing", "delivery.exhausted"} <= triggers
    assert {"webhook.secret_rotated", "webhook.changed"} <= column(file, "SELECT action FROM webhook_ui_change")
    plans = "SELECT id FROM webhook_ui_redelivery WHERE matched > 0 OR cron IS NOT NULL"
    assert len(asked(file, plans)) == 2
    ((matched,),) = asked(file, "SELECT matched FROM webhook_ui_redelivery WHERE cron IS NULL")
    assert matched > 10, "a redelivery of next to nothing tells nothing"


def goes_on(file: Path) -> None:
    """Events come in by themselves and are delivered, and what a person redelivered arrives."""
    (first,) = column(file, "SELECT max(id) FROM webhook_ui_event WHERE trigger LIKE 'order.%'")
    arrived = f"SELECT 1 FROM webhook_ui_delivery WHERE event_id > {first} AND closed = 'sent'"
    again = "SELECT 1 FROM webhook_ui_delivery WHERE last_redelivery_id IS NOT NULL AND closed = 'sent'"
    for _ in range(300):
        if asked(file, arrived) and asked(file, again):
            return
        time.sleep(0.1)  # another process works, and says nothing of it
    raise AssertionError("nothing happens")


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGHUP], [signal.SIGINT, signal.SIGTERM]],
    ids=["Ctrl+C", "the terminal is closed", "impatience"],
)
def test_it_leaves_nothing_however_early_it_is_stopped(
    installation: Installation, tmp_path: Path, signals: Sequence[signal.Signals]
) -> None:
    demo = installation.start("demo")
    demo.wait_for("Making a day's history")
    for number in signals:
        demo.process.send_signal(number)
    assert demo.process.wait(PATIENCE) in {0, 1}, demo.text
    assert listing(tmp_path / "temporary") == []
    assert "Traceback" not in demo.text


def test_a_port_that_is_taken_is_said_before_anything_is_made(installation: Installation, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = installation.run("demo", "--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"port {port} cannot be used" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert listing(tmp_path / "temporary") == []


def test_two_signals_at_the_same_moment_are_one() -> None:
    """The second one may be handled in the middle of the first."""
    server = serving._Server(uvicorn.Config("nothing"))

    class Interrupted(list[int]):
        def append(self, number: int) -> None:
            super().append(number)
            if len(self) == 1:
                server.handle_exit(signal.SIGINT, None)

    server._captured_signals = Interrupted()
    server.handle_exit(signal.SIGINT, None)
    assert server.should_exit
    assert not server.force_exit, "what runs would not be told to stop"


def test_ids_of_the_past_are_of_the_past_and_those_after_them_of_the_present() -> None:
    before = ids.new_id()
    past = utcnow() - timedelta(days=3)
    with ids.made_at(lambda: past):
        made = [ids.new_id() for _ in range(3)]
    assert made == sorted(made)
    assert abs(ids.moment(made[-1]) - past) < timedelta(seconds=1)
    assert before < ids.new_id()
    assert abs(ids.moment(ids.new_id()) - utcnow()) < timedelta(minutes=1)
