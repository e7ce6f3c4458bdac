"""From an event to a request that is ready to go: the body's bytes, the signature over exactly these, the headers.

What is the same for all deliveries to a target is made once, its letterhead. Pure: nothing is stored or sent here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from webhook_ui import header_rules, ids, signing, wire
from webhook_ui.signing import Sign
from webhook_ui.wire import Headers, Outgoing

MASK = "•••"
JSON = "application/json"
STANDARD = "standard"  # the signer that a webhook has when nobody has chosen one

Make = Callable[[Sequence[str]], Sign]


class Contents(TypedDict):
    """What stands in one letter, and when it goes."""

    event_id: int
    trigger: str
    occurred_at: datetime
    payload: str
    now: float
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all deliveries to one target share; `shown` are its headers with the operators' values masked."""

    url: str
    headers: Headers
    shown: Headers
    sign: Sign


def letterhead(
    *,
    url: str,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    user_agent: str,
    make: Make | None = None,
    content_type: str = JSON,
) -> Letterhead:
    """The letterhead for a target, signed by what `make` makes of the secrets (default: Standard Webhooks).

    Raises ValueError for a secret that cannot sign; the message does not repeat it.
    """
    own = (("content-type", content_type), ("user-agent", user_agent))
    return Letterhead(
        url=url,
        headers=(*own, *headers.items()),
        shown=(*own, *((name, MASK) for name in headers)),
        sign=(make or signing.standard)(secrets),
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
    shaped: tuple[bytes, Headers] | None = None,
) -> Outgoing:
    """The request that brings an event to a target; `now` in seconds since 1970 is when it is signed.

    `shaped` is what a template has made of the event: the body, and headers that belong to it.
    """
    body, more = (wire.envelope(trigger, occurred_at, payload), ()) if shaped is None else shaped
    return Outgoing(
        url=head.url,
        headers=head.headers,
        body=body,
        timeout=timeout,
        proof=(*head.sign(ids.event_text(event_id), int(now), body), *more),
    )


def checked(outgoing: Outgoing) -> Outgoing:
    """`outgoing`, whose proof a plugin may have made. Raises ValueError for headers that cannot be sent."""
    names: set[str] = set()
    for name, value in outgoing.proof:
        if not (isinstance(name, str) and isinstance(value, str) and header_rules.is_header(name, value)):
            raise ValueError(f"the signer made a header that cannot be sent ({name!r})")
        if name.lower() in names:
            raise ValueError(f"the signer made the header {name!r} twice")
        names.add(name.lower())
    return outgoing


def shown_headers(head: Letterhead, outgoing: Outgoing) -> Headers:
    """The headers of a request for the log: what operators set may be a credential, so only its name is shown."""
    return head.shown + outgoing.proof
