"""Emitters' keys: the same trigger and key again within a day mean the same event again."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import payloads
from webhook_ui.models import Idempotency, table

KEY_LIFE = timedelta(hours=24)
ASKED_AT_ONCE = 500

KeyOf = tuple[str, str]  # trigger, key

_keys = table(Idempotency)


@dataclass(frozen=True, kw_only=True)
class Known:
    """The event that was stored first under a key; `digest` is that of its payload and tenant."""

    event_id: int
    digest: str
    deliveries: int


def digest(tenant: str | None, payload: str) -> str:
    """What must be the same for a key to mean the same event: whose it is, and the payload but for its white space."""
    return payloads.digest(f"{tenant or ''}\n{payloads.compact(payload)}")


def take(session: Session, keys: Collection[KeyOf], now: datetime) -> dict[KeyOf, Known]:
    """The events of those keys that are known; whoever else takes one of `keys` waits for this transaction's end."""
    if not keys:
        return {}
    if session.get_bind().dialect.name == "postgresql":
        # in one order everywhere, so that nobody waits in a circle
        locks = sorted(_lock_number(key) for key in keys)
        session.execute(
            sa.text("SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:locks AS bigint[])) AS n"), {"locks": locks}
        )
    known: dict[KeyOf, Known] = {}
    remaining = sorted(keys)
    while remaining:
        asked, remaining = set(remaining[:ASKED_AT_ONCE]), remaining[ASKED_AT_ONCE:]
        # two lists, because SQLite reads the whole table for pairs in IN; what fits both but no pair is left out
        among = sa.and_(_keys.c.trigger.in_({key[0] for key in asked}), _keys.c.key.in_({key[1] for key in asked}))
        for row in session.execute(sa.select(_keys).where(among)).all():
            key = row.trigger, row.key
            if key not in asked:
                continue
            if row.expires_at <= now:
                session.execute(_keys.delete().where(_keys.c.trigger == row.trigger, _keys.c.key == row.key))
            else:
                known[key] = Known(event_id=row.event_id, digest=row.payload_digest, deliveries=row.deliveries)
    return known


def keep(session: Session, new: Mapping[KeyOf, Known], now: datetime) -> None:
    """Remembers `new` for a day."""
    rows = [
        {
            "trigger": trigger,
            "key": key,
            "event_id": known.event_id,
            "payload_digest": known.digest,
            "deliveries": known.deliveries,
            "expires_at": now + KEY_LIFE,
        }
        for (trigger, key), known in new.items()
    ]
    session.execute(_keys.insert(), rows)


def _lock_number(key: KeyOf) -> int:
    hashed = hashlib.blake2b("\n".join(key).encode(), digest_size=8).digest()
    return int.from_bytes(hashed, signed=True)
