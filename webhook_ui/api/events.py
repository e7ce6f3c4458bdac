"""Calls about events: taking them in, and reading them back."""

from typing import Any

from sqlmodel import Session
from starlette.responses import Response

from webhook_ui import ids
from webhook_ui.api import bodies, parameters, shapes
from webhook_ui.api.calls import Answer, Body, Call, Core, Operation, operation, reply
from webhook_ui.history import events as history
from webhook_ui.history import paging
from webhook_ui.outbox import Emitted

EMITTED = {"id": parameters.EVENT_EXAMPLE, "deliveries": 2}
EVENT = {
    "id": parameters.EVENT_EXAMPLE,
    "trigger": "user.created",
    "test": False,
    "tenant": None,
    "occurred_at": "2026-11-23T09:00:00Z",
    "created_at": "2026-11-23T09:00:00.120000Z",
    "payload": {"id": 7, "name": "Zoë"},
    "deliveries": 2,
}


def _example(core: Core) -> dict[str, Any]:
    # of a trigger that is there, so that trying it out works
    known = core.plugins.triggers
    name = "user.created" if "user.created" in known else min(known, default="user.created")
    payload = dict(known[name].trigger.example) if name in known else {"id": 7, "name": "Zoë"}
    return {"trigger": name, "payload": payload}


@operation(
    "POST",
    "/events",
    "Events",
    "Store an event and deliver it",
    description="When this answers, the event and its deliveries are durable. A repeated idempotency key is answered "
    "with the first event and status 200.",
    body=Body(
        shape=bodies.EventBody,
        example=lambda core: {**_example(core), "idempotency_key": "signup-7"},
        limit=lambda settings: settings.max_payload_bytes + bodies.AROUND_PAYLOAD,
    ),
    answers=(
        Answer(status=202, description="The event is stored.", shape=shapes.Emitted, example=EMITTED),
        Answer(status=200, description="It was stored before, by this key.", shape=shapes.Emitted, example=EMITTED),
    ),
    problems=(409,),
)
async def emit_event(call: Call) -> Response:
    emission = await bodies.parsed(bodies.parse_event, call.body)
    emitted = await call.core.host.emit(emission, actor=call.actor)
    return reply(_emitted(emitted), status=202 if emitted.stored else 200)


@operation(
    "POST",
    "/events/batch",
    "Events",
    "Store many events at once",
    description="All are stored, or none; mistakes are named `events[index].field`.",
    body=Body(
        shape=bodies.BatchBody,
        example=lambda core: {"events": [_example(core), {**_example(core), "tenant": "acme"}]},
        limit=lambda _: bodies.MAX_BATCH_BYTES,
    ),
    answers=(
        Answer(
            status=202,
            description="The events are stored.",
            shape=shapes.EmittedBatch,
            example={"items": [EMITTED, {"id": "evt_01KB4N8Q5Z7M3", "deliveries": 0}]},
        ),
    ),
    problems=(409,),
)
async def emit_events(call: Call) -> Response:
    emissions = await bodies.parsed(bodies.parse_batch, call.body)
    stored = await call.core.host.emit_many(emissions, actor=call.actor)
    return reply(shapes.EmittedBatch(items=[_emitted(emitted) for emitted in stored]), status=202)


@operation(
    "GET",
    "/events",
    "Events",
    "List events, newest first",
    query=(parameters.TRIGGER, *parameters.span("time of storing"), parameters.LIMIT, parameters.cursor(1 << 60)),
    answers=(
        Answer(
            status=200,
            description="A page of events.",
            shape=shapes.EventPage,
            example={"items": [EVENT], "next_cursor": None},
        ),
    ),
)
async def list_events(call: Call) -> Response:
    query = call.query
    criteria = history.EventFilter(trigger=query.get("trigger"), since=query.get("from"), until=query.get("to"))

    def read(session: Session) -> shapes.EventPage:
        page = history.list_events(
            session, criteria, limit=query.get("limit", paging.DEFAULT_LIMIT), cursor=query.get("cursor")
        )
        return shapes.EventPage(items=[shapes.event(row) for row in page.rows], next_cursor=page.next_cursor)

    return reply(await call.core.database.read(read))


@operation(
    "GET",
    "/events/{event_id}",
    "Events",
    "Show one event",
    answers=(Answer(status=200, description="The event.", shape=shapes.Event, example=EVENT),),
)
async def get_event(call: Call) -> Response:
    row = await call.core.database.read(history.get_event, call.ids["event_id"])
    return reply(shapes.event(row))


def _emitted(emitted: Emitted) -> shapes.Emitted:
    return shapes.Emitted(id=ids.event_text(emitted.event_id), deliveries=emitted.deliveries)


OPERATIONS: tuple[Operation, ...] = (emit_event, emit_events, list_events, get_event)
