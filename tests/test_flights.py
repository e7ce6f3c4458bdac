"""What a dispatcher has in the air: seats pass on to the stock of their lane, and no stock is sent that must not be."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest

from tests.stored import NOW
from webhook_ui import flights, ids, wire
from webhook_ui.composing import Composer
from webhook_ui.flights import STOCK_SECONDS, Flights
from webhook_ui.guard import Policy
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Claimed, Target
from webhook_ui.seats import SLOW_SECONDS, STOCK_WINDOWS
from webhook_ui.settings import LEASE_GRACE, Settings
from webhook_ui.wire import ErrorClass

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Far:
    """A receiver in this process that answers each event when it is told to."""

    def __init__(self) -> None:
        self.arrived: list[int] = []
        self._answers: dict[int, asyncio.Future[int]] = {}

    async def receive(self, request: httpx.Request) -> httpx.Response:
        event_id = ids.event_number(request.headers["webhook-id"])
        self._answers[event_id] = asyncio.get_running_loop().create_future()
        self.arrived.append(event_id)
        return httpx.Response(await self._answers[event_id])

    def answer(self, *event_ids: int, status: int = 200) -> None:
        for event_id in event_ids:
            self._answers[event_id].set_result(status)


class Clock:
    """The clock of `flights`, which goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def time(self) -> float:
        return time.time()


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(flights, "time", made)
    return made


@pytest.fixture
async def air(far: Far, clock: Clock) -> AsyncIterator[Flights]:
    """Eight seats, two of them for each webhook."""
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        made = fly(sender)
        yield made
        await made.end(grace=0)


def fly(sender: Any, *, seats: int = 8, woken: Callable[[], None] = lambda: None) -> Flights:
    settings = Settings(_env_file=None, concurrency=seats, concurrency_per_webhook=2)
    return Flights(sender, settings, composer=Composer(None, user_agent="test"), wake=woken)


def claims(*event_ids: int, webhook_id: int = 1, secret: str = SECRET, narrow: bool = False) -> list[Claimed]:
    target = Target(
        webhook_id=webhook_id,
        url="https://example.com/hook",
        headers={},
        secrets=[secret],
        timeout=None,
        retry_schedule=None,
    )
    return [
        Claimed(
            webhook_id=webhook_id,
            event_id=event_id,
            target=target,
            token="a1",
            round=1,
            tries=0,
            trigger="user.created",
            payload="{}",
            occurred_at=NOW,
            narrow=narrow,
        )
        for event_id in event_ids
    ]


def is_empty(air: Flights) -> bool:
    return air.calm_for == float("inf")


def unused(air: Flights) -> list[int]:
    return sorted(one.event_id for one in air.unused)


def answered(air: Flights) -> list[tuple[int, int | None]]:
    return sorted((one.claimed.event_id, one.answer.response_status) for one in air.answers)


async def let_fly(reached: Callable[[], object] = lambda: False, rounds: int = 50) -> None:
    """Lets everything happen that can, or until something is reached."""
    for _ in range(rounds):
        if reached():
            return
        await asyncio.sleep(0)


async def send(air: Flights, far: Far, deliveries: Sequence[Claimed]) -> None:
    """Sends what finds a seat; the rest is stock."""
    before = len(far.arrived)
    air.send_off(deliveries)
    await let_fly(lambda: len(far.arrived) >= before + 2)


# --- a stock that is sent


async def test_a_seat_that_becomes_free_is_taken_from_the_stock_without_a_turn(air: Flights, far: Far) -> None:
    await send(air, far, claims(1, 2, 3, 4))
    assert (far.arrived, air.seats.taken) == ([1, 2], 2)
    far.answer(2)
    await let_fly()
    assert (far.arrived, air.seats.taken) == ([1, 2, 3], 2), "the oldest of the stock"
    far.answer(1, 3)
    await let_fly()
    assert far.arrived == [1, 2, 3, 4]
    far.answer(4)
    await let_fly()
    assert answered(air) == [(1, 200), (2, 200), (3, 200), (4, 200)]
    assert (air.unused, air.seats.taken, is_empty(air)) == ([], 0, True)


async def test_a_stock_is_claimed_only_for_lanes_that_were_quick(air: Flights, far: Far) -> None:
    assert air.wanted([1]) == {1: 1}, "nobody knows it yet"
    await send(air, far, claims(1))
    far.answer(1)
    await let_fly()
    assert air.wanted([1]) == {1: 2 + STOCK_WINDOWS * 2}


async def test_the_stock_of_a_lane_is_no_more_than_it_sends_in_a_moment(air: Flights, far: Far, clock: Clock) -> None:
    await send(air, far, claims(1))
    clock.seconds += 0.24
    far.answer(1)
    await let_fly()
    assert air.wanted([1]) == {1: 2 + 2 * 2}, "two windows take half a second"


async def test_large_payloads_leave_less_room_for_a_stock(
    air: Flights, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is kept in memory: a hundred payloads of the largest size would be too much of it."""
    monkeypatch.setattr(flights, "STOCK_BYTES", 4000)
    large = "x" * 1000
    for event_id in range(1, 60):
        await send(air, far, [msgspec.structs.replace(one, payload=large) for one in claims(event_id)])
        far.answer(event_id)
        await let_fly()
    assert air.wanted([1]) == {1: 2 + 4}


async def test_a_lane_without_a_seat_comes_before_anybodys_stock(far: Far, clock: Clock) -> None:
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        air = fly(sender, seats=2)
        await send(air, far, claims(1))
        far.answer(1)
        await let_fly()
        await send(air, far, claims(2, 3))
        assert air.wanted([1]) == {1: STOCK_WINDOWS * 2}
        assert air.wanted([1, 2]) == {}, "both seats are taken, and the second lane waits for one"
        await air.end(grace=0)


# --- turns that wait for more answers


@pytest.fixture
async def full(far: Far, clock: Clock) -> AsyncIterator[Flights]:
    """Two seats, both taken, and a stock of four."""
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        made = fly(sender, seats=2)
        await send(made, far, claims(1))
        far.answer(1)
        await let_fly()
        made.answers.clear()
        made.wanted([1])
        await send(made, far, claims(2, 3, 4, 5, 6, 7))
        yield made
        await made.end(grace=0)


async def test_with_plenty_in_stock_a_turn_waits_for_answers(full: Flights, far: Far) -> None:
    gathering = asyncio.create_task(full.gather(60))
    await let_fly()
    assert not gathering.done()
    far.answer(2)
    await let_fly(lambda: 4 in far.arrived)
    assert not gathering.done(), "three are left for two seats"
    far.answer(3, 4)
    await let_fly(lambda: 6 in far.arrived)
    await asyncio.wait_for(gathering, 5)  # one is left: more must be claimed
    assert len(full.answers) >= 2


async def test_with_many_answers_no_turn_waits(full: Flights, far: Far) -> None:
    far.answer(2, 3)
    await let_fly(lambda: 5 in far.arrived)
    await asyncio.wait_for(full.gather(60), 5)


@pytest.mark.parametrize("kind", ["a failure", "a change", "a stop"])
async def test_what_presses_ends_the_wait_for_answers(full: Flights, far: Far, kind: str) -> None:
    gathering = asyncio.create_task(full.gather(60))
    await let_fly()
    if kind == "a failure":
        far.answer(2, status=500)
    elif kind == "a change":
        full.return_stock(1)
    else:
        full.hurry()
    await asyncio.wait_for(gathering, 5)


async def test_where_a_seat_is_free_no_turn_waits(air: Flights, far: Far) -> None:
    await send(air, far, claims(1, 2, 3))
    await asyncio.wait_for(air.gather(60), 5)


# --- a stock that is given back


@pytest.mark.parametrize("changed", [1, None])
async def test_what_was_claimed_while_its_webhook_was_changed_is_given_back(
    air: Flights, far: Far, changed: int | None
) -> None:
    air.wanted([1, 2])
    air.return_stock(changed)  # a turn has claimed already, and says so after that
    air.send_off([*claims(1, 2), *claims(3, webhook_id=2)])
    await let_fly(lambda: far.arrived)
    assert unused(air) == ([1, 2] if changed else [1, 2, 3])
    air.wanted([1])
    await send(air, far, claims(4, 5))
    assert far.arrived[-2:] == [4, 5], "as it is now"


@pytest.mark.parametrize("status", [500, 410, 429])
async def test_the_stock_of_a_lane_that_fails_is_given_back(air: Flights, far: Far, status: int) -> None:
    await send(air, far, claims(1, 2, 3, 4, 5))
    far.answer(1, status=status)
    await let_fly()
    assert (far.arrived, unused(air), air.seats.taken) == ([1, 2], [3, 4, 5], 1)
    far.answer(2)
    await let_fly()
    assert far.arrived == [1, 2], "what is given back is not sent, though another of the lane went well"
    assert (answered(air), is_empty(air)) == ([(1, status), (2, 200)], True)


@pytest.mark.parametrize("status", [410, 500])
async def test_what_was_claimed_while_a_lane_failed_is_no_stock(air: Flights, far: Far, status: int) -> None:
    """A turn may be claiming more of a lane while its receiver refuses: after 410 nothing of that is sent."""
    await send(air, far, claims(1, 2))
    far.answer(1, 2)
    await let_fly()
    await send(air, far, claims(3))
    air.wanted([])  # the turn is planned
    far.answer(3, status=status)
    await let_fly()
    air.send_off(claims(5, 6))
    await let_fly()
    assert far.arrived == [1, 2, 3]
    assert sorted(unused(air)) == [5, 6]


async def test_a_stock_that_has_lain_too_long_is_given_back_whole(air: Flights, far: Far, clock: Clock) -> None:
    await send(air, far, claims(1, 2, 3, 4, 5))
    clock.seconds += STOCK_SECONDS + 0.1
    far.answer(1, 2)
    await let_fly()
    assert sorted(unused(air)) == [3, 4, 5]
    assert is_empty(air)


async def test_the_failure_of_one_lane_takes_nobody_elses_stock(air: Flights, far: Far) -> None:
    await send(air, far, claims(1, 2, 3))
    await send(air, far, claims(11, 12, 13, webhook_id=2))
    far.answer(1, status=500)
    far.answer(11)
    await let_fly()
    assert (far.arrived, unused(air)) == ([1, 2, 11, 12, 13], [3])


async def test_the_stock_of_a_lane_that_slows_down_is_given_back(air: Flights, far: Far, clock: Clock) -> None:
    await send(air, far, claims(9))
    far.answer(9)
    await let_fly()
    await send(air, far, claims(1, 2, 3, 4))
    clock.seconds += SLOW_SECONDS
    air.clear_out()
    assert unused(air) == [], "it is quick yet"
    clock.seconds += 0.1
    air.clear_out()
    assert unused(air) == [3, 4]
    far.answer(1)
    await let_fly()
    assert far.arrived == [9, 1, 2]


async def test_what_has_lain_too_long_is_not_sent(air: Flights, far: Far, clock: Clock) -> None:
    """Its lease would end before an attempt of full length does."""
    await send(air, far, claims(1, 2, 3, 4))
    clock.seconds += STOCK_SECONDS
    far.answer(1)
    await let_fly()
    assert far.arrived == [1, 2, 3], "just in time"
    clock.seconds += 0.1
    far.answer(2)
    await let_fly()
    assert (far.arrived, unused(air)) == ([1, 2, 3], [4])


async def test_what_nobody_of_its_lane_can_take_along_is_given_back_at_once(far: Far, clock: Clock) -> None:
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        air = fly(sender, seats=2)
        await send(air, far, claims(1, 2))
        await send(air, far, claims(11, webhook_id=2))
        assert (far.arrived, unused(air)) == ([1, 2], [11])
        await air.end(grace=0)


# --- the end


async def test_told_to_stop_it_sends_nothing_of_the_stock(air: Flights, far: Far) -> None:
    await send(air, far, claims(1, 2, 3, 4))
    ending = asyncio.create_task(air.end(grace=10))
    await let_fly()
    assert unused(air) == [3, 4]
    far.answer(1, 2)
    await ending
    assert (far.arrived, unused(air), answered(air)) == ([1, 2], [3, 4], [(1, 200), (2, 200)])
    assert (is_empty(air), air.seats.taken) == (True, 0)


async def test_what_takes_longer_than_the_grace_is_unused_too(air: Flights, far: Far) -> None:
    await send(air, far, claims(1, 2, 3))
    far.answer(1)
    await let_fly()
    await air.end(grace=0)
    assert (far.arrived, unused(air), answered(air)) == ([1, 2, 3], [2, 3], [(1, 200)])
    await let_fly()
    assert (is_empty(air), air.seats.taken) == (True, 0)


# --- faults of our own


async def test_a_fault_of_this_program_leaves_no_seat_taken_and_counts_nothing(clock: Clock) -> None:
    woken: list[bool] = []

    async def fail(_: wire.Outgoing) -> wire.Answer:
        raise RuntimeError("a mistake")

    air = fly(SimpleNamespace(send=fail), woken=lambda: woken.append(True))
    air.send_off(claims(1, 2, 3, 4))
    assert air.seats.taken == 2
    await let_fly(lambda: is_empty(air))
    assert (is_empty(air), air.seats.taken, air.answers) == (True, 0, [])
    assert unused(air) == [3, 4], "the two that were lost keep their lease"
    assert air.pressure([]) == {}
    assert woken, "what is unused is given back at once"


async def test_a_secret_that_cannot_sign_is_an_attempt_that_says_nothing_of_the_receiver(
    air: Flights, far: Far
) -> None:
    air.send_off(claims(1, secret="whsec_?"))
    await let_fly(lambda: air.answers)
    (one,) = air.answers
    assert one.answer.failure is not None
    assert one.answer.failure.kind is ErrorClass.plugin
    assert "Correct the webhook" in one.answer.failure.message
    assert air.pressure(air.answers) == {1: (0, 0)}
    assert far.arrived == []


async def test_the_pressure_of_a_lane_counts_until_its_breaker_moves(air: Flights, far: Far) -> None:
    await send(air, far, claims(1, 2))
    far.answer(1)
    far.answer(2, status=500)
    await let_fly(lambda: len(air.answers) == 2)
    assert air.pressure(air.answers) == {1: (1, 2)}
    air.forget_pressure(1)
    assert air.pressure(air.answers) == {1: (0, 0)}


# --- the reserve: more quick lanes than seats


async def crowd(far: Far, sender: Sender) -> Flights:
    """Two seats, and five lanes that are known to be quick; both seats are taken by the first two."""
    air = fly(sender, seats=2)
    for lane in range(1, 6):
        await send(air, far, claims(lane, webhook_id=lane))
        far.answer(lane)
        await let_fly()
    air.send_off([*claims(11, webhook_id=1), *claims(12, webhook_id=2)])
    await let_fly(lambda: len(far.arrived) == 7)
    return air


@pytest.fixture
async def crowded(far: Far, clock: Clock) -> AsyncIterator[Flights]:
    transport = httpx.MockTransport(far.receive)
    async with Sender(Policy(), connections=8, user_agent="test", transport=transport) as sender:
        air = await crowd(far, sender)
        yield air
        await air.end(grace=0)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_lane_without_a_seat_takes_the_next_one_that_becomes_free(
    crowded: Flights, far: Far, status: int
) -> None:
    assert crowded.wanted([3]) == {3: 1}
    crowded.send_off(claims(13, webhook_id=3))
    await let_fly()
    assert 13 not in far.arrived
    assert not is_empty(crowded)
    assert crowded.wanted([3]) == {}, "it has its place"
    far.answer(11, status=status)
    await let_fly(lambda: 13 in far.arrived)
    assert 13 in far.arrived, "without a turn, whatever became of who sat there"
    assert (crowded.seats.taken, crowded.unused) == (2, [])


async def test_with_plenty_in_the_reserve_a_turn_waits_for_answers(crowded: Flights, far: Far) -> None:
    crowded.answers.clear()
    assert crowded.wanted([3, 4, 5]) == {3: 1, 4: 1, 5: 1}
    crowded.send_off([one for lane in (3, 4, 5) for one in claims(10 + lane, webhook_id=lane)])
    gathering = asyncio.create_task(crowded.gather(60))
    await let_fly()
    far.answer(11)
    await let_fly(lambda: 13 in far.arrived)
    assert not gathering.done(), "two are left for two seats"
    far.answer(12)
    await asyncio.wait_for(gathering, 5)  # one is left: more must be claimed
    assert len(crowded.answers) == 2


async def test_who_is_left_out_and_unknown_gets_no_place_and_nobody_a_stock(crowded: Flights) -> None:
    assert crowded.wanted([1, 6]) == {}
    assert crowded.wanted([1, 3]) == {3: 1, 1: STOCK_WINDOWS * 2 - 1}, "what the reserve leaves free is for stocks"


async def test_the_reserve_is_given_back_when_it_lies_too_long_or_its_webhook_is_changed(
    crowded: Flights, far: Far, clock: Clock
) -> None:
    crowded.wanted([3])
    crowded.send_off(claims(13, webhook_id=3))
    clock.seconds += STOCK_SECONDS / 2
    crowded.clear_out()
    assert unused(crowded) == []
    clock.seconds += STOCK_SECONDS
    crowded.clear_out()
    assert unused(crowded) == [13]
    crowded.wanted([3])
    crowded.send_off(claims(23, webhook_id=3))
    crowded.return_stock(3)
    assert unused(crowded) == [13, 23]


async def test_told_to_stop_it_sends_nothing_of_the_reserve(crowded: Flights, far: Far) -> None:
    crowded.wanted([3])
    crowded.send_off(claims(13, webhook_id=3))
    ending = asyncio.create_task(crowded.end(grace=10))
    await let_fly()
    far.answer(11, 12)
    await ending
    assert (13 in far.arrived, unused(crowded), is_empty(crowded)) == (False, [13], True)


@pytest.mark.parametrize(("own", "given"), [(None, 10.0), (5.0, 5.0), (45.0, 45.0), (60.0, 50.0)])
async def test_no_attempt_may_take_longer_than_the_lease_leaves_it(own: float | None, given: float) -> None:
    """A webhook's own timeout was checked against the lease when it was saved; the lease may be shorter since."""
    seen: list[float] = []

    class Watching:
        async def send(self, outgoing: Any) -> Any:
            seen.append(outgoing.timeout)
            raise RuntimeError("seen")

    settings = Settings(_env_file=None, request_timeout=10.0, lease=50.0 + LEASE_GRACE)
    air = Flights(cast(Any, Watching()), settings, composer=Composer(None, user_agent="test"), wake=lambda: None)
    (claimed,) = claims(1)
    air.send_off([msgspec.structs.replace(claimed, target=replace(claimed.target, timeout=own), narrow=True)])
    await air.end(grace=5)
    assert seen == [given]
