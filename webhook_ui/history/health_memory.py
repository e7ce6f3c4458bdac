"""The last 24 hours of webhooks that are looked at often: hours that are over are read once. One for the process."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from webhook_ui.history.figures import HOURS, Health, health

HOUR = timedelta(hours=1)
UNSETTLED = timedelta(minutes=3)  # attempts of so long ago may still be counted
MOST = 5000  # webhooks it remembers


class HealthMemory:
    """May be asked by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._span: tuple[datetime, datetime] | None = None
        self._kept: dict[int, Health] = {}  # of the span's hours only

    def look(self, session: Session, webhook_ids: Sequence[int], *, now: datetime) -> dict[int, Health]:
        """What `figures.health` says."""
        first, edge = _hour(now) - (HOURS - 1) * HOUR, _hour(now - UNSETTLED)
        over = (edge - first) // HOUR
        with self._lock:
            if self._span != (first, edge) or len(self._kept) > MOST:
                self._span, self._kept = (first, edge), {}
            kept = {webhook_id: self._kept[webhook_id] for webhook_id in webhook_ids if webhook_id in self._kept}
        seen = health(session, [one for one in webhook_ids if one not in kept], now=now)
        latest = health(session, list(kept), now=now, since=edge)
        for webhook_id, before in kept.items():
            after = latest[webhook_id]
            seen[webhook_id] = Health(
                sent=[*before.sent, *after.sent[over:]], error=[*before.error, *after.error[over:]]
            )
        with self._lock:
            if self._span == (first, edge):
                self._kept |= {
                    webhook_id: Health(sent=one.sent[:over], error=one.error[:over]) for webhook_id, one in seen.items()
                }
        return seen


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
