"""SQLite's side: which tables of ours a file holds, and how they come from one file into another."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from webhook_ui.migrations import VERSION_TABLE
from webhook_ui.models import PREFIX, Heartbeat, SignInSession, table

LEFT_OUT = frozenset(table(model).name for model in (Heartbeat, SignInSession))
CACHE = "PRAGMA cache_size = -65536"  # KiB
_MIDDLE = 1 << 31  # SQLite keeps 32 bits with a sign: counted from the middle they last until 2106
STEPS = 200_000  # of SQLite's machine, between two words on how far it has come

Tell = Callable[[str], None]  # is told often what is being done


class Counts(NamedTuple):
    """How much of what people ask for."""

    webhooks: int
    events: int
    deliveries: int


def open_file(file: Path, mode: str) -> sqlite3.Connection:
    """A connection without transactions of its own, to a file that must be there (`ro`, `rw`) or is made (`rwc`)."""
    connection = sqlite3.connect(address(file, mode), uri=True, isolation_level=None)
    connection.execute(CACHE)
    return connection


def address(file: Path, mode: str) -> str:
    """The file as SQLite takes it; one that is only read and has no log beside it changes for nobody."""
    alone = mode == "ro" and not file.with_name(f"{file.name}-wal").exists()
    return f"{file.absolute().as_uri()}?mode={mode}{'&immutable=1' if alone else ''}"


def revision(connection: sqlite3.Connection, schema: str = "main") -> str | None:
    """The revision a file is at; None where it holds nothing of ours."""
    if VERSION_TABLE not in tables(connection, schema):
        return None
    row = connection.execute(f"SELECT version_num FROM {schema}.{VERSION_TABLE}").fetchone()
    return str(row[0]) if row else None


def tables(connection: sqlite3.Connection, schema: str = "main") -> list[str]:
    """The names of our tables."""
    found = connection.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if name.startswith(PREFIX)]


def columns(connection: sqlite3.Connection, name: str, schema: str = "main") -> list[str]:
    """The names of a table's columns, in their order."""
    return [row[1] for row in connection.execute(f'PRAGMA {schema}.table_info("{name}")')]


def copy_form(connection: sqlite3.Connection, source: str) -> None:
    """Makes our tables and their indexes as they are in `source`, at whatever revision that is."""
    found = connection.execute(
        f"SELECT tbl_name, sql FROM {source}.sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
        " ORDER BY type DESC, name"
    ).fetchall()
    for name, statement in found:
        if name.startswith(PREFIX):
            connection.execute(statement)


def copy_rows(connection: sqlite3.Connection, names: Iterable[str], source: str, tell: Tell) -> None:
    """Copies whole tables from `source` into empty ones. Where both have the same form, SQLite copies no single row."""
    for name in names:
        connection.set_progress_handler(partial(tell, f"copying {name.removeprefix(PREFIX)}"), STEPS)
        ours, theirs = columns(connection, name), columns(connection, name, source)
        same = "*" if ours == theirs else ", ".join(f'"{column}"' for column in ours)
        into = "" if same == "*" else f" ({same})"
        connection.execute(f'INSERT INTO main."{name}"{into} SELECT {same} FROM {source}."{name}"')
    connection.set_progress_handler(None, 0)


def sequences(connection: sqlite3.Connection, schema: str = "main") -> dict[str, int]:
    """The last number that each table has given; numbers of rows that are gone are not given again."""
    rows = connection.execute(f"SELECT name, seq FROM {schema}.sqlite_sequence").fetchall()
    return {name: number for name, number in rows if name.startswith(PREFIX)}


def set_sequences(connection: sqlite3.Connection, numbers: dict[str, int]) -> None:
    """Goes on after these numbers, and begins anew in our other tables."""
    connection.execute("DELETE FROM sqlite_sequence WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
    for name, number in numbers.items():
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))


def date(connection: sqlite3.Connection, at: datetime) -> None:
    """Notes in the file's head of when it is: a backup has our tables, and no other."""
    connection.execute(f"PRAGMA user_version = {int(at.timestamp()) - _MIDDLE}")


def date_of(file: Path) -> datetime | None:
    """Of when a backup is; None where nothing was noted."""
    with closing(open_file(file, "ro")) as connection:
        noted = connection.execute("PRAGMA user_version").fetchone()[0]
    return datetime.fromtimestamp(noted + _MIDDLE, UTC) if noted else None


def count(connection: sqlite3.Connection) -> Counts:
    """How much a file holds."""
    names = ("webhook", "event", "delivery")
    found = (connection.execute(f"SELECT count(*) FROM {PREFIX}{name}").fetchone()[0] for name in names)
    return Counts(*found)


def copy_file(source: Path, target: Path) -> None:
    """One file as another, byte for byte as far as SQLite is concerned."""
    with closing(open_file(source, "ro")) as here, closing(open_file(target, "rwc")) as there:
        here.backup(there)
