"""Sending to strangers: real sockets on loopback, honest and hostile receivers."""

import asyncio
import gc
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import aiohttp.abc
import httpx
import msgspec
import pytest
import trustme
import yarl
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import receiver
from webhook_ui import answers, guard, outbound
from webhook_ui.errors import Invalid
from webhook_ui.transport import Resolver, Transport
from webhook_ui.wire import STORED_BODY_BYTES, Answer, ErrorClass, Outgoing, Result

LOOPBACK = guard.Policy(allowed_networks=guard.parse_networks("127.0.0.1/32"))


class Names(aiohttp.abc.AbstractResolver):
    """Answers look-ups from a list, one entry after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            aiohttp.abc.ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def sending(policy: guard.Policy = LOOPBACK, **options: object) -> AsyncIterator[outbound.Sender]:
    async with outbound.Sender(policy, connections=8, user_agent="webhook-ui/test", **options) as sender:
        yield sender


def outgoing(url: str, body: bytes = b"{}", timeout: float = 5.0) -> Outgoing:
    return Outgoing(url=url, headers=(("content-type", "application/json"),), body=body, timeout=timeout)


async def send_to(path: str, *, timeout: float = 5.0, body: bytes = b"{}") -> Answer:  # noqa: ASYNC109
    async with receiver() as far, sending() as sender:
        return await sender.send(outgoing(far.url(path), timeout=timeout, body=body))


def assert_failed(answer: Answer, kind: ErrorClass, *words: str) -> None:
    assert answer.result is Result.error
    assert answer.failure is not None
    assert answer.failure.kind is kind, answer.failure
    for word in words:
        assert word in answer.failure.message
    assert answer.failure.message[0].isprintable()


# What goes out and what comes back


async def test_a_request_goes_out_exactly_as_given() -> None:
    body = '{"name":"Zoë", "n":1e400}'.encode()
    async with receiver() as far, sending() as sender:
        answer = await sender.send(outgoing(far.url("/ok?a=b%20c&d=é"), body))
        [request] = far.requests
    assert answer.result is Result.sent
    assert answer.failure is None
    assert (answer.response_status, answer.response_body) == (200, "ok")
    assert ("Content-Length", "2") in answer.response_headers
    assert (request.method, request.path, request.body) == ("POST", "/ok?a=b%20c&d=%C3%A9", body)
    assert request.headers == {
        "host": f"127.0.0.1:{far.port}",
        "content-type": "application/json",
        "user-agent": "webhook-ui/test",
        "accept-encoding": "identity",
        "accept": "*/*",
        "content-length": str(len(body)),
    }


async def test_a_large_body_arrives_whole() -> None:
    body = json.dumps({"data": "x" * 3_000_000}).encode()
    async with receiver() as far, sending() as sender:
        answer = await sender.send(outgoing(far.url("/ok"), body))
        assert answer.result is Result.sent
        assert far.requests[0].body == body


async def test_connections_are_used_again_and_timings_say_so() -> None:
    async with receiver() as far, sending(resolver=Names(["127.0.0.1"])) as sender:
        first = await sender.send(outgoing(far.url("/ok", "receiver.test")))
        second = await sender.send(outgoing(far.url("/long_body/50000", "receiver.test")))
        third = await sender.send(outgoing(far.url("/ok", "receiver.test")))
        assert far.connections == 1
    assert first.timings.dns is not None
    assert first.timings.connect is not None
    assert first.timings.tls is None
    assert first.timings.wait is not None
    assert first.duration_ms >= first.timings.wait > 0
    assert second.response_body == "y" * STORED_BODY_BYTES
    assert (third.timings.dns, third.timings.connect) == (None, None)
    assert third.timings.wait is not None


async def test_many_at_once_share_the_allowed_connections() -> None:
    async with receiver() as far, sending() as sender:
        results = await asyncio.gather(*(sender.send(outgoing(far.url("/ok"))) for _ in range(100)))
        assert {answer.result for answer in results} == {Result.sent}
        assert len(far.requests) == 100
        assert far.connections <= 8


async def test_cookies_are_not_kept() -> None:
    async with receiver(host="127.0.0.1") as far, sending(resolver=Names(["127.0.0.1"])) as sender:
        for path in ("/cookies", "/ok"):
            await sender.send(outgoing(far.url(path, "receiver.test")))
        assert all("cookie" not in request.headers for request in far.requests)
        assert len(far.requests) == 2


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy, receiver() as far:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.setenv("NO_PROXY", "")
        async with sending() as sender:
            answer = await sender.send(outgoing(far.url("/ok")))
        assert answer.result is Result.sent
        assert (len(far.requests), proxy.connections) == (1, 0)


async def test_any_httpx_transport_takes_the_place_of_the_network() -> None:
    seen: list[httpx.Request] = []

    def answer_it(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204, headers={"x-id": "7"})

    async with sending(transport=httpx.MockTransport(answer_it)) as sender:
        answer = await sender.send(outgoing("https://example.com/hook", b"[]"))
    assert answer.result is Result.sent
    assert answer.response_headers == (("x-id", "7"),)
    assert seen[0].url == "https://example.com/hook"
    assert seen[0].headers["user-agent"] == "webhook-ui/test"
    assert seen[0].content == b"[]"


async def test_cancelling_is_not_swallowed() -> None:
    async with receiver() as far, sending() as sender:
        task = asyncio.create_task(sender.send(outgoing(far.url("/silent"))))
        await asyncio.wait_for(far.arrived.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# Answers that are not 2xx


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/status/503", "503 Service Unavailable"),
        ("/status/500", "500 Internal Server Error"),
        ("/status/404", "404 Not Found: check the path of the URL"),
        ("/status/410", "410 Gone: the receiver wants no more deliveries"),
        ("/status/429/Retry-After:%2060", "429 Too Many Requests, asked to wait 60 s"),
        ("/status/999", "999"),
        ("/status/304", "304 Not Modified"),
        ("/status/101", "101 Switching Protocols"),
    ],
)
async def test_every_status_but_2xx_is_an_error(path: str, message: str) -> None:
    answer = await send_to(path)
    assert_failed(answer, ErrorClass.http)
    assert answer.failure is not None
    assert answer.failure.message == message
    assert answer.response_status == int(message[:3])


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_sent(status: int) -> None:
    answer = await send_to(f"/status/{status}")
    assert (answer.result, answer.response_status, answer.failure) == (Result.sent, status, None)


async def test_redirects_are_told_but_not_followed() -> None:
    async with receiver() as far, sending() as sender:
        answer = await sender.send(outgoing(far.url("/redirect")))
        assert [request.path for request in far.requests] == ["/redirect"]
    final = far.url("/ok")
    assert_failed(answer, ErrorClass.http, f"301 Moved Permanently to {final}: redirects are not followed")
    assert answer.response_status == 301


async def test_retry_after_is_read() -> None:
    assert (await send_to("/status/503/Retry-After:%20120")).retry_after == 120
    assert (await send_to("/status/200/Retry-After:%20120")).retry_after is None


NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 90 ", 90),
        ("999999", 86400),
        ("9" * 5000, None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("Mon, 23 Nov 2026 09:01:30 GMT", 90),
        ("Mon, 23 Nov 2026 09:01:30 -0000", 90),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Fri, 99 Dec 2026 23:59:59 GMT", None),
    ],
)
def test_retry_after_takes_seconds_and_dates(value: str, seconds: float | None) -> None:
    assert answers.read_retry_after(value, NOW) == seconds


@given(st.text())
def test_retry_after_survives_anything(value: str) -> None:
    seconds = answers.read_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 86400


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_stored_texts_are_harmless(name: bytes, body: bytes) -> None:
    stored = answers.read_headers([(name, body)])[0] + (answers.read_body(body, ""),)
    for text in stored:
        assert "\x00" not in text
        text.encode("utf-8")
    answers.clean("\ud800\x00" + body.decode("utf-8", "surrogateescape")).encode("utf-8")


def test_stored_headers_are_cut() -> None:
    raw = [(b"a", b"x" * 10_000)] * 5
    assert answers.read_headers(raw) == (("a", "x" * 10_000),)


# Hostile answers


@pytest.mark.parametrize("body_seconds", [0.2, 60])
async def test_the_head_decides_when_the_body_lingers(monkeypatch: pytest.MonkeyPatch, body_seconds: float) -> None:
    monkeypatch.setattr(outbound, "BODY_SECONDS", body_seconds)
    started = time.monotonic()
    answer = await send_to("/slow_body", timeout=1)
    assert time.monotonic() - started < 3
    assert answer.result is Result.sent
    assert answer.response_body.startswith("x")


@pytest.mark.parametrize("path", ["/bad_chunk", "/cut_body"])
async def test_the_head_decides_when_the_body_is_broken(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(outbound, "BODY_SECONDS", 0.3)
    answer = await send_to(path)
    assert (answer.result, answer.response_status) == (Result.sent, 200)


@pytest.mark.parametrize(("status", "result"), [(200, Result.sent), (500, Result.error)])
async def test_an_endless_body_is_cut_and_its_connection_dropped(status: int, result: Result) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_debug(True)  # aiohttp complains of answers that were not closed
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with receiver() as far, sending() as sender:
        started = time.monotonic()
        answer = await sender.send(outgoing(far.url(f"/endless/{status}")))
        assert time.monotonic() - started < outbound.BODY_SECONDS / 2
        assert (answer.result, answer.response_body) == (result, "x" * STORED_BODY_BYTES)
        assert (await sender.send(outgoing(far.url("/ok")))).result is Result.sent
        assert far.connections == 2
    gc.collect()
    assert complaints == []


async def test_a_gzip_bomb_is_not_unpacked() -> None:
    assert (await send_to("/bomb")).response_body == "[compressed (gzip), not shown]"
    async with receiver() as far, Transport(LOOPBACK, Resolver(), 1, None) as transport:
        request = httpx.Request("POST", far.url("/bomb"), stream=httpx.ByteStream(b"{}"))
        response = await transport.handle_async_request(request)
        assert (await response.aread()) == bytes(30_000_000)  # it is httpx that unpacks, and only when asked to
        assert response.num_bytes_downloaded < 100_000


@pytest.mark.parametrize("path", ["/silent", "/slow_head"])
async def test_time_runs_out_whatever_trickles_in(path: str) -> None:
    started = time.monotonic()
    answer = await send_to(path, timeout=0.4)
    assert 0.35 < time.monotonic() - started < 2
    assert_failed(answer, ErrorClass.timeout, "No answer from 127.0.0.1:", "within 0.4 s")
    assert answer.response_status is None


async def test_time_runs_out_when_the_receiver_does_not_read() -> None:
    answer = await send_to("/deaf", timeout=0.5, body=bytes(20_000_000))
    assert_failed(answer, ErrorClass.timeout)


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next() -> None:
    async with receiver() as far, sending() as sender:
        first = await sender.send(outgoing(far.url("/late_second")))
        await asyncio.wait_for(far.answered.wait(), 5)
        second = await sender.send(outgoing(far.url("/status/503")))
        assert far.connections == 2
    assert (first.response_status, second.response_status) == (503, 503)


async def test_bytes_the_loop_has_not_read_yet_are_noticed() -> None:
    """The unasked answer waits in the kernel, because the loop was busy with something else."""
    said_all = threading.Event()

    def late_second(listening: socket.socket) -> None:
        for late in (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""):
            line, _ = listening.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
                answered_once.wait(5)
                line.sendall(late)
                said_all.set()
                with suppress(ConnectionError):
                    line.recv(1)

    answered_once = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=late_second, args=(listening,))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with sending() as sender:
            first = await sender.send(outgoing(url))
            answered_once.set()
            said_all.wait(5)
            second = await sender.send(outgoing(url))
        thread.join(5)
    assert (first.response_status, second.response_status) == (503, 503)


async def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    async with receiver() as far, sending() as sender:
        results = [await sender.send(outgoing(far.url("/ok_then_hang_up"))) for _ in range(20)]
        assert {answer.result for answer in results} == {Result.sent}
        assert len(far.requests) == 20


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/garbage", "is not valid HTTP"),
        ("/hang_up", "closed the connection without an answer"),
        ("/reset", "connection"),
        ("/many_headers", "is not valid HTTP"),
        ("/long_header", "is not valid HTTP"),
    ],
)
async def test_what_is_no_answer_is_a_protocol_error(path: str, words: str) -> None:
    answer = await send_to(path)
    assert_failed(answer, ErrorClass.protocol, "127.0.0.1:", words)


async def test_hostile_bytes_become_harmless_text() -> None:
    answer = await send_to("/odd_texts")
    assert answer.response_status == 500
    assert answer.response_body == "a�b����"
    stored = repr(answer.response_headers) + answer.response_body + str(answer.failure)
    stored.encode("utf-8")
    assert "\x00" not in stored


async def test_a_receiver_that_reset_once_gets_one_request() -> None:
    async with receiver() as far, sending() as sender:
        await sender.send(outgoing(far.url("/ok")))
        await sender.send(outgoing(far.url("/reset")))
        assert [request.path for request in far.requests] == ["/ok", "/reset"]


# Not connected


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_nothing_listens() -> None:
    port = unused_port()
    async with sending() as sender:
        answer = await sender.send(outgoing(f"http://127.0.0.1:{port}/"))
    assert_failed(
        answer,
        ErrorClass.connect,
        f"Nothing listens at 127.0.0.1:{port} (connection refused). Start the receiver or correct the URL.",
    )
    assert answer.timings.connect is None


async def test_a_full_backlog_is_a_timeout_of_connecting() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(place)
        async with sending() as sender:
            answer = await sender.send(outgoing(f"http://127.0.0.1:{place[1]}/", timeout=0.4))
        for filler in fillers:
            filler.close()
    assert_failed(answer, ErrorClass.timeout, "No connection with 127.0.0.1:", "within 0.4 s")


async def test_a_name_that_cannot_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    async with sending() as sender:
        answer = await sender.send(outgoing("http://nowhere.test/"))
    assert_failed(answer, ErrorClass.dns, "The name nowhere.test cannot be resolved (Name or service not known)")


async def test_a_name_without_addresses_is_a_dns_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    async with sending() as sender:
        answer = await sender.send(outgoing("http://nowhere.test/"))
    assert_failed(answer, ErrorClass.dns, "nowhere.test has no address")


async def test_looking_up_leaves_the_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(15) and [])
    with pytest.raises(TimeoutError):
        await outbound.look_up("slow.test", 80, timeout=0.05)
    async with sending() as sender:
        answer = await sender.send(outgoing("http://slow.test/", timeout=0.05))
    done.set()  # whoever had waited for it would have heard that there is no address
    assert_failed(answer, ErrorClass.timeout, "No name server told the address of slow.test in time")


async def test_look_up_answers_addresses() -> None:
    assert "127.0.0.1" in await outbound.look_up("localhost", 80)


async def test_an_impossible_header_is_an_error_not_a_crash() -> None:
    async with receiver() as far, sending() as sender:
        broken = Outgoing(url=far.url("/ok"), headers=(("x-a", "b\r\nc: d"),), body=b"{}", timeout=1)
        assert_failed(await sender.send(broken), ErrorClass.protocol)
        assert far.requests == []


# The guard


async def test_only_what_is_named_is_open() -> None:
    """127.0.0.2 is loopback as well, but not the address that the policy names."""
    async with receiver(host="0.0.0.0") as far, sending() as sender:
        opened = await sender.send(outgoing(far.url("/ok", "127.0.0.1")))
        closed = await sender.send(outgoing(far.url("/ok", "127.0.0.2")))
        assert far.connections == 1
    assert opened.result is Result.sent
    assert_failed(closed, ErrorClass.blocked, "127.0.0.2 is this server itself", "--allow-loopback")


async def test_the_guard_judges_at_the_socket_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A literal that the URL check let through by mistake is not dialled."""
    permissive = guard.Policy(allowed_networks=guard.parse_networks("127.0.0.0/8"))
    check_url = guard.check_url
    monkeypatch.setattr(guard, "check_url", lambda url, policy: check_url(url, permissive))
    async with receiver(host="0.0.0.0") as far, sending() as sender:
        answer = await sender.send(outgoing(far.url("/ok", "127.0.0.2")))
        assert far.connections == 0
    assert_failed(answer, ErrorClass.blocked, "127.0.0.2 is this server itself")


async def test_a_name_that_leads_to_a_blocked_address() -> None:
    async with receiver(host="0.0.0.0") as far, sending(resolver=Names(["127.0.0.2", "127.0.0.3"])) as sender:
        answer = await sender.send(outgoing(far.url("/ok", "inside.test")))
        assert far.connections == 0
    assert_failed(answer, ErrorClass.blocked, "The name inside.test leads to this address: 127.0.0.")


async def test_a_name_with_one_open_address_is_reached_there() -> None:
    async with receiver(host="0.0.0.0") as far, sending(resolver=Names(["127.0.0.2", "127.0.0.1"])) as sender:
        broken = await sender.send(outgoing(far.url("/hang_up", "half.test")))
        sent = await sender.send(outgoing(far.url("/ok", "half.test")))
        assert [request.headers["host"] for request in far.requests] == [f"half.test:{far.port}"] * 2
    assert sent.result is Result.sent
    assert_failed(broken, ErrorClass.protocol)


async def test_a_name_that_is_bound_anew_is_judged_anew() -> None:
    """DNS rebinding: harmless while it is checked, inside when it is used."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with receiver(host="0.0.0.0") as far, sending(resolver=names) as sender:
        first = await sender.send(outgoing(far.url("/ok_then_hang_up", "rebind.test")))
        second = await sender.send(outgoing(far.url("/ok", "rebind.test")))
        assert len(far.requests) == 1
    assert first.result is Result.sent
    assert_failed(second, ErrorClass.blocked, "rebind.test", "127.0.0.2")
    assert names.asked == 2


@pytest.mark.parametrize("url", ["http://localhost:1/", "http://10.0.0.1/", "ftp://example.com/", "http://[::1]:1/"])
async def test_a_url_is_checked_again_before_each_send(url: str) -> None:
    async with sending(guard.Policy()) as sender:
        assert_failed(await sender.send(outgoing(url)), ErrorClass.blocked)


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.text("abc.-_0x1:[]", max_size=20))
def test_every_library_reads_a_judged_url_alike(rest: str, host: str) -> None:
    try:
        target = guard.check_url(f"https://{host}/{rest}", guard.Policy())
    except Invalid:
        return
    as_yarl, as_httpx = yarl.URL(target.url, encoded=True), httpx.URL(target.url)
    assert as_yarl.raw_host == as_httpx.raw_host.decode() == target.host
    assert as_yarl.port == (as_httpx.port or 443) == target.port
    assert as_yarl.raw_path_qs == target.resource


# TLS


@asynccontextmanager
async def secure_receiver(**certificate: object) -> AsyncIterator[tuple[object, ssl.SSLContext]]:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("receiver.test", **certificate).configure_cert(theirs)
    authority.configure_trust(ours)
    async with receiver(tls=theirs) as far:
        yield far, ours


async def test_tls_with_a_trusted_certificate() -> None:
    async with secure_receiver() as (far, ours), sending(resolver=Names(["127.0.0.1"]), tls=ours) as sender:
        results = [await sender.send(outgoing(far.url("/ok", "receiver.test"))) for _ in range(2)]
        assert far.connections == 1
    assert [answer.result for answer in results] == [Result.sent, Result.sent]
    assert results[0].timings.tls is not None
    assert results[1].timings.tls is None
    ends = results[0].timings.certificate_until  # noted once, with the connection
    assert isinstance(ends, float)
    assert ends > time.time()
    assert results[1].timings.certificate_until is msgspec.UNSET


async def test_tls_with_an_unknown_authority() -> None:
    async with secure_receiver() as (far, _), sending(resolver=Names(["127.0.0.1"])) as sender:
        answer = await sender.send(outgoing(far.url("/ok", "receiver.test")))
    assert_failed(answer, ErrorClass.tls, "The certificate of receiver.test is not trusted here", "SSL_CERT_FILE")


async def test_tls_with_a_certificate_for_another_name() -> None:
    async with secure_receiver() as (far, ours), sending(resolver=Names(["127.0.0.1"]), tls=ours) as sender:
        answer = await sender.send(outgoing(far.url("/ok", "other.test")))
    assert_failed(answer, ErrorClass.tls, "is not for other.test")


async def test_tls_with_an_expired_certificate() -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    expired = {"not_before": past, "not_after": past + timedelta(days=1)}
    async with secure_receiver(**expired) as (far, ours), sending(resolver=Names(["127.0.0.1"]), tls=ours) as sender:
        answer = await sender.send(outgoing(far.url("/ok", "receiver.test")))
    assert_failed(answer, ErrorClass.tls, "The certificate of receiver.test has expired")


@pytest.mark.parametrize("first_words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_a_peer_that_breaks_off_the_handshake(first_words: bytes) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(first_words)
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    async with server, sending() as sender:
        port = server.sockets[0].getsockname()[1]
        answer = await sender.send(outgoing(f"https://127.0.0.1:{port}/"))
    assert_failed(answer, ErrorClass.tls, f"127.0.0.1:{port}", "TLS")
