"""What goes over the wire and what comes back, as plain values; nothing here sends.

What is made for each attempt is a struct that the garbage collector does not follow, since nothing in it leads back:
a frozen dataclass takes ten times as long to make.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from webhook_ui import times

STORED_BODY_BYTES = 16 * 1024

Headers = tuple[tuple[str, str], ...]


class Result(StrEnum):
    """How an attempt ended."""

    sent = "sent"
    error = "error"


class ErrorClass(StrEnum):
    """Where an attempt failed, from the name to the answer."""

    dns = "dns"
    connect = "connect"
    tls = "tls"
    timeout = "timeout"
    blocked = "blocked"
    protocol = "protocol"
    http = "http"
    plugin = "plugin"
    crash = "crash"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request, ready: exactly these bytes go out. `timeout` in seconds bounds the whole attempt.

    `headers` are those that all requests to the target share; `proof` are those that tell this one from the others.
    """

    url: str
    headers: Headers
    body: bytes
    timeout: float
    proof: Headers = ()


class Timings(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Milliseconds of each step; None where the step was not reached or not needed (a connection used again).

    `certificate_until`, in seconds since 1970, is there only where a TLS connection was made.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    wait: float | None = None
    certificate_until: float | msgspec.UnsetType = msgspec.UNSET  # left out where it is stored


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt is an error; `message` is a sentence a person understands."""

    kind: ErrorClass
    message: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one attempt. Texts are harmless: no NUL, no lone surrogates, the body cut at 16 KiB.

    `retry_after` is what the receiver asked to wait, in seconds; `failure` is None exactly when `result` is sent.
    """

    result: Result
    at: datetime
    duration_ms: float
    response_status: int | None = None
    response_headers: Headers = ()
    response_body: str = ""
    retry_after: float | None = None
    failure: Failure | None = None
    timings: Timings = msgspec.field(default_factory=Timings)


def envelope(trigger: str, occurred_at: datetime, payload: str) -> bytes:
    """The body of a delivery; `payload` (JSON text) stands in it exactly as it was accepted."""
    return envelope_at(trigger, times.to_text(occurred_at), payload)


def envelope_at(trigger: str, timestamp: str, payload: str) -> bytes:
    """The same for a moment that is written already."""
    return f'{{"type":"{trigger}","timestamp":"{timestamp}","data":{payload}}}'.encode()
