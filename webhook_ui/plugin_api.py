"""What a plugin imports: the hook marker and Trigger. What the hooks are stands in hookspecs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy
from pydantic import BaseModel

from webhook_ui import payloads
from webhook_ui.errors import Invalid

PROJECT = "webhook_ui"
MAX_NAME = 100
LONGEST_WAIT = 30 * 86_400

hookimpl = pluggy.HookimplMarker(PROJECT)

_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_MAX_EXAMPLE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Trigger:
    """A kind of event that a plugin can fire.

    `example` is a JSON object; `payload`, a pydantic model, checks every payload; `retry_schedule` is the seconds to
    wait after each failed attempt, instead of the server's own. Raises ValueError that says what to correct.
    """

    name: str
    title: str
    description: str
    example: Mapping[str, Any] = field(hash=False)
    payload: type[BaseModel] | None = None
    retry_schedule: Sequence[float] | None = None

    def __post_init__(self) -> None:
        self._check_texts()
        self._check_payload()
        text = self._example_text()
        try:
            payloads.check_model(self, text)
        except Invalid as error:
            raise self._wrong(f"the example does not fit the payload model: {error}") from None
        object.__setattr__(self, "example", json.loads(text))  # of its own, whatever the plugin does to its dict
        if self.retry_schedule is not None:
            object.__setattr__(self, "retry_schedule", self._schedule(self.retry_schedule))

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the payload."""
        if self.payload is None:
            return {"type": "object", "title": self.title, "additionalProperties": True}
        return self.payload.model_json_schema()

    def example_json(self) -> str:
        """The example, indented, as a person would write it."""
        return json.dumps(self.example, indent=2, ensure_ascii=False)

    def _wrong(self, sentence: str) -> ValueError:
        return ValueError(f"Trigger {self.name!r}: {sentence}")

    def _check_texts(self) -> None:
        if not isinstance(self.name, str) or len(self.name) > MAX_NAME or not _NAME.fullmatch(self.name):
            raise self._wrong(
                f"the name must be at least two words of a-z, 0-9 and _ joined by dots, at most {MAX_NAME} "
                "characters, for example user.created."
            )
        if not isinstance(self.title, str) or not self.title.strip():
            raise self._wrong('the title is empty. Give what people read, for example "User creation".')
        if not isinstance(self.description, str):
            raise self._wrong("the description must be text: a sentence that says when this is fired.")

    def _check_payload(self) -> None:
        if self.payload is None:
            return
        if not (isinstance(self.payload, type) and issubclass(self.payload, BaseModel)):
            raise self._wrong("payload must be a pydantic model class (a subclass of pydantic.BaseModel) or None.")
        try:
            self.schema()
        except Exception as error:  # whatever pydantic finds in the author's model
            raise self._wrong(f"the payload model has no JSON Schema ({error}). Use types that JSON has.") from error

    def _example_text(self) -> str:
        if not isinstance(self.example, Mapping):
            raise self._wrong('the example must be a JSON object (a dict), for example {"id": 7}.')
        try:
            raw = json.dumps(dict(self.example), ensure_ascii=False, allow_nan=False).encode()
            return payloads.accept(raw, max_bytes=_MAX_EXAMPLE_BYTES)
        except Invalid as error:
            raise self._wrong(f"the example cannot be sent: {error}") from None
        except (TypeError, ValueError, RecursionError) as error:
            raise self._wrong(
                f"the example is not JSON ({error}). Use dict, list, str, int, float, bool and None only."
            ) from None

    def _schedule(self, waits: Any) -> tuple[float, ...]:
        numbers = tuple(waits) if isinstance(waits, Sequence) and not isinstance(waits, str | bytes) else (None,)
        if not all(_is_wait(wait) for wait in numbers):
            raise self._wrong(
                f"retry_schedule must be a list of seconds from 0 to {LONGEST_WAIT}, for example [5, 300, 3600]."
            )
        return numbers


def _is_wait(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= LONGEST_WAIT
