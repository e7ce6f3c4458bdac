"""What answers about events look like: one struct for each thing, made from what the read side found."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from webhook_ui import ids
from webhook_ui.api import shapes
from webhook_ui.api.shapes import Cursor, Json, Shape, WebhookId
from webhook_ui.history.events import LISTED_BYTES, EventDetail, EventRow
from webhook_ui.history.trace import Group, TracePage, TraceRow


class _AnyEvent(Shape):
    """What a list and the event's own call say alike."""

    id: str
    trigger: str
    test: Annotated[bool, Meta(description="Whether it is the example of a test send.")]
    tenant: str | None
    occurred_at: datetime
    created_at: datetime
    actor: Annotated[str, Meta(description="Who fired it: a token, a person, a plugin or the engine.")]
    deliveries: Annotated[int, Meta(description="How many deliveries it has.")]
    payload_bytes: Annotated[int, Meta(description="How large the payload is.")]


class Event(_AnyEvent):
    """One occurrence, as it was fired."""

    payload: Json
    idempotency_key: Annotated[str | None, Meta(description="As it was given; known for 24 hours.")]


class ListedEvent(_AnyEvent):
    """One occurrence, as a list shows it."""

    payload: Annotated[
        Json | None,
        Meta(
            description=f"Exactly as it was accepted; null where it has more than {LISTED_BYTES // 1024} KiB: "
            "the call for one event shows it whole."
        ),
    ]


class EventPage(Shape):
    """A page of events, newest first."""

    items: list[ListedEvent]
    next_cursor: Cursor


class TraceEntry(Shape):
    """One webhook, and why it did or did not get the event."""

    webhook_id: WebhookId
    webhook_title: str
    outcome: Annotated[
        Literal[
            "delivered",
            "filtered",
            "about",
            "not_subscribed",
            "other_tenant",
            "disabled",
            "deleted",
            "created_later",
            "unexplained",
        ],
        Meta(
            description="`delivered`: there is a delivery, in whatever state; else why there is none, by what held "
            "when the event was stored. `filtered`: its filter left it out; `about`: the event tells of this very "
            "webhook."
        ),
    ]
    detail: Annotated[
        str | None,
        Meta(
            description="The clause of its filter that said no, or what who disabled it said. With `delivered`: why "
            "its filter could not be evaluated; then it got the event all the same."
        ),
    ]
    since: Annotated[
        datetime | None, Meta(description="When it was disabled, deleted, created or, for what is held, paused.")
    ]
    by: Annotated[str | None, Meta(description="Who did that.")]
    created_so: Annotated[
        bool,
        Meta(
            description="Whether it was created disabled (or, for what is held, paused) and has been so ever since: "
            "`since` is then its creation."
        ),
    ]
    triggers: Annotated[list[str], Meta(description="What it listened to then; empty where that is not the reason.")]
    tenant: Annotated[str | None, Meta(description="Whose events it took then.")]
    delivery: shapes.Delivery | None


class TraceCounts(Shape):
    """How many webhooks there are in each part of a trace."""

    sent: int
    error: int
    pending: int
    missed: Annotated[int, Meta(description="They listen, or may have listened then, and have no delivery.")]
    not_subscribed: int


class EventTrace(Shape):
    """A page of an event's trace: deliveries first (sent, error, pending), then those that missed it, then the rest."""

    event_id: str
    counts: TraceCounts
    items: list[TraceEntry]
    next_cursor: Cursor


def event(detail: EventDetail) -> Event:
    """An event with its payload as it came."""
    found, payload = detail.event, detail.event.payload.encode()
    same = ("trigger", "test", "tenant", "occurred_at", "created_at", "actor")
    return Event(
        id=ids.event_text(found.id),
        **{name: getattr(found, name) for name in same},
        payload=msgspec.Raw(payload),
        payload_bytes=len(payload),
        idempotency_key=detail.idempotency_key,
        deliveries=detail.deliveries,
    )


def listed_event(row: EventRow) -> ListedEvent:
    """An event as a list shows it."""
    same = set(ListedEvent.__struct_fields__) - {"id", "payload"}
    return ListedEvent(
        id=ids.event_text(row.id),
        payload=None if row.payload is None else msgspec.Raw(row.payload.encode()),
        **{name: getattr(row, name) for name in same},
    )


def event_trace(page: TracePage) -> EventTrace:
    """A page of a trace."""
    counts = TraceCounts(**{group.value: page.counts[group] for group in Group})
    return EventTrace(
        event_id=ids.event_text(page.event.id),
        counts=counts,
        items=[_trace_entry(row) for row in page.rows],
        next_cursor=page.next_cursor,
    )


def _trace_entry(row: TraceRow) -> TraceEntry:
    reason = row.reason
    return TraceEntry(
        webhook_id=row.webhook_id,
        webhook_title=row.webhook_title,
        outcome=reason.outcome.value,
        detail=reason.detail or reason.fault,
        since=reason.since,
        by=reason.by,
        created_so=reason.born,
        triggers=list(reason.triggers),
        tenant=reason.tenant,
        delivery=None if row.delivery is None else shapes.delivery(row.delivery),
    )
