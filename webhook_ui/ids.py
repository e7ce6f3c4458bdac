"""Ids of events and attempts: 63-bit integers that sort by time, written outside as 13 characters without dots.

42 bits of milliseconds, then 21 bits that start at random and count up, so that ids of one process always rise
(also when the wall clock is set back) and those of two processes practically never meet.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
LENGTH = 13
COUNTER_BITS = 21
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)

_lock = threading.Lock()
_clock = time.time_ns
_last_ms = 0
_counter = secrets.randbits(COUNTER_BITS)


def new_id() -> int:
    """A new id, greater than every earlier one of this process."""
    global _last_ms, _counter  # noqa: PLW0603 - the one generator of the process
    with _lock:
        now = _clock() // 1_000_000
        _counter = (_counter + 1) % (1 << COUNTER_BITS)
        if now > _last_ms:
            _last_ms = now
        elif _counter == 0:  # the counter started again within one millisecond, or the clock went back
            _last_ms += 1
        return (_last_ms << COUNTER_BITS) | _counter


@contextmanager
def made_at(now: Callable[[], datetime]) -> Iterator[None]:
    """Ids made inside are of the moment that `now` says: for a process that makes itself a past at its start."""
    global _clock, _last_ms

    def told_ns() -> int:
        return (now() - EPOCH) // timedelta(microseconds=1) * 1000

    last, _last_ms, _clock = _last_ms, 0, told_ns
    try:
        yield
    finally:
        _clock, _last_ms = time.time_ns, max(last, _last_ms)


def encode(number: int) -> str:
    """`number` as 13 characters; text order is number order."""
    return (
        ALPHABET[number >> 60 & 31]
        + _PAIRS[number >> 50 & 1023]
        + _PAIRS[number >> 40 & 1023]
        + _PAIRS[number >> 30 & 1023]
        + _PAIRS[number >> 20 & 1023]
        + _PAIRS[number >> 10 & 1023]
        + _PAIRS[number & 1023]
    )


def decode(text: str) -> int:
    """The number behind `encode`. Raises ValueError for anything else."""
    if len(text) != LENGTH:
        raise ValueError("not an id")
    number = 0
    for character in text:
        number = number * 32 + ALPHABET.index(character)
    if number >= 1 << 63:
        raise ValueError("not an id")
    return number


def event_text(event_id: int) -> str:
    """An event's id as the outside sees it, and as `webhook-id` on the wire."""
    return f"evt_{encode(event_id)}"


def event_number(text: str) -> int:
    """The event id in `text`. Raises ValueError."""
    if not text.startswith("evt_"):
        raise ValueError("an event id starts with evt_")
    return decode(text[4:])


def delivery_text(webhook_id: int, event_id: int) -> str:
    """A delivery's id: the event it brings and the webhook it brings it to."""
    return f"dlv_{encode(event_id)}_{webhook_id}"


def delivery_numbers(text: str) -> tuple[int, int]:
    """`(webhook_id, event_id)` of a delivery's id. Raises ValueError."""
    prefix, event, webhook = text.split("_")
    if prefix != "dlv" or not webhook.isascii() or not webhook.isdigit() or len(webhook) > 18:
        raise ValueError("a delivery id looks like dlv_01KB4N8Q5Z7M2_14")
    return int(webhook), decode(event)


def floor(moment: datetime) -> int:
    """The least id that could have been made at `moment`."""
    milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
    return min(milliseconds << COUNTER_BITS, (1 << 63) - 1)  # ids end in 2109


def moment(number: int) -> datetime:
    """When an id was made, to the millisecond."""
    return EPOCH + timedelta(milliseconds=number >> COUNTER_BITS)
