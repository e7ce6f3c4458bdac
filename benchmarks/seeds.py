"""Rows in great number, as the product would have written them, made inside the database so that it takes seconds.

They are stored in batches of a thousand that share a moment, like events that came in by `POST /events/batch`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webhook_ui import ids, models
from webhook_ui.app import Core
from webhook_ui.models import Attempt, Delivery, Event
from webhook_ui.times import utcnow

BATCH = 1000
BATCHES_A_COMMIT = 50
SPAN = timedelta(days=10)
PAYLOAD = '{"id":7,"name":"Zoë"}'

Values = dict[str, Any]


def history(core: Core, count: int, *, webhook_ids: list[int]) -> None:
    """Events that were delivered over the last ten days: a closed delivery and an attempt each, over the webhooks."""

    def store(batch: "_Batch") -> None:
        batch.insert(Event, **_event(batch))
        closed = {"status": "sent", "answer": "sent", "closed": "sent", "due_at": None, "tries": 1}
        batch.insert(Delivery, **_delivery(batch, webhook_ids), **closed, last_attempt_id=batch.event_id)
        batch.insert(Attempt, **_attempt(batch, webhook_ids))

    _fill(core, count, store)


def backlog(core: Core, count: int, *, webhook_ids: list[int], due: timedelta = timedelta()) -> None:
    """Events of the last ten days whose delivery is open, over the webhooks: due when stored, or `due` from now."""
    later = utcnow() + due if due else None

    def store(batch: "_Batch") -> None:
        batch.insert(Event, **_event(batch))
        batch.insert(Delivery, **_delivery(batch, webhook_ids), due_at=later or batch.moment)

    _fill(core, count, store)


class _Batch:
    """Up to a thousand rows of a moment; in expressions, `number` counts them from 0."""

    def __init__(self, connection: sa.Connection, moment: datetime, size: int) -> None:
        self._connection, self.moment = connection, moment
        numbers = sa.select(sa.literal(0, sa.BigInteger).label("i")).cte("numbers", recursive=True)
        numbers = numbers.union_all(sa.select(numbers.c.i + 1).where(numbers.c.i < size - 1))
        self.number: sa.ColumnElement[int] = numbers.c.i
        self.event_id = sa.literal(ids.floor(moment), sa.BigInteger) + self.number

    def insert(self, model: type[models.Table], **values: Any) -> None:
        """Stores the rows; what `values` leave open has the model's default."""
        table = models.table(model)
        columns = {name: values.get(name, field.get_default()) for name, field in model.model_fields.items()}
        chosen = [
            value if isinstance(value, sa.ColumnElement) else sa.literal(value, table.c[name].type)
            for name, value in columns.items()
        ]
        self._connection.execute(table.insert().from_select(list(columns), sa.select(*chosen)))


def _event(batch: _Batch) -> Values:
    moments = {"occurred_at": batch.moment, "created_at": batch.moment}
    return {"id": batch.event_id, "trigger": "user.created", "payload": PAYLOAD, "actor": "token:shop", **moments}


def _delivery(batch: _Batch, webhook_ids: list[int]) -> Values:
    moments = {"created_at": batch.moment, "updated_at": batch.moment}
    return {"webhook_id": _turn(batch, webhook_ids), "event_id": batch.event_id, "trigger": "user.created", **moments}


def _attempt(batch: _Batch, webhook_ids: list[int]) -> Values:
    headers = [
        ["content-type", "application/json"],
        ["user-agent", "webhook-ui/0.1.0"],
        ["webhook-id", "evt_01KB4N8Q5Z7M2"],
        ["webhook-timestamp", "1763888400"],
        ["webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],
    ]
    return {
        "webhook_id": _turn(batch, webhook_ids),
        "event_id": batch.event_id,
        "id": batch.event_id,
        "round": 1,
        "at": batch.moment,
        "duration_ms": 12.5,
        "status": "sent",
        "url": "http://127.0.0.1:9000/",
        "request_headers": headers,
        "response_status": 200,
        "response_headers": [["content-length", "0"]],
        "timings": {"dns": None, "connect": None, "tls": None, "wait": 11.9},
    }


def _turn(batch: _Batch, webhook_ids: list[int]) -> sa.ColumnElement[int]:
    """The webhooks in turn; their ids follow one another, being those of a new database."""
    if webhook_ids != list(range(webhook_ids[0], webhook_ids[0] + len(webhook_ids))):
        raise ValueError("seeds need webhooks whose ids follow one another")
    return sa.literal(webhook_ids[0], sa.BigInteger) + batch.number % len(webhook_ids)


def _fill(core: Core, count: int, store: Callable[[_Batch], None]) -> None:
    batches = -(-count // BATCH)
    first, step = utcnow() - SPAN, SPAN / (batches + 1)
    with open_engine(core) as engine:
        for start in range(0, batches, BATCHES_A_COMMIT):
            with engine.begin() as connection:
                hurry(connection)
                for number in range(start, min(start + BATCHES_A_COMMIT, batches)):
                    store(_Batch(connection, first + step * number, min(BATCH, count - number * BATCH)))
        if not core.database.is_sqlite:  # what autovacuum would have done by now
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text("VACUUM ANALYZE"))


@contextmanager
def open_engine(core: Core) -> Iterator[sa.Engine]:
    """A connection beside the product's own."""
    engine = sa.create_engine(core.settings.database, poolclass=sa.StaticPool)
    try:
        yield engine
    finally:
        engine.dispose()


def hurry(connection: sa.Connection) -> None:
    """What is lost with the machine can be seeded again."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("PRAGMA synchronous = OFF"))
        connection.execute(sa.text("PRAGMA cache_size = -200000"))
    else:
        connection.execute(sa.text("SET synchronous_commit = off"))
