"""The OpenAPI document, made from the same operations that are served, and the addresses it is read at."""

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from webhook_ui import __version__
from webhook_ui.api import problems
from webhook_ui.api.calls import Answer, Core, Operation
from webhook_ui.api.page import render
from webhook_ui.api.parameters import Parameter

Document = dict[str, Any]

PLACE = "/api/v1"
REFERENCE = "#/components/schemas/{name}"
INTRODUCTION = (
    "Every call needs `Authorization: Bearer TOKEN`; make a token with `webhook-ui token create NAME`. "
    "Lists go on with `cursor`; times are RFC 3339 in UTC. Errors are problem documents (RFC 9457) whose `detail` "
    "says what is wrong and what to do. A field that a call does not know is refused."
)
GROUPS = {
    "Events": "What happened. Storing one makes a delivery for every webhook that listens.",
    "Webhooks": "Where to send and what for.",
    "Deliveries": "The duty to bring one event to one webhook, with every attempt that was made.",
    "Redeliveries": "Plans for many deliveries: to send them again, now, at a time or by cron, or to cancel them.",
    "Sending": "The big switch: nothing is sent anywhere while it is stopped; everything is accepted and held.",
    "Triggers": "The kinds of events that plugins can fire.",
    "Statistics": "What was sent, what failed and how long it took, over time.",
}
PROBLEMS = {
    401: "This call needs the header Authorization: Bearer TOKEN.",
    403: "This needs the role operator; reports is viewer. An admin can change roles.",
    404: "There is no webhook 14. It may have been deleted.",
    409: "This delivery is in flight: an attempt is being made right now. Wait for its result.",
    412: 'Somebody changed this webhook meanwhile: its ETag is "3". Load it again, compare, and repeat.',
    413: "The body may have 262144 bytes at the most; send less at once.",
    415: "The body must be JSON, with the header Content-Type: application/json.",
    422: "title: Give it a title, so that you find it again in the list.",
    503: "The database did not answer. Nothing was changed.",
}
PROBLEM_HEADERS = {401: ("WWW-Authenticate", "Bearer"), 503: ("Retry-After", "5")}


def describe(operations: Iterable[Operation], core: Core) -> Document:
    """The whole document."""
    operations = tuple(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, core)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Webhook UI", "version": __version__, "description": INTRODUCTION},
        "servers": [{"url": PLACE}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in GROUPS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def add_routes(app: FastAPI, document: Document) -> None:
    """Serves the document and the page made from it, each with the address that the caller knows the API by."""

    @lru_cache(maxsize=4)  # it is one, but for who makes prefixes up
    def made(root: str) -> tuple[bytes, str]:
        placed = {**document, "servers": [{"url": root}]}
        return msgspec.json.encode(placed), render(placed, root.removesuffix(PLACE))

    async def openapi(request: Request) -> Response:
        return Response(made(_root(request))[0], media_type="application/json")

    async def docs(request: Request) -> Response:
        return HTMLResponse(made(_root(request))[1])

    app.add_route("/openapi.json", openapi, methods=["GET"])
    app.add_route("/docs", docs, methods=["GET"])


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root or PLACE


def _operation(one: Operation, core: Core) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.group],
        "summary": one.summary,
        "parameters": [*map(_parameter, (*one.path_parameters, *one.query)), *_headers(one)],
        "responses": {
            **{str(answer.status): _answer(answer) for answer in one.answers},
            **{str(status): _problem(status) for status in sorted(_problem_statuses(one))},
        },
    }
    if one.description:
        described["description"] = one.description
    if one.body is not None:
        content = {"schema": _reference(one.body.shape), "example": one.body.example(core)}
        described["requestBody"] = {"required": one.body.required, "content": {"application/json": content}}
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
        "example": parameter.example,
    }


def _headers(one: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string"},
            "example": '"1"',
        }
        for name, text in one.headers.items()
    ]


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.shape is not None:
        content = {"schema": _reference(answer.shape), "example": answer.example}
        described["content"] = {"application/json": content}
    return described


def _problem_statuses(one: Operation) -> set[int]:
    statuses = {401, 422, 503, *one.problems}
    if one.changes:
        statuses.add(403)
    if one.path_parameters:
        statuses.add(404)
    if one.headers:
        statuses.add(412)
    if one.body is not None or one.method == "POST":
        statuses |= {413, 415}
    return statuses


def _problem(status: int) -> dict[str, Any]:
    example = {
        "type": problems.kind(status),
        "title": problems.TITLES[status],
        "status": status,
        "detail": PROBLEMS[status],
    }
    content = {"schema": _reference(problems.Problem), "example": example}
    described: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}.",
        "content": {problems.MEDIA_TYPE: content},
    }
    if header := PROBLEM_HEADERS.get(status):
        described["headers"] = {header[0]: {"schema": {"type": "string"}, "example": header[1]}}
    return described


def _reference(shape: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=shape.__name__)}


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    shapes: set[type[msgspec.Struct]] = {problems.Problem}
    for one in operations:
        shapes |= {answer.shape for answer in one.answers if answer.shape is not None}
        if one.body is not None:
            shapes.add(one.body.shape)
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    return dict(sorted(schemas.items()))
