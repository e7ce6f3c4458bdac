"""Sessions: a browser that is signed in. It holds a random cookie, the database only its digest."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog, sealing
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict, Forbidden
from webhook_ui.languages import tr
from webhook_ui.models import Account, SignInSession, table

COOKIE = "webhook_ui_session"
LIFETIME = timedelta(days=14)  # whatever happens
IDLE = timedelta(days=3)  # since it was last seen
SEEN_EVERY = timedelta(minutes=5)  # how exactly "last seen" is kept
LONGEST_COOKIE = 128
LONGEST_ORIGIN = 200


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a sign-in is checked against."""

    account_id: int
    password_hash: str


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A session that is in force; `stale` says that `see_session` is due."""

    actor: Actor
    stale: bool


def find_credentials(session: Session, email: str) -> Credentials | None:
    """The account behind a checked address, if there is one."""
    account = table(Account)
    row = session.execute(sa.select(account.c.id, account.c.password_hash).where(account.c.email == email)).first()
    return Credentials(account_id=row.id, password_hash=row.password_hash) if row else None


def sign_in(session: Session, credentials: Credentials, *, origin: str, now: datetime) -> str:
    """Starts a session for somebody whose password was right, and returns the cookie.

    Raises Conflict if the password was changed since, and Forbidden if the account is disabled.
    """
    # locked, so that a password set meanwhile ends this session too
    statement = sa.select(Account).where(table(Account).c.id == credentials.account_id).with_for_update(read=True)
    account = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if account is None or account.password_hash != credentials.password_hash:
        raise Conflict(tr("The password was changed a moment ago. Sign in with the new one."))
    if account.disabled_at is not None:
        raise Forbidden(tr("The account {email} is disabled. An admin can enable it.", email=account.email))
    _forget_old(session, now)
    cookie = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            digest=sealing.digest(cookie),
            account_id=credentials.account_id,
            created_at=now,
            seen_at=now,
            expires_at=now + LIFETIME,
            origin=origin[:LONGEST_ORIGIN],
        )
    )
    actor = Actor(kind="person", name=account.email, role=Role(account.role), origin=origin)
    _record(session, "account.signed_in", credentials.account_id, actor, now)
    return cookie


def find_session(session: Session, cookie: str, *, now: datetime) -> SignedIn | None:
    """Who the cookie stands for, if its session is in force. Any text will do."""
    digest = _digest(cookie)
    if digest is None:
        return None
    kept, account = table(SignInSession), table(Account)
    row = session.execute(
        sa.select(account.c.email, account.c.role, kept.c.seen_at)
        .join(account, account.c.id == kept.c.account_id)
        .where(kept.c.digest == digest, kept.c.expires_at > now, kept.c.seen_at > now - IDLE)
        .where(account.c.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    return SignedIn(
        actor=Actor(kind="person", name=row.email, role=Role(row.role)), stale=now - row.seen_at >= SEEN_EVERY
    )


def see_session(session: Session, cookie: str, *, now: datetime) -> None:
    """Notes that the session was used. Nobody's decision, so it leaves no history."""
    kept = table(SignInSession)
    session.execute(
        kept.update().where(kept.c.digest == _digest(cookie), kept.c.seen_at <= now - SEEN_EVERY).values(seen_at=now)
    )


def sign_out(session: Session, cookie: str, *, actor: Actor, now: datetime) -> None:
    """Ends the cookie's session; harmless if there is none."""
    kept = table(SignInSession)
    row = session.execute(kept.delete().where(kept.c.digest == _digest(cookie)).returning(kept.c.account_id)).first()
    if row is not None:
        _record(session, "account.signed_out", row.account_id, actor, now)


def end_sessions(session: Session, account_id: int) -> None:
    """Ends all sessions of an account, as a part of what ends them."""
    kept = table(SignInSession)
    session.execute(kept.delete().where(kept.c.account_id == account_id))


def _forget_old(session: Session, now: datetime) -> None:
    kept = table(SignInSession)
    session.execute(kept.delete().where(sa.or_(kept.c.expires_at <= now, kept.c.seen_at <= now - IDLE)))


def _digest(cookie: str) -> str | None:
    return sealing.digest(cookie) if cookie.isascii() and 0 < len(cookie) <= LONGEST_COOKIE else None


def _record(session: Session, action: str, account_id: int, actor: Actor, now: datetime) -> None:
    changelog.record(
        session,
        actor=actor,
        action=action,
        subject="account",
        subject_id=str(account_id),
        before=None,
        after=None,
        now=now,
    )
    note(session, Changed(Kind.account))
