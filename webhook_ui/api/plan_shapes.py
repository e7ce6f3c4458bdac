"""What calls about plans for many deliveries take and answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from webhook_ui.api.shapes import Cursor, Shape
from webhook_ui.history.redeliveries import RedeliveryRow
from webhook_ui.history.redelivery_outcome import MOST
from webhook_ui.models import RedeliveryRun
from webhook_ui.outbox.forecast import duration
from webhook_ui.outbox.scope import MOST_WEBHOOKS
from webhook_ui.redeliveries import FASTEST

MOMENT_OR_DAY = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}

Classes = Literal["dns", "connect", "tls", "timeout", "blocked", "protocol", "http", "plugin", "crash"]
Trigger = Annotated[str, Meta(max_length=200, pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*\.(\*|[a-z0-9_]+)$")]
Window = Annotated[str, Meta(pattern="^[1-9][0-9]{0,4}[mhd]$")]
WebhookId = Annotated[int, Meta(ge=1, le=10**18 - 1)]
WebhookIds = Annotated[list[WebhookId], Meta(min_length=1, max_length=MOST_WEBHOOKS)]
Rate = Annotated[float, Meta(gt=0, le=FASTEST)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
MomentOrDay = Annotated[msgspec.Raw, Meta(extra_json_schema=MOMENT_OR_DAY)]

WITHIN = Meta(description="Only events of so long before each run: `30m`, `24h`, `7d`. Takes the place of from and to.")
RATE = Meta(description="Deliveries a second at the most; without it, as fast as the receivers take them.")
AT = Meta(description="When it runs; default: now.")
CRON = Meta(description="Runs again and again: minute, hour, day of month, month, day of week (0 is Sunday).")
TIMEZONE = Meta(description="Whose clocks `cron` goes by, for example Europe/Berlin; default: UTC.")
DRY_RUN = Meta(description="Only answers how many it would be; changes nothing.")


class ScopeFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries are meant; what is left out narrows nothing."""

    webhook_id: Annotated[WebhookId | None, Meta(description="One webhook.")] = None
    webhook_ids: Annotated[WebhookIds | None, Meta(description="Several; takes the place of webhook_id.")] = None
    trigger: Annotated[Trigger | None, Meta(description="A trigger's name, or a group such as `user.*`.")] = None
    tenant: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    error_class: Annotated[Classes | None, Meta(description="How the last attempt failed.")] = None
    response_status: Annotated[
        Annotated[int, Meta(ge=100, le=599)] | None, Meta(description="What the last attempt was answered.")
    ] = None
    from_: Annotated[
        MomentOrDay | None, Meta(description="Earliest time of the event, inclusive; a date for the day in UTC.")
    ] = msgspec.field(default=None, name="from")
    to: Annotated[
        MomentOrDay | None, Meta(description="Latest time of the event, exclusive; a date for that whole day in UTC.")
    ] = None
    within: Annotated[Window | None, WITHIN] = None
    dry_run: Annotated[bool, DRY_RUN] = False


class NewRedelivery(ScopeFields, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to send again, how fast, and when. Without a time it begins at once."""

    status: Annotated[
        Literal["error"] | None,
        Meta(description="`error`: every error that is neither in flight nor cancelled, also what waits for a retry."),
    ] = None
    rate: Annotated[Rate | None, RATE] = None
    at: Annotated[Moment | None, AT] = None
    cron: Annotated[Annotated[str, Meta(max_length=100)] | None, CRON] = None
    timezone: Annotated[Annotated[str, Meta(max_length=100)] | None, TIMEZONE] = None


class BulkCancel(ScopeFields, kw_only=True, forbid_unknown_fields=True):
    """Which open deliveries to cancel."""

    status: Annotated[
        Literal["pending", "error"] | None,
        Meta(description="`pending` has not failed in this round, `error` waits for a retry; default: both."),
    ] = None


class RedeliveryChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Fields to change; the others stay. Of a plan that has begun and runs only once: `state` and `rate`."""

    state: Annotated[
        Literal["paused", "running"] | UnsetType,
        Meta(description="`paused` holds it and its clock; `running` goes on."),
    ] = UNSET
    rate: Annotated[Rate | UnsetType | None, RATE] = UNSET
    within: Annotated[Window | UnsetType | None, WITHIN] = UNSET
    at: Annotated[Moment | UnsetType | None, AT] = UNSET
    cron: Annotated[Annotated[str, Meta(max_length=100)] | UnsetType | None, CRON] = UNSET
    timezone: Annotated[Annotated[str, Meta(max_length=100)] | UnsetType | None, TIMEZONE] = UNSET


class Scope(Shape):
    """Which deliveries are meant; null narrows nothing."""

    webhook_id: int | None = None
    webhook_ids: list[int] | None = None
    trigger: str | None = None
    tenant: str | None = None
    status: Literal["pending", "error"] | None = None
    error_class: Classes | None = None
    response_status: int | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    to: datetime | None = None
    within: str | None = None


class Forecast(Shape):
    """What a plan would take if it ran now."""

    matched: Annotated[int, Meta(description="Deliveries in its scope.")]
    estimate_s: Annotated[float, Meta(description="Seconds it would take, about.")]


class Redelivery(Shape):
    """A plan for many deliveries, and how far it has come."""

    id: int
    kind: Annotated[Literal["redeliver", "cancel"], Meta(description="What it does to each delivery.")]
    state: Literal["scheduled", "running", "paused", "done", "cancelled"]
    scope: Scope
    rate: float | None
    at: datetime | None
    cron: str | None
    timezone: str | None
    matched: Annotated[int, Meta(description="How many deliveries its run was for when it began.")]
    done: Annotated[int, Meta(description="How many of them have been dealt with in this run.")]
    held: Annotated[
        int,
        Meta(description="Webhooks that take nothing now (paused, disabled, sending stopped); it comes back to them."),
    ]
    estimate_s: Annotated[float, Meta(description="Seconds that what is left takes, about.")]
    next_run_at: datetime | None
    started_at: Annotated[datetime | None, Meta(description="When its run began.")]
    actor: Annotated[str, Meta(description="Who planned it.")]
    created_at: datetime
    updated_at: datetime


class Run(Shape):
    """One run of a plan."""

    started_at: datetime
    ended_at: Annotated[datetime | None, Meta(description="Null while it goes on.")]
    matched: Annotated[int, Meta(description="How many deliveries it was for when it began.")]
    done: Annotated[int, Meta(description="How many of them it has dealt with.")]
    outcome: Annotated[
        Literal["done", "taken_over", "cancelled"] | None,
        Meta(description="`taken_over`: the next run began while it waited for webhooks that took nothing."),
    ]


class Outcome(Shape):
    """What came of the deliveries that the run has had sent again."""

    sent: int
    failed: Annotated[int, Meta(description="Failed again; some of them are tried once more by themselves.")]
    waiting: Annotated[int, Meta(description="Not tried yet since.")]
    complete: Annotated[bool, Meta(description=f"False where only the first {MOST:,} were looked at.")]


class RedeliveryWithRuns(Redelivery):
    """A plan with what came of its deliveries, and its latest runs, newest first."""

    outcome: Annotated[
        Outcome | None,
        Meta(
            description="Of the run that goes on, or of the last one. Null for plans that cancel, and where none "
            "of its deliveries is known any more."
        ),
    ]
    runs: list[Run]


class RedeliveryPage(Shape):
    """A page of plans, newest first."""

    items: list[Redelivery]
    next_cursor: Cursor


SAME = set(Redelivery.__struct_fields__) - {"scope", "held", "estimate_s"}


def redelivery_with_runs(row: RedeliveryRow, runs: Sequence[RedeliveryRun]) -> RedeliveryWithRuns:
    """A plan as it stands, and what its runs came to."""
    shown = [
        Run(
            started_at=run.started_at,
            ended_at=run.ended_at,
            matched=run.matched,
            done=run.done if run.ended_at is not None else row.plan.done,
            outcome=run.outcome,  # type: ignore[arg-type]  # one of three, by a CHECK of the table
        )
        for run in runs
    ]
    told = row.outcome
    outcome = (
        Outcome(sent=told.sent, failed=told.failed, waiting=told.waiting, complete=told.complete) if told else None
    )
    return RedeliveryWithRuns(**msgspec.structs.asdict(redelivery(row)), outcome=outcome, runs=shown)


def redelivery(row: RedeliveryRow) -> Redelivery:
    """A plan as it stands."""
    plan = row.plan
    ended = plan.state in ("done", "cancelled")
    left = 0 if ended else max(plan.matched - plan.done, 0) if plan.upper_bound is not None else plan.matched
    values: dict[str, Any] = {name: getattr(plan, name) for name in SAME}
    return Redelivery(
        **values,
        scope=msgspec.convert({**plan.scope, "within": plan.within}, Scope),
        held=row.held,
        estimate_s=duration(left, pace=plan.pace, rate=plan.rate),
    )
