"""What a dispatcher says of itself, as plain figures. How they get around stands in `heartbeats`."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

GROUP_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper ends of the buckets that group sizes are counted in; a last bucket takes what is larger."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """How something does that a plugin has to do here; `what` is `source`, a job's name, or `plugin`.

    `state` is running, failing, ended or off; `problem` says for people why it does not do well.
    """

    plugin: str
    what: str
    state: str
    problem: str | None = None
    since: str = ""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One dispatcher at one moment; what counts up does so from the start of its process.

    `errors` counts settled attempts by error class, `groups` the turns that settled something by how much that was
    (one count for each of GROUP_SIZES and one for more). `since_turn` is how many seconds ago, by a clock that never
    jumps, the last turn succeeded (before the first: the start); None says nothing about it. `away_for` is for how
    many seconds turns have been failing now; None while they succeed. `errands` are what plugins do in its process.
    """

    seats: int = 0
    seats_taken: int = 0
    slow_seats_taken: int = 0
    lanes: int = 0
    answers_waiting: int = 0
    turns: int = 0
    turn_seconds: float = 0.0
    sent: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    groups: tuple[int, ...] = ()
    claims_lost: int = 0
    since_turn: float | None = None
    away_for: float | None = None
    errands: tuple[Errand, ...] = ()


def group_bucket(size: int) -> int:
    """The place in `Figures.groups` where a group of `size` is counted."""
    return bisect_left(GROUP_SIZES, size)
