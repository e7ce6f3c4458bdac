"""The database's part of a dispatcher's turn, in one transaction: answers are settled, and free seats filled again.

It runs on the writing thread. When it is called and what becomes of its claims stands in `dispatcher`.
"""

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import msgspec
from sqlmodel import Session

from webhook_ui import breaker, engine_events, ids, outbox, retry, webhooks, wire
from webhook_ui.actors import SYSTEM
from webhook_ui.breaker import Health
from webhook_ui.database import moment
from webhook_ui.engine_events import Subject
from webhook_ui.models import Webhook
from webhook_ui.outbox import Claimed, Claims, Lease, Minute, NewEvent, OpenLane, Settled, Settlement, Targets
from webhook_ui.settings import Settings
from webhook_ui.steady import SteadyClock, elapsed
from webhook_ui.wire import Answer

FOR_HOURS = "Nothing was delivered for half a day. If that goes on for five days more, it is disabled."
KEPT = timedelta(minutes=1)  # answers that came a moment ago may belong to the minute before
GONE = "Its receiver answered 410 Gone: it wants no more events."


class Sent(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A claimed delivery with its answer, not settled yet; `headers` are as sent, less what is secret.

    `attempt_id` is made once: when the answer to a commit is lost, settling it again records it once all the same.
    """

    claimed: Claimed
    answer: Answer
    headers: wire.Headers
    request_body: str | None = None
    """The body, if it is not the event's own."""
    attempt_id: int = msgspec.field(default_factory=ids.new_id)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a turn is to do: settle `answers`, give back what is `unused`, look at all lanes (`discover`), and claim.

    `wanted` says of lanes how many at most, `suspects` what may be claimed, but not with others. `pressure` says of
    webhooks how many of how many attempts failed lately.
    """

    answers: Sequence[Sent] = ()
    unused: Sequence[Claimed] = ()
    pressure: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    discover: bool = False
    wanted: Mapping[int, int] = field(default_factory=dict)
    suspects: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a turn brought; `lanes` and `suspects` are None where nobody looked."""

    now: datetime
    settled: Settled
    claims: Claims
    lanes: Sequence[OpenLane] | None = None
    suspects: Sequence[tuple[int, int]] | None = None


class Turns:
    """Takes turns for the dispatcher called `name`. `schedules` are the retry schedules that triggers bring along."""

    def __init__(
        self, name: str, settings: Settings, steady: SteadyClock, schedules: Mapping[str, Sequence[float]]
    ) -> None:
        self._name, self._settings, self._steady, self._schedules = name, settings, steady, schedules
        self._token, self._claims = secrets.token_hex(8), count(1)
        self._targets = Targets()
        self._latencies: dict[Minute, Sequence[int]] = {}  # of the latest minutes, as they are committed

    def take(self, session: Session, plan: Plan) -> Outcome:
        """One turn."""
        try:
            return self._take(session, plan)
        except BaseException:
            self.forget_targets()
            raise

    def _take(self, session: Session, plan: Plan) -> Outcome:
        now = moment(session)
        settled = self.settle(session, plan, now)
        outbox.give_back(session, plan.unused, now=now)
        lanes = outbox.open_lanes(session, now) if plan.discover else None
        suspects = None if lanes is None else outbox.suspects(session, lanes, now)
        lease = self._lease(now)
        if plan.suspects:
            claims = outbox.claim_suspects(session, plan.suspects, lease=lease, targets=self._targets)
        else:
            claims = outbox.claim(session, plan.wanted, lease=lease, targets=self._targets)
        return Outcome(now=now, settled=settled, claims=claims, lanes=lanes, suspects=suspects)

    def keep(self, settled: Settled) -> None:
        """Remembers what a turn has committed. Not to be called during a turn."""
        if settled.latencies.keys() - self._latencies.keys():  # a minute has begun
            latest = max(minute for _, minute in settled.latencies)
            self._latencies = {key: counts for key, counts in self._latencies.items() if key[1] >= latest - KEPT}
        self._latencies |= settled.latencies

    def forget(self) -> None:
        """Reads the minutes anew: a commit came to nothing, or its answer was lost. Not to be called during a turn."""
        self._latencies = {}

    def forget_targets(self) -> None:
        """Reads webhooks anew: what was read in a transaction that came to nothing may be said nowhere.

        To be called on the writing thread, before another transaction begins.
        """
        self._targets = Targets()

    def finish(self, session: Session, plan: Plan) -> Settled:
        """The last turn: settles and gives back, and claims nothing."""
        now = moment(session)
        settled = self.settle(session, plan, now)
        outbox.give_back(session, plan.unused, now=now)
        return settled

    def settle(self, session: Session, plan: Plan, now: datetime) -> Settled:
        """Records answers and what follows from them: for their webhooks, and as events of the engine's own."""
        if not plan.answers:
            return Settled()
        settled = outbox.settle(
            session,
            [self._decide(one, now) for one in plan.answers],
            dispatcher=self._name,
            now=now,
            pressure=plan.pressure,
            jitter=self._settings.retry_jitter * random.random(),  # noqa: S311 - spreads load, guards nothing
            latencies=self._latencies,
        )
        events: list[NewEvent] = []
        for one in settled.counted:
            if one.decision.disable_webhook:
                events += _disable(session, one.claimed.webhook_id, GONE, None, now)
            if one.decision.closed == "exhausted" and one.claimed.trigger not in engine_events.TRIGGERS:
                events.append(_exhausted(session, one))
        for webhook_id, (before, verdict) in settled.verdicts.items():
            if verdict.disable is not None:
                events += _disable(session, webhook_id, verdict.disable, before.failing_since, now)
                continue
            if verdict.recovered:
                events.append(_recovered(session, webhook_id, before, now))
            if breaker.begins_to_fail(before, verdict):
                answers = [one.answer for one in settled.counted if one.claimed.webhook_id == webhook_id]
                counted = plan.pressure.get(webhook_id, (0, 0))
                events.append(_failing(session, webhook_id, verdict.health, answers, counted=counted, now=now))
        if events:
            outbox.emit_each(session, events, now=now)
        return settled

    def _lease(self, now: datetime) -> Lease:
        lasts = self._settings.lease
        # whoever held a claim when the clock jumped still sends: its lease is over by the clock alone
        return Lease(
            token=f"{self._token}{next(self._claims):x}",
            now=now,
            until=now + timedelta(seconds=lasts),
            reclaim=elapsed() - self._steady.jumped_forward_at > lasts,
        )

    def _decide(self, one: Sent, now: datetime) -> Settlement:
        claimed = one.claimed
        schedule = claimed.target.retry_schedule
        if schedule is None:
            schedule = self._schedules.get(claimed.trigger, self._settings.retry_schedule)
        decision = retry.decide(
            one.answer,
            schedule=schedule,
            tries=claimed.tries,
            now=now,
            jitter=self._settings.retry_jitter,
            chance=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        return Settlement(
            claimed=claimed,
            answer=one.answer,
            decision=decision,
            url=claimed.target.url,
            request_headers=one.headers,
            request_body=one.request_body,
            attempt_id=one.attempt_id,
        )


def _disable(
    session: Session, webhook_id: int, reason: str, failing_since: datetime | None, now: datetime
) -> list[NewEvent]:
    webhook = webhooks.get(session, webhook_id, deleted=True)
    if not webhook.enabled:
        return []
    webhooks.disable(session, webhook_id, reason=reason, actor=SYSTEM, now=now)
    payload = engine_events.disabled_payload(
        _subject(webhook), reason=reason, failing_since=failing_since, disabled_at=now
    )
    return [NewEvent(trigger=engine_events.DISABLED, payload=payload, actor=SYSTEM, about=webhook_id)]


def _failing(
    session: Session,
    webhook_id: int,
    health: Health,
    answers: Sequence[Answer],
    *,
    counted: tuple[int, int],
    now: datetime,
) -> NewEvent:
    last = max((one for one in answers if one.failure is not None), key=lambda one: one.at, default=None)
    payload = engine_events.failing_payload(
        _subject(webhooks.get(session, webhook_id, deleted=True)),
        reason=health.reason or FOR_HOURS,
        failed=counted[0],
        attempts=counted[1],
        failure=last.failure if last else None,
        response_status=last.response_status if last else None,
        failing_since=health.failing_since,
        noticed_at=now,
    )
    return NewEvent(trigger=engine_events.FAILING, payload=payload, actor=SYSTEM, about=webhook_id)


def _recovered(session: Session, webhook_id: int, before: Health, now: datetime) -> NewEvent:
    payload = engine_events.recovered_payload(
        _subject(webhooks.get(session, webhook_id, deleted=True)),
        reason=before.reason,
        failing_since=before.failing_since or before.opened_at,  # a straggler may have been sent meanwhile
        recovered_at=now,
    )
    return NewEvent(trigger=engine_events.RECOVERED, payload=payload, actor=SYSTEM, about=webhook_id)


def _exhausted(session: Session, one: Settlement) -> NewEvent:
    claimed = one.claimed
    payload = engine_events.exhausted_payload(
        _subject(webhooks.get(session, claimed.webhook_id, deleted=True)),
        event_id=claimed.event_id,
        trigger=claimed.trigger,
        tries=claimed.tries + 1,
        failure=one.answer.failure,
        response_status=one.answer.response_status,
    )
    return NewEvent(trigger=engine_events.EXHAUSTED, payload=payload, actor=SYSTEM, about=claimed.webhook_id)


def _subject(webhook: Webhook) -> Subject:
    return Subject(id=int(webhook.id or 0), uid=webhook.uid, title=webhook.title, url=webhook.url)
