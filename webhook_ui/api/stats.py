"""The call about statistics: what was sent and what failed, and how long it took, by webhook and span of time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlmodel import Session
from starlette.responses import Response

from webhook_ui.api import parameters, shapes
from webhook_ui.api.calls import Answer, Call, Operation, operation, reply
from webhook_ui.database import moment
from webhook_ui.history import paging
from webhook_ui.history import statistics as history
from webhook_ui.outbox.statistics import BUCKETS

SIZES = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
USUAL = {"minute": timedelta(hours=1), "hour": timedelta(days=1), "day": timedelta(days=30)}  # without `from`
SPAN = {
    "from": "2026-11-23T09:00:00Z",
    "to": "2026-11-23T10:00:00Z",
    "webhook_id": 14,
    "sent": 1180,
    "error": 20,
    "latency_ms": {"p50": 41.2, "p95": 188.0, "p99": 612.5},
}


class Latency(shapes.Shape):
    """Milliseconds that half, 95 % and 99 % of the attempts stayed within, estimated from counts by bucket."""

    p50: float
    p95: float
    p99: float


class Span(shapes.Shape):
    """The attempts of one span of time; test sends do not count."""

    since: Annotated[datetime, Meta(description="Inclusive.")] = msgspec.field(name="from")
    until: Annotated[datetime, Meta(description="Exclusive.")] = msgspec.field(name="to")
    webhook_id: Annotated[int | None, Meta(description="Null with `by=all`: all webhooks together.")]
    sent: Annotated[int, Meta(description="Attempts that were answered with 2xx.")]
    error: Annotated[int, Meta(description="All other attempts.")]
    latency_ms: Annotated[Latency, Meta(description="Of all attempts, errors too.")]


class SpanPage(shapes.Shape):
    """A page of spans, the newest first."""

    items: list[Span]
    next_cursor: shapes.Cursor


@operation(
    "GET",
    "/stats",
    "Statistics",
    "Show what was sent and what failed, by webhook and time",
    description=(
        "One item for each webhook and span in which there was an attempt. Spans begin at whole minutes, hours or days "
        "in UTC; the first and the last are cut off at `from` and `to`. Without `from`: the last 60 minutes, 24 hours "
        f"or 30 days. At the most {history.MAX_SPANS} spans are answered; what is too much to add up is refused."
    ),
    query=(
        replace(parameters.WEBHOOK, description="Only attempts to this webhook."),
        *parameters.span("time of the attempt"),
        parameters.choice("bucket", "How long a span is.", tuple(SIZES), default="hour"),
        parameters.choice(
            "by", "An item for each webhook, or one for all together.", ("webhook", "all"), default="webhook"
        ),
        parameters.LIMIT,
        parameters.cursor(1_795_424_400_000_000, 14),
    ),
    answers=(
        Answer(
            status=200,
            description="A page of spans.",
            shape=SpanPage,
            example={"items": [SPAN], "next_cursor": None},
        ),
    ),
)
async def list_stats(call: Call) -> Response:
    return reply(await call.core.database.read(_list, call))


def _list(session: Session, call: Call) -> SpanPage:
    query = call.query
    bucket = query.get("bucket", "hour")
    until = query.get("to") or moment(session)
    criteria = history.Criteria(
        since=query.get("from") or until - USUAL[bucket],
        until=until,
        size=SIZES[bucket],
        webhook_id=query.get("webhook_id"),
        together=query.get("by") == "all",
        usual_timeout=call.core.settings.request_timeout,
    )
    limit = query.get("limit", paging.DEFAULT_LIMIT)
    page = history.list_spans(session, criteria, limit=limit, cursor=query.get("cursor"))
    return SpanPage(items=[_span(row) for row in page.rows], next_cursor=page.next_cursor)


def _span(row: history.Span) -> Span:
    p50, p95, p99 = (round(row.tally.percentile(share, BUCKETS) or 0.0, 1) for share in (0.5, 0.95, 0.99))
    return Span(
        since=row.since,
        until=row.until,
        webhook_id=row.webhook_id,
        sent=row.tally.sent,
        error=row.tally.error,
        latency_ms=Latency(p50=p50, p95=p95, p99=p99),
    )


OPERATIONS: tuple[Operation, ...] = (list_stats,)
