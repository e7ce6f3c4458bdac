"""Who gets how many seats: examples of slow start and of lanes that hang, and what holds in every simulated run."""

import heapq
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_ui.seats import FIRST_WINDOW, FORGET_AFTER, QUICK_FOR, Seats

TIMEOUT = 15.0
QUICK = 0.05


@dataclass
class House:
    """A dispatcher of simulated receivers: `delays` says how long each lane's answers take; the timeout ends them."""

    seats: Seats
    delays: dict[int, float]
    backlog: dict[int, int]
    now: float = 100.0
    flying: list[tuple[float, int, float]] = field(default_factory=list)  # (ends at, lane, began at)
    due: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.due = list(self.backlog)

    def held(self, lane: int) -> int:
        return sum(one == lane for _, one, _ in self.flying)

    def turn(self) -> dict[int, int]:
        """One claim; a lane that got something has what is left of its backlog due again, behind the others."""
        self.due = [lane for lane in self.due if self.backlog[lane]]
        shares = self.seats.shares(self.due, self.now)
        for lane, share in shares.items():
            count = min(share, self.backlog[lane])
            self.backlog[lane] -= count
            self.seats.take(lane, count, self.now)
            for _ in range(count):
                heapq.heappush(self.flying, (self.now + min(self.delays[lane], TIMEOUT), lane, self.now))
            self.due.remove(lane)
            self.due.append(lane)
        return shares

    def advance(self, seconds: float) -> None:
        """Lets time pass, turning at once when something comes back."""
        until = self.now + seconds
        while self.flying and self.flying[0][0] <= until:
            self.now = self.flying[0][0]
            while self.flying and self.flying[0][0] <= self.now:
                _, lane, began = heapq.heappop(self.flying)
                late = self.delays[lane] >= TIMEOUT
                self.seats.release(lane, seconds=self.now - began, sent=not late, timed_out=late, now=self.now)
            self.turn()
        self.now = until


def answer(seats: Seats, lane: int, count: int, now: float, *, seconds: float = QUICK, timed_out: bool = False) -> None:
    for _ in range(count):
        seats.release(lane, seconds=seconds, sent=not timed_out, timed_out=timed_out, now=now)


def rounds(seats: Seats, lane: int, count: int, now: float) -> list[int]:
    """What a lane with a quick receiver and an endless backlog gets, round by round."""
    got = []
    for number in range(count):
        moment = now + number * QUICK
        share = seats.shares([lane], moment).get(lane, 0)
        seats.take(lane, share, moment)
        answer(seats, lane, share, moment + QUICK)
        got.append(share)
    return got


def test_lanes_are_crowded_that_are_full_or_not_quick() -> None:
    seats = Seats(64, 2)
    for lane in (1, 2, 3):
        seats.take(lane, 1, 0.0)
    answer(seats, 1, 1, 0.1)
    answer(seats, 2, 1, 0.1)
    assert seats.crowded(0.1) == {3}, "nobody knows it yet"
    seats.take(1, 1, 0.2)
    seats.take(2, 2, 0.2)
    assert seats.crowded(0.3) == {2, 3}, "the first could take one more"
    assert seats.crowded(0.2 + QUICK_FOR) == {1, 2, 3}


def test_seats_that_are_kept_are_not_given_out() -> None:
    seats = Seats(16, 16)
    rounds(seats, 1, 10, 0.0)
    assert seats.shares([1], 1.0, kept=2) == {1: 14}
    assert seats.shares([1], 1.0, kept=16) == {}


def test_a_single_quick_lane_has_all_seats_in_the_fifth_round() -> None:
    assert rounds(Seats(64, 64), 1, 6, 0.0) == [4, 8, 16, 32, 64, 64]
    assert rounds(Seats(64, 16), 1, 4, 0.0) == [4, 8, 16, 16]


def test_small_houses_work() -> None:
    assert rounds(Seats(1, 1), 1, 2, 0.0) == [1, 1]
    assert rounds(Seats(4, 2), 1, 3, 0.0) == [1, 2, 2]


def test_free_seats_are_divided_evenly_and_those_with_the_fewest_in_flight_come_first() -> None:
    seats = Seats(12, 12)
    for lane in (1, 2, 3):
        rounds(seats, lane, 4, 0.0)
    assert seats.shares([1, 2, 3], 1.0) == {1: 4, 2: 4, 3: 4}
    seats.take(1, 6, 1.0)
    assert seats.shares([1, 2, 3], 1.0) == {2: 3, 3: 2, 1: 1}
    seats.take(2, 5, 1.0)
    assert seats.shares([1, 2, 3], 1.0) == {3: 1}, "the lane that has nothing in flight yet"


def test_what_is_left_goes_to_the_lane_with_the_fewest_in_flight() -> None:
    seats = Seats(12, 12)
    for lane in (1, 2):
        rounds(seats, lane, 4, 0.0)
    seats.take(1, 6, 1.0)
    seats.take(2, 5, 1.0)
    assert seats.shares([1, 2], 1.0) == {2: 1}


def test_a_quarter_is_kept_from_lanes_that_nothing_is_known_of() -> None:
    seats = Seats(64, 64)
    shares = seats.shares(range(100), 0.0)
    assert shares == dict.fromkeys(range(48), 1)
    for lane in shares:
        seats.take(lane, 1, 0.0)
    assert seats.shares(range(48, 100), 0.0) == {}
    answer(seats, 3, 1, 0.1)
    assert seats.shares([50, 3, 51], 0.2) == {50: 1, 3: 5}, "quick ones may have all that is free"


def test_a_timeout_however_short_makes_a_lane_slow_until_it_has_answered_quickly() -> None:
    seats = Seats(64, 64)
    rounds(seats, 1, 5, 0.0)
    seats.take(1, 17, 1.0)
    answer(seats, 1, 1, 1.5, seconds=0.5, timed_out=True)
    assert seats.slow_taken == 16
    assert seats.shares([1], 1.5) == {}
    answer(seats, 1, 6, 1.6)
    assert seats.slow_taken == 0
    assert seats.shares([1], 1.6) == {1: 28}


def test_nothing_is_shared_where_nothing_is_due_or_free() -> None:
    seats = Seats(2, 2)
    assert seats.shares([], 0.0) == {}
    seats.take(7, 2, 0.0)
    assert (seats.free, seats.taken) == (0, 2)
    assert seats.shares([1, 2], 0.0) == {}


def test_timeouts_halve_the_window_down_to_one_and_successes_open_it_again() -> None:
    seats = Seats(64, 64)
    rounds(seats, 1, 4, 0.0)
    seats.take(1, 3, 1.0)
    for left in (2, 1, 0):
        answer(seats, 1, 1, 16.0, seconds=TIMEOUT, timed_out=True)
        seats.take(1, left, 16.0)
        answer(seats, 1, left, 16.0, seconds=TIMEOUT, timed_out=True)
    assert seats.shares([1], 17.0) == {1: 1}
    got = rounds(seats, 1, 8, 20.0)
    assert got[0] == 1
    assert got[-1] == 64, "a lane that answers quickly again stops being slow"


def test_a_slow_failure_halves_and_a_quick_one_changes_nothing() -> None:
    seats = Seats(64, 64)
    rounds(seats, 1, 2, 0.0)
    seats.take(1, 2, 1.0)
    seats.release(1, seconds=0.01, sent=False, timed_out=False, now=1.1)
    assert seats.shares([1], 1.2) == {1: 15}, "16 less the one in flight"
    seats.release(1, seconds=5.0, sent=False, timed_out=False, now=6.0)
    assert seats.shares([1], 6.1) == {1: 8}


def test_a_slow_lane_gets_a_quarter_however_wide_its_window_is() -> None:
    seats = Seats(64, 64)
    rounds(seats, 1, 5, 0.0)
    seats.take(1, 20, 1.0)
    assert seats.slow_taken == 0
    assert seats.shares([1], 1.9) == {1: 44}
    assert seats.shares([1], 2.1) == {}, "it holds more than a quarter and hangs"
    assert seats.slow_taken == 20
    answer(seats, 1, 10, 2.2, seconds=1.15)
    assert seats.shares([1], 2.3) == {1: 6}


def test_ten_lanes_that_hang_from_the_start_never_hold_more_than_a_quarter() -> None:
    delays = dict.fromkeys(range(1000), QUICK) | dict.fromkeys(range(10), 99.0)
    house = House(Seats(64, 16), delays, {lane: 10_000 if lane < 10 else 0 for lane in range(1000)})
    house.turn()
    assert 10 <= house.seats.taken <= 10 * FIRST_WINDOW
    for _ in range(400):
        house.advance(0.1)
        for lane in range(10, 1000, 9):
            house.backlog[lane] += 1
            if lane not in house.due:
                house.due.append(lane)
        house.turn()
        assert sum(house.held(lane) for lane in range(10)) <= 16
        waiting = [lane for lane in range(10, 1000) if house.backlog[lane]]
        assert not waiting or house.seats.taken >= 48, "all that unknown lanes may have is in use"


def test_what_is_in_flight_and_how_much_more_may_be() -> None:
    seats = Seats(6, 64)
    assert (seats.flying(1), seats.room(1)) == (0, FIRST_WINDOW), "nothing is known of it yet"
    seats.take(1, 3, 0.0)
    assert (seats.flying(1), seats.room(1), seats.flying(2)) == (3, 1, 0)
    answer(seats, 1, 3, 0.1)
    assert (seats.flying(1), seats.room(1)) == (0, 6), "its window is 7 now, but there are 6 seats"
    seats.take(2, 4, 0.2)
    assert (seats.room(1), seats.room(2), seats.room(3)) == (2, 0, 2)
    seats.take(1, 2, 0.2)
    assert (seats.room(1), seats.room(3)) == (0, 0), "all seats are taken"


def test_a_window_that_was_halved_has_no_room_until_enough_is_back() -> None:
    seats = Seats(64, 64)
    rounds(seats, 1, 2, 0.0)
    seats.take(1, 15, 1.0)
    answer(seats, 1, 1, 16.0, seconds=TIMEOUT, timed_out=True)
    assert seats.flying(1) == 14
    assert seats.room(1) < 0
    answer(seats, 1, 9, 16.1)
    assert seats.room(1) > 0


def test_only_a_quick_lane_has_a_stock() -> None:
    seats = Seats(64, 16)
    assert not has_stock(seats, 0.0), "nothing is known of it yet"
    seats.take(1, 2, 0.0)
    assert not has_stock(seats, 0.1)
    answer(seats, 1, 2, 0.1)
    assert has_stock(seats, 0.2)
    assert has_stock(seats, 0.1 + QUICK_FOR)
    assert not has_stock(seats, 0.2 + QUICK_FOR), "it has not answered for too long"
    seats.take(1, 1, 70.0)
    answer(seats, 1, 1, 70.1)
    seats.take(1, 1, 71.0)
    assert has_stock(seats, 71.9)
    assert not has_stock(seats, 72.1), "what is in flight hangs"
    answer(seats, 1, 1, 73.0, seconds=0.2, timed_out=True)
    assert not has_stock(seats, 73.0), "and has timed out"


def has_stock(seats: Seats, now: float) -> bool:
    assert seats.is_quick(1, now) == bool(seats.stock(1, now))
    return seats.is_quick(1, now)


@pytest.mark.parametrize(("seconds", "windows"), [(0.01, 4), (0.125, 4), (0.2, 2.5), (0.9, 2)])
def test_a_stock_is_what_a_lane_sends_in_half_a_second(seconds: float, windows: float) -> None:
    seats = Seats(64, 16)
    seats.take(1, 6, 0.0)
    answer(seats, 1, 6, 1.0, seconds=seconds)
    assert seats.stock(1, 1.0) == windows * (FIRST_WINDOW + 6)


def test_what_is_known_of_an_idle_lane_is_forgotten() -> None:
    seats = Seats(64, 64)
    rounds(seats, 1, 5, 0.0)
    seats.take(2, 1, 0.0)
    assert seats.shares([1], 1.0) == {1: 63}
    seats.shares([3], FORGET_AFTER + 2)
    assert seats.shares([1], FORGET_AFTER + 2) == {1: FIRST_WINDOW}
    answer(seats, 2, 1, FORGET_AFTER + 2)  # what is in flight is never forgotten
    assert seats.taken == 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A drawn run: how many seats, how slow each receiver, how much for each, and how time passes."""

    total: int
    per_webhook: int
    delays: list[float]
    backlog: int
    steps: list[float]

    def build(self) -> House:
        delays = dict(enumerate(self.delays))
        return House(Seats(self.total, self.per_webhook), delays, dict.fromkeys(delays, self.backlog))


plans = st.builds(
    Plan,
    total=st.integers(1, 80),
    per_webhook=st.integers(1, 80),
    delays=st.lists(st.sampled_from([0.001, QUICK, 0.4, 1.5, 6.0, 99.0]), min_size=1, max_size=30),
    backlog=st.integers(1, 400),
    steps=st.lists(st.sampled_from([0.01, 0.1, 0.7, 3.0, 20.0]), min_size=1, max_size=25),
)


@settings(deadline=None, max_examples=60)
@given(plans)
def test_bounds_hold_in_every_run(plan: Plan) -> None:
    house = plan.build()
    seats, total, per_webhook = house.seats, plan.total, plan.per_webhook
    for step in plan.steps:
        slow_before, held = seats.slow_taken, {lane: house.held(lane) for lane in house.delays}
        windows = {lane: record.window for lane, record in seats._lanes.items()}
        paces = {lane: record.pace(house.now) for lane, record in seats._lanes.items()}
        loose_before = sum(count for lane, count in held.items() if paces.get(lane, 1))
        shares = house.turn()
        assert all(share > 0 for share in shares.values())
        assert seats.taken == sum(map(house.held, house.delays)) <= total
        for lane, share in shares.items():
            assert held[lane] + share <= windows.get(lane, FIRST_WINDOW) <= max(per_webhook, FIRST_WINDOW)
            assert held[lane] + share <= per_webhook
        slow = sum(share for lane, share in shares.items() if paces.get(lane) == 2)
        loose = sum(share for lane, share in shares.items() if paces.get(lane, 1))
        assert not slow or slow_before + slow <= max(total // 4, 1)
        assert not loose or loose_before + loose <= max(total * 3 // 4, 1)
        house.advance(step)


@settings(deadline=None, max_examples=60)
@given(plans)
def test_no_lane_starves_and_everything_is_sent_in_the_end(plan: Plan) -> None:
    house = replace(plan, backlog=3).build()
    house.turn()
    for _ in range(3 * len(house.delays) * 2):
        house.advance(TIMEOUT)  # whatever holds a seat has given it back after this
        house.turn()
    assert not any(house.backlog.values())


@settings(deadline=None, max_examples=60)
@given(plans, st.integers(0, 29))
def test_a_quick_lane_is_served_beside_whatever_hangs(plan: Plan, waiting: int) -> None:
    """Known to be quick, with one delivery at a time: with 4 seats or more it waits for quick ones at most."""
    house = replace(plan, total=max(4, plan.total)).build()
    house.delays = {lane: delay if delay > 1 else 0.001 for lane, delay in house.delays.items()}
    quick = 1000
    house.delays[quick], house.backlog[quick] = 0.001, 0
    house.seats.take(quick, 1, house.now)
    answer(house.seats, quick, 1, house.now, seconds=0.001)
    house.turn()
    for step in plan.steps:
        house.advance(min(step, 3.0))
        house.backlog[quick] = 1
        house.due.insert(min(waiting, len(house.due)), quick)
        house.turn()
        house.advance(0.05)
        assert not house.backlog[quick]


@settings(deadline=None, max_examples=60)
@given(plans)
def test_windows_recover_once_receivers_do(plan: Plan) -> None:
    house, per_webhook = plan.build(), min(plan.total, plan.per_webhook)
    house.turn()
    for step in plan.steps:
        house.advance(step)
    house.backlog = dict.fromkeys(house.delays, 0)
    house.advance(TIMEOUT)
    house.delays = dict.fromkeys(house.delays, 0.001)
    house.backlog = dict.fromkeys(house.delays, 2 * per_webhook + 20)
    house.due = list(house.delays)
    house.turn()
    house.advance(10.0)
    assert not any(house.backlog.values())
    seats = house.seats
    assert seats.taken == seats.slow_taken == 0
    for lane in house.delays:
        assert seats.shares([lane], house.now) == {lane: per_webhook}
