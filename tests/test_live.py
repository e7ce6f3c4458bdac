"""Pages that follow changes: who is gone is let go. What open pages show of changes is seen in the browser's tests."""

import gc
import weakref
from collections.abc import Callable

from nicegui import Client, ui
from nicegui.page import page

from webhook_ui.changes import Announcer, Changed
from webhook_ui.ui.live import Live


def open_tab(live: Live) -> tuple[Client, Callable[[], object]]:
    """A tab with two places that follow; whether anything of the second is still known."""
    client = Client(page("/followed"), request=None)

    def look(_: frozenset[Changed]) -> None: ...

    with client:
        live.follow(ui.element("div"), lambda _: None)
        live.follow(ui.element("div"), look)
    return client, weakref.ref(look)


async def test_a_tab_that_is_closed_is_let_go_without_waiting_for_news() -> None:
    live = Live(Announcer())
    closed, known = open_tab(live)
    stays, still_known = open_tab(live)
    closed.delete()
    gc.collect()
    assert known() is None
    assert still_known() is not None
    stays.delete()
