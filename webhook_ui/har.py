"""A delivery with all its attempts as an HTTP Archive (HAR 1.2), which browsers and debuggers read. Pure."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from webhook_ui import times, wire
from webhook_ui.history.deliveries import DeliveryDetail
from webhook_ui.models import Attempt

HTTP = "HTTP/1.1"
UNKNOWN = -1  # the format's own word for a size or time that nobody has measured


def archive(detail: DeliveryDetail, *, version: str) -> dict[str, Any]:
    """The archive as what JSON is made of. What the log masks stays masked."""
    envelope = wire.envelope(detail.event.trigger, detail.event.occurred_at, detail.event.payload).decode()
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "Webhook UI", "version": version},
            "comment": f"Delivery {detail.row.id} ({detail.row.trigger})",
            "entries": [_entry(attempt, envelope) for attempt in detail.attempts],
        }
    }


def _entry(attempt: Attempt, envelope: str) -> dict[str, Any]:
    timings = _timings(attempt)
    entry: dict[str, Any] = {
        "startedDateTime": times.to_text(attempt.at),
        "time": round(sum(timings[name] for name in _PARTS if timings[name] >= 0), 3),
        "request": _request(attempt, envelope if attempt.request_body is None else attempt.request_body),
        "response": _response(attempt),
        "cache": {},
        "timings": timings,
    }
    if attempt.error_message:
        entry["comment"] = attempt.error_message
        if attempt.response_status is None:
            entry["response"]["_error"] = attempt.error_message
    return entry


def _request(attempt: Attempt, body: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": attempt.url,
        "httpVersion": HTTP,
        "cookies": [],
        "headers": _pairs(attempt.request_headers),
        "queryString": _query(attempt.url),
        "postData": {"mimeType": _find(attempt.request_headers, "content-type"), "params": [], "text": body},
        "headersSize": UNKNOWN,
        "bodySize": len(body.encode()),
    }


def _response(attempt: Attempt) -> dict[str, Any]:
    """Status 0 says that there was none, as browsers write it."""
    status, body = attempt.response_status or 0, attempt.response_body
    size = len(body.encode())
    content: dict[str, Any] = {
        "size": size,
        "mimeType": _find(attempt.response_headers, "content-type") or "x-unknown",
        "text": body,
    }
    if size >= wire.STORED_BODY_BYTES:
        content["comment"] = f"The first {wire.STORED_BODY_BYTES} bytes; more is not kept."
    return {
        "status": status,
        "statusText": _phrase(status),
        "httpVersion": HTTP if status else "",
        "cookies": [],
        "headers": _pairs(attempt.response_headers),
        "content": content,
        "redirectURL": _find(attempt.response_headers, "location"),
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN,
    }


_PARTS = ("blocked", "dns", "connect", "send", "wait", "receive")  # `ssl` is a part of `connect`


def _timings(attempt: Attempt) -> dict[str, float]:
    dns, connect, tls, wait = (attempt.timings.get(name) for name in ("dns", "connect", "tls", "wait"))
    known = sum(part for part in (dns, connect, tls) if part is not None)
    rest = max(attempt.duration_ms - known, 0.0)
    waited = rest if wait is None else min(wait, rest)
    return {
        "blocked": UNKNOWN,
        "dns": UNKNOWN if dns is None else dns,
        "connect": UNKNOWN if connect is None else round(connect + (tls or 0.0), 3),
        "ssl": UNKNOWN if tls is None else tls,
        "send": 0,
        "wait": round(waited, 3),
        "receive": round(rest - waited, 3),
    }


def _pairs(headers: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _find(headers: Sequence[Sequence[str]], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _query(url: str) -> list[dict[str, str]]:
    try:
        return _pairs(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:
        return []


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase if status else ""
    except ValueError:
        return ""
