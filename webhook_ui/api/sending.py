"""Calls about the big switch."""

from starlette.responses import Response

from webhook_ui import sending
from webhook_ui.api import shapes
from webhook_ui.api.calls import Answer, Call, Operation, operation, reply
from webhook_ui.database import moment

STOPPED = {"stopped": True, "stopped_at": "2026-11-23T14:28:00.120000Z", "stopped_by": "dana@example.com"}
STARTED = {"stopped": False, "stopped_at": None, "stopped_by": None}


@operation(
    "GET",
    "/sending",
    "Sending",
    "Show whether sending is stopped",
    answers=(Answer(status=200, description="How the switch stands.", shape=shapes.Sending, example=STARTED),),
)
async def get_sending(call: Call) -> Response:
    return _reply(await call.core.database.read(sending.state))


@operation(
    "POST",
    "/sending/stop",
    "Sending",
    "Stop sending everywhere",
    description="For admins. What is in flight ends; everything else is accepted and held. Where sending is stopped "
    "already, that stays as it is.",
    answers=(Answer(status=200, description="It is stopped.", shape=shapes.Sending, example=STOPPED),),
)
async def stop_sending(call: Call) -> Response:
    return _reply(await call.core.database.write(lambda s: sending.stop(s, actor=call.actor, now=moment(s))))


@operation(
    "POST",
    "/sending/start",
    "Sending",
    "Start sending again",
    description="For admins. What was held is sent, oldest first.",
    answers=(Answer(status=200, description="It is not stopped.", shape=shapes.Sending, example=STARTED),),
)
async def start_sending(call: Call) -> Response:
    return _reply(await call.core.database.write(lambda s: sending.start(s, actor=call.actor, now=moment(s))))


def _reply(state: sending.SendingState) -> Response:
    return reply(shapes.Sending(stopped=state.stopped, stopped_at=state.stopped_at, stopped_by=state.stopped_by))


OPERATIONS: tuple[Operation, ...] = (get_sending, stop_sending, start_sending)
