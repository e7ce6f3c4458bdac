"""Plugins' own HTTP routes: served under `/plugins/<name>/`, each to those who may call it."""

from collections.abc import Callable, Mapping

from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook_ui.plugin_types import OPEN

PLACE = "/plugins"


def new_router() -> APIRouter:
    """What a plugin adds its routes to."""
    return APIRouter()


def mount(app: FastAPI, routers: Callable[[], Mapping[str, APIRouter]]) -> None:
    """Adds the routes of plugins (by name) to `app`; `routers` is asked at each request, as they may be exchanged."""
    app.mount(PLACE, _Plugins(routers))


def application(routers: Mapping[str, APIRouter]) -> FastAPI:
    """An application of its own with the routes of plugins, and nothing else."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    mount(app, lambda: routers)
    return app


class _Plugins:
    """Finds the plugin that a request is for."""

    def __init__(self, routers: Callable[[], Mapping[str, APIRouter]]) -> None:
        self._routers = routers
        self._served: dict[str, tuple[APIRouter, ASGIApp]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, root = scope["path"], scope.get("root_path", "")
        name = path.removeprefix(root).removeprefix("/").partition("/")[0]
        router = self._routers().get(name)
        if router is not None:
            await self._serve(name, router)({**scope, "root_path": f"{root}/{name}"}, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await PlainTextResponse("No plugin of this name has routes.\n", 404)(scope, receive, send)

    def _serve(self, name: str, router: APIRouter) -> ASGIApp:
        known = self._served.get(name)
        if known is not None and known[0] is router:
            return known[1]
        served = FastAPI(title=name, openapi_url=None, docs_url=None, redoc_url=None)
        served.include_router(router)
        self._served[name] = (router, _Gate(served, list(router.routes)))
        return self._served[name][1]


class _Gate:
    """Lets strangers to those routes only that say so; the door has noted who calls."""

    def __init__(self, app: ASGIApp, routes: list[BaseRoute]) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("state", {}).get("actor") is None and not self._is_open(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            message = "This needs a sign-in, or the header Authorization: Bearer TOKEN.\n"
            await PlainTextResponse(message, 401, {"www-authenticate": "Bearer"})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        for route in self._routes:
            match, _ = route.matches(scope)
            if match is not Match.NONE:
                return bool(getattr(getattr(route, "endpoint", None), OPEN, False))
        return False
