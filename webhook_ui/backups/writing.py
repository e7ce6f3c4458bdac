"""Writing a backup: what one moment's snapshot shows, while server and workers go on."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa

from webhook_ui import migrations
from webhook_ui.backups import postgresql, sqlite_files
from webhook_ui.backups.draft import draft
from webhook_ui.backups.failing import explained
from webhook_ui.backups.sqlite_files import LEFT_OUT, Counts, Tell
from webhook_ui.errors import UsageError
from webhook_ui.migrations import VERSION_TABLE
from webhook_ui.times import utcnow

INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a backup holds; `octets` is its size."""

    counts: Counts
    octets: int


def write(url: sa.URL, target: Path, *, force: bool, tell: Tell) -> Written:
    """Writes all that the database at `url` holds of ours into `target`. Raises UsageError; `target` is whole or not
    there.
    """
    if url.get_backend_name() == "sqlite":
        _check_source(Path(str(url.database)), target)
    with (
        explained(f"The backup {target} was not written", writing=target),
        draft(target, force=force) as path,
        closing(sqlite_files.open_file(path, "rw")) as file,
    ):
        # what counts is whether it comes to its end: then it is brought onto the disk, else it is removed
        file.execute("PRAGMA journal_mode = OFF")
        file.execute("PRAGMA synchronous = OFF")
        at = utcnow()
        if url.get_backend_name() == "sqlite":
            _from_sqlite(Path(str(url.database)), file, tell)
        else:
            with closing(postgresql.connect(url)) as connection:
                _from_postgresql(connection, file, tell)
        sqlite_files.date(file, at)
        counts, octets = sqlite_files.count(file), path.stat().st_size
    return Written(counts=counts, octets=octets)


def _check_source(source: Path, target: Path) -> None:
    if not source.exists():
        raise UsageError(f"There is no database {source} to back up. Check WEBHOOK_UI_DATA_DIR.")
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target} is the database itself. Name another file.")


def _from_sqlite(source: Path, file: sqlite3.Connection, tell: Tell) -> None:
    file.execute("PRAGMA foreign_keys = OFF")
    file.execute("ATTACH DATABASE ? AS source", (sqlite_files.address(source, "rw"),))
    file.execute("BEGIN")  # the first look into the source takes the snapshot
    _check_revision(sqlite_files.revision(file, "source"))
    sqlite_files.copy_form(file, "source")
    sqlite_files.copy_rows(file, _in_order(sqlite_files.tables(file)), "source", tell)
    sqlite_files.set_sequences(file, sqlite_files.sequences(file, "source"))
    file.execute("COMMIT")
    file.execute("DETACH DATABASE source")


def _from_postgresql(connection: psycopg.Connection, file: sqlite3.Connection, tell: Tell) -> None:
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    form = postgresql.layout(connection)
    found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() if VERSION_TABLE in form else None
    _build(file, _check_revision(found[0] if found else None))
    file.execute("BEGIN")
    indexes = file.execute(INDEXES).fetchall()
    for name, _ in indexes:
        file.execute(f'DROP INDEX "{name}"')
    for name in _in_order(sqlite_files.tables(file)):
        postgresql.copy_out(connection, name, form[name], file, tell)
    sqlite_files.set_sequences(file, postgresql.sequences(connection, form))
    for name, statement in indexes:
        tell(f"building {name}")
        file.execute(statement)
    file.execute("COMMIT")


def _build(file: sqlite3.Connection, revision: str) -> None:
    """Makes the tables, and leaves the mark of a whole one to be copied last."""
    engine = sa.create_engine("sqlite://", creator=lambda: file, poolclass=sa.StaticPool)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        migrations.build(connection, revision)
        connection.exec_driver_sql(f"DELETE FROM {VERSION_TABLE}")


def _check_revision(revision: str | None) -> str:
    if revision is None:
        raise UsageError("The database holds nothing of webhook-ui yet, so there is nothing to back up.")
    migrations.check_not_newer(revision)
    return revision


def _in_order(names: Iterable[str]) -> list[str]:
    """Those whose rows are kept, the mark of a whole backup last."""
    return sorted(set(names) - LEFT_OUT, key=lambda name: (name == VERSION_TABLE, name))
