"""What of one webhook has failed and could be sent again: since which event, and how many for a glance."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from webhook_ui.history.delivery_search import DeliveryFilter, count

MOST = 1000  # so many are counted
SECONDS = 0.05  # that counting may take: pages look again with every attempt


@dataclass(frozen=True, kw_only=True)
class Redeliverable:
    """Deliveries in error of events `since` then, or of all; `exactly` unless there may be more than `count`."""

    webhook_id: int
    since: datetime | None
    count: int
    exactly: bool


def count_redeliverable(session: Session, webhook_id: int, since: datetime | None) -> Redeliverable:
    """How many a redelivery with this scope would take, up to MOST."""
    criteria = DeliveryFilter(webhook_id=webhook_id, status="error", since=since, redeliverable=True)
    number, exactly = count(session, criteria, most=MOST, budget=SECONDS)
    return Redeliverable(webhook_id=webhook_id, since=since, count=number, exactly=exactly)
