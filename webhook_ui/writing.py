"""The writing thread: jobs that wait at the same time share one transaction, and yet each of them can fail alone.

Its connection is kept between groups, for to take one out of the pool costs as much as a small group. What is written
is nobody's business here.
"""

import queue
import select
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlmodel import Session

from webhook_ui.changes import Changed, may_wait
from webhook_ui.errors import Unavailable

GROUP = 256  # jobs in one transaction at the most
NOTICE_SECONDS = 0.1  # other processes hear of what is only shown not more often
FRESH_SECONDS = 1.0  # a connection that has lain longer goes by the pool, which looks whether it is still alive
# internal: a PostgreSQL that only reads, after a failover for example; timeout: all connections are taken
AWAY = (OperationalError, InterfaceError, sa.exc.InternalError, sa.exc.TimeoutError)

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
        """After each transaction that it took part in or that came to nothing, before anybody hears of the changes."""
        ...


@dataclass(frozen=True)
class _Job:
    """A write that waits: what to run, and where its result goes."""

    run: Callable[[Session], Any]
    future: Future[Any]


_Outcome = tuple[_Job, Any, Exception | None]  # what it returned, or why it failed


class Writer:
    """Writes by way of `engine`. After each commit `announce` tells this process of the changes, and `notify` others,
    over the same connection; of what is only shown they hear a few times a second. `mark` may leave a note in each
    transaction. `rider` may be set at any time.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        announce: Callable[[set[Changed]], None],
        notify: Callable[[Connection, set[Changed]], None] | None,
        mark: Callable[[Connection, set[Changed]], None] | None = None,
    ) -> None:
        self.rider: Rider | None = None
        self._engine, self._announce, self._notify, self._mark = engine, announce, notify, mark
        self._connection: Connection | None = None
        self._used_at = float("-inf")
        self._untold: set[Changed] = set()
        self._told_at = float("-inf")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, run: Callable[[Session], Any]) -> Future[Any]:
        """What `run(session)` returns, once it is committed. Raises Unavailable after `close`."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping; nothing was changed.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_groups, name="database-write", daemon=True)
                self._thread.start()
            self._jobs.put(_Job(run, future))
        return future

    def close(self) -> None:
        """Finishes what was submitted."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            thread.join()

    def _write_groups(self) -> None:
        while (first := self._next_job()) is not None:
            group = [first]
            while len(group) < GROUP and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    self._jobs.put(None)
                    break
                group.append(job)
            self._write_group([job for job in group if job.future.set_running_or_notify_cancel()])
        self._tell_untold()
        self._let_go()

    def _next_job(self) -> _Job | None:
        if self._untold:
            try:
                return self._jobs.get(timeout=max(self._told_at + NOTICE_SECONDS - time.monotonic(), 0))
            except queue.Empty:
                self._tell_untold()
        return self._jobs.get()

    def _write_group(self, group: list[_Job]) -> None:
        changes: set[Changed] = set()
        rider = self.rider
        try:
            outcomes = self._commit(group, changes, rider)
        except Exception as error:  # the commit failed, so nothing of the group is stored
            self._let_go()
            if rider is not None:
                rider.land(committed=False)
            failure = unavailable(error) if isinstance(error, DBAPIError) else error
            for job in group:
                job.future.set_exception(failure)
            return
        if rider is not None:
            rider.land(committed=True)
        self._tell_others(changes)
        again = []
        for job, result, problem in outcomes:
            if problem is None:
                job.future.set_result(result)
            elif not isinstance(problem, AWAY):
                job.future.set_exception(problem)
            elif len(group) == 1:
                job.future.set_exception(unavailable(problem))
            else:
                again.append(job)
        self._announce(changes)
        for job in again:  # a deadlock with another process's group may be over once the job is alone
            self._write_group([job])

    def _commit(self, group: list[_Job], changes: set[Changed], rider: Rider | None) -> list[_Outcome]:
        """One transaction for all of them; what was changed is added to `changes`."""
        connection = self._take_connection()
        with connection.begin():
            alone = len(group) == 1
            outcomes = [(job, *_run(job, connection, changes, alone=alone)) for job in group]
            if rider is not None and rider.wants(changes):
                _let_ride(rider, connection, changes)
            if self._mark is not None:
                self._mark(connection, changes)
        return outcomes

    def _tell_others(self, changes: set[Changed]) -> None:
        if self._notify is None:
            return
        self._untold |= changes
        if not may_wait(changes) or time.monotonic() - self._told_at >= NOTICE_SECONDS:
            self._tell_untold()

    def _tell_untold(self) -> None:
        if not self._untold or self._notify is None or self._connection is None:
            return  # without a connection it is told with the next commit
        changes, self._untold = self._untold, set()
        self._told_at = time.monotonic()
        try:
            self._notify(self._connection, changes)
        except DBAPIError:  # their tickers cover it
            self._let_go()

    def _take_connection(self) -> Connection:
        now = time.monotonic()
        if self._connection is not None and (now - self._used_at > FRESH_SECONDS or _has_news(self._connection)):
            self._let_go()
        self._used_at = now
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _has_news(connection: Connection) -> bool:
    """Whether the server says something although nobody has asked: as a rule that it has ended the connection."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return False
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))


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


def unavailable(error: Exception) -> Unavailable:
    """What a person is told of a database's error."""
    first: BaseException = error
    context = error.__context__
    while context is not None:  # a rollback that fails as well only hides the cause
        first, context = context if isinstance(context, DBAPIError) else first, context.__context__
    cause = str(getattr(first, "orig", None) or first).strip().splitlines()
    return Unavailable(
        f"The database did not answer ({cause[0] if cause else 'no reason given'}). Nothing was changed."
    )
