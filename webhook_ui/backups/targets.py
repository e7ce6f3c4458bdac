"""The databases a backup can be restored to: how each is kept to ourselves, emptied and filled.

All of it is one transaction: whoever looks after a crash in the middle finds what was there before.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from webhook_ui import migrations
from webhook_ui.backups import postgresql, sqlite_files
from webhook_ui.backups.sqlite_files import LEFT_OUT, Tell
from webhook_ui.database import CHANNEL
from webhook_ui.errors import UsageError
from webhook_ui.heartbeats import FRESH
from webhook_ui.migrations import VERSION_TABLE
from webhook_ui.models import PREFIX, Heartbeat, metadata, table
from webhook_ui.times import utcnow

BUSY_SECONDS = 2.0  # that a command may still have the database, before it counts as in use
LOCKED = f"SET LOCAL lock_timeout = '{BUSY_SECONDS:g}s'"
# whoever serves or sends listens; that is the last statement of its connection, for nothing else is said there
LISTENING = f"""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query = 'LISTEN {CHANNEL}'
"""
BEATS = f"""
SELECT dispatcher || ' on ' || host FROM {table(Heartbeat).name}
WHERE beat_at > clock_timestamp() - interval '{FRESH.total_seconds():g} s' ORDER BY 1
"""


class Target(ABC):
    """A database that is filled, and that nobody else uses meanwhile; `driver` is what `connection` stands on."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.driver: Any = connection.connection.driver_connection
        self.is_filled = False

    @abstractmethod
    def begin(self, backup: Path) -> None:
        """Begins the transaction in which everything is done."""

    def commit(self) -> None:
        """From here on all of it is there."""
        self.connection.commit()
        self.is_filled = True

    @abstractmethod
    def tables(self) -> list[str]:
        """The names of our tables that are there."""

    @abstractmethod
    def fill(self, backup: sqlite3.Connection, tell: Tell) -> None:
        """Copies all rows of `backup` into the tables, which are empty and of the same form."""

    @abstractmethod
    def now(self) -> datetime:
        """The present moment, by the clock that goes for this database."""

    @abstractmethod
    def settle(self) -> None:
        """What is good to be done once all is committed; if it fails, the database does it by itself later."""

    def holds(self) -> str:
        """What would be lost, in words; nothing if there is nothing."""
        there = set(self.tables())
        kept = there - LEFT_OUT - {VERSION_TABLE}
        if not any(self._ask(f'SELECT EXISTS (SELECT 1 FROM "{name}")') for name in kept):
            return ""
        known = [one for one in ("webhook", "event", "account") if PREFIX + one in there]
        counted = (f"{one}s: {self._ask(f'SELECT count(*) FROM {PREFIX}{one}'):,}" for one in known)
        return ", ".join(counted) or "something"

    def clear(self) -> None:
        """Leaves empty tables in the form that this version needs."""
        there = self.tables()
        revision = self._ask(f"SELECT max(version_num) FROM {VERSION_TABLE}") if VERSION_TABLE in there else None
        if revision == migrations.latest():
            self._empty(sorted(one.name for one in metadata.sorted_tables))
        else:
            self._drop(there)
            migrations.migrate(self.connection)

    @abstractmethod
    def _empty(self, names: list[str]) -> None: ...

    @abstractmethod
    def _drop(self, names: list[str]) -> None: ...

    def _ask(self, query: str) -> Any:
        return self.driver.execute(query).fetchone()[0]


class SqliteTarget(Target):
    """A file; nobody else can have it open, not even to read."""

    def begin(self, backup: Path) -> None:
        self.driver.execute("ATTACH DATABASE ? AS backup", (sqlite_files.address(backup, "ro"),))
        self.connection.begin()

    def tables(self) -> list[str]:
        return sqlite_files.tables(self.driver)

    def fill(self, backup: sqlite3.Connection, tell: Tell) -> None:
        names = [one.name for one in metadata.sorted_tables if one.name not in LEFT_OUT]
        sqlite_files.copy_rows(self.driver, names, "backup", tell)
        sqlite_files.set_sequences(self.driver, sqlite_files.sequences(backup))

    def now(self) -> datetime:
        return utcnow()

    def settle(self) -> None:
        with suppress(sqlite3.Error):
            self.driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _empty(self, names: list[str]) -> None:
        for name in names:
            self.driver.execute(f'DELETE FROM main."{name}"')

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self.driver.execute(f'DROP TABLE main."{name}"')


class PostgresqlTarget(Target):
    """A database on a server; its tables are locked for everybody else."""

    def begin(self, backup: Path) -> None:
        """It has begun: the tables are locked in it."""

    def tables(self) -> list[str]:
        return sorted(postgresql.layout(self.driver))

    def fill(self, backup: sqlite3.Connection, tell: Tell) -> None:
        form = postgresql.layout(self.driver)
        for one in metadata.sorted_tables:
            if one.name not in LEFT_OUT:
                postgresql.copy_in(self.driver, one.name, form[one.name], backup, tell)
        postgresql.set_sequences(self.driver, form, sqlite_files.sequences(backup))

    def now(self) -> datetime:
        found: datetime = self._ask("SELECT clock_timestamp()")
        return found

    def settle(self) -> None:
        with suppress(psycopg.Error):
            self.driver.execute(f"ANALYZE {', '.join(self.tables())}")
            self.driver.commit()

    def keep(self) -> None:
        """Locks all there is. Raises UsageError while somebody is at work."""
        self.driver.execute(LOCKED)
        self._check_nobody()
        self.driver.execute("SELECT pg_advisory_xact_lock(%s)", (migrations.LOCK,))  # a start waits with its migration
        if there := self.tables():
            self.driver.execute(f"LOCK TABLE {', '.join(there)} IN ACCESS EXCLUSIVE MODE")
        self._check_nobody()

    def _check_nobody(self) -> None:
        beats = self.driver.execute(BEATS).fetchall() if table(Heartbeat).name in self.tables() else []
        if self._ask(LISTENING):
            named = f" ({', '.join(name for (name,) in beats)})" if beats else ""
            raise UsageError(f"A server or a worker is at work on this database{named}. Stop it first.")
        if beats:
            raise UsageError(
                f"{beats[0][0]} was at work on this database a moment ago. Stop it; if it was killed, wait "
                f"{FRESH.total_seconds():g} seconds."
            )

    def _empty(self, names: list[str]) -> None:
        self.driver.execute(f"TRUNCATE {', '.join(names)}")

    def _drop(self, names: list[str]) -> None:
        if names:
            self.driver.execute(f"DROP TABLE {', '.join(names)}")


@contextmanager
def opened(url: sa.URL) -> Iterator[Target]:
    """The database at `url`, kept to ourselves. Raises UsageError while a server or a worker uses it."""
    with _sqlite(Path(str(url.database))) if url.get_backend_name() == "sqlite" else _postgresql(url) as target:
        yield target


@contextmanager
def _sqlite(file: Path) -> Iterator[Target]:
    is_new, target = not file.exists(), None
    engine = sa.create_engine("sqlite://", creator=lambda: _open_alone(file), poolclass=sa.NullPool)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            target = SqliteTarget(connection)
            yield target
    except BaseException:
        if is_new and not (target and target.is_filled):
            file.unlink(missing_ok=True)
        raise


def _open_alone(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        sqlite_files.address(file, "rwc"), uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
    try:
        # before anything is read: only then nobody else can have it open
        connection.execute("PRAGMA main.locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA main.journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise UsageError(f"{file} is in use. Stop the server, the workers and whoever else has it open.") from None
    connection.execute("PRAGMA foreign_keys = OFF")  # the backup's own were looked at
    connection.execute(sqlite_files.CACHE)
    return connection


@contextmanager
def _postgresql(url: sa.URL) -> Iterator[Target]:
    engine = sa.create_engine(url, creator=lambda: postgresql.connect(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.begin()
        target = PostgresqlTarget(connection)
        target.keep()
        yield target
