"""What is remembered of NiceGUI's handlers says the same as NiceGUI, and is asked."""

from functools import partial
from typing import Any

import pytest
from nicegui import helpers
from nicegui.helpers import functions
from nicegui.observables import ObservableList

from webhook_ui.ui import quick_elements


class Handlers:
    def none(self) -> None: ...
    def one(self, event: object) -> None: ...
    def optional(self, event: object = None) -> None: ...
    def any_number(self, *events: object, **named: object) -> None: ...
    @classmethod
    def of_class(cls, event: object) -> None: ...
    @staticmethod
    def static(event: object) -> None: ...
    def __call__(self, event: object) -> None: ...


H = Handlers()


METHODS = [H.none, H.one, H.optional, H.any_number, H.of_class, H.static, H.__call__]


@pytest.mark.parametrize(
    "handler", [*METHODS, H, partial(H.one, 1), print, [].append, lambda: None, lambda event: event]
)
def test_it_answers_as_nicegui_does(handler: Any) -> None:
    expected = functions.expects_arguments(handler)
    assert quick_elements.expects_arguments(handler) is expected
    assert quick_elements.expects_arguments(handler) is expected, "and as before when it is asked again"


def test_what_is_built_twice_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "expects_arguments", helpers.expects_arguments)  # given back when the test is over
    quick_elements.install()
    ObservableList([], on_change=H.none)

    def asked_again(_: object) -> None:
        raise AssertionError("a method that is known was looked at again")

    monkeypatch.setattr(functions, "signature", asked_again)
    ObservableList([], on_change=Handlers().none)
