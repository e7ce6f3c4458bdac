"""Calls about triggers."""

from starlette.responses import Response

from webhook_ui.api import parameters, shapes
from webhook_ui.api.calls import Answer, Call, Operation, operation, reply
from webhook_ui.history import paging
from webhook_ui.plugin_loader import RegisteredTrigger

EXAMPLE = {
    "name": "user.created",
    "title": "User creation",
    "description": "Fired when somebody signs up.",
    "plugin": "user_creation",
    "schema": {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}},
    "example": {"id": 7, "name": "Zoë"},
}


@operation(
    "GET",
    "/triggers",
    "Triggers",
    "List triggers",
    query=(parameters.LIMIT, parameters.cursor(50)),
    answers=(
        Answer(
            status=200,
            description="Triggers by name.",
            shape=shapes.TriggerPage,
            example={"items": [EXAMPLE], "next_cursor": None},
        ),
    ),
)
async def list_triggers(call: Call) -> Response:
    known = sorted(call.core.plugins.triggers.items())
    first = max(0, paging.decode(call.query["cursor"], 1)[0]) if "cursor" in call.query else 0
    last = first + call.query.get("limit", paging.DEFAULT_LIMIT)
    items = [_shape(registered) for _, registered in known[first:last]]
    return reply(shapes.TriggerPage(items=items, next_cursor=paging.encode([last]) if last < len(known) else None))


def _shape(registered: RegisteredTrigger) -> shapes.Trigger:
    trigger = registered.trigger
    return shapes.Trigger(
        name=trigger.name,
        title=trigger.title,
        description=trigger.description,
        plugin=registered.plugin.name,
        schema=trigger.schema(),
        example=dict(trigger.example),
    )


OPERATIONS: tuple[Operation, ...] = (list_triggers,)
