"""When suspects are sent and others wait: what may kill this process must have no innocent neighbours. Pure."""

from collections.abc import Collection, Sequence
from typing import Protocol

from webhook_ui.outbox import Key

HANGS_AFTER = 1.0  # seconds without an answer: what kills does so as it is made, sent or answered, not as it waits
ENOUGH = 1.0  # seconds of sending suspects
SHORTEST_WAIT = 0.01


class Air(Protocol):
    """What a dispatcher has in flight."""

    @property
    def calm_for(self) -> float: ...

    def holds_any(self, keys: Collection[Key]) -> bool: ...


class Quarantine:
    """Turns for suspects. Times are seconds on a steady clock, passed in.

    While it is closed nobody else begins. Once all that is in the air hangs, or nothing is, suspects are sent, a few
    at a time. It opens when none are left, when it has taken long enough, or when those that were sent hang as well:
    nobody is to wait for a slow receiver. It closes again when those are back, and others have had as much time as
    they have lost.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._known: Sequence[Key] = ()
        self._sent: Collection[Key] = ()
        self._closed_at = self._sent_at = self._open_until = float("-inf")
        self._begun_at = float("inf")  # when the first were sent since it closed

    def find(self, suspects: Sequence[Key]) -> None:
        """These, and no others, are known to wait for their turn."""
        self._known = suspects

    def note_sent(self, suspects: Collection[Key], now: float) -> None:
        """These could be claimed of those that were known, and are sent now; the others are to be found anew."""
        self._known, self._sent, self._sent_at = (), suspects, now
        self._begun_at = min(self._begun_at, now)

    def look(self, now: float, air: Air) -> None:
        """Closes or opens, as it is time."""
        if self._sent and not air.holds_any(self._sent):
            self._sent = ()
        if self.is_closed and self._is_over(now):
            self.is_closed, self._open_until = False, now + (now - self._closed_at)
        elif self._waits and now >= self._open_until:
            self.is_closed, self._closed_at, self._begun_at = True, now, float("inf")

    def admitted(self, air: Air) -> Sequence[Key]:
        """Those to be claimed now."""
        return self._known if self.is_closed and not self._sent and air.calm_for >= HANGS_AFTER else ()

    def patience(self, now: float, air: Air, *, at_most: float) -> float:
        """For how many seconds it need not be looked at, unless something begins or comes back."""
        left = at_most
        if self.is_closed:
            left = HANGS_AFTER - (now - self._sent_at if self._sent else air.calm_for)
        elif self._waits:
            left = self._open_until - now
        return min(max(left, SHORTEST_WAIT), at_most)

    def _is_over(self, now: float) -> bool:
        if self._sent:
            return now - self._sent_at >= HANGS_AFTER
        return not self._known or now - self._begun_at >= ENOUGH

    @property
    def _waits(self) -> bool:
        return bool(self._known) and not self._sent and not self.is_closed
