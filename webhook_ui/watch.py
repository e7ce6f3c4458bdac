"""Hears the commits of other processes. The database is the only bus: PostgreSQL tells, SQLite is asked.

Whoever asks SQLite also empties its log now and then, so that no commit has to.
"""

import sqlite3
import threading
import time
from contextlib import closing

import psycopg

from webhook_ui.changes import Changed, Kind
from webhook_ui.database import ALIVE, CHANNEL, Database, read_notice
from webhook_ui.outage import Outage

ASK_SECONDS = 0.05  # one question costs SQLite some microseconds
EMPTY_SECONDS = 1.0
AGAIN_SECONDS = 2.0


class Watch:
    """A thread that announces what other processes have committed: PostgreSQL says what, with SQLite it is anything."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outage = Outage("watch")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-watch", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; takes as long as one look at the database."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        look = self._ask_sqlite if self._database.is_sqlite else self._hear_postgresql
        while not self._stop.is_set():
            try:
                look()
            except (psycopg.Error, sqlite3.Error) as error:
                self._outage.note(str(error).strip())
                self._stop.wait(AGAIN_SECONDS)
                self._announce()  # something may have been missed

    def _ask_sqlite(self) -> None:
        file = str(self._database.url.database)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            seen = emptied = None
            again = 0.0
            while not self._stop.is_set():
                version = connection.execute("PRAGMA data_version").fetchone()
                self._outage.over()
                if seen is not None and version != seen:
                    self._database.look_for_others()  # it may have been this process itself
                seen = version
                if version != emptied and time.monotonic() > again:
                    # moving what was committed from the log into the database makes no commit wait here
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                    emptied, again = version, time.monotonic() + EMPTY_SECONDS
                self._stop.wait(ASK_SECONDS)

    def _hear_postgresql(self) -> None:
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        address = psycopg.conninfo.make_conninfo(url, connect_timeout=5, **ALIVE)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._outage.over()
            while not self._stop.is_set():
                for heard in connection.notifies(timeout=0.5, stop_after=1):
                    origin, changes = read_notice(heard.payload)
                    if origin != self._database.origin:
                        self._database.announcer.announce(changes)

    def _announce(self) -> None:
        self._database.announcer.announce([Changed(Kind.anything)])
