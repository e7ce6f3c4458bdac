"""One scheduler among all processes: who holds the lock does what is to be done only once. `app` says what that is.

With PostgreSQL it is an advisory lock of a connection, with SQLite a lock on a file beside the database: both end with
their holder, however it ends. A holder that loses its connection finds out before another one begins, as long as its
clock runs; what is done under the lock must still bear two at once for a moment.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import structlog

from webhook_ui.database import Database
from webhook_ui.outage import Outage

LOCK = 0x7765_6265  # PostgreSQL's number of this lock; it counts within one database
TRY_SECONDS = 1.0  # how often a candidate tries
LOOK_SECONDS = 0.5  # how often a holder looks whether its connection is still there
HANDOVER_SECONDS = 1.0  # so that a former holder has looked before the next one begins
AGAIN_SECONDS = 2.0

# a holder whose machine is gone must be noticed by the server, and one whose server is gone must notice it itself
ALIVE = "keepalives_idle=3 keepalives_interval=2 keepalives_count=2 tcp_user_timeout=5000 connect_timeout=5"
SERVER_ALIVE = "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2"

log = structlog.get_logger()


class Election:
    """A candidate, in a thread of its own; `on_change` is called there: with True it has won, else lost."""

    def __init__(self, database: Database, on_change: Callable[[bool], None]) -> None:
        self._database, self._on_change = database, on_change
        self._held = False
        self._outage = Outage("election")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)

    @property
    def held(self) -> bool:
        """Whether this process is the one."""
        return self._held

    def start(self) -> None:
        """Begins to try."""
        self._thread.start()

    def stop(self) -> None:
        """Tries no more, and lets another process have it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        stand = self._stand_with_file if self._database.is_sqlite else self._stand_with_server
        while not self._stop.is_set():
            try:
                stand()
            except (psycopg.Error, sqlite3.Error, OSError) as error:
                self._outage.note(str(error).strip())
                self._stop.wait(AGAIN_SECONDS)

    def _stand_with_file(self) -> None:
        path = Path(f"{self._database.url.database}.scheduler")
        # never removed: whoever has it open would hold a lock on a file that nobody else finds
        with closing(_Descriptor(path)) as file:
            self._outage.over()
            while not self._stop.is_set():
                if file.try_lock():
                    with self._holding():
                        self._stop.wait()
                self._stop.wait(TRY_SECONDS)

    def _stand_with_server(self) -> None:
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        address = psycopg.conninfo.make_conninfo(url, **psycopg.conninfo.conninfo_to_dict(ALIVE))
        with psycopg.connect(address, autocommit=True, options=SERVER_ALIVE) as connection:
            self._outage.over()
            while not self._stop.is_set():
                won = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
                if won and won[0] and not self._stop.wait(HANDOVER_SECONDS):
                    connection.execute("SELECT 1")
                    with self._holding():
                        while not self._stop.wait(LOOK_SECONDS):
                            connection.execute("SELECT 1")
                self._stop.wait(TRY_SECONDS)

    @contextmanager
    def _holding(self) -> Iterator[None]:
        self._tell(True)
        try:
            yield
        finally:
            self._tell(False)

    def _tell(self, held: bool) -> None:
        self._held = held
        log.info("election.won" if held else "election.given_up")
        self._on_change(held)


class _Descriptor:
    """An open file to be locked; the kernel frees it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_lock(self) -> bool:
        try:
            fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._number)
