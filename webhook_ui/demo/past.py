"""The demo's last 24 hours, made by the engine's own functions with the clock set back: claimed, answered, settled.

Only the sending is left out: what a receiver would have answered is asked of its story.
"""

import errno
import random
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from sqlmodel import Session

from webhook_ui import answers, breaker, dialling, faults, guard, host, ids, letters, outbox
from webhook_ui.app import USER_AGENT
from webhook_ui.breaker import Window
from webhook_ui.composing import Composer
from webhook_ui.demo import traffic
from webhook_ui.demo.stories import DAY, Asked, Reply, Story
from webhook_ui.host import Emission
from webhook_ui.ids import EPOCH
from webhook_ui.outbox import Claimed, Lease, Targets
from webhook_ui.plugin_loader import Plugins
from webhook_ui.settings import Settings
from webhook_ui.steady import SteadyClock
from webhook_ui.turn import Plan, Sent, Turns
from webhook_ui.wire import Answer, ErrorClass, Failure, Result, Timings

# between two looks at what is due, and in the last hour
COARSE, FINE = timedelta(minutes=4), timedelta(seconds=30)
LAST_HOUR, TOLD = timedelta(hours=1), timedelta(hours=6)
BETWEEN = timedelta(seconds=0.6)  # two looks of the same moment: what goes one by one, or at a rate, needs several
LOOKS = 10
AT_ONCE = 16  # of one webhook

T = TypeVar("T")
Deed = tuple[datetime, Callable[[Session, datetime], object]]  # what a person did, and when


class Past:
    """A day of a dispatcher. `stories` are those of the webhooks by their ids."""

    def __init__(self, session: Session, settings: Settings, plugins: Plugins, stories: Mapping[int, Story]) -> None:
        self._session, self._settings, self._plugins, self._stories = session, settings, plugins, stories
        self._turns = Turns("demo", settings, SteadyClock(), {})
        self._targets, self._composer = Targets(), Composer(None, user_agent=USER_AGENT)
        self._windows: dict[int, Window] = defaultdict(Window)
        self._chance = random.Random(7)
        self._now = self._until = EPOCH

    def happen(self, until: datetime, deeds: Sequence[Deed], tell: Callable[[int], object]) -> None:
        """All of it, up to `until`; `tell` hears now and then how many hours are done."""
        self._until, told = until, until - DAY
        events = deque(traffic.last_day(until, self._chance))
        ahead = deque(sorted(deeds, key=lambda deed: deed[0]))
        with ids.made_at(lambda: self._now):
            for moment in _moments(until):
                for self._now, do in _up_to(moment, ahead):
                    do(self._session, self._now)
                self._emit(_up_to(moment, events))
                self._now = max(moment, self._now)
                self._deliver()
                if moment >= told + TOLD:
                    told = moment
                    tell(round((moment - until + DAY) / LAST_HOUR))

    def _emit(self, happened: Iterator[tuple[datetime, Emission]]) -> None:
        for at, emission in happened:
            self._now = max(at, self._now)
            dated = msgspec.structs.replace(emission, occurred_at=at)
            event = host.check(
                dated, self._plugins, max_payload_bytes=self._settings.max_payload_bytes, actor=traffic.SHOP
            )
            outbox.emit(self._session, event, now=self._now)

    def _deliver(self) -> None:
        """What is due."""
        for _ in range(LOOKS):
            lanes = outbox.open_lanes(self._session, self._now)
            wanted = {lane.webhook_id: AT_ONCE for lane in lanes if lane.due_at <= self._now}
            if not wanted:
                return
            lease = Lease(token=f"past{ids.new_id()}", now=self._now, until=self._now + LAST_HOUR)
            claims = outbox.claim(self._session, wanted, lease=lease, targets=self._targets)
            self._settle(sorted(map(self._attempt, claims.deliveries), key=lambda one: one.answer.at))
            self._now += BETWEEN

    def _settle(self, sent: Sequence[Sent]) -> None:
        pressure = {one.claimed.webhook_id: self._pressure(one) for one in sent if breaker.tells(one.answer)}
        settled = self._turns.settle(self._session, Plan(answers=sent, pressure=pressure), self._now)
        self._turns.keep(settled)
        for webhook_id, (before, verdict) in settled.verdicts.items():
            if before.breaker != verdict.health.breaker:
                self._windows[webhook_id].clear()

    def _pressure(self, one: Sent) -> tuple[int, int]:
        window, seconds = self._windows[one.claimed.webhook_id], self._now.timestamp()
        window.add(one.answer.failure is None, seconds)
        return window.counts(seconds)

    def _attempt(self, claimed: Claimed) -> Sent:
        target = claimed.target
        timeout = target.timeout or self._settings.request_timeout
        # the first attempt follows at once, whenever in between that was
        at = claimed.occurred_at if claimed.tries == 0 and not claimed.narrow else self._now
        outgoing = letters.prepare(
            head := self._composer.letterhead(target),
            event_id=claimed.event_id,
            trigger=claimed.trigger,
            occurred_at=claimed.occurred_at,
            payload=claimed.payload,
            now=at.timestamp(),
            timeout=timeout,
        )
        answer = self._answer(self._stories[claimed.webhook_id], claimed, at, timeout)
        return Sent(claimed=claimed, answer=answer, headers=letters.shown_headers(head, outgoing))

    def _answer(self, story: Story, claimed: Claimed, at: datetime, timeout: float) -> Answer:
        since = (at - self._until).total_seconds()
        reply = story.reply(Asked(since=since, data=msgspec.json.decode(claimed.payload), chance=self._chance))
        if isinstance(reply, Reply) and reply.seconds <= timeout:
            return _answered(reply, claimed.target.url, at)
        target = guard.check_url(claimed.target.url, self._settings.policy)
        if isinstance(reply, Reply):
            return _failed(ErrorClass.timeout, TimeoutError(), target, at, seconds=timeout)
        kind, error = (ErrorClass.tls, _untrusted()) if story.door == "tls" else (ErrorClass.connect, _refused())
        return _failed(kind, error, target, at, seconds=0.004)


def _up_to(moment: datetime, ahead: deque[tuple[datetime, T]]) -> Iterator[tuple[datetime, T]]:
    """Takes what has happened by `moment`."""
    while ahead and ahead[0][0] <= moment:
        yield ahead.popleft()


def _moments(until: datetime) -> Iterator[datetime]:
    """When it is looked what is due."""
    moment = until - DAY
    while moment < until:
        moment = min(moment + (FINE if moment >= until - LAST_HOUR else COARSE), until)
        yield moment


def _answered(reply: Reply, url: str, at: datetime) -> Answer:
    wait = float(reply.headers["retry-after"]) if "retry-after" in reply.headers else None
    good = 200 <= reply.status < 300
    words = "" if good else answers.explain_status(reply.status, "", url=url, location="", retry_after=wait)
    headers = {"server": "demo", **reply.headers, "content-type": "application/json"}
    return Answer(
        result=Result.sent if good else Result.error,
        at=at + timedelta(seconds=reply.seconds),
        duration_ms=reply.seconds * 1000 + 1.2,
        response_status=reply.status,
        response_headers=tuple({**headers, "content-length": str(len(reply.body.encode()))}.items()),
        response_body=reply.body,
        retry_after=wait,
        failure=None if good else Failure(kind=ErrorClass.http, message=words),
        timings=Timings(connect=0.4, wait=reply.seconds * 1000),
    )


def _failed(kind: ErrorClass, error: Exception, target: guard.Target, at: datetime, *, seconds: float) -> Answer:
    """In the words in which the engine would have said it."""
    trip = dialling.Trip(started=0.0, is_tls=kind is ErrorClass.tls, connected=0.0)
    return Answer(
        result=Result.error,
        at=at + timedelta(seconds=seconds),
        duration_ms=seconds * 1000,
        failure=Failure(kind=kind, message=faults.explain(kind, error, trip, target, seconds)),
    )


def _refused() -> Exception:
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def _untrusted() -> Exception:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 18, "self-signed certificate"
    return error
