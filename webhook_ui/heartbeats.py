"""Heartbeats: every dispatcher says every few seconds that it is there and how it does. Who judges it stands elsewhere.

They lie in the database, so that any process can tell how all others are, on whatever machine they run.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlmodel import Session

from webhook_ui import __version__, times
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database, moment, note
from webhook_ui.errors import Unavailable
from webhook_ui.models import Heartbeat, table
from webhook_ui.vitals import Errand, Figures

BEAT_SECONDS = 5.0
PATIENCE_SECONDS = 4.0  # that one beat may take; the next must not find it running
FRESH = timedelta(seconds=30)
FORGOTTEN = timedelta(days=1)  # after which anybody removes what a dispatcher that died has left

_heartbeat = table(Heartbeat)
log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Beat:
    """The last sign of life of one dispatcher; `beat_at` is by the database's clock."""

    dispatcher: str
    host: str
    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    figures: Figures

    def is_alive(self, now: datetime, within: timedelta = FRESH) -> bool:
        """Whether it beats and makes turns: a process may go on beating while its dispatcher hangs."""
        still = self.figures.since_turn or 0.0
        return now - self.beat_at <= within and still <= within.total_seconds()


def beat(
    session: Session,
    *,
    dispatcher: str,
    host: str,
    pid: int,
    version: str,
    started_at: datetime,
    figures: Figures,
    news: bool = False,
) -> None:
    """Stores a dispatcher's sign of life, and removes rows of those that have been silent for a day.

    With `news`, what it says is announced, as people look at it.
    """
    now = moment(session)
    if news:
        note(session, Changed(Kind.anything))
    mine = _heartbeat.c.dispatcher == dispatcher
    values: dict[str, Any] = {"beat_at": now, "figures": msgspec.to_builtins(figures)}
    if not session.execute(_heartbeat.update().where(mine).values(values)).rowcount:  # type: ignore[attr-defined]
        born = {"dispatcher": dispatcher, "host": host, "pid": pid, "version": version, "started_at": started_at}
        session.execute(_heartbeat.insert().values(**born, **values))
    session.execute(_heartbeat.delete().where(_heartbeat.c.beat_at < now - FORGOTTEN))


def leave(session: Session, dispatcher: str) -> None:
    """Removes the row of a dispatcher that has stopped as it should."""
    session.execute(_heartbeat.delete().where(_heartbeat.c.dispatcher == dispatcher))


def list_beats(session: Session) -> list[Beat]:
    """All dispatchers of the last day that have not said goodbye, oldest first."""
    rows = session.execute(sa.select(_heartbeat).order_by(_heartbeat.c.started_at, _heartbeat.c.dispatcher))
    return [Beat(**{**row._mapping, "figures": _read_figures(row.figures)}) for row in rows]


def alive(session: Session, now: datetime, within: timedelta = FRESH) -> list[Beat]:
    """The dispatchers that are at work; `now` is by the database's clock."""
    return [one for one in list_beats(session) if one.is_alive(now, within)]


class Pulse:
    """Beats for the dispatcher of this process. Nothing that goes wrong with it stops anything else."""

    def __init__(self, database: Database, dispatcher: str, figures: Callable[[], Figures]) -> None:
        self.figures = figures
        self.missed = False  # the last beat could not be stored
        self._database = database
        self._dispatcher = dispatcher
        self._started_at = times.utcnow()
        self._left = False
        self._errands: tuple[Errand, ...] = ()

    async def beat(self) -> None:
        """Stores one beat. A failure is logged once, until it works again."""
        if self._left:
            return
        try:
            figures = self.figures()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._database.write(
                    beat,
                    dispatcher=self._dispatcher,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=__version__,
                    started_at=self._started_at,
                    figures=figures,
                    news=figures.errands != self._errands,
                )
        except Exception as error:  # whatever it is, deliveries go on without it
            if not self.missed:
                foreseen = isinstance(error, (Unavailable, TimeoutError))
                reason = str(error) or f"The database took longer than {PATIENCE_SECONDS:g} seconds."
                log.warning("heartbeat.missed", reason=reason, exc_info=None if foreseen else error)
            self.missed = True
        else:
            if self.missed:
                log.info("heartbeat.again")
            self.missed = False
            self._errands = figures.errands

    async def leave(self) -> None:
        """Says goodbye. If that fails, the others see a silent dispatcher for a day."""
        self._left = True
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._database.write(leave, self._dispatcher)
        except (Unavailable, TimeoutError) as error:
            log.warning("heartbeat.stays", reason=str(error))


def _read_figures(stored: Any) -> Figures:
    """Figures as some version wrote them: what this one does not know is left out, what is missing is a default."""
    try:
        return msgspec.convert(stored, Figures)
    except msgspec.ValidationError:
        return Figures()
