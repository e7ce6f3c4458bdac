"""When a receiver counts as down or given up: each rule at its edges, and what holds for every story."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from webhook_ui.breaker import Health, Outcome, Verdict, Window, begins_to_fail, judge, outcome, tells
from webhook_ui.explain import said
from webhook_ui.languages import spoken
from webhook_ui.turn import GONE
from webhook_ui.wire import Answer, ErrorClass, Failure, Result

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DOWN = Health(
    breaker="open",
    reason="20 of the last 20 attempts failed; last: 503",
    opened_at=NOW - timedelta(minutes=1),
    probe_at=NOW,
    failing_since=NOW - timedelta(minutes=2),
    last_result="error",
)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def ended(
    sent: bool = False, *, probe: bool = False, tells: bool = True, ours: bool = False, at: datetime = NOW
) -> Outcome:
    return Outcome(
        sent=sent, at=at, probe=probe, tells=tells, cause="" if sent else "503 Service Unavailable", ours=ours
    )


def never() -> bool:
    raise AssertionError("the statistics must not be asked here")


def after(
    health: Health,
    *outcomes: Outcome,
    failed: int = 0,
    total: int = 0,
    ask: Callable[[], bool] = never,
    now: datetime = NOW,
    jitter: float = 0.0,
) -> Verdict:
    return judge(health, outcomes, failed=failed, total=total, failed_half_a_day_ago=ask, now=now, jitter=jitter)


def answer(status: int | None = None, kind: ErrorClass = ErrorClass.http) -> Answer:
    sent = status is not None and 200 <= status < 300
    failure = None if sent else Failure(kind=kind, message="It failed.")
    result = Result.sent if sent else Result.error
    return Answer(result=result, at=NOW, duration_ms=1.0, response_status=status, failure=failure)


# What tells


@pytest.mark.parametrize("status", [200, 204, 404, 410, 429, 500, 503])
def test_most_answers_tell_something_about_the_receiver(status: int) -> None:
    assert tells(answer(status))
    assert not outcome(answer(status), probe=False).ours


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_some_answers_judge_one_delivery(status: int) -> None:
    assert not tells(answer(status))
    assert not outcome(answer(status), probe=False).ours


@pytest.mark.parametrize("kind", ErrorClass)
def test_failures_of_our_own_say_nothing(kind: ErrorClass) -> None:
    ours = kind in {ErrorClass.plugin, ErrorClass.crash}
    assert tells(answer(kind=kind)) == (not ours)
    assert outcome(answer(kind=kind), probe=True) == Outcome(
        sent=False, at=NOW, probe=True, tells=not ours, cause="It failed", ours=ours
    )


# The window


def test_the_window_counts_five_minutes() -> None:
    window = Window()
    assert window.counts(0.0) == (0, 0)
    window.add(False, 10.0)
    window.add(True, 45.0)
    assert window.counts(299.0) == (1, 2)
    assert window.counts(300.0) == (0, 1)
    assert window.counts(330.0) == (0, 0)
    window.add(False, 331.0)
    assert window.counts(331.0) == (1, 1)
    window.clear()
    assert window.counts(331.0) == (0, 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 200)), max_size=60), st.floats(0, 1e6))
def test_the_window_is_never_off_by_more_than_a_slot(story: list[tuple[bool, float]], start: float) -> None:
    window, now, seen = Window(), start, []
    for sent, wait in story:
        now += wait
        window.add(sent, now)
        seen.append((sent, now))
        failed, total = window.counts(now)
        surely = [one for one, at in seen if now - at < 270]
        perhaps = [one for one, at in seen if now - at <= 300]
        assert len(surely) <= total <= len(perhaps)
        assert surely.count(False) <= failed <= perhaps.count(False)


# Opening


@pytest.mark.parametrize(
    ("failed", "total", "opens"), [(19, 19, False), (20, 20, True), (10, 20, True), (9, 20, False), (10, 21, False)]
)
def test_it_opens_at_half_of_at_least_twenty(failed: int, total: int, opens: bool) -> None:
    verdict = after(Health(), ended(), failed=failed, total=total)
    assert verdict.opened == opens
    assert verdict.health.breaker == ("open" if opens else "closed")


def test_what_it_says_when_it_opens() -> None:
    verdict = after(Health(last_result="sent"), ended(True), ended(at=ago(seconds=3)), failed=17, total=20)
    assert verdict == Verdict(
        opened=True,
        health=Health(
            breaker="open",
            reason="17 of the last 20 attempts failed; last: 503 Service Unavailable",
            opened_at=NOW,
            probe_at=NOW + timedelta(seconds=5),
            failing_since=ago(seconds=3),
            last_result="error",
        ),
    )


@pytest.mark.parametrize("last", [ended(True), ended(tells=False)])
def test_it_stays_closed_when_the_newest_outcome_speaks_for_the_receiver(last: Outcome) -> None:
    assert not after(Health(), ended(), last, failed=19, total=20).opened


def test_a_failure_of_our_own_hides_nothing_and_adds_nothing() -> None:
    ours = ended(tells=False, ours=True)
    assert after(Health(), ended(), ours, failed=20, total=20).opened
    assert after(Health(last_result="sent"), ours, failed=20, total=20) == Verdict(health=Health(last_result="sent"))


def test_nothing_ended_nothing_changes() -> None:
    assert after(DOWN, failed=20, total=20) == Verdict(health=DOWN)
    assert after(Health(), failed=20, total=20) == Verdict(health=Health())


# Probing


@pytest.mark.parametrize("breaker", ["open", "half_open"])
@pytest.mark.parametrize(("probes", "wait"), [(0, 5), (1, 10), (2, 20), (7, 640), (8, 900), (9, 900), (5000, 900)])
def test_a_failing_probe_waits_twice_as_long_up_to_a_quarter_of_an_hour(breaker: str, probes: int, wait: float) -> None:
    health = replace(DOWN, breaker=breaker, probes=probes)
    verdict = after(health, ended(probe=True), failed=20, total=20, jitter=0.1)
    times = "1 probe" if not probes else f"{probes + 1} probes"
    assert verdict == Verdict(
        health=replace(
            DOWN,
            probe_at=NOW + timedelta(seconds=wait * 1.1),
            probes=probes + 1,
            reason=f"Still down after {times}; last: 503 Service Unavailable",
        )
    )


@pytest.mark.parametrize("breaker", ["open", "half_open"])
def test_a_successful_probe_closes(breaker: str) -> None:
    verdict = after(replace(DOWN, breaker=breaker, probes=4), ended(True, probe=True), failed=17, total=20)
    assert verdict == Verdict(health=Health(last_result="sent"), recovered=True)


def test_a_probe_that_is_refused_as_one_delivery_proves_that_the_receiver_is_up() -> None:
    verdict = after(DOWN, ended(probe=True, tells=False), failed=17, total=20)
    assert verdict == Verdict(health=Health(last_result="error", failing_since=DOWN.failing_since), recovered=True)


def test_a_probe_that_fails_on_our_side_is_made_again() -> None:
    verdict = after(replace(DOWN, breaker="half_open", probes=1), ended(probe=True, tells=False, ours=True))
    assert verdict == Verdict(health=replace(DOWN, probes=1, probe_at=NOW + timedelta(seconds=10)))


def test_what_was_in_flight_when_it_opened_changes_nothing_of_it() -> None:
    assert after(DOWN, ended(), failed=20, total=20) == Verdict(health=DOWN)
    verdict = after(DOWN, ended(True), failed=20, total=20)
    assert verdict == Verdict(health=replace(DOWN, failing_since=None, last_result="sent"))


def test_it_does_not_open_again_by_what_ends_together_with_the_probe() -> None:
    verdict = after(DOWN, ended(True, probe=True), ended(), failed=19, total=20)
    assert (verdict.opened, verdict.recovered, verdict.health.breaker) == (False, True, "closed")


# The disable rule


def failing(**spans: float) -> Health:
    return Health(failing_since=ago(**spans), last_result="error")


def test_the_first_failure_is_remembered_until_a_success() -> None:
    first = after(Health(), ended(at=ago(seconds=9)), ended(at=ago(seconds=2))).health
    assert first == Health(failing_since=ago(seconds=9), last_result="error")
    assert after(first, ended()).health == first
    assert after(first, ended(True)) == Verdict(health=Health(last_result="sent"))
    assert after(first, ended(True), ended()).health.failing_since == NOW


@pytest.mark.parametrize(
    ("since", "earlier", "starts"),
    [
        ({"hours": 11, "minutes": 59}, None, False),
        ({"hours": 12}, None, True),
        ({"hours": 24}, None, True),
        ({"hours": 24, "minutes": 1}, False, False),  # the two are too far apart, and there was none between
        ({"hours": 24, "minutes": 1}, True, True),
        ({"days": 9}, True, True),
    ],
)
def test_two_failures_half_a_day_apart_within_a_day_start_the_clock(
    since: dict[str, float], earlier: bool | None, starts: bool
) -> None:
    verdict = after(failing(**since), ended(), ask=never if earlier is None else lambda: bool(earlier))
    assert verdict.health.disable_at == (NOW + timedelta(days=5) if starts else None)
    assert verdict == Verdict(health=replace(failing(**since), disable_at=verdict.health.disable_at))


def test_the_statistics_are_asked_only_after_a_failure_of_the_receiver() -> None:
    assert after(failing(days=9), ended(True)).health.failing_since is None
    assert after(failing(days=9), ended(tells=False, ours=True)) == Verdict(health=failing(days=9))
    assert after(failing(days=9), ended(), ended(True)).health.failing_since is None


def test_refusals_of_single_deliveries_count_for_the_disable_rule() -> None:
    assert after(failing(hours=13), ended(tells=False)).health.disable_at == NOW + timedelta(days=5)


@pytest.mark.parametrize(("left", "disables"), [(1, False), (0, True), (-3600, True)])
def test_five_days_later_a_failure_disables(left: float, disables: bool) -> None:
    health = replace(failing(days=5, hours=14), disable_at=NOW + timedelta(seconds=left))
    verdict = after(health, ended())
    if not disables:
        assert verdict == Verdict(health=health)
        return
    assert verdict.disable == (
        "Nothing was delivered since 2026-11-17 19:00 UTC: every attempt of five days failed; "
        "last: 503 Service Unavailable."
    )
    assert (verdict.health.disable_at, verdict.health.failing_since) == (None, None), "enabled again, it starts anew"


def test_a_success_in_time_stops_the_clock() -> None:
    health = replace(failing(days=5), disable_at=ago(hours=1))
    assert after(health, ended(True)) == Verdict(health=Health(last_result="sent"), recovered=True)
    verdict = after(health, ended(True), ended())
    assert (verdict.disable, verdict.recovered) == (None, True)


def test_our_own_failures_never_disable() -> None:
    health = replace(failing(days=9), disable_at=ago(days=1))
    assert after(health, ended(tells=False, ours=True)) == Verdict(health=health)


def test_a_lane_that_is_down_and_on_the_clock_recovers_once() -> None:
    health = replace(DOWN, disable_at=NOW + timedelta(days=1))
    late = after(health, ended(True))
    assert (late.recovered, late.health.disable_at) == (False, None), "the breaker is still open"
    assert after(late.health, ended(True, probe=True)).recovered


# Whatever happens

outcomes = st.builds(
    lambda how, probe: {
        "sent": ended(True, probe=probe),
        "failed": ended(probe=probe),
        "refused": ended(probe=probe, tells=False),
        "ours": ended(probe=probe, tells=False, ours=True),
    }[how],
    st.sampled_from(["sent", "failed", "failed", "failed", "refused", "ours"]),
    st.booleans(),
)
turns = st.tuples(
    st.lists(outcomes, max_size=4),
    st.sampled_from([0.2, 30.0, 900.0, 12 * 3600.0, 86_400.0, 3 * 86_400.0]),
    st.floats(0, 0.5),
    st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(turns, max_size=25), st.integers(0, 3))
def test_what_holds_in_every_story(story: list[tuple[list[Outcome], float, float, bool]], crowd: int) -> None:
    health, window, now, first_failure, told = Health(), Window(), NOW, None, False
    for drawn, wait, jitter, asked in story:
        now += timedelta(seconds=wait)
        # as in life a probe is made when it is due, and only while the breaker is not closed
        due = health.probe_at is not None and health.probe_at <= now
        ends = [replace(one, at=now, probe=one.probe and due) for one in drawn]
        for one in ends:
            for _ in range(1 + 5 * crowd if one.tells else 0):
                window.add(one.sent, now.timestamp())
        failed, total = window.counts(now.timestamp())
        verdict = after(health, *ends, failed=failed, total=total, ask=partial(bool, asked), now=now, jitter=jitter)
        check_turn(health, verdict, ends, now, first_failure)
        begins = begins_to_fail(health, verdict)
        assert not begins or verdict.recovered or not told, "of one time of trouble one hears once"
        told = begins or (told and not verdict.recovered)
        if not told or not verdict.disable:  # which ends it, or part of it, and is told by itself
            assert told == (verdict.health.breaker != "closed" or verdict.health.disable_at is not None)
        else:
            told = verdict.health.breaker != "closed"
        for one in ends:
            first_failure = None if one.sent else (first_failure or (None if one.ours else now))
        if verdict.disable:
            first_failure = None
        if verdict.health.breaker != health.breaker:
            window.clear()
        health = verdict.health


def check_turn(before: Health, verdict: Verdict, ends: list[Outcome], now: datetime, first: datetime | None) -> None:
    health = verdict.health
    closed = health.breaker == "closed"
    assert closed == (health.probe_at is None) == (health.opened_at is None) == (health.reason is None)
    assert not closed or health.probes == 0
    assert health.breaker in {"closed", "open"}
    assert not (verdict.opened and verdict.recovered)
    assert not (verdict.disable and verdict.recovered)
    assert verdict.opened == (before.breaker == "closed" and not closed)
    if before.breaker != "closed" and not closed:
        assert before.probe_at
        assert health.probe_at
        assert health.probe_at >= before.probe_at
        assert health.opened_at == before.opened_at
        assert health.probes >= before.probes
        failing_probes = sum(one.probe and not one.sent for one in ends)
        assert failing_probes or health.probe_at == before.probe_at
    if before.breaker != "closed" and closed:
        assert any(one.probe and not one.ours and (one.sent or not one.tells) for one in ends)
    if verdict.recovered:
        assert before.breaker != "closed" or before.disable_at
        assert not all(one.ours for one in ends)
    if health.disable_at:
        assert health.failing_since
        assert health.disable_at - health.failing_since >= timedelta(days=5, hours=12)
    if verdict.disable:
        assert first
        assert now - first >= timedelta(days=5, hours=12)
        assert before.disable_at
        assert before.disable_at <= now
        assert not any(one.sent for one in ends)
    real = [one for one in ends if not one.ours]
    assert health.last_result == (("sent" if real[-1].sent else "error") if real else before.last_result)


def test_what_it_says_is_told_in_spanish() -> None:
    name = (
        "The name hooks.example cannot be resolved (no such host). Correct the URL, or check this server's name service"
    )
    refused = replace(ended(), cause=name)
    doomed = replace(DOWN, failing_since=ago(days=6), disable_at=NOW)
    told = [
        after(Health(), refused, failed=10, total=20, ask=lambda: False).health.reason,
        *(after(replace(DOWN, probes=probes), replace(refused, probe=True)).health.reason for probes in (0, 1)),
        after(doomed, ended()).disable,
        GONE,
    ]
    with spoken("es"):
        spanish = [said(words or "") for words in told]
    assert [spanish[number] for number in (0, 2, 3, 4)] == [
        "Fallaron 10 de los últimos 20 intentos; el último: El nombre hooks.example no se puede resolver (no such "
        "host). Corrige la URL, o revisa el servicio de nombres de este servidor",
        "Sigue caído tras 2 sondas; la última: El nombre hooks.example no se puede resolver (no such host). Corrige la "
        "URL, o revisa el servicio de nombres de este servidor",
        "No se entregó nada desde 2026-11-17 09:00 UTC: todos los intentos de cinco días fallaron; el último: 503 "
        "Service Unavailable.",
        "Su receptor respondió 410 Gone: no quiere más eventos.",
    ]
    assert spanish[1].startswith("Sigue caído tras 1 sonda; ")
