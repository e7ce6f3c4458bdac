"""What answers look like: one struct for each thing, made from what the read side found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from webhook_ui import ids, models, wire
from webhook_ui.actors import Role
from webhook_ui.expressions import LONGEST
from webhook_ui.history.deliveries import DeliveryDetail, DeliveryRow
from webhook_ui.tester import Tested

MASK = "•••"

Cursor = Annotated[str | None, Meta(description="Give this as `cursor` for the next page; null on the last one.")]
Status = Literal["pending", "sent", "error"]
WebhookId = Annotated[int, Meta(description="The webhook's id.")]
Json = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"}, description="Exactly as it was accepted.")]


class Shape(msgspec.Struct, kw_only=True):
    """Base of all answers."""


class Breaker(Shape):
    """What the engine makes of a receiver: while it is down, one delivery at a time is tried and the others wait."""

    state: Annotated[
        Literal["closed", "open", "half_open"],
        Meta(
            description="`closed`: deliveries flow; `open`: the next probe is awaited; `half_open`: one is under way."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it is not closed, for people.")]
    opened_at: datetime | None
    next_probe_at: datetime | None


ShapeName = Literal["slack", "discord", "teams", "cloudevents", "cloudevents-binary", "custom"]


class Template(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A ready shape, or an expression of one's own; with a ready shape an expression takes the place of its own."""

    shape: ShapeName
    expression: Annotated[
        Annotated[str, Meta(min_length=1, max_length=LONGEST)] | None, Meta(description="JMESPath; gives the body.")
    ] = None


class Webhook(Shape):
    """Where to send and what for."""

    id: int
    uid: Annotated[str, Meta(description="Never changes, also when the webhook is moved to another installation.")]
    version: Annotated[int, Meta(description="Rises with every change; it is the ETag too.")]
    title: str
    url: str
    triggers: Annotated[list[str], Meta(description="Names, or groups such as `user.*`.")]
    enabled: Annotated[bool, Meta(description="Whether new events become deliveries to it.")]
    paused: Annotated[bool, Meta(description="Whether its deliveries are kept and held.")]
    description: str
    headers: Annotated[
        dict[str, str], Meta(description="Sent with every delivery. Viewers see the names; the values are •••.")
    ]
    filter: Annotated[str | None, Meta(description="A JMESPath expression: events for which it is false are left out.")]
    template: Annotated[
        Template | None, Meta(description="The shape its bodies go out in; null: the event as it was accepted.")
    ]
    tenant: Annotated[str | None, Meta(description="Whose events it gets, besides those of nobody.")]
    ordered: Annotated[bool, Meta(description="First in, first out, one at a time.")]
    rate_limit: Annotated[float | None, Meta(description="Deliveries a second at the most; null: no limit.")]
    timeout: Annotated[float | None, Meta(description="Seconds one attempt may take; null: the setting.")]
    retry_schedule: Annotated[
        list[float] | None, Meta(description="Seconds before each further attempt; null: the trigger's or the setting.")
    ]
    signer: Annotated[str, Meta(description="How deliveries are signed.")]
    disabled_reason: Annotated[str | None, Meta(description="Why the engine has disabled it.")]
    breaker: Breaker
    failing_since: Annotated[datetime | None, Meta(description="Since when nothing has arrived; null: it has.")]
    disable_at: Annotated[
        datetime | None, Meta(description="From then on a failure disables it, unless something arrives before.")
    ]
    created_at: datetime
    updated_at: datetime


class ResumedWebhook(Webhook):
    """A webhook that sends again, and how many deliveries were cancelled for it."""

    dropped: int


class WebhookPage(Shape):
    """A page of webhooks."""

    items: list[Webhook]
    next_cursor: Cursor


class Secret(Shape):
    """What a webhook's deliveries are signed with, and what receivers verify with where that is a key of its own."""

    secret: str
    public_key: str | None


class RotatedSecret(Shape):
    """The new secret; until `old_valid_until` the old one signs beside it."""

    secret: str
    old_valid_until: datetime | None


class Emitted(Shape):
    """An event that is stored, and how many deliveries it has."""

    id: str
    deliveries: int


class EmittedBatch(Shape):
    """Events that are stored, in the order they were given."""

    items: list[Emitted]


class Sending(Shape):
    """The big switch; while it is stopped nothing is sent anywhere."""

    stopped: bool
    stopped_at: datetime | None
    stopped_by: str | None


class AttemptError(Shape):
    """Where an attempt failed, and why in a sentence for people."""

    kind: Literal["dns", "connect", "tls", "timeout", "blocked", "protocol", "http", "plugin", "crash"] = msgspec.field(
        name="class"
    )
    message: str


class Timings(Shape):
    """Milliseconds of each step; null where it was not reached or not needed."""

    dns: float | None
    connect: float | None
    tls: float | None
    wait: float | None


class LastAttempt(Shape):
    """A delivery's latest attempt in short."""

    at: datetime
    duration_ms: float
    response_status: int | None
    error: AttemptError | None


class Delivery(Shape):
    """The duty to bring one event to one webhook, and how far it has come."""

    id: str
    webhook_id: WebhookId
    webhook_title: str
    event_id: str
    trigger: str
    status: Status
    in_flight: Annotated[bool, Meta(description="Whether an attempt is being made right now.")]
    tries: Annotated[int, Meta(description="Attempts of this round that have ended.")]
    round: Annotated[int, Meta(description="Rises with every redelivery of what was over.")]
    test: Annotated[bool, Meta(description="Whether it is a test send: made once, never again, and not counted.")]
    closed_reason: Literal["sent", "exhausted", "cancelled", "gone", "crashed", "expired"] | None
    waiting_for: Annotated[
        Literal["retry", "deliver_at", "stopped", "paused", "disabled", "breaker", "ordered", "rate_limit"] | None,
        Meta(description="What an open delivery waits for; null when it is due, in flight or over."),
    ]
    next_attempt_at: Annotated[datetime | None, Meta(description="Null while in flight and once it is over.")]
    created_at: datetime
    updated_at: datetime
    last_attempt: LastAttempt | None


class DeliveryPage(Shape):
    """A page of deliveries, those of the newest event first."""

    items: list[Delivery]
    next_cursor: Cursor


class Attempt(Shape):
    """One try made for a delivery."""

    at: datetime
    round: int
    late: Annotated[bool, Meta(description="Whether it ended after its lease; then it did not count.")]
    duration_ms: float
    status: Literal["sent", "error"]
    url: str
    request_headers: Annotated[dict[str, str], Meta(description="As sent; the webhook's own values are •••.")]
    request_body: str
    response_status: int | None
    response_headers: Annotated[
        dict[str, str], Meta(description="A header that came twice has both values, comma separated.")
    ]
    response_body: Annotated[str, Meta(description="The first 16 KiB.")]
    error: AttemptError | None
    timings: Timings


class TestAttempt(Attempt):
    """The one attempt of a test send, and where it is kept."""

    delivery_id: str
    event_id: str
    trigger: str


class DeliveryWithAttempts(Delivery):
    """A delivery and everything that was tried for it, oldest first."""

    attempts: list[Attempt]


class Trigger(Shape):
    """A kind of event that a plugin can fire."""

    name: str
    title: str
    description: str
    plugin: str
    schema: Annotated[dict[str, Any], Meta(description="JSON Schema of the payload.")]
    example: Annotated[dict[str, Any], Meta(description="A payload that fits.")]


class TriggerPage(Shape):
    """A page of triggers, by name."""

    items: list[Trigger]
    next_cursor: Cursor


def webhook(found: models.Webhook, lane: models.Lane, role: Role) -> Webhook:
    """A webhook as somebody with `role` may see it."""
    return Webhook(**_webhook_values(found, lane, role))


def resumed_webhook(found: models.Webhook, lane: models.Lane, role: Role, *, dropped: int) -> ResumedWebhook:
    """A webhook that was just resumed."""
    return ResumedWebhook(**_webhook_values(found, lane, role), dropped=dropped)


def test_attempt(tested: Tested) -> TestAttempt:
    """What came of a test send."""
    attempt = tested.attempt
    return TestAttempt(
        **msgspec.structs.asdict(_attempt(attempt, tested.body)),
        delivery_id=ids.delivery_text(attempt.webhook_id, attempt.event_id),
        event_id=ids.event_text(attempt.event_id),
        trigger=tested.trigger,
    )


def delivery(row: DeliveryRow) -> Delivery:
    """A delivery as the log lists it."""
    return Delivery(**_delivery_values(row))


def delivery_with_attempts(detail: DeliveryDetail) -> DeliveryWithAttempts:
    """A delivery with all its attempts."""
    envelope = wire.envelope(detail.event.trigger, detail.event.occurred_at, detail.event.payload).decode()
    attempts = [_attempt(attempt, envelope) for attempt in detail.attempts]
    return DeliveryWithAttempts(**_delivery_values(detail.row), attempts=attempts)


def _webhook_values(found: models.Webhook, lane: models.Lane, role: Role) -> dict[str, Any]:
    engines = {"breaker", "failing_since", "disable_at"}
    template = None if found.template is None else Template(**found.template)  # type: ignore[arg-type]  # judged before
    values = {name: getattr(found, name) for name in Webhook.__struct_fields__ if name not in engines}
    if not role.covers(Role.operator):
        values["headers"] = dict.fromkeys(found.headers, MASK)
    breaker = Breaker(
        state=lane.breaker,  # type: ignore[arg-type]  # a CHECK of the table sees to it
        reason=lane.reason,
        opened_at=lane.opened_at,
        next_probe_at=lane.probe_at,
    )
    values["template"] = template
    return {**values, "breaker": breaker, "failing_since": lane.failing_since, "disable_at": lane.disable_at}


def _delivery_values(row: DeliveryRow) -> dict[str, Any]:
    same = set(Delivery.__struct_fields__) - {"id", "event_id", "last_attempt"}
    return {
        **{name: getattr(row, name) for name in same},
        "id": row.id,
        "event_id": ids.event_text(row.event_id),
        "last_attempt": _last_attempt(row),
    }


def _last_attempt(row: DeliveryRow) -> LastAttempt | None:
    if row.last_at is None:
        return None
    return LastAttempt(
        at=row.last_at,
        duration_ms=row.last_duration_ms or 0.0,
        response_status=row.last_response_status,
        error=_error(row.last_error_class, row.last_error_message),
    )


def _attempt(attempt: models.Attempt, envelope: str) -> Attempt:
    timings: Mapping[str, float | None] = attempt.timings
    return Attempt(
        at=attempt.at,
        round=attempt.round,
        late=attempt.late,
        duration_ms=attempt.duration_ms,
        status=attempt.status,  # type: ignore[arg-type]  # a CHECK of the table sees to it
        url=attempt.url,
        request_headers=_headers(attempt.request_headers),
        request_body=envelope if attempt.request_body is None else attempt.request_body,
        response_status=attempt.response_status,
        response_headers=_headers(attempt.response_headers),
        response_body=attempt.response_body,
        error=_error(attempt.error_class, attempt.error_message),
        timings=Timings(**{name: timings.get(name) for name in Timings.__struct_fields__}),
    )


def _headers(pairs: Sequence[Sequence[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _error(kind: str | None, message: str | None) -> AttemptError | None:
    if kind is None:
        return None
    return AttemptError(kind=kind, message=message or "")  # type: ignore[arg-type]  # written from the same words
