"""What a dispatcher knows of lanes: which may have something due now, and when to look at the others. Pure."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

LOOKED_AT = 256  # lanes considered in one turn; the others come next


class Board:
    """Lanes by the moment they are to be looked at. Lanes that are not on it are held, or have nothing open.

    Those that are due stand in a line: who was served, or could not be, goes to its end. A lane that is taken to be
    looked at is off the board until somebody says when to look again.
    """

    def __init__(self) -> None:
        self._due: dict[int, None] = {}
        self._looks: dict[int, datetime] = {}
        self._later: list[tuple[datetime, int]] = []  # a heap; entries that `_looks` no longer says are void

    def __len__(self) -> int:
        return len(self._due) + len(self._looks)

    def call(self, webhook_ids: Iterable[int]) -> None:
        """These may have something due now."""
        for webhook_id in sorted(webhook_ids):  # what is claimed together lies together in the database
            if webhook_id not in self._due:
                self._looks.pop(webhook_id, None)
                self._due[webhook_id] = None

    def replace(self, looks: Mapping[int, datetime]) -> None:
        """All there is, as a look through the whole database found it; what was called meanwhile stays in line."""
        self._looks, self._later = {}, []
        for webhook_id, at in looks.items():
            self.look(webhook_id, at)

    def look(self, webhook_id: int, at: datetime) -> None:
        """Looks at this lane at `at`, if not sooner."""
        known = self._looks.get(webhook_id)
        if webhook_id not in self._due and (known is None or at < known):
            self._looks[webhook_id] = at
            heapq.heappush(self._later, (at, webhook_id))

    def take(self, webhook_ids: Iterable[int]) -> None:
        """Takes these out of the line: they are being looked at. Whoever calls them from now on means again."""
        for webhook_id in webhook_ids:
            self._due.pop(webhook_id, None)

    def due(self, now: datetime) -> Sequence[int]:
        """Those first in line, at most so many as one turn considers; they go to its end."""
        while self._later and self._later[0][0] <= now:
            at, webhook_id = heapq.heappop(self._later)
            if self._looks.get(webhook_id) == at:
                del self._looks[webhook_id]
                self._due[webhook_id] = None
        if len(self._due) <= LOOKED_AT:
            return list(self._due)
        first = [webhook_id for webhook_id, _ in zip(self._due, range(LOOKED_AT), strict=False)]
        for webhook_id in first:
            del self._due[webhook_id]
        self._due |= dict.fromkeys(first)
        return first

    @property
    def is_anyone_in_line(self) -> bool:
        """Whether lanes are left that may have something due now."""
        return bool(self._due)

    def next_look(self) -> datetime | None:
        """When the next lane that is not due is to be looked at."""
        while self._later:
            at, webhook_id = self._later[0]
            if self._looks.get(webhook_id) == at:
                return at
            heapq.heappop(self._later)
        return None
