"""Webhook UI inside a FastAPI application: dashboard, API and dispatcher live and end with it, at a path of its own."""

import difflib
import re
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook_ui import accounts, app, transactional
from webhook_ui import settings as settings_module
from webhook_ui.accounts import SetupCode
from webhook_ui.errors import UsageError
from webhook_ui.operators import ApplicationIdentity, Authenticate
from webhook_ui.prefix import settle
from webhook_ui.settings import Settings

_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]

log = structlog.get_logger()


def mount(
    application: FastAPI,
    path: str,
    *,
    authenticate: Authenticate | None = None,
    sign_in: str | None = None,
    dispatching: bool = True,
    **settings: Any,
) -> None:
    """Puts Webhook UI at `path` of `application`; it starts after the application's own lifespan and ends before it.

    `authenticate(request)`, sync or async, answers the `Operator` whom the application sees, or None; asked at every
    page, socket and action. Without it people sign in at `path`/login with accounts of Webhook UI. `sign_in` is where
    the application lets people in, for example `"/login?next={next}"`. With `dispatching=False` nothing is sent from
    here (`webhook-ui worker` does). `settings` are those of the README in lower case (`data_dir="data"`); what is not
    given comes from the environment. Raises UsageError.
    """
    if not _PATH.fullmatch(path):
        raise UsageError(
            f'The path must begin with "/", not end with it, and be no "/" alone: "/webhooks", not {path!r}.'
        )
    if application in _Running.mounted:
        where = _Running.mounted[application]
        raise UsageError(f"Webhook UI is mounted at {where} of this application already. Remove the second mount.")
    for name in settings.keys() - Settings.model_fields.keys():
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"Did you mean {near[0]}?" if near else "The README's table lists them."
        raise UsageError(f"There is no setting {name}. {hint}")
    given = settings_module.load(**settings)
    if authenticate is None and given.auth == "none":
        raise UsageError(
            "With WEBHOOK_UI_AUTH=none whoever reaches the application would be admin. Give authenticate=…, or use "
            "accounts (WEBHOOK_UI_AUTH=accounts)."
        )
    place = _Place(path, given, authenticate, sign_in, dispatching)
    _Running.mounted[application] = path
    application.add_route(path, _to_the_slash, methods=["GET"], include_in_schema=False)
    application.mount(path, place, name="webhook_ui")
    application.router.lifespan_context = _together(application.router.lifespan_context, place)


class _Running:
    """What there is of it in this process: NiceGUI serves one dashboard at a time."""

    mounted: ClassVar["weakref.WeakKeyDictionary[FastAPI, str]"] = weakref.WeakKeyDictionary()
    path: ClassVar[str | None] = None
    lock = threading.Lock()


class _Place:
    """Stands in the application from the start, and passes on to what runs behind it."""

    def __init__(
        self,
        path: str,
        settings: Settings,
        authenticate: Authenticate | None,
        sign_in: str | None,
        dispatching: bool,
    ) -> None:
        self.path = path
        self._settings, self._dispatching = settings, dispatching
        self._authenticate, self._sign_in = authenticate, sign_in
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
        else:
            message = (
                "Webhook UI has not started. It starts with the lifespan of the application it is mounted in: serve "
                "that one (a mounted application's own lifespan does not run), and look into its log.\n"
            )
            await PlainTextResponse(message, 503, {"retry-after": "5"})(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the database, and runs all there is until the end."""
        self._take_turn()
        try:
            core = app.build(self._settings, mounted=True)
            try:
                transactional.know(core.plugins, max_payload_bytes=self._settings.max_payload_bytes)
                async with self._serving(core):
                    yield
            finally:
                core.database.close()
        finally:
            _Running.path = None

    @asynccontextmanager
    async def _serving(self, core: app.Core) -> AsyncIterator[None]:
        code = SetupCode(time.monotonic())
        identity = (
            ApplicationIdentity(core.database, self._authenticate, self._sign_in)
            if self._authenticate
            else accounts.Identity(core.database)
        )
        inner, door = app.create_app(core, dispatching=self._dispatching, setup_code=code, identity=identity)
        async with inner.router.lifespan_context(inner):
            self._app = door
            if identity.signs_in and not await core.database.read(accounts.any_account):
                # not in the log: it is a secret
                print(f"Open {self._settings.public_url or ''}{self.path}/login?code={code.text}", flush=True)
            try:
                yield
            finally:
                self._app = None

    def _take_turn(self) -> None:
        with _Running.lock:
            if _Running.path is not None:
                raise UsageError(
                    f"Webhook UI runs in this process already, mounted at {_Running.path}. A process can run one: "
                    "remove the second mount, or start that application in a process of its own."
                )
            _Running.path = self.path


def _together(own: Lifespan, place: _Place) -> Lifespan:
    @asynccontextmanager
    async def lifespan(application: Any) -> AsyncIterator[Any]:
        async with own(application) as state, place.running():
            yield state

    return lifespan


async def _to_the_slash(request: Request) -> RedirectResponse:
    scope = settle(dict(request.scope))
    query = scope["query_string"].decode("latin-1")
    return RedirectResponse(scope["path"] + "/" + (f"?{query}" if query else ""), 307)
