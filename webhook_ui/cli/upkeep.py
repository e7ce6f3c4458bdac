"""`migrate` and `doctor`: the state of the installation."""

from collections.abc import Callable

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
    storage.prepare_folder(settings.data_dir)
    return f"{settings.data_dir.absolute()} can be written"


def _key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return "from WEBHOOK_UI_SECRET_KEY"
    sealing.load_key(settings.data_dir, None)
    return f"in {(settings.data_dir / 'secret.key').absolute()}"


def _database(settings: Settings) -> str:
    url = storage.database_url(settings)
    at = migrations.current(url)
    migrations.check_not_newer(at)
    state = "up to date" if at == migrations.latest() else "the next start migrates it"
    return f"{url.render_as_string(hide_password=True)}, {state}"


def _clock(settings: Settings) -> str:
    database = storage.open_database(settings)
    try:
        difference = abs((database.read_now(moment) - utcnow()).total_seconds())
    finally:
        database.close()
    if difference > LARGEST_CLOCK_DIFFERENCE:
        raise WebhookUIError(f"This machine and the database differ by {difference:.0f} s. Synchronise both with NTP.")
    return f"differs from the database's by {difference:.1f} s"


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
