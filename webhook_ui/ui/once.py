"""What has been looked up for several tabs, and what was written of it for one of them."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Once:
    """`once` keeps what is written of it as long as it is there itself."""

    _written: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, key: Hashable, write: Callable[[], T]) -> T:
        """What `write` makes, or has made of this for the same `key`: of all that it depends on beside."""
        if key not in self._written:
            self._written[key] = write()
        made: T = self._written[key]
        return made
