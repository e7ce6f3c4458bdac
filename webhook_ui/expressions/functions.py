"""The functions that expressions may call: those of the specification, and `cut` and `pretty` for messages to people.

Each pays for what it is about to do before it does it.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jmespath import functions
from jmespath.functions import signature

NODE = 16  # what one value costs, beside the characters of a text

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class TooMuch(Exception):  # noqa: N818 - the sentence it begins
    """The budget of an evaluation is used up."""


class Budget:
    """What one evaluation may cost: `steps` (nodes visited) and `volume` (characters and values that are handled)."""

    def __init__(self, steps: int, volume: int) -> None:
        self.steps, self.volume = steps, volume

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooMuch("it takes too many steps")

    def spend(self, volume: int) -> None:
        self.volume -= volume
        if self.volume < 0:
            raise TooMuch("it handles too much data")

    def spend_on(self, value: Any, *, indent: int = 0) -> None:
        """Pays for a value and all it holds: what is in it twice counts twice, as it would be written twice.

        With `indent`, so many blanks more for each level.
        """
        level, depth = [value], 0
        while level:
            within: list[Any] = []
            for one in level:
                self.spend(NODE + indent * depth + (len(one) if isinstance(one, str) else 0))
                if isinstance(one, dict):
                    self.spend(sum(NODE + len(name) for name in one))
                if isinstance(one, list | dict):
                    within.extend(one if isinstance(one, list) else one.values())
            level, depth = within, depth + 1

    def spend_flat(self, value: Any) -> None:
        """Pays for a value without what it holds."""
        if isinstance(value, str):
            self.spend(NODE + len(value))
        elif isinstance(value, dict):
            self.spend(NODE + sum(NODE + len(name) for name in value))
        else:
            self.spend(NODE + NODE * len(value) if isinstance(value, list) else NODE)

    def spend_sorting(self, values: Sequence[Any]) -> None:
        """Pays for as many comparisons of texts as sorting takes."""
        length = sum(len(one) for one in values if isinstance(one, str))
        self.spend(length * len(values).bit_length())


class BoundedFunctions(functions.Functions):
    """For one evaluation."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        for value in resolved_args:
            self._budget.spend_flat(value)
        return super().call_function(function_name, resolved_args)

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, array: list[str]) -> str:
        self._budget.spend(len(separator) * len(array) + sum(map(len, array)))
        return separator.join(array)

    @signature({"types": []})
    def _func_to_string(self, arg: Any) -> str:
        return arg if isinstance(arg, str) else self._written(arg)

    @signature({"types": []})
    def _func_to_number(self, arg: Any) -> int | float | None:
        if isinstance(arg, str):
            return _number(arg)
        return arg if isinstance(arg, int | float) and not isinstance(arg, bool) else None

    @signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject: list[Any] | str, search: Any) -> bool:
        if isinstance(subject, str):
            return isinstance(search, str) and search in subject
        self._budget.spend_on(subject)
        self._budget.spend_on(search)
        return any(equal(one, search) for one in subject)

    @signature({"types": ["array-number", "array-string"]})
    def _func_max(self, arg: list[Any]) -> Any:
        self._budget.spend_sorting(arg)
        return max(arg, default=None)

    @signature({"types": ["array-number", "array-string"]})
    def _func_min(self, arg: list[Any]) -> Any:
        self._budget.spend_sorting(arg)
        return min(arg, default=None)

    @signature({"types": ["array-string", "array-number"]})
    def _func_sort(self, arg: list[Any]) -> list[Any]:
        self._budget.spend_sorting(arg)
        return sorted(arg)

    @signature({"types": ["string"]}, {"types": ["number"]})
    def _func_cut(self, text: str, length: float) -> str:
        """`text`, of at most `length` characters; one that is longer ends with "…"."""
        most = max(int(length), 1)
        return text if len(text) <= most else f"{text[: most - 1]}…"

    @signature({"types": []})
    def _func_pretty(self, arg: Any) -> str:
        """A value as JSON over several lines; a text as it is."""
        return arg if isinstance(arg, str) else self._written(arg, indent=2)

    def _written(self, value: Any, indent: int | None = None) -> str:
        self._budget.spend_on(value, indent=indent or 0)
        separators = (",", ":") if indent is None else None
        return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)

    def _create_key_func(self, expref: Any, allowed_types: list[str], function_name: str) -> Callable[[Any], Any]:
        key = super()._create_key_func(expref, allowed_types, function_name)  # type: ignore[misc]  # not in the stubs

        def paid(value: Any) -> Any:
            found = key(value)
            self._budget.spend(NODE + (16 * len(found) if isinstance(found, str) else 0))
            return found

        return paid


def equal(left: Any, right: Any) -> bool:
    """Like `==`, but 1 is not true and 0 is not false, however deep."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[name]) for name, value in left.items())
    return bool(left == right)


def _number(text: str) -> int | float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    try:
        number = float(text) if match[2] or match[3] else int(text)
    except ValueError:  # more digits than are taken
        return None
    return None if number in (float("inf"), float("-inf")) else number
