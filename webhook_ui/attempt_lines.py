"""What the log says of attempts: one line for each that was recorded."""

import logging
from collections.abc import Sequence

from webhook_ui import ids, logs
from webhook_ui.turn import Sent
from webhook_ui.wire import Result


def write(answers: Sequence[Sent]) -> None:
    """One line for each attempt that was recorded."""
    for result, level in ((Result.sent, logging.INFO), (Result.error, logging.WARNING)):
        if logs.is_written(level):
            logs.write(level, f"attempt.{result}", [_line(one) for one in answers if one.answer.result is result])


def _line(one: Sent) -> dict[str, object]:
    claimed, answer = one.claimed, one.answer
    line: dict[str, object] = {
        "delivery": ids.delivery_text(claimed.webhook_id, claimed.event_id),
        "trigger": claimed.trigger,
        "webhook": claimed.webhook_id,
        "attempt": claimed.tries + 1,
        "response_status": answer.response_status,
        "duration_ms": round(answer.duration_ms, 1),
    }
    return line if answer.failure is None else line | {"error": answer.failure.message}
