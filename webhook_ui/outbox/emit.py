"""Emitting: one transaction stores the event and a delivery for every enabled webhook that listens."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids, payloads
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict
from webhook_ui.models import Delivery, Event, Idempotency, Subscription, Webhook, table
from webhook_ui.patterns import patterns

KEY_LIFE = timedelta(hours=24)

_event, _delivery, _idempotency = table(Event), table(Delivery), table(Idempotency)
_webhook, _subscription = table(Webhook), table(Subscription)

# built once: building a statement costs more than running it
_STORE_EVENT, _STORE_DELIVERY = _event.insert(), _delivery.insert()
_LISTENERS = (
    sa.select(_webhook.c.id)
    .join(_subscription, _subscription.c.webhook_id == _webhook.c.id)
    .where(_subscription.c.pattern.in_(sa.bindparam("patterns", expanding=True)))
    .where(_webhook.c.enabled, _webhook.c.deleted_at.is_(None))
    # an event with a tenant goes to that tenant's webhooks and to those without one, an event without to the latter
    .where(sa.or_(_webhook.c.tenant.is_(None), _webhook.c.tenant == sa.bindparam("of_tenant", type_=sa.String)))
    .distinct()
    .order_by(_webhook.c.id)
)


@dataclass(frozen=True, kw_only=True)
class Emitted:
    """What became of an emit: the event, how many deliveries it has, and whether this call stored it."""

    event_id: int
    deliveries: int
    stored: bool


def emit(
    session: Session,
    *,
    trigger: str,
    payload: str,
    actor: Actor,
    now: datetime,
    tenant: str | None = None,
    idempotency_key: str | None = None,
    occurred_at: datetime | None = None,
    deliver_at: datetime | None = None,
) -> Emitted:
    """Stores an event whose payload was accepted and checked before.

    The same trigger and key within 24 hours give the first event again; Conflict if the payload differs.
    """
    actor.require(Role.operator)
    if idempotency_key is not None:
        _take_key(session, trigger, idempotency_key, now)
        digest = payloads.digest(f"{tenant or ''}\n{payload}")  # whose it is makes it another event
        if (known := _known(session, trigger, idempotency_key, digest)) is not None:
            return known
    event_id = ids.new_id()
    event = {"id": event_id, "trigger": trigger, "tenant": tenant, "payload": payload, "actor": actor.name}
    session.execute(_STORE_EVENT, {**event, "occurred_at": occurred_at or now, "created_at": now, "test": False})
    webhook_ids = _listeners(session, trigger, tenant)
    _store_deliveries(session, event_id, trigger, webhook_ids, due_at=max(deliver_at or now, now), now=now)
    if idempotency_key is not None:
        _keep_key(session, trigger, idempotency_key, digest, event_id=event_id, deliveries=len(webhook_ids), now=now)
    note(session, Changed(Kind.event), *(Changed(Kind.delivery, webhook_id) for webhook_id in webhook_ids))
    return Emitted(event_id=event_id, deliveries=len(webhook_ids), stored=True)


def _listeners(session: Session, trigger: str, tenant: str | None) -> list[int]:
    return list(session.execute(_LISTENERS, {"patterns": patterns(trigger), "of_tenant": tenant}).scalars())


def _store_deliveries(
    session: Session, event_id: int, trigger: str, webhook_ids: list[int], *, due_at: datetime, now: datetime
) -> None:
    if not webhook_ids:
        return
    same = {
        "event_id": event_id,
        "trigger": trigger,
        "status": "pending",
        "due_at": due_at,
        "round": 1,
        "tries": 0,
        "losses": 0,
        "test": False,
        "created_at": now,
        "updated_at": now,
    }
    session.execute(_STORE_DELIVERY, [{"webhook_id": webhook_id, **same} for webhook_id in webhook_ids])


def _take_key(session: Session, trigger: str, key: str, now: datetime) -> None:
    """Makes a second emit with this key wait for the first one's commit, and forgets a key that has expired."""
    if session.get_bind().dialect.name == "postgresql":
        text = sa.func.hashtextextended(f"{trigger}\n{key}", 0)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(text)))
    session.execute(
        _idempotency.delete().where(
            _idempotency.c.trigger == trigger, _idempotency.c.key == key, _idempotency.c.expires_at <= now
        )
    )


def _known(session: Session, trigger: str, key: str, digest: str) -> Emitted | None:
    statement = sa.select(_idempotency).where(_idempotency.c.trigger == trigger, _idempotency.c.key == key)
    row = session.execute(statement).one_or_none()
    if row is None:
        return None
    if row.payload_digest != digest:
        raise Conflict(
            f"The idempotency key {key!r} was used within the last 24 hours for another payload or tenant "
            f"(event {ids.event_text(row.event_id)}). Use a new key for a new event."
        )
    return Emitted(event_id=row.event_id, deliveries=row.deliveries, stored=False)


def _keep_key(
    session: Session, trigger: str, key: str, digest: str, *, event_id: int, deliveries: int, now: datetime
) -> None:
    session.execute(
        _idempotency.insert().values(
            trigger=trigger,
            key=key,
            event_id=event_id,
            payload_digest=digest,
            deliveries=deliveries,
            expires_at=now + KEY_LIFE,
        )
    )
