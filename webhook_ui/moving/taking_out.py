"""What is written to a file: all webhooks that are not deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Webhook, table
from webhook_ui.moving import document

_webhook = table(Webhook)


@dataclass(frozen=True, kw_only=True)
class TakenOut:
    """The document, how many webhooks it has, and for which of them a second secret signs that it does not have."""

    document: dict[str, Any]
    count: int
    rotating: list[Webhook]


def take_out(session: Session, *, secrets: bool, now: datetime) -> TakenOut:
    """All in one statement, so that it is one state of them."""
    found = session.execute(sa.select(Webhook).where(_webhook.c.deleted_at.is_(None))).scalars().all()
    return TakenOut(
        document=document.compose(found, secrets=secrets),
        count=len(found),
        rotating=[one for one in found if one.old_secret_until is not None and one.old_secret_until > now],
    )
