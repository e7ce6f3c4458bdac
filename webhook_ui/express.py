"""Express claims: what a commit of this process makes due is claimed in that same commit, while seats are free.

It saves a dispatcher the way to a transaction of its own, and the wait for the turn before it. Everything but `grant`,
`except_for` and `revoke` happens on the writing thread; when that is done, and what becomes of the claims, is decided
in `dispatcher`.
"""

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

    `landed` hears on the writing thread what a ride has claimed (None if it was not committed) and when it began; it
    is called once for each grant that was used.
    """

    def __init__(self, turns: Turns, landed: Landed) -> None:
        self._served: frozenset[Changed] = frozenset()
        self._thread: int | None = None
        self._turns, self._landed = turns, landed
        self._granted: list[int] = []  # one number of seats at the most; taken out by whoever is first
        self._passed_over: Collection[int] = ()  # lanes that take nothing this way
        self._ride: tuple[Outcome | None, float] | None = None

    def grant(self, seats: int) -> None:
        """The next commit that makes something due may claim so many."""
        self._granted.append(seats)

    def except_for(self, webhook_ids: Collection[int]) -> None:
        """These lanes are left to the turns from now on, until they are no longer named here."""
        self._passed_over = webhook_ids

    def revoke(self) -> bool:
        """Takes a grant back; False if there was none, or if it is being used."""
        with suppress(IndexError):
            self._granted.pop()
            return True
        return False

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
            self._served = frozenset()
        self._landed(outcome if committed else None, began)

    def unserved(self, changes: Collection[Changed]) -> Collection[Changed]:
        """Of `changes` that are announced, those the ride before has not seen to."""
        if get_ident() != self._thread:  # somebody else's transaction
            return changes
        served, self._served = self._served, frozenset()
        return [change for change in changes if change not in served]

    def _takes(self, change: Changed) -> bool:
        is_due = change.kind is Kind.delivery and change.webhook_id is not None
        return is_due and change.webhook_id not in self._passed_over
