"""How a paused webhook goes on: what is held and too old is cancelled, step by step, then the rest is let go."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlmodel import Session

from webhook_ui import webhook_fields, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.database import Database, moment
from webhook_ui.errors import Invalid
from webhook_ui.models import Webhook
from webhook_ui.outbox.held import cancel_held

T = TypeVar("T")


async def resume(
    database: Database,
    webhook_id: int,
    write: Callable[[Callable[..., Webhook]], Awaitable[T]],
    *,
    actor: Actor,
    rate: float | None = None,
    drop_before: datetime | None = None,
) -> tuple[T, int]:
    """Resumes at `rate` a second, less what is held of events older than `drop_before`; and how many those were.

    `write` runs an order for this webhook as `actor`, in a transaction of its own. Raises Invalid for a bad rate.
    """
    try:
        checked = webhook_fields.rate(rate)
    except ValueError as error:
        raise Invalid({"rate": str(error)}) from None
    dropped = 0
    if drop_before is not None:
        await write(_look)  # who may not, or saw an older version, cancels nothing
        dropped = await _drop(database, webhook_id, drop_before, actor)
    return await write(partial(webhooks.resume, rate=checked)), dropped


def _look(session: Session, webhook_id: int, *, actor: Actor, **_: Any) -> Webhook:
    actor.require(Role.operator)
    return webhooks.get(session, webhook_id)


async def _drop(database: Database, webhook_id: int, before: datetime, actor: Actor) -> int:
    """Cancels what is held of events older than `before` (or than now), a step at a time."""
    before = min(before, await database.read(moment))

    def step(session: Session) -> int:
        return cancel_held(session, webhook_id, before=before, actor=actor, now=moment(session))

    dropped = 0
    while found := await database.write(step):
        dropped += found
    return dropped
