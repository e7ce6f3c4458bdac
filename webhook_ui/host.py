"""Emitting from anywhere: every door (REST, command line, dashboard) hands events in here, checked the same way."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlmodel import Session

from webhook_ui import outbox, payloads, times
from webhook_ui.actors import Actor, Role
from webhook_ui.database import Database, moment
from webhook_ui.errors import Conflict, Invalid
from webhook_ui.indexed_fields import NONE, IndexedFields
from webhook_ui.outbox import Emitted, NewEvent
from webhook_ui.plugin_loader import Plugins
from webhook_ui.webhook_fields import clean_text
from webhook_ui.webhook_fields import tenant as check_tenant

LARGE = 32 * 1024  # bytes from which on checking a payload is work for a thread
MAX_BATCH = 1000
MAX_KEY = 256

T = TypeVar("T")


class Emission(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as somebody hands it in: `payload` is the JSON text as bytes."""

    trigger: str
    payload: bytes
    idempotency_key: str | None = None
    tenant: str | None = None
    occurred_at: datetime | None = None
    deliver_at: datetime | None = None


class Host:
    """Takes events in. Raises Invalid (nothing is stored), Conflict, Forbidden or Unavailable."""

    def __init__(
        self, database: Database, plugins: Plugins, *, max_payload_bytes: int, indexed: IndexedFields = NONE
    ) -> None:
        self.plugins = plugins
        self._indexed = indexed
        self._database = database
        self._max_payload_bytes = max_payload_bytes
        self._waiting: list[tuple[NewEvent, asyncio.Future[Emitted]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def emit(self, emission: Emission, *, actor: Actor) -> Emitted:
        """Stores one event and its deliveries; when this returns they are durable.

        Those that wait at the same time are stored together, each for itself.
        """
        actor.require(Role.operator)
        if len(emission.payload) > LARGE:
            event = await asyncio.to_thread(self._check, emission, actor)
        else:
            event = self._check(emission, actor)
        stored: asyncio.Future[Emitted] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, stored))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_waiting())
        return await stored

    async def emit_many(
        self, emissions: Sequence[Emission], *, actor: Actor, along: Callable[[Session], None] | None = None
    ) -> list[Emitted]:
        """Stores all of `emissions` or none; problems are named `events[index].field`.

        `along` writes what is to be committed with them.
        """
        events = await asyncio.to_thread(self._check_all, emissions, actor)
        return await self._database.write(_store_all, events, along)

    def emit_now(self, emission: Emission, *, actor: Actor) -> Emitted:
        """`emit` for code without an event loop."""
        return self._database.write_now(_store, self._check(emission, actor))

    async def _store_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            outcomes: Sequence[Emitted | Exception]
            try:
                outcomes = await self._database.write(_store_each, [event for event, _ in group])
            except Exception as error:
                outcomes = [error] * len(group)
            for (_, stored), outcome in zip(group, outcomes, strict=True):
                if stored.done():  # whoever waited has gone
                    continue
                if isinstance(outcome, Emitted):
                    stored.set_result(outcome)
                else:
                    stored.set_exception(outcome)

    def _check_all(self, emissions: Sequence[Emission], actor: Actor) -> list[NewEvent]:
        if not 1 <= len(emissions) <= MAX_BATCH:
            raise Invalid({"events": f"A batch holds 1 to {MAX_BATCH} events; this one holds {len(emissions)}."})
        events: list[NewEvent] = []
        problems: dict[str, str] = {}
        for index, emission in enumerate(emissions):
            try:
                events.append(self._check(emission, actor))
            except Invalid as error:
                problems |= {f"events[{index}].{name}": message for name, message in error.fields.items()}
        if problems:
            raise Invalid(problems)
        return events

    def _check(self, emission: Emission, actor: Actor) -> NewEvent:
        return check(
            emission, self.plugins, max_payload_bytes=self._max_payload_bytes, actor=actor, indexed=self._indexed
        )


def check(
    emission: Emission, plugins: Plugins, *, max_payload_bytes: int, actor: Actor, indexed: IndexedFields = NONE
) -> NewEvent:
    """The event that is to be stored. Raises Invalid naming each field."""
    trigger = plugins.find(emission.trigger)
    payload = payloads.accept(emission.payload, max_bytes=max_payload_bytes)
    payloads.check_model(trigger, payload)
    return NewEvent(
        trigger=trigger.name,
        payload=payload,
        actor=actor,
        idempotency_key=_field("idempotency_key", emission.idempotency_key, _key),
        tenant=_field("tenant", emission.tenant, check_tenant),
        occurred_at=_field("occurred_at", emission.occurred_at, times.check),
        deliver_at=_field("deliver_at", emission.deliver_at, times.check),
        fields=indexed.find(trigger.name, payload),
    )


def _field(name: str, value: T | None, check: Callable[[T], T | None]) -> T | None:
    try:
        return None if value is None else check(value)
    except ValueError as error:
        raise Invalid({name: str(error)}) from None


def _key(value: str) -> str:
    key = clean_text(value, MAX_KEY)
    if not key:
        raise ValueError("An idempotency key must not be empty; leave it out instead.")
    return key


def _store(session: Session, event: NewEvent) -> Emitted:
    return outbox.emit(session, event, now=moment(session))


def _store_each(session: Session, events: Sequence[NewEvent]) -> list[Emitted | Conflict]:
    return outbox.emit_each(session, events, now=moment(session))


def _store_all(
    session: Session, events: Sequence[NewEvent], along: Callable[[Session], None] | None = None
) -> list[Emitted]:
    stored: list[Emitted] = []
    if along is not None:
        along(session)
    for index, outcome in enumerate(outbox.emit_each(session, events, now=moment(session))):
        if isinstance(outcome, Conflict):
            raise Conflict(f"events[{index}]: {outcome}")
        stored.append(outcome)
    return stored
