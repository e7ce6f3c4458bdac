"""Express claims: what a commit of this process makes due is claimed in that same commit, while seats are free.

It saves a dispatcher the way to a transaction of its own, and the wait for the turn before it. Rides happen on the
writing thread; what a dispatcher asks for, and what it hears, in its event loop. When seats are granted, and what
becomes of the claims, is decided in `dispatcher`.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from threading import get_ident

from sqlmodel import Session

from webhook_ui.changes import Changed, Kind
from webhook_ui.seats import FIRST_WINDOW
from webhook_ui.steady import elapsed
from webhook_ui.turn import Outcome, Plan, Turns

Landed = Callable[[Outcome | None, float], None]


class Express:
    """Rides along with other people's transactions, see `writing.Rider`.

    One grant is out at a time: until a ride has used it, or it is taken back. `landed` hears in the event loop what the
    ride has claimed (None if it was not committed) and when it began.
    """

    def __init__(self, turns: Turns, landed: Landed) -> None:
        self.seats = 0  # granted, or on their way by a ride
        self._turns, self._landed = turns, landed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._home = asyncio.Event()  # no ride is on its way
        self._served: frozenset[Changed] = frozenset()
        self._thread: int | None = None
        self._granted: list[int] = []  # one number of seats at the most; taken out by whoever is first
        self._passed_over: Collection[int] = ()  # lanes that take nothing this way
        self._ride: tuple[Outcome | None, float] | None = None

    def grant(self, seats: int) -> None:
        """The next commit that makes something due may claim so many."""
        self._loop = asyncio.get_running_loop()
        self.seats = seats
        self._home.clear()
        self._granted.append(seats)

    def except_for(self, webhook_ids: Collection[int]) -> None:
        """These lanes are left to the turns from now on, until they are no longer named here."""
        self._passed_over = webhook_ids

    def take_back(self) -> bool:
        """Takes back what is granted, if anything is; False if it is being used."""
        if self.seats:
            with suppress(IndexError):
                self._granted.pop()
                self.seats = 0
        return not self.seats

    async def end(self) -> None:
        """Takes back what is granted; what is being used is waited for, and heard of."""
        while not self.take_back():
            await self._home.wait()

    def wants(self, changes: Collection[Changed]) -> bool:
        return bool(self._granted) and any(self._takes(change) for change in changes)

    def ride(self, session: Session, changes: Collection[Changed]) -> None:
        try:
            seats = self._granted.pop()
        except IndexError:  # revoked a moment ago
            return
        began = elapsed()
        due = [change for change in changes if self._takes(change)][:seats]
        if not due:  # passed over since it was asked for
            self._granted.append(seats)
            return
        self._ride = None, began
        each = min(max(seats // len(due), 1), FIRST_WINDOW)
        wanted = {change.webhook_id: each for change in due if change.webhook_id is not None}
        self._ride = self._turns.take(session, Plan(wanted=wanted)), began
        self._served, self._thread = frozenset(due), get_ident()

    def land(self, *, committed: bool) -> None:
        if not committed:
            self._turns.forget_targets()  # of the turns in the same transaction, too
        if self._ride is None:
            return
        (outcome, began), self._ride = self._ride, None
        if not committed:
            outcome, self._served = None, frozenset()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrive, outcome, began)

    def unserved(self, changes: Collection[Changed]) -> Collection[Changed]:
        """Of `changes` that are announced, those the ride before has not seen to."""
        if get_ident() != self._thread:  # somebody else's transaction
            return changes
        served, self._served = self._served, frozenset()
        return [change for change in changes if change not in served]

    def _arrive(self, outcome: Outcome | None, began: float) -> None:
        self.seats = 0
        self._home.set()
        self._landed(outcome, began)

    def _takes(self, change: Changed) -> bool:
        is_due = change.kind is Kind.delivery and change.webhook_id is not None
        return is_due and change.webhook_id not in self._passed_over
