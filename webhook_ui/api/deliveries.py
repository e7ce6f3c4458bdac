"""Calls about deliveries: the log, one delivery with its attempts, and giving it a new round or none."""

from collections.abc import Callable

from sqlmodel import Session
from starlette.responses import Response

from webhook_ui import outbox
from webhook_ui.api import parameters, shapes
from webhook_ui.api.calls import Answer, Call, Operation, operation, reply
from webhook_ui.database import moment
from webhook_ui.history import deliveries as history
from webhook_ui.history import paging
from webhook_ui.wire import ErrorClass

OPEN = "open"
DELIVERY = {
    "id": "dlv_01KB4N8Q5Z7M2_14",
    "webhook_id": 14,
    "webhook_title": "CRM",
    "event_id": parameters.EVENT_EXAMPLE,
    "trigger": "user.created",
    "status": "error",
    "in_flight": False,
    "tries": 1,
    "round": 1,
    "test": False,
    "closed_reason": None,
    "waiting_for": "retry",
    "next_attempt_at": "2026-11-23T09:05:05.400000Z",
    "created_at": "2026-11-23T09:00:00.120000Z",
    "updated_at": "2026-11-23T09:00:00.310000Z",
    "last_attempt": {
        "at": "2026-11-23T09:00:00.130000Z",
        "duration_ms": 172.4,
        "response_status": 503,
        "error": {"class": "http", "message": "503 Service Unavailable"},
    },
}
ATTEMPT = {
    "at": "2026-11-23T09:00:00.130000Z",
    "round": 1,
    "late": False,
    "duration_ms": 172.4,
    "status": "error",
    "url": "https://crm.example.com/hooks",
    "request_headers": {"content-type": "application/json", "webhook-id": parameters.EVENT_EXAMPLE},
    "request_body": '{"type":"user.created","timestamp":"2026-11-23T09:00:00Z","data":{"id":7,"name":"Zoë"}}',
    "response_status": 503,
    "response_headers": {"content-type": "text/plain"},
    "response_body": "down for maintenance",
    "error": {"class": "http", "message": "503 Service Unavailable"},
    "timings": {"dns": 2.1, "connect": 11.8, "tls": 24.0, "wait": 130.2},
}
FULL = Answer(
    status=200,
    description="The delivery and its attempts.",
    shape=shapes.DeliveryWithAttempts,
    example={**DELIVERY, "attempts": [ATTEMPT]},
)


@operation(
    "GET",
    "/deliveries",
    "Deliveries",
    "List deliveries, newest first",
    description="A rare `error_class`, `response_status` or `trigger` is looked for in portions: a page may then hold "
    "fewer items than `limit`, or none, and still have a `next_cursor` with which the search goes on.",
    query=(
        parameters.WEBHOOK,
        parameters.EVENT,
        parameters.TRIGGER,
        parameters.choice(
            "status",
            "Only deliveries in this state; `open`: those that are not over, pending or in error and tried again.",
            ("pending", "sent", "error", OPEN),
        ),
        parameters.choice(
            "error_class",
            "Only deliveries in error whose latest attempt failed in this way.",
            tuple(ErrorClass),
        ),
        parameters.RESPONSE_STATUS,
        parameters.REDELIVERY,
        *parameters.span("time of the event"),
        *parameters.span("beginning of an attempt that the delivery has, test sends left out", "attempted_"),
        parameters.LIMIT,
        parameters.cursor(1 << 60, 14),
    ),
    answers=(
        Answer(
            status=200,
            description="A page of deliveries.",
            shape=shapes.DeliveryPage,
            example={"items": [DELIVERY], "next_cursor": None},
        ),
    ),
)
async def list_deliveries(call: Call) -> Response:
    query = call.query
    criteria = history.DeliveryFilter(
        webhook_id=query.get("webhook_id"),
        event_id=query.get("event_id"),
        trigger=query.get("trigger"),
        status=None if query.get("status") == OPEN else query.get("status"),
        open=query.get("status") == OPEN,
        error_class=query.get("error_class"),
        response_status=query.get("response_status"),
        since=query.get("from"),
        redelivery_id=query.get("redelivery_id"),
        until=query.get("to"),
        attempted_since=query.get("attempted_from"),
        attempted_until=query.get("attempted_to"),
    )

    def read(session: Session) -> shapes.DeliveryPage:
        page = history.list_deliveries(
            session,
            criteria,
            now=moment(session),
            limit=query.get("limit", paging.DEFAULT_LIMIT),
            cursor=query.get("cursor"),
        )
        return shapes.DeliveryPage(items=[shapes.delivery(row) for row in page.rows], next_cursor=page.next_cursor)

    return reply(await call.core.database.read(read))


@operation(
    "GET",
    "/deliveries/{delivery_id}",
    "Deliveries",
    "Show one delivery with its attempts",
    answers=(FULL,),
)
async def get_delivery(call: Call) -> Response:
    return reply(await call.core.database.read(_show, call))


@operation(
    "POST",
    "/deliveries/{delivery_id}/redeliver",
    "Deliveries",
    "Send a delivery again",
    description="Gives it a new round; one that waits for a retry is tried now.",
    answers=(FULL,),
    problems=(409,),
)
async def redeliver_delivery(call: Call) -> Response:
    return await _order(call, outbox.redeliver)


@operation(
    "POST",
    "/deliveries/{delivery_id}/cancel",
    "Deliveries",
    "Cancel what has not been sent",
    answers=(FULL,),
    problems=(409,),
)
async def cancel_delivery(call: Call) -> Response:
    return await _order(call, outbox.cancel)


async def _order(call: Call, order: Callable[..., None]) -> Response:
    def write(session: Session) -> shapes.DeliveryWithAttempts:
        webhook_id, event_id = call.ids["delivery_id"]
        order(session, webhook_id, event_id, actor=call.actor, now=moment(session))
        return _show(session, call)

    return reply(await call.core.database.write(write))


def _show(session: Session, call: Call) -> shapes.DeliveryWithAttempts:
    webhook_id, event_id = call.ids["delivery_id"]
    detail = history.get_delivery(session, webhook_id, event_id, now=moment(session))
    return shapes.delivery_with_attempts(detail)


OPERATIONS: tuple[Operation, ...] = (list_deliveries, get_delivery, redeliver_delivery, cancel_delivery)
