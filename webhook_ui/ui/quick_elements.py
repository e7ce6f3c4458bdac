"""Makes NiceGUI's elements cheaper to build and to let go.

The classes, the style and the props of each element are told of changes by a method of their own, which each of them
holds: `inspect.signature` is asked about it, which is more than half of what a page costs, and whatever holds itself
stays until the garbage collector comes, which then keeps everybody waiting. Here they know it without holding it.
"""

from collections.abc import Callable
from typing import Any

from nicegui.classes import Classes
from nicegui.observables import ObservableCollection
from nicegui.props import Props
from nicegui.style import Style

_Handlers = list[tuple[Callable[..., Any], bool]]
_KINDS: tuple[type[Any], ...] = (Classes, Style, Props)
_collection: type[Any] = ObservableCollection

_make = _collection.__init__
_others: Callable[[Any], _Handlers] = vars(_collection)["_change_handlers_with_args"].fget


def install() -> None:
    """Once a process, before the first page; a second time changes nothing."""
    _collection.__init__ = _make_without_itself
    for kind in _KINDS:
        kind._change_handlers_with_args = property(_handlers)


def _make_without_itself(self: Any, *, on_change: Callable[..., Any] | None, **others: Any) -> None:
    own = isinstance(self, _KINDS) and getattr(on_change, "__self__", None) is self
    _make(self, on_change=None if own else on_change, **others)


def _handlers(self: Any) -> _Handlers:
    """Who hears of a change, each with whether it takes arguments: first the element, by way of this."""
    return [(self._update, False), *_others(self)]
