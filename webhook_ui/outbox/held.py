"""What a paused or disabled webhook holds, and its end: cancelled in steps, so that nobody waits for the writer."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog, ids
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict
from webhook_ui.languages import tr
from webhook_ui.models import Delivery, Webhook, table
from webhook_ui.outbox import transitions

AT_ONCE = 1000  # rows closed in one transaction

_delivery, _webhook = table(Delivery), table(Webhook)


def cancel_held(session: Session, webhook_id: int, *, before: datetime, actor: Actor, now: datetime) -> int:
    """Cancels some of what a webhook holds of events older than `before`; returns how many, 0 once none is left.

    What is in flight is left alone. Raises Conflict while the webhook is sending: then nothing is held.
    """
    actor.require(Role.operator)
    _check_held(session, webhook_id)
    statement = (
        sa.select(_delivery.c.event_id)
        .where(_delivery.c.webhook_id == webhook_id, _delivery.c.due_at.is_not(None))
        .where(_delivery.c.event_id < ids.floor(before), transitions.free(now))
        .order_by(_delivery.c.event_id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = list(session.execute(statement).scalars())
    if found:
        here = sa.and_(_delivery.c.webhook_id == webhook_id, _delivery.c.event_id.in_(found))
        session.execute(_delivery.update().where(here).values(transitions.ended("cancelled", now)))
        changelog.record(
            session,
            actor=actor,
            action="deliveries.cancelled",
            subject="delivery",
            subject_id=f"webhook {webhook_id}",
            before=None,
            after={"count": len(found), "events_before": before.isoformat()},
            now=now,
        )
        note(session, Changed(Kind.delivery, webhook_id))
    return len(found)


def _check_held(session: Session, webhook_id: int) -> None:
    running = sa.select(_webhook.c.id).where(
        _webhook.c.id == webhook_id, _webhook.c.enabled, sa.not_(_webhook.c.paused), _webhook.c.deleted_at.is_(None)
    )
    if session.execute(running).first() is not None:
        raise Conflict(
            tr(
                "This webhook is neither paused nor disabled, so it holds nothing, and nothing was cancelled. Pause it "
                "first, or cancel single deliveries."
            )
        )
