"""Open pages without a browser: what the dashboard sends to one, taken by a raw WebSocket. It shows nothing.

As a browser does, it offers to have its messages compressed, and answers what the page is asked: it stands at its top.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

ACK_SECONDS = 3.0  # as a browser does
AT_ONCE = 4
_CLIENT = re.compile(r"client_id['\"]?: ['\"]([0-9a-f-]{36})")
_NEXT = re.compile(r"next_message_id['\"]?: (\d+)")
_ID = re.compile(r'"_id":(\d+)')
_ASKED = re.compile(r'"request_id":"([0-9a-f-]{36})"')
_LEFT = re.compile(r'"listener_id":"([0-9a-f-]{36})","type":"left"')
WINDOW_BITS = 15  # of the compression that browsers offer


@dataclass
class OpenPage:
    """One page; `messages` and `characters` count what the server sent to it, each of which `hear` is told."""

    socket: aiohttp.ClientWebSocketResponse
    client_id: str
    document: str
    next_message: int
    listener: str
    hear: Callable[[str], object]
    messages: int = 0
    characters: int = 0
    _tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def listen(self) -> None:
        self._tasks = [asyncio.create_task(self._take()), asyncio.create_task(self._acknowledge())]

    async def leave(self) -> None:
        """Closes it as somebody does who goes elsewhere: its script says so."""
        left = f'{{"id":0,"client_id":"{self.client_id}","listener_id":"{self.listener}","args":[]}}'
        await self.socket.send_str(f'42["event",{left}]')
        await self.cut()

    async def cut(self) -> None:
        """Ends its connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.close()

    async def connect_again(self, session: aiohttp.ClientSession) -> bool:
        """Whether the server still has it; if so, it goes on."""
        try:
            self.socket = await _connect(session, self.client_id, self.document, self.next_message)
        except RuntimeError:
            return False
        self.listen()
        return True

    async def _take(self) -> None:
        async for message in self.socket:
            text = str(message.data)
            if text == "2":
                await self.socket.send_str("3")
                continue
            self.messages += 1
            self.characters += len(text)
            self.hear(text)
            if found := _ID.search(text, max(len(text) - 40, 0)) or _ID.search(text):
                self.next_message = int(found[1]) + 1
            if text.startswith('42["run_javascript"') and (asked := _ASKED.search(text)):
                answer = f'{{"request_id":"{asked[1]}","client_id":"{self.client_id}","result":true}}'
                await self.socket.send_str(f'42["javascript_response",{answer}]')

    async def _acknowledge(self) -> None:
        while True:
            await asyncio.sleep(ACK_SECONDS)
            told = f'{{"client_id":"{self.client_id}","next_message_id":{self.next_message}}}'
            await self.socket.send_str(f'42["ack",{told}]')


async def open_page(
    session: aiohttp.ClientSession, path: str, hear: Callable[[str], object] = lambda _: None
) -> OpenPage:
    """Asks for a page and connects as its script does."""
    # browsers open a connection of its own for the socket
    async with session.get(path, headers={"connection": "close"}) as answer:
        answer.raise_for_status()
        html = await answer.text()
    client, following, listener = (pattern.search(html) for pattern in (_CLIENT, _NEXT, _LEFT))
    if client is None or following is None or listener is None:
        raise RuntimeError(f"{path} is no page of the dashboard")
    client_id, document, next_message = client[1], str(uuid.uuid4()), int(following[1])
    socket = await _connect(session, client_id, document, next_message)
    page = OpenPage(socket, client_id, document, next_message, listener[1], hear)
    page.listen()
    return page


async def _connect(
    session: aiohttp.ClientSession, client_id: str, document: str, next_message: int
) -> aiohttp.ClientWebSocketResponse:
    query = {
        "EIO": "4", "transport": "websocket", "client_id": client_id, "next_message_id": str(next_message),
        "implicit_handshake": "true", "document_id": document, "tab_id": document,
    }  # fmt: skip
    socket = await session.ws_connect("/_nicegui_ws/socket.io/", params=query, max_msg_size=0, compress=WINDOW_BITS)
    await socket.receive_str()
    await socket.send_str("40")
    if not (said := await socket.receive_str()).startswith("40"):
        raise RuntimeError(f"the server did not take the page's socket: {said[:200]}")
    return socket


@asynccontextmanager
async def open_pages(session: aiohttp.ClientSession, paths: Sequence[str]) -> AsyncIterator[list[OpenPage]]:
    """All of them open for the length of a `with`."""
    async with AsyncExitStack() as stack:
        pages = []
        for path in paths:
            page = await open_page(session, path)
            stack.push_async_callback(page.leave)
            pages.append(page)
        yield pages


async def open_and_close(session: aiohttp.ClientSession, path: str, count: int) -> None:
    """One after the other, a few at once."""
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            await (await open_page(session, path)).leave()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
