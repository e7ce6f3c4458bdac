"""The database's two doors: `read` on a few threads, `write` on one. What is done behind them stands elsewhere.

Writes that wait at the same time share one transaction, each in a savepoint of its own: groups form by themselves,
a group is what has gathered while the last one was being written. Nobody is answered before the commit.
"""

import asyncio
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlmodel import Session

from webhook_ui import times
from webhook_ui.changes import Announcer, Changed, Kind
from webhook_ui.columns import Sealer
from webhook_ui.errors import Unavailable
from webhook_ui.steady import SteadyClock

GROUP = 256  # jobs in one transaction at the most
READERS = 4
BUSY_SECONDS = 5
# a worker that was stopped within a transaction holds its rows so long: no longer than it would hold a claim by the
# usual lease, and far longer than any code of ours pauses between two statements
IDLE_SECONDS = 60.0
LONGEST_LOG = (
    16_384  # pages of SQLite's log before a commit has to empty it: `watch` does so sooner, beside the commits
)
CHANNEL = "webhook_ui"  # PostgreSQL's notifications of a commit
LONGEST_NOTICE = 4000  # bytes; PostgreSQL takes 8000
# a machine that vanishes says nothing: each side finds out by itself, within some 15 s
ALIVE = {"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000}
SERVER_ALIVE = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3 -c tcp_user_timeout=15000"
)
# internal: a PostgreSQL that only reads, after a failover for example; timeout: all connections are taken
AWAY = (OperationalError, InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError)

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class Rider(Protocol):
    """Who takes part in transactions that are about to be committed; called on the writing thread."""

    def wants(self, changes: Collection[Changed]) -> bool:
        """Whether it takes part where this has changed."""
        ...

    def ride(self, session: Session, changes: Collection[Changed]) -> None:
        """Its part. What it raises undoes this part only."""
        ...

    def land(self, *, committed: bool) -> None:
        """After each transaction that it took part in, before anybody hears of the changes."""
        ...


@dataclass(frozen=True)
class _Job:
    """A write that waits: what to run, and where its result goes."""

    run: Callable[[Session], Any]
    future: Future[Any]


def note(session: Session, *changes: Changed) -> None:
    """Announces `changes` once the transaction of `session` is committed."""
    session.info.setdefault("changes", set()).update(changes)


def moment(session: Session) -> datetime:
    """The present moment by the clock that leases go by: PostgreSQL's own, so that machines may disagree."""
    connection = session.connection()
    steady: SteadyClock = connection.dialect.steady  # type: ignore[attr-defined]  # hung there by Database
    if connection.dialect.name == "sqlite":
        return steady.read(times.utcnow())
    return steady.read(times.check(connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()))


class Database:
    """One database, SQLite or PostgreSQL, opened by `url` (SQLAlchemy's words)."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.origin = secrets.token_hex(8)  # tells our own notifications from those of others
        self.announcer = Announcer()
        self.rider: Rider | None = None
        self.steady = SteadyClock()
        self.reader = _open(self.url, sealer, self.steady, begin="BEGIN", size=READERS)
        self.writer = _open(self.url, sealer, self.steady, begin="BEGIN IMMEDIATE", size=1)
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._version: int | None = None  # SQLite's count of other connections' commits, as the writer saw it last
        if self.is_sqlite:
            sa.event.listen(self.writer, "connect", self._forget_version)

    async def read(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(session, …)` on a reading thread. Raises Unavailable when the database is away."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self.read_now(fn, *args, **kwargs))

    async def write(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(session, …)` on the writing thread; returns after the commit. Raises Unavailable."""
        return await asyncio.wrap_future(self._submit(lambda session: fn(session, *args, **kwargs)))

    def read_now(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for code without an event loop."""
        try:
            with Session(self.reader, expire_on_commit=False) as session:
                return fn(session, *args, **kwargs)
        except AWAY as error:
            raise _unavailable(error) from error

    def write_now(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for code without an event loop."""
        result: T = self._submit(lambda session: fn(session, *args, **kwargs)).result()
        return result

    def look_for_others(self) -> None:
        """SQLite: announces `Kind.anything` if another process has committed something since the last look.

        Only the writer's own connection can tell that from what this process has committed.
        """
        with suppress(Unavailable):  # it is being closed
            self._submit(self._notice_others)

    def _notice_others(self, session: Session) -> None:
        version = session.connection().exec_driver_sql("PRAGMA data_version").scalar_one()
        if version != self._version:  # what it was before this connection began to count may be missed news
            note(session, Changed(Kind.anything))
        self._version = version

    def _forget_version(self, _connection: object, _record: object) -> None:
        self._version = None  # each connection counts from another number

    def close(self) -> None:
        """Finishes what was submitted and lets go of all connections."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            thread.join()
        self._pool.shutdown()
        self.reader.dispose()
        self.writer.dispose()

    def _submit(self, run: Callable[[Session], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping; nothing was changed.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_groups, name="database-write", daemon=True)
                self._thread.start()
            self._jobs.put(_Job(run, future))
        return future

    def _write_groups(self) -> None:
        while (first := self._jobs.get()) is not None:
            group = [first]
            while len(group) < GROUP and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    self._jobs.put(None)
                    break
                group.append(job)
            self._write_group([job for job in group if job.future.set_running_or_notify_cancel()])

    def _write_group(self, group: list[_Job]) -> None:
        changes: set[Changed] = set()
        rider = self.rider
        try:
            with self.writer.begin() as connection:
                alone = len(group) == 1
                outcomes = [(job, *_run(job, connection, changes, alone=alone)) for job in group]
                if rider is not None and rider.wants(changes):
                    _let_ride(rider, connection, changes)
        except Exception as error:  # the commit failed, so nothing of the group is stored
            if rider is not None:
                rider.land(committed=False)
            failure = _unavailable(error) if isinstance(error, DBAPIError) else error
            for job in group:
                job.future.set_exception(failure)
            return
        if rider is not None:
            rider.land(committed=True)
        if changes and not self.is_sqlite:
            self._notify(changes)
        again = []
        for job, result, problem in outcomes:
            if problem is None:
                job.future.set_result(result)
            elif not isinstance(problem, AWAY):
                job.future.set_exception(problem)
            elif len(group) == 1:
                job.future.set_exception(_unavailable(problem))
            else:
                again.append(job)
        self.announcer.announce(changes)
        for job in again:  # a deadlock with another process's group may be over once the job is alone
            self._write_group([job])

    def _notify(self, changes: set[Changed]) -> None:
        """Tells other processes; after the commit, so that no lock is held for it. Their tickers cover a failure."""
        notice = write_notice(self.origin, changes)
        with suppress(DBAPIError), self.writer.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (CHANNEL, notice))


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


def _run(job: _Job, connection: Connection, changes: set[Changed], *, alone: bool) -> tuple[Any, Exception | None]:
    # one that is alone in its transaction needs no savepoint: it is rolled back whole
    mode: Any = "rollback_only" if alone else "create_savepoint"
    session = Session(connection, join_transaction_mode=mode, expire_on_commit=False)
    try:
        with session, session.begin():
            result = job.run(session)
    except AWAY as error:
        if connection.invalidated or not _in_transaction(connection):
            raise  # the connection or the disk is gone, and the group with it
        return None, error
    except Exception as error:
        if connection.invalidated:  # the server has ended it for standing still, for example
            raise
        return None, error
    changes |= session.info.get("changes", set())
    return result, None


def _let_ride(rider: Rider, connection: Connection, changes: set[Changed]) -> None:
    session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    try:
        with session, session.begin():
            rider.ride(session, frozenset(changes))
    except Exception as error:
        if connection.invalidated or not _in_transaction(connection):
            raise  # the connection or the disk is gone, and the group with it
        log.warning("write.alone", reason=str(error), exc_info=not isinstance(error, AWAY))


def _in_transaction(connection: Connection) -> bool:
    """Whether there is still something to commit: SQLite rolls back by itself when a disk is full."""
    raw: Any = connection.connection.dbapi_connection
    return connection.dialect.name != "sqlite" or bool(raw.in_transaction)


def _unavailable(error: Exception) -> Unavailable:
    first: BaseException = error
    context = error.__context__
    while context is not None:  # a rollback that fails as well only hides the cause
        first, context = context if isinstance(context, DBAPIError) else first, context.__context__
    cause = str(getattr(first, "orig", None) or first).strip().splitlines()
    return Unavailable(
        f"The database did not answer ({cause[0] if cause else 'no reason given'}). Nothing was changed."
    )


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
        engine = sa.create_engine(
            url,
            connect_args={"options": options, "connect_timeout": BUSY_SECONDS, **ALIVE},
            pool_pre_ping=True,
            pool_size=size,
            max_overflow=0,
            hide_parameters=True,  # an error's words reach the log, and payloads must not
        )
    engine.dialect.sealer = sealer  # type: ignore[attr-defined]  # read by SealedJson
    engine.dialect.steady = steady  # type: ignore[attr-defined]  # read by moment
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, and which one
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows A to Z only
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
    connection.execute("PRAGMA foreign_keys = ON")


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text
