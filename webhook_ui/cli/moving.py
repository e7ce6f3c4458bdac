"""`export` and `import`: webhooks as a file, to move them or to keep them in git."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from webhook_ui import builtin, plugin_loader, plugin_values
from webhook_ui import settings as settings_module
from webhook_ui.actors import CLI
from webhook_ui.cli import serving
from webhook_ui.cli.opening import opened
from webhook_ui.database import Database, moment
from webhook_ui.errors import UsageError
from webhook_ui.models import Webhook
from webhook_ui.moving import document, files, telling
from webhook_ui.moving.bringing_in import bring_in
from webhook_ui.moving.comparing import Plan, compare
from webhook_ui.moving.files import Format
from webhook_ui.moving.places import Mistakes, printable
from webhook_ui.moving.taking_out import take_out
from webhook_ui.rules import in_force
from webhook_ui.settings import Settings
from webhook_ui.webhook_fields import Rules

DIFFERS = 1  # how `import --dry-run` ends where something would be changed
MOST_NAMED = 10

FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Default: as the name ends (.yaml, .yml, .json); YAML for -.")
]


def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is standard output.")],
    kind: FormatOption = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Signing secrets and values of headers too; the file has mode 600.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is no export of webhooks.")] = False,
) -> None:
    """Writes all webhooks to a file, to move them or for git.

    Deleted ones are left out. The same webhooks give the same file, byte for byte. Without --with-secrets it has no
    signing secrets, and of headers the names. An earlier export is overwritten.
    """
    files.format_of(file, kind)  # before anything is opened
    with opened(settings_module.load()) as database:
        taken = database.read_now(lambda session: take_out(session, secrets=with_secrets, now=moment(session)))
    files.write(file, taken.document, kind, private=with_secrets, force=force)
    if file != files.STANDARD:
        what = "1 webhook" if taken.count == 1 else f"{taken.count:,} webhooks"
        secret = ", with secrets: it has mode 600, and does not belong into git" if with_secrets else ""
        typer.echo(f"{what} written to {file}{secret}.", err=True)
    if with_secrets and taken.rotating:
        names = _named(taken.rotating)
        typer.echo(f"Two secrets sign at present for {names}: the file has the new one alone.", err=True)


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What to read; - is standard input.")],
    kind: FormatOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the difference and change nothing; exit 1 if there is one.")
    ] = False,
    delete_missing: Annotated[
        bool, typer.Option("--delete-missing", help="Delete webhooks that are not in the file, for 30 days restorable.")
    ] = False,
    allow_loopback: Annotated[
        bool, typer.Option("--allow-loopback", help="Take URLs on this machine itself, as `serve` does with it.")
    ] = False,
) -> None:
    """Brings webhooks in from a file, all of it or nothing.

    Webhooks are known by their uid: new ones are created, others changed where they differ. What the file does not
    say stays as it is: webhooks, fields, secrets, values of headers that are •••. A running server takes it up at
    once. Exit 0: done, or nothing to do; 1: --dry-run has found a difference; 2: mistakes.
    """
    settings = serving.load_settings(allow_loopback=allow_loopback)
    try:
        read = document.understand(files.read(file, kind))
        with opened(settings) as database:
            rules = _rules(settings, database)
            compared = partial(compare, document=read, rules=rules, delete_missing=delete_missing)
            plan = database.read_now(lambda session: compared(session, now=moment(session)))
            if dry_run or not plan.steps:
                _tell(plan, dry_run=dry_run)
                raise typer.Exit(DIFFERS if dry_run and plan.steps else 0)
            done = database.write_now(
                lambda session: bring_in(session, compared, rules=rules, actor=CLI, now=moment(session))
            )
    except Mistakes as error:
        raise _refusal(file, error) from None
    _tell(done.plan, dry_run=False)
    if done.with_new_secret:
        typer.echo(
            f"New secrets were made for {_named(done.with_new_secret)}. Receivers need them: each stands on the tab "
            "Secret of its webhook, in GET /api/v1/webhooks/ID/secret, and in `webhook-ui export - --with-secrets`.",
            err=True,
        )


def _rules(settings: Settings, database: Database) -> Rules:
    saved = database.read_now(plugin_values.all_values)
    plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, saved=saved)
    return in_force(settings, plugins)


def _tell(plan: Plan, *, dry_run: bool) -> None:
    for line in telling.lines(plan):
        typer.echo(line)
    changed = "" if plan.steps and not dry_run else " Nothing was changed."
    typer.echo(f"{telling.summary(plan, dry_run=dry_run)}.{changed}")


def _named(webhooks: Sequence[Webhook]) -> str:
    names = [printable(f"{one.title} (ID {one.id})") for one in webhooks[:MOST_NAMED]]
    more = len(webhooks) - len(names)
    return f"{', '.join(names)} and {more:,} more" if more else ", ".join(names)


def _refusal(file: str, error: Mistakes) -> UsageError:
    """One mistake is told like any other error; several stand each in a line of its own before it."""
    name = "standard input" if file == files.STANDARD else file
    if len(error.found) == 1:
        return UsageError(f"{name}, {error} Nothing was changed.")
    typer.echo(str(error), err=True)
    return UsageError(f"{name} has {len(error.found):,} mistakes. Nothing was changed.")
