"""Problem documents (RFC 9457): every error an answer can be, in one form that never repeats what was sent."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import FastAPI
from msgspec import Meta
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from webhook_ui.errors import Conflict, Forbidden, Invalid, NotFound, Throttled, Unavailable, WebhookUIError

MEDIA_TYPE = "application/problem+json"
AGAIN_SECONDS = 5  # when the database may be back
MAX_ERRORS = 200  # mistakes named in one answer

TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many attempts",
    500: "Internal error",
    503: "Unavailable",
}

log = structlog.get_logger(__name__)


class FieldError(msgspec.Struct, kw_only=True):
    """One mistake, and where it is."""

    field: Annotated[str, Meta(description="Name of the field or parameter; empty for the whole body.")]
    message: Annotated[str, Meta(description="What is wrong and what to do.")]


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a call was refused; nothing was changed."""

    type: Annotated[str, Meta(description="Stable name of the kind of problem.")]
    title: str
    status: int
    detail: Annotated[str, Meta(description="What is wrong and what to do, for people.")]
    errors: Annotated[list[FieldError], Meta(description="Each mistake in the input, with status 422.")] = []


class Refused(WebhookUIError):  # noqa: N818 - the call is refused by what only HTTP knows of
    """A call that HTTP itself lets us refuse: its media type, its size, its precondition."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.headers = status, dict(headers or {})
        super().__init__(message)


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> Response:
    """The answer that says what is wrong."""
    named = [
        FieldError(field=_harmless(name), message=_harmless(message))
        for name, message in list((errors or {}).items())[:MAX_ERRORS]
    ]
    content = Problem(
        type=kind(status),
        title=TITLES[status],
        status=status,
        detail=_harmless(detail),
        errors=named,
    )
    headers = {"cache-control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(content), status, headers, MEDIA_TYPE)


def kind(status: int) -> str:
    """The stable name of the kind of problem."""
    return f"urn:webhook-ui:problem:{TITLES[status].lower().replace(' ', '-')}"


def not_signed_in() -> Response:
    """The answer to a call without a valid token."""
    detail = "This call needs the header Authorization: Bearer TOKEN. Make a token with: webhook-ui token create NAME"
    return problem(401, detail, headers={"www-authenticate": "Bearer"})


def handle_all(app: FastAPI) -> None:
    """Registers what turns each exception into its problem document."""
    app.add_exception_handler(WebhookUIError, _known)
    app.add_exception_handler(HTTPException, _from_http)
    app.add_exception_handler(ClientDisconnect, _left)
    for error in (OverflowError, UnicodeEncodeError, RecursionError, StatementError, DataError):
        app.add_exception_handler(error, _slipped_through)
    app.add_exception_handler(DBAPIError, _unexpected)  # a StatementError too, but no input's fault
    app.add_exception_handler(Exception, _unexpected)


STATUSES: dict[type[WebhookUIError], int] = {
    NotFound: 404,
    Conflict: 409,
    Forbidden: 403,
    Throttled: 429,
    Unavailable: 503,
}


async def _known(_: Request, error: Exception) -> Response:
    if isinstance(error, Invalid):
        many = f"{len(error.fields)} fields are wrong; errors says which and why."
        return problem(422, str(error) if len(error.fields) == 1 else many, errors=error.fields)
    if isinstance(error, Refused):
        return problem(error.status, str(error), headers=error.headers)
    status = next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 500)
    wait = error.retry_after if isinstance(error, Throttled) else AGAIN_SECONDS
    headers = {"retry-after": str(math.ceil(wait))} if status in (429, 503) else None
    return problem(status, str(error), headers=headers)


async def _from_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    if error.status_code == 404:
        return problem(404, "There is nothing at this address. /api/v1/docs lists the calls there are.")
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        return problem(405, f"This address takes {allowed}, not {request.method}.", headers={"allow": allowed})
    return problem(error.status_code, error.detail, headers=error.headers)


def _methods(request: Request) -> set[str]:
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in routes for method in route.methods}


async def _left(_: Request, __: Exception) -> Response:
    return problem(400, "The connection ended before the whole body had arrived.")


async def _slipped_through(request: Request, error: Exception) -> Response:
    # the net under the checks of input: what hangs in it is a check that is missing
    log.warning("api.check_missing", method=request.method, path=request.url.path, error=type(error).__name__)
    return problem(422, "A value is too large, too deep or holds characters that cannot be stored.")


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("api.failed", method=request.method, path=request.url.path, exc_info=error)
    return problem(500, "This is a mistake in Webhook UI; its log says more. Whether anything was stored is not known.")


def _harmless(text: Any) -> str:
    return str(text).encode("utf-8", "replace").decode()
