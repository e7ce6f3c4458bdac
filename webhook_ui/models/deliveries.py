"""Events, what was indexed and left out of them, their deliveries and attempts: what grows."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from webhook_ui.columns import UtcDateTime
from webhook_ui.models.base import PREFIX, Table, index_of, one_of


class Event(Table, table=True):
    """One occurrence, stored as fired: `payload` is the JSON text exactly as it came in."""

    __tablename__ = PREFIX + "event"
    __table_args__ = (
        Index(None, "trigger", "id"),
        index_of(  # small: most installations know no tenants
            "ix_webhook_ui_event_of_tenant",
            "tenant",
            "id",
            where="tenant IS NOT NULL",
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
        index_of(  # few, and the latest of a webhook is asked for
            "ix_webhook_ui_skip_delivered",
            "webhook_id",
            "event_id",
            where="delivered",
        ),
    )

    webhook_id: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: int = Field(primary_key=True, sa_type=BigInteger)
    reason: str
    delivered: bool = False


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
        index_of(
            "ix_webhook_ui_delivery_open_due",
            "webhook_id",
            "due_at",
            where="due_at IS NOT NULL",
        ),
        index_of(
            "ix_webhook_ui_delivery_open_order",
            "webhook_id",
            "event_id",
            "due_at",  # so that it holds all a look for the head asks for: only then SQLite prefers it to the key
            where="due_at IS NOT NULL",
        ),
        index_of(
            "ix_webhook_ui_delivery_lost",  # small, and holds all that looking for suspects asks for
            "webhook_id",
            "due_at",
            "losses",
            "claim",
            where="losses > 0 AND due_at IS NOT NULL",
        ),
        index_of(
            "ix_webhook_ui_delivery_errors",  # what failed, over all webhooks and for one of them: few of many
            "event_id",
            "webhook_id",
            "trigger",
            where="status = 'error'",
        ),
        index_of(
            "ix_webhook_ui_delivery_lane_errors",
            "webhook_id",
            "event_id",
            "trigger",
            "status",  # always the same; with it SQLite need not look into the table, and prefers this to the key
            where="status = 'error'",
        ),
        index_of(
            "ix_webhook_ui_delivery_redelivered",  # few of many, and nothing the engine changes
            "last_redelivery_id",
            "event_id",
            "webhook_id",
            where="last_redelivery_id IS NOT NULL",
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
        # PostgreSQL would look for the delivery of each row anew, a tenth and more of its work; whoever adds an attempt
        # has locked its delivery, and whoever removes a delivery locks it before its attempts
        ForeignKeyConstraint(
            ["webhook_id", "event_id"], [PREFIX + "delivery.webhook_id", PREFIX + "delivery.event_id"]
        ).ddl_if(dialect="sqlite"),
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
