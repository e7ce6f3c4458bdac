"""Emitting: one transaction stores events and a delivery of each for every enabled webhook that listens."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict
from webhook_ui.indexed_fields import Found
from webhook_ui.models import EventField, Skip, table
from webhook_ui.outbox import idempotency
from webhook_ui.outbox.filtering import Listeners, sift
from webhook_ui.outbox.idempotency import KeyOf
from webhook_ui.outbox.store import DeliveryRow, EventRow
from webhook_ui.outbox.stores import store_of
from webhook_ui.patterns import patterns


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An event whose payload was accepted and checked. `about` is a webhook that must not hear of itself.

    `fields` are the values of the payload that are indexed.
    """

    trigger: str
    payload: str
    actor: Actor
    tenant: str | None = None
    idempotency_key: str | None = None
    occurred_at: datetime | None = None
    deliver_at: datetime | None = None
    about: int | None = None
    fields: Found = ()

    @property
    def key(self) -> KeyOf | None:
        return None if self.idempotency_key is None else (self.trigger, self.idempotency_key)


class Emitted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an emit: the event, how many deliveries it has, and whether this call stored it."""

    event_id: int
    deliveries: int
    stored: bool


def emit(session: Session, event: NewEvent, *, now: datetime) -> Emitted:
    """Stores one event. Raises Conflict if its key was used for another payload within 24 hours."""
    (outcome,) = emit_each(session, [event], now=now)
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def emit_each(session: Session, events: Sequence[NewEvent], *, now: datetime) -> list[Emitted | Conflict]:
    """Stores many events, each for itself: a conflict over a key is answered in its place and stores nothing.

    The same trigger and key within 24 hours give the first event again.
    """
    for actor in {id(event.actor): event.actor for event in events}.values():
        actor.require(Role.operator)
    known = idempotency.take(session, {key for event in events if (key := event.key) is not None}, now)
    listeners: dict[tuple[str, str | None], Listeners] = {}
    new = _New()
    outcomes: list[Emitted | Conflict] = []
    for event in events:
        key = event.key
        if key is not None and key in known:
            outcomes.append(_outcome_again(event, known[key]))
            continue
        kind = event.trigger, event.tenant
        if kind not in listeners:
            connection = session.connection()
            found = store_of(connection).listeners(connection, patterns(event.trigger), event.tenant)
            listeners[kind] = Listeners(found)
        emitted = new.add(event, listeners[kind], now)
        if key is not None:
            known[key] = idempotency.Known(
                event_id=emitted.event_id,
                digest=idempotency.digest(event.tenant, event.payload),
                deliveries=emitted.deliveries,
            )
            new.keys.append(key)
        outcomes.append(emitted)
    new.store(session, known, now)
    return outcomes


class _New:
    """The rows that a group of events needs."""

    def __init__(self) -> None:
        self.keys: list[KeyOf] = []
        self._events: list[EventRow] = []
        self._deliveries: list[DeliveryRow] = []
        self._fields: list[dict[str, object]] = []
        self._skips: list[dict[str, object]] = []
        self._heard_by: set[int] = set()

    def add(self, event: NewEvent, listeners: Listeners, now: datetime) -> Emitted:
        event_id = ids.new_id()
        due_at = now if event.deliver_at is None else max(event.deliver_at, now)
        self._events.append(
            EventRow(
                event_id,
                event.trigger,
                event.tenant,
                event.payload,
                event.occurred_at or now,
                now,
                event.actor.name,
            )
        )
        if event.fields:
            self._fields += [{"field": path, "value": value, "event_id": event_id} for path, value in event.fields]
        hearing = listeners.unfiltered
        if event.about is not None:
            hearing = [webhook_id for webhook_id in hearing if webhook_id != event.about]
        if listeners.filters:
            passed, skips = sift(listeners.filters, event, event_id, event.occurred_at or now)
            hearing = [*hearing, *passed]
            self._skips += skips
        self._deliveries += [DeliveryRow(webhook_id, event_id, event.trigger, due_at, now) for webhook_id in hearing]
        self._heard_by.update(hearing)
        return Emitted(event_id=event_id, deliveries=len(hearing), stored=True)

    def store(self, session: Session, known: Mapping[KeyOf, idempotency.Known], now: datetime) -> None:
        if not self._events:
            return
        connection = session.connection()
        store = store_of(connection)
        store.add_events(connection, self._events)
        if self._deliveries:
            store.add_deliveries(connection, self._deliveries)
        if self._fields:
            session.execute(table(EventField).insert(), self._fields)
        if self._skips:
            session.execute(table(Skip).insert(), self._skips)
        if self.keys:
            idempotency.keep(session, {key: known[key] for key in self.keys}, now)
        note(session, Changed(Kind.event), *(Changed(Kind.delivery, webhook_id) for webhook_id in self._heard_by))


def again(event: NewEvent, first: idempotency.Known) -> Emitted:
    """What an event under a known key gives: the first one again. Raises Conflict if that is another one."""
    if first.digest == idempotency.digest(event.tenant, event.payload):
        return Emitted(event_id=first.event_id, deliveries=first.deliveries, stored=False)
    raise Conflict(
        f"The idempotency key {event.idempotency_key!r} was used within the last 24 hours for another payload or "
        f"tenant (event {ids.event_text(first.event_id)}). Use a new key for a new event."
    )


def _outcome_again(event: NewEvent, first: idempotency.Known) -> Emitted | Conflict:
    try:
        return again(event, first)
    except Conflict as conflict:
        return conflict
