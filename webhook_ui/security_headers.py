"""What every answer forbids the browser: the Content-Security-Policy and its neighbours. Who comes in is the door's.

Pages of our own (sign-in, API documents) run scripts from files alone. The dashboard needs more, and no more than this:
its inline scripts carry a nonce made for each answer, so that no other inline script runs; `unsafe-eval`, because
Vue compiles templates and NiceGUI evaluates what the server sends; `unsafe-inline` for styles, because Quasar and Vue
set them. Attributes such as `onclick` never run, nothing is fetched from elsewhere, and nobody may frame a page.
"""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "script-src-attr 'none'; script-src 'self'"
)
UNUSED = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer"),
    *("microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb"),
)
SECURITY_HEADERS = {
    "content-security-policy": _ALWAYS,
    "permissions-policy": ", ".join(f"{name}=()" for name in UNUSED),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def dashboard_policy(nonce: str) -> str:
    """The Content-Security-Policy of a page of the dashboard, whose inline scripts carry `nonce`."""
    return f"{_ALWAYS} 'nonce-{nonce}' 'unsafe-eval'"


def with_security_headers(send: Send) -> Send:
    """Adds the headers to every answer that does not carry its own."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers


def new_nonce() -> str:
    """For the inline scripts of one answer; nobody can guess it."""
    return secrets.token_urlsafe(16)


class Nonces:
    """Pure ASGI, directly around NiceGUI and inside of what compresses: gives the scripts of its pages their nonce.

    The start tags are found as text: what is not ours stands in such a page with every `<` escaped.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on everything, pages with their nonce."""
        await self._app(scope, receive, _Page(send) if scope["type"] == "http" else send)


class _Page:
    """Keeps back an answer that is HTML until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        nonce = new_nonce()
        body = bytes(self._body).replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=start)
        headers["content-security-policy"] = dashboard_policy(nonce)
        if body:
            headers["content-length"] = str(len(body))
        self._start = None
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
