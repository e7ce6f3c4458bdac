"""The port that the server takes."""

import asyncio
import socket

import pytest

from webhook_ui import serving
from webhook_ui.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_answer_is_sent_at_once_by_every_event_loop(host: str) -> None:
    """asyncio's own keeps small answers back, for 40 ms each, on a socket that does not say that it is TCP."""
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    with serving.listen(Settings(host=host, port=0)) as listener:
        async with await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listener):
            _, ours = await asyncio.open_connection(*listener.getsockname()[:2])
            theirs = await accepted
            assert theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for writer in (ours, theirs):
                writer.close()
                await writer.wait_closed()
