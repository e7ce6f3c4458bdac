"""What people and time do to deliveries: redeliver, cancel, expire, and the end of what a purged webhook left open.

Orders for one are carried out here at once; those for many are plans, which a feeder carries out in steps.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog, ids
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict, NotFound
from webhook_ui.languages import tr
from webhook_ui.models import Delivery, Webhook, table
from webhook_ui.outbox import transitions

EXPIRED_AT_ONCE = 500  # rows closed in one transaction

_delivery, _webhook = table(Delivery), table(Webhook)
_BY_KEY = sa.and_(
    _delivery.c.webhook_id == sa.bindparam("of_webhook"), _delivery.c.event_id == sa.bindparam("of_event")
)


def redeliver(session: Session, webhook_id: int, event_id: int, *, actor: Actor, now: datetime) -> None:
    """Gives a delivery a new round; one that is still open is due now. Raises Conflict while it is in flight."""
    actor.require(Role.operator)
    row = _locked(session, webhook_id, event_id, now)
    if row.test:
        raise Conflict(tr("This was a test send, which is made only once. Send another test from its webhook."))
    deleted_at = session.execute(sa.select(_webhook.c.deleted_at).where(_webhook.c.id == webhook_id)).scalar_one()
    if deleted_at is not None:
        raise Conflict(tr("Its webhook is deleted. Restore the webhook, then redeliver."))
    _update(session, row, transitions.reopened(now, redelivery_id=None))
    _record(session, row, "delivery.redelivered", actor, now)


def cancel(session: Session, webhook_id: int, event_id: int, *, actor: Actor, now: datetime) -> None:
    """Ends an open delivery unsent. Raises Conflict while it is in flight or when it is over."""
    actor.require(Role.operator)
    row = _locked(session, webhook_id, event_id, now)
    if row.closed is not None:
        raise Conflict(tr("This delivery is over ({state}); there is nothing to cancel.", state=row.closed))
    _update(session, row, transitions.ended("cancelled", now))
    _record(session, row, "delivery.cancelled", actor, now)


def expire(session: Session, *, older_than: datetime, now: datetime, events: Sequence[int] | None = None) -> int:
    """Closes some open deliveries of which nothing has been heard since `older_than`; returns how many, 0 for none.

    What somebody redelivered counts from then; what is to be sent later is left alone. With `events`, only theirs are
    looked at.
    """
    silent = sa.and_(_delivery.c.updated_at < older_than, _delivery.c.due_at <= now)
    which = silent if events is None else sa.and_(silent, _delivery.c.event_id.in_(events))
    return _close_unclaimed(session, which, "expired", now)


def purge(session: Session, webhook_id: int, *, now: datetime) -> int:
    """Closes some of what a webhook that is gone for good left open; returns how many, 0 when none is left."""
    return _close_unclaimed(session, _delivery.c.webhook_id == webhook_id, "gone", now)


def _close_unclaimed(session: Session, which: sa.ColumnElement[bool], closed: str, now: datetime) -> int:
    statement = (
        sa.select(_delivery.c.webhook_id, _delivery.c.event_id)
        .where(_delivery.c.due_at.is_not(None), transitions.free(now), which)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = list(session.execute(statement))
    if rows:
        close = _delivery.update().values(**transitions.ended(closed, now)).where(_BY_KEY)
        session.connection().execute(close, [{"of_webhook": row.webhook_id, "of_event": row.event_id} for row in rows])
    note(session, *(Changed(Kind.delivery, webhook_id) for webhook_id in {row.webhook_id for row in rows}))
    return len(rows)


def _locked(session: Session, webhook_id: int, event_id: int, now: datetime) -> Any:
    statement = sa.select(_delivery).where(_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == event_id)
    row = session.execute(statement.with_for_update()).one_or_none()
    if row is None:
        raise NotFound(tr("There is no delivery {id}.", id=ids.delivery_text(webhook_id, event_id)))
    if row.claim is not None and row.due_at > now:
        raise Conflict(tr("This delivery is in flight: an attempt is being made right now. Wait for its result."))
    return row


def _update(session: Session, row: Any, values: dict[str, Any]) -> None:
    session.execute(
        _delivery.update()
        .where(_delivery.c.webhook_id == row.webhook_id, _delivery.c.event_id == row.event_id)
        .values(**values)
    )


def _record(session: Session, row: Any, action: str, actor: Actor, now: datetime) -> None:
    changelog.record(
        session,
        actor=actor,
        action=action,
        subject="delivery",
        subject_id=ids.delivery_text(row.webhook_id, row.event_id),
        before={"status": row.status, "closed_reason": row.closed, "round": row.round, "tries": row.tries},
        after=None,
        now=now,
    )
    note(session, Changed(Kind.delivery, row.webhook_id))
