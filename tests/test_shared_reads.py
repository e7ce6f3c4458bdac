"""What many tabs ask is read once: after the same news, in the same language, whoever of them leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from nicegui import Client, ui
from nicegui.page import page as address
from starlette.requests import Request

from webhook_ui.actors import CLI
from webhook_ui.errors import Unavailable
from webhook_ui.languages import tr
from webhook_ui.ui import cards
from webhook_ui.ui.cards import CardFace, WebhookCard
from webhook_ui.ui.context import Services, Tab
from webhook_ui.ui.shared_reads import SharedReads


class Question:
    """Counts how often it is read; each answer waits until `go`."""

    def __init__(self) -> None:
        self.reads = 0
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.reads += 1
        answer = self.reads
        await self.go.wait()
        return answer


async def asked(*questions: Awaitable[Any]) -> list[asyncio.Future[Any]]:
    """All of them under way."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_after_the_same_news_is_read_once() -> None:
    shared, question = SharedReads(), Question()
    tasks = await asked(*(shared.ask("rows", 7, question.read) for _ in range(3)))
    question.go.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert await shared.ask("rows", 7, question.read) == 1
    assert question.reads == 1


@pytest.mark.parametrize(("key", "pulse", "fresh"), [("rows", 8, False), ("other", 7, False), ("rows", 7, True)])
async def test_later_news_another_question_and_who_has_changed_something_are_read_anew(
    key: str, pulse: int, fresh: bool
) -> None:
    shared, question = SharedReads(), Question()
    question.go.set()
    await shared.ask("rows", 7, question.read)
    assert await shared.ask(key, pulse, question.read, fresh=fresh) == 2


async def test_a_tab_that_leaves_takes_the_answer_from_nobody() -> None:
    shared, question = SharedReads(), Question()
    first, second = await asked(*(shared.ask("rows", 7, question.read) for _ in range(2)))
    first.cancel()
    question.go.set()
    assert await second == 1


async def test_what_went_wrong_is_said_to_all() -> None:
    async def fail() -> int:
        raise Unavailable("away")

    shared = SharedReads()
    tasks = await asked(*(shared.ask("rows", 7, fail) for _ in range(2)))
    assert [str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == ["away", "away"]


async def test_tabs_share_what_is_in_their_language() -> None:
    services = cast(Services, SimpleNamespace(shared=SharedReads(), live=SimpleNamespace(pulse=7)))
    client = cast(Client, None)
    english, again, spanish = (
        Tab(services=services, client=client, actor=CLI, zone=ZoneInfo("UTC"), language=code)
        for code in ("en", "en", "es")
    )
    reads: list[str] = []

    async def read() -> str:
        reads.append(tr("Sent"))
        return reads[-1]

    assert [await tab.share("word", read) for tab in (english, again, spanish)] == ["Sent", "Sent", "Enviada"]
    assert reads == ["Sent", "Enviada"]


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(address("/shared"), request=Request({"type": "http", "headers": [], "path": "/"}))
    with made:
        yield made
    made.delete()


def face(**values: Any) -> CardFace:
    return CardFace(
        title="Billing", url="https://a.example/", path="/webhooks/1", state="enabled", triggers=["a.b"],
        created_at=datetime(2026, 11, 23, tzinfo=UTC), sent=[1] * 24, errors=[0] * 24, **values,
    )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What sparklines are drawn of."""
    made: list[object] = []
    draw: Callable[..., Any] = cards.sparkline
    monkeypatch.setattr(cards, "sparkline", lambda *what: made.append(what) or draw(*what))
    return made


def markup_of(card: WebhookCard) -> list[str]:
    return [one.props["markup"] for one in card.element.descendants() if "markup" in one.props]


def test_what_tabs_show_alike_is_written_once(client: Client, drawn: list[object]) -> None:
    shown = face()
    here, there = (WebhookCard(shown, zone=ZoneInfo("UTC")) for _ in range(2))
    assert len(drawn) == 1
    assert markup_of(here) == markup_of(there) != []
    later = face(result="sent", result_text="200 in 12 ms")
    for card in (here, there):
        card.show(later)
    assert len(drawn) == 2
    assert "200 in 12 ms" in "".join(markup_of(there))


def test_what_differs_between_tabs_is_written_for_each(client: Client, drawn: list[object]) -> None:
    shown = face(untried=True)
    plain = WebhookCard(shown, zone=ZoneInfo("UTC"))
    with ui.element("div"):
        offering = WebhookCard(shown, zone=ZoneInfo("UTC"), offers_test=True)
        elsewhere = WebhookCard(shown, zone=ZoneInfo("Pacific/Auckland"))
    assert len(drawn) == 3
    assert len({"".join(markup_of(card)) for card in (plain, offering, elsewhere)}) == 3


async def test_tabs_show_long_lists_one_after_the_other_and_let_others_work_in_between() -> None:
    shared, done = SharedReads(), list[str]()
    loop = asyncio.get_running_loop()

    async def show() -> None:
        await shared.in_turn()
        done.append("shown")
        loop.call_soon(done.append, "delivered")

    await asyncio.gather(show(), show())
    await asyncio.sleep(0)
    assert done == ["shown", "delivered"] * 2
