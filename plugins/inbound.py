"""Inbound: takes webhooks of others in, verifies them, and fires each as an event: one place fans in and out.

Set WEBHOOK_UI_INBOUND_ENDPOINTS to a JSON object, for example {"github": {"kind": "github", "secret": "…"}}.
GitHub is then told the address https://…/plugins/inbound/github, and the trigger is called inbound.github.
Kinds: standard (Standard Webhooks), github, stripe, hmac (SHA-256 in hex, in the header named by `header`).
What is received twice, by its sender's own id, is one event.
"""

import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, SecretStr

from webhook_ui import Host, Trigger, hookimpl, needs_settings, open_to_all
from webhook_ui.errors import Conflict, Invalid, Unavailable
from webhook_ui.signing import NotVerified, verify

if TYPE_CHECKING:
    from fastapi import APIRouter

LARGEST = 1024 * 1024
TOLERANCE = 300  # seconds that the sender's clock may differ, where it says when it signed


class Endpoint(BaseModel, extra="forbid"):
    """One sender."""

    kind: Literal["standard", "github", "stripe", "hmac"]
    secret: SecretStr = Field(min_length=8)
    header: str = "x-signature"


class Settings(BaseModel):
    """None of them: nothing is taken in."""

    endpoints: dict[str, Endpoint] = {}


@hookimpl
def register_settings() -> type[Settings]:
    return Settings


@hookimpl
@needs_settings("endpoints")
def register_triggers(host: Host) -> list[Trigger]:
    return [
        Trigger(f"inbound.{name}", f"From {name}", f"{name} has sent a webhook; the payload is its body.", {"id": 7})
        for name in host.setting.endpoints
    ]


@hookimpl
@needs_settings("endpoints")
def register_routes(router: "APIRouter", host: Host) -> None:
    from fastapi import HTTPException, Request  # takes a second, so only where it is needed

    @router.post("/{name}", status_code=202)
    @open_to_all  # who calls is found out by the signature
    async def receive(name: str, request: Request) -> dict[str, str]:
        endpoint: Endpoint | None = host.setting.endpoints.get(name)
        body = await read(request.stream())
        try:
            if body is None:
                raise HTTPException(413, f"At most {LARGEST} bytes are taken.")
            if endpoint is None:
                raise NotVerified("There is no such endpoint.")
            judge(endpoint, request.headers, body, now=int(time.time()))
        except (NotVerified, ValueError) as error:
            host.log.warning("inbound.refused", endpoint=name[:50], reason=str(error))
            raise HTTPException(401, "The signature does not fit.") from None
        try:
            content = json.loads(body)
            payload = content if isinstance(content, dict) else {"body": content}
            key = sender_id(endpoint, request.headers, payload)
            return {"id": await host.emit(f"inbound.{name}", payload, idempotency_key=key)}
        except (ValueError, RecursionError, Invalid) as error:
            raise HTTPException(422, f"The body cannot be taken: {error}") from None
        except (Conflict, Unavailable) as error:  # after 503 the sender tries again
            raise HTTPException(409 if isinstance(error, Conflict) else 503, str(error)) from None


async def read(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The body; None if it is too large."""
    body = b""
    async for chunk in chunks:
        if len(body := body + chunk) > LARGEST:
            return None
    return body


def judge(endpoint: Endpoint, headers: Mapping[str, str], body: bytes, *, now: int) -> None:
    """Raises NotVerified unless whoever knows the secret has signed exactly this body."""
    secret = endpoint.secret.get_secret_value()
    if endpoint.kind == "standard":
        verify(secret, headers, body, now)
        return
    signed, given = body, [headers.get(endpoint.header, "")]
    if endpoint.kind == "github":
        given = [headers.get("x-hub-signature-256", "").removeprefix("sha256=")]
    elif endpoint.kind == "stripe":
        parts = [part.strip().partition("=") for part in headers.get("stripe-signature", "").split(",")]
        at = next((value for name, _, value in parts if name == "t" and value.isdecimal()), "0")
        if abs(now - int(at)) > TOLERANCE:
            raise NotVerified("It was signed too long ago, or both clocks differ.")
        signed, given = f"{at}.".encode() + body, [value for name, _, value in parts if name == "v1"]
    expected = hmac.new(secret.encode(), signed, "sha256").hexdigest().encode()
    if not any(hmac.compare_digest(one.encode(), expected) for one in given):
        raise NotVerified("No signature matches.")


def sender_id(endpoint: Endpoint, headers: Mapping[str, str], payload: Mapping[str, Any]) -> str | None:
    """What the sender calls this webhook, the same each time it tries."""
    header = {"standard": "webhook-id", "github": "x-github-delivery"}.get(endpoint.kind, "")
    found = payload.get("id") if endpoint.kind == "stripe" else headers.get(header)
    return str(found)[:250] if found else None
