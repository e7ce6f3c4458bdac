"""Deliveries as they come out of a backup: whoever had claimed them then has nothing of them now."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.models import Delivery, table

_delivery = table(Delivery)


class Reopened(NamedTuple):
    """How many deliveries are open, and how many of them were in flight."""

    open: int
    in_flight: int


def give_back_all(session: Session, *, now: datetime) -> Reopened:
    """Returns all claims: due now, nothing counted."""
    claimed = _delivery.update().where(_delivery.c.claim.is_not(None)).values(claim=None, due_at=now)
    in_flight: int = session.execute(claimed).rowcount  # type: ignore[attr-defined]  # DML
    are_open = sa.select(sa.func.count()).select_from(_delivery).where(_delivery.c.due_at.is_not(None))
    return Reopened(open=session.execute(are_open).scalar_one(), in_flight=in_flight)
