"""Calls about events: taking them in, and reading them back."""

from typing import Any

from sqlmodel import Session
from starlette.responses import Response

from webhook_ui import ids
from webhook_ui.api import bodies, event_shapes, parameters, shapes
from webhook_ui.api.calls import Answer, Body, Call, Core, Operation, operation, reply
from webhook_ui.api.deliveries import DELIVERY
from webhook_ui.database import moment
from webhook_ui.errors import Invalid
from webhook_ui.history import events as history
from webhook_ui.history import paging
from webhook_ui.history.trace import trace
from webhook_ui.outbox import Emitted

EMITTED = {"id": parameters.EVENT_EXAMPLE, "deliveries": 2}
LISTED = {
    "id": parameters.EVENT_EXAMPLE,
    "trigger": "user.created",
    "test": False,
    "tenant": None,
    "occurred_at": "2026-11-23T09:00:00Z",
    "created_at": "2026-11-23T09:00:00.120000Z",
    "actor": "shop",
    "deliveries": 2,
    "payload_bytes": 23,
    "payload": {"id": 7, "name": "Zoë"},
}
EVENT = {**LISTED, "idempotency_key": "signup-7"}
TRACE = {
    "event_id": parameters.EVENT_EXAMPLE,
    "counts": {"sent": 0, "error": 1, "pending": 0, "missed": 1, "not_subscribed": 12},
    "items": [
        {
            "webhook_id": 14,
            "webhook_title": "CRM",
            "outcome": "delivered",
            "detail": None,
            "since": None,
            "by": None,
            "created_so": False,
            "triggers": [],
            "tenant": None,
            "delivery": DELIVERY,
        },
        {
            "webhook_id": 9,
            "webhook_title": "Old partner API",
            "outcome": "disabled",
            "detail": "Its receiver answered 410 Gone: it wants no more events.",
            "since": "2026-11-19T08:12:40.310000Z",
            "by": "webhook-ui",
            "created_so": False,
            "triggers": ["user.*"],
            "tenant": None,
            "delivery": None,
        },
    ],
    "next_cursor": None,
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
    description="A payload of more than 16 KiB is left out here (null); `payload_bytes` says how large it is, and the "
    "call for one event shows it whole.",
    query=(
        parameters.TRIGGER,
        parameters.TENANT,
        *parameters.span("time of storing"),
        parameters.FIELD,
        parameters.LIMIT,
        parameters.cursor(1 << 60),
    ),
    answers=(
        Answer(
            status=200,
            description="A page of events.",
            shape=event_shapes.EventPage,
            example={"items": [LISTED], "next_cursor": None},
        ),
    ),
)
async def list_events(call: Call) -> Response:
    query = call.query
    criteria = history.EventFilter(
        trigger=query.get("trigger"),
        tenant=query.get("tenant"),
        since=query.get("from"),
        until=query.get("to"),
        fields=_fields(call),
    )

    def read(session: Session) -> event_shapes.EventPage:
        page = history.list_events(
            session, criteria, limit=query.get("limit", paging.DEFAULT_LIMIT), cursor=query.get("cursor")
        )
        items = [event_shapes.listed_event(row) for row in page.rows]
        return event_shapes.EventPage(items=items, next_cursor=page.next_cursor)

    return reply(await call.core.database.read(read))


@operation(
    "GET",
    "/events/{event_id}",
    "Events",
    "Show one event",
    answers=(Answer(status=200, description="The event.", shape=event_shapes.Event, example=EVENT),),
)
async def get_event(call: Call) -> Response:
    detail = await call.core.database.read(history.get_event, call.ids["event_id"])
    return reply(event_shapes.event(detail))


@operation(
    "GET",
    "/events/{event_id}/trace",
    "Events",
    "Say for every webhook why it did or did not get the event",
    description="By what held when the event was stored, as the webhooks' history tells. Deliveries come first, then "
    "webhooks that listen but have none, then those that did not listen; `counts` says how many there are of each.",
    query=(parameters.Q, parameters.LIMIT, parameters.cursor(1, 14)),
    answers=(Answer(status=200, description="A page of the trace.", shape=event_shapes.EventTrace, example=TRACE),),
)
async def get_event_trace(call: Call) -> Response:
    query = call.query

    def read(session: Session) -> event_shapes.EventTrace:
        page = trace(
            session,
            call.ids["event_id"],
            now=moment(session),
            q=query.get("q"),
            limit=query.get("limit", paging.DEFAULT_LIMIT),
            cursor=query.get("cursor"),
        )
        return event_shapes.event_trace(page)

    return reply(await call.core.database.read(read))


def _fields(call: Call) -> tuple[tuple[str, str], ...]:
    """What is asked of payloads. Raises Invalid for a field that is not indexed."""
    asked = dict.fromkeys(call.query.get("field", ()))
    known = call.core.settings.indexed.paths
    for path, _ in asked:
        if path not in known:
            named = f"Indexed are {', '.join(known)}." if known else "None is at present."
            raise Invalid(
                {
                    "field": f"{path} is not indexed. {named} Name it in the setting WEBHOOK_UI_INDEXED_FIELDS; events "
                    "stored from then on are found by it."
                }
            )
    if len(asked) > parameters.MOST_FIELDS:
        raise Invalid({"field": f"At most {parameters.MOST_FIELDS} fields can be asked for at once."})
    return tuple(asked)


def _emitted(emitted: Emitted) -> shapes.Emitted:
    return shapes.Emitted(id=ids.event_text(emitted.event_id), deliveries=emitted.deliveries)


OPERATIONS: tuple[Operation, ...] = (emit_event, emit_events, list_events, get_event, get_event_trace)
