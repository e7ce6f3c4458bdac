"""Emitting from anywhere: every door (REST, command line, dashboard) hands events in here, checked the same way."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from webhook_ui import outbox, payloads, times
from webhook_ui.actors import Actor
from webhook_ui.database import Database, moment
from webhook_ui.errors import Conflict, Invalid
from webhook_ui.outbox import Emitted
from webhook_ui.plugin_loader import Plugins
from webhook_ui.webhook_fields import clean_text
from webhook_ui.webhook_fields import tenant as check_tenant

LARGE = 32 * 1024  # bytes from which on checking a payload is work for a thread
MAX_BATCH = 1000
MAX_KEY = 256

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Emission:
    """An event as somebody hands it in: `payload` is the JSON text as bytes."""

    trigger: str
    payload: bytes
    idempotency_key: str | None = None
    tenant: str | None = None
    occurred_at: datetime | None = None
    deliver_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """An emission that may be stored."""

    trigger: str
    payload: str
    idempotency_key: str | None
    tenant: str | None
    occurred_at: datetime | None
    deliver_at: datetime | None


class Host:
    """Takes events in. Raises Invalid (nothing is stored), Conflict, Forbidden or Unavailable."""

    def __init__(self, database: Database, plugins: Plugins, *, max_payload_bytes: int) -> None:
        self.plugins = plugins
        self._database = database
        self._max_payload_bytes = max_payload_bytes

    async def emit(self, emission: Emission, *, actor: Actor) -> Emitted:
        """Stores one event and its deliveries; when this returns they are durable."""
        if len(emission.payload) > LARGE:
            checked = await asyncio.to_thread(self._check, emission)
        else:
            checked = self._check(emission)
        return await self._database.write(_store, checked, actor)

    async def emit_many(self, emissions: Sequence[Emission], *, actor: Actor) -> list[Emitted]:
        """Stores all of `emissions` or none; problems are named `events[index].field`."""
        checked = await asyncio.to_thread(self._check_all, emissions)
        return await self._database.write(_store_all, checked, actor)

    def emit_now(self, emission: Emission, *, actor: Actor) -> Emitted:
        """`emit` for code without an event loop."""
        return self._database.write_now(_store, self._check(emission), actor)

    def _check_all(self, emissions: Sequence[Emission]) -> list[_Checked]:
        if not 1 <= len(emissions) <= MAX_BATCH:
            raise Invalid({"events": f"A batch holds 1 to {MAX_BATCH} events; this one holds {len(emissions)}."})
        checked: list[_Checked] = []
        problems: dict[str, str] = {}
        for index, emission in enumerate(emissions):
            try:
                checked.append(self._check(emission))
            except Invalid as error:
                problems |= {f"events[{index}].{name}": message for name, message in error.fields.items()}
        if problems:
            raise Invalid(problems)
        return checked

    def _check(self, emission: Emission) -> _Checked:
        trigger = self.plugins.find(emission.trigger)
        payload = payloads.accept(emission.payload, max_bytes=self._max_payload_bytes)
        payloads.check_model(trigger, payload)
        return _Checked(
            trigger=trigger.name,
            payload=payload,
            idempotency_key=_field("idempotency_key", emission.idempotency_key, _key),
            tenant=_field("tenant", emission.tenant, check_tenant),
            occurred_at=_field("occurred_at", emission.occurred_at, times.check),
            deliver_at=_field("deliver_at", emission.deliver_at, times.check),
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


def _store(session: Session, checked: _Checked, actor: Actor) -> Emitted:
    return _emit(session, checked, actor, moment(session))


def _store_all(session: Session, checked: Sequence[_Checked], actor: Actor) -> list[Emitted]:
    now = moment(session)
    stored = []
    for index, one in enumerate(checked):
        try:
            stored.append(_emit(session, one, actor, now))
        except Conflict as error:
            raise Conflict(f"events[{index}]: {error}") from None
    return stored


def _emit(session: Session, checked: _Checked, actor: Actor, now: datetime) -> Emitted:
    return outbox.emit(
        session,
        trigger=checked.trigger,
        payload=checked.payload,
        actor=actor,
        now=now,
        tenant=checked.tenant,
        idempotency_key=checked.idempotency_key,
        occurred_at=checked.occurred_at,
        deliver_at=checked.deliver_at,
    )
