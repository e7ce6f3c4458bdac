"""What follows from an answer: examples, and what holds for every one of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_ui.retry import LONGEST_WAIT, Decision, decide
from webhook_ui.wire import Answer, ErrorClass, Failure, Result

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def answer(status: int | None = None, retry_after: float | None = None) -> Answer:
    sent = status is not None and 200 <= status < 300
    kind = ErrorClass.timeout if status is None else ErrorClass.http
    return Answer(
        result=Result.sent if sent else Result.error,
        at=NOW,
        duration_ms=1.0,
        response_status=status,
        retry_after=retry_after,
        failure=None if sent else Failure(kind=kind, message="It failed."),
    )


def after(given_answer: Answer, tries: int = 0, jitter: float = 0.0, chance: float = 0.0) -> Decision:
    return decide(given_answer, schedule=SCHEDULE, tries=tries, now=NOW, jitter=jitter, chance=chance)


def seconds(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - NOW).total_seconds()


def test_2xx_closes() -> None:
    assert after(answer(204)) == Decision(status=Result.sent, closed="sent")


def test_a_failure_waits_as_long_as_the_schedule_says() -> None:
    waits = [seconds(after(answer(500), tries).due_at) for tries in range(9)]
    assert waits == list(SCHEDULE)
    assert sum(waits) / 3600 == pytest.approx(75.6, abs=0.1)


def test_the_tenth_failure_is_the_last() -> None:
    assert after(answer(500), tries=9) == Decision(status=Result.error, closed="exhausted")
    assert after(answer(), tries=12).closed == "exhausted"


def test_an_empty_schedule_gives_one_try() -> None:
    decision = decide(answer(500), schedule=(), tries=0, now=NOW, jitter=0.1, chance=0.5)
    assert decision.closed == "exhausted"


def test_jitter_only_makes_longer() -> None:
    assert seconds(after(answer(500), tries=1, jitter=0.1, chance=0.0).due_at) == 300
    assert seconds(after(answer(500), tries=1, jitter=0.1, chance=0.5).due_at) == 315


@pytest.mark.parametrize("retry_after", [None, 60.0])
@pytest.mark.parametrize("tries", [0, 9])
def test_410_closes_and_disables(tries: int, retry_after: float | None) -> None:
    expected = Decision(status=Result.error, closed="gone", disable_webhook=True)
    assert after(answer(410, retry_after), tries) == expected


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_retry_after_moves_the_next_try_of_any_failure(status: int) -> None:
    assert seconds(after(answer(status, 60.0)).due_at) == 60
    assert seconds(after(answer(status, 2.0)).due_at) == 5


@pytest.mark.parametrize(("status", "held"), [(429, True), (502, True), (503, True), (504, True), (500, False)])
def test_a_throttled_webhook_waits_as_a_whole(status: int, held: bool) -> None:
    for tries in (0, 9):
        lane = after(answer(status, 60.0), tries).lane_not_before
        assert lane == (NOW + timedelta(seconds=60) if held else None)
    assert after(answer(status)).lane_not_before is None
    assert after(answer(status, 0.0)).lane_not_before is None


@settings(deadline=None)
@given(
    status=st.none() | st.integers(0, 999),
    retry_after=st.none() | st.floats(-1e9, 1e9),
    schedule=st.lists(st.floats(0, 1e7), max_size=12),
    tries=st.integers(0, 20),
    jitter=st.floats(0, 1),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_what_holds_for_every_answer(  # noqa: PLR0917 - hypothesis names them
    status: int | None, retry_after: float | None, schedule: list[float], tries: int, jitter: float, chance: float
) -> None:
    given_answer = answer(status, retry_after)
    decision = decide(given_answer, schedule=schedule, tries=tries, now=NOW, jitter=jitter, chance=chance)
    assert decision.status is given_answer.result
    assert (decision.closed is None) == (decision.due_at is not None)
    assert (decision.closed == "sent") == (given_answer.result is Result.sent)
    assert decision.disable_webhook == (decision.closed == "gone") == (status == 410)
    if decision.closed is None:
        wait, planned = seconds(decision.due_at), schedule[tries]
        assert planned - 1e-5 <= wait <= max(planned * (1 + jitter), LONGEST_WAIT) + 1e-5
        assert wait >= min(retry_after or 0, LONGEST_WAIT) - 1e-5
    if decision.lane_not_before is not None:
        assert 0 <= seconds(decision.lane_not_before) <= LONGEST_WAIT


@settings(deadline=None)
@given(
    schedule=st.lists(st.floats(0, 1e6), max_size=6),
    jitter=st.floats(0, 1),
    draw=st.data(),
)
def test_a_delivery_that_always_fails_is_tried_once_more_than_the_schedule_is_long(
    schedule: list[float], jitter: float, draw: st.DataObject
) -> None:
    now, tries = NOW, 0
    while True:
        asked = draw.draw(st.none() | st.floats(0, 3 * LONGEST_WAIT))
        status = draw.draw(st.sampled_from([None, 302, 404, 429, 500, 503]))
        chance = draw.draw(st.floats(0, 1, exclude_max=True))
        decision = decide(answer(status, asked), schedule=schedule, tries=tries, now=now, jitter=jitter, chance=chance)
        if decision.closed:
            break
        assert decision.due_at
        wait = (decision.due_at - now).total_seconds()
        if asked is None:
            assert schedule[tries] - 1e-5 <= wait <= schedule[tries] * (1 + jitter) + 1e-5
        assert wait >= min(asked or 0.0, LONGEST_WAIT) - 1e-5
        now, tries = decision.due_at, tries + 1
    assert (decision.closed, tries) == ("exhausted", len(schedule))


@settings(deadline=None)
@given(
    tries=st.integers(0, 20),
    retry_after=st.none() | st.floats(0, 1e9),
    schedule=st.lists(st.floats(0, 1e7), max_size=12),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_410_is_always_the_end(tries: int, retry_after: float | None, schedule: list[float], chance: float) -> None:
    decision = decide(answer(410, retry_after), schedule=schedule, tries=tries, now=NOW, jitter=0.1, chance=chance)
    assert decision == Decision(status=Result.error, closed="gone", disable_webhook=True)


@settings(deadline=None)
@given(
    asked=st.floats(0, 1e9),
    more=st.floats(0, 1e9),
    status=st.sampled_from([404, 429, 500, 502, 503, 504]),
    tries=st.integers(0, 8),
)
def test_asking_for_more_never_means_sooner_and_at_most_a_day(
    asked: float, more: float, status: int, tries: int
) -> None:
    sooner, later = (after(answer(status, wait), tries) for wait in (asked, asked + more))
    assert sooner.due_at
    assert later.due_at
    assert sooner.due_at <= later.due_at <= NOW + timedelta(seconds=max(LONGEST_WAIT, SCHEDULE[tries]))
    if sooner.lane_not_before and later.lane_not_before:
        assert sooner.lane_not_before <= later.lane_not_before <= NOW + timedelta(seconds=LONGEST_WAIT)
