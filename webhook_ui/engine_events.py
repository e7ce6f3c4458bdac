"""The engine's own events: their triggers' names and their payloads as JSON texts. `builtin` registers the triggers.

No loops: an event of these triggers that cannot be delivered makes no `delivery.exhausted` (TRIGGERS tells them), and
no webhook hears an event about itself; both are kept where events are emitted.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_ui import ids, times
from webhook_ui.wire import Failure

FAILING = "webhook.failing"
DISABLED = "webhook.disabled"
RECOVERED = "webhook.recovered"
EXHAUSTED = "delivery.exhausted"
TRIGGERS = frozenset({FAILING, DISABLED, RECOVERED, EXHAUSTED})


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The webhook that an event is about."""

    id: int
    uid: str
    title: str
    url: str


def failing_payload(
    webhook: Subject,
    *,
    reason: str,
    failed: int,
    attempts: int,
    failure: Failure | None,
    response_status: int | None,
    failing_since: datetime | None,
    noticed_at: datetime,
) -> str:
    """A receiver counts as down from now on; `failed` of the last `attempts` failed, the last one with `failure`."""
    return _json(
        webhook=_about(webhook),
        reason=reason,
        failed=failed,
        attempts=attempts,
        error=_error(failure, response_status),
        failing_since=_time(failing_since),
        noticed_at=_time(noticed_at),
    )


def disabled_payload(webhook: Subject, *, reason: str, failing_since: datetime | None, disabled_at: datetime) -> str:
    """The engine has disabled a webhook; `failing_since` is None where it did not fail before."""
    return _json(
        webhook=_about(webhook), reason=reason, failing_since=_time(failing_since), disabled_at=_time(disabled_at)
    )


def recovered_payload(
    webhook: Subject, *, reason: str | None, failing_since: datetime | None, recovered_at: datetime
) -> str:
    """A receiver that was down answers again; `reason` is what its breaker said, if that was open."""
    return _json(
        webhook=_about(webhook), reason=reason, failing_since=_time(failing_since), recovered_at=_time(recovered_at)
    )


def exhausted_payload(
    webhook: Subject, *, event_id: int, trigger: str, tries: int, failure: Failure | None, response_status: int | None
) -> str:
    """A delivery used up its last try; `failure` and `response_status` are what that one brought."""
    return _json(
        webhook=_about(webhook),
        delivery_id=ids.delivery_text(webhook.id, event_id),
        event_id=ids.event_text(event_id),
        trigger=trigger,
        tries=tries,
        error=_error(failure, response_status),
    )


def _error(failure: Failure | None, response_status: int | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {"class": failure.kind.value, "message": failure.message, "response_status": response_status}


def _about(webhook: Subject) -> dict[str, Any]:
    # a query often carries a token, and who hears this is another receiver
    return {"id": webhook.id, "uid": webhook.uid, "title": webhook.title, "url": webhook.url.partition("?")[0]}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else times.to_text(moment)


def _json(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
