"""Cursors: where a list goes on, as an opaque text that names the last row's sort values."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime

from webhook_ui import times
from webhook_ui.columns import EPOCH, MICROSECOND
from webhook_ui.errors import Invalid

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


def encode(values: Sequence[int]) -> str:
    """The cursor after a row with these sort values."""
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def decode(cursor: str, length: int) -> tuple[int, ...]:
    """The sort values in `cursor`. Raises Invalid for anything `encode` did not write."""
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != length:
        raise Invalid({"cursor": "This is no cursor of this list. Use next_cursor of the page before as it came."})
    if not all(type(value) is int and -(1 << 63) <= value < 1 << 63 for value in values):
        raise Invalid({"cursor": "This is no cursor of this list. Use next_cursor of the page before as it came."})
    return tuple(values)


def moment(microseconds: int) -> datetime:
    """The moment a cursor names. Raises Invalid for one no row can have."""
    try:
        return times.check(EPOCH + microseconds * MICROSECOND)
    except (OverflowError, ValueError):
        raise Invalid({"cursor": "This is no cursor of this list."}) from None
