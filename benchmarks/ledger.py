"""Both ends of an account: a receiver that writes down every arrival, and a look at what the database says."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from webhook_ui import engine_events, times
from webhook_ui.database import CHANNEL
from webhook_ui.models import Attempt, Delivery, Event, table

Key = tuple[int, int]  # webhook, event: the delivery

_delivery, _attempt, _event = table(Delivery), table(Attempt), table(Event)


@dataclass(frozen=True)
class Manner:
    """How a path answers: after so many seconds at the most, and 503 to this part of the requests."""

    slowness: float = 0.0
    failing: float = 0.0


@dataclass
class Far:
    """A receiver in a thread of its own. `arrivals` are (monotonic seconds, path, webhook-id), first ones first."""

    manners: Mapping[str, Manner]
    seed: int
    port: int = 0
    arrivals: list[tuple[float, str, str]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, ready: Callable[[], object], stop: asyncio.Event) -> None:
        """Answers until `stop`."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await stop.wait()
        server.close()


class _Connection(asyncio.Protocol):
    """Just enough HTTP: a head, a content-length, keep-alive, one request after the other."""

    def __init__(self, far: Far) -> None:
        self._far, self._random, self._buffer = far, random.Random(f"{far.seed} {len(far.arrivals)}"), b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n") + 4) > 3:
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            whole = end + int(headers.get("content-length", 0))
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._take(first.split(" ")[1], headers["webhook-id"])

    def _take(self, path: str, webhook_id: str) -> None:
        self._far.arrivals.append((time.monotonic(), path, webhook_id))
        manner = self._far.manners[path]
        line = b"503 Service Unavailable" if self._random.random() < manner.failing else b"200 OK"
        answer = b"HTTP/1.1 " + line + b"\r\ncontent-length: 0\r\n\r\n"
        delay = self._random.uniform(0, manner.slowness)
        asyncio.get_running_loop().call_later(delay, self._transport.write, answer)


@contextmanager
def far(manners: Mapping[str, Manner], *, seed: int = 0) -> Iterator[Far]:
    """Starts a receiver on a free port and ends it afterwards."""
    made, ready = Far(manners, seed), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(made.serve(ready.set, stop),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the database tells of one delivery; `tried` counts its attempts, `answered` those with a status."""

    status: str
    closed: str | None
    tries: int
    losses: int
    tried: int
    answered: int


class View:
    """Looks at a database from outside the product."""

    def __init__(self, url: str | sa.URL) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)

    def claims(self) -> dict[Key, str]:
        """What is claimed at this moment, with the claims' tokens."""
        rows = self._rows(sa.select(_delivery).where(_delivery.c.claim.is_not(None)))
        return {(row.webhook_id, row.event_id): row.claim for row in rows}

    def open(self) -> int:
        """How many deliveries are not over."""
        found: int = self._rows(sa.select(sa.func.count()).where(_delivery.c.due_at.is_not(None)))[0][0]
        return found

    def events(self) -> int:
        """How many events are stored, less those that the engine emits about itself."""
        theirs = sa.select(sa.func.count()).where(_event.c.trigger.not_in(engine_events.TRIGGERS))
        found: int = self._rows(theirs)[0][0]
        return found

    def deliveries(self) -> dict[Key, Told]:
        """All deliveries."""
        tried: Counter[Key] = Counter()
        answered: Counter[Key] = Counter()
        for row in self._rows(sa.select(_attempt.c.webhook_id, _attempt.c.event_id, _attempt.c.response_status)):
            tried[row[0], row[1]] += 1
            answered[row[0], row[1]] += row[2] is not None
        found = {}
        for row in self._rows(sa.select(_delivery)):
            key = (row.webhook_id, row.event_id)
            found[key] = Told(
                status=row.status,
                closed=row.closed,
                tries=row.tries,
                losses=row.losses,
                tried=tried[key],
                answered=answered[key],
            )
        return found

    def end_leases(self, first: Callable[[], object] = lambda: None) -> int:
        """Lets the time of every lease pass, so that nobody has to wait for it; returns how many there were.

        `first` is called before, on SQLite while nobody else can write.
        """
        ended = _delivery.update().where(_delivery.c.claim.is_not(None)).values(due_at=times.utcnow())
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            first()
            count: int = connection.execute(ended).rowcount
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "leases end")))
        return count

    def _rows(self, statement: sa.Select[Any]) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement))
