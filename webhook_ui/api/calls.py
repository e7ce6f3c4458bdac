"""One REST call: what it is named, takes and answers, and how a request becomes a `Call` for the code behind it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from webhook_ui.actors import Actor
from webhook_ui.api import bodies, parameters
from webhook_ui.api.parameters import Parameter
from webhook_ui.api.shapes import Shape
from webhook_ui.database import Database
from webhook_ui.host import Host
from webhook_ui.plugin_loader import Plugins
from webhook_ui.rules import in_force
from webhook_ui.settings import Settings
from webhook_ui.tester import Tester
from webhook_ui.webhook_fields import Rules


@dataclass(frozen=True, kw_only=True)
class Core:
    """What all calls work with."""

    database: Database
    host: Host
    plugins: Plugins
    settings: Settings
    tester: Tester

    @property
    def rules(self) -> Rules:
        """What a webhook's fields are judged against."""
        return in_force(self.settings, self.plugins)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that may be answered: who asks, what for. `ids` are the path's, `query` the query's values by name."""

    core: Core
    request: Request
    actor: Actor
    ids: Mapping[str, Any]
    query: Mapping[str, Any]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A good answer; no `shape` means no body."""

    status: int
    description: str
    shape: type[Shape] | None = None
    example: Any = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request body; `example` may depend on the triggers there are, `limit` on the settings.

    One that is not `required` may be left out: no body is an empty object.
    """

    shape: type[msgspec.Struct]
    example: Callable[[Core], Any]
    limit: Callable[[Settings], int] = lambda _: bodies.MAX_BODY_BYTES
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A call as it is registered and described."""

    method: str
    path: str
    group: str
    summary: str
    run: Callable[[Call], Awaitable[Response]]
    answers: tuple[Answer, ...]
    description: str = ""
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def path_parameters(self) -> tuple[Parameter, ...]:
        return tuple(parameter for name, parameter in parameters.PATH.items() if f"{{{name}}}" in self.path)

    @property
    def changes(self) -> bool:
        return self.method != "GET"

    def endpoint(self, core: Core) -> Callable[[Request], Awaitable[Response]]:
        """What answers a request of this call."""

        async def answer(request: Request) -> Response:
            return await self.run(await self._accept(core, request))

        return answer

    async def _accept(self, core: Core, request: Request) -> Call:
        ids = {name: parameters.read_path(name, text) for name, text in request.path_params.items()}
        query = parameters.read(request, self.query)
        body = b""
        if self.body is not None:
            read = bodies.read if self.body.required else bodies.read_if_any
            body = await read(request, self.body.limit(core.settings))
        elif self.method == "POST":
            await bodies.read_nothing(request)
        actor: Actor = request.state.actor
        return Call(core=core, request=request, actor=actor, ids=ids, query=query, body=body)


def operation(
    method: str, path: str, group: str, summary: str, **described: Any
) -> Callable[[Callable[[Call], Awaitable[Response]]], Operation]:
    """Makes an `Operation` of the function below it; `described` are the other fields."""

    def decorate(run: Callable[[Call], Awaitable[Response]]) -> Operation:
        return Operation(method=method, path=path, group=group, summary=summary, run=run, **described)

    return decorate


def reply(shape: Shape, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`shape` as JSON; what is stored raw stands in it as it is."""
    headers = {"cache-control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(shape), status, headers, "application/json")
