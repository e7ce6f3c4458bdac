"""Backups: every row comes back, on either database; what cannot be restored is refused, and changes nothing."""

import fcntl
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import KEY
from tests.moving import Place, fill, is_mode, kept, postgresql, rows, unrestored
from tests.processes import PATIENCE
from tests.stored import NOW, OPERATOR, add_webhook, emit
from tests.test_migrations import STEPS, apply_only, outside
from webhook_ui import cli, sealing, webhooks
from webhook_ui.actors import CLI
from webhook_ui.backups import postgresql as postgresql_side
from webhook_ui.backups import restoring
from webhook_ui.cli import backups as command
from webhook_ui.history.changes import list_changes
from webhook_ui.history.installation import describe_database
from webhook_ui.models import Delivery, table
from webhook_ui.times import utcnow

Make = Callable[[str], Place]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes installations on the database that is asked for."""
    with ExitStack() as stack:

        def make(kind: str) -> Place:
            folder = tmp_path / f"place-{len(list(tmp_path.iterdir()))}"
            if kind == "sqlite":
                url = sa.make_url(f"sqlite:///{folder / 'a place' / 'webhook_ui.db'}")
                (folder / "a place").mkdir(parents=True)
            else:
                url = stack.enter_context(postgresql(request.getfixturevalue("postgres_server")))
            made = Place(folder, url)
            stack.callback(made.installation.end)
            return made

        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest, place: Make) -> Place:
    """An installation on each of the two."""
    return place(request.param)


def given_back(found: Any) -> Any:
    """The same rows with all claims given back, whenever that was."""
    names = [column.name for column in table(Delivery).columns]
    claim, due = names.index("claim"), names.index("due_at")
    deliveries = []
    for row in found[table(Delivery).name]:
        is_claimed = row[claim] == "a3" or (row[due] is not None and row[due] > NOW.replace(day=28))
        deliveries.append((*row[:due], "now", None, *row[claim + 1 :]) if is_claimed else row)
    return {**found, table(Delivery).name: sorted(deliveries, key=repr)}


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_every_row_comes_back_on_either_database(place: Make, tmp_path: Path, source: str, target: str) -> None:
    here, there, file = place(source), place(target), tmp_path / "a backup?.db"
    with here.opened() as database:
        fill(database)
    before = rows(here.url)
    assert all(before.values()), "a table that this test does not fill"
    written = here.run("backup", str(file))
    assert "3 webhooks, 5 events, 6 deliveries" in written.stdout
    assert "WEBHOOK_UI_SECRET_KEY" in written.stdout
    assert rows(here.url) == before
    assert is_mode(file, 0o600)
    restored = there.run("restore", str(file))
    assert "3 of the deliveries are open" in restored.stdout
    assert "the same webhook-id" in restored.stdout
    after = rows(there.url)
    assert given_back(unrestored(kept(after))) == given_back(kept(before))
    assert unrestored(kept(after)) != kept(before), "what was claimed is claimed still"
    assert not any(after[name] for name in set(after) - set(kept(after)))
    with there.opened() as database:
        emit(database)
        assert add_webhook(database) == 4
    engine = sa.create_engine(there.url)
    with engine.begin() as connection:
        added = sa.text(
            "INSERT INTO webhook_ui_redelivery (kind, state, scope, matched, done, actor, created_at, updated_at)"
            " SELECT kind, state, scope, matched, done, actor, created_at, updated_at FROM webhook_ui_redelivery"
        )
        connection.execute(added)
        assert connection.execute(sa.text("SELECT max(id) FROM webhook_ui_redelivery")).scalar() == 3
    engine.dispose()


def test_a_backup_of_a_restored_database_is_the_same(here: Place, place: Make, tmp_path: Path) -> None:
    with here.opened() as database:
        fill(database)
    first, second, third = tmp_path / "first.db", tmp_path / "second.db", tmp_path / "third.db"
    here.run("backup", str(first))
    there = place("postgresql")
    there.run("restore", str(first))
    there.run("backup", str(second))
    here.run("restore", "--replace", str(second))
    here.run("backup", str(third))
    assert contents(second) == contents(third)


def test_a_restoration_is_on_record(here: Place, place: Make, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with here.opened() as database:
        fill(database)
    before = utcnow().replace(microsecond=0)
    here.run("backup", str(file))
    between = utcnow()
    here.run("restore", "--replace", str(file))
    with here.opened() as database:
        restored = database.read_now(describe_database).restored
        (webhook,) = database.read_now(list_changes, "webhook", 3).rows
        told = database.read_now(list_changes, "webhook", 3, restored_since=NOW).rows
        later = database.read_now(list_changes, "webhook", 3, restored_since=utcnow()).rows
    assert restored is not None
    assert restored.backup_of is not None
    assert before <= restored.backup_of <= between <= restored.at <= utcnow()
    assert (restored.by, restored.webhooks, restored.events, restored.deliveries) == (CLI.name, 3, 5, 6)
    assert [(change.action, change.actor) for change in told] == [
        ("database.restored", CLI.name),
        ("webhook.created", webhook.actor),
    ]
    assert [change.action for change in later] == ["webhook.created"]


def test_a_backup_that_does_not_say_of_when_it_is_is_restored_as_well(here: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with here.opened() as database:
        add_webhook(database)
    here.run("backup", str(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 0")
    here.run("restore", "--replace", str(file))
    with here.opened() as database:
        restored = database.read_now(describe_database).restored
    assert restored is not None
    assert (restored.backup_of, restored.webhooks) == (None, 1)


def contents(file: Path) -> Any:
    """Tables, indexes and rows as SQLite holds them, numbers to be given next among them; not that it was restored."""
    with closing(sqlite3.connect(file)) as connection:
        form = connection.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY name").fetchall()
        names = [name for kind, name, _ in form if kind == "table"]
        held = {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}
        return form, {name: [row for row in of_one if "database.restored" not in row] for name, of_one in held.items()}


def test_a_database_that_holds_something_is_replaced_only_when_told(here: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with here.opened() as database:
        add_webhook(database)
        here.run("backup", str(file))
        then = rows(here.url)
        add_webhook(database)
    now = rows(here.url)
    assert "webhooks: 2, events: 0, accounts: 0). Say --replace" in here.refuses("restore", str(file))
    assert rows(here.url) == now
    here.run("restore", "--replace", str(file))
    assert unrestored(rows(here.url)) == then


@pytest.mark.parametrize("arguments", [[], ["--workers", "0"]], ids=["whole", "web only"])
def test_nothing_is_restored_beside_a_server(here: Place, tmp_path: Path, arguments: list[str]) -> None:
    file = str(tmp_path / "backup.db")
    here.run("migrate")
    here.run("backup", file)
    server, _ = here.installation.serve(*arguments)
    assert "Stop" in here.refuses("restore", "--replace", file)
    assert server.stop() == 0
    here.run("restore", "--replace", file)


def test_another_version_of_the_database_gives_way(here: Place, tmp_path: Path) -> None:
    """As after an upgrade that is taken back: what the newer version made, this one cannot use."""
    file = tmp_path / "backup.db"
    with here.opened() as database:
        fill(database)
    here.run("backup", str(file))
    before = rows(here.url)
    outside(
        here.url,
        "UPDATE webhook_ui_version SET version_num = '9999'",
        "ALTER TABLE webhook_ui_event RENAME TO webhook_ui_happening",
    )
    assert "newer" in here.refuses("backup", str(tmp_path / "another.db"))
    assert "not empty" in here.refuses("restore", str(file))
    here.run("restore", "--replace", str(file))
    assert given_back(unrestored(kept(rows(here.url)))) == given_back(kept(before))
    assert "good   database" in here.installation.run("doctor").stdout


def test_an_older_backup_is_migrated_as_a_copy(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "older.db"
    url = sa.make_url(f"sqlite:///{file}")
    apply_only(url, STEPS[-2], tmp_path / "versions", monkeypatch)
    sealed = sealing.FernetSealer(KEY).seal('"whsec_x"')
    outside(
        url,
        "INSERT INTO webhook_ui_webhook (id, uid, version, title, url, description, triggers, enabled, paused, headers,"
        " secret, signer, ordered, created_at, updated_at)"
        " VALUES (7, 'u', 1, 'Orders', 'https://x.test', '', '[]', true, false,"
        f" '{sealed}', '{sealed}', 'standard', false, 1763888400000000, 1763888400000000)",
    )
    before = file.read_bytes()
    here.run("restore", str(file))
    assert file.read_bytes() == before
    assert [row[:4] for row in rows(here.url)["webhook_ui_webhook"]] == [(7, "u", 1, "Orders")]
    assert not (here.folder / "data" / ".restore").exists()
    assert sorted(path.name for path in tmp_path.glob("older*")) == ["older.db"]


def test_an_older_database_is_backed_up_as_it_is(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there is a backup from before the upgrade although the upgrade is installed."""
    file = tmp_path / "older.db"
    apply_only(here.url, STEPS[-2], tmp_path / "versions", monkeypatch)
    here.run("backup", str(file))
    assert outside(sa.make_url(f"sqlite:///{file}"), "SELECT version_num FROM webhook_ui_version") == [(STEPS[-2],)]
    assert outside(here.url, "SELECT version_num FROM webhook_ui_version") == [(STEPS[-2],)]
    here.run("restore", "--replace", str(file))
    assert outside(here.url, "SELECT version_num FROM webhook_ui_version") == [(STEPS[-1],)]


def test_what_else_is_in_the_database_stays_there(here: Place, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with here.opened() as database:
        add_webhook(database)
    outside(here.url, "CREATE TABLE app_user (name TEXT)", "INSERT INTO app_user VALUES ('Ada Lovelace')")
    here.run("backup", str(file))
    assert b"app_user" not in file.read_bytes()
    assert b"Lovelace" not in file.read_bytes()
    outside(here.url, "UPDATE webhook_ui_version SET version_num = '9999'")
    here.run("restore", "--replace", str(file))
    assert outside(here.url, "SELECT name FROM app_user") == [("Ada Lovelace",)]


def test_a_backup_is_written_over_only_when_told(place: Make, tmp_path: Path) -> None:
    here, file = place("sqlite"), tmp_path / "backup.db"
    assert "There is no database" in here.refuses("backup", str(file))
    assert not Path(str(here.url.database)).exists()
    here.run("migrate")
    file.write_text("something dear")
    assert "--force" in here.refuses("backup", str(file))
    assert file.read_text() == "something dear"
    file.chmod(0o644)
    here.run("backup", "--force", str(file))
    assert is_mode(file, 0o600)
    database = str(here.url.database)
    assert "the database itself" in here.refuses("backup", "--force", database)
    assert "the database itself" in here.refuses("restore", "--replace", database)
    assert "is a folder" in here.refuses("backup", str(tmp_path))
    assert "Check the path" in here.refuses("backup", str(tmp_path / "nowhere" / "backup.db"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.db", here.folder.name]


def test_a_backup_that_another_one_is_writing_is_left_to_it(place: Make, tmp_path: Path) -> None:
    here, file = place("sqlite"), tmp_path / "backup.db"
    here.run("migrate")
    with (tmp_path / ".backup.db.unfinished").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "Another process is writing" in here.refuses("backup", str(file))
    here.run("backup", str(file))
    assert not (tmp_path / ".backup.db.unfinished").exists()


@pytest.fixture
def whole(place: Make, tmp_path: Path) -> Path:
    """A backup with something in it."""
    file, here = tmp_path / "whole.db", place("sqlite")
    with here.opened() as database:
        fill(database)
    here.run("backup", str(file))
    return file


def test_a_file_that_is_no_whole_backup_is_refused(here: Place, whole: Path, tmp_path: Path) -> None:
    with here.opened() as database:
        add_webhook(database)
    before, content = rows(here.url), whole.read_bytes()
    middle = len(content) // 2 // 4096 * 4096
    bad = {
        "text": (b"hello", "is no backup of webhook-ui"),
        "empty": (b"", "is no backup of webhook-ui"),
        "torn": (content[:middle], "is damaged"),
        "spoilt": (content[:middle] + b"\xff" * 4096 + content[middle + 4096 :], "is damaged"),
    }
    for name, (spoilt, said) in bad.items():
        (tmp_path / name).write_bytes(spoilt)
        assert said in here.refuses("restore", "--replace", str(tmp_path / name)), name
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("CREATE TABLE something (id INTEGER)")
    assert "no whole backup" in here.refuses("restore", "--replace", str(tmp_path / "other.db"))
    assert "There is no file" in here.refuses("restore", "--replace", str(tmp_path / "none.db"))
    for statement, said in {
        "DELETE FROM webhook_ui_version": "no whole backup",
        "UPDATE webhook_ui_version SET version_num = '9999'": "newer version",
        "DELETE FROM webhook_ui_webhook": "belong to nothing",
        "ALTER TABLE webhook_ui_lane DROP COLUMN resume_rate": "webhook_ui_lane is not as",
    }.items():
        file = tmp_path / "changed.db"
        file.write_bytes(content)
        with closing(sqlite3.connect(file)) as other, other:
            other.execute(statement)
        assert said in here.refuses("restore", "--replace", str(file)), statement
    assert rows(here.url) == before


def test_a_backup_whose_secrets_cannot_be_read_is_refused(here: Place, whole: Path) -> None:
    another = "sealed with another secret key than that in WEBHOOK_UI_SECRET_KEY"
    assert another in here.refuses("restore", str(whole), WEBHOOK_UI_SECRET_KEY="another key than before")
    assert here.url.get_backend_name() != "sqlite" or not Path(str(here.url.database)).exists()
    with here.opened() as database:
        database.write_now(webhooks.delete, add_webhook(database), actor=OPERATOR, now=NOW)
    before = rows(here.url)
    assert another in here.refuses("restore", "--replace", str(whole), WEBHOOK_UI_SECRET_KEY="another key than before")
    del here.installation.environment["WEBHOOK_UI_SECRET_KEY"]
    assert "there is no secret key here" in here.refuses("restore", "--replace", str(whole))
    assert not (here.folder / "data" / "secret.key").exists()
    assert rows(here.url) == before


class Terminal:
    """A standard error that somebody looks at."""

    def __init__(self) -> None:
        self.text = ""
        self._written = threading.Condition()

    def write(self, text: str) -> None:
        with self._written:
            self.text += text
            self._written.notify_all()

    def wait_for(self, text: str) -> None:
        with self._written:
            assert self._written.wait_for(lambda: text in self.text, PATIENCE), self.text

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


def test_a_terminal_hears_how_far_it_is(
    whole: Path, place: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here, terminal = place("postgresql"), Terminal()
    for name, value in here.installation.environment.items():
        if name.startswith("WEBHOOK_UI_"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(here.folder)
    monkeypatch.setattr("sys.argv", ["webhook-ui", "restore", str(whole)])
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # it is this process that would hear of it
    monkeypatch.setattr(command, "PATIENCE", 0.001)
    monkeypatch.setattr(command, "EVERY", 0.001)
    give_back, set_sequences = restoring.give_back_all, postgresql_side.set_sequences

    def give_back_slowly(*given: Any, **named: Any) -> Any:
        terminal.wait_for("restore: committing, ")
        return give_back(*given, **named)

    def set_sequences_slowly(*given: Any) -> None:
        terminal.wait_for("restore: copying attempt: 5 rows, ")
        set_sequences(*given)

    monkeypatch.setattr(restoring, "give_back_all", give_back_slowly)
    monkeypatch.setattr(postgresql_side, "set_sequences", set_sequences_slowly)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    assert terminal.text.endswith("\r\x1b[K")
    assert "Restored from" in capsys.readouterr().out
