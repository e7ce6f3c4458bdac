"""Makes one attempt and judges what becomes of it: an Answer, whatever the far side does.

How it is dialled is `transport`'s; how an answer is read and told, `answers`'.
"""

import asyncio
import errno
import functools
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractResolver

from webhook_ui import answers, guard, times, wire
from webhook_ui.errors import Invalid
from webhook_ui.transport import CONNECT_SECONDS, Resolver, Transport, Trip, look_up, trip_of_task
from webhook_ui.wire import Answer, ErrorClass, Failure, Outgoing, Result

__all__ = ["Sender", "look_up"]

BODY_SECONDS = 2.0
BODY_BYTES = 64 * 1024  # read, so that the connection can be used again; far less is stored
KNOWN_TARGETS = 4096


@dataclass(frozen=True, slots=True)
class _Aim:
    """A judged URL as each library wants it; made once per URL."""

    target: guard.Target
    httpx_url: httpx.URL
    yarl_url: yarl.URL


class Sender:
    """Sends requests over kept connections, `connections` at most at a time.

    `resolver`, `tls` and `transport` take the place of the system's name service, its trusted authorities and of the
    network itself.
    """

    def __init__(
        self,
        policy: guard.Policy,
        *,
        connections: int,
        user_agent: str,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._make_transport = functools.partial(Transport, policy, resolver or Resolver(), connections, tls)
        self._transport = transport
        self._own_headers = (("user-agent", user_agent), ("accept-encoding", "identity"))
        self._aim = functools.lru_cache(KNOWN_TARGETS)(functools.partial(_take_aim, policy))

    async def start(self) -> None:
        """Makes the connection pool; a running loop is needed."""
        self._transport = self._transport or self._make_transport()

    async def close(self) -> None:
        """Closes all connections."""
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
        loop = asyncio.get_running_loop()
        try:
            aim = self._aim(outgoing.url)
        except Invalid as error:
            return _no_answer(at, trip, ErrorClass.blocked, error.fields["url"])
        trip.is_tls = aim.target.scheme == "https"
        deadline = loop.time() + outgoing.timeout
        response, body = None, bytearray()
        try:
            async with asyncio.timeout_at(deadline) as limit:
                response = await self._transport.handle_async_request(self._request(outgoing, aim))
                trip.answered = time.perf_counter()
                limit.reschedule(min(deadline, loop.time() + BODY_SECONDS))
                await _read_body(response.stream, body)
        except Exception as error:  # nothing that a stranger's server provokes may stop the dispatcher
            if response is None:
                kind = _classify(error, trip)
                return _no_answer(at, trip, kind, _explain(kind, error, trip, aim.target, outgoing.timeout))
            # The head has decided already: a body that breaks off or lingers only shortens the log.
        finally:
            if response is not None:
                await response.aclose()
        return _answer(response, bytes(body), at=at, trip=trip, aim=aim)

    def _request(self, outgoing: Outgoing, aim: _Aim) -> httpx.Request:
        headers = [*outgoing.headers, *self._own_headers]
        return httpx.Request(
            "POST",
            aim.httpx_url,
            headers=headers,
            stream=httpx.ByteStream(outgoing.body),
            extensions={"yarl_url": aim.yarl_url, "headers": headers, "body": outgoing.body},
        )


def _take_aim(policy: guard.Policy, url: str) -> _Aim:
    target = guard.check_url(url, policy)
    return _Aim(target, httpx.URL(target.url), yarl.URL(target.url, encoded=True))


async def _read_body(stream: Any, body: bytearray) -> None:
    """Fills `body` with the start of an answer's body and reads a little on, so that its connection can be kept."""
    read = 0
    async for chunk in stream:
        body += chunk[: wire.STORED_BODY_BYTES - len(body)]
        read += len(chunk)
        if read >= BODY_BYTES:
            return


def _answer(response: httpx.Response, body: bytes, *, at: datetime, trip: Trip, aim: _Aim) -> Answer:
    status = response.status_code
    sent = 200 <= status < 300
    retry_after = None if sent else answers.read_retry_after(response.headers.get("retry-after", ""), times.utcnow())
    failure = None
    if not sent:
        message = answers.explain_status(
            status,
            response.extensions.get("reason_phrase", b"").decode(),
            url=aim.target.url,
            location=response.headers.get("location", ""),
            retry_after=retry_after,
        )
        failure = Failure(kind=ErrorClass.http, message=message)
    return Answer(
        result=Result.sent if sent else Result.error,
        at=at,
        duration_ms=trip.elapsed(),
        response_status=status,
        response_headers=answers.read_headers(response.headers.raw),
        response_body=answers.read_body(body, response.headers.get("content-encoding", "")),
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


def _classify(error: Exception, trip: Trip) -> ErrorClass:
    """Where it failed. The order matters: aiohttp's errors are often several of these at once."""
    if trip.refusal:
        return ErrorClass.blocked
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ErrorClass.dns
    if _tls_fault(error) is not None:
        return ErrorClass.tls
    if isinstance(error, TimeoutError):
        return ErrorClass.timeout
    if isinstance(error, aiohttp.ClientConnectorError):
        return ErrorClass.tls if trip.is_tls and trip.dialled else ErrorClass.connect
    return ErrorClass.protocol


def _explain(kind: ErrorClass, error: Exception, trip: Trip, target: guard.Target, timeout: float) -> str:
    match kind:
        case ErrorClass.blocked:
            return f"{'' if target.address else f'The name {target.host} leads to this address: '}{trip.refusal}"
        case ErrorClass.dns:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorDNSError) else error
            text = f"The name {target.host} cannot be resolved ({_words(cause)})."
            return f"{text} Correct the URL, or check this server's name service."
        case ErrorClass.tls:
            return _explain_tls(_tls_fault(error), target)
        case ErrorClass.timeout:
            return _explain_timeout(trip, target, timeout)
        case ErrorClass.connect:
            return _explain_connect(error, target)
        case _:
            return _explain_protocol(error, target)


def _words(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return answers.one_line(text.partition("\n")[0]) or type(error).__name__


def _tls_fault(error: Exception) -> ssl.SSLError | None:
    chain = (error.__cause__, error)
    return next((fault for fault in chain if isinstance(fault, ssl.SSLError)), None)


def _explain_tls(fault: ssl.SSLError | None, target: guard.Target) -> str:
    if fault is None:
        return f"{target.place} broke off the TLS handshake. Check that it serves https, with TLS 1.2 or 1.3."
    if not isinstance(fault, ssl.SSLCertVerificationError):
        if fault.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            return f"{target.place} does not speak TLS. Use http:// in the URL, or the port that serves https."
        return f"The TLS handshake with {target.place} failed ({_words(fault)}). Check the receiver's TLS settings."
    what = answers.one_line(fault.verify_message)
    if fault.verify_code == 10:
        return f"The certificate of {target.host} has expired. The receiver must renew it."
    if fault.verify_code in (62, 64):
        return f"The certificate shown at {target.place} is not for {target.host} ({what}). Correct one of the two."
    return (
        f"The certificate of {target.host} is not trusted here ({what}). Use one of a known authority at the receiver, "
        "or name a file with its authority in SSL_CERT_FILE."
    )


def _explain_timeout(trip: Trip, target: guard.Target, timeout: float) -> str:
    if trip.looked_up_from is not None and trip.looked_up is None:
        return f"No name server told the address of {target.host} in time. Check this server's name service."
    if trip.connected is None and trip.dialled_from is not None:
        limit = min(timeout, CONNECT_SECONDS)
        step = "TLS handshake" if trip.dialled else "connection"
        return f"No {step} with {target.place} within {limit:g} s. Check the receiver, and the firewalls between."
    return (
        f"No answer from {target.place} within {timeout:g} s; it may have got the delivery all the same. "
        "Let the receiver answer first and work afterwards."
    )


def _explain_connect(error: Exception, target: guard.Target) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = getattr(cause, "errno", None)
    if number == errno.ECONNREFUSED:
        return f"Nothing listens at {target.place} (connection refused). Start the receiver or correct the URL."
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"There is no way to {target.place} ({_words(cause)}). Check the URL and this server's network."
    if number in (errno.EMFILE, errno.ENFILE):
        return "This server has too many open files to connect. Raise its limit (ulimit -n) or lower CONCURRENCY."
    return f"No connection to {target.place} ({_words(cause)}). Check the receiver and the URL."


def _explain_protocol(error: Exception, target: guard.Target) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        what = answers.one_line(error.message.partition("\n")[0])
        return f"What {target.place} answered is not valid HTTP ({what}). Check that a web server listens there."
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{target.place} closed the connection without an answer. Look for a crash in the receiver's log."
    if isinstance(error, OSError):
        return f"{target.place} broke the connection off ({_words(error)}). Look for a crash in the receiver's log."
    return f"The exchange with {target.place} failed ({type(error).__name__}: {_words(error)})."
