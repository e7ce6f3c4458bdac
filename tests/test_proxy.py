"""Deliveries through the operator's proxy: real proxies and receivers on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.hostile import Receiver, receiver
from tests.proxying import Proxy, proxying
from tests.test_outbound import LOOPBACK, Names, assert_failed, outgoing, secure_receiver, unused_port
from webhook_ui import guard, outbound, settings
from webhook_ui.errors import UsageError
from webhook_ui.wire import ErrorClass, Result

BASIC = "Basic YW5uYTpzM2NyZXQvIQ=="  # anna:s3cret/!
CREDENTIALS = "anna:s3cret%2F!@"
HERE = Names(["127.0.0.1"])


@asynccontextmanager
async def sending(
    proxy: Proxy | str, policy: guard.Policy = LOOPBACK, *, credentials: str = "", **options: object
) -> AsyncIterator[outbound.Sender]:
    url = proxy if isinstance(proxy, str) else proxy.url(credentials)
    async with outbound.Sender(policy, connections=8, user_agent="webhook-ui/test", proxy=url, **options) as sender:
        yield sender


async def test_http_is_asked_for_in_absolute_form() -> None:
    async with receiver() as far, proxying(authorization=BASIC) as proxy:
        async with sending(proxy, credentials=CREDENTIALS, resolver=HERE) as sender:
            url = far.url("/ok?a=%20b", "receiver.test")
            answers = [await sender.send(outgoing(url, b"[1]")) for _ in range(2)]
        assert [answer.result for answer in answers] == [Result.sent, Result.sent]
        assert proxy.asked == [f"POST {url} HTTP/1.1"] * 2
        assert proxy.connections == 1
        assert proxy.headers[0]["host"] == f"receiver.test:{far.port}"
        assert far.requests[0].body == b"[1]"
    assert answers[0].timings.dns is not None
    assert answers[0].timings.connect is not None


async def test_https_is_tunnelled_to_the_address_that_was_judged() -> None:
    async with secure_receiver() as (far, ours), proxying(authorization=BASIC) as proxy:
        assert isinstance(far, Receiver)
        async with sending(proxy, credentials=CREDENTIALS, resolver=HERE, tls=ours) as sender:
            answers = [await sender.send(outgoing(far.url("/ok", "receiver.test"))) for _ in range(2)]
        assert [answer.result for answer in answers] == [Result.sent, Result.sent]
        assert proxy.asked == [f"CONNECT 127.0.0.1:{far.port} HTTP/1.1"]
        assert [request.headers["host"] for request in far.requests] == [f"receiver.test:{far.port}"] * 2
        assert "proxy-authorization" not in far.requests[0].headers
    assert answers[0].timings.tls is not None


async def test_tls_checks_the_name_through_the_tunnel() -> None:
    async with secure_receiver() as (far, ours), proxying() as proxy:
        assert isinstance(far, Receiver)
        async with sending(proxy, resolver=HERE, tls=ours) as sender:
            answer = await sender.send(outgoing(far.url("/ok", "other.test")))
        assert far.requests == []
    assert_failed(answer, ErrorClass.tls, "is not for other.test")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("addresses", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
async def test_all_addresses_of_a_name_are_judged_before_the_proxy_is_asked(scheme: str, addresses: list[str]) -> None:
    async with proxying() as proxy:
        async with sending(proxy, resolver=Names(addresses)) as sender:
            answer = await sender.send(outgoing(f"{scheme}://half.test/"))
        assert proxy.connections == 0
    assert_failed(answer, ErrorClass.blocked, "The name half.test leads to this address: 127.0.0.2 is this server")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://169.254.169.254/", "http://[::ffff:127.0.0.2]/"])
async def test_literals_are_judged_before_the_proxy_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice: with the URL, and once more should that let it through by mistake."""
    check_url, everything = guard.check_url, guard.Policy(allowed_networks=guard.parse_networks("0.0.0.0/0,::/0"))
    async with proxying() as proxy, sending(proxy) as sender:
        first = await sender.send(outgoing(url))
        monkeypatch.setattr(guard, "check_url", lambda url, policy: check_url(url, everything))
        second = await sender.send(outgoing(f"{url}again"))
        assert proxy.connections == 0
    assert_failed(first, ErrorClass.blocked, "blocked")
    assert_failed(second, ErrorClass.blocked, "blocked")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_kept_connection_to_the_proxy_is_no_way_round(scheme: str) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with receiver() as plain, secure_receiver() as (secure, ours), proxying() as proxy:
        assert isinstance(secure, Receiver)
        far = plain if scheme == "http" else secure
        async with sending(proxy, resolver=names, tls=ours) as sender:
            answers = [await sender.send(outgoing(far.url("/ok", "receiver.test"))) for _ in range(2)]
        assert (len(far.requests), proxy.connections) == (1, 1)
    assert answers[0].result is Result.sent
    assert_failed(answers[1], ErrorClass.blocked, "127.0.0.2")


async def test_a_name_that_cannot_be_resolved_here_is_not_left_to_the_proxy() -> None:
    class Nowhere(Names):
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[object]:  # type: ignore[override]
            raise OSError(f"{host} has no address")

    async with proxying() as proxy:
        async with sending(proxy, resolver=Nowhere([])) as sender:
            answer = await sender.send(outgoing("http://nowhere.test/"))
        assert proxy.connections == 0
    assert_failed(answer, ErrorClass.dns, "The name nowhere.test cannot be resolved")


async def test_the_proxy_itself_may_stand_anywhere() -> None:
    async with receiver() as far, proxying(host="127.0.0.2") as proxy:
        async with sending(proxy) as sender:
            assert (await sender.send(outgoing(far.url("/ok")))).result is Result.sent
            assert_failed(await sender.send(outgoing(proxy.url())), ErrorClass.blocked)
        assert len(proxy.asked) == 1


async def test_the_next_address_is_tried_when_the_proxy_cannot_reach_one() -> None:
    policy = guard.Policy(allowed_networks=guard.parse_networks("127.0.0.0/8"))
    names = Names(["127.0.0.3", "127.0.0.2"])
    async with secure_receiver() as (far, ours), proxying(unreachable=frozenset({"127.0.0.2"})) as proxy:
        assert isinstance(far, Receiver)
        async with sending(proxy, policy, resolver=names, tls=ours) as sender:
            answer = await sender.send(outgoing(far.url("/ok", "receiver.test")))
        assert [line.split(":")[0] for line in proxy.asked] == ["CONNECT 127.0.0.2", "CONNECT 127.0.0.3"]
    assert answer.result is Result.sent


# Errors of the proxy


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_does_not_run(scheme: str) -> None:
    place = f"127.0.0.1:{unused_port()}"
    async with sending(f"http://{CREDENTIALS}{place}", resolver=HERE) as sender:
        answer = await sender.send(outgoing(f"{scheme}://receiver.test/"))
    assert_failed(answer, ErrorClass.connect, f"The proxy {place} cannot be used", "WEBHOOK_UI_OUTBOUND_PROXY")
    assert "s3cret" not in repr(answer)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_other_credentials(scheme: str) -> None:
    async with proxying(authorization=BASIC) as proxy, sending(proxy, credentials="an:wr0ng@", resolver=HERE) as sender:
        answer = await sender.send(outgoing(f"{scheme}://receiver.test/"))
    assert_failed(answer, ErrorClass.connect, f"The proxy 127.0.0.1:{proxy.port} wants other credentials (407)")
    assert "wr0ng" not in repr(answer)


async def test_a_proxy_that_puts_no_tunnel_through() -> None:
    async with proxying(unreachable=frozenset({"127.0.0.1"})) as proxy, sending(proxy, resolver=HERE) as sender:
        answer = await sender.send(outgoing("https://receiver.test/"))
    assert_failed(answer, ErrorClass.connect, f"The proxy 127.0.0.1:{proxy.port} put no connection through (502)")


@pytest.mark.parametrize("words", [b"", b"\x00 what is that\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500])
async def test_a_proxy_that_talks_nonsense_instead_of_tunnelling(words: bytes) -> None:
    async with proxying(words=words) as proxy, sending(proxy, credentials=CREDENTIALS, resolver=HERE) as sender:
        answer = await sender.send(outgoing("https://receiver.test/"))
    assert_failed(answer, ErrorClass.connect, f"The proxy 127.0.0.1:{proxy.port} cannot be used")
    assert "cret" not in repr(answer)
    assert "anna" not in repr(answer)


async def test_a_receiver_that_breaks_off_tls_in_the_tunnel_is_not_the_proxys_fault() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, proxying() as proxy, sending(proxy, resolver=HERE) as sender:
        port = server.sockets[0].getsockname()[1]
        answer = await sender.send(outgoing(f"https://receiver.test:{port}/"))
    assert_failed(answer, ErrorClass.tls, f"receiver.test:{port} broke off the TLS handshake")


async def test_a_proxy_that_says_nothing() -> None:
    async with proxying(silent=True) as proxy, sending(proxy, resolver=HERE) as sender:
        answer = await sender.send(outgoing("https://receiver.test/", timeout=0.3))
    assert_failed(answer, ErrorClass.timeout, f"The proxy 127.0.0.1:{proxy.port} put no connection through in time")


# The setting


@pytest.mark.parametrize(
    "url",
    ["http://proxy:3128", "http://anna:s3cret%2F!@10.0.0.1:8080/", "http://[::1]:3128", "http://proxy.example.com"],
)
def test_proxies_that_are_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_UI_OUTBOUND_PROXY", url)
    loaded = settings.load()
    assert loaded.proxy == url
    assert "s3cret" not in repr(loaded)
    assert settings.Settings.model_fields["outbound_proxy"].default is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("proxy:3128", "http:// address"),
        ("https://anna:s3cret@proxy:3128", "http:// address"),
        ("socks5://proxy:1080", "http:// address"),
        ("http://anna:s3cret@", "http:// address"),
        ("http://proxy:0", "http:// address"),
        ("http://proxy:3128/path", "http:// address"),
        ("http://anna:s3cret@proxy:99999", "cannot be read"),
        ("http://anna:s3cret@[::1", "cannot be read"),
        ("http://an%3Ana:s3cret@proxy", "colon"),
        ("http://anna:s3 cret@proxy", "white space"),
    ],
)
def test_proxies_that_are_refused(url: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_UI_OUTBOUND_PROXY", url)
    with pytest.raises(UsageError, match="WEBHOOK_UI_OUTBOUND_PROXY: ") as caught:
        settings.load()
    assert words in str(caught.value)
    assert "cret" not in str(caught.value)
