"""Calls for many deliveries at once: plans to redeliver them, now, at a time or by cron, and to cancel them."""

from typing import Any

from sqlmodel import Session
from starlette.responses import Response

from webhook_ui import redeliveries
from webhook_ui.api import bodies, parameters, plan_shapes
from webhook_ui.api.calls import Answer, Body, Call, Core, Operation, operation, reply
from webhook_ui.database import moment
from webhook_ui.errors import Invalid
from webhook_ui.history import paging
from webhook_ui.history import redeliveries as history
from webhook_ui.outbox import plans

READERS = {"from": parameters.since, "to": parameters.until, "at": parameters.moment}
STATES = ("scheduled", "running", "paused", "done", "cancelled")
REDELIVERY = {
    "id": 3,
    "kind": "redeliver",
    "state": "running",
    "scope": {
        "webhook_id": None,
        "webhook_ids": None,
        "trigger": "user.*",
        "tenant": None,
        "status": None,
        "error_class": None,
        "response_status": 503,
        "from": "2026-11-22T00:00:00Z",
        "to": None,
        "within": None,
    },
    "rate": 50.0,
    "at": None,
    "cron": None,
    "timezone": None,
    "matched": 1200,
    "done": 350,
    "held": 0,
    "estimate_s": 17.0,
    "next_run_at": None,
    "started_at": "2026-11-23T09:00:00.120000Z",
    "actor": "olga@example.com",
    "created_at": "2026-11-23T09:00:00.120000Z",
    "updated_at": "2026-11-23T09:00:00.120000Z",
}
CANCELLING: dict[str, Any] = {**REDELIVERY, "id": 4, "kind": "cancel", "rate": None, "done": 0, "estimate_s": 0.6}
RUN = {
    "started_at": "2026-11-23T09:00:00.120000Z",
    "ended_at": None,
    "matched": 1200,
    "done": 350,
    "outcome": None,
}
ONE = Answer(status=200, description="The plan.", shape=plan_shapes.Redelivery, example=REDELIVERY)
WITH_RUNS = Answer(
    status=200,
    description="The plan, and its latest runs.",
    shape=plan_shapes.RedeliveryWithRuns,
    example={**REDELIVERY, "outcome": {"sent": 338, "failed": 9, "waiting": 3, "complete": True}, "runs": [RUN]},
)
FORESEEN = Answer(
    status=200,
    description="With `dry_run`: what it would be; nothing is changed.",
    shape=plan_shapes.Forecast,
    example={"matched": 1200, "estimate_s": 24.0},
)


def _placed(example: Any) -> Answer:
    return Answer(status=202, description="The plan is stored.", shape=plan_shapes.Redelivery, example=example)


def _example(_: Core) -> dict[str, Any]:
    return {"trigger": "user.*", "response_status": 503, "from": "2026-11-22", "rate": 50}


@operation(
    "POST",
    "/redeliveries",
    "Redeliveries",
    "Send many deliveries again",
    description="Takes errors that exist when a run begins, oldest first in each webhook. Webhooks that take nothing "
    "(paused, disabled, sending stopped) are come back to and keep nobody waiting; while a receiver counts as down, "
    "one delivery at a time finds out whether it is back.",
    body=Body(shape=plan_shapes.NewRedelivery, example=_example),
    answers=(_placed(REDELIVERY), FORESEEN),
)
async def redeliver_many(call: Call) -> Response:
    return await _place(call, "redeliver")


@operation(
    "POST",
    "/deliveries/cancel",
    "Redeliveries",
    "Cancel many deliveries that have not been sent",
    description="A plan too: `GET /redeliveries/{redelivery_id}` says how far it has come. What is in flight is left "
    "alone.",
    body=Body(
        shape=plan_shapes.BulkCancel, example=lambda _: {"trigger": "user.*", "status": "pending", "to": "2026-11-22"}
    ),
    answers=(_placed(CANCELLING), FORESEEN),
)
async def cancel_many(call: Call) -> Response:
    return await _place(call, "cancel")


@operation(
    "GET",
    "/redeliveries",
    "Redeliveries",
    "List plans, newest first",
    query=(
        parameters.choice("state", "Only plans in this state.", STATES),
        parameters.LIMIT,
        parameters.cursor(3),
    ),
    answers=(
        Answer(
            status=200,
            description="A page of plans.",
            shape=plan_shapes.RedeliveryPage,
            example={"items": [REDELIVERY], "next_cursor": None},
        ),
    ),
)
async def list_redeliveries(call: Call) -> Response:
    query = call.query

    def read(session: Session) -> plan_shapes.RedeliveryPage:
        page = history.list_redeliveries(
            session,
            state=query.get("state"),
            limit=query.get("limit", paging.DEFAULT_LIMIT),
            cursor=query.get("cursor"),
        )
        items = [plan_shapes.redelivery(row) for row in page.rows]
        return plan_shapes.RedeliveryPage(items=items, next_cursor=page.next_cursor)

    return reply(await call.core.database.read(read))


@operation("GET", "/redeliveries/{redelivery_id}", "Redeliveries", "Show how far a plan has come", answers=(WITH_RUNS,))
async def get_redelivery(call: Call) -> Response:
    plan_id = call.ids["redelivery_id"]

    def read(session: Session) -> plan_shapes.RedeliveryWithRuns:
        row = history.get_redelivery(session, plan_id)
        return plan_shapes.redelivery_with_runs(row, history.list_runs(session, plan_id))

    return reply(await call.core.database.read(read))


@operation(
    "PATCH",
    "/redeliveries/{redelivery_id}",
    "Redeliveries",
    "Pause, resume or edit a plan",
    description="Runs that fall due during a pause are left out.",
    body=Body(shape=plan_shapes.RedeliveryChange, example=lambda _: {"state": "paused", "rate": 10}),
    answers=(ONE,),
    problems=(409,),
)
async def change_redelivery(call: Call) -> Response:
    values = _moments(bodies.parse_object(call.body))

    def write(session: Session) -> plan_shapes.Redelivery:
        plan_id = call.ids["redelivery_id"]
        redeliveries.change(session, plan_id, values, actor=call.actor, now=moment(session))
        return _show(session, plan_id)

    return reply(await call.core.database.write(write))


@operation(
    "DELETE",
    "/redeliveries/{redelivery_id}",
    "Redeliveries",
    "End a plan and cancel what it has not sent",
    description="The plan stays in the list. What had been open before the plan, and was only tried sooner for it, "
    "goes on as it would have.",
    answers=(Answer(status=200, description="The plan.", shape=plan_shapes.Redelivery, example=REDELIVERY),),
    problems=(409,),
)
async def cancel_redelivery(call: Call) -> Response:
    def write(session: Session) -> plan_shapes.Redelivery:
        plan_id = call.ids["redelivery_id"]
        plans.cancel(session, plan_id, actor=call.actor, now=moment(session))
        return _show(session, plan_id)

    return reply(await call.core.database.write(write))


async def _place(call: Call, kind: str) -> Response:
    values = _moments(bodies.parse_object(call.body))
    database, actor = call.core.database, call.actor
    dry_run = values.pop("dry_run", False)
    if not isinstance(dry_run, bool):
        raise Invalid({"dry_run": "This must be true or false."})
    if dry_run:
        found = await redeliveries.foresee(database, values, kind=kind, actor=actor)
        return reply(plan_shapes.Forecast(matched=found.matched, estimate_s=found.seconds(values.get("rate"))))
    plan = await redeliveries.place(database, values, kind=kind, actor=actor)
    location = f"{call.request.scope.get('root_path', '')}/redeliveries/{plan.id}"
    shown = await database.read(_show, plan.id or 0)
    return reply(shown, status=202, headers={"location": location})


def _show(session: Session, plan_id: int) -> plan_shapes.Redelivery:
    session.flush()
    return plan_shapes.redelivery(history.get_redelivery(session, plan_id))


def _moments(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with its times read; what cannot be read stays text, and is refused with everything else."""
    read = dict(values)
    for name, reader in READERS.items():
        if isinstance(values.get(name), str):
            try:
                read[name] = reader(values[name])
            except ValueError:
                continue
    return read


OPERATIONS: tuple[Operation, ...] = (
    redeliver_many,
    list_redeliveries,
    get_redelivery,
    change_redelivery,
    cancel_redelivery,
    cancel_many,
)
