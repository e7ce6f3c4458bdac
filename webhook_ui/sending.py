"""The big switch: while sending is stopped nothing is sent anywhere; everything is accepted, and held."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Sending, table

_sending = table(Sending)
# two who stop at the same moment must both be told that it is stopped
_STOP = sa.text(
    "INSERT INTO webhook_ui_sending (id, stopped_at, actor) VALUES (1, :stopped_at, :actor) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("stopped_at", type_=_sending.c.stopped_at.type))


@dataclass(frozen=True, kw_only=True)
class SendingState:
    """Whether sending is stopped; since when and by whom, None while it is not."""

    stopped: bool
    stopped_at: datetime | None = None
    stopped_by: str | None = None


def state(session: Session) -> SendingState:
    """How the switch stands."""
    row = session.execute(sa.select(_sending.c.stopped_at, _sending.c.actor)).one_or_none()
    if row is None:
        return SendingState(stopped=False)
    return SendingState(stopped=True, stopped_at=row.stopped_at, stopped_by=row.actor)


def stop(session: Session, *, actor: Actor, now: datetime) -> SendingState:
    """From now on nothing new is sent; what is in flight ends. Where it is stopped already, that stays as it is."""
    actor.require(Role.admin)
    if session.execute(_STOP, {"stopped_at": now, "actor": actor.name}).rowcount:  # type: ignore[attr-defined]  # DML
        _record(session, "sending.stopped", actor, now, after={"stopped": True})
    return state(session)


def start(session: Session, *, actor: Actor, now: datetime) -> SendingState:
    """Lets everything that was held go, oldest first."""
    actor.require(Role.admin)
    if session.execute(_sending.delete()).rowcount:  # type: ignore[attr-defined]  # DML
        _record(session, "sending.started", actor, now, after={"stopped": False})
    return state(session)


def _record(session: Session, action: str, actor: Actor, now: datetime, *, after: dict[str, Any]) -> None:
    before = {"stopped": not after["stopped"]}
    changelog.record(
        session, actor=actor, action=action, subject="sending", subject_id="1", before=before, after=after, now=now
    )
    note(session, Changed(Kind.webhook))  # of no one webhook: all look again
