"""Counts what a dispatcher does; what is made of it stands in `vitals`."""

from collections import Counter
from collections.abc import Sequence

from webhook_ui.steady import elapsed
from webhook_ui.turn import Outcome, Sent
from webhook_ui.vitals import GROUP_SIZES, Figures, group_bucket


class Tally:
    """Counts what a dispatcher does, from the start of its process."""

    def __init__(self) -> None:
        self._turns, self._seconds, self._sent = 0, 0.0, 0
        self._errors: Counter[str] = Counter()
        self._groups = [0] * (len(GROUP_SIZES) + 1)
        self._lost = 0
        self._turned_at = elapsed()
        self._away_since: float | None = None

    def note_turn(self, answers: Sequence[Sent], outcome: Outcome, seconds: float) -> None:
        self._turns += 1
        self._seconds += seconds
        self._turned_at, self._away_since = elapsed(), None
        if not answers:
            return
        self._groups[group_bucket(len(answers))] += 1
        self._lost += len(answers) - len(outcome.settled.counted)
        for one in outcome.settled.counted:
            if one.answer.failure is None:
                self._sent += 1
            else:
                self._errors[one.answer.failure.kind.value] += 1

    def note_failure(self) -> None:
        if self._away_since is None:
            self._away_since = elapsed()

    def figures(
        self, *, seats: int, seats_taken: int, slow_seats_taken: int, lanes: int, answers_waiting: int
    ) -> Figures:
        now = elapsed()
        return Figures(
            seats=seats,
            seats_taken=seats_taken,
            slow_seats_taken=slow_seats_taken,
            lanes=lanes,
            answers_waiting=answers_waiting,
            turns=self._turns,
            turn_seconds=self._seconds,
            sent=self._sent,
            errors=dict(self._errors),
            groups=tuple(self._groups),
            claims_lost=self._lost,
            since_turn=now - self._turned_at,
            away_for=None if self._away_since is None else now - self._away_since,
        )
