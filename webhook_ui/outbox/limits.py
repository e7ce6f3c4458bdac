"""Rate limits: how many deliveries a lane may claim now (GCRA). Pure.

Over all workers and in any window of t seconds, claims ≤ rate · t + burst: the theoretical arrival time is kept in the
lane's row and moved on in the claiming transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

ROUNDING = timedelta(milliseconds=1)
BURST_SECONDS = 0.1  # what may be claimed at once, in seconds of the rate; always at least one delivery


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """`rate` deliveries a second; the burst is a tenth of that, and at least one delivery."""

    rate: float

    @property
    def burst(self) -> int:
        """How many may be claimed at once after a pause."""
        return max(1, int(self.rate * BURST_SECONDS))

    def room(self, arrival: datetime | None, now: datetime) -> int:
        """How many may be claimed now."""
        ahead = (self._arrival(arrival, now) - now).total_seconds()
        return max(int(self.burst - ahead * self.rate + 1e-6), 0)

    def after(self, arrival: datetime | None, now: datetime, count: int) -> datetime:
        """The arrival time to be kept once `count` were claimed."""
        return self._arrival(arrival, now) + timedelta(seconds=count / self.rate)

    def next_room(self, arrival: datetime, now: datetime) -> datetime:
        """When one more may be claimed; for high rates a little later, so that several are claimed together."""
        wanted = max(1, self.burst // 2)
        return max(self._arrival(arrival, now) - timedelta(seconds=(self.burst - wanted) / self.rate), now)

    def _arrival(self, arrival: datetime | None, now: datetime) -> datetime:
        """Never before now. One that is later than this rate can have left it is of a lower rate, and void."""
        if arrival is None or arrival - now > timedelta(seconds=self.burst / self.rate) + ROUNDING:
            return now
        return max(arrival, now)


def slower(*rates: float | None) -> RateLimit | None:
    """The limit where several may be set: the lowest rate holds."""
    given = [rate for rate in rates if rate is not None]
    return RateLimit(rate=min(given)) if given else None
