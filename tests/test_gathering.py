"""What changes by itself is sent together and seldom, what a person waits for at once."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from nicegui import core
from socketio import packet

from webhook_ui.ui import gathering
from webhook_ui.ui.gathering import GATHER_SECONDS, PULSE_SECONDS

SOON = 0.8 * GATHER_SECONDS  # clocks of event loops count whole milliseconds


class Outbox:
    """What is asked of one; `sent` hears when it is woken."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.sent: asyncio.Queue[float] = asyncio.Queue()


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Something has changed on the page of an outbox."""
    monkeypatch.setattr(gathering, "_wake", lambda outbox: outbox.sent.put_nowait(asyncio.get_running_loop().time()))
    wake: Any = gathering._wake_in_turn

    def change(outbox: Outbox, *, by_itself: bool = True) -> None:
        def change_by_itself() -> None:
            gathering.by_itself()
            wake(outbox)

        copy_context().run(change_by_itself) if by_itself else wake(outbox)

    return change


async def test_changes_that_come_together_are_sent_once_and_the_next_ones_later(change: Callable[..., None]) -> None:
    outbox, loop = Outbox(), asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(3):
        change(outbox)
        await asyncio.sleep(0)
    first = await asyncio.wait_for(outbox.sent.get(), 10)
    assert SOON <= first - begun < PULSE_SECONDS
    for _ in range(3):
        change(outbox)
    second = await asyncio.wait_for(outbox.sent.get(), 10)
    assert second - first >= 0.9 * PULSE_SECONDS
    assert outbox.sent.empty()


async def test_pages_do_not_wait_for_one_another(change: Callable[..., None]) -> None:
    one, other = Outbox(), Outbox()
    change(one)
    await asyncio.wait_for(one.sent.get(), 10)
    begun = asyncio.get_running_loop().time()
    change(other)
    assert await asyncio.wait_for(other.sent.get(), 10) - begun < PULSE_SECONDS


async def test_what_a_person_does_and_what_is_asked_of_his_browser_goes_at_once(change: Callable[..., None]) -> None:
    outbox = Outbox()
    change(outbox)
    assert outbox.sent.empty()
    change(outbox, by_itself=False)
    assert outbox.sent.qsize() == 1, "and takes along what has been gathered"
    outbox.messages.append("run_javascript")
    change(outbox)
    assert outbox.sent.qsize() == 2


async def test_a_page_that_is_gone_meanwhile_is_not_missed(change: Callable[..., None]) -> None:
    outbox, stays = Outbox(), Outbox()
    change(outbox)
    change(stays)
    heard = outbox.sent
    del outbox
    await asyncio.wait_for(stays.sent.get(), 10)
    assert heard.empty()


def test_only_what_may_hold_bytes_is_searched_for_them() -> None:
    gathering.install()
    update: Any = {"7": {"props": {"markup": "…"}}}
    kinds = [
        core.sio.packet_class(data=data).packet_type for data in (["update", update], ["download", {"src": b"whole"}])
    ]
    assert kinds == [packet.EVENT, packet.BINARY_EVENT]
    searched: list[object] = []

    class Told(dict[str, Any]):
        def values(self) -> Any:
            searched.append(self)
            return super().values()

    core.sio.packet_class(data=["update", Told(update)])
    assert searched == []
