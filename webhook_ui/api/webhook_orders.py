"""Calls that order something of one webhook: pause, resume, a test send, a new secret."""

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from webhook_ui import resuming, webhooks
from webhook_ui.api import bodies, shapes
from webhook_ui.api.calls import Answer, Body, Call, Core, Operation, operation, reply
from webhook_ui.api.deliveries import ATTEMPT, DELIVERY
from webhook_ui.api.webhooks import IF_MATCH, ONE, WEBHOOK, change_one, trigger_example, write_one
from webhook_ui.webhook_fields import HIGHEST_RATE, LEAST_RATE


class Resumption(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How to go on with what was held."""

    drop_before: Annotated[
        bodies.Moment | None,
        Meta(description="Cancels what is held of older events first, a thousand at a time; then it is resumed."),
    ] = None
    rate: Annotated[
        Annotated[float, Meta(extra_json_schema={"minimum": LEAST_RATE, "maximum": HIGHEST_RATE})] | None,
        Meta(description="Deliveries a second at the most, until nothing of the backlog is due; null: no limit."),
    ] = None


class Rotation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How to replace the secret."""

    force: Annotated[
        bool, Meta(description="Also within 24 hours of the last rotation: the old secret then ends at once.")
    ] = False


class Test(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to send."""

    trigger: Annotated[
        str | None, Meta(description="Its example is sent; null: that of the first trigger the webhook listens to.")
    ] = None


_resumption, _rotation = msgspec.json.Decoder(Resumption), msgspec.json.Decoder(Rotation)
_test = msgspec.json.Decoder(Test)


def _test_example(core: Core) -> dict[str, Any]:
    return {"trigger": trigger_example(core)}


@operation(
    "POST",
    "/webhooks/{webhook_id}/pause",
    "Webhooks",
    "Hold a webhook's deliveries",
    description="Events are still taken in; nothing is sent until it is resumed.",
    headers=IF_MATCH,
    answers=(ONE,),
)
async def pause_webhook(call: Call) -> Response:
    return await change_one(call, {"paused": True})


@operation(
    "POST",
    "/webhooks/{webhook_id}/resume",
    "Webhooks",
    "Send what a webhook's pause has held",
    description="Oldest first. With `drop_before`, what is held of older events is cancelled first; that needs a "
    "webhook that is paused or disabled. A disabled one stays disabled: the rest is sent, at `rate`, once it is "
    "enabled. Without `rate`, an earlier one ends.",
    body=Body(shape=Resumption, example=lambda _: {"rate": 5}, required=False),
    headers=IF_MATCH,
    answers=(
        Answer(
            status=200,
            description="The webhook, and how many deliveries were cancelled.",
            shape=shapes.ResumedWebhook,
            example={**WEBHOOK, "dropped": 0},
        ),
    ),
    problems=(409,),
)
async def resume_webhook(call: Call) -> Response:
    order = bodies.parse_order(_resumption, call.body)
    (webhook, lane), dropped = await resuming.resume(
        call.core.database,
        call.ids["webhook_id"],
        partial(write_one, call, version=True),
        actor=call.actor,
        rate=order.rate,
        drop_before=bodies.read_moment("drop_before", order.drop_before),
    )
    shape = shapes.resumed_webhook(webhook, lane, call.actor.role, dropped=dropped)
    return reply(shape, headers={"etag": f'"{webhook.version}"'})


@operation(
    "POST",
    "/webhooks/{webhook_id}/test",
    "Webhooks",
    "Send a test",
    description="Sends one example event now, whatever the webhook's state, and answers its attempt, also when that is "
    "an error. It has a `webhook-id` of its own, is kept as an event and a delivery marked `test`, is never tried "
    "again, counts nowhere, and its answer changes no state.",
    body=Body(shape=Test, example=_test_example, required=False),
    answers=(
        Answer(
            status=200,
            description="The attempt, sent or error.",
            shape=shapes.TestAttempt,
            example={
                **ATTEMPT,
                "delivery_id": DELIVERY["id"],
                "event_id": DELIVERY["event_id"],
                "trigger": "user.created",
            },
        ),
    ),
    problems=(409,),
)
async def send_test(call: Call) -> Response:
    order = bodies.parse_order(_test, call.body)
    return reply(
        shapes.test_attempt(await call.core.tester.send(call.ids["webhook_id"], order.trigger, actor=call.actor))
    )


@operation(
    "GET",
    "/webhooks/{webhook_id}/secret",
    "Webhooks",
    "Show the secret that signs",
    description="For operators and admins.",
    answers=(
        Answer(
            status=200,
            description="The secret.",
            shape=shapes.Secret,
            example={"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "public_key": None},
        ),
    ),
    problems=(403,),
)
async def get_secret(call: Call) -> Response:
    secret = await call.core.database.read(webhooks.reveal_secret, call.ids["webhook_id"], actor=call.actor)
    webhook = await call.core.database.read(webhooks.get, call.ids["webhook_id"])
    signer = call.core.plugins.signers.get(webhook.signer)
    public_key = signer.public_key(secret) if signer and signer.public_key else None
    return reply(shapes.Secret(secret=secret, public_key=public_key))


@operation(
    "POST",
    "/webhooks/{webhook_id}/secret/rotate",
    "Webhooks",
    "Replace the secret",
    description="For 24 hours both secrets sign, so that receivers can change over. Within these hours the next "
    "rotation is refused with 409 unless it is forced, since only two can sign at a time.",
    body=Body(shape=Rotation, example=lambda _: {"force": False}, required=False),
    problems=(409,),
    answers=(
        Answer(
            status=200,
            description="The new secret.",
            shape=shapes.RotatedSecret,
            example={
                "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "old_valid_until": "2026-11-24T09:00:00.120000Z",
            },
        ),
    ),
)
async def rotate_secret(call: Call) -> Response:
    force = bodies.parse_order(_rotation, call.body).force
    webhook, _ = await write_one(call, partial(webhooks.rotate_secret, force=force))
    return reply(shapes.RotatedSecret(secret=webhook.secret, old_valid_until=webhook.old_secret_until))


OPERATIONS: tuple[Operation, ...] = (pause_webhook, resume_webhook, send_test, get_secret, rotate_secret)
