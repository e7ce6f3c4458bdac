"""`migrate` and `doctor`: the state of the installation."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
import typer

from webhook_ui import migrations, plugin_loader, sealing, storage
from webhook_ui import settings as settings_module
from webhook_ui.database import moment
from webhook_ui.errors import WebhookUIError
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


def _is_there(url: sa.URL) -> bool:
    return url.get_backend_name() != "sqlite" or Path(str(url.database)).exists()


def _plugins(settings: Settings) -> str:
    plugins = plugin_loader.load(settings.plugins_dir)
    if plugins.problems:
        broken = ", ".join(problem.name for problem in plugins.problems)
        raise WebhookUIError(f"{broken} cannot be loaded; `webhook-ui plugin list` says why.")
    return f"{len(plugins.loaded)} loaded, {len(plugins.triggers)} triggers"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "folder": _folder,
    "secret key": _key,
    "database": _database,
    "clock": _clock,
    "plugins": _plugins,
}
