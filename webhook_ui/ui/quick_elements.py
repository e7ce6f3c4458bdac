"""Makes NiceGUI's elements cheaper to build: what it asks of the same method thousands of times is remembered.

Each element registers three handlers, bound methods of its own class, and `inspect.signature` is asked about each of
them: more than half of what a page costs. The answer depends on the function alone.
"""

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

from nicegui import helpers

_asked: Callable[[Callable[..., Any]], bool] = helpers.expects_arguments


def install() -> None:
    """Once a process, before the first page; a second time changes nothing."""
    helpers.expects_arguments = expects_arguments


def expects_arguments(func: Callable[..., Any]) -> bool:
    """As NiceGUI's own, which says whether a handler takes arguments."""
    if isinstance(func, MethodType) and isinstance(func.__func__, FunctionType):
        return _method_expects(func.__func__)
    return _asked(func)


@lru_cache(maxsize=1024)
def _method_expects(function: FunctionType) -> bool:
    return _asked(MethodType(function, object()))
