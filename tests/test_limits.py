"""Rate limits as a calculation: never more than rate · t + burst in any window, and never less than the rate."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stored import NOW, at
from webhook_ui.outbox.limits import RateLimit

RATES = st.floats(0.01, 10_000)


def test_after_a_pause_a_burst_then_one_by_one() -> None:
    limit = RateLimit(rate=50)
    assert limit.burst == 5
    assert limit.room(None, NOW) == 5
    arrival = limit.after(None, NOW, 5)
    assert limit.room(arrival, NOW) == 0
    assert limit.room(arrival, at(0.02)) == 1
    assert limit.room(arrival, at(100)) == 5


def test_a_low_rate_has_a_burst_of_one() -> None:
    limit = RateLimit(rate=0.5)
    assert (limit.burst, limit.room(None, NOW)) == (1, 1)
    arrival = limit.after(None, NOW, 1)
    assert limit.next_room(arrival, NOW) == at(2)
    assert limit.room(arrival, at(1.999)) == 0
    assert limit.room(arrival, at(2)) == 1


@given(rate=RATES, steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 2000)), min_size=1, max_size=60))
def test_in_no_window_more_than_rate_and_burst(rate: float, steps: list[tuple[float, int]]) -> None:
    limit, now, arrival = RateLimit(rate=rate), NOW, None
    claims: list[tuple[datetime, int]] = []
    for pause, wanted in steps:
        now += timedelta(seconds=pause)
        if count := min(wanted, limit.room(arrival, now)):
            arrival = limit.after(arrival, now, count)
            claims.append((now, count))
    for first, (begin, _) in enumerate(claims):
        for last in range(first, len(claims)):
            seconds = (claims[last][0] - begin).total_seconds()
            taken = sum(count for _, count in claims[first : last + 1])
            # a microsecond a claim is what a stored moment is rounded by
            assert taken <= rate * (seconds + 2e-6 * len(claims)) + limit.burst + 1e-3


@given(rate=RATES, count=st.integers(1, 1000))
def test_there_is_room_when_it_was_promised(rate: float, count: int) -> None:
    limit = RateLimit(rate=rate)
    taken = min(count, limit.burst)
    arrival = limit.after(None, NOW, taken)
    promised = limit.next_room(arrival, NOW)
    assert promised >= NOW
    assert limit.room(arrival, promised + timedelta(microseconds=2)) >= 1


@pytest.mark.parametrize("rate", [1, 10, 333.3])
def test_who_always_takes_what_there_is_gets_the_rate(rate: float) -> None:
    limit, now, arrival, taken = RateLimit(rate=rate), NOW, None, 0
    while now < at(60):
        if count := limit.room(arrival, now):
            arrival = limit.after(arrival, now, count)
            taken += count
        assert arrival is not None
        now = max(limit.next_room(arrival, now), now + timedelta(milliseconds=1))
    assert taken == pytest.approx(60 * rate, rel=0.02)
