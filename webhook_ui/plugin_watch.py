"""Runs a plugin's own code at load under a watch: slow code is spoken of, code that does not come back is left behind.

What the code itself does wrong is its caller's business; a signal ends the caller's wait, not the plugin's code.
"""

import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from webhook_ui.plugin_problems import Mistake, Place, place_in, shown_path

SLOW_SECONDS = 5.0  # after these it is said where it stands
LIMIT_SECONDS = 15.0  # after these it is left out

T = TypeVar("T")
log = structlog.get_logger()


class Endless(Exception):  # noqa: N818 - reads as what it says
    """The code has not come back; `mistake` says where it stands."""

    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake
        super().__init__(mistake.message)


@dataclass(eq=False)
class _Work(Generic[T]):
    """One call on a thread of its own, which nobody has to wait for."""

    run: Callable[[], T]
    module: str
    result: T | None = None

    def __post_init__(self) -> None:
        context = copy_context()
        self.thread = threading.Thread(target=lambda: context.run(self._run), name="plugin-load", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.result = self.run()

    def is_done(self, seconds: float) -> bool:
        self.thread.join(seconds)
        return not self.thread.is_alive()

    def place(self) -> Place | None:
        frame = sys._current_frames().get(self.thread.ident or 0)
        return place_in(frame, self.module) if frame else None


_left: list[tuple[object, "_Work[object]"]] = []
"""What never came back, so that the same is not begun again with each reload."""


def watched(name: str, module: str, run: Callable[[], T], same: object) -> T:
    """What `run`, which raises nothing, answers. Raises Endless after LIMIT_SECONDS.

    `module` is what the plugin's code runs under; `same` says what is being run: what is equal and hangs is not begun
    a second time.
    """
    _left[:] = [each for each in _left if each[1].thread.is_alive()]
    for known, hanging in _left:
        if known == same:
            raise Endless(_mistake(hanging.place()))
    work = _Work(run, module)
    if not work.is_done(SLOW_SECONDS):
        _tell(name, work.place())
        if not work.is_done(LIMIT_SECONDS - SLOW_SECONDS):
            _left.append((same, work))  # type: ignore[arg-type]
            raise Endless(_mistake(work.place()))
    return work.result  # type: ignore[return-value]


def _mistake(place: Place | None) -> Mistake:
    message = (
        f"It had not come back after {LIMIT_SECONDS:g} s, and was left behind. Move slow work into a source or a job, "
        "and what is imported or asked here must answer at once."
    )
    return Mistake(message=message, place=place)


def _tell(name: str, place: Place | None) -> None:
    """To the log, or, of a command that keeps none, to whoever has called it."""
    where, line = (shown_path(place.file), place.line) if place else (name, None)
    if structlog.is_configured():
        log.warning("plugin.slow", plugin=name, where=where, line=line, seconds=SLOW_SECONDS)
        return
    at = f"{where}, line {line}" if line else where
    print(f"plugin.slow  {name} is still being loaded ({at})", file=sys.stderr, flush=True)
