"""What the engine and plugins write down of themselves."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field

from webhook_ui.columns import SealedJson, UtcDateTime
from webhook_ui.models.base import PREFIX, Table


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
