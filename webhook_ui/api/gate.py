"""Who has no valid token goes no further; only the documents are open to all."""

from starlette.types import ASGIApp, Receive, Scope, Send

from webhook_ui.api.problems import not_signed_in

OPEN = ("/openapi.json", "/docs")


class Gate:
    """Pure ASGI, around all calls."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("state", {}).get("actor") is None:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            if path not in OPEN:
                await not_signed_in()(scope, receive, send)
                return
        await self.app(scope, receive, send)
