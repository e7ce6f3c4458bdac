"""Makes NiceGUI's elements cheaper to build and to let go.

The classes, the style and the props of each element are told of changes by a method of their own, which each of them
holds: `inspect.signature` is asked about it, which is more than half of what a page costs, and whatever holds itself
stays until the garbage collector comes, which then keeps everybody waiting. Here they know it without holding it.

And a prop that is set to what it is already is no news: pages that look again and again set them all.
"""

from collections.abc import Callable
from typing import Any

from nicegui.classes import Classes
from nicegui.observables import ObservableCollection, ObservableDict
from nicegui.props import Props
from nicegui.style import Style

_Handlers = list[tuple[Callable[..., Any], bool]]
_KINDS: tuple[type[Any], ...] = (Classes, Style, Props)
_PLAIN = (str, bool, int, float, type(None))  # others may have been changed within
_collection: type[Any] = ObservableCollection
_props: type[Any] = Props

_make = _collection.__init__
_others: Callable[[Any], _Handlers] = vars(_collection)["_change_handlers_with_args"].fget
_set: Callable[[Any, str, Any], None] = ObservableDict.__setitem__


def install() -> None:
    """Once a process, before the first page; a second time changes nothing."""
    _collection.__init__ = _make_without_itself
    for kind in _KINDS:
        kind._change_handlers_with_args = property(_handlers)
    _props.__setitem__ = _set_what_is_new


def _make_without_itself(self: Any, *, on_change: Callable[..., Any] | None, **others: Any) -> None:
    own = isinstance(self, _KINDS) and getattr(on_change, "__self__", None) is self
    _make(self, on_change=None if own else on_change, **others)


def _handlers(self: Any) -> _Handlers:
    """Who hears of a change, each with whether it takes arguments: first the element, by way of this."""
    return [(self._update, False), *_others(self)]


def _set_what_is_new(self: Any, key: str, value: Any) -> None:
    known = dict.get(self, key)
    if not (isinstance(value, _PLAIN) and isinstance(known, _PLAIN)) or _others(self):
        _set(self, key, value)
    elif type(known) is not type(value) or known != value or key not in self:
        dict.__setitem__(self, key, value)
        self._update()
