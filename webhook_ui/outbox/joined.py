"""Emitting in somebody else's transaction, over a connection of theirs: with any driver, so in SQLAlchemy's own words.

Two statements, one for the event and one for its deliveries; with PostgreSQL a third one, which wakes the dispatchers
when the transaction is committed, and only then.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import CHANNEL, write_notice
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
    now = _moment(connection)
    session = Session(connection, join_transaction_mode="rollback_only")  # its close changes nothing
    known = idempotency.take(session, {event.key} if event.key else (), now)
    if event.key is not None and event.key in known:
        return again(event, known[event.key])
    event_id = ids.new_id()
    values = {"id": event_id, "trigger": event.trigger, "tenant": event.tenant, "payload": event.payload}
    moments = {"occurred_at": event.occurred_at or now, "created_at": now}
    connection.execute(_event.insert(), {**values, **moments, "actor": event.actor.name, "test": False})
    heard = _add_deliveries(connection, event, event_id, now)
    emitted = Emitted(event_id=event_id, deliveries=len(heard), stored=True)
    if event.key is not None:
        digest = idempotency.digest(event.tenant, event.payload)
        first = idempotency.Known(event_id=event_id, digest=digest, deliveries=len(heard))
        idempotency.keep(session, {event.key: first}, now)
    if connection.dialect.name == "postgresql":
        changes = {Changed(Kind.event), *(Changed(Kind.delivery, webhook_id) for webhook_id in heard)}
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, write_notice(JOINED, changes))))
    return emitted


def _add_deliveries(connection: Connection, event: NewEvent, event_id: int, now: datetime) -> list[int]:
    due_at = now if event.deliver_at is None else max(event.deliver_at, now)
    columns = {
        "event_id": sa.literal(event_id, sa.BigInteger()),
        "trigger": sa.literal(event.trigger),
        "status": sa.literal("pending"),
        "due_at": sa.literal(due_at, _delivery.c.due_at.type),
        "round": sa.literal(1, sa.BigInteger()),
        "tries": sa.literal(0, sa.BigInteger()),
        "losses": sa.literal(0, sa.BigInteger()),
        "test": sa.literal(False),
        "created_at": sa.literal(now, _delivery.c.created_at.type),
        "updated_at": sa.literal(now, _delivery.c.updated_at.type),
    }
    listeners = sa.select(_subscription.c.webhook_id).where(_subscription.c.pattern.in_(patterns(event.trigger)))
    rows = sa.select(_webhook.c.id, *columns.values()).where(
        _webhook.c.id.in_(listeners),
        _webhook.c.enabled,
        _webhook.c.deleted_at.is_(None),
        sa.or_(_webhook.c.tenant.is_(None), _webhook.c.tenant == event.tenant),
    )
    statement = _delivery.insert().from_select(["webhook_id", *columns], rows, include_defaults=False)
    stored: sa.ColumnElement[int] = sa.literal_column(f"{_delivery.name}.webhook_id")  # the row that was inserted
    said = sa.select(_webhook.c.filter).where(_webhook.c.id == stored).scalar_subquery()
    returned = connection.execute(statement.returning(_delivery.c.webhook_id, said.label("filter")))
    found = Listeners([(row.webhook_id, row.filter) for row in returned])
    return [*found.unfiltered, *_sifted(connection, found, event, event_id, now)]


def _sifted(connection: Connection, listeners: Listeners, event: NewEvent, event_id: int, now: datetime) -> list[int]:
    """Takes back the deliveries that filters leave out; asking for filters first would cost everybody a statement."""
    if not listeners.filters:
        return []
    passed, skips = sift(listeners.filters, event, event_id, event.occurred_at or now)
    unwanted = [skip["webhook_id"] for skip in skips if not skip["delivered"]]
    if unwanted:
        of_event = _delivery.c.event_id == event_id
        connection.execute(_delivery.delete().where(of_event, _delivery.c.webhook_id.in_(unwanted)))
    if skips:
        connection.execute(table(Skip).insert(), skips)
    return passed


def _moment(connection: Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return times.utcnow()
    return times.check(connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one())
