"""Accounts: made, given a role, a password, disabled. The last enabled admin stays. Sessions stand in `sessions`."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from sqlmodel import Session

from webhook_ui import changelog
from webhook_ui.accounts.sessions import end_sessions
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict, Invalid, NotFound
from webhook_ui.languages import tr
from webhook_ui.models import Account, table

LONGEST_EMAIL = 254


def check_email(email: str) -> str:
    """The address as it is stored: valid, stripped, in small letters. Raises Invalid.

    It names a person and is never written to, so names of a local network (`root@localhost`) are as good.
    """
    email = email.strip()
    if len(email) > LONGEST_EMAIL:
        raise Invalid({"email": tr("Use at most {count} characters.", count=LONGEST_EMAIL)})
    try:
        # under this end any domain may stand, also those that the validator keeps for special use
        checked = validate_email(f"{email}.example", check_deliverability=False).normalized
    except EmailNotValidError:
        raise Invalid({"email": tr("This is not an email address. Write it like dana@example.com.")}) from None
    return checked.removesuffix(".example").lower()


def any_account(session: Session) -> bool:
    """Whether anybody can sign in or could."""
    return session.execute(sa.select(table(Account).c.id).limit(1)).first() is not None


def list_accounts(session: Session, *, after: str = "", limit: int | None = None) -> list[Account]:
    """Accounts by address, from the one that follows `after` on."""
    email = table(Account).c.email
    return list(session.execute(sa.select(Account).where(email > after).order_by(email).limit(limit)).scalars())


def find_account(session: Session, email: str) -> Account:
    """The account with this address. Raises NotFound."""
    statement = sa.select(Account).where(table(Account).c.email == _key(email))
    account: Account | None = session.execute(statement).scalar_one_or_none()
    if account is None:
        raise NotFound(
            tr("There is no account {email}. `webhook-ui user list` shows those that are there.", email=email)
        )
    return account


def first_account(session: Session, email: str, password_hash: str, *, now: datetime, origin: str = "") -> Account:
    """The first account, an admin, made by whoever holds the one-time link. Raises Conflict if there is one already."""
    _lock(session)
    if any_account(session):
        raise Conflict(tr("The first account exists already. Sign in with it, or ask its owner for an account."))
    email = check_email(email)
    actor = Actor(kind="person", name=email, role=Role.admin, origin=origin)
    return _add(session, email, Role.admin, password_hash, actor=actor, now=now)


def create_account(
    session: Session, *, email: str, role: Role, password_hash: str, actor: Actor, now: datetime
) -> Account:
    """A new account. Raises Invalid when the address is wrong or taken."""
    actor.require(Role.admin)
    _lock(session)
    email = check_email(email)
    if session.execute(sa.select(table(Account).c.id).where(table(Account).c.email == email)).first():
        raise Invalid({"email": tr("There is an account {email} already.", email=email)})
    return _add(session, email, role, password_hash, actor=actor, now=now)


def change_role(session: Session, email: str, role: Role, *, actor: Actor, now: datetime) -> Account:
    """Gives the account another role, at once. Raises Conflict for the last enabled admin."""
    account = _managed(session, email, actor)
    before = _snapshot(account)
    if account.role == role:
        return account
    if role is not Role.admin:
        _keep_an_admin(session, account)
    account.role = role.value
    return _changed(session, account, "account.role_changed", actor=actor, now=now, before=before)


def set_password(session: Session, email: str, password_hash: str, *, actor: Actor, now: datetime) -> Account:
    """Another password; whoever is signed in with this account has to sign in again."""
    account = _managed(session, email, actor)
    account.password_hash = password_hash
    end_sessions(session, _id(account))
    return _changed(session, account, "account.password_changed", actor=actor, now=now, before=_snapshot(account))


def disable_account(session: Session, email: str, *, actor: Actor, now: datetime) -> Account:
    """Ends the account's sessions and lets it in no more. Raises Conflict for the last enabled admin."""
    account = _managed(session, email, actor)
    before = _snapshot(account)
    if account.disabled_at is not None:
        return account
    _keep_an_admin(session, account)
    account.disabled_at = now
    end_sessions(session, _id(account))
    return _changed(session, account, "account.disabled", actor=actor, now=now, before=before)


def enable_account(session: Session, email: str, *, actor: Actor, now: datetime) -> Account:
    """Lets the account in again."""
    account = _managed(session, email, actor)
    before = _snapshot(account)
    if account.disabled_at is None:
        return account
    account.disabled_at = None
    return _changed(session, account, "account.enabled", actor=actor, now=now, before=before)


def _key(email: str) -> str:
    try:
        return check_email(email)
    except Invalid:
        return ""  # nobody's address


def _lock(session: Session) -> None:
    # who manages accounts does so alone, or two processes could each take away the other's admin
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"LOCK TABLE {table(Account).name} IN SHARE ROW EXCLUSIVE MODE"))


def _managed(session: Session, email: str, actor: Actor) -> Account:
    actor.require(Role.admin)
    _lock(session)
    return find_account(session, email)


def _keep_an_admin(session: Session, account: Account) -> None:
    accounts = table(Account)
    others = sa.select(accounts.c.id).where(
        accounts.c.role == Role.admin.value, accounts.c.disabled_at.is_(None), accounts.c.id != account.id
    )
    if account.role == Role.admin and account.disabled_at is None and session.execute(others.limit(1)).first() is None:
        raise Conflict(tr("{email} is the only admin left. Make somebody else an admin first.", email=account.email))


def _add(session: Session, email: str, role: Role, password_hash: str, *, actor: Actor, now: datetime) -> Account:
    account = Account(email=email, role=role.value, password_hash=password_hash, created_at=now, updated_at=now)
    session.add(account)
    session.flush()
    return _changed(session, account, "account.created", actor=actor, now=now, before=None)


def _changed(
    session: Session, account: Account, action: str, *, actor: Actor, now: datetime, before: dict[str, Any] | None
) -> Account:
    account.updated_at = now
    changelog.record(
        session,
        actor=actor,
        action=action,
        subject="account",
        subject_id=str(_id(account)),
        before=before,
        after=_snapshot(account),
        now=now,
    )
    note(session, Changed(Kind.account))
    return account


def _snapshot(account: Account) -> dict[str, Any]:
    return {"email": account.email, "role": account.role, "disabled": account.disabled_at is not None}


def _id(account: Account) -> int:
    return cast("int", account.id)  # it is stored
