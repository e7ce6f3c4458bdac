"""Emitting in somebody else's transaction, over a connection of theirs: with any driver, so in SQLAlchemy's own words.

Two statements, one for the event and one for its deliveries; with PostgreSQL the second one also wakes the dispatchers
when the transaction is committed, and only then. An idempotency key costs more, and none is paid without one.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import CHANNEL, LONGEST_NOTICE, write_notice
from webhook_ui.models import Delivery, Event, Skip, Subscription, Webhook, table
from webhook_ui.outbox import idempotency
from webhook_ui.outbox.emit import Emitted, NewEvent, again
from webhook_ui.outbox.filtering import Listeners, sift
from webhook_ui.patterns import patterns

JOINED = "joined"  # the origin of notices that no Database has sent

_event, _delivery = table(Event), table(Delivery)
_webhook, _subscription = table(Webhook), table(Subscription)


def emit_on(connection: Connection, event: NewEvent) -> Emitted:
    """Stores one event in the transaction of `connection`, whose end is the caller's. Raises Conflict."""
    event.actor.require(Role.operator)
    if event.key is None:
        return _add(connection, event, None if connection.dialect.name == "postgresql" else times.utcnow())
    now = _moment(connection)
    session = Session(connection, join_transaction_mode="rollback_only")  # its close changes nothing
    known = idempotency.take(session, {event.key}, now)
    if event.key in known:
        return again(event, known[event.key])
    emitted = _add(connection, event, now)
    digest = idempotency.digest(event.tenant, event.payload)
    first = idempotency.Known(event_id=emitted.event_id, digest=digest, deliveries=emitted.deliveries)
    idempotency.keep(session, {event.key: first}, now)
    return emitted


def _add(connection: Connection, event: NewEvent, now: datetime | None) -> Emitted:
    """The two statements; without `now` it is the server's."""
    event_id = ids.new_id()
    values = {
        "id": event_id,
        "trigger": event.trigger,
        "tenant": event.tenant,
        "payload": event.payload,
        "occurred_at": event.occurred_at or now,
        "created_at": now,
        "actor": event.actor.name,
        "test": False,
    }
    if now is None:
        insert = _ADD_EVENT_NOW if event.occurred_at is None else _ADD_EVENT_OF_THEN
        values = {name: value for name, value in values.items() if value is not None or name == "tenant"}
        now = times.check(connection.execute(insert, values).scalar_one())
    else:
        connection.execute(_ADD_EVENT, values)
    given = {
        "new_id": event_id,
        "new_trigger": event.trigger,
        "new_due": now if event.deliver_at is None else max(event.deliver_at, now),
        "new_now": now,
        "new_tenant": event.tenant,
        "heard_as": patterns(event.trigger),
    }
    if connection.dialect.name == "postgresql":
        count, _, filtered = connection.execute(_DELIVER_AND_WAKE, given).one()
    else:
        filtered = [(row.webhook_id, row.filter) for row in connection.execute(_DELIVER, given)]
        count = len(filtered)
    count -= _take_back(connection, Listeners(filtered or ()), event, event_id, now)
    return Emitted(event_id=event_id, deliveries=count, stored=True)


def _deliver() -> sa.Insert:
    """A delivery for every enabled webhook that listens."""
    now = sa.bindparam("new_now", type_=_delivery.c.created_at.type)
    columns: dict[str, sa.ColumnElement[Any]] = {
        "event_id": sa.bindparam("new_id", type_=sa.BigInteger()),
        "trigger": sa.bindparam("new_trigger", type_=sa.Text()),
        "status": sa.literal("pending"),
        "due_at": sa.bindparam("new_due", type_=_delivery.c.due_at.type),
        "round": sa.literal(1, sa.BigInteger()),
        "tries": sa.literal(0, sa.BigInteger()),
        "losses": sa.literal(0, sa.BigInteger()),
        "test": sa.literal(False),
        "created_at": now,
        "updated_at": now,
    }
    heard_as: sa.BindParameter[list[str]] = sa.bindparam("heard_as", expanding=True)
    listeners = sa.select(_subscription.c.webhook_id).where(_subscription.c.pattern.in_(heard_as))
    tenant = sa.bindparam("new_tenant", type_=sa.Text())
    rows = sa.select(_webhook.c.id, *columns.values()).where(
        _webhook.c.id.in_(listeners),
        _webhook.c.enabled,
        _webhook.c.deleted_at.is_(None),
        sa.or_(_webhook.c.tenant.is_(None), _webhook.c.tenant == tenant),
    )
    return _delivery.insert().from_select(["webhook_id", *columns], rows, include_defaults=False)


def _deliver_and_wake() -> sa.Select[Any]:
    """The same, and a notice of it; its one row says how many there are, and which of them have a filter."""
    added = _deliver().returning(_delivery.c.webhook_id).cte("added")
    each = sa.func.concat(f" {Kind.delivery}:", added.c.webhook_id)
    said = sa.func.concat(write_notice(JOINED, {Changed(Kind.event)}), sa.func.string_agg(each, ""))
    otherwise = write_notice(JOINED, {Changed(Kind.anything)})
    notice = sa.case((sa.func.length(said) <= LONGEST_NOTICE, said), else_=otherwise)
    pair = sa.func.json_build_array(_webhook.c.id, _webhook.c.filter)
    filtered = sa.func.json_agg(pair, type_=sa.JSON()).filter(_webhook.c.filter.is_not(None))
    counted = sa.select(sa.func.count(added.c.webhook_id), sa.func.pg_notify(CHANNEL, notice), filtered)
    return counted.select_from(added.join(_webhook, _webhook.c.id == added.c.webhook_id))


def _deliver_and_tell() -> ReturningInsert[Any]:
    """The same; a row for each that there is, with its filter."""
    stored: sa.ColumnElement[int] = sa.literal_column(f"{_delivery.name}.webhook_id")  # the row that was inserted
    said = sa.select(_webhook.c.filter).where(_webhook.c.id == stored).scalar_subquery()
    return _deliver().returning(_delivery.c.webhook_id, said.label("filter"))


_ADD_EVENT = _event.insert()
_NOW = sa.func.statement_timestamp()
_ADD_EVENT_NOW = _event.insert().values(created_at=_NOW, occurred_at=_NOW).returning(_event.c.created_at)
_ADD_EVENT_OF_THEN = _event.insert().values(created_at=_NOW).returning(_event.c.created_at)
_DELIVER = _deliver_and_tell()
_DELIVER_AND_WAKE = _deliver_and_wake()


def _take_back(connection: Connection, listeners: Listeners, event: NewEvent, event_id: int, now: datetime) -> int:
    """Takes back the deliveries that filters leave out; asking for filters first would cost everybody a statement."""
    if not listeners.filters:
        return 0
    _, skips = sift(listeners.filters, event, event_id, event.occurred_at or now)
    unwanted = [skip["webhook_id"] for skip in skips if not skip["delivered"]]
    if unwanted:
        of_event = _delivery.c.event_id == event_id
        connection.execute(_delivery.delete().where(of_event, _delivery.c.webhook_id.in_(unwanted)))
    if skips:
        connection.execute(table(Skip).insert(), skips)
    return len(unwanted)


def _moment(connection: Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return times.utcnow()
    return times.check(connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one())
