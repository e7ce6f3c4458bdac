"""How open pages hear of what has changed: together, seldom, and only while somebody looks; who is gone is let go."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import Client, core, ui
from nicegui.page import page as address

from tests.stored import until
from webhook_ui.changes import Announcer, Changed, Kind
from webhook_ui.ui import gathering, turnover
from webhook_ui.ui import live as live_pages
from webhook_ui.ui.again import Again
from webhook_ui.ui.live import PULSE_SECONDS, Live


class Page:
    """What of a page's element is asked; hears what it is told, and when."""

    is_deleted = False

    def __init__(self) -> None:
        self.client = SimpleNamespace(id=str(id(self)), has_socket_connection=True, on_delete=lambda _: None)
        self.heard: asyncio.Queue[tuple[float, frozenset[Changed]]] = asyncio.Queue()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def look(self, changes: frozenset[Changed]) -> None:
        self.heard.put_nowait((asyncio.get_running_loop().time(), changes))


@pytest.fixture
async def announcer(monkeypatch: pytest.MonkeyPatch) -> Announcer:
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())  # in which NiceGUI begins what runs beside
    return Announcer()


@contextmanager
def running(live: Live) -> Iterator[None]:
    task = asyncio.get_running_loop().create_task(live.run())
    yield
    task.cancel()


async def test_a_page_is_told_twice_a_second_at_most_and_of_everything(announcer: Announcer) -> None:
    live = Live(announcer)
    page: Any = Page()
    live.follow(page, page.look)
    told: list[tuple[float, Any]] = []
    with running(live):
        for number in range(3):
            flood = asyncio.create_task(announce(announcer, first=1000 * number))
            told.append(await asyncio.wait_for(page.heard.get(), 10))
            flood.cancel()
            with suppress(asyncio.CancelledError):
                await flood
        told.append(await asyncio.wait_for(page.heard.get(), 10))
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(told)]
    assert all(gap >= PULSE_SECONDS * 0.98 for gap in gaps), gaps
    heard = {change.webhook_id for _, changes in told for change in changes}
    assert {0, 1000, 2000} <= heard


async def announce(announcer: Announcer, *, first: int) -> None:
    """One change after the other, without an end."""
    number = first
    while True:
        announcer.announce([Changed(Kind.delivery, webhook_id=number)])
        number += 1
        await asyncio.sleep(0)


async def test_a_page_that_nobody_sees_is_told_when_he_is_back(announcer: Announcer) -> None:
    live = Live(announcer)
    page: Any = Page()
    page.client.has_socket_connection = False
    live.follow(page, page.look)
    seen: Any = Page()
    live.follow(seen, seen.look)
    with running(live):
        await asyncio.sleep(0)
        announcer.announce([Changed(Kind.webhook, webhook_id=7)])
        await asyncio.wait_for(seen.heard.get(), 10)
        assert page.heard.empty()
        page.client.has_socket_connection = True
        _, changes = await asyncio.wait_for(page.heard.get(), 10)
    assert {change.webhook_id for change in changes} == {7}


async def test_many_pages_are_told_less_often_so_that_all_of_them_cost_no_more(
    announcer: Announcer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_pages, "PULSE_SECONDS", 0.01)
    monkeypatch.setattr(live_pages, "MOST_A_SECOND", 100)
    monkeypatch.setattr(gathering._Pace, "seconds", PULSE_SECONDS)
    live = Live(announcer)
    pages = [Page() for _ in range(20)]
    for page in pages:
        followed: Any = page
        for _ in range(2):  # the frame of a page and the page are looked at together
            live.follow(followed, page.look)
    with running(live):
        flood = asyncio.create_task(announce(announcer, first=0))
        moments = [(await asyncio.wait_for(pages[0].heard.get(), 10))[0] for _ in range(6)]
        flood.cancel()
        with suppress(asyncio.CancelledError):
            await flood
    gaps = [later - earlier for earlier, later in pairwise(moments[::2])]
    assert all(gap >= 20 / 100 * 0.98 for gap in gaps), gaps
    assert gathering._Pace.seconds == 20 / 100, "and what each of them sends keeps the same pace"


async def test_a_tab_behind_others_is_told_once_of_all_when_it_is_looked_at(announcer: Announcer) -> None:
    live = Live(announcer)
    behind, front = Page(), Page()
    for page in (behind, front):
        page_: Any = page
        live.follow(page_, page.look)
    client: Any = behind.client
    live.see(client, seen=False)
    with running(live):
        await asyncio.sleep(0)
        for number in (7, 8):
            announcer.announce([Changed(Kind.attempt, webhook_id=number)])
            await asyncio.wait_for(front.heard.get(), 10)
        assert behind.heard.empty()
        live.see(client, seen=True)
        _, changes = await asyncio.wait_for(behind.heard.get(), 10)
        assert {change.webhook_id for change in changes} == {7, 8}
        live.see(client, seen=False)
        announcer.announce([Changed(Kind.account)])  # somebody was signed out
        _, changes = await asyncio.wait_for(behind.heard.get(), 10)
    assert changes == {Changed(Kind.account)}


async def test_what_follows_some_kinds_is_called_for_these_only(announcer: Announcer) -> None:
    live = Live(announcer)
    page: Any = Page()
    all_of_it: Any = Page()
    live.follow(page, page.look, {Kind.plugin, Kind.webhook})
    live.follow(all_of_it, all_of_it.look)
    with running(live):
        await asyncio.sleep(0)
        announcer.announce([Changed(Kind.attempt, webhook_id=7)])
        await asyncio.wait_for(all_of_it.heard.get(), 10)
        announcer.announce([Changed(Kind.webhook, webhook_id=7), Changed(Kind.attempt, webhook_id=7)])
        _, changes = await asyncio.wait_for(page.heard.get(), 10)
    assert Changed(Kind.webhook, webhook_id=7) in changes
    assert page.heard.empty()


def open_tab(live: Live) -> tuple[Client, Callable[[], object]]:
    """A tab with two places that follow; whether anything of the second is still known."""
    client = Client(address("/followed"), request=None)

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


def looked_at(seconds: float, looks: list[str]) -> tuple[Client, Callable[[], object]]:
    """A tab that looks again and again; whether anything of it is still known."""
    client = Client(address("/looked"), request=None)
    client.tab_id = "somebody is there"

    def look() -> None:
        looks.append(client.id)

    with client:
        Again(seconds, ui.element("div"), look, lambda _: True)
    return client, weakref.ref(look)


async def test_what_looks_again_holds_nothing_of_a_closed_tab() -> None:
    looks: list[str] = []
    often, _ = looked_at(0.001, looks)
    seldom, known = looked_at(60, [])
    await until(lambda: len(looks) > 1)
    for client in (often, seldom):
        client.delete()
    many = len(looks)
    del often, seldom, client
    gc.collect()
    assert known() is None
    assert len(looks) == many


async def test_a_list_is_hurried_until_a_whole_beat_has_passed_in_which_all_came_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turnover, "BEAT_SECONDS", 0.05)
    looks: list[bool] = []
    begun: list[asyncio.Task[None]] = []

    async def look() -> None:
        looks.append(listed.hurried)

    def begin(work: Any, *, name: str) -> None:
        begun.append(asyncio.create_task(work, name=name))

    tab: Any = SimpleNamespace(begin=begin)
    listed = turnover.Turnover(tab, 50, look)
    await turnover.next_beat()
    listed.came(50)
    assert not listed.hurried
    assert listed.too_soon(1)
    assert listed.too_soon(2)
    assert listed.hurried
    await asyncio.wait_for(asyncio.gather(*begun), 10)
    assert looks == [True, False]
    assert len(begun) == 1
