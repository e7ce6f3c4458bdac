"""Who somebody is where an application of its own says so: its callable takes the place of accounts and sign-in."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request

from webhook_ui.accounts import Identity
from webhook_ui.actors import Actor, Role
from webhook_ui.database import Database

LONGEST_NAME = 254
WANTED = "{next}"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody the application knows: `name` stands in the history, `role` is viewer, operator or admin."""

    name: str
    role: Role | str = Role.viewer

    def __post_init__(self) -> None:
        name = self.name
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise ValueError(f"An operator's name must be a text of 1 to {LONGEST_NAME} printable characters.")
        if self.role not in list(Role):
            raise ValueError(f"An operator's role is one of {', '.join(Role)}, not {str(self.role)[:40]!r}.")
        object.__setattr__(self, "role", Role(self.role))


Authenticate = Callable[[Request], Operator | Awaitable[Operator | None] | None]


class ApplicationIdentity(Identity):
    """Asks the application's callable who it is; programs need a token of ours all the same."""

    has_page = False
    sign_in_hint = "Nobody is signed in. Sign in to the application, then come back."

    def __init__(self, database: Database, authenticate: Authenticate, sign_in: str | None = None) -> None:
        super().__init__(database)
        self._authenticate, self._sign_in = authenticate, sign_in

    @property
    def signs_in(self) -> bool:
        """People sign in to the application."""
        return False

    @property
    def leaves_by(self) -> None:
        """Loading the page anew leads to the application's sign-in."""

    def sign_in_address(self, root: str, wanted: str) -> str | None:
        """The address the application named, with that of the page in place of `{next}`."""
        return self._sign_in.replace(WANTED, quote(root + wanted, safe="")) if self._sign_in else None

    async def visitor(self, connection: HTTPConnection) -> Actor | None:
        """Whom the application sees in this request, as of now. Raises what the callable raises."""
        # a socket begins as the request it is: the callable need not know of sockets
        scope = connection.scope
        request = Request({"method": "GET", **scope, "type": "http"}) if scope["type"] == "websocket" else connection
        try:
            found = await self._see(Request(request.scope))
            if found is not None and not isinstance(found, Operator):
                raise TypeError(
                    f"authenticate returned a {type(found).__name__}; return webhook_ui.Operator(name=…, role=…), or "
                    "None for who may not come in."
                )
        except Exception as error:
            log.error("authenticate.failed", path=scope["path"], socket=scope["type"] == "websocket", exc_info=error)
            raise
        return None if found is None else Actor(kind="person", name=found.name, role=Role(found.role))

    async def _see(self, request: Request) -> object:
        ask = self._authenticate
        if inspect.iscoroutinefunction(ask) or inspect.iscoroutinefunction(getattr(ask, "__call__", None)):  # noqa: B004
            found: object = ask(request)
        else:
            found = await run_in_threadpool(ask, request)  # it may look into a database
        return await found if inspect.isawaitable(found) else found
