"""Whatever a receiver does wrong is an attempt with its class, on time, with little memory and nothing left over."""

import asyncio
import select
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.hostile import bomb_bytes, receiver
from tests.test_outbound import Names, assert_failed, outgoing, send_to, sending
from webhook_ui import answers, dialling, outbound
from webhook_ui.deadlines import Deadlines
from webhook_ui.wire import STORED_BODY_BYTES, ErrorClass, Result

LIMIT = 0.5
SPARE = 1.5  # for a machine that is busy with other things
MEMORY = 8 * 1024 * 1024  # of both ends together: neither may hold what goes on without an end

PROTOCOL, TIMEOUT = ErrorClass.protocol, ErrorClass.timeout


@contextmanager
def little_memory() -> Iterator[None]:
    """Whatever happens inside must stay small at every moment."""
    bomb_bytes()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert grown < MEMORY


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/silent", TIMEOUT, "No answer from"),
        ("/slow_head", TIMEOUT, "No answer from"),
        ("/hang_up", PROTOCOL, "closed the connection without an answer"),
        ("/reset", PROTOCOL, "broke the connection off"),
        ("/reset_in_head", PROTOCOL, "broke the connection off"),
        ("/hang_up_in_head", PROTOCOL, "closed the connection without an answer"),
        ("/more/headers", PROTOCOL, "is not valid HTTP"),
        ("/more/header", PROTOCOL, "is not valid HTTP"),
        ("/more/name", PROTOCOL, "is not valid HTTP"),
        ("/more/reason", PROTOCOL, "is not valid HTTP"),
        ("/more/lines", TIMEOUT, "No answer from"),
        ("/more/interim", PROTOCOL, "more than 100 interim answers"),
        ("/more/continue", PROTOCOL, "more than 100 interim answers"),
        ("/many_headers", PROTOCOL, "is not valid HTTP"),
        ("/long_header", PROTOCOL, "is not valid HTTP"),
    ],
)
async def test_what_never_becomes_an_answer(path: str, kind: ErrorClass, words: str) -> None:
    started = time.monotonic()
    with little_memory():
        answer = await send_to(path, timeout=LIMIT)
    assert time.monotonic() - started < LIMIT + SPARE
    assert_failed(answer, kind, "127.0.0.1:", words)
    assert (answer.response_status, answer.response_headers, answer.response_body) == (None, (), "")


@pytest.mark.parametrize(
    ("path", "result", "body"),
    [
        ("/slow_body", Result.sent, "x"),
        ("/endless/200", Result.sent, "x" * STORED_BODY_BYTES),
        ("/endless/503", Result.error, "x" * STORED_BODY_BYTES),
        ("/more/body", Result.sent, "x" * STORED_BODY_BYTES),
        ("/more/chunks", Result.sent, "x"),
        ("/reset_in_body", Result.sent, ""),
        ("/cut_body", Result.sent, ""),
        ("/bad_chunk", Result.sent, ""),
        ("/bomb", Result.sent, "[compressed (gzip), not shown]"),
    ],
)
async def test_a_head_decides_whatever_its_body_does(
    path: str, result: Result, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "BODY_SECONDS", LIMIT)
    started = time.monotonic()
    with little_memory():
        answer = await send_to(path, timeout=60)
    assert time.monotonic() - started < LIMIT + SPARE
    assert (answer.result, answer.response_body[: len(body)]) == (result, body)
    assert len(answer.response_body) <= STORED_BODY_BYTES


@pytest.mark.parametrize("path", ["/more/extension", "/more/size", "/more/trailers", "/more/answers"])
async def test_floods_behind_a_head(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head may come alone or together with the flood, so either verdict is right; time and memory are not free."""
    monkeypatch.setattr(outbound, "BODY_SECONDS", LIMIT)
    started = time.monotonic()
    with little_memory():
        answer = await send_to(path, timeout=2 * LIMIT)
    assert time.monotonic() - started < 2 * LIMIT + SPARE
    assert answer.result is Result.sent or answer.failure is not None
    assert answer.failure is None or answer.failure.kind is PROTOCOL


@pytest.mark.parametrize(
    "answer",
    [
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/x 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\x00Y: z\r\n\r\n",
        "HTTP/1.1 200 OK\r\n : z\r\n\r\n",
        "<html>200 OK</html>",
        "\r\n\r\n",
        "\x15\x03\x03\x00\x02\x02\x46",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(answer: str) -> None:
    async with receiver() as far, sending() as sender:
        verdict = await sender.send(outgoing(far.url(f"/raw/{quote(answer, safe='')}"), timeout=5))
        assert_failed(verdict, PROTOCOL, "127.0.0.1:")
        assert (await sender.send(outgoing(far.url("/ok")))).result is Result.sent


async def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "KEEP_ALIVE_SECONDS", 0.05)
    before = open_files()
    async with receiver() as far, sending() as sender:
        assert (await sender.send(outgoing(far.url("/ok")))).result is Result.sent
        await asyncio.wait_for(far.left.wait(), 5)
        assert (await sender.send(outgoing(far.url("/ok")))).result is Result.sent
        assert far.connections == 2
    assert open_files() <= before


async def test_a_connection_that_hangs_in_tls_is_a_timeout_of_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "_TIMEOUT", dialling.aiohttp.ClientTimeout(total=None, sock_connect=0.2))
    started = time.monotonic()
    async with receiver() as far, sending(resolver=Names(["127.0.0.1"])) as sender:
        answer = await sender.send(outgoing(f"https://receiver.test:{far.port}/", timeout=60))
    assert time.monotonic() - started < SPARE
    assert_failed(answer, TIMEOUT, "No TLS handshake with receiver.test:")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_kept_for_a_receiver_that_does_not_read() -> None:
    """The connection ends with the attempt, and what was not written yet is dropped."""
    got = 0

    def read_at_last() -> None:
        nonlocal got
        line, _ = listening.accept()
        with line:
            given_up.wait(10)
            while select.select([line], [], [], 5)[0]:
                try:
                    data = line.recv(1 << 20)
                except ConnectionError:
                    return
                if not data:
                    return
                got += len(data)
            got = -1  # still open

    given_up, body = threading.Event(), bytes(30_000_000)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = threading.Thread(target=read_at_last)
        reader.start()
        async with sending() as sender:
            place = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            answer = await sender.send(outgoing(place, body, timeout=LIMIT))
            given_up.set()
            await asyncio.to_thread(reader.join, 10)
    assert_failed(answer, TIMEOUT)
    assert 0 <= got < len(body)


async def test_an_answer_before_the_request_was_read_counts_and_ends_the_connection() -> None:
    async with receiver() as far, sending() as sender:
        refused = await sender.send(outgoing(far.url("/early"), bytes(20_000_000), timeout=5))
        after = await sender.send(outgoing(far.url("/ok")))
        assert far.connections == 2
    assert (refused.response_status, after.response_status) == (413, 200)


async def test_many_headers_that_are_allowed_are_cut_when_stored() -> None:
    lines = "".join(f"X-{number}: {'y' * 1000}\r\n" for number in range(30))
    head = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n"
    assert len(answers.read_headers([(b"a", b"b" * 5000)] * 5)) == 3
    async with receiver() as far, sending() as sender:
        far.words = head.encode()
        answer = await sender.send(outgoing(far.url("/words")))
    assert answer.result is Result.sent
    assert 0 < sum(len(name) + len(value) for name, value in answer.response_headers) <= answers.STORED_HEADER_BYTES


# The limits themselves


async def test_limits_end_each_at_its_own_time() -> None:
    deadlines, ended = Deadlines(), []

    async def wait(name: str, seconds: float) -> None:
        started = time.monotonic()
        with pytest.raises(TimeoutError), deadlines.limit(seconds):
            await asyncio.Event().wait()
        assert seconds - 0.01 <= time.monotonic() - started < seconds + SPARE
        ended.append(name)

    await asyncio.gather(wait("last", 0.15), wait("first", 0.05), wait("second", 0.1))
    assert ended == ["first", "second", "last"]


async def test_a_limit_that_is_shortened_ends_earlier() -> None:
    async def work() -> None:
        with Deadlines().limit(60) as limit:
            limit.shorten(0.05)
            await asyncio.Event().wait()

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.create_task(work())), 5)
    assert time.monotonic() - started < SPARE


async def test_a_limit_leaves_other_cancellations_alone() -> None:
    deadlines, begun = Deadlines(), asyncio.Event()

    async def work() -> None:
        with deadlines.limit(0.05):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.Event().wait()  # until the limit runs out, while the task is being cancelled

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with deadlines.limit(0.02):
        pass
    await asyncio.sleep(0.04)  # a limit that was kept has no effect when its time comes
