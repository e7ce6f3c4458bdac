"""What has to be done now and then: expire what has been open too long, remove what is old, end what deleted webhooks
left, forget keys. Everything goes in batches, so that nobody waits for it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from webhook_ui import changelog, outbox, webhooks
from webhook_ui.database import Database, moment
from webhook_ui.errors import Unavailable
from webhook_ui.models import SignInSession, table
from webhook_ui.outbox import prune, runs

EVERY_SECONDS = 3600.0
REST = 2.0  # so many times as long as a batch took, the writer is left to others: also to other processes

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What pruning removed, and how many old events it passed over, because something of theirs is open or young.

    `plans` counts redeliveries that are over, and runs.
    """

    removed: prune.Removed
    kept: int
    statistics: int = 0
    changes: int = 0
    plans: int = 0


async def run(database: Database, *, retention: timedelta) -> None:
    """One round. Several processes may do it at once; each row is touched by one of them."""
    try:
        for webhook_id in await database.read(_gone):
            while closed := await _write(database, _purge, webhook_id):
                log.info("deliveries.gone", count=closed, webhook=webhook_id)
        pruned = await prune_older(database, retention, expire=True)
        if pruned.removed:
            log.info("events.pruned", **asdict(pruned.removed), after_days=retention.days)
        while await _write(database, _forget_keys):
            pass
        await database.write(_forget_sessions)
    except Unavailable as error:
        log.warning("upkeep.waits", reason=str(error), again_in_seconds=EVERY_SECONDS)


async def prune_older(database: Database, age: timedelta, *, expire: bool = False) -> Pruned:
    """Removes what nothing has happened to for as long as `age`; with `expire` it ends what is open so long first.

    What has expired just now is removed once it, too, is old: until then people see what became of it.
    """
    now = await database.read(moment)
    before, removed, kept = now - age, prune.Removed(), 0
    async for page in _pages(database, before):
        kept += page.kept
        while expire and page.stale and (closed := await _write(database, _expire, page.stale, before)):
            log.warning("deliveries.expired", count=closed, after_days=age.days)
        while page.events and (batch := await _write(database, prune.remove, page.events, before=before)):
            removed += batch
    minutes = changes = plans = 0
    while batch_of_minutes := await _write(database, prune.forget_statistics, before=before):
        minutes += batch_of_minutes
    while batch_of_changes := await _write(database, changelog.forget, before=before):
        changes += batch_of_changes
    while batch_of_plans := await _write(database, runs.forget, before=before):
        plans += batch_of_plans
    return Pruned(removed=removed, kept=kept, statistics=minutes, changes=changes, plans=plans)


async def count_older(database: Database, age: timedelta) -> Pruned:
    """What `prune_older` would remove of events. Changes nothing."""
    before = await database.read(moment) - age
    removed, kept = prune.Removed(), 0
    async for page in _pages(database, before):
        kept += page.kept
        removed += await database.read(prune.count, page.events)
    return Pruned(removed=removed, kept=kept)


async def _pages(database: Database, before: datetime) -> AsyncIterator[prune.Page]:
    after: int | None = 0
    while after is not None:
        page = await database.read(prune.page, before=before, after=after)
        yield page
        after = page.last


async def _write(database: Database, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Writes one batch, then rests, so that whoever else wants to write comes next."""
    began = time.monotonic()
    result = await database.write(fn, *args, **kwargs)
    await asyncio.sleep(REST * (time.monotonic() - began))
    return result


def _expire(session: Session, events: Sequence[int], before: datetime) -> int:
    return outbox.expire(session, events=events, older_than=before, now=moment(session))


def _gone(session: Session) -> list[int]:
    return webhooks.gone_since(session, moment(session) - webhooks.RESTORABLE)


def _purge(session: Session, webhook_id: int) -> int:
    return outbox.purge(session, webhook_id, now=moment(session))


def _forget_keys(session: Session) -> int:
    return prune.forget_keys(session, now=moment(session))


def _forget_sessions(session: Session) -> None:
    expired = table(SignInSession)
    session.execute(sa.delete(expired).where(expired.c.expires_at <= moment(session)))
