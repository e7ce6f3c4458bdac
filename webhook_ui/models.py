"""The tables. Columns and rules only: what may change when stands in `outbox`, `webhooks` and `accounts`.

Keys of what grows lead with `webhook_id`, so that one webhook's rows can live together on one of many servers.
A delivery has no id of its own: it is the one duty to bring one event to one webhook.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Integer
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from webhook_ui.columns import JsonText, SealedJson, UtcDateTime

PREFIX = "webhook_ui_"

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself only in a column that is declared INTEGER
Serial = BigInteger().with_variant(Integer, "sqlite")


class Table(SQLModel, registry=registry(metadata=metadata)):
    """Base of all tables: a registry of their own, so that a host application may have its own `Event`."""

    metadata = metadata


def table(model: type[Table]) -> sa.Table:
    """The table behind a class, for statements over columns."""
    found: sa.Table = model.__table__  # type: ignore[attr-defined]  # put there by SQLAlchemy
    return found


def one_of(column: str, *values: str) -> CheckConstraint:
    """A CHECK that `column` is one of `values` (or null, where it may be)."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=f"{column}_known")


def kept(name: str, *columns: str) -> Index:
    """An index over webhooks that are not deleted."""
    there = sa.text("deleted_at IS NULL")
    return Index(f"ix_webhook_ui_webhook_kept_{name}", *columns, sqlite_where=there, postgresql_where=there)


class Webhook(Table, table=True):
    """Where to send and what for. Operators' row: it changes only with an actor."""

    __tablename__ = PREFIX + "webhook"
    __table_args__ = (
        # hold all that counting and sorting a long list asks for, so that no row is read before its page is shown
        kept("created", "created_at", "id", "enabled", "paused"),
        kept("updated", "updated_at", "id", "enabled", "paused"),
        kept("id", "id", "enabled", "paused"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    uid: str = Field(unique=True)
    version: int = Field(default=1, sa_type=BigInteger)
    title: str
    url: str
    description: str = ""
    triggers: list[str] = Field(sa_type=sa.JSON)
    enabled: bool = True
    paused: bool = False
    disabled_reason: str | None = None
    headers: dict[str, str] = Field(default_factory=dict, sa_type=SealedJson)
    secret: str = Field(sa_type=SealedJson)
    old_secret: str | None = Field(default=None, sa_type=SealedJson)
    old_secret_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    signer: str = "standard"
    filter: str | None = None
    template: dict[str, str] | None = Field(default=None, sa_type=JsonText)
    tenant: str | None = Field(default=None, index=True)
    ordered: bool = False
    rate_limit: float | None = None
    timeout: float | None = None
    retry_schedule: list[float] | None = Field(default=None, sa_type=sa.JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Subscription(Table, table=True):
    """Index over `Webhook.triggers`: which webhooks a trigger's name or pattern leads to."""

    __tablename__ = PREFIX + "subscription"
    __table_args__ = (
        ForeignKeyConstraint(["webhook_id"], [PREFIX + "webhook.id"]),
        Index(None, "webhook_id"),
    )

    pattern: str = Field(primary_key=True)
    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)


class Lane(Table, table=True):
    """The engine's own record of one webhook's queue; it changes on transitions, never with an actor.

    While the breaker is not closed, one delivery at a time is tried from `probe_at` on; `probes` counts those that
    failed in a row. `rate_tat` is the limiter's theoretical arrival time, `resume_rate` bounds a backlog that was
    held (deliveries a second, until nothing is due). From `disable_at` on, a failure disables the webhook.
    """

    __tablename__ = PREFIX + "lane"
    __table_args__ = (
        ForeignKeyConstraint(["webhook_id"], [PREFIX + "webhook.id"]),
        one_of("breaker", "closed", "open", "half_open"),
        one_of("last_result", "sent", "error"),
        Index(None, "last_result", "webhook_id"),
    )

    webhook_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    breaker: str = "closed"
    reason: str | None = None
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    probe_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    probes: int = Field(default=0, sa_type=BigInteger)
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rate_tat: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resume_rate: float | None = None
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disable_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_result: str | None = None


class Event(Table, table=True):
    """One occurrence, stored as fired: `payload` is the JSON text exactly as it came in."""

    __tablename__ = PREFIX + "event"
    __table_args__ = (
        Index(None, "trigger", "id"),
        Index(  # small: most installations know no tenants
            "ix_webhook_ui_event_of_tenant",
            "tenant",
            "id",
            sqlite_where=sa.text("tenant IS NOT NULL"),
            postgresql_where=sa.text("tenant IS NOT NULL"),
        ),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    trigger: str
    tenant: str | None = None
    payload: str
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    test: bool = False


class EventField(Table, table=True):
    """A value of an event's payload by which it is found; which fields have rows here is a setting."""

    __tablename__ = PREFIX + "event_field"
    __table_args__ = (Index(None, "event_id"), {"sqlite_with_rowid": False})

    field: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    event_id: int = Field(primary_key=True, sa_type=BigInteger)


class Skip(Table, table=True):
    """A webhook that listens and whose filter left an event out: `reason` is the clause that said no.

    `delivered`: the filter could not be evaluated (`reason` says why), and the webhook got the event all the same.
    """

    __tablename__ = PREFIX + "skip"
    __table_args__ = (
        Index(None, "event_id"),
        Index(  # few, and the latest of a webhook is asked for
            "ix_webhook_ui_skip_delivered",
            "webhook_id",
            "event_id",
            sqlite_where=sa.text("delivered"),
            postgresql_where=sa.text("delivered"),
        ),
    )

    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: int = Field(primary_key=True, sa_type=BigInteger)
    reason: str
    delivered: bool = False


class Delivery(Table, table=True):
    """The duty to bring one event to one webhook. It is open while `due_at` is set.

    `claim` is the token of the worker that holds it until `due_at`; `tries` counts settled attempts of this `round`,
    `losses` claims in a row that were never settled; `answer` is the last settled result. `redelivery_id` is the plan
    that gave it this round, if one did; `last_redelivery_id` the last plan that had it sent again, be it by a new round
    or by making a retry due sooner.
    """

    __tablename__ = PREFIX + "delivery"
    __table_args__ = (
        ForeignKeyConstraint(["webhook_id"], [PREFIX + "webhook.id"]),
        one_of("status", "pending", "sent", "error"),
        one_of("answer", "sent", "error"),
        one_of("closed", "sent", "exhausted", "cancelled", "gone", "crashed", "expired"),
        CheckConstraint("(due_at IS NULL) = (closed IS NOT NULL)", name="open_or_closed"),
        CheckConstraint("claim IS NULL OR due_at IS NOT NULL", name="claim_is_open"),
        CheckConstraint(
            "(status = 'pending' AND closed IS NULL)"
            " OR (status = 'sent' AND closed IS NOT NULL AND closed = 'sent')"
            " OR (status = 'error' AND (closed IS NULL OR closed <> 'sent'))",
            name="status_fits_closed",
        ),
        Index(
            "ix_webhook_ui_delivery_open_due",
            "webhook_id",
            "due_at",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_ui_delivery_open_order",
            "webhook_id",
            "event_id",
            "due_at",  # so that it holds all a look for the head asks for: only then SQLite prefers it to the key
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_ui_delivery_lost",  # small, and holds all that looking for suspects asks for
            "webhook_id",
            "due_at",
            "losses",
            "claim",
            sqlite_where=sa.text("losses > 0 AND due_at IS NOT NULL"),
            postgresql_where=sa.text("losses > 0 AND due_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_ui_delivery_errors",  # what failed, over all webhooks and for one of them: few of many
            "event_id",
            "webhook_id",
            "trigger",
            sqlite_where=sa.text("status = 'error'"),
            postgresql_where=sa.text("status = 'error'"),
        ),
        Index(
            "ix_webhook_ui_delivery_lane_errors",
            "webhook_id",
            "event_id",
            "trigger",
            "status",  # always the same; with it SQLite need not look into the table, and prefers this to the key
            sqlite_where=sa.text("status = 'error'"),
            postgresql_where=sa.text("status = 'error'"),
        ),
        Index(
            "ix_webhook_ui_delivery_redelivered",  # few of many, and nothing the engine changes
            "last_redelivery_id",
            "event_id",
            "webhook_id",
            sqlite_where=sa.text("last_redelivery_id IS NOT NULL"),
            postgresql_where=sa.text("last_redelivery_id IS NOT NULL"),
        ),
        Index(None, "event_id", "webhook_id"),
        {"sqlite_with_rowid": False},
    )

    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: int = Field(primary_key=True, sa_type=BigInteger)
    trigger: str
    status: str = "pending"
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claim: str | None = None
    round: int = Field(default=1, sa_type=BigInteger)
    tries: int = Field(default=0, sa_type=BigInteger)
    losses: int = Field(default=0, sa_type=BigInteger)
    answer: str | None = None
    redelivery_id: int | None = Field(default=None, sa_type=BigInteger)
    last_redelivery_id: int | None = Field(default=None, sa_type=BigInteger)
    closed: str | None = None
    last_attempt_id: int | None = Field(default=None, sa_type=BigInteger)
    test: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Attempt(Table, table=True):
    """One try made for a delivery; never changed. `request_body` is kept only where it is not the event's envelope."""

    __tablename__ = PREFIX + "attempt"
    __table_args__ = (
        ForeignKeyConstraint(
            ["webhook_id", "event_id"], [PREFIX + "delivery.webhook_id", PREFIX + "delivery.event_id"]
        ),
        one_of("status", "sent", "error"),
        Index(None, "webhook_id", "id"),
    )

    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: int = Field(primary_key=True, sa_type=BigInteger)
    id: int = Field(primary_key=True, sa_type=BigInteger)
    round: int = Field(sa_type=BigInteger)
    late: bool = False
    at: datetime = Field(sa_type=UtcDateTime)
    duration_ms: float
    status: str
    url: str
    request_headers: list[list[str]] = Field(sa_type=sa.JSON)
    request_body: str | None = None
    response_status: int | None = None
    response_headers: list[list[str]] = Field(sa_type=sa.JSON)
    response_body: str = ""
    error_class: str | None = None
    error_message: str | None = None
    timings: dict[str, float | None] = Field(sa_type=sa.JSON)


class Redelivery(Table, table=True):
    """A plan for many: to redeliver them, or (`kind`) to cancel them. A run of it is a stored scan over lanes.

    While a run goes on, or what a cancelled plan reopened is still being closed, `upper_bound` is the last event that
    belongs to it, and `RedeliveryLane` says how far it has come. `matched` and `done` are the run's; `pace` is how many
    a second its lanes were expected to take.
    """

    __tablename__ = PREFIX + "redelivery"
    __table_args__ = (
        one_of("kind", "redeliver", "cancel"),
        one_of("state", "scheduled", "running", "paused", "done", "cancelled"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    kind: str = "redeliver"
    state: str
    scope: dict[str, Any] = Field(sa_type=sa.JSON)
    within: str | None = None
    rate: float | None = None
    at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cron: str | None = None
    timezone: str | None = None
    next_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    upper_bound: int | None = Field(default=None, sa_type=BigInteger)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    matched: int = Field(default=0, sa_type=BigInteger)
    done: int = Field(default=0, sa_type=BigInteger)
    pace: float | None = None
    actor: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class RedeliveryLane(Table, table=True):
    """What a run has still to do in one lane: events after `cursor`. The row is gone once the lane is through."""

    __tablename__ = PREFIX + "redelivery_lane"
    __table_args__ = (
        ForeignKeyConstraint(["redelivery_id"], [PREFIX + "redelivery.id"]),
        ForeignKeyConstraint(["webhook_id"], [PREFIX + "webhook.id"]),
        {"sqlite_with_rowid": False},
    )

    redelivery_id: int = Field(primary_key=True, sa_type=BigInteger)
    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)
    cursor: int = Field(sa_type=BigInteger)


class RedeliveryRun(Table, table=True):
    """One run of a plan, kept when it is over; until it is, how far it has come stands in the plan itself.

    `done`: it went through all lanes. `taken_over`: the next run took over those that were held. `cancelled`: with the
    plan.
    """

    __tablename__ = PREFIX + "redelivery_run"
    __table_args__ = (
        ForeignKeyConstraint(["redelivery_id"], [PREFIX + "redelivery.id"]),
        one_of("outcome", "done", "taken_over", "cancelled"),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_or_not"),
        Index(None, "redelivery_id", "id"),
        Index(None, "ended_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    redelivery_id: int = Field(sa_type=BigInteger)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    matched: int = Field(sa_type=BigInteger)
    done: int = Field(default=0, sa_type=BigInteger)
    outcome: str | None = None


class Idempotency(Table, table=True):
    """An emitter's key: the same key again means the same event again."""

    __tablename__ = PREFIX + "idempotency"
    __table_args__ = (Index(None, "expires_at"),)

    trigger: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    event_id: int = Field(sa_type=BigInteger)
    payload_digest: str
    deliveries: int = Field(sa_type=BigInteger)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Checkpoint(Table, table=True):
    """How far a plugin's source has read."""

    __tablename__ = PREFIX + "checkpoint"

    plugin: str = Field(primary_key=True)
    position: str
    updated_at: datetime = Field(sa_type=UtcDateTime)


class PluginSettings(Table, table=True):
    """What was saved of a plugin's settings, the secret ones among them: all of it sealed."""

    __tablename__ = PREFIX + "plugin_settings"

    plugin: str = Field(primary_key=True)
    given: dict[str, Any] = Field(sa_type=SealedJson)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str


class Statistics(Table, table=True):
    """Attempts of one webhook in one minute as one dispatcher made them; `latency` counts them by bucket."""

    __tablename__ = PREFIX + "statistics"
    __table_args__ = (Index(None, "minute"),)

    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)
    minute: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    dispatcher: str = Field(primary_key=True)
    sent: int = Field(default=0, sa_type=BigInteger)
    error: int = Field(default=0, sa_type=BigInteger)
    latency: list[int] = Field(sa_type=sa.JSON)


class Heartbeat(Table, table=True):
    """A dispatcher that runs, or ran a moment ago; `figures` is what it says of itself."""

    __tablename__ = PREFIX + "heartbeat"
    __table_args__ = (Index(None, "beat_at"),)

    dispatcher: str = Field(primary_key=True)
    host: str
    pid: int = Field(sa_type=BigInteger)
    version: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    beat_at: datetime = Field(sa_type=UtcDateTime)
    figures: dict[str, Any] = Field(sa_type=sa.JSON)


class Sending(Table, table=True):
    """The big switch: one row, there only while somebody has stopped sending."""

    __tablename__ = PREFIX + "sending"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    stopped_at: datetime = Field(sa_type=UtcDateTime)
    actor: str


class Change(Table, table=True):
    """History: who changed what, before and after. Never holds a secret."""

    __tablename__ = PREFIX + "change"
    __table_args__ = (Index(None, "subject", "subject_id", "id"),)

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    actor_kind: str
    actor: str
    origin: str
    action: str
    subject: str
    subject_id: str
    before: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON)


class Account(Table, table=True):
    """A person who signs in."""

    __tablename__ = PREFIX + "account"
    __table_args__ = (one_of("role", "viewer", "operator", "admin"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    email: str = Field(unique=True)
    role: str
    password_hash: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignInSession(Table, table=True):
    """One browser that is signed in; `digest` is all that is kept of its cookie."""

    __tablename__ = PREFIX + "session"
    __table_args__ = (ForeignKeyConstraint(["account_id"], [PREFIX + "account.id"]), Index(None, "account_id"))

    digest: str = Field(primary_key=True)
    account_id: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    origin: str


class Token(Table, table=True):
    """A program's key to the REST API; `digest` is all that is kept of it."""

    __tablename__ = PREFIX + "token"
    __table_args__ = (one_of("role", "viewer", "operator", "admin"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    name: str
    role: str
    digest: str = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
