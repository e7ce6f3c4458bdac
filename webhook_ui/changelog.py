"""History: who changed what. Written in the transaction of the change itself; read nowhere here."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.actors import Actor
from webhook_ui.models import Change


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
