"""History as it is read: who changed what."""

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Change, table

_change = table(Change)


def latest_change(session: Session, subject: str, subject_id: int) -> Change | None:
    """The last thing that was done to it; None when nothing is on record."""
    statement = (
        sa.select(Change)
        .where(_change.c.subject == subject, _change.c.subject_id == str(subject_id))
        .order_by(_change.c.id.desc())
        .limit(1)
    )
    return session.execute(statement).scalars().first()
