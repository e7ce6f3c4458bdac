"""Tokens: programs' keys to the REST API. Shown once, kept as a digest."""

import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog, sealing
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Invalid, NotFound
from webhook_ui.languages import tr
from webhook_ui.models import Token, table

PREFIX = "whui_"  # so that scanners for leaked secrets, and people, know one when they see it
LONGEST_TOKEN = 128
LONGEST_NAME = 100


def create_token(session: Session, *, name: str, role: Role, actor: Actor, now: datetime) -> tuple[Token, str]:
    """A new token and its text, which is not kept. Raises Invalid for a name that cannot be shown."""
    actor.require(Role.admin)
    text = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        name=_check_name(name), role=role.value, digest=sealing.digest(text), created_at=now, created_by=actor.name
    )
    session.add(token)
    session.flush()
    _record(session, token, "token.created", actor, now, before=None)
    return token, text


def list_tokens(session: Session) -> list[Token]:
    """All tokens, revoked ones too, oldest first."""
    return list(session.execute(sa.select(Token).order_by(table(Token).c.id)).scalars())


def latest_tokens(session: Session, *, before: int | None = None, limit: int) -> list[Token]:
    """Tokens, revoked ones too, newest first, from the one that was made before `before` on."""
    statement = sa.select(Token).order_by(table(Token).c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table(Token).c.id < before)
    return list(session.execute(statement).scalars())


def revoke_token(session: Session, token_id: int, *, actor: Actor, now: datetime) -> Token:
    """Lets the token in no more; harmless if it is revoked already. Raises NotFound."""
    actor.require(Role.admin)
    token = session.get(Token, token_id) if 0 < token_id < 1 << 63 else None
    if token is None:
        raise NotFound(tr("There is no token {id}. `webhook-ui token list` shows those that are there.", id=token_id))
    if token.revoked_at is None:
        before = _snapshot(token)
        token.revoked_at = now
        _record(session, token, "token.revoked", actor, now, before=before)
    return token


def token_actor(session: Session, text: str) -> Actor | None:
    """Who the token stands for, if it is in force. Any text will do."""
    if not text.startswith(PREFIX) or len(text) > LONGEST_TOKEN or not text.isascii():
        return None
    token = table(Token)
    row = session.execute(
        sa.select(token.c.name, token.c.role).where(
            token.c.digest == sealing.digest(text), token.c.revoked_at.is_(None)
        )
    ).first()
    return Actor(kind="token", name=row.name, role=Role(row.role)) if row else None


def _check_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid(
            {"name": tr("Name the program that will use it, in 1 to {count} printable characters.", count=LONGEST_NAME)}
        )
    return name


def _record(
    session: Session, token: Token, action: str, actor: Actor, now: datetime, *, before: dict[str, Any] | None
) -> None:
    changelog.record(
        session,
        actor=actor,
        action=action,
        subject="token",
        subject_id=str(token.id),
        before=before,
        after=_snapshot(token),
        now=now,
    )
    note(session, Changed(Kind.account))


def _snapshot(token: Token) -> dict[str, Any]:
    return {"name": token.name, "role": token.role, "revoked": token.revoked_at is not None}
