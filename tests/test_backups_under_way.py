"""Backups while everything runs, what a kill in the middle leaves, and that what was open is sent once more."""

import functools
import signal
import socket
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks import fleet
from tests.moving import Place, fill, postgresql, rows, stopping_at
from tests.processes import PATIENCE, Works, payload, receiver
from tests.stored import add_webhook, emit
from tests.test_faults_of_the_system import move_to_a_small_disk, server_address
from tests.test_migrations import outside

BATCH = 20  # events of one transaction


@pytest.fixture
def works(tmp_path: Path, database_url: sa.URL) -> Iterator[Works]:
    made = Works(tmp_path / "here", database_url)
    yield made
    made.end()


@pytest.fixture
def place(tmp_path: Path, database_url: sa.URL) -> Place:
    """An installation on a migrated database, each of the two in turn."""
    return Place(tmp_path / "here", database_url)


def command(works: Works, *arguments: str) -> str:
    """What a command prints that ends well."""
    log = works.folder / f"command-{len(list(works.folder.iterdir()))}.log"
    ended = fleet.start(*arguments, environment=works.environment, log=log)
    assert ended.ended() == 0, ended.text
    return ended.text


def test_a_backup_is_consistent_while_all_goes_on(works: Works, tmp_path: Path) -> None:
    with receiver() as far:
        works.add_webhook(far.url)
        works.add_webhook(far.url)
        _, api = works.serve("--workers", "1")
        posted, stop = threading.Event(), threading.Event()

        def post() -> None:
            events = [{"trigger": "user.created", "payload": payload(number)} for number in range(BATCH)]
            while not stop.is_set():
                assert api.post("/events/batch", json={"events": events}).status_code == 202
                posted.set()

        poster = threading.Thread(target=post)
        poster.start()
        try:
            seen = []
            for number in range(4):
                posted.clear()
                assert posted.wait(PATIENCE)
                command(works, "backup", str(tmp_path / f"{number}.db"))
                seen.append(look(tmp_path / f"{number}.db"))
        finally:
            stop.set()
            poster.join()
        assert seen == sorted(set(seen)), "each shows more than the one before"
        far.wait_for(bool)


def look(file: Path) -> int:
    """How many events a backup holds, if it shows one moment: whole transactions, and what belongs together."""
    with closing(sqlite3.connect(file)) as backup:

        def ask(statement: str) -> int:
            found: int = backup.execute(statement).fetchone()[0]
            return found

        assert backup.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert backup.execute("PRAGMA foreign_key_check").fetchall() == []
        events, deliveries = (
            ask("SELECT count(*) FROM webhook_ui_event"),
            ask("SELECT count(*) FROM webhook_ui_delivery"),
        )
        assert events % BATCH == 0
        assert deliveries == 2 * events
        settled = ask("SELECT count(*) FROM webhook_ui_delivery WHERE last_attempt_id IS NOT NULL")
        assert ask("SELECT count(*) FROM webhook_ui_attempt") == settled
        assert ask("SELECT sum(sent) FROM webhook_ui_statistics") in (settled, None)
        return events


def test_a_backup_that_is_killed_leaves_no_file_and_no_harm(place: Place, tmp_path: Path) -> None:
    file, unfinished = tmp_path / "backup.db", tmp_path / ".backup.db.unfinished"
    with place.opened() as database:
        fill(database)
        halfway = place.halfway(
            "backup", str(file), prepare=stopping_at("webhook_ui.backups.sqlite_files.set_sequences")
        )
        add_webhook(database)  # nobody waits for a backup
        assert unfinished.stat().st_mode & 0o777 == 0o600
        halfway.kill()
        assert not file.exists()
        assert "backup" in place.refuses("restore", "--replace", str(unfinished))
        place.run("backup", str(file))
        assert not unfinished.exists()
    there = rows(place.url)
    place.run("restore", "--replace", str(file))
    assert there["webhook_ui_webhook"] == rows(place.url)["webhook_ui_webhook"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_backup_that_is_asked_to_stop_clears_up(tmp_path: Path, number: signal.Signals) -> None:
    place = Place(tmp_path / "here", sa.make_url(f"sqlite:///{tmp_path / 'webhook_ui.db'}"))
    place.run("migrate")
    before = sorted(tmp_path.iterdir())
    stop = stopping_at("webhook_ui.backups.sqlite_files.set_sequences")
    halfway = place.halfway("backup", str(tmp_path / "backup.db"), prepare=stop)
    assert sorted(tmp_path.iterdir()) != before
    halfway.signal(number)
    assert halfway.ended() == 130
    assert "Traceback" not in halfway.text
    assert sorted(tmp_path.iterdir()) == before


def test_a_restoration_that_is_killed_leaves_what_was_there(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    place.run("backup", str(file))  # of nothing
    with place.opened() as database:
        fill(database)
    before = rows(place.url)
    halfway = place.halfway(
        "restore", "--replace", str(file), prepare=stopping_at("webhook_ui.backups.restoring.give_back_all")
    )
    halfway.kill()
    assert rows(place.url) == before
    with place.opened() as database:
        assert add_webhook(database) == 4, "numbers go on where they were"


def test_nobody_starts_while_a_backup_is_restored(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    place.run("backup", str(file))
    halfway = place.halfway(
        "restore", "--replace", str(file), prepare=stopping_at("webhook_ui.backups.restoring.give_back_all")
    )
    second = place.refuses("restore", "--replace", str(file))
    assert "in use" in second or "Somebody uses" in second
    halfway.kill()


def test_partitions_stay_what_they_are(tmp_path: Path, postgres_server: sa.URL) -> None:
    """As an operator may have declared them, by webhook."""
    file = tmp_path / "backup.db"
    with postgresql(postgres_server) as url:
        place = Place(tmp_path / "here", url)
        place.run("migrate")
        made = "CREATE TABLE webhook_ui_statistics (LIKE old_statistics INCLUDING ALL) PARTITION BY HASH (webhook_id)"
        part = "CREATE TABLE webhook_ui_statistics_{0} PARTITION OF webhook_ui_statistics FOR VALUES"
        parts = [f"{part.format(number)} WITH (MODULUS 2, REMAINDER {number})" for number in range(2)]
        outside(url, "ALTER TABLE webhook_ui_statistics RENAME TO old_statistics", made, *parts)
        with place.opened() as database:
            fill(database)
        before = rows(url)["webhook_ui_statistics"]
        place.run("backup", str(file))
        place.run("restore", "--replace", str(file))
        kinds = outside(url, "SELECT relkind FROM pg_class WHERE relname = 'webhook_ui_statistics'")
        assert (rows(url)["webhook_ui_statistics"], kinds) == (before, [("p",)])


def test_what_was_open_is_sent_once_more(works: Works, tmp_path: Path) -> None:
    file = str(tmp_path / "backup.db")
    with receiver() as far, works.client("") as api:
        works.add_webhook(far.url)
        accepted = works.emit(3)
        works.core.database.write_now(lambda session: claim_one(session, works))
        works.core.database.close()
        command(works, "backup", file)
        server = works.start("serve", "--port", "0")
        far.wait_for(lambda ids: len(ids) == 2)
        assert server.stop() == 0
        assert "3 of the deliveries are open" in command(works, "restore", "--replace", "--stopped", file)
        server = works.start("serve", "--port", "0")
        server.wait_for("Open http")
        api.base_url = f"{server_address(server)}/api/v1"
        assert api.get("/sending").json()["stopped"] is True
        waiting = api.get("/deliveries").json()["items"]
        assert [(one["waiting_for"], one["in_flight"], one["tries"]) for one in waiting] == [("stopped", False, 0)] * 3
        assert len(far.ids) == 2
        assert api.post("/sending/start").status_code == 200
        far.wait_for(lambda ids: len(ids) == 5)
        works.wait_until(lambda view: not view.open())
        assert Counter(far.ids[2:]) == Counter(accepted)
        assert {told.tries for told in works.view.deliveries().values()} == {1}
        assert server.stop() == 0


def claim_one(session: Any, works: Works) -> None:
    """As a worker leaves it that dies: claimed for an hour."""
    first = "(SELECT min(event_id) FROM webhook_ui_delivery)"
    later = "due_at + 3600000000" if works.core.database.is_sqlite else "due_at + interval '1 hour'"
    session.execute(sa.text(f"UPDATE webhook_ui_delivery SET claim = 'x', due_at = {later} WHERE event_id = {first}"))


def test_a_full_disk_leaves_no_file_where_one_may_be_mounted(tmp_path: Path, place: Place) -> None:
    """Each on a disk of some megabytes that only its process sees."""
    small = tmp_path / "small"
    small.mkdir()
    with place.opened() as database:
        fill(database)
        for number in range(9):
            emit(database, payload=f'{{"id":{number},"much":"{"x" * 1_000_000}"}}')
    file, there = str(tmp_path / "backup.db"), Place(tmp_path / "there", sa.make_url(f"sqlite:///{small / 'w.db'}"))
    place.run("backup", file)
    prepare = functools.partial(on_a_small_disk, small)
    for running in (
        place.start("backup", str(small / "backup.db"), prepare=prepare),
        there.start("restore", file, prepare=prepare),
    ):
        assert running.ended() == 2
        if "no small disk" in running.text:
            pytest.skip("This system lets nobody mount a disk of their own.")
        assert f"Make room on the disk of {small}" in running.text
        assert "left: []" in running.text


def on_a_small_disk(folder: Path) -> None:
    """In a command's process; at its end it says what is left there."""
    move_to_a_small_disk(folder)
    left = sys.exit

    def leave(code: int) -> None:
        print(f"left: {[path.name for path in folder.iterdir()]}", flush=True)
        left(code)

    sys.exit = leave  # type: ignore[assignment]  # it leaves all the same


def test_a_database_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    place, file = (
        Place(tmp_path / "here", sa.make_url(f"postgresql://u:hidden-word@127.0.0.1:{port}/x")),
        tmp_path / "b",
    )
    for command in ("backup", "restore"):
        said = place.refuses(command, str(file))
        assert "Check WEBHOOK_UI_DATABASE_URL" in said
        assert "hidden-word" not in said
        if not file.exists():
            made = Place(tmp_path / "there", sa.make_url(f"sqlite:///{tmp_path / 'there.db'}"))
            made.run("migrate")
            made.run("backup", str(file))
