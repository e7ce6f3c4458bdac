"""The dispatcher: claims what is due, sends it, settles what came of it. It keeps nothing that a crash could lose.

Each turn is one transaction: the answers that have gathered since the last turn are settled, and the seats they left
are filled again. While nothing is due it sleeps until a new event, an answer, or the clock wakes it.
"""

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from webhook_ui import ids, outbox, retry, signing, webhooks, wire
from webhook_ui.actors import SYSTEM
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database, moment
from webhook_ui.errors import Unavailable
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Claimed, Claims, Settlement
from webhook_ui.schedule import Clock
from webhook_ui.settings import Settings
from webhook_ui.times import utcnow
from webhook_ui.wire import Answer, ErrorClass, Failure, Outgoing, Result

TICK_SECONDS = 5.0  # looks at the database at least so often, whatever the clock and the wake-ups say
LONGEST_BACKOFF = 30.0
ALARM = "next delivery due"
MASK = "•••"
CALLS = frozenset({Kind.event, Kind.webhook, Kind.delivery, Kind.anything})  # what may have made something due

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """A claimed delivery with its answer, not settled yet."""

    claimed: Claimed
    answer: Answer
    headers: wire.Headers


class Dispatcher:
    """Delivers for one process. `schedules` holds the retry schedules that triggers bring along."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        clock: Clock,
        settings: Settings,
        *,
        user_agent: str,
        schedules: Mapping[str, Sequence[float]],
    ) -> None:
        self.name = secrets.token_hex(4)
        self._database, self._sender, self._clock, self._settings = database, sender, clock, settings
        self._user_agent, self._schedules = user_agent, schedules
        self._in_flight: dict[asyncio.Task[None], Claimed] = {}
        self._answers: list[_Sent] = []
        self._suspects: Sequence[int] = ()
        self._alone = False  # what is in flight was claimed alone
        self._unused: list[Claimed] = []  # claimed by a turn that ended after it was told to stop
        self._woken, self._stop, self._over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Lets the dispatcher look whether something is due. Call it in its event loop."""
        self._woken.set()

    async def run(self) -> None:
        """Delivers until `stop`; a database that is away is waited for, and no try is counted meanwhile."""
        loop = asyncio.get_running_loop()
        quiet = self._database.announcer.subscribe(lambda changes: self._hear(loop, changes))
        backoff = 0.0
        try:
            while not self._stop.is_set():
                try:
                    await self._turn()
                except Exception as error:  # whatever it is, what is due must still be delivered
                    backoff = min(max(backoff * 2, 0.5), LONGEST_BACKOFF)
                    unforeseen = None if isinstance(error, Unavailable) else error
                    log.warning("dispatcher.waits", reason=str(error), again_in_seconds=backoff, exc_info=unforeseen)
                    await _within(backoff, self._stop)
                else:
                    backoff = 0.0
                    await _within(TICK_SECONDS, self._woken)
        finally:
            quiet()
            self._clock.set_alarm(ALARM, None, self.wake)
            self._over.set()

    async def stop(self, grace: float) -> None:
        """Claims no more, waits up to `grace` seconds for what is in flight, gives the rest back, records.

        To be called while `run` runs, or before; returns when both have ended.
        """
        self._stop.set()
        self.wake()
        await self._over.wait()  # a turn that is being written may still bring claims
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=grace)
        unfinished = {task: claimed for task, claimed in self._in_flight.items() if not task.done()}
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        try:
            await self._database.write(self._finish, self._answers, [*unfinished.values(), *self._unused])
        except Unavailable as error:
            log.warning("dispatcher.unrecorded", reason=str(error), answers=len(self._answers))

    def _hear(self, loop: asyncio.AbstractEventLoop, changes: frozenset[Changed]) -> None:
        if not loop.is_closed() and any(change.kind in CALLS for change in changes):
            loop.call_soon_threadsafe(self.wake)

    async def _turn(self) -> None:
        self._woken.clear()
        answers, self._answers = self._answers, []
        try:
            claims = await self._database.write(self._settle_and_claim, answers, self._busy())
        except BaseException:
            self._answers = answers + self._answers  # not recorded, so still to be recorded
            raise
        if self._stop.is_set():
            self._unused += claims.deliveries
            return
        for claimed in claims.deliveries:
            task = asyncio.create_task(self._deliver(claimed))
            self._in_flight[task] = claimed
            task.add_done_callback(self._in_flight.pop)
        self._clock.set_alarm(ALARM, claims.next_due, self.wake)

    def _busy(self) -> Mapping[int, int]:
        return Counter(claimed.webhook_id for claimed in self._in_flight.values())

    def _settle_and_claim(self, session: Session, answers: Sequence[_Sent], busy: Mapping[int, int]) -> Claims:
        """Runs on the writing thread: one transaction."""
        now = moment(session)
        self._settle(session, answers, now)
        if self._stop.is_set():
            return Claims(deliveries=(), suspects=(), next_due=None)
        token, lease_until = secrets.token_hex(8), now + timedelta(seconds=self._settings.lease)
        flying = sum(busy.values())
        if self._suspects or self._alone:
            if flying:  # what may kill this process must have no neighbours
                return Claims(deliveries=(), suspects=(), next_due=now + timedelta(seconds=TICK_SECONDS))
            suspects, self._suspects, self._alone = self._suspects, (), False
            if suspects:
                claims = outbox.claim_alone(session, suspects, token=token, now=now, lease_until=lease_until)
                self._alone = bool(claims.deliveries)
                if self._alone:
                    return claims
        claims = outbox.claim(
            session,
            token=token,
            now=now,
            lease_until=lease_until,
            seats=self._settings.concurrency - flying,
            seats_per_webhook=self._settings.concurrency_per_webhook,
            busy=busy,
        )
        self._suspects = claims.suspects
        return claims

    def _finish(self, session: Session, answers: Sequence[_Sent], unfinished: Sequence[Claimed]) -> None:
        now = moment(session)
        self._settle(session, answers, now)
        outbox.give_back(session, unfinished, now=now)

    def _settle(self, session: Session, answers: Sequence[_Sent], now: datetime) -> None:
        settlements = [self._decide(one, now) for one in answers]
        if not settlements:
            return
        for one in outbox.settle(session, settlements, dispatcher=self.name, now=now):
            if one.decision.disable_webhook:
                reason = "Its receiver answered 410 Gone: it wants no more events."
                webhooks.disable(session, one.claimed.webhook_id, reason=reason, actor=SYSTEM, now=now)

    def _decide(self, one: _Sent, now: datetime) -> Settlement:
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
        )

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            outgoing = self._prepare(claimed)
        except ValueError as error:  # a secret that cannot sign, for example
            log.warning("attempt.unsendable", webhook=claimed.webhook_id, reason=str(error))
            self._answers.append(_Sent(claimed=claimed, answer=_unsendable(error), headers=()))
            self.wake()
            return
        answer = await self._sender.send(outgoing)
        secret = {name.lower() for name in claimed.target.headers}
        shown = tuple((name, MASK if name.lower() in secret else value) for name, value in outgoing.headers)
        self._answers.append(_Sent(claimed=claimed, answer=answer, headers=shown))
        _log_attempt(claimed, answer)
        self.wake()

    def _prepare(self, claimed: Claimed) -> Outgoing:
        body = wire.envelope(claimed.trigger, claimed.occurred_at, claimed.payload)
        signed = signing.headers(claimed.target.secrets, ids.event_text(claimed.event_id), int(time.time()), body)
        own = (("content-type", "application/json"), ("user-agent", self._user_agent), *signed)
        return Outgoing(
            url=claimed.target.url,
            headers=(*own, *claimed.target.headers.items()),
            body=body,
            timeout=claimed.target.timeout or self._settings.request_timeout,
        )


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Waits for `event`, but not longer than `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _unsendable(error: ValueError) -> Answer:
    message = f"Nothing could be sent: {error}. Correct the webhook, then redeliver."
    failure = Failure(kind=ErrorClass.plugin, message=message)
    return Answer(result=Result.error, at=utcnow(), duration_ms=0.0, failure=failure)


def _log_attempt(claimed: Claimed, answer: Answer) -> None:
    level = log.info if answer.result is Result.sent else log.warning
    level(
        f"attempt.{answer.result}",
        delivery=ids.delivery_text(claimed.webhook_id, claimed.event_id),
        trigger=claimed.trigger,
        webhook=claimed.webhook_id,
        attempt=claimed.tries + 1,
        response_status=answer.response_status,
        duration_ms=round(answer.duration_ms, 1),
        error=answer.failure.message if answer.failure else None,
    )
