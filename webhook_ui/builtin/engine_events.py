"""Engine: what becomes of webhooks and deliveries, for an alert in a chat or on a pager.

Only the triggers stand here; the engine emits their events with the payloads of `webhook_ui.engine_events`.
"""

from pydantic import AwareDatetime, BaseModel, Field

from webhook_ui.engine_events import DISABLED, EXHAUSTED, FAILING, RECOVERED
from webhook_ui.languages import mark
from webhook_ui.plugin_api import Trigger, hookimpl


class About(BaseModel):
    """A webhook; its URL stands here without the query, which often carries a token."""

    id: int
    uid: str
    title: str
    url: str


class LastError(BaseModel):
    kind: str = Field(alias="class")
    message: str
    response_status: int | None = None


class Failing(BaseModel):
    webhook: About
    reason: str
    failed: int
    attempts: int
    error: LastError | None = None
    failing_since: AwareDatetime | None = None
    noticed_at: AwareDatetime


class Disabled(BaseModel):
    webhook: About
    reason: str
    failing_since: AwareDatetime | None = None
    disabled_at: AwareDatetime


class Recovered(BaseModel):
    webhook: About
    reason: str | None = None
    failing_since: AwareDatetime | None = None
    recovered_at: AwareDatetime


class Exhausted(BaseModel):
    webhook: About
    delivery_id: str
    event_id: str
    trigger: str
    tries: int
    error: LastError | None = None


_WEBHOOK = {
    "id": 14,
    "uid": "0b9d6f5e-6a0c-4d8e-9f53-2f8a7f1c9d10",
    "title": "Billing",
    "url": "https://billing.example.com/hooks",
}

_FAILING = Trigger(
    name=FAILING,
    title=mark("Webhook failing"),
    description=mark("A receiver counts as down: what goes to it is held, and it is probed until it is up again."),
    example={
        "webhook": _WEBHOOK,
        "reason": "12 of the last 20 attempts failed; last: 503 Service Unavailable",
        "failed": 12,
        "attempts": 20,
        "error": {"class": "http", "message": "503 Service Unavailable", "response_status": 503},
        "failing_since": "2026-11-23T08:41:00Z",
        "noticed_at": "2026-11-23T08:43:00Z",
    },
    payload=Failing,
)
_DISABLED = Trigger(
    name=DISABLED,
    title=mark("Webhook disabled"),
    description=mark(
        "The engine has disabled a webhook: its receiver answered 410 Gone, or nothing was delivered for days."
    ),
    example={
        "webhook": _WEBHOOK,
        "reason": "Its receiver answered 410 Gone: it wants no more events.",
        "failing_since": "2026-11-18T20:15:00Z",
        "disabled_at": "2026-11-23T09:00:00Z",
    },
    payload=Disabled,
)
_RECOVERED = Trigger(
    name=RECOVERED,
    title=mark("Webhook recovered"),
    description=mark("A receiver that was down answers again; what was held for it is being delivered."),
    example={
        "webhook": _WEBHOOK,
        "reason": "Still down after 3 probes; last: 503 Service Unavailable",
        "failing_since": "2026-11-23T08:41:00Z",
        "recovered_at": "2026-11-23T09:00:00Z",
    },
    payload=Recovered,
)
_EXHAUSTED = Trigger(
    name=EXHAUSTED,
    title=mark("Delivery exhausted"),
    description=mark("A delivery has used up its tries and is not tried again by itself."),
    example={
        "webhook": _WEBHOOK,
        "delivery_id": "dlv_01KB4N8Q5Z7M2_14",
        "event_id": "evt_01KB4N8Q5Z7M2",
        "trigger": "user.created",
        "tries": 10,
        "error": {"class": "http", "message": "503 Service Unavailable", "response_status": 503},
    },
    payload=Exhausted,
)


@hookimpl
def register_triggers() -> list[Trigger]:
    return [_FAILING, _DISABLED, _RECOVERED, _EXHAUSTED]
