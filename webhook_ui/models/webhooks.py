"""Webhooks, what they listen to, and the lane that each of them has."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlmodel import Field

from webhook_ui.columns import JsonText, SealedJson, UtcDateTime
from webhook_ui.models.base import PREFIX, Serial, Table, kept, one_of


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
