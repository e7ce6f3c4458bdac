"""Time for leases and due dates: it follows the wall clock, but never goes back, and tells when that one has jumped."""

import threading
import time
from datetime import datetime, timedelta

import structlog

JUMP = timedelta(seconds=2)  # a difference that neither a slow answer nor a clock that is being corrected explains
CATCH_UP = 0.1  # after a jump back: this part of the time that passes is given up until the wall clock has caught up
DOUBTED = 60.0  # seconds for which a jump is remembered

log = structlog.get_logger()


def elapsed() -> float:
    """Seconds that have passed since some moment, whatever the wall clock does; a suspended machine's count as well."""
    return time.clock_gettime(_CLOCK) if _CLOCK is not None else time.monotonic()


_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


class SteadyClock:
    """Turns readings of a wall clock into time that never goes back; may be used by several threads.

    After a jump forward it follows at once: whoever judges leases asks `jumped_forward_at`. After a jump back it goes
    on from where it was, a little slower, until the wall clock has caught up.
    """

    def __init__(self) -> None:
        self.jumped_forward_at = float("-inf")  # by `elapsed`
        self._lock = threading.Lock()
        self._last: tuple[datetime, float] | None = None  # what was said last, and when that was by `elapsed`
        self._read_at = float("-inf")
        self._is_ahead = False

    def read(self, wall: datetime) -> datetime:
        """The present moment, where the wall clock says `wall`."""
        with self._lock:
            passed = elapsed()
            if self._last is None:
                now = wall
            else:
                before, since = self._last
                now = self._follow(wall, before, passed - since, passed)
            self._last, self._read_at = (now, passed), passed
            return now

    def recent(self, seconds: float) -> datetime | None:
        """The present moment, by a reading that is not older than that; None if there is none to go by."""
        with self._lock:
            passed = elapsed()
            if self._last is None or self._is_ahead or passed - self._read_at >= seconds:
                return None
            before, since = self._last
            now = before + timedelta(seconds=passed - since)
            self._last = now, passed
            return now

    def _follow(self, wall: datetime, before: datetime, seconds: float, passed: float) -> datetime:
        expected = before + timedelta(seconds=seconds)
        if wall - expected > JUMP:
            log.warning("clock.jumped", seconds=round((wall - expected).total_seconds()), leases="not believed for now")
            self.jumped_forward_at = passed
            self._is_ahead = False
            return wall
        if expected - wall > JUMP or self._is_ahead:
            if not self._is_ahead:
                seconds_back = round((expected - wall).total_seconds())
                log.warning("clock.jumped", seconds=-seconds_back, due_dates="go on as if it had not")
            slower = before + timedelta(seconds=seconds * (1 - CATCH_UP))
            self._is_ahead = slower > wall
            return max(slower, wall)
        return max(wall, before)
