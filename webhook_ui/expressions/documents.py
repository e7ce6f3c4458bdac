"""What expressions see of an event: what its receivers see, and its id."""

import json
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from webhook_ui.expressions.evaluating import Unevaluable

ROOTS = ("id", "type", "timestamp", "data")


class Document:
    """`type`, `timestamp` and `data` as in the body on the wire, `id` as in the header `webhook-id`.

    The payload is parsed once, when something looks into it for the first time.
    """

    def __init__(self, *, event_id: str, trigger: str, timestamp: str, payload: str) -> None:
        self.event_id, self.trigger, self.timestamp, self.payload = event_id, trigger, timestamp, payload

    @property
    def size(self) -> int:
        """Its length as text, more or less."""
        return len(self.payload)

    @cached_property
    def value(self) -> Mapping[str, Any]:
        """The document. Raises Unevaluable."""
        data = _read(self.payload)
        return {"id": self.event_id, "type": self.trigger, "timestamp": self.timestamp, "data": data}


def _read(text: str) -> Any:
    """JSON as expressions see it: whole numbers of any size, others as 64-bit floats."""
    try:
        return json.loads(text, parse_float=_finite)
    except (ValueError, RecursionError):  # more than 4,300 digits, say
        raise Unevaluable("the payload holds a number that is too large to reckon with") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
