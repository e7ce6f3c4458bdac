"""What the server sends to open pages: nothing where nothing to be seen has changed, and no more than can be read."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from benchmarks import browsers
from tests.processes import Receiver, Works, receiver
from webhook_ui import ids
from webhook_ui.ui.dashboard import LEFT_SECONDS, RECONNECT_SECONDS
from webhook_ui.ui.gathering import PULSE_SECONDS
from webhook_ui.ui.log_look import PAGE
from webhook_ui.ui.turnover import beat, next_beat

PATIENCE = 20.0
UPDATE = '42["update"'
GONE = ":null"  # an element that is no longer there
FEW = 20  # of a list with its picture; the rows alone would be more
ANSWERED = "200 in "  # so a card says what came of its last delivery
MANY = 8  # messages, until their pace is known
TRIES = 3  # a busy machine may once need longer than a beat; what waits for the next one needs it each time


@pytest.fixture
def far() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    made = Works(tmp_path / "works", auth="none")
    yield made
    made.end()


class Heard:
    """What the page at a path is told."""

    def __init__(self, path: str, page: browsers.OpenPage, told: "asyncio.Queue[str]") -> None:
        self.path, self.page, self._told = path, page, told
        self.last = ""  # what it was told with the words that were waited for last

    async def of(self, words: str) -> None:
        """Waits until it is told something with these words."""
        try:
            async with asyncio.timeout(PATIENCE):
                while words not in (told := await self._told.get()):
                    pass
        except TimeoutError:
            raise AssertionError(f"{self.path} was not told {words!r}") from None
        self.last = told

    def all(self) -> list[str]:
        """What it was told since it was asked last."""
        return [self._told.get_nowait() for _ in range(self._told.qsize())]


class Windows:
    """Opens pages of a server."""

    def __init__(self, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.session, self._stack = session, stack

    async def open(self, path: str) -> Heard:
        told: asyncio.Queue[str] = asyncio.Queue()
        page = await browsers.open_page(self.session, path, told.put_nowait)
        self._stack.push_async_callback(page.cut)
        return Heard(path, page, told)


@pytest.fixture
async def windows(works: Works) -> AsyncIterator[Windows]:
    server = works.start("serve", "--port", "0")
    server.wait_for("Sending")
    address = server.text.partition("Dashboard")[2].split()[0]
    async with aiohttp.ClientSession(address) as session, AsyncExitStack() as stack:
        yield Windows(session, stack)


async def test_a_page_is_told_nothing_while_nothing_on_it_changes(
    works: Works, far: Receiver, windows: Windows
) -> None:
    busy = works.add_webhook(far.url)
    quiet = works.add_webhook(far.url, tenant="another")
    seen = await windows.open(f"/webhooks/{busy}?span=30d")
    other = await windows.open(f"/webhooks/{quiet}?span=30d")
    for _ in range(2):  # until what comes after the first frame is there
        (event,) = works.emit()
        await seen.of(event)
    other.all()
    for _ in range(4):
        (event,) = works.emit()
        await seen.of(event)
    assert other.all() == []


async def test_what_happens_all_the_time_is_told_twice_a_second_at_most(
    works: Works, far: Receiver, windows: Windows
) -> None:
    works.add_webhook(far.url)
    page = await windows.open("/")
    works.emit()
    await page.of(ANSWERED)  # with that, all that there was to tell is told
    loop = asyncio.get_running_loop()
    begun = loop.time()  # before any of it is sent: who hears of it late is no quicker for that
    busy = loop.create_task(emit_without_end(works))
    for _ in range(MANY + 1):
        await page.of(UPDATE)
    took = loop.time() - begun
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    assert took >= MANY * PULSE_SECONDS


async def test_a_page_that_is_left_is_let_go_soon_and_one_that_was_cut_off_is_kept(
    works: Works, windows: Windows
) -> None:
    left, cut_off = (await windows.open("/")).page, (await windows.open("/")).page
    await left.leave()
    await cut_off.cut()
    async with asyncio.timeout(RECONNECT_SECONDS / 2):
        while await left.connect_again(windows.session):
            await left.cut()
            await asyncio.sleep(LEFT_SECONDS * 2)  # asked at once, it would never be let go
    assert await cut_off.connect_again(windows.session)


async def emit_without_end(works: Works) -> None:
    while True:
        await asyncio.to_thread(works.emit)


def delivery_of(event: str) -> str:
    return ids.delivery_text(1, ids.event_number(event))


async def test_lists_turn_over_no_faster_than_they_can_be_read_say_so_and_end_with_the_newest(
    works: Works, far: Receiver, windows: Windows
) -> None:
    """All at the same time: what they wait for are the same beats."""
    assert works.add_webhook(far.url) == 1
    rows = {"/webhooks/1": delivery_of, "/deliveries": delivery_of, "/events": str}
    pages = [await windows.open(path) for path in rows]
    many = PAGE - 10

    async def beats_of(event: str, *before: str) -> set[int]:
        """In which beats the pages are told of an event, and of some words before it."""

        async def beat_of(page: Heard) -> int:
            for words in (*before, rows[page.path](event)):
                await page.of(words)
            return beat()

        return set(await asyncio.gather(*map(beat_of, pages)))

    begun, at_once = -1, {-2}
    for _ in range(TRIES):
        await next_beat()
        begun = beat()
        *_, first = works.emit(many)
        at_once = await beats_of(first)
        if at_once == {begun}:
            break
    *_, last = works.emit(many)
    waited = await beats_of(last, "New rows come in quickly. The list is updated every 5 s.")
    assert at_once == {begun}, "what fits on a page comes in at once"
    assert max(one.last.count(GONE) for one in pages) < FEW, "who comes takes the places of who goes"
    assert min(waited) > begun, "more than that waits"
