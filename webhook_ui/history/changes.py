"""History as it is read: who changed what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.history import paging
from webhook_ui.models import Change, table

_change = table(Change)


@dataclass(frozen=True, kw_only=True)
class ChangePage:
    """One page of them, the newest first."""

    rows: Sequence[Change]
    next_cursor: str | None


def latest_change(session: Session, subject: str, subject_id: int) -> Change | None:
    """The last thing that was done to it; None when nothing is on record."""
    return next(iter(list_changes(session, subject, subject_id, limit=1).rows), None)


def list_changes(
    session: Session,
    subject: str,
    subject_id: int,
    *,
    limit: int = paging.DEFAULT_LIMIT,
    cursor: str | None = None,
    restored_since: datetime | None = None,
) -> ChangePage:
    """What was done to it, and to all there is since `restored_since`. Raises Invalid for a foreign cursor."""
    about = sa.and_(_change.c.subject == subject, _change.c.subject_id == str(subject_id))
    if restored_since is not None:
        about = sa.or_(about, sa.and_(_change.c.subject == "database", _change.c.at >= restored_since))
    statement = sa.select(Change).where(about)
    if cursor is not None:
        statement = statement.where(_change.c.id < paging.decode(cursor, 1)[0])
    found = list(session.execute(statement.order_by(_change.c.id.desc()).limit(limit + 1)).scalars())
    page = found[:limit]
    return ChangePage(rows=page, next_cursor=paging.encode([page[-1].id]) if len(found) > limit else None)


def find_change(session: Session, subject: str, subject_id: int, change_id: int) -> Change | None:
    """One thing that was done to it; None when that is not on record."""
    statement = sa.select(Change).where(
        _change.c.id == change_id, _change.c.subject == subject, _change.c.subject_id == str(subject_id)
    )
    found: Change | None = session.execute(statement).scalars().first()
    return found
