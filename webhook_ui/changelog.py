"""History: who changed what. Written in the transaction of the change itself; read elsewhere."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.actors import Actor
from webhook_ui.models import Change, table

FORGOTTEN_AT_ONCE = 500

_change = table(Change)
_later = _change.alias("later")


def record(
    session: Session,
    *,
    actor: Actor,
    action: str,
    subject: str,
    subject_id: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    now: datetime,
) -> None:
    """Adds one line of history. `before` and `after` hold no secrets: the caller has left them out."""
    session.add(
        Change(
            id=ids.new_id(),
            at=now,
            actor_kind=actor.kind,
            actor=actor.name,
            origin=actor.origin,
            action=action,
            subject=subject,
            subject_id=subject_id,
            before=before,
            after=after,
        )
    )


def forget(session: Session, *, before: datetime) -> int:
    """Removes a batch of changes from before `before`; returns how many, 0 when none is left.

    What was done to deliveries goes like deliveries go. Of everything else the last change before then stays: it says
    how things stood when what is kept began.
    """
    bound = ids.floor(before)
    superseded = (
        sa.select(sa.literal(1))
        .where(_later.c.subject == _change.c.subject, _later.c.subject_id == _change.c.subject_id)
        .where(_later.c.id > _change.c.id, _later.c.id < bound)
        .limit(1)
        .correlate(_change)
        .scalar_subquery()
    )
    over = sa.or_(_change.c.subject == "delivery", superseded.is_not(None))
    statement = sa.select(_change.c.id).where(_change.c.id < bound, over).order_by(_change.c.id)
    batch = statement.limit(FORGOTTEN_AT_ONCE).with_for_update(of=_change, skip_locked=True)
    found = session.execute(batch).scalars().all()
    session.execute(_change.delete().where(_change.c.id.in_(found)))
    return len(found)
