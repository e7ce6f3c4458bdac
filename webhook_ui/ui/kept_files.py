"""Lets browsers keep NiceGUI's own files below a prefix too: NiceGUI itself says so only where there is none."""

from nicegui import __version__, core
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook_ui.prefix import path_below

FILES = f"/_nicegui/{__version__}/"
CHANGING = f"{FILES}dynamic_resources/"


class KeptFiles:
    """Pure ASGI, around NiceGUI."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on everything, files of this version with leave to keep them."""
        path = path_below(scope) if scope["type"] == "http" and scope.get("root_path") else ""
        kept = path.startswith(FILES) and not path.startswith(CHANGING)

        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                MutableHeaders(scope=message)["cache-control"] = core.app.config.cache_control_directives
            await send(message)

        await self._app(scope, receive, send_kept if kept else send)
