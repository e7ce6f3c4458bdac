"""What follows from an answer: sent, again at a time, or over. Pure: schedule, clock and chance are passed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from webhook_ui.wire import Answer, Result

LONGEST_WAIT = 86_400.0

GONE = 410
THROTTLED = frozenset({429, 502, 503, 504})

Closed = Literal["sent", "exhausted", "gone"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The new state of a delivery after an answer, and what it means for its webhook.

    Open deliveries have `due_at`, closed ones `closed`; `lane_not_before` holds the webhook's other deliveries too.
    """

    status: Result
    closed: Closed | None = None
    due_at: datetime | None = None
    disable_webhook: bool = False
    lane_not_before: datetime | None = None


SENT = Decision(status=Result.sent, closed="sent")


def decide(
    answer: Answer, *, schedule: Sequence[float], tries: int, now: datetime, jitter: float, chance: float
) -> Decision:
    """The decision after `answer`.

    `tries` counts the settled tries of this round before this answer, so it picks the wait in `schedule` (seconds);
    that wait is made longer by `jitter` × `chance`, where `chance` is drawn by the caller from [0, 1).
    """
    if answer.failure is None:
        return SENT
    if answer.response_status == GONE:
        return Decision(status=Result.error, closed="gone", disable_webhook=True)
    asked = _asked_wait(answer)
    lane_not_before = now + timedelta(seconds=asked) if asked and answer.response_status in THROTTLED else None
    if tries >= len(schedule):
        return Decision(status=Result.error, closed="exhausted", lane_not_before=lane_not_before)
    wait = max(schedule[tries] * (1 + jitter * chance), asked)
    due_at = now + timedelta(seconds=wait)
    return Decision(status=Result.error, due_at=due_at, lane_not_before=lane_not_before)


def _asked_wait(answer: Answer) -> float:
    return min(max(answer.retry_after or 0.0, 0.0), LONGEST_WAIT)
