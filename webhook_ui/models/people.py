"""People and programs that are let in, and what they changed."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlmodel import Field

from webhook_ui.columns import UtcDateTime
from webhook_ui.models.base import PREFIX, Serial, Table, one_of


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
