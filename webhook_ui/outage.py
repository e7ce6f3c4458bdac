"""What is said of something that is away: once at first, then ever more rarely, and once that it is back."""

import time

import structlog

FIRST_SECONDS, LONGEST_SECONDS = 2.0, 30.0  # between two lines

log = structlog.get_logger()


class Outage:
    """The outages of one part, `name`. It may try as often as it likes; not each try is a line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._since: float | None = None
        self._say_at = self._wait = 0.0

    def note(self, reason: str) -> None:
        """A try has failed."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._say_at, self._wait = now, now, FIRST_SECONDS
        if now < self._say_at:
            return
        log.warning(f"{self._name}.waits", reason=reason, for_seconds=round(now - self._since))
        self._say_at = now + self._wait
        self._wait = min(self._wait * 2, LONGEST_SECONDS)

    def over(self) -> None:
        """It works, perhaps again."""
        if self._since is not None:
            log.info(f"{self._name}.back", for_seconds=round(time.monotonic() - self._since))
            self._since = None
