"""Standard Webhooks signatures: secrets made and checked, bodies signed and verified. Knows bytes, not deliveries."""

import base64
import binascii
import functools
import hmac
import re
import secrets as randomness
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

PREFIX = "whsec_"
NEW_KEY_BYTES = 32
KEY_BYTES = range(24, 65)
TOLERANCE = 300

Sign = Callable[[str, int, bytes], Iterable[tuple[str, str]]]
"""`sign(message_id, timestamp, body)` gives the headers that prove one attempt."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class NotVerified(Exception):  # noqa: N818 - reads as what it says
    """The request does not prove that it comes from who holds the secret; `str(error)` says why."""


def new_secret() -> str:
    """A new random secret as receivers are given it."""
    return PREFIX + base64.b64encode(randomness.token_bytes(NEW_KEY_BYTES)).decode()


def secret_key(secret: str) -> bytes:
    """The key in `secret`. Raises ValueError with a message that does not repeat the secret.

    Strict, because receivers' libraries are not: they drop foreign characters in silence and sign with another key.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"a signing secret starts with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError(f"what follows {PREFIX} must be standard base64, with = at its end where needed") from None
    if len(key) not in KEY_BYTES:
        raise ValueError(f"a signing secret holds {KEY_BYTES[0]} to {KEY_BYTES[-1]} bytes, this one {len(key)}")
    return key


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one entry per secret (two during a rotation), separated by single spaces."""
    return prove([signer(secret) for secret in secrets], message_id, timestamp, body)[2][1]


def headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """The three headers that identify and prove one attempt; `timestamp` is that of the attempt, in whole seconds."""
    return prove([signer(secret) for secret in secrets], message_id, timestamp, body)


def standard(secrets: Sequence[str]) -> Sign:
    """What signs a webhook's deliveries as Standard Webhooks 1.0 says. Raises ValueError like `secret_key`."""
    return functools.partial(prove, tuple(signer(secret) for secret in secrets))


def signer(secret: str) -> hmac.HMAC:
    """What signs with `secret`, to be kept where many messages are signed. Raises ValueError like `secret_key`."""
    return hmac.new(secret_key(secret), digestmod="sha256")


def prove(signers: Sequence[hmac.HMAC], message_id: str, timestamp: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """The same three headers, with signers that were made before."""
    signed = content(message_id, str(timestamp), body)
    return headers_of(message_id, timestamp, [f"v1,{_signature(one, signed)}" for one in signers])


def headers_of(message_id: str, timestamp: int, signatures: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The three headers around signatures such as `v1,…`."""
    if not signatures:
        raise ValueError("a delivery needs a secret to be signed with")
    if "." in message_id:
        raise ValueError("a message id must not contain a dot: it would move the border of what is signed")
    signature = " ".join(signatures)
    return ("webhook-id", message_id), ("webhook-timestamp", str(timestamp)), ("webhook-signature", signature)


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: int, tolerance: int = TOLERANCE) -> None:
    """Checks a received request as a receiver should. Raises NotVerified; ValueError for an unusable secret."""
    message_id, timestamp, signatures = _read(headers)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotVerified("The header webhook-timestamp is not a whole number of seconds since 1970.")
    age = now - int(timestamp)
    if age > tolerance:
        raise NotVerified(f"The timestamp is {age} s old, more than the {tolerance} s allowed: check both clocks.")
    if age < -tolerance:
        raise NotVerified(f"The timestamp lies {-age} s in the future, more than the {tolerance} s allowed.")
    expected = _signature(signer(secret), content(message_id, timestamp, body)).encode()
    for signature in _entries(signatures):
        if hmac.compare_digest(signature, expected):
            return
    raise NotVerified("No signature matches: the secret is another one, or the body was changed on its way.")


def content(message_id: str, timestamp: str, body: bytes) -> bytes:
    """What is signed."""
    return f"{message_id}.{timestamp}.".encode() + body


def _signature(signer: hmac.HMAC, content: bytes) -> str:
    once = signer.copy()
    once.update(content)
    return binascii.b2a_base64(once.digest(), newline=False).decode()


def _read(headers: Mapping[str, str]) -> tuple[str, str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    if missing := [name for name in names if not found.get(name)]:
        raise NotVerified(f"The request is not signed: {' and '.join(missing)} missing.")
    return found["webhook-id"], found["webhook-timestamp"], found["webhook-signature"]


def _entries(signatures: str) -> Iterator[bytes]:
    """The signatures of our version; those of other versions may stand beside them."""
    for entry in signatures.split():
        version, _, signature = entry.partition(",")
        if version == "v1":
            yield signature.encode("utf-8", "replace")
