"""What is changed in NiceGUI's elements does what NiceGUI does, and leaves nothing to the garbage collector."""

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from nicegui import Client, helpers, ui
from nicegui.observables import ObservableCollection
from nicegui.page import page
from starlette.requests import Request

from webhook_ui.ui import quick_elements
from webhook_ui.ui.charts import Figure, FigureStrip


@pytest.fixture
def client() -> Iterator[Client]:
    quick_elements.install()
    scope = {"type": "http", "method": "GET", "path": "/quick", "root_path": "", "query_string": b"", "headers": []}
    made = Client(page("/quick"), request=Request(scope))
    with made:
        yield made
    if made.id in Client.instances:
        made.delete()


def change_classes(element: ui.element) -> None:
    element.classes("wide", remove="narrow")


def change_style(element: ui.element) -> None:
    element.style("color: red")


def change_props(element: ui.element) -> None:
    element.props("dense")


def set_a_prop(element: ui.element) -> None:
    element.props["label"] = "Title"


def change_within_a_prop(element: ui.element) -> None:
    element.props["rows"].append({"id": 2})


CHANGES = [change_classes, change_style, change_props, set_a_prop, change_within_a_prop]


@pytest.mark.parametrize("change", CHANGES)
def test_an_element_hears_of_each_change(change: Callable[[ui.element], None], client: Client) -> None:
    heard: list[str] = []

    class Watched(ui.element):
        def update(self) -> None:
            heard.append("update")
            super().update()

    element = Watched("div")
    element.props["rows"] = [{"id": 1}]
    others: list[Any] = []
    for observed in (element.classes, element.style, element.props):
        observed.on_change(lambda event: others.append(event.sender))
    heard.clear()
    change(element)
    assert heard
    assert len(others) == len(heard), "and who has asked for it"


def test_a_prop_that_is_set_to_what_it_is_is_no_news(client: Client) -> None:
    element = ui.element("div").props("label=Title size=1")
    element.props["rows"] = rows = [{"id": 1}]
    element.props["open"] = None
    client.outbox.updates.clear()
    element.props["label"] = "Title"
    element.props["size"] = "1"
    element.props["open"] = None
    assert not client.outbox.updates
    element.props["count"] = 1
    for key, value in (("size", 1), ("count", True), ("label", "Other"), ("rows", rows), ("new", None), ("open", True)):
        element.props[key] = value
        assert list(client.outbox.updates) == [element.id], key
        assert repr(element.props[key]) == repr(value)
        client.outbox.updates.clear()


def test_changes_that_are_put_off_are_not_told(client: Client) -> None:
    heard: list[str] = []

    class Watched(ui.element):
        def update(self) -> None:
            heard.append("update")

    element = Watched("div")
    heard.clear()
    with element.props.suspend_updates():
        element.props["label"] = "Title"
    assert heard == []


def test_what_belongs_to_an_element_goes_with_it(client: Client) -> None:
    element = ui.element("div").classes("wide").style("color: red").props("dense")
    left = [weakref.ref(observed) for observed in (element.classes, element.style, element.props)]
    gc.disable()
    try:
        element.delete()
        del element
        assert [reference() for reference in left] == [None] * 3
    finally:
        gc.enable()


def test_no_handler_is_looked_at_where_each_element_has_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(handler: object) -> bool:
        raise AssertionError(f"{handler} was looked at")

    monkeypatch.setattr(helpers, "expects_arguments", look)
    ui.element("div").classes("wide")
    with pytest.raises(AssertionError):
        ui.element("div").classes.on_change(print)


def test_installing_twice_changes_nothing() -> None:
    quick_elements.install()
    made = ObservableCollection.__init__
    quick_elements.install()
    assert ObservableCollection.__init__ is made


def test_a_figure_that_begins_to_lead_somewhere_leaves_its_neighbours_where_they_are(client: Client) -> None:
    def figures(oldest: str) -> list[Figure]:
        path = "/deliveries?status=open" if oldest else ""
        return [
            Figure(title="Waiting", value="0", path="/deliveries"),
            Figure(title="Oldest due", value=oldest or "–", path=path),
            Figure(title="Now", value="0 / s"),
        ]

    strip = FigureStrip(figures(""))
    before = list(strip.element.default_slot)
    strip.show(figures("3 s"))
    after = list(strip.element.default_slot)
    assert [after[0], after[2]] == [before[0], before[2]]
    assert (before[1].tag, after[1].tag) == ("div", "a")
    held = [replace(one, title="Oldest held") if one.path and one.value == "4 s" else one for one in figures("4 s")]
    strip.show(held)
    assert list(strip.element.default_slot) == after, "other words stand in the same place"
    strip.show(figures(""))
    assert [one.tag for one in strip.element.default_slot] == ["a", "div", "div"]
