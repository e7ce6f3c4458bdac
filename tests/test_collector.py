"""What the garbage collector is kept from looking through, and that it comes all the same."""

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from webhook_ui import collector


class Page:
    """Something that refers to itself, as closed pages do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has settled in, and is as before afterwards."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    monkeypatch.setattr(collector, "_built", [])
    monkeypatch.setattr(collector, "PAGES", 3)
    collector.settle_in()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def is_looked_at(thing: object) -> bool:
    return any(one is thing for one in gc.get_objects())


@pytest.mark.usefixtures("settled")
def test_an_open_page_is_left_out_and_a_closed_one_goes_with_a_later_round() -> None:
    page = Page()
    assert is_looked_at(page)
    collector.page_built()
    assert not is_looked_at(page)
    gone = weakref.ref(page)
    del page
    gc.collect()
    assert gone() is not None, "it is not looked at"
    collector.page_built()
    assert gone() is not None
    collector.page_built()
    assert gone() is None


def test_in_somebody_elses_process_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_built", [])
    before, page = gc.get_freeze_count(), Page()
    collector.page_built()
    assert is_looked_at(page)
    assert gc.get_freeze_count() == before
