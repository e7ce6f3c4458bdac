"""Who may take how many of a dispatcher's seats: quick lanes all that is free, slow ones a bounded part. Pure.

A lane is slow while its answers take long or time out or something of it hangs, quick after a quick answer, else
unknown. How many it may have in flight starts small, doubles with each round of quick successes and is halved when
it fails slowly. Times are monotonic seconds and passed in.
"""

from collections import deque
from collections.abc import Container, Sequence

FIRST_WINDOW = 4
SLOW_SECONDS = 1.0  # an answer that takes longer is slow
QUICK_FOR = 60.0  # so long a quick answer speaks for a lane
FORGET_AFTER = 300.0
STOCK_WINDOWS = 4  # what may wait for the seats of a lane at the most, in its windows; all that waits, in all seats
LEAST_WINDOWS = 2
STOCK_LASTS = 0.5  # seconds: what waits for longer than this is needless, but the least windows always are of use

_NO_ANSWER = -1.0  # the mean of a lane that has not answered yet
_WEIGHT = 1 / 8  # of the newest duration in the mean
_TIMED_OUT_MEAN = 2.0  # the least a lane's mean is after a timeout: some five quick answers make up for it
_LONGEST = 8.0  # a longer duration counts as this, so that some sixteen quick answers always make up for it

_QUICK, _UNKNOWN, _SLOW = range(3)  # the pace of a lane; plain numbers, since they are compared for each seat


class _Lane:
    __slots__ = ("batches", "flying", "mean", "quick_at", "touched_at", "window")

    def __init__(self, window: int) -> None:
        self.window, self.flying = window, 0
        self.batches: deque[list[float]] = deque()  # [taken at, how many of them are still in flight]
        self.mean = _NO_ANSWER
        self.quick_at = self.touched_at = float("-inf")

    def pace(self, now: float) -> int:
        if self.mean > SLOW_SECONDS or (self.flying and now - self.batches[0][0] > SLOW_SECONDS):
            return _SLOW
        return _QUICK if now - self.quick_at <= QUICK_FOR else _UNKNOWN


class _Budget:
    """What may still be given out in one round: everything, and the parts of it for slow and unknown lanes."""

    __slots__ = ("extra", "free", "loose", "slow")

    def __init__(self, *, free: int, slow: int, loose: int, extra: int) -> None:
        self.free, self.slow, self.loose, self.extra = free, slow, loose, extra

    def grant(self, pace: int, wanted: int, *, first: bool) -> int:
        """How many of `wanted` there are for a lane of this pace; `first` if the lane has no seat yet."""
        granted = min(wanted, self.free)
        if pace is not _QUICK:
            granted = min(granted, self.loose)
            if pace is _SLOW:
                granted = min(granted, self.slow)
                self.slow -= max(granted, 0)
            else:
                granted = min(granted, max(self.extra, int(first)))
            granted = max(granted, 0)
            self.loose -= granted
            self.extra -= granted
        self.free -= granted
        return granted


class Seats:
    """The seats of one dispatcher.

    All slow lanes together hold at most a quarter of them, slow and unknown ones three quarters. More than one seat
    an unknown lane gets only while those two hold less than an eighth: so ten lanes that turn out to hang never hold
    more than a quarter of 64 seats, and one new lane starts at its full window all the same.
    """

    def __init__(self, total: int, per_webhook: int, *, stock_windows: int = STOCK_WINDOWS) -> None:
        self._total, self._per_webhook, self.stock_windows = total, per_webhook, stock_windows
        self._first_window = max(1, min(FIRST_WINDOW, per_webhook))
        self._lanes: dict[int, _Lane] = {}
        self._flying: dict[int, _Lane] = {}  # those of them with something in flight
        self._taken = 0
        self.taken_at = self._now = self._forgot_at = 0.0

    @property
    def free(self) -> int:
        return max(self._total - self._taken, 0)

    @property
    def taken(self) -> int:
        return self._taken

    @property
    def slow_taken(self) -> int:
        """Seats that slow lanes held when seats were last taken, released or shared out."""
        return self._held(self._now)[0]

    def flying(self, webhook_id: int) -> int:
        """How many of a lane are in flight."""
        lane = self._flying.get(webhook_id)
        return lane.flying if lane else 0

    def room(self, webhook_id: int) -> int:
        """How many more of a lane may be in flight now: its window and all seats together bound it."""
        lane = self._lanes.get(webhook_id)
        window, flying = (lane.window, lane.flying) if lane else (self._first_window, 0)
        return min(window - flying, self._total - self._taken)

    def is_quick(self, webhook_id: int, now: float) -> bool:
        """Whether a lane is known to be quick."""
        lane = self._lanes.get(webhook_id)
        return lane is not None and lane.pace(now) is _QUICK

    def stock(self, webhook_id: int, now: float) -> int:
        """How many may wait for the seats of a lane that is known to be quick; 0 for the others."""
        lane = self._lanes.get(webhook_id)
        if lane is None or lane.pace(now) is not _QUICK:
            return 0
        windows = STOCK_LASTS / max(lane.mean, STOCK_LASTS / self.stock_windows)
        return int(lane.window * max(windows, LEAST_WINDOWS))

    def is_slow(self, webhook_id: int, now: float) -> bool:
        """Whether a lane's answers take long, or something of it hangs."""
        lane = self._lanes.get(webhook_id)
        return lane is not None and lane.pace(now) is _SLOW

    def take(self, webhook_id: int, count: int, now: float) -> None:
        """`count` deliveries of a lane are in flight from now on."""
        lane = self._lanes.get(webhook_id)
        if lane is None:
            lane = self._lanes[webhook_id] = _Lane(self._first_window)
        if not lane.flying:
            self._flying[webhook_id] = lane
        lane.flying += count
        lane.batches.append([now, count])
        lane.touched_at = self.taken_at = self._now = now
        self._taken += count

    def release(self, webhook_id: int, *, seconds: float, sent: bool, timed_out: bool, now: float) -> None:
        """One of a lane's deliveries is back after `seconds`."""
        lane = self._lanes[webhook_id]
        self._taken -= 1
        lane.flying -= 1
        lane.touched_at = self._now = now
        oldest = lane.batches[0]  # which of them came back does not matter: where all hang, the oldest is right
        oldest[1] -= 1
        if not oldest[1]:
            lane.batches.popleft()
        if not lane.flying:
            del self._flying[webhook_id]
        mean, counted = lane.mean, seconds if seconds < _LONGEST else _LONGEST
        lane.mean = counted if mean == _NO_ANSWER else mean + (counted - mean) * _WEIGHT
        if timed_out or (not sent and seconds > SLOW_SECONDS):
            lane.window = lane.window // 2 or 1
            lane.mean = max(lane.mean, _TIMED_OUT_MEAN)
        elif seconds <= SLOW_SECONDS:
            lane.quick_at = now
            if sent and lane.window < self._per_webhook:
                lane.window += 1

    def shares(self, lanes: Sequence[int], now: float, *, kept: int = 0) -> dict[int, int]:
        """How many each of `lanes` may claim now; given are those with something due, the oldest due first.

        Each lane without a seat gets one first, then all get the same, those with the fewest in flight first. So many
        seats as are `kept` are for somebody else.
        """
        self._now = now
        if now - self._forgot_at > FORGET_AFTER / 4:
            self.forget(now)
        free = self._total - self._taken - kept
        if free <= 0 or not lanes:
            return {}
        slow, loose = self._held(now)
        budget = _Budget(
            free=free,
            slow=max(self._total // 4, 1) - slow,
            loose=max(self._total * 3 // 4, 1) - loose,
            extra=max(self._total // 8, 1) - loose,
        )
        given: dict[int, int] = {}
        more = self._first_seats(lanes, given, budget, now)
        while more and budget.free > 0:
            more = _even_round(more, given, budget)
        return given

    def crowded(self, now: float) -> set[int]:
        """Lanes with something in flight that take no more beside it: their window is full, or they are not quick."""
        return {
            webhook_id
            for webhook_id, lane in self._flying.items()  # never more than there are seats
            if lane.flying >= lane.window or lane.pace(now) is not _QUICK
        }

    def left_out(self, lanes: Sequence[int], given: Container[int], now: float, most: int) -> tuple[list[int], bool]:
        """Of `lanes`, the quick ones without a seat that were given none, at most so many, in their order.

        And whether that is all: no further one, and no lane of unknown pace, is without a seat.
        """
        found: list[int] = []
        unknown = False
        for webhook_id in lanes:
            lane = self._lanes.get(webhook_id)
            if webhook_id in given or (lane and lane.flying):
                continue
            pace = lane.pace(now) if lane else _UNKNOWN
            if pace is _QUICK:
                if len(found) == most:
                    return found, False
                found.append(webhook_id)
            elif pace is _UNKNOWN:
                unknown = True
        return found, not unknown

    def forget(self, now: float) -> None:
        """Drops what is known of lanes that have been idle for minutes."""
        self._forgot_at = now
        idle = [
            webhook_id
            for webhook_id, lane in self._lanes.items()
            if not lane.flying and now - lane.touched_at > FORGET_AFTER
        ]
        for webhook_id in idle:
            del self._lanes[webhook_id]

    def _held(self, now: float) -> tuple[int, int]:
        """Seats of slow lanes, and of slow and unknown ones."""
        slow = loose = 0
        for lane in self._flying.values():  # never more than there are seats
            pace = lane.pace(now)
            if pace is not _QUICK:
                loose += lane.flying
                if pace is _SLOW:
                    slow += lane.flying
        return slow, loose

    def _first_seats(
        self, lanes: Sequence[int], given: dict[int, int], budget: _Budget, now: float
    ) -> "list[_Candidate]":
        """One seat for each lane that has none; answers who may take more, the fewest in flight first."""
        started: list[_Candidate] = []
        flying: list[_Candidate] = []
        for webhook_id in lanes:
            lane = self._lanes.get(webhook_id)
            pace = lane.pace(now) if lane else _UNKNOWN
            if lane and lane.flying:
                if lane.window > lane.flying:
                    flying.append((lane.flying, webhook_id, lane.window, pace))
            elif budget.grant(pace, 1, first=True):
                given[webhook_id] = 1
                started.append((0, webhook_id, lane.window if lane else self._first_window, pace))
                if not budget.free:
                    return []
        flying.sort(key=lambda candidate: candidate[0])
        return [one for one in started if one[2] > 1] + flying


_Candidate = tuple[int, int, int, int]  # in flight, webhook id, window, pace


def _even_round(candidates: list[_Candidate], given: dict[int, int], budget: _Budget) -> list[_Candidate]:
    """What is free, divided among the candidates; answers those who could take more than they got.

    Slow and unknown ones get one seat a round: what there is for them goes to as many of them as it can.
    """
    unfilled: list[_Candidate] = []
    for place, candidate in enumerate(candidates):
        flying, webhook_id, window, pace = candidate
        had = given.get(webhook_id, 0)
        share = -(-budget.free // (len(candidates) - place)) if pace is _QUICK else 1
        granted = budget.grant(pace, min(share, window - flying - had), first=False)
        if not granted:
            continue
        given[webhook_id] = had + granted
        if flying + had + granted < window:
            unfilled.append(candidate)
    return unfilled
