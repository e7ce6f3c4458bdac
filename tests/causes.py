"""Every way in which an attempt can end, each brought about by a real receiver on loopback and stored as it ended."""

import asyncio
import errno
import os
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp.abc
import pytest
import trustme
from sqlmodel import Session

from tests.hostile import Receiver, receiver
from tests.stored import Worker
from webhook_ui import dialling, flights, guard, letters, outbound, retry, times, wire
from webhook_ui.actors import CLI
from webhook_ui.database import Database
from webhook_ui.outbox import Claimed, NewEvent, Settlement, emit
from webhook_ui.wire import Answer

LATER = timedelta(hours=1)  # so that no other dispatcher takes what is delivered here
PATIENCE = 0.4
SCHEDULE = (3600.0,) * 9
SILENT = {"connect_timeout", "tls_timeout", "no_answer"}  # apart, because the others keep the loop busy
TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x46"
NGINX = (
    "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center>nginx/1.24.0</center></body>"
)
SHOP = "<!doctype html><html><head><title>Sign in – Acme</title></head><body>Welcome</body></html>"


@dataclass(frozen=True)
class Cause:
    """A cause by its code; `words` all stand in what is explained of it, `path` says how a receiver behaves.

    `host` may name a receiver of its own, see `_Places`.
    """

    code: str
    words: tuple[str, ...]
    path: str = "/ok"
    host: str = ""


def answer(status: int, headers: str = "", body: str = "", reason: str = "") -> str:
    """The path of an answer with these lines and this body."""
    data = body.encode()
    lines = f"{headers}\r\n" if headers else ""
    head = f"HTTP/1.1 {status} {reason}\r\n{lines}Content-Length: {len(data)}\r\n\r\n"
    return "/raw/" + quote(head.encode() + data, safe="")


def page(status: int, body: str, headers: str = "") -> str:
    return answer(status, "Content-Type: text/html" + (f"\r\n{headers}" if headers else ""), body)


CAUSES = (
    Cause("good", ()),
    Cause("name_not_found", ("There is no server named nowhere.test", "typing error"), host="nowhere.test"),
    Cause("name_service", ("name service does not answer", "getent hosts"), host="later.test"),
    Cause("refused", ("Nothing listens there", "Start the receiver"), host="closed"),
    Cause("unreachable", ("There is no way", "VPN"), host="far"),
    Cause("connect_timeout", ("does not pick up", "firewall"), host="full"),
    Cause("tls_timeout", ("TLS handshake was never finished",), host="mute"),
    Cause("no_answer", ("did not answer in time", "answer 2xx at once"), "/silent"),
    Cause("certificate_expired", ("has expired", "renew"), host="expired.test"),
    Cause("certificate_early", ("not valid yet", "clock"), host="early.test"),
    Cause("certificate_host", ("for another name", "covers `other.test`"), host="other.test"),
    Cause("certificate_self_signed", ("signed by itself", "SSL_CERT_FILE"), host="self.test"),
    Cause("certificate_issuer", ("authority that is not known here", "intermediate"), host="stranger.test"),
    Cause("certificate_ends", ("ends in 2 days", "From then on every delivery fails"), host="ending.test"),
    Cause("no_tls", ("speaks plain HTTP", "port that serves https"), host="plain.test"),
    Cause("tls_version", ("no TLS that is safe", "TLS 1.2 or 1.3"), host="old.test"),
    Cause("tls_handshake", ("The TLS handshake failed", "client's certificate"), host="rude"),
    Cause("blocked", ("not allowed for deliveries", "10.1.2.3", "allow its network"), host="10.1.2.3"),
    Cause("blocked", ("inner.test", "169.254.169.254", "clouds keep"), host="inner.test"),
    Cause("redirect_lasting", ("elsewhere for good", "301", "/new"), answer(301, "Location: /new")),
    Cause("redirect_passing", ("elsewhere for now", "302", "page to sign in"), answer(302, "Location: /login")),
    Cause("redirect_passing", ("307",), answer(307, "Location: https://example.com/x")),
    Cause("redirect_lasting", ("308", "https://example.com/x"), answer(308, "Location: https://example.com/x")),
    Cause("redirect_nowhere", ("does not say where",), answer(302)),
    Cause("bad_request", ("malformed", "400"), answer(400, body='{"error":"amount is missing"}')),
    Cause("needs_https", ("serves https at this port",), page(400, "The plain HTTP request was sent to HTTPS port")),
    Cause("unauthorized", ("who sends", "Bearer realm"), answer(401, 'WWW-Authenticate: Bearer realm="hooks"')),
    Cause("forbidden", ("refuses this sender", "403"), answer(403)),
    Cause("firewall", ("Cloudflare keeps this sender out",), page(403, SHOP, "Server: cloudflare\r\nCF-RAY: 1")),
    Cause("not_found", ("nothing at this path", "letter by letter"), answer(404)),
    Cause("html_page", ("website answered", "Sign in – Acme"), page(404, SHOP)),
    Cause("method", ("takes no POST here", "GET, HEAD"), answer(405, "Allow: GET, HEAD")),
    Cause("request_timeout", ("waited too long", "408"), answer(408)),
    Cause("conflict", ("has this already", "409"), answer(409)),
    Cause("gone", ("wants no more deliveries", "The webhook was disabled"), answer(410)),
    Cause("too_large", ("larger than the receiver takes", "client_max_body_size"), answer(413)),
    Cause("media_type", ("does not take JSON", "415"), answer(415)),
    Cause("unprocessable", ("does not accept what it says", "last good attempt"), answer(422)),
    Cause("throttled_until", ("says how long to wait", "`Retry-After: 120`"), answer(429, "Retry-After: 120")),
    Cause("throttled", ("asked too often", "rate limit"), answer(429)),
    Cause("application", ("failed while it worked on this", "500"), answer(500)),
    Cause("not_implemented", ("501",), answer(501)),
    Cause("proxy", ("proxy is up", "nginx answered 503"), page(503, NGINX, "Server: nginx/1.24.0")),
    Cause("proxy", ("AWS load balancer answered 502",), page(502, "<html>502</html>", "Server: awselb/2.0")),
    Cause("proxy", ("Cloudflare answered 522", "in time"), page(522, "error code: 522", "Server: cloudflare")),
    Cause("proxy_timeout", ("longer than its proxy waits", "Envoy"), answer(504, body="upstream request timeout")),
    Cause("maintenance", ("down for a while", "3600"), answer(503, "Retry-After: 3600")),
    Cause("unavailable", ("cannot take deliveries just now", "overloaded"), answer(503, body='{"error":"busy"}')),
    Cause("other_status", ("answered 418",), answer(418)),
    Cause("html_answer", ("web page answered", "parked domain", "Sign in – Acme"), page(200, SHOP)),
    Cause("invalid_http", ("not HTTP", "another kind of program"), "/garbage"),
    Cause("speaks_tls", ("speaks TLS where http", "`https://`"), "/raw/" + quote(TLS_ALERT, safe="")),
    Cause("interim", ("announced an answer",), "/more/interim"),
    Cause("empty", ("hung up without an answer", "log"), "/hang_up"),
    Cause("reset", ("reset before an answer", "load balancer"), "/reset"),
    Cause("plugin", ("failed here", "Correct what the message names"), host="unsendable"),
    Cause("crash", ("dispatcher broke off", "It was closed"), host="crash"),
)  # fmt: skip


class _Names(aiohttp.abc.AbstractResolver):
    """Everything leads to loopback, except what is known to lead elsewhere, and what has no address."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
        if host == "nowhere.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host == "later.test":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        address = "169.254.169.254" if host == "inner.test" else "127.0.0.1"
        return [aiohttp.abc.ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


class _NoRoute(socket.socket):
    """A socket of a machine whose network knows no way."""

    def connect(self, address: Any) -> None:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


FAR_PORT = 9  # dialled nowhere: the socket made for it is a `_NoRoute`


@contextmanager
def _without_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = dialling._open_socket

    def open_socket(policy: guard.Policy | None, info: Any) -> socket.socket:
        made = real(policy, info)
        if info[4][1] != FAR_PORT:
            return made
        made.close()
        return _NoRoute(*info[:3])

    with monkeypatch.context() as patch:
        patch.setattr(dialling, "_open_socket", open_socket)
        yield


@contextmanager
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(dialling, "_TIMEOUT", aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE))
        yield


def _contexts(trusting: ssl.SSLContext) -> dict[str, ssl.SSLContext]:
    """Receivers by the name they are asked under."""
    known, stranger, now = trustme.CA(), trustme.CA(), datetime.now(UTC)
    known.configure_trust(trusting)
    day = timedelta(days=1)
    certificates: dict[str, Callable[[], trustme.LeafCert]] = {
        "expired.test": lambda: known.issue_cert("expired.test", not_before=now - 9 * day, not_after=now - day),
        "early.test": lambda: known.issue_cert("early.test", not_before=now + day, not_after=now + 9 * day),
        "other.test": lambda: known.issue_cert("receiver.test"),
        "stranger.test": lambda: stranger.issue_cert("stranger.test"),
        "ending.test": lambda: known.issue_cert("ending.test", not_before=now - day, not_after=now + 2.5 * day),
        "old.test": lambda: known.issue_cert("old.test"),
    }
    contexts: dict[str, ssl.SSLContext] = {}
    for name, issue in certificates.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issue().configure_cert(contexts[name])
    old = contexts["old.test"]
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # that it is old is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    itself = contexts["self.test"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with stranger.cert_pem.tempfile() as certificate, stranger.private_key_pem.tempfile() as key:
        itself.load_cert_chain(certificate, key)
    return contexts


async def _hang_up_on_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


def _fill(stack: ExitStack) -> int:
    """The port of somebody who listens, and whose queue is full."""
    listening = stack.enter_context(socket.socket())
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(listening.getsockname())
    return int(listening.getsockname()[1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _places(stack: AsyncExitStack, trusting: ssl.SSLContext) -> tuple[Receiver, dict[str, str]]:
    """The receiver that behaves as the path says, and the beginning of a URL for each other place."""
    usual = await stack.enter_async_context(receiver())
    contexts = _contexts(trusting)
    found = {
        "nowhere.test": "http://nowhere.test",
        "later.test": "http://later.test",
        "inner.test": "http://inner.test",
        "10.1.2.3": "http://10.1.2.3",
        "closed": f"http://127.0.0.1:{_free_port()}",
        "far": f"http://127.0.0.1:{FAR_PORT}",
        "full": f"http://127.0.0.1:{_fill(stack.enter_context(ExitStack()))}",
        "mute": f"https://mute.test:{usual.port}",
        "plain.test": f"https://plain.test:{await _listen(stack, _refuse_plainly)}",
        "rude": f"https://rude.test:{await _listen(stack, _hang_up_on_hello)}",
        "old.test": f"https://old.test:{stack.enter_context(_shaking_hands(contexts.pop('old.test')))}",
    }
    for name, context in contexts.items():
        secure = await stack.enter_async_context(receiver(tls=context))
        found[name] = secure.url("", name)
    return usual, found


async def _refuse_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a TLS handshake in plain HTTP, as web servers do."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def _listen(stack: AsyncExitStack, serve: Callable[..., Awaitable[None]]) -> int:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await stack.enter_async_context(server)
    return int(server.sockets[0].getsockname()[1])


@contextmanager
def _shaking_hands(context: ssl.SSLContext) -> Iterator[int]:
    """The port of somebody who says why he ends a handshake, which asyncio's servers do not."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                line, _ = listening.accept()
                with suppress(OSError), context.wrap_socket(line, server_side=True):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def deliver_all(
    database: Database, webhook_id: int, monkeypatch: pytest.MonkeyPatch, causes: Sequence[Cause] = CAUSES
) -> dict[Cause, int]:
    """Stores an event for each cause and delivers it to a receiver that brings it about; the events by cause."""
    crashing = [cause for cause in causes if cause.host == "crash"]
    sendable = [cause for cause in causes if cause.host != "crash"]
    events = database.write_now(_emit, crashing)
    if crashing:  # while nothing else is there to be claimed
        _crash(database, webhook_id)
    events |= database.write_now(_emit, sendable)
    worker = Worker(database)
    claims = {one.event_id: one for one in worker.claim(times.utcnow() + 2 * LATER, seats_per_webhook=64).deliveries}
    chosen = {cause: claims[events[cause]] for cause in sendable}
    silent = {cause: claimed for cause, claimed in chosen.items() if cause.code in SILENT}
    others = {cause: claimed for cause, claimed in chosen.items() if cause.code not in SILENT}
    with _without_way(monkeypatch):
        settlements = [*asyncio.run(_send_all(others))]
        with _impatient(monkeypatch):
            settlements += asyncio.run(_send_all(silent))
    worker.settle(*settlements, now=times.utcnow())
    return events


def _emit(session: Session, causes: Sequence[Cause]) -> dict[Cause, int]:
    now = times.utcnow()
    new = NewEvent(trigger="user.created", payload='{"id":7}', actor=CLI, deliver_at=now + LATER)
    return {cause: emit(session, new, now=now).event_id for cause in causes}


def _crash(database: Database, webhook_id: int) -> None:
    """A claim after the other, and nobody settles."""
    worker, now = Worker(database), times.utcnow() + 2 * LATER
    minutes = [now + timedelta(minutes=number) for number in range(6)]
    for moment in minutes[:2]:
        worker.claim(moment)
    for moment in minutes[2:]:
        worker.claim_suspects([webhook_id], moment)


async def _send_all(chosen: Mapping[Cause, Claimed]) -> Sequence[Settlement]:
    trusting = ssl.create_default_context()
    policy = guard.Policy(allowed_networks=guard.parse_networks("127.0.0.0/8"))
    async with AsyncExitStack() as stack:
        usual, places = await _places(stack, trusting)
        sender = outbound.Sender(policy, connections=64, user_agent="webhook-ui/test", resolver=_Names(), tls=trusting)
        await stack.enter_async_context(sender)
        sent = [
            _send(sender, cause, claimed, places.get(cause.host, usual.url(""))) for cause, claimed in chosen.items()
        ]
        return await asyncio.gather(*sent)


async def _send(sender: outbound.Sender, cause: Cause, claimed: Claimed, place: str) -> Settlement:
    url = place + cause.path
    secrets = ["whsec_?"] if cause.host == "unsendable" else claimed.target.secrets
    headers: wire.Headers = ()
    try:
        head = letters.letterhead(
            url=url, headers=claimed.target.headers, secrets=secrets, user_agent="webhook-ui/test"
        )
    except ValueError as error:
        said: Answer = flights._unsendable(error)
    else:
        outgoing = letters.prepare(
            head,
            event_id=claimed.event_id,
            trigger=claimed.trigger,
            occurred_at=claimed.occurred_at,
            payload=claimed.payload,
            now=time.time(),
            timeout=PATIENCE if cause.code == "no_answer" else 10.0,
        )
        said = await sender.send(outgoing)
        headers = letters.shown_headers(head, outgoing)
    decision = retry.decide(said, schedule=SCHEDULE, tries=0, now=times.utcnow(), jitter=0, chance=0)
    return Settlement(claimed=claimed, answer=said, decision=decision, url=url, request_headers=headers)
