"""Calls about webhooks."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from sqlmodel import Session
from starlette.responses import Response

from webhook_ui import models, webhooks
from webhook_ui.api import bodies, parameters, shapes
from webhook_ui.api.calls import Answer, Body, Call, Core, Operation, operation, reply
from webhook_ui.api.problems import Refused
from webhook_ui.database import moment
from webhook_ui.errors import Conflict
from webhook_ui.expressions import LONGEST
from webhook_ui.history import paging
from webhook_ui.history import webhooks as history
from webhook_ui.webhook_fields import HIGHEST_RATE, LEAST_RATE, MAX_RETRIES, MAX_TRIGGERS

Found = tuple[models.Webhook, models.Lane]

WEBHOOK = {
    "id": 14,
    "uid": "0b5d3b5e-4c3e-4f1c-9d0a-6f3b0e6a2c11",
    "version": 1,
    "title": "CRM",
    "url": "https://crm.example.com/hooks",
    "triggers": ["user.created"],
    "enabled": True,
    "paused": False,
    "description": "",
    "headers": {},
    "filter": "data.plan == 'pro'",
    "template": None,
    "tenant": None,
    "ordered": False,
    "rate_limit": None,
    "timeout": None,
    "retry_schedule": None,
    "signer": "standard",
    "disabled_reason": None,
    "breaker": {"state": "closed", "reason": None, "opened_at": None, "next_probe_at": None},
    "failing_since": None,
    "disable_at": None,
    "created_at": "2026-11-23T09:00:00.120000Z",
    "updated_at": "2026-11-23T09:00:00.120000Z",
}
ONE = Answer(status=200, description="The webhook; its ETag is the version.", shape=shapes.Webhook, example=WEBHOOK)
IF_MATCH = {"If-Match": "The ETag as last seen; with another version the call is refused with 412."}

Title = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[str, Meta(description="http or https, at a public address unless the settings allow others.")]
Triggers = Annotated[
    list[str], Meta(min_length=1, max_length=MAX_TRIGGERS, description="Names of triggers, or groups such as `user.*`.")
]
Seconds = Annotated[float, Meta(ge=0)]


class WebhookChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Fields to change; the others stay."""

    title: Title | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    triggers: Triggers | UnsetType = UNSET
    enabled: Annotated[bool | UnsetType, Meta(description="New events become deliveries only while true.")] = UNSET
    paused: Annotated[bool | UnsetType, Meta(description="While true, deliveries are kept and held.")] = UNSET
    description: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET
    headers: Annotated[dict[str, str] | UnsetType, Meta(description="Sent with every delivery.")] = UNSET
    filter: Annotated[
        Annotated[str, Meta(min_length=1, max_length=LONGEST)] | UnsetType | None,
        Meta(
            description="A JMESPath expression over `type`, `timestamp`, `data` and `id`: an event for which it is "
            "false, null or empty is not delivered, and its trace says which clause it was."
        ),
    ] = UNSET
    template: Annotated[
        shapes.Template | UnsetType | None, Meta(description="The shape of the bodies; null: the event itself.")
    ] = UNSET
    tenant: Annotated[str, Meta(max_length=200)] | UnsetType | None = UNSET
    ordered: Annotated[bool | UnsetType, Meta(description="First in, first out, one at a time.")] = UNSET
    rate_limit: Annotated[
        Annotated[float, Meta(ge=LEAST_RATE, le=HIGHEST_RATE)] | UnsetType | None,
        Meta(description="Deliveries a second at the most, over all dispatchers."),
    ] = UNSET
    timeout: Annotated[
        Annotated[float, Meta(ge=1)] | UnsetType | None, Meta(description="Seconds one attempt may take.")
    ] = UNSET
    retry_schedule: Annotated[
        Annotated[list[Seconds], Meta(max_length=MAX_RETRIES)] | UnsetType | None,
        Meta(description="Seconds before each further attempt."),
    ] = UNSET
    signer: Annotated[
        Annotated[str, Meta(max_length=50)] | UnsetType,
        Meta(description="How deliveries are signed: `standard` (shared secret), `ed25519` (key pair), or a plugin's."),
    ] = UNSET


class NewWebhook(WebhookChange, kw_only=True, forbid_unknown_fields=True):
    """A webhook to add."""

    title: Title
    url: Url
    triggers: Triggers


def trigger_example(core: Core) -> str:
    known = core.plugins.triggers
    return "user.created" if "user.created" in known else min(known, default="user.created")


def _example(core: Core) -> dict[str, Any]:
    return {"title": "CRM", "url": "https://crm.example.com/hooks", "triggers": [trigger_example(core)]}


@operation(
    "GET",
    "/webhooks",
    "Webhooks",
    "List webhooks",
    query=(
        *parameters.span("time of creation"),
        parameters.choice("sort", "What it is sorted by.", tuple(history.Sort), default="created"),
        parameters.choice("order", "Which end comes first.", tuple(history.Order), default="desc"),
        parameters.Q,
        parameters.TRIGGER,
        parameters.ENABLED,
        parameters.LIMIT,
        parameters.cursor(1, 1_795_000_000_000_000, 14),
    ),
    answers=(
        Answer(
            status=200,
            description="A page of webhooks.",
            shape=shapes.WebhookPage,
            example={"items": [WEBHOOK], "next_cursor": None},
        ),
    ),
)
async def list_webhooks(call: Call) -> Response:
    query = call.query
    criteria = history.WebhookFilter(
        created_from=query.get("from"),
        created_to=query.get("to"),
        q=query.get("q"),
        trigger=query.get("trigger"),
        enabled=query.get("enabled"),
    )

    def read(session: Session) -> shapes.WebhookPage:
        page = history.list_webhooks(
            session,
            criteria,
            sort=history.Sort(query.get("sort", "created")),
            order=history.Order(query.get("order", "desc")),
            limit=query.get("limit", paging.DEFAULT_LIMIT),
            cursor=query.get("cursor"),
        )
        items = [shapes.webhook(row.webhook, row.lane, call.actor.role) for row in page.rows]
        return shapes.WebhookPage(items=items, next_cursor=page.next_cursor)

    return reply(await call.core.database.read(read))


@operation(
    "POST",
    "/webhooks",
    "Webhooks",
    "Add a webhook",
    body=Body(shape=NewWebhook, example=_example),
    answers=(Answer(status=201, description="The webhook is stored.", shape=shapes.Webhook, example=WEBHOOK),),
)
async def add_webhook(call: Call) -> Response:
    values = await bodies.parsed(bodies.parse_object, call.body)

    def write(session: Session) -> Found:
        return with_lane(
            session, webhooks.add(session, values, rules=call.core.rules, actor=call.actor, now=moment(session))
        )

    found = await call.core.database.write(write)
    location = f"{call.request.scope.get('root_path', '')}/webhooks/{found[0].id}"
    return reply_one(call, found, status=201, headers={"location": location})


@operation("GET", "/webhooks/{webhook_id}", "Webhooks", "Show one webhook", answers=(ONE,))
async def get_webhook(call: Call) -> Response:
    webhook_id = call.ids["webhook_id"]
    return reply_one(call, await call.core.database.read(lambda s: with_lane(s, webhooks.get(s, webhook_id))))


@operation(
    "PATCH",
    "/webhooks/{webhook_id}",
    "Webhooks",
    "Change some fields of a webhook",
    body=Body(shape=WebhookChange, example=lambda _: {"title": "CRM, new", "enabled": False}),
    headers=IF_MATCH,
    answers=(ONE,),
)
async def change_webhook(call: Call) -> Response:
    return await change_one(call, await bodies.parsed(bodies.parse_object, call.body))


@operation(
    "DELETE",
    "/webhooks/{webhook_id}",
    "Webhooks",
    "Delete a webhook",
    description="It can be restored for 30 days.",
    headers=IF_MATCH,
    answers=(Answer(status=204, description="It is deleted."),),
)
async def delete_webhook(call: Call) -> Response:
    await write_one(call, webhooks.delete, version=True)
    return Response(status_code=204)


@operation(
    "POST",
    "/webhooks/{webhook_id}/restore",
    "Webhooks",
    "Bring a deleted webhook back",
    answers=(ONE,),
    problems=(409,),
)
async def restore_webhook(call: Call) -> Response:
    return reply_one(call, await write_one(call, webhooks.restore))


async def change_one(call: Call, values: Mapping[str, Any]) -> Response:
    def change(session: Session, webhook_id: int, **rest: Any) -> models.Webhook:
        return webhooks.change(session, webhook_id, values, rules=call.core.rules, **rest)

    return reply_one(call, await write_one(call, change, version=True))


async def write_one(call: Call, order: Callable[..., models.Webhook], *, version: bool = False) -> Found:
    """Runs `order` for the webhook of the path; with `version` the request's If-Match is honoured."""
    webhook_id = call.ids["webhook_id"]
    seen = call.request.headers.get("if-match", "*").strip() if version else "*"

    def write(session: Session) -> Found:
        expected = {} if seen == "*" else {"version": _expected(session, webhook_id, seen)}
        try:
            return with_lane(session, order(session, webhook_id, actor=call.actor, now=moment(session), **expected))
        except Conflict as error:
            raise (Refused(412, str(error)) if expected else error) from None

    return await call.core.database.write(write)


def _expected(session: Session, webhook_id: int, seen: str) -> int:
    version = webhooks.get(session, webhook_id).version
    if f'"{version}"' in [tag.strip() for tag in seen.split(",")]:
        return version
    raise Refused(
        412, f'Somebody changed this webhook meanwhile: its ETag is "{version}". Load it again, compare, and repeat.'
    )


def with_lane(session: Session, webhook: models.Webhook) -> Found:
    session.flush()
    return webhook, session.get_one(models.Lane, webhook.id)


def reply_one(call: Call, found: Found, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    tag = {"etag": f'"{found[0].version}"'}
    return reply(shapes.webhook(*found, call.actor.role), status=status, headers={**tag, **(headers or {})})


OPERATIONS: tuple[Operation, ...] = (
    list_webhooks,
    add_webhook,
    get_webhook,
    change_webhook,
    delete_webhook,
    restore_webhook,
)
