"""The door before everything HTTP: which host and origin are meant, who comes in, what answers carry.

It says who somebody is (`scope["state"]["actor"]`) and turns away who may not come in at all; what an actor may do
is decided on the write side.
"""

import ipaddress
import re
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook_ui.accounts import Identity
from webhook_ui.actors import Actor
from webhook_ui.errors import Unavailable
from webhook_ui.prefix import path_below, settle
from webhook_ui.security_headers import with_security_headers
from webhook_ui.settings import Settings

HEALTH = ("/healthz", "/readyz")  # asked by machines, under any name; they tell strangers nothing
METRICS = "/metrics"  # for a program with a token, or who is signed in
API = "/api/v1"
PLUGINS = "/plugins/"  # plugins' routes: who may come in is said at each of them
OPEN = ("/login", "/logout")  # who is not signed in may come here
ASSETS = re.compile(r"/_static/|/_nicegui/\d[^/]*/|/favicon\.ico$")  # the same for everybody
SOCKET = "/_nicegui_ws/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", re.IGNORECASE)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to


class Refusal(Exception):  # noqa: N818 - it is the answer
    """Why somebody is turned away, for the answer."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, headers
        super().__init__(message)


class Door:
    """Pure ASGI, around the whole application: `Door(app, identity, settings)`.

    `mounted` says that it stands within another application, which decides by which names it may be called.
    """

    def __init__(self, app: ASGIApp, identity: Identity, settings: Settings, *, mounted: bool = False) -> None:
        self.app = app
        self._identity = identity
        self._open_to_all = settings.auth == "none" and not mounted
        self._public_origin = settings.public_url.lower() if settings.public_url else None
        self._open = OPEN if identity.has_page else ()
        self._hosts = None if mounted else known_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets in or turns away, and puts the security headers on every answer."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        send = with_security_headers(send)
        headers, scope = Headers(scope=scope), settle(scope)
        try:
            answer = await self._judge(scope, headers)
        except Refusal as refusal:
            answer = _refuse(scope, refusal.status, str(refusal), refusal.headers)
        except Unavailable as error:
            answer = _refuse(scope, 503, str(error), {"retry-after": "5"})
        if answer is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _judge(self, scope: Scope, headers: Headers) -> Response | None:
        # None lets it in; the actor is noted on the way
        path = path_below(scope)
        actor: Actor | None = None
        if path not in HEALTH:
            if self._open_to_all or not _takes_token(path, headers):  # who holds a token may call it by any name
                self._check_host(headers)
            if not _is_api(path):
                self._check_origin(scope, headers)
            if not ASSETS.match(path):
                actor = await self._who(scope, headers)
        scope["state"] = {**scope.get("state", {}), "actor": actor}
        if _is_api(path) and not path.startswith(f"{API}/"):  # the mount alone would leave its bare name to the pages
            raise Refusal(404, f"There is nothing at this address. {API}/docs lists the calls there are.")
        if actor is None and path == METRICS:
            message = "This needs the header Authorization: Bearer TOKEN; webhook-ui token create makes one."
            raise Refusal(401, message, {"www-authenticate": "Bearer"})
        if actor is None and not (path in HEALTH or path in self._open or ASSETS.match(path) or _judges_itself(scope)):
            return self._ask_to_sign_in(scope)
        return None

    async def _who(self, scope: Scope, headers: Headers) -> Actor | None:
        if _takes_token(path_below(scope), headers):
            # never a cookie: browsers send those for other sites too
            scheme, _, token = headers.get("authorization", "").partition(" ")
            return await self._identity.token_actor(token.strip()) if scheme.lower() == "bearer" else None
        return await self._identity.visitor(HTTPConnection(scope))

    def _ask_to_sign_in(self, scope: Scope) -> Response:
        path = path_below(scope)
        if scope["type"] == "websocket" or path.startswith(SOCKET) or scope["method"] not in ("GET", "HEAD"):
            raise Refusal(401, self._identity.sign_in_hint)
        wanted = quote(path, safe="/:@!$&'()*+,;=-._~")
        if scope["query_string"]:
            wanted += "?" + scope["query_string"].decode("latin-1")
        address = self._identity.sign_in_address(scope["root_path"], wanted)
        if address is None:
            raise Refusal(401, self._identity.sign_in_hint)
        return RedirectResponse(address, 303, {"cache-control": "no-store"})

    def _check_host(self, headers: Headers) -> None:
        # a name that somebody else lets point here (DNS rebinding) makes their page one of our own
        name = _host_name(headers)
        if self._open_to_all:
            forwarded = sorted(key for key in headers if key == "forwarded" or key.startswith("x-forwarded-"))
            if name not in LOOPBACK or forwarded:
                cause = f"the header {forwarded[0]}" if forwarded else f"the host {name}"
                raise Refusal(
                    403,
                    "With WEBHOOK_UI_AUTH=none whoever reaches this server is admin, so it answers only to browsers on "
                    f"the same machine; {cause} says that this one is not. Open http://localhost, or use accounts "
                    "(WEBHOOK_UI_AUTH=accounts).",
                )
        elif self._hosts is not None and name not in self._hosts:
            raise Refusal(
                421,
                f"This server is not known as {name}. If it is meant to be, set WEBHOOK_UI_PUBLIC_URL to the address "
                "that browsers use, for example https://hooks.example.com.",
            )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if origin is None or not (changes or path_below(scope).startswith(SOCKET)):
            return
        origin = origin.lower()
        own = headers.get("host", "").lower()
        if origin not in (f"http://{own}", f"https://{own}", self._public_origin):
            raise Refusal(
                403,
                "The page that sent this is not one of this server's own. If it is, and a proxy changes the Host "
                "header, set WEBHOOK_UI_PUBLIC_URL to the address that browsers use.",
            )


def known_hosts(settings: Settings) -> frozenset[str] | None:
    """The names that requests may use for this server; None for any."""
    bound = settings.host.strip("[]").lower()
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if bound in EVERYWHERE and public is None:
        return None
    names = {bound, public} if public else {bound}
    return frozenset(names | LOOPBACK if bound in EVERYWHERE or _is_loopback(bound) else names)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(headers: Headers) -> str:
    given = headers.getlist("host")
    match = HOST.fullmatch(given[0]) if len(given) == 1 else None
    if match is None:
        raise Refusal(400, "The request must name its host in exactly one Host header.")
    return match["name"].strip("[]").rstrip(".").lower()


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _judges_itself(scope: Scope) -> bool:
    path = path_below(scope)
    return _is_api(path) or (scope["type"] == "http" and path.startswith(PLUGINS))


def _takes_token(path: str, headers: Headers) -> bool:
    return _is_api(path) or ((path == METRICS or path.startswith(PLUGINS)) and "authorization" in headers)


def _refuse(scope: Scope, status: int, message: str, headers: dict[str, str] | None) -> Response:
    if _is_api(path_below(scope)):
        title = HTTPStatus(status).phrase
        problem = {"type": "about:blank", "title": title, "status": status, "detail": message}
        return JSONResponse(problem, status, headers, "application/problem+json")
    return PlainTextResponse(message + "\n", status, headers)
