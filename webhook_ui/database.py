"""The database's two doors: `read` on a few threads, `write` on one. What is done behind them stands elsewhere."""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from webhook_ui import times
from webhook_ui.changes import TRAFFIC, Announcer, Changed, Kind, is_traffic
from webhook_ui.columns import Sealer
from webhook_ui.errors import Unavailable
from webhook_ui.steady import SteadyClock
from webhook_ui.writing import AWAY, Writer, unavailable

READERS = 4
BUSY_SECONDS = 5
# a worker that was stopped within a transaction holds its rows so long: no longer than it would hold a claim by the
# usual lease, and far longer than any code of ours pauses between two statements
READ_AGAIN_SECONDS = 0.5  # between readings of PostgreSQL's clock, this machine counts
IDLE_SECONDS = 60.0
LONGEST_LOG = (
    16_384  # pages of SQLite's log before a commit has to empty it: `watch` does so sooner, beside the commits
)
CHANNEL = "webhook_ui"  # PostgreSQL's notifications of a commit
MARKS = "PRAGMA user_version"  # in SQLite's file, written with the transaction
MOST_MARKS = 2**31
LONGEST_NOTICE = 4000  # bytes; PostgreSQL takes 8000
# a machine that vanishes says nothing: each side finds out by itself, within some 15 s
ALIVE = {"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000}
SERVER_ALIVE = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3 -c tcp_user_timeout=15000"
)
# the writer's statements touch a few rows each, by an index. What PostgreSQL knows of its tables is a minute old, and
# they grow quickly: it would read or hash all of one that was small, and it would plan each statement anew
FIXED_PLANS = (
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
)

P = ParamSpec("P")
T = TypeVar("T")


def note(session: Session, *changes: Changed) -> None:
    """Announces `changes` once the transaction of `session` is committed."""
    session.info.setdefault("changes", set()).update(changes)


def moment(session: Session) -> datetime:
    """The present moment by the clock that leases go by: PostgreSQL's own, so that machines may disagree."""
    connection = session.connection()
    steady: SteadyClock = connection.dialect.steady  # type: ignore[attr-defined]  # hung there by Database
    if connection.dialect.name == "sqlite":
        return steady.read(times.utcnow())
    recent = steady.recent(READ_AGAIN_SECONDS)
    if recent is not None:
        return recent
    return steady.read(times.check(connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()))


class Database:
    """One database, SQLite or PostgreSQL, opened by `url` (SQLAlchemy's words)."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.origin = secrets.token_hex(8)  # tells our own notifications from those of others
        self.announcer = Announcer()
        self.steady = SteadyClock()
        self.reader = _open(self.url, sealer, self.steady, begin="BEGIN", size=READERS)
        self.writer = _open(self.url, sealer, self.steady, begin="BEGIN IMMEDIATE", size=1)
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        self.writing = Writer(
            self.writer,
            announce=self.announcer.announce,
            notify=None if self.is_sqlite else self._notify,
            mark=_mark if self.is_sqlite else None,
        )
        self._version: int | None = None  # SQLite's count of other connections' commits, as the writer saw it last
        self._marks = 0  # how many marks there were then
        if self.is_sqlite:
            sa.event.listen(self.writer, "connect", self._forget_version)

    async def read(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(session, …)` on a reading thread. Raises Unavailable when the database is away."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self.read_now(fn, *args, **kwargs))

    async def write(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(session, …)` on the writing thread; returns after the commit. Raises Unavailable."""
        return await asyncio.wrap_future(self.writing.submit(lambda session: fn(session, *args, **kwargs)))

    def read_now(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for code without an event loop."""
        try:
            with Session(self.reader, expire_on_commit=False) as session:
                return fn(session, *args, **kwargs)
        except AWAY as error:
            raise unavailable(error) from error

    def write_now(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for code without an event loop."""
        result: T = self.writing.submit(lambda session: fn(session, *args, **kwargs)).result()
        return result

    def look_for_others(self) -> None:
        """SQLite: announces what is known of others' commits since the last look: `Kind.anything`, or `TRAFFIC` only.

        Only the writer's own connection can tell that from what this process has committed.
        """
        with suppress(Unavailable):  # it is being closed
            self.writing.submit(self._notice_others)

    def _notice_others(self, session: Session) -> None:
        connection = session.connection()
        version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        marks = connection.exec_driver_sql(MARKS).scalar_one()
        before, self._version = self._version, version
        marked, self._marks = marks != self._marks, marks
        if version == before:
            return
        # what it was before this connection began to count may be missed news
        heard = TRAFFIC if before is not None and not marked else [Changed(Kind.anything)]
        # said at once: noted as a change of this transaction, it would be news for the others, who would say it again
        self.announcer.announce(heard)

    def _forget_version(self, _connection: object, _record: object) -> None:
        self._version = None  # each connection counts from another number

    def close(self) -> None:
        """Finishes what was submitted and lets go of all connections."""
        self.writing.close()
        self._pool.shutdown()
        self.reader.dispose()
        self.writer.dispose()

    def _notify(self, connection: Connection, changes: set[Changed]) -> None:
        """Tells other processes; after the commit, so that no lock is held for it."""
        driver: Any = connection.connection.dbapi_connection
        errors: Any = connection.dialect.dbapi
        statement = "SELECT pg_notify(%s, %s)"
        try:
            driver.autocommit = True
            driver.execute(statement, (CHANNEL, write_notice(self.origin, changes)))
            driver.autocommit = False
        except errors.Error as error:
            raise DBAPIError.instance(statement, None, error, errors.Error, dialect=connection.dialect) from error


def _mark(connection: Connection, changes: set[Changed]) -> None:
    """SQLite tells other processes that there was a commit; the mark, that there was more in it than traffic."""
    if not all(is_traffic(change) for change in changes):
        marks = connection.exec_driver_sql(MARKS).scalar_one()
        connection.exec_driver_sql(f"{MARKS} = {(marks + 1) % MOST_MARKS}")


def write_notice(origin: str, changes: set[Changed]) -> str:
    """What other processes are told: who says it and what has changed, as long as that is short."""
    words = [f"{change.kind}:{change.webhook_id or ''}" for change in changes]
    notice = " ".join((origin, *words))
    return notice if len(notice) <= LONGEST_NOTICE else f"{origin} {Kind.anything}:"


def read_notice(notice: str) -> tuple[str, set[Changed]]:
    """The origin and the changes in a notice; what cannot be read may be anything."""
    origin, *words = notice.split(" ")
    changes = set()
    for word in words:
        kind, _, webhook_id = word.partition(":")
        known = kind in Kind.__members__ and (not webhook_id or webhook_id.isdigit())
        changes.add(Changed(Kind(kind), int(webhook_id) if webhook_id else None) if known else Changed(Kind.anything))
    return origin, changes or {Changed(Kind.anything)}


def _open(url: sa.URL, sealer: Sealer, steady: SteadyClock, *, begin: str, size: int) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            url,
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
            poolclass=sa.QueuePool,
            pool_size=size,
            max_overflow=0,
            hide_parameters=True,  # an error's words reach the log, and payloads must not
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    else:
        options = f"-c timezone=utc {SERVER_ALIVE}"
        if size == 1:  # the writer
            options += f" -c idle_in_transaction_session_timeout={round(IDLE_SECONDS * 1000)}"
            options += f" {FIXED_PLANS}"
        engine = sa.create_engine(
            url,
            connect_args={"options": options, "connect_timeout": BUSY_SECONDS, **ALIVE},
            pool_pre_ping=True,
            pool_size=size,
            max_overflow=0,
            hide_parameters=True,  # an error's words reach the log, and payloads must not
        )
    # what SQLAlchemy does by itself is to compile each of these anew
    for method, statement in _SAVEPOINTS.items():
        setattr(engine.dialect, method, partial(_say, statement))
    engine.dialect.sealer = sealer  # type: ignore[attr-defined]  # read by SealedJson
    engine.dialect.steady = steady  # type: ignore[attr-defined]  # read by moment
    return engine


_SAVEPOINTS = {  # the dialect's methods
    "do_savepoint": "SAVEPOINT",
    "do_release_savepoint": "RELEASE SAVEPOINT",
    "do_rollback_to_savepoint": "ROLLBACK TO SAVEPOINT",
}


def _say(statement: str, connection: Connection, savepoint: str) -> None:
    connection.exec_driver_sql(f"{statement} {savepoint}")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, and which one
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows A to Z only
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
    connection.execute("PRAGMA foreign_keys = ON")


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text
