"""`migrate`, `prune` and `doctor`: the state of the installation."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from sqlmodel import Session

from webhook_ui import builtin, heartbeats, migrations, plugin_loader, plugin_values, sealing, storage, upkeep
from webhook_ui import settings as settings_module
from webhook_ui.cli.opening import opened
from webhook_ui.database import moment
from webhook_ui.errors import WebhookUIError
from webhook_ui.history import backlog
from webhook_ui.settings import Settings
from webhook_ui.times import utcnow

LARGEST_CLOCK_DIFFERENCE = 5.0  # seconds; signatures are refused by receivers from 300 on


def migrate() -> None:
    """Brings the database to the shape this version needs."""
    settings = settings_module.load()
    if settings.database_url is None:
        storage.prepare_folder(settings.data_dir)
    applied = migrations.apply(storage.database_url(settings))
    typer.echo(f"Applied {', '.join(applied)}." if applied else f"Nothing to do: at {migrations.latest()}.")


def prune(
    older_than: Annotated[
        int | None, typer.Option(min=1, max=3650, metavar="DAYS", help="Default: WEBHOOK_UI_RETENTION_DAYS.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; change nothing.")] = False,
) -> None:
    """Removes events that are over and that nothing has happened to for so many days, with all that hangs on them.

    A running server does it every hour by itself. Both may run at the same time.
    """
    settings = settings_module.load()
    days = older_than or settings.retention_days
    with opened(settings) as database:
        work = upkeep.count_older if dry_run else upkeep.prune_older
        pruned = asyncio.run(work(database, timedelta(days=days)))
    gone = pruned.removed
    what = f"{many(gone.events, 'event')}, {many(gone.attempts, 'attempt')} of {many(gone.deliveries, 'delivery')}"
    if dry_run:
        typer.echo(f"Would remove {what}: nothing has happened to them for {many(days, 'day')}. Nothing was changed.")
    else:
        typer.echo(
            f"Removed {what}, {many(pruned.statistics, 'row')} of statistics, {many(pruned.changes, 'change')} "
            f"of history: nothing had happened to them for {many(days, 'day')}."
        )
    if pruned.kept:
        typer.echo(f"Kept {many(pruned.kept, 'older event')}: a delivery is open, or something happened to it since.")


def many(number: int, what: str) -> str:
    """A number of things, in words."""
    several = f"{what[:-1]}ies" if what.endswith("ry") else f"{what}s"
    return f"{number:,} {what if number == 1 else several}"


def doctor() -> None:
    """Looks whether everything needed is there and right; exit 1 if anything is wrong. Changes nothing."""
    wrong = False
    try:
        settings = settings_module.load()
    except WebhookUIError as error:
        typer.echo(f"wrong  settings   {error}")
        raise typer.Exit(1) from None
    typer.echo("good   settings")
    for name, check in CHECKS.items():
        try:
            typer.echo(f"good   {name:<10} {check(settings)}")
        except WebhookUIError as error:
            wrong = True
            typer.echo(f"wrong  {name:<10} {error}")
    raise typer.Exit(1 if wrong else 0)


def _folder(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    if not folder.exists():
        storage.check_missing_folder(folder)
        return f"{folder} is not there yet; the first start makes it"
    storage.prepare_folder(folder)
    return f"{folder} can be written"


def _key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return "from WEBHOOK_UI_SECRET_KEY"
    file = (settings.data_dir / "secret.key").absolute()
    if not file.exists():
        return f"{file} is not there yet; the first start makes it"
    sealing.load_key(settings.data_dir, None)
    return f"in {file}"


def _database(settings: Settings) -> str:
    url = storage.database_url(settings)
    if not _is_there(url):
        return f"{url.database} is not there yet; the first start makes it"
    at = migrations.current(url)
    migrations.check_not_newer(at)
    if at != migrations.latest():
        return f"{url.render_as_string(hide_password=True)}, the next start migrates it"
    storage.open_database(settings).close()  # looks whether the secret key fits
    return f"{url.render_as_string(hide_password=True)}, up to date"


def _clock(settings: Settings) -> str:
    url = storage.database_url(settings)
    if url.get_backend_name() == "sqlite":
        return "this machine's own"
    if migrations.current(url) != migrations.latest():
        return "compared once the database is up to date"
    database = storage.open_database(settings)
    try:
        difference = abs((database.read_now(moment) - utcnow()).total_seconds())
    finally:
        database.close()
    if difference > LARGEST_CLOCK_DIFFERENCE:
        raise WebhookUIError(f"This machine and the database differ by {difference:.0f} s. Synchronise both with NTP.")
    return f"differs from the database's by {difference:.1f} s"


def _sending(settings: Settings) -> str:
    url = storage.database_url(settings)
    if not _is_there(url) or migrations.current(url) != migrations.latest():
        return "asked once the database is up to date"
    database = storage.open_database(settings)
    try:
        return database.read_now(_judge_sending)
    finally:
        database.close()


def _judge_sending(session: Session) -> str:
    now = moment(session)
    beats = heartbeats.list_beats(session)
    alive = [f"{one.dispatcher} on {one.host}" for one in beats if one.is_alive(now)]
    if alive:
        return f"at work: {', '.join(alive)}"
    waiting = backlog.backlog(session, now=now).due
    if waiting:
        raise WebhookUIError(
            f"{waiting} deliveries are due, and no dispatcher is at work. Start webhook-ui serve, or webhook-ui worker."
        )
    return "no dispatcher is at work, and nothing is due; webhook-ui serve starts one"


def _is_there(url: sa.URL) -> bool:
    return url.get_backend_name() != "sqlite" or Path(str(url.database)).exists()


def _plugins(settings: Settings) -> str:
    saved = plugin_values.on_disk(settings)
    plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, saved=saved)
    if plugins.problems:
        broken = ", ".join(problem.name for problem in plugins.problems)
        raise WebhookUIError(f"{broken} cannot be loaded; `webhook-ui plugin list` says why.")
    return f"{len(plugins.loaded)} loaded, {len(plugins.triggers)} triggers"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "folder": _folder,
    "secret key": _key,
    "database": _database,
    "clock": _clock,
    "sending": _sending,
    "plugins": _plugins,
}
