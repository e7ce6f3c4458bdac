"""From an event to a request that is ready to go: the body's bytes, the signature over exactly these, the headers.

What is the same for all deliveries to a target is made once, its letterhead. Pure: nothing is stored or sent here.
"""

import functools
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from webhook_ui import ids, signing, wire
from webhook_ui.wire import Headers, Outgoing

MASK = "•••"
KNOWN_TARGETS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all deliveries to one target share; `shown` are its headers with the operators' values masked."""

    url: str
    headers: Headers
    shown: Headers
    signers: tuple[hmac.HMAC, ...]


def letterhead(*, url: str, headers: Mapping[str, str], secrets: Sequence[str], user_agent: str) -> Letterhead:
    """The letterhead for a target. Raises ValueError for a secret that cannot sign; the message does not repeat it."""
    return _letterhead(url, tuple(headers.items()), tuple(secrets), user_agent)


@functools.lru_cache(KNOWN_TARGETS)
def _letterhead(url: str, headers: Headers, secrets: tuple[str, ...], user_agent: str) -> Letterhead:
    own = (("content-type", "application/json"), ("user-agent", user_agent))
    return Letterhead(
        url=url,
        headers=(*own, *headers),
        shown=(*own, *((name, MASK) for name, _ in headers)),
        signers=tuple(signing.signer(secret) for secret in secrets),
    )


def prepare(
    head: Letterhead,
    *,
    event_id: int,
    trigger: str,
    occurred_at: datetime,
    payload: str,
    now: float,
    timeout: float,
) -> Outgoing:
    """The request that brings an event to a target; `now` in seconds since 1970 is when it is signed."""
    body = wire.envelope(trigger, occurred_at, payload)
    return Outgoing(
        url=head.url,
        headers=head.headers,
        body=body,
        timeout=timeout,
        proof=signing.prove(head.signers, ids.event_text(event_id), int(now), body),
    )


def shown_headers(head: Letterhead, outgoing: Outgoing) -> Headers:
    """The headers of a request for the log: what operators set may be a credential, so only its name is shown."""
    return head.shown + outgoing.proof
