"""The sign-in page: plain HTML and forms, so that it works before anything else does. Holds no rules of its own."""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from webhook_ui import __version__, accounts, times
from webhook_ui.accounts import COOKIE, SetupCode, SignInLimiter, Tries
from webhook_ui.accounts.passwords import SHORTEST
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, Invalid, Throttled, Unavailable, WebhookUIError
from webhook_ui.languages import language, mark, spoken, tr, trn
from webhook_ui.settings import Settings
from webhook_ui.ui import icons, reader
from webhook_ui.ui.theme import STATIC, STATIC_URL

LARGEST_FORM = 16 * 1024
LONGEST_NEXT = 2048
HASHES_AT_ONCE = 2  # each takes 64 MiB and all of a core
FEW = 3  # tries left, from which on the page says so
WRONG = mark("Email or password is wrong.")
CREATE = "webhook-ui user create EMAIL --role admin"

Handler = Callable[[Request], Awaitable[Response]]


def routes(
    database: Database,
    settings: Settings,
    setup_code: SetupCode,
    limiter: SignInLimiter,
    clock: Callable[[], float] = time.monotonic,
) -> list[Route]:
    """`/login` and `/logout`. `clock` is the one that `setup_code` was made by."""
    page = SignIn(database, settings, setup_code, limiter, clock)
    return [
        Route("/login", page.guarded(page.show), methods=["GET"]),
        Route("/login", page.guarded(page.submit), methods=["POST"]),
        Route("/logout", page.guarded(page.leave), methods=["POST"]),
    ]


def local_path(wanted: str | None) -> str:
    """`wanted` if it is a path on this server, else the start page."""
    if not wanted or len(wanted) > LONGEST_NEXT or not wanted.isprintable():
        return "/"
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return "/"
    return "/" if wanted.split("?")[0] in ("/login", "/logout") else wanted


class SignIn:
    """What happens at `/login` and `/logout`."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        setup_code: SetupCode,
        limiter: SignInLimiter,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._settings = settings
        self._setup_code = setup_code
        self._limiter = limiter
        self._clock = clock
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
        self._template = templates.get_template("sign_in.html")
        names = ("tokens.css", "sign_in.css", "sign_in.js", "theme.js", "favicon.svg")
        self._files = {name.replace(".", "_"): _address_of(name) for name in names}

    def guarded(self, handler: Handler) -> Handler:
        """`handler`, with a page of its own for a form that is too large and a database that is away."""

        async def answer(request: Request) -> Response:
            with spoken(reader.asked_by(request)):
                try:
                    return await handler(request)
                except Unavailable as error:
                    message = tr("{reason} Try again.", reason=error)
                    return self._page(request, "stop", 503, heading=tr("Not available now"), message=message)
                except _TooLargeError:
                    message = tr(
                        "A form may have at most {bytes} bytes. Go back and use a shorter password.", bytes=LARGEST_FORM
                    )
                    return self._page(request, "stop", 413, heading=tr("The form is too large"), message=message)

        return answer

    async def show(self, request: Request) -> Response:
        """The form that fits: for signing in, for the first account, or what to do to get there."""
        wanted = local_path(request.query_params.get("next"))
        if getattr(request.state, "actor", None) is not None:
            return RedirectResponse(_root(request) + wanted, 303)
        code = request.query_params.get("code")
        if await self._database.read(accounts.any_account):
            notice = None if code is None else tr("That link was for the first account, which exists now.")
            return self._page(request, "sign_in", wanted=wanted, notice=notice)
        if code is None:
            message = tr("There is no account yet. Open the link that the server printed when it started.")
            return self._page(request, "stop", heading=tr("Create the first account"), message=message, create=CREATE)
        if not self._setup_code.fits(code, self._clock()):
            return self._wrong_code(request)
        return self._page(request, "first", code=code)

    async def submit(self, request: Request) -> Response:
        """Signs in, or makes the first account and signs in with it."""
        form = await _read_form(request)
        try:
            return await (self._create_first if "code" in form else self._sign_in)(request, form)
        except Throttled as error:
            seconds = str(math.ceil(error.retry_after))
            return self._again(request, form, 429, {"password": str(error)}, headers={"retry-after": seconds})

    async def leave(self, request: Request) -> Response:
        """Signs out."""
        cookie = request.cookies.get(COOKIE)
        actor = getattr(request.state, "actor", None)
        if cookie and actor is not None:
            await self._database.write(accounts.sign_out, cookie, actor=actor, now=times.utcnow())
        root = _root(request)
        response = RedirectResponse(f"{root}/login", 303)
        response.delete_cookie(COOKIE, path=root or "/", httponly=True, samesite="lax", secure=self._secure)
        return response

    async def _sign_in(self, request: Request, form: dict[str, str]) -> Response:
        email, password = form.get("email", ""), form.get("password", "")
        tries = self._limiter.attempt(email, _origin(request), self._clock())
        try:
            known = await self._database.read(accounts.find_credentials, accounts.check_email(email))
        except Invalid:
            known = None
        async with self._hashing:
            password_hash = known.password_hash if known else None
            right = await asyncio.to_thread(accounts.verify_password, password_hash, password)
        if known is None or not right:
            return self._again(request, form, 401, {"password": f"{tr(WRONG)} {_left(tries)}".strip()})
        self._limiter.succeed(email)
        try:
            return await self._enter(request, known, local_path(form.get("next")))
        except (Conflict, Forbidden) as error:
            return self._again(request, form, 403, {"password": str(error)})

    async def _create_first(self, request: Request, form: dict[str, str]) -> Response:
        if not self._setup_code.fits(form["code"], self._clock()):
            return self._wrong_code(request)
        try:
            email = accounts.check_email(form.get("email", ""))
            async with self._hashing:
                hashed = await asyncio.to_thread(accounts.hash_password, form.get("password", ""))
            now, origin = times.utcnow(), _origin(request)
            account = await self._database.write(accounts.first_account, email, hashed, now=now, origin=origin)
        except Invalid as error:
            return self._again(request, form, 422, error.fields)
        except Conflict as error:
            return self._page(request, "sign_in", 409, notice=str(error))
        self._setup_code.spend()
        known = accounts.Credentials(account_id=cast("int", account.id), password_hash=hashed)
        return await self._enter(request, known, "/")

    async def _enter(self, request: Request, known: accounts.Credentials, wanted: str) -> Response:
        cookie = await self._database.write(accounts.sign_in, known, origin=_origin(request), now=times.utcnow())
        root = _root(request)
        response = RedirectResponse(root + wanted, 303)
        seconds = int(accounts.LIFETIME.total_seconds())
        response.set_cookie(
            COOKIE, cookie, seconds, path=root or "/", httponly=True, samesite="lax", secure=self._secure
        )
        return response

    @property
    def _secure(self) -> bool:
        return (self._settings.public_url or "").lower().startswith("https:")

    def _wrong_code(self, request: Request) -> Response:
        message = tr(
            "It works once, for 15 minutes after the server started. "
            "Restart the server and open the new link that it prints."
        )
        return self._page(request, "stop", 403, heading=tr("This link is not valid"), message=message, create=CREATE)

    def _again(
        self,
        request: Request,
        form: dict[str, str],
        status: int,
        errors: dict[str, str],
        headers: dict[str, str] | None = None,
    ) -> Response:
        kind = "first" if "code" in form else "sign_in"
        wanted = local_path(form.get("next"))
        kept = {name: form.get(name, "") for name in ("email", "code")}
        return self._page(request, kind, status, headers, errors=errors, wanted=wanted, **kept)

    def _page(
        self, request: Request, kind: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        host = urlsplit(self._settings.public_url or "").hostname or request.url.hostname
        shared: dict[str, Any] = {"host": host, "version": __version__, "icons": icons, "shortest": SHORTEST}
        root = _root(request)
        shared |= {"root": root, "files": {name: root + address for name, address in self._files.items()}}
        shared |= {"tr": tr, "language": reader.tag(language()).partition("-")[0]}
        page = self._template.render(shared | {"kind": kind, "errors": {}} | values)
        return HTMLResponse(page, status, {"cache-control": "no-store"} | (headers or {}))


class _TooLargeError(WebhookUIError):
    pass


async def _read_form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise _TooLargeError
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root


def _origin(request: Request) -> str:
    return request.client.host if request.client else ""


def _address_of(name: str) -> str:
    # with the content's hash, so that a new version is never mixed with what a browser has kept
    return f"{STATIC_URL}/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


def _left(tries: Tries) -> str:
    if tries.left > FEW:
        return ""
    if tries.left == 0:
        return tr("The next try is heard in {seconds} seconds.", seconds=math.ceil(tries.wait))
    return trn("{n} try left, then a wait of a minute.", "{n} tries left, then a wait of a minute.", tries.left)
