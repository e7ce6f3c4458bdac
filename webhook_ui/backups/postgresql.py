"""PostgreSQL's side: rows as a stream, out of one snapshot or into one transaction, translated for SQLite and back."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
import sqlalchemy as sa

from webhook_ui.backups.sqlite_files import Tell
from webhook_ui.models import PREFIX

AT_ONCE = 1000  # rows between two words on how far it has come
MOMENT = "timestamp with time zone"
_MOMENT_IN_SQLITE = "strftime('%Y-%m-%d %H:%M:%S', {0} / 1000000, 'unixepoch') || printf('.%06d+00', {0} % 1000000)"
# what PostgreSQL sends of a type, if that is not the value itself, so that SQLite stores what it would have stored
_SENT = {MOMENT: "(extract(epoch FROM {0}) * 1000000)::bigint", "json": "{0}::text", "boolean": "{0}::int"}
_READ = {MOMENT: "int8", "boolean": "int4", "bigint": "int8", "integer": "int4", "double precision": "float8"}
_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid)
AND starts_with(c.relname, %s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column, and the type PostgreSQL calls it."""

    name: str
    kind: str

    @property
    def quoted(self) -> str:
        return f'"{self.name}"'

    @property
    def sent(self) -> str:
        """The value on its way to SQLite."""
        return _SENT.get(self.kind, "{0}").format(self.quoted)

    @property
    def received(self) -> str:
        """The value on its way from SQLite."""
        return (_MOMENT_IN_SQLITE if self.kind == MOMENT else "{0}").format(self.quoted)


def connect(url: sa.URL) -> psycopg.Connection:
    """A connection of its own, which nobody's limits end while it works."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    options = "-c timezone=utc -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    return psycopg.connect(address, connect_timeout=5, options=options)


def layout(connection: psycopg.Connection) -> dict[str, list[Column]]:
    """Our tables and their columns."""
    found: dict[str, list[Column]] = {}
    for name, column, kind in connection.execute(_COLUMNS, (PREFIX,)):
        found.setdefault(name, []).append(Column(name=column, kind=kind))
    return found


def copy_out(
    connection: psycopg.Connection, name: str, form: Iterable[Column], file: sqlite3.Connection, tell: Tell
) -> None:
    """Writes a table's rows into `file`, as they come: no more than a few of them are in memory."""
    form = list(form)
    names, places = ", ".join(column.quoted for column in form), ", ".join("?" * len(form))
    query = f'SELECT {", ".join(column.sent for column in form)} FROM "{name}"'
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT") as stream:
        stream.set_types([_READ.get(column.kind, "text") for column in form])
        rows = _counted(stream.rows(), name, tell)
        file.executemany(f'INSERT INTO "{name}" ({names}) VALUES ({places})', rows)


def copy_in(
    connection: psycopg.Connection, name: str, form: Iterable[Column], file: sqlite3.Connection, tell: Tell
) -> None:
    """Reads a table's rows from `file` into an empty table."""
    form = list(form)
    query = f'SELECT {", ".join(column.received for column in form)} FROM "{name}"'
    names = ", ".join(column.quoted for column in form)
    with connection.cursor().copy(f'COPY "{name}" ({names}) FROM STDIN') as stream:
        for row in _counted(file.execute(query), name, tell):
            stream.write_row(row)


def sequences(connection: psycopg.Connection, form: dict[str, list[Column]]) -> dict[str, int]:
    """The last number that each table has given."""
    numbers = {}
    for name, sequence in _sequences(connection, form):
        row = connection.execute(
            f"SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {sequence}"
        ).fetchone()
        if row and row[0]:
            numbers[name] = row[0]
    return numbers


def set_sequences(connection: psycopg.Connection, form: dict[str, list[Column]], numbers: dict[str, int]) -> None:
    """Goes on after these numbers, if the transaction is committed: `setval` would not wait for that."""
    for name, sequence in _sequences(connection, form):
        connection.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {int(numbers.get(name, 0)) + 1}")


def _sequences(connection: psycopg.Connection, form: dict[str, list[Column]]) -> list[tuple[str, str]]:
    pairs = []
    for name, its_columns in form.items():
        if any(column.name == "id" for column in its_columns):
            row = connection.execute("SELECT pg_get_serial_sequence(%s, 'id')", (name,)).fetchone()
            if row and row[0]:
                pairs.append((name, row[0]))
    return pairs


def _counted(rows: Iterable[Any], name: str, tell: Tell) -> Iterator[Any]:
    done, source = 0, iter(rows)
    while batch := list(islice(source, AT_ONCE)):
        yield from batch
        done += len(batch)
        tell(f"copying {name.removeprefix(PREFIX)}: {done:,} rows")
