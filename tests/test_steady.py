"""Time that never goes back: what happens to it when the wall clock jumps."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.stored import NOW, at
from webhook_ui import steady
from webhook_ui.steady import SteadyClock


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], tuple[SteadyClock, datetime]]:
    """Reads one clock after `passed` seconds of real time, when the wall clock says NOW + `wall`."""
    clock = SteadyClock()

    def look(passed: float, wall: float) -> tuple[SteadyClock, datetime]:
        monkeypatch.setattr(steady, "elapsed", lambda: 1000 + passed)
        return clock, clock.read(at(wall))

    return look


Read = Callable[[float, float], tuple[SteadyClock, datetime]]


def test_it_follows_the_wall_clock(read: Read) -> None:
    for seconds in (0, 0.5, 1, 61, 3600):
        assert read(seconds, seconds)[1] == at(seconds)


def test_a_clock_that_is_being_corrected_is_followed_but_never_back(read: Read) -> None:
    assert read(0, 0)[1] == NOW
    assert read(10, 9.5)[1] == at(9.5)
    assert read(10.2, 9.4)[1] == at(9.5)
    assert read(11, 10.9)[1] == at(10.9)


def test_after_a_jump_forward_it_follows_at_once_and_says_so(read: Read) -> None:
    clock, _ = read(0, 0)
    assert clock.jumped_forward_at == float("-inf")
    assert read(1, 3601)[1] == at(3601)
    assert clock.jumped_forward_at == 1001
    assert read(2, 3602)[1] == at(3602)
    assert clock.jumped_forward_at == 1001


def test_after_a_jump_back_it_goes_on_a_little_slower_until_the_wall_clock_has_caught_up(read: Read) -> None:
    read(0, 0)
    clock, after = read(10, -3590)
    assert after == at(9)
    assert read(20, -3580)[1] == at(18)
    after = at(18)
    assert clock.jumped_forward_at == float("-inf")
    seconds, last = 20.0, after
    while seconds < 40_000:
        seconds += 60
        _, now = read(seconds, seconds - 3600)
        assert timedelta(0) < now - last <= timedelta(seconds=60)
        last = now
    assert last == at(seconds - 3600), "it has caught up, and follows again"


def test_a_jump_forward_ends_a_jump_back(read: Read) -> None:
    read(0, 0)
    read(10, -3590)
    assert read(11, 11)[1] >= at(9)
    assert read(12, 12)[1] == at(12)


def test_between_readings_it_goes_on_by_itself(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SteadyClock().recent(1) is None, "it was never read"
    clock, _ = read(0, 0)
    monkeypatch.setattr(steady, "elapsed", lambda: 1000.25)
    assert clock.recent(0.5) == at(0.25)
    monkeypatch.setattr(steady, "elapsed", lambda: 1000.5)
    assert clock.recent(0.5) is None, "that reading is too old"


def test_while_it_waits_for_the_wall_clock_each_moment_is_read(read: Read) -> None:
    read(0, 0)
    clock, _ = read(10, -3590)
    assert clock.recent(0.5) is None


def test_what_it_said_between_readings_is_not_taken_back(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, _ = read(0, 0)
    monkeypatch.setattr(steady, "elapsed", lambda: 1000.4)
    said = clock.recent(0.5)
    assert said == at(0.4)
    assert read(0.41, 0.39)[1] >= said, "the wall clock is a little behind"
