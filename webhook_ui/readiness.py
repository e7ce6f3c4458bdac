"""`/readyz`: whether this process can do its work now, and what is wrong if not. Reachable for strangers: it says
which part fails, in general words, and nothing of where that part is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from webhook_ui import heartbeats, migrations
from webhook_ui.database import Database, moment
from webhook_ui.errors import Unavailable
from webhook_ui.heartbeats import FRESH, Pulse
from webhook_ui.history import backlog

CHECKS = ("database", "schema", "writing", "dispatcher")
PATIENCE_SECONDS = 2.0
KEPT_SECONDS = 1.0  # whoever asks more often gets the last answer: strangers must not keep the database busy
NO_CACHE = {"cache-control": "no-store"}

NO_ANSWER = "The database does not answer."
NOT_KNOWN = "Not known while the database does not answer."
NO_WRITES = "The database takes no writes."
OTHER_SCHEMA = "The database is not in the shape this version needs. Run the same version everywhere."
NO_DISPATCHER = f"No dispatcher has been at work for {FRESH.total_seconds():g} seconds."

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What one read finds."""

    fits: bool
    served: bool  # a dispatcher is at work somewhere, or none is needed while sending is stopped


class Readiness:
    """Asks the database as often as it is asked itself, but never twice at a time; every answer comes within 3 s."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.pulse: Pulse | None = None  # of the dispatcher in this process, while there is one
        self._clock = clock
        self._revision = migrations.latest()
        self._read = _Probe(lambda: database.read(_look, self._revision))
        self._write = _Probe(lambda: database.write(_takes_writes))
        self._kept: tuple[float, Mapping[str, str | None]] | None = None

    async def answer(self, request: Request) -> Response:
        """200 and `ready`, or 503 and what is wrong; `?exclude=` leaves checks out, as in Kubernetes."""
        excluded = set(request.query_params.getlist("exclude"))
        if unknown := sorted(excluded.difference(CHECKS)):
            said = f"There is no check {unknown[0][:100]}. The checks are {', '.join(CHECKS)}.\n"
            return PlainTextResponse(said, 400, NO_CACHE)
        found = {name: said for name, said in (await self.check()).items() if name not in excluded}
        if any(found.values()):
            checks = {name: said or "ok" for name, said in found.items()}
            return JSONResponse({"status": "not ready", "checks": checks}, 503, NO_CACHE)
        return PlainTextResponse("ready\n", 200, NO_CACHE)

    async def check(self) -> Mapping[str, str | None]:
        """Each of CHECKS with what is wrong, None where all is well."""
        if self._kept is not None and self._clock() - self._kept[0] < KEPT_SECONDS:
            return self._kept[1]
        read, write = self._read.run(), self._write.run()
        await asyncio.wait({read, write}, timeout=PATIENCE_SECONDS)
        found, takes_writes = _result(read), _result(write)
        checks = {
            "database": None if found else NO_ANSWER,
            "schema": NOT_KNOWN if found is None else None if found.fits else OTHER_SCHEMA,
            "writing": None if takes_writes and not (self.pulse and self.pulse.missed) else NO_WRITES,
            "dispatcher": self._judge_dispatcher(found),
        }
        self._kept = self._clock(), checks
        return checks

    def _judge_dispatcher(self, found: _Found | None) -> str | None:
        if self.pulse is not None:
            figures = self.pulse.figures()
            still = (figures.since_turn or 0.0) > FRESH.total_seconds()
            return NO_DISPATCHER if still or figures.away_for is not None else None
        if found is None:
            return NOT_KNOWN
        return None if found.served else NO_DISPATCHER


class _Probe(Generic[T]):
    """One question to the database, asked anew only once the last one has ended, however long that hangs."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._task: asyncio.Task[T | None] | None = None

    def run(self) -> "asyncio.Task[T | None]":
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._try())
        return self._task

    async def _try(self) -> T | None:
        try:
            return await self._ask()
        except (Unavailable, DBAPIError):
            return None


def _result(task: "asyncio.Task[T | None]") -> T | None:
    return task.result() if task.done() else None


def _look(session: Session, wanted: str) -> _Found:
    version = sa.table(migrations.VERSION_TABLE, sa.column("version_num"))
    revision = session.execute(sa.select(version.c.version_num)).scalar()
    if revision != wanted:
        return _Found(fits=False, served=False)
    served = bool(heartbeats.alive(session, moment(session))) or backlog.is_stopped(session)
    return _Found(fits=True, served=served)


def _takes_writes(session: Session) -> bool:
    """Runs where writing begins: SQLite holds its lock here, PostgreSQL says whether it is one that is only read."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    return bool(session.execute(sa.text("SHOW transaction_read_only")).scalar() == "off")
