"""`token …` and `user …`: programs' tokens and people's accounts, from the machine that holds the database."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from webhook_ui import accounts, settings, times
from webhook_ui.actors import CLI, Role
from webhook_ui.cli.opening import opened
from webhook_ui.database import Database
from webhook_ui.errors import Invalid

token_app = typer.Typer(no_args_is_help=True, help="Tokens for the REST API.")
user_app = typer.Typer(no_args_is_help=True, help="Accounts that sign in to the dashboard.")

RoleOption = Annotated[Role, typer.Option(help="What it may do; each role may do what the one before it may.")]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@token_app.command("create")
def create_token(name: str, role: RoleOption = Role.viewer) -> None:
    """Make a token and print it, once."""
    with _database() as database:
        token, text = database.write_now(accounts.create_token, name=name, role=role, actor=CLI, now=times.utcnow())
    typer.echo(text)
    typer.echo(f"Token {token.id} for {token.name}, role {token.role}. It is shown this once: keep it safe.", err=True)


@token_app.command("list")
def list_tokens() -> None:
    """Show all tokens, without their text."""
    with _database() as database:
        tokens = database.read_now(accounts.list_tokens)
    rows = [
        (str(one.id), one.name, one.role, times.to_text(one.created_at), "revoked" if one.revoked_at else "in force")
        for one in tokens
    ]
    _print_table(("ID", "NAME", "ROLE", "CREATED", "STATE"), rows)


@token_app.command("revoke")
def revoke_token(token_id: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Let a token in no more."""
    with _database() as database:
        token = database.write_now(accounts.revoke_token, token_id, actor=CLI, now=times.utcnow())
    typer.echo(f"Token {token.id} ({token.name}) is revoked.")


@user_app.command("create")
def create_user(email: str, role: RoleOption = Role.viewer, password_stdin: PasswordOption = False) -> None:
    """Make an account."""
    email = accounts.check_email(email)
    password_hash = accounts.hash_password(_ask_password(password_stdin))
    with _database() as database:
        database.write_now(
            accounts.create_account,
            email=email,
            role=role,
            password_hash=password_hash,
            actor=CLI,
            now=times.utcnow(),
        )
    typer.echo(f"{email} can sign in now, role {role}.")


@user_app.command("list")
def list_users() -> None:
    """Show all accounts."""
    with _database() as database:
        people = database.read_now(accounts.list_accounts)
    rows = [
        (one.email, one.role, times.to_text(one.created_at), "disabled" if one.disabled_at else "enabled")
        for one in people
    ]
    _print_table(("EMAIL", "ROLE", "CREATED", "STATE"), rows)


@user_app.command("passwd")
def set_password(email: str, password_stdin: PasswordOption = False) -> None:
    """Set another password; ends the account's sessions."""
    with _database() as database:
        database.read_now(accounts.find_account, email)  # before anybody types a password for nobody
        password_hash = accounts.hash_password(_ask_password(password_stdin))
        account = database.write_now(accounts.set_password, email, password_hash, actor=CLI, now=times.utcnow())
    typer.echo(f"{account.email} has a new password and has to sign in again.")


@user_app.command("role")
def change_role(email: str, role: Role) -> None:
    """Give an account another role."""
    with _database() as database:
        account = database.write_now(accounts.change_role, email, role, actor=CLI, now=times.utcnow())
    typer.echo(f"{account.email} is {account.role} now.")


@user_app.command("disable")
def disable_user(email: str) -> None:
    """Let an account in no more; it can be enabled again."""
    with _database() as database:
        account = database.write_now(accounts.disable_account, email, actor=CLI, now=times.utcnow())
    typer.echo(f"{account.email} is disabled and signed out.")


@user_app.command("enable")
def enable_user(email: str) -> None:
    """Let a disabled account in again."""
    with _database() as database:
        account = database.write_now(accounts.enable_account, email, actor=CLI, now=times.utcnow())
    typer.echo(f"{account.email} can sign in.")


@contextmanager
def _database() -> Iterator[Database]:
    with opened(settings.load()) as database:
        yield database


def _ask_password(from_stdin: bool) -> str:
    if not from_stdin:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    password = sys.stdin.read()
    if not password:
        raise Invalid({"password": "Standard input was empty. Pipe the password into this command."})
    return password.removesuffix("\n").removesuffix("\r")


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
