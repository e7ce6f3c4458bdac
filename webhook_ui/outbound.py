"""Makes one attempt and judges what becomes of it: an Answer, whatever the far side does.

How it is dialled is `dialling`'s, how it goes over the wire `transport`'s; how an answer is read and told, `answers`';
why there was none, `faults`'.
"""

import functools
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx
from aiohttp.abc import AbstractResolver

from webhook_ui import answers, faults, guard, times, wire
from webhook_ui.deadlines import Deadlines, Limit
from webhook_ui.dialling import KNOWN_TARGETS, Proxy, Resolver, Trip, look_up, trip_of_task
from webhook_ui.errors import Invalid
from webhook_ui.transport import Answered, Post, RawHeaders, Transport
from webhook_ui.wire import Answer, ErrorClass, Failure, Outgoing, Result

__all__ = ["Sender", "look_up"]

BODY_SECONDS = 2.0
BODY_BYTES = 64 * 1024  # read, so that the connection can be used again; far less is stored


@dataclass(frozen=True, slots=True)
class _Aim:
    """What is the same in all requests to a target, as httpx wants it; made once."""

    target: guard.Target
    text: str
    url: httpx.URL
    headers: RawHeaders


class Sender:
    """Sends requests over kept connections, `connections` at most at a time.

    `proxy` is the URL of an HTTP proxy that makes all connections. `resolver`, `tls` and `transport` take the place of
    the system's name service, its trusted authorities and of the network itself.
    """

    def __init__(
        self,
        policy: guard.Policy,
        *,
        connections: int,
        user_agent: str,
        proxy: str | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._proxy = Proxy.parse(proxy) if proxy else None
        self._make_transport = functools.partial(
            Transport, policy, resolver or Resolver(), connections, tls, self._proxy
        )
        self._transport, self._deadlines = transport, Deadlines()
        self._aim = functools.lru_cache(KNOWN_TARGETS)(functools.partial(_take_aim, policy, user_agent))

    async def start(self) -> None:
        """Makes the connection pool; a running loop is needed."""
        self._transport = self._transport or self._make_transport()

    async def close(self) -> None:
        """Closes all connections."""
        self._deadlines.close()
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(self, outgoing: Outgoing) -> Answer:
        """Makes one attempt. Whatever the far side does becomes an Answer; only cancellation is raised."""
        if self._transport is None:
            raise RuntimeError("the sender is not started")
        at, trip = times.utcnow(), Trip(time.perf_counter())
        trip_of_task.set(trip)
        try:
            aim = self._aim(outgoing.url, outgoing.headers)
        except Invalid as error:
            return _no_answer(at, trip, ErrorClass.blocked, error.fields["url"])
        trip.is_tls = aim.target.scheme == "https"
        response, body = None, bytearray()
        try:
            with self._deadlines.limit(outgoing.timeout) as limit:
                response = await self._transport.handle_async_request(_request(aim, outgoing))
                trip.answered = time.perf_counter()
                await _read_body(response.stream, body, limit)
        except Exception as error:  # nothing that a stranger's server provokes may stop the dispatcher
            if response is None:
                kind = faults.classify(error, trip)
                return _no_answer(at, trip, kind, faults.explain(kind, error, trip, aim.target, outgoing.timeout))
            # The head has decided already: a body that breaks off or lingers only shortens the log.
        finally:
            if response is not None:
                await response.stream.aclose()  # type: ignore[union-attr]
        if trip.proxy and response.status_code == 407 and not trip.is_tls:
            return _no_answer(at, trip, ErrorClass.connect, faults.explain_proxy_status(407, trip.proxy))
        return _answer(response, bytes(body), at=at, trip=trip, url=aim.text)


def _take_aim(policy: guard.Policy, user_agent: str, url: str, headers: wire.Headers) -> _Aim:
    target = guard.check_url(url, policy)
    own = (("user-agent", user_agent), ("accept-encoding", "identity"), ("accept", "*/*"))
    given = {name.lower() for name, _ in headers}
    lines = (*headers, *(pair for pair in own if pair[0] not in given))
    return _Aim(target, target.url, httpx.URL(target.url), _encode(lines))


def _encode(headers: wire.Headers) -> RawHeaders:
    return [(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in headers]


def _request(aim: _Aim, outgoing: Outgoing) -> httpx.Request:
    return Post(aim.url, aim.text, aim.headers + _encode(outgoing.proof), outgoing.body)


async def _read_body(stream: Any, body: bytearray, limit: Limit) -> None:
    """Fills `body` with the start of an answer's body and reads a little on, so that its connection can be kept."""
    if isinstance(stream, httpx.ByteStream):  # all of it has come with the head
        body += b"".join(stream)[: wire.STORED_BODY_BYTES]
        return
    limit.shorten(BODY_SECONDS)
    read = 0
    async for chunk in stream:
        body += chunk[: wire.STORED_BODY_BYTES - len(body)]
        read += len(chunk)
        if read >= BODY_BYTES:
            return


def _answer(response: httpx.Response, body: bytes, *, at: datetime, trip: Trip, url: str) -> Answer:
    status = response.status_code
    raw = response.raw_headers if isinstance(response, Answered) else response.headers.raw
    encoding = answers.find(raw, b"content-encoding") if body else ""
    retry_after = failure = None
    if not 200 <= status < 300:
        retry_after = answers.read_retry_after(answers.find(raw, b"retry-after"), times.utcnow())
        message = answers.explain_status(
            status,
            response.extensions.get("reason_phrase", b"").decode(),
            url=url,
            location=answers.find(raw, b"location"),
            retry_after=retry_after,
        )
        failure = Failure(kind=ErrorClass.http, message=message)
    return Answer(
        result=Result.sent if failure is None else Result.error,
        at=at,
        duration_ms=trip.elapsed(),
        response_status=status,
        response_headers=answers.read_headers(raw),
        response_body=answers.read_body(body, encoding),
        retry_after=retry_after,
        failure=failure,
        timings=trip.timings(),
    )


def _no_answer(at: datetime, trip: Trip, kind: ErrorClass, message: str) -> Answer:
    return Answer(
        result=Result.error,
        at=at,
        duration_ms=trip.elapsed(),
        failure=Failure(kind=kind, message=answers.clean(message)),
        timings=trip.timings(),
    )
