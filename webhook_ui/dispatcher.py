"""The dispatcher: claims what is due, sends it, settles what came of it. It keeps nothing that a crash could lose.

Each turn is one transaction (see `turn`): the answers that have gathered since the last turn are settled, and the
seats they left are filled again. While nothing is due it sleeps until a new event, an answer, or the clock wakes it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from webhook_ui import attempt_lines, ids, times
from webhook_ui.board import Board
from webhook_ui.changes import Changed, Kind
from webhook_ui.composing import Composer
from webhook_ui.database import Database
from webhook_ui.errors import Unavailable
from webhook_ui.express import Express
from webhook_ui.flights import Flights
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Claimed, Settlement
from webhook_ui.plugin_loader import Plugins
from webhook_ui.quarantine import Quarantine
from webhook_ui.schedule import Clock
from webhook_ui.seats import LEAST_WINDOWS, STOCK_WINDOWS
from webhook_ui.settings import Settings
from webhook_ui.steady import elapsed
from webhook_ui.tally import Tally
from webhook_ui.turn import Outcome, Plan, Sent, Turns
from webhook_ui.vitals import Figures

TICK_SECONDS = 5.0  # looks through all lanes at least so often, whatever the clock and the wake-ups say
GATHER_SECONDS = 0.01  # so long after a turn answers wait for others, so that one commit records them all
PLENTY_SECONDS = 0.02  # the same while no seat is free and plenty waits for one: larger groups cost a server less each
LONGEST_BACKOFF = 30.0
STALE_SECONDS = 5.0  # a turn that took longer has waited for somebody: the leases of its claims run since it began
ALARM = "next delivery due"

log = structlog.get_logger()


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
        plugins: Plugins | None = None,
        on_settled: Callable[[Sequence[Settlement]], None] | None = None,
    ) -> None:
        """`on_settled`, if anybody wants it, is called with what was recorded, and must return at once."""
        self.name = secrets.token_hex(4)
        self._database, self._clock, self._settings = database, clock, settings
        self._turns = Turns(self.name, settings, database.steady, schedules)
        composer = Composer(plugins, user_agent=user_agent)
        # within this process, with SQLite, larger groups are no cheaper, and the event loop waits for them
        self._plenty_seconds = GATHER_SECONDS if database.is_sqlite else PLENTY_SECONDS
        windows = LEAST_WINDOWS if database.is_sqlite else STOCK_WINDOWS
        self._flights = Flights(sender, settings, composer=composer, wake=self.wake, stock_windows=windows)
        self._on_settled = on_settled
        self._board = Board()
        self._express = Express(self._turns, self._land_express)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quarantine = Quarantine()
        self._careful = 0  # so many answers are settled one by one
        self._discover, self._discovered_at = True, float("-inf")
        self._turned_at, self._gathering = float("-inf"), False
        self._moment: tuple[datetime, float] | None = None  # the database's time, and when that was
        self._woken, self._stop, self._over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tally = Tally()

    def wake(self) -> None:
        """Lets the dispatcher look whether something is due. Call it in its event loop."""
        self._woken.set()

    def figures(self) -> Figures:
        """What it says of itself."""
        return self._tally.figures(
            seats=self._settings.concurrency,
            seats_taken=self._flights.seats.taken,
            slow_seats_taken=self._flights.seats.slow_taken,
            lanes=len(self._board),
            answers_waiting=len(self._flights.answers),
        )

    async def run(self) -> None:
        """Delivers until `stop`; a database that is away is waited for, and no try is counted meanwhile."""
        loop = self._loop = asyncio.get_running_loop()
        quiet = self._database.announcer.subscribe(lambda changes: self._hear(loop, changes))
        self._database.writing.rider = self._express
        backoff = 0.0
        try:
            while not self._stop.is_set():
                await self._flights.gather(self._plenty_seconds)
                try:
                    await self._turn()
                except Exception as error:  # whatever it is, what is due must still be delivered
                    backoff = min(max(backoff * 2, 0.5), LONGEST_BACKOFF)
                    self._tally.note_failure()
                    self._discover = True
                    unforeseen = None if isinstance(error, Unavailable) else error
                    log.warning("dispatcher.waits", reason=str(error), again_in_seconds=backoff, exc_info=unforeseen)
                    await _within(backoff, self._stop)
                else:
                    backoff = 0.0
                    if not self._woken.is_set():
                        self._set_alarm()
                        patience = self._quarantine.patience(elapsed(), self._flights, at_most=TICK_SECONDS)
                        await _within(patience, self._woken)
        finally:
            quiet()
            self._clock.set_alarm(ALARM, None, self.wake)
            await self._express.end()
            self._database.writing.rider = None
            self._over.set()

    async def stop(self, grace: float) -> None:
        """Claims no more, waits up to `grace` seconds for what is in flight, gives the rest back, records.

        To be called while `run` runs, or before; returns when both have ended.
        """
        self._stop.set()
        self._flights.hurry()
        self.wake()
        await self._over.wait()  # a turn that is being written may still bring claims
        await self._flights.end(grace)
        answers, unused = self._flights.answers, self._flights.unused
        if not await self._finish(answers, unused):
            for answer in answers:  # one of them cannot be recorded: the others must be
                await self._finish([answer], [])
            await self._finish([], unused)

    async def _finish(self, answers: Sequence[Sent], unused: Sequence[Claimed]) -> bool:
        """The last turn; False if it should be tried with less."""
        plan = Plan(answers=answers, unused=unused, pressure=self._flights.pressure(answers))
        try:
            settled = await self._database.write(self._turns.finish, plan)
        except Exception as error:
            log.warning("dispatcher.unrecorded", reason=str(error), answers=len(answers))
            return isinstance(error, Unavailable) or len(answers) < 2
        attempt_lines.write(answers)
        if self._on_settled is not None:
            self._on_settled(settled.counted)
        return True

    def _hear(self, loop: asyncio.AbstractEventLoop, changes: frozenset[Changed]) -> None:
        if loop.is_closed():
            return
        kinds = (Kind.delivery, Kind.webhook, Kind.anything)
        called = [change for change in self._express.unserved(changes) if change.kind in kinds]
        if called:
            loop.call_soon_threadsafe(self._take_news, called)

    def _take_news(self, changes: Sequence[Changed]) -> None:
        """Something may have fallen due: of these webhooks, or of any."""
        if any(change.webhook_id is None for change in changes):
            self._discover = True
        for change in changes:
            if change.kind is Kind.webhook:
                self._flights.return_stock(change.webhook_id)
        self._board.call(change.webhook_id for change in changes if change.webhook_id is not None)
        self.wake()

    def _grant_express(self) -> None:
        """While most seats are free, the next commit of this process may fill some."""
        self._express.except_for(self._flights.seats.crowded(time.monotonic()))
        if not (self._wants_quiet or self._express.seats or self._is_busy):
            self._express.grant(max(self._settings.concurrency // 8, 1))

    @property
    def _is_busy(self) -> bool:
        """Whether more than a quarter of the seats are taken: then turns are the better way."""
        return self._flights.seats.taken > self._settings.concurrency // 4

    @property
    def _wants_quiet(self) -> bool:
        """Whether nobody else may claim at this moment."""
        return bool(self._stop.is_set() or self._careful or self._quarantine.is_closed or self._discover)

    def _land_express(self, outcome: Outcome | None, began: float) -> None:
        if outcome is not None:
            self._moment = outcome.now, elapsed()
            for webhook_id, at in outcome.claims.looks.items():
                self._board.look(webhook_id, at)
            if self._stop.is_set() or elapsed() - began > STALE_SECONDS:
                self._flights.give_back(outcome.claims.deliveries)
            else:
                self._flights.send_at_once(outcome.claims.deliveries)
        self._grant_express()
        self.wake()

    async def _turn(self) -> None:
        self._woken.clear()
        began = elapsed()
        plan = self._plan()
        if plan is None:
            self._grant_express()
            return
        try:
            outcome = await self._database.write(self._turns.take, plan)
        except BaseException as error:
            self._take_back(plan, error)
            raise
        self._turned_at = elapsed()
        self._turns.keep(outcome.settled)
        self._tally.note_turn(plan.answers, outcome, elapsed() - began)
        attempt_lines.write(plan.answers)
        if self._on_settled is not None:
            self._on_settled(outcome.settled.counted)
        self._moment = outcome.now, elapsed()
        self._learn(plan, outcome)
        if self._careful or (plan.wanted and self._board.is_anyone_in_line):
            self.wake()  # the next ones: where nothing was claimed, no answer will do it
        if self._stop.is_set() or elapsed() - began > STALE_SECONDS:
            self._flights.give_back(outcome.claims.deliveries)
        else:
            self._flights.send_off(outcome.claims.deliveries)
        self._grant_express()

    def _plan(self) -> Plan | None:
        """What the next turn is to do; None if there is nothing to do."""
        if elapsed() - self._discovered_at >= TICK_SECONDS:
            self._discover = True
        wanted: Mapping[int, int] = {}
        suspects: Sequence[tuple[int, int]] = ()
        self._quarantine.look(elapsed(), self._flights)
        discover = self._discover and not self._careful
        if self._stop.is_set() or (self._wants_quiet and not self._express.take_back()):
            discover = False
        elif self._quarantine.is_closed and not self._careful:
            suspects = self._quarantine.admitted(self._flights)
        elif not self._careful and (due := self._board.due(self._now())):
            if self._is_busy:
                self._express.take_back()
            wanted = self._flights.wanted(due, kept=self._express.seats)
            self._board.take(wanted)
        flights = self._flights
        flights.clear_out()
        # one answer and nothing else, where it must be known what cannot be recorded
        several = 1 if self._careful else len(flights.answers)
        answers, unused = flights.answers[:several], flights.unused
        if not (unused or discover or wanted or suspects) and (not answers or self._gathers(answers)):
            return None
        flights.answers, flights.unused = flights.answers[several:], []
        self._careful = max(self._careful - 1, 0)
        return Plan(
            answers=answers,
            unused=unused,
            pressure=self._flights.pressure(answers),
            discover=discover,
            wanted=wanted,
            suspects=suspects,
        )

    def _gathers(self, answers: Sequence[Sent]) -> bool:
        """Whether few answers, and nothing else, wait a moment for more: their seats are free already."""
        left = self._turned_at + GATHER_SECONDS - elapsed()
        in_haste = self._stop.is_set() or self._careful or any(one.claimed.narrow for one in answers)
        if left <= 0 or in_haste or len(answers) > self._settings.concurrency // 4:
            return False
        if self._loop is not None and not self._gathering:
            self._gathering = True
            self._loop.call_later(left, self._end_gathering)
        return True

    def _end_gathering(self) -> None:
        self._gathering = False  # an event loop may ring a little early, by a clock of its own: then it is set again
        self.wake()

    def _take_back(self, plan: Plan, error: BaseException) -> None:
        """The turn failed: what it was to record is still to be recorded.

        Where not the database is away but an answer cannot be recorded, it is found by settling one at a time and
        left out. It counts as a lost claim, and what is lost again and again ends as crashed.
        """
        answers = plan.answers
        if isinstance(error, Exception) and not isinstance(error, Unavailable):
            if len(answers) == 1 and not (plan.wanted or plan.suspects or plan.discover):
                claimed = answers[0].claimed
                name = ids.delivery_text(claimed.webhook_id, claimed.event_id)
                log.error("attempt.unrecordable", delivery=name, reason=str(error))
                answers = ()
            self._careful = len(answers)
        self._turns.forget()
        self._flights.answers = [*answers, *self._flights.answers]
        self._flights.unused = [*plan.unused, *self._flights.unused]
        self._board.call(plan.wanted)

    def _learn(self, plan: Plan, outcome: Outcome) -> None:
        """Takes over what a turn found out about lanes."""
        if outcome.lanes is not None:
            self._discover, self._discovered_at = False, elapsed()
            self._board.replace({lane.webhook_id: lane.due_at for lane in outcome.lanes})
            self._quarantine.find(outcome.suspects or ())
            self._woken.set()  # what was found is claimed now
        if plan.suspects:
            self._quarantine.note_sent({one.key for one in outcome.claims.deliveries}, elapsed())
            self._discover = bool(outcome.claims.deliveries)  # there may be more of them
            self._woken.set()
        for webhook_id, at in outcome.claims.looks.items():
            self._board.look(webhook_id, at)
        for one in outcome.settled.counted:
            if one.claimed.narrow:
                self._board.call([one.claimed.webhook_id])
            elif one.decision.due_at is not None:
                self._board.look(one.claimed.webhook_id, one.decision.due_at)
        for webhook_id, (before, verdict) in outcome.settled.verdicts.items():
            if before.breaker != verdict.health.breaker:
                self._flights.forget_pressure(webhook_id)
                self._board.call([webhook_id])

    def _now(self) -> datetime:
        """The database's time, as far as that can be told without asking."""
        if self._moment is None:
            return times.utcnow()
        then, at = self._moment
        return then + timedelta(seconds=elapsed() - at)

    def _set_alarm(self) -> None:
        look = self._board.next_look()
        if look is not None:
            self._clock.wake_by(ALARM, times.utcnow() + max(look - self._now(), timedelta()), self.wake)


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Waits for `event`, but not longer than `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
