"""What an order makes of a delivery, said once for one and for many: values of an UPDATE over the row as it stands."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webhook_ui.models import Delivery, table

_delivery = table(Delivery)
_over = _delivery.c.closed.is_not(None)
_was_sent = _delivery.c.answer == "sent"  # in CASE, null is no match


def free(now: datetime) -> sa.ColumnElement[bool]:
    """Nobody has it in hand: it is over, or waits, or the claim on it is lost."""
    return sa.or_(_delivery.c.claim.is_(None), _delivery.c.due_at <= now)


def reopened(now: datetime, *, redelivery_id: int | None) -> dict[str, Any]:
    """What is over gets a new round, which `redelivery_id` (a plan) or nobody has given it; what waits is due now.

    Both are remembered as the plan's doing, or as that of none.
    """
    return {
        "status": sa.case((_over, "pending"), else_=_delivery.c.status),
        "closed": None,
        "round": _delivery.c.round + sa.case((_over, 1), else_=0),
        "tries": sa.case((_over, 0), else_=_delivery.c.tries),
        "losses": sa.case((_over, 0), else_=_delivery.c.losses),
        "redelivery_id": sa.case((_over, redelivery_id), else_=_delivery.c.redelivery_id),
        "last_redelivery_id": redelivery_id,
        "due_at": now,
        "updated_at": now,
    }


def ended(closed: str, now: datetime) -> dict[str, Any]:
    """It ends unsent, and `closed` says why; but what was sent in an earlier round stays sent."""
    return {
        "status": sa.case((_was_sent, "sent"), else_="error"),
        "closed": sa.case((_was_sent, "sent"), else_=closed),
        "due_at": None,
        "claim": None,
        "updated_at": now,
    }
