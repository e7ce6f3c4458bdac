"""What changes on a page by itself goes to its browser in one message, as seldom as pages look again (`Live`).

A page looks at several things after the same news, and shows each as soon as it is read. What a person does is answered
at once, and takes along what has been gathered until then.
"""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, ref

from nicegui import core
from nicegui.outbox import Outbox

PULSE_SECONDS = 0.5
GATHER_SECONDS = 0.1  # for what is read a little later than the first

_by_itself: ContextVar[bool] = ContextVar("by_itself", default=False)
_outbox: type[Any] = Outbox
_wake = Outbox._set_enqueue_event


@dataclass
class _Turn:
    """When a page's last message was sent, and whether its next one waits."""

    at: float = float("-inf")
    waits: bool = False


class _Pace:
    """That of all pages."""

    seconds = PULSE_SECONDS


class Packet(core.sio.packet_class):  # type: ignore[misc]  # of the socket's own kind, whichever that is
    """A message whose every value is asked whether it is made of bytes: not so the elements of an update."""

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        """Whether it is sent in pieces, as a file is."""
        is_update = isinstance(data, list) and data[:1] == ["update"]
        return not is_update and bool(super().data_is_binary(data))


_turns: "WeakKeyDictionary[Outbox, _Turn]" = WeakKeyDictionary()


def install() -> None:
    """Once a process; a second time changes nothing."""
    _outbox._set_enqueue_event = _wake_in_turn
    if not issubclass(core.sio.packet_class, Packet):
        core.sio.packet_class = Packet


def keep_pace(seconds: float) -> None:
    """So far apart are a page's messages from now on."""
    _Pace.seconds = seconds


def by_itself() -> None:
    """From here on, what this task changes, and what those change that it begins, is nothing a person waits for."""
    _by_itself.set(True)


def _wake_in_turn(outbox: Outbox) -> None:
    if not _by_itself.get() or outbox.messages:  # a script is asked something, and waited for
        _wake(outbox)
        return
    turn = _turns.setdefault(outbox, _Turn())
    if not turn.waits:
        turn.waits = True
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time() + GATHER_SECONDS, turn.at + _Pace.seconds), _send, ref(outbox))


def _send(reference: "ref[Outbox]") -> None:
    outbox = reference()
    if outbox is not None:
        _turns[outbox] = _Turn(at=asyncio.get_running_loop().time())
        _wake(outbox)
