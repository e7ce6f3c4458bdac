"""A large installation as rows: many webhooks with a history, an error here and there, a backlog, a day's statistics.

Rows are made inside the database in the order of their keys, and secondary indexes are built afterwards: 100,000
webhooks with 5 million deliveries take minutes, not hours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks import product
from benchmarks.seeds import PAYLOAD, hurry, open_engine
from webhook_ui import ids
from webhook_ui.app import Core
from webhook_ui.columns import EPOCH, MICROSECOND
from webhook_ui.models import Attempt, Delivery, Event, Lane, Statistics, Subscription, Table, Webhook, table
from webhook_ui.times import utcnow

FAN = 100  # webhooks that hear of one event
SPAN = timedelta(days=10)
COUNTED = timedelta(days=3)  # of which there are statistics
BUSY = 48  # webhooks with statistics of every minute of the last day: those on the first page
AT_ONCE = 2000  # webhooks whose rows are made by one statement
FAILING, WAITING, QUIET, PAUSED, OFF = 50, 20, 40, 33, 31  # every so manieth webhook

_webhook, _lane, _delivery = table(Webhook), table(Lane), table(Delivery)
_event = sa.table(
    "benchmark_event",
    sa.column("team", sa.BigInteger),  # which webhooks hear of it
    sa.column("id", sa.BigInteger),
    sa.column("at", table(Event).c.created_at.type),
    sa.column("minute", table(Event).c.created_at.type),
)


def estate(core: Core, webhooks: int, deliveries: int) -> None:
    """Fills an empty installation."""
    (first,) = product.add_webhooks(core, ["http://127.0.0.1:9/"])
    groups = max(webhooks // FAN, 1)
    events = max(deliveries * groups // webhooks, 1)
    now = utcnow()
    with open_engine(core) as engine, _without_indexes(engine):
        with engine.begin() as connection:
            _hurry(connection)
            _add_webhooks(connection, first, webhooks, now)
            _add_events(connection, events, groups, now)
        for start in range(first, webhooks + 1, AT_ONCE):
            with engine.begin() as connection:
                _hurry(connection)
                _add_rows(connection, start, min(start + AT_ONCE, webhooks + 1), groups, now)
        with engine.begin() as connection:
            _hurry(connection)
            _add_busy(connection, webhooks, now)
            connection.execute(sa.text("DROP TABLE benchmark_event"))
    _settle_down(core)


def _add_webhooks(connection: sa.Connection, first: int, count: int, now: datetime) -> None:
    number = _numbers(first + 1, count)
    made = _after(connection, now - timedelta(days=365), timedelta(days=365) / (count + 1), number)
    given: dict[str, Any] = {
        "id": number,
        "uid": sa.literal("benchmark-") + sa.cast(number, sa.Text),
        "title": sa.literal("Customer ") + sa.cast(number, sa.Text) + sa.case((number % 97 == 0, " billing"), else_=""),
        "url": sa.literal("https://hooks.example/") + sa.cast(number, sa.Text) + sa.literal("/in"),
        "enabled": number % OFF != 0,
        "paused": number % PAUSED == 0,
        "created_at": made,
        "updated_at": made,
    }
    template = _webhook.alias("template")
    columns = [given.get(column.name, template.c[column.name]) for column in _webhook.columns]
    source = sa.select(*columns).select_from(template).join(number.table, sa.true()).where(template.c.id == first)
    connection.execute(_webhook.insert().from_select([column.name for column in _webhook.columns], source))
    ids_of = sa.select(_webhook.c.id).where(_webhook.c.id > first)
    hears = sa.select(sa.literal(product.TRIGGER), ids_of.subquery().c.id)
    connection.execute(table(Subscription).insert().from_select(["pattern", "webhook_id"], hears))
    last = sa.case((_webhook.c.id % FAILING == 0, "error"), (_webhook.c.id % QUIET == 1, None), else_="sent")
    lanes = sa.select(_webhook.c.id, sa.literal("closed"), sa.literal(0), last).where(_webhook.c.id > first)
    connection.execute(_lane.insert().from_select(["webhook_id", "breaker", "probes", "last_result"], lanes))


def _add_events(connection: sa.Connection, count: int, groups: int, now: datetime) -> None:
    at = "BIGINT" if connection.dialect.name == "sqlite" else "TIMESTAMPTZ"
    columns = f"team BIGINT, id BIGINT, at {at}, minute {at}, PRIMARY KEY (team, id)"
    connection.execute(sa.text(f"CREATE TABLE benchmark_event ({columns})"))
    step = SPAN / (count + 1)
    for start in range(0, count, 10_000):
        moments = [(number, now - SPAN + step * number) for number in range(start, min(start + 10_000, count))]
        rows = [
            {"team": number % groups, "id": ids.floor(at) + number % 1000, "at": at, "minute": _minute(at)}
            for number, at in moments
        ]
        connection.execute(_event.insert(), rows)
    moments = {"occurred_at": _event.c.at, "created_at": _event.c.at}
    _insert(
        connection,
        Event,
        _event,
        id=_event.c.id,
        trigger=product.TRIGGER,
        payload=PAYLOAD,
        actor="token:shop",
        **moments,
    )


def _add_rows(connection: sa.Connection, start: int, end: int, groups: int, now: datetime) -> None:
    """Deliveries and attempts of these webhooks, in the order of their keys."""
    hears = (_webhook.c.id >= start, _webhook.c.id < end, _event.c.team == _webhook.c.id % groups)
    pairs = sa.join(_webhook, _event, sa.and_(*hears))
    order = (_webhook.c.id, _event.c.id)
    fails = _webhook.c.id % FAILING == 0
    opened = sa.and_(_webhook.c.id % WAITING == 0, _event.c.at > now - timedelta(hours=8))
    later = sa.literal(now + timedelta(hours=1), _delivery.c.due_at.type)
    result = sa.case((fails, "error"), else_="sent")
    keys = {"webhook_id": _webhook.c.id, "event_id": _event.c.id}
    _insert(
        connection, Delivery, pairs, order=order, **keys, trigger=product.TRIGGER, tries=1, last_attempt_id=_event.c.id,
        status=sa.case((opened, sa.case((fails, "error"), else_="pending")), else_=result),
        due_at=sa.case((opened, later), else_=None), answer=result,
        closed=sa.case((opened, None), (fails, "exhausted"), else_="sent"),
        created_at=_event.c.at, updated_at=_event.c.at,
    )  # fmt: skip
    _insert(
        connection, Attempt, pairs, order=order, **keys, id=_event.c.id, round=1, at=_event.c.at, duration_ms=12.5,
        status=result, url="https://hooks.example/", request_headers=[], response_headers=[], timings={},
        response_status=sa.case((fails, 503), else_=200), error_class=sa.case((fails, "http"), else_=None),
        error_message=sa.case((fails, "503 Service Unavailable"), else_=None),
    )  # fmt: skip
    counted = sa.join(_webhook, _event, sa.and_(*hears, _event.c.at > now - COUNTED))
    figures = {"sent": sa.case((fails, 0), else_=1), "error": sa.case((fails, 1), else_=0), "latency": [1]}
    unique = {"minute": _event.c.minute, "webhook_id": _webhook.c.id}
    _insert(connection, Statistics, counted, order=order, **unique, dispatcher="benchmark", **figures)


def _add_busy(connection: sa.Connection, webhooks: int, now: datetime) -> None:
    number = _numbers(0, 24 * 60)
    first = _minute(now) - timedelta(days=1)
    minute = _after(connection, first, timedelta(minutes=1), number)
    busy = sa.join(_webhook, number.table, _webhook.c.id > webhooks - BUSY)
    _insert(
        connection, Statistics, busy, webhook_id=_webhook.c.id, minute=minute, dispatcher="busy", sent=9, error=1,
        latency=[10],
    )  # fmt: skip


def _insert(
    connection: sa.Connection,
    model: type[Table],
    source: Any,
    *,
    order: Sequence[Any] = (),
    **given: Any,
) -> None:
    """Rows out of `source`; what `given` leaves open has the model's default."""
    target = table(model)
    values = {name: given.get(name, field.get_default()) for name, field in model.model_fields.items()}
    chosen = [
        value if isinstance(value, sa.ColumnElement) else sa.literal(value, target.c[name].type)
        for name, value in values.items()
    ]
    rows = sa.select(*chosen).select_from(source).order_by(*order)
    connection.execute(target.insert().from_select(list(values), rows))


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _numbers(first: int, last: int) -> sa.ColumnElement[int]:
    """A column of the numbers from `first` to `last`, of a table of its own (`.table`)."""
    numbers = sa.select(sa.literal(first, sa.BigInteger).label("i")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.i + 1).where(numbers.c.i < last))
    column: sa.ColumnElement[int] = numbers.c.i
    return column


def _after(connection: sa.Connection, first: datetime, step: timedelta, number: Any) -> Any:
    """The moment `number` steps after `first`, as this database keeps moments."""
    if connection.dialect.name == "sqlite":
        return (first - EPOCH) // MICROSECOND + number * (step // MICROSECOND)
    return sa.literal(first, sa.DateTime(timezone=True)) + sa.literal(step, sa.Interval) * number


@contextmanager
def _without_indexes(engine: sa.Engine) -> Iterator[None]:
    indexes = [index for model in (Delivery, Attempt, Statistics) for index in table(model).indexes]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    yield
    with engine.begin() as connection:
        _hurry(connection)
        for index in indexes:
            index.create(connection)


def _hurry(connection: sa.Connection) -> None:
    hurry(connection)
    if connection.dialect.name == "sqlite":
        return
    # what is stored here refers to what is there: it need not be looked up for each row
    if connection.execute(sa.text("SELECT current_setting('is_superuser')")).scalar() == "on":
        connection.execute(sa.text("SET session_replication_role = replica"))


def _settle_down(core: Core) -> None:
    with open_engine(core) as engine:
        if not core.database.is_sqlite:  # what autovacuum would have done by now
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text("VACUUM ANALYZE"))
