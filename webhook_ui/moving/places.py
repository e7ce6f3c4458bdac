"""Where something stands in a file, and what is wrong with it: mistakes are gathered, and all told at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook_ui.errors import WebhookUIError

MOST_TOLD = 50

Place = tuple[str | int, ...]
"""The way to a value: `("webhooks", 3, "url")`."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong, and at which line, where that is known."""

    message: str
    place: Place = ()
    line: int | None = None

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line else []
        where += [_path(self.place)] if self.place else []
        return printable(f"{', '.join(where)}: {self.message}" if where else self.message)


class Mistakes(WebhookUIError):  # noqa: N818 - reads as what it says, as the other errors do
    """A file that is not taken; nothing was changed."""

    def __init__(self, found: Iterable[Mistake]) -> None:
        self.found = sorted(found, key=lambda mistake: mistake.line or 0)
        told = [str(mistake) for mistake in self.found[:MOST_TOLD]]
        if more := len(self.found) - len(told):
            told.append(f"and {more:,} more mistakes.")
        super().__init__("\n".join(told))


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a text says, the lines its values stand at, and what is wrong with how it says it."""

    value: Any
    lines: Mapping[Place, int] = field(default_factory=dict)
    mistakes: Sequence[Mistake] = ()

    def mistake(self, place: Place, message: str) -> Mistake:
        """A mistake at `place`, with the line of the nearest thing around it whose line is known."""
        near = next((place[:end] for end in range(len(place), -1, -1) if place[:end] in self.lines), None)
        return Mistake(message=message, place=place, line=None if near is None else self.lines[near])


def printable(text: str) -> str:
    """`text` as a terminal may be shown it: nothing in it moves the cursor or turns the reading around."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _path(place: Place) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return steps.removeprefix(".")
