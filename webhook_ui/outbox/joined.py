"""Emitting in somebody else's transaction, over a connection of theirs: with any driver, so in SQLAlchemy's own words.

Two statements, one for the event and one for its deliveries; with PostgreSQL the second one also wakes the dispatchers
when the transaction is committed, and only then. An idempotency key costs more, and none is paid without one.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import CHANNEL, LONGEST_NOTICE, write_notice
from webhook_ui.models import Delivery, Event, Subscription, Webhook, table
from webhook_ui.outbox import idempotency
from webhook_ui.outbox.emit import Emitted, NewEvent, again
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
        heard = int(connection.execute(_DELIVER_AND_WAKE, given).one()[0])
    else:
        heard = len(connection.execute(_DELIVER, given).all())
    return Emitted(event_id=event_id, deliveries=heard, stored=True)


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
    """The same, and a notice of it; its one row says how many there are."""
    added = _deliver().returning(_delivery.c.webhook_id).cte("added")
    each = sa.func.concat(f" {Kind.delivery}:", added.c.webhook_id)
    said = sa.func.concat(write_notice(JOINED, {Changed(Kind.event)}), sa.func.string_agg(each, ""))
    otherwise = write_notice(JOINED, {Changed(Kind.anything)})
    notice = sa.case((sa.func.length(said) <= LONGEST_NOTICE, said), else_=otherwise)
    return sa.select(sa.func.count(added.c.webhook_id), sa.func.pg_notify(CHANNEL, notice))


_ADD_EVENT = _event.insert()
_NOW = sa.func.statement_timestamp()
_ADD_EVENT_NOW = _event.insert().values(created_at=_NOW, occurred_at=_NOW).returning(_event.c.created_at)
_ADD_EVENT_OF_THEN = _event.insert().values(created_at=_NOW).returning(_event.c.created_at)
_DELIVER = _deliver().returning(_delivery.c.webhook_id)
_DELIVER_AND_WAKE = _deliver_and_wake()


def _moment(connection: Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return times.utcnow()
    return times.check(connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one())
