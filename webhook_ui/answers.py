"""What a receiver says, made harmless and readable: texts, Retry-After, sentences for statuses. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin

from webhook_ui import wire

STORED_HEADER_BYTES = 16 * 1024
LONGEST_WAIT = 86_400.0

_HARMFUL = re.compile("[\x00\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_SECONDS = re.compile(r"[0-9]{1,12}")

_HINTS = {
    401: "the receiver wants credentials; set them as a header of the webhook",
    403: "the receiver refuses this sender; check its credentials and allow list",
    404: "check the path of the URL",
    405: "the receiver takes no POST here; check the path of the URL",
    410: "the receiver wants no more deliveries",
    413: "the payload is larger than the receiver takes",
}


def clean(text: str) -> str:
    """`text` as every database and browser takes it: NUL and lone surrogates become U+FFFD."""
    return _HARMFUL.sub("\ufffd", text)


def one_line(text: str, length: int = 200) -> str:
    """`text` for use inside a sentence: no control characters, cut at `length`."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= length else f"{line[:length]}…"


def find(raw: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The value of the header `name` (in lower case), or nothing."""
    return next((value.decode("latin-1") for key, value in raw if key.lower() == name), "")


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> wire.Headers:
    """The answer's headers as text, as many as fit into 16 KiB."""
    together = b"".join([part for pair in raw for part in pair])
    if len(together) <= STORED_HEADER_BYTES and together.isascii() and b"\x00" not in together:
        return tuple([(name.decode(), value.decode()) for name, value in raw])
    headers: list[tuple[str, str]] = []
    room = STORED_HEADER_BYTES
    for name, value in raw:
        room -= len(name) + len(value)
        if room < 0:
            break
        headers.append((clean(name.decode("utf-8", "replace")), clean(value.decode("utf-8", "replace"))))
    return tuple(headers)


def read_body(body: bytes, encoding: str) -> str:
    """The start of the answer's body as text; what is compressed is not unpacked, it might be a bomb."""
    if body and encoding and encoding.lower() != "identity":
        return f"[compressed ({one_line(encoding, 40)}), not shown]"
    return clean(body[: wire.STORED_BODY_BYTES].decode("utf-8", "replace"))


def read_retry_after(value: str, now: datetime) -> float | None:
    """The seconds a receiver asks to wait, 0 to a day; None where `value` says nothing usable."""
    value = value.strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    else:
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def explain_status(status: int, reason: str, *, url: str, location: str, retry_after: float | None) -> str:
    """A sentence for an answer that is not 2xx: the status, what it means here and what to do."""
    title = f"{status} {one_line(reason, 80) or _phrase(status)}".strip()
    if 300 <= status < 400 and location:
        return f"{title} to {_join(url, location)}: redirects are not followed; set the URL to the final address"
    if retry_after:
        return f"{title}, asked to wait {retry_after:.0f} s"
    return f"{title}: {_HINTS[status]}" if status in _HINTS else title


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _join(url: str, location: str) -> str:
    try:
        return one_line(urljoin(url, location))
    except ValueError:
        return one_line(location)
