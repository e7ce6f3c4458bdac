"""When a receiver counts as down, when it is asked again, and when a webhook is given up. Pure: clocks are passed in.

The breaker opens on a failure rate; from then on one delivery at a time, the probe, finds out whether it may close.
The disable rule is the slower one: two failures at least 12 hours apart within 24 hours start a clock of 5 days.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from webhook_ui.wire import Answer, ErrorClass, Result

LEAST_OUTCOMES = 20  # fewer say nothing about a rate
FIRST_PROBE = timedelta(seconds=5)
LONGEST_PROBE_WAIT = timedelta(minutes=15)
APART, WITHIN = timedelta(hours=12), timedelta(hours=24)
DISABLE_AFTER = timedelta(days=5)

_ABOUT_ONE_DELIVERY = frozenset({400, 409, 413, 415, 422})
_OURS = frozenset({ErrorClass.plugin, ErrorClass.crash})
_SLOT_SECONDS, _SLOTS = 30, 10


class Window:
    """The outcomes of one webhook in the last 5 minutes, as one dispatcher saw them: counts in slots of 30 seconds.

    Add only what `tells`, and clear it when the breaker opens or closes.
    """

    __slots__ = ("_failed", "_slots", "_total")

    def __init__(self) -> None:
        self.clear()

    def add(self, sent: bool, now: float) -> None:
        slot = int(now // _SLOT_SECONDS)
        place = slot % _SLOTS
        if self._slots[place] != slot:
            self._slots[place] = slot
            self._failed[place] = self._total[place] = 0
        self._total[place] += 1
        if not sent:
            self._failed[place] += 1

    def counts(self, now: float) -> tuple[int, int]:
        """How many failed, of how many."""
        newest = int(now // _SLOT_SECONDS)
        live = [place for place, slot in enumerate(self._slots) if newest - _SLOTS < slot <= newest]
        return sum(self._failed[place] for place in live), sum(self._total[place] for place in live)

    def clear(self) -> None:
        self._slots = [-_SLOTS] * _SLOTS
        self._failed, self._total = [0] * _SLOTS, [0] * _SLOTS


class Health(Struct, frozen=True, kw_only=True):
    """The columns of `models.Lane` that are decided here."""

    breaker: str = "closed"
    reason: str | None = None
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    probes: int = 0
    failing_since: datetime | None = None
    disable_at: datetime | None = None
    last_result: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """One attempt as it bears on its lane's health.

    `tells`: it says something about the receiver; `ours`: nothing reached the receiver through a fault on this side;
    `probe`: it was claimed while the breaker was not closed; `cause` is one short sentence.
    """

    sent: bool
    at: datetime
    probe: bool
    tells: bool
    cause: str
    ours: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """A lane's new health and what it means; `disable` is the reason to disable the webhook with."""

    health: Health
    opened: bool = False
    recovered: bool = False
    disable: str | None = None


def tells(answer: Answer) -> bool:
    """Whether this answer says something about the receiver, not only about one delivery or about ourselves."""
    if answer.failure is None:
        return True
    return answer.failure.kind not in _OURS and answer.response_status not in _ABOUT_ONE_DELIVERY


def outcome(answer: Answer, *, probe: bool) -> Outcome:
    """What an answer means for the health of its lane."""
    return Outcome(
        sent=answer.result is Result.sent,
        at=answer.at,
        probe=probe,
        tells=tells(answer),
        cause=answer.failure.message.rstrip(".") if answer.failure else "",
        ours=answer.failure is not None and answer.failure.kind in _OURS,
    )


def judge(
    health: Health,
    outcomes: Sequence[Outcome],
    *,
    failed: int,
    total: int,
    failed_half_a_day_ago: Callable[[], bool],
    now: datetime,
    jitter: float,
) -> Verdict:
    """What a lane's health is after `outcomes`, the oldest first.

    `failed` of `total` is what the window counts with them. `failed_half_a_day_ago` answers whether an attempt failed
    between 24 and 12 hours ago; it is asked only where that decides. `jitter` makes the wait for a probe longer.
    """
    verdict = Verdict(health=health)
    for one in outcomes:
        verdict = _follow(verdict, one, now, jitter)
    real = [one for one in outcomes if not one.ours]
    failure = next((one for one in reversed(real) if not one.sent), None)
    if failure is None:
        return verdict
    if health.breaker == "closed" and failure is real[-1] and failure.tells and _is_rate(failed, total):
        reason = f"{failed} of the last {total} attempts failed; last: {failure.cause}"
        verdict = Verdict(health=_opened(verdict.health, reason, now), opened=True)
    return _run_clock(verdict, failure, failed_half_a_day_ago, now)


def begins_to_fail(before: Health, verdict: Verdict) -> bool:
    """Whether a time of trouble begins: one that ends with `recovered`, or with the webhook being disabled."""
    return _is_troubled(verdict.health) and (verdict.recovered or not _is_troubled(before))


def _follow(verdict: Verdict, one: Outcome, now: datetime, jitter: float) -> Verdict:
    """The verdict after one more outcome. Back in order is a lane whose breaker and clock are both at rest again."""
    before = verdict.health
    health = _probe(before, one, now, jitter) if one.probe and before.breaker != "closed" else before
    if one.sent:
        health = replace(health, failing_since=None, disable_at=None, last_result="sent")
    elif not one.ours:
        health = replace(health, failing_since=health.failing_since or one.at, last_result="error")
    recovered = verdict.recovered or (_is_troubled(before) and not _is_troubled(health))
    return replace(verdict, health=health, recovered=recovered)


def _is_troubled(health: Health) -> bool:
    return health.breaker != "closed" or health.disable_at is not None


def _probe(health: Health, one: Outcome, now: datetime, jitter: float) -> Health:
    """What a probe brings: any answer that is not the receiver's failure closes; our own failure is asked again."""
    if one.sent or not (one.tells or one.ours):
        return _closed(health)
    wait = min(FIRST_PROBE * 2 ** min(health.probes, 16), LONGEST_PROBE_WAIT) * (1 + jitter)
    if one.ours:
        return replace(health, breaker="open", probe_at=now + wait)
    probes = health.probes + 1
    tried = "1 probe" if probes == 1 else f"{probes} probes"
    reason = f"Still down after {tried}; last: {one.cause}"
    return replace(health, breaker="open", probe_at=now + wait, probes=probes, reason=reason)


def _opened(health: Health, reason: str, now: datetime) -> Health:
    return replace(health, breaker="open", reason=reason, opened_at=now, probe_at=now + FIRST_PROBE, probes=0)


def _closed(health: Health) -> Health:
    return replace(health, breaker="closed", reason=None, opened_at=None, probe_at=None, probes=0)


def _is_rate(failed: int, total: int) -> bool:
    return total >= LEAST_OUTCOMES and 2 * failed >= total


def _run_clock(verdict: Verdict, failure: Outcome, failed_half_a_day_ago: Callable[[], bool], now: datetime) -> Verdict:
    """The disable rule, after a failure."""
    health = verdict.health
    since = health.failing_since
    if since is None:  # a success came after the failure
        return verdict
    if health.disable_at is None:
        # two failures are far enough apart; the first one is near enough itself, or another one was
        if since <= now - APART and (since >= now - WITHIN or failed_half_a_day_ago()):
            return replace(verdict, health=replace(health, disable_at=now + DISABLE_AFTER))
        return verdict
    if now < health.disable_at:
        return verdict
    reason = (
        f"Nothing was delivered since {since:%Y-%m-%d %H:%M} UTC: every attempt of five days failed; "
        f"last: {failure.cause}."
    )
    # whoever enables it again gets the full time again
    health = replace(health, failing_since=None, disable_at=None)
    return replace(verdict, health=health, disable=reason)
