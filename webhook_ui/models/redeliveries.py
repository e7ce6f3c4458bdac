"""Redeliveries: plans, the lanes that they go through, and their runs."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from webhook_ui.columns import UtcDateTime
from webhook_ui.models.base import PREFIX, Serial, Table, one_of


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
