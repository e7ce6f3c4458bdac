"""The database as a single command opens it. One that had to be made is spoken of: the folder may be a wrong one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from webhook_ui import storage
from webhook_ui.database import Database
from webhook_ui.errors import UsageError, WebhookUIError
from webhook_ui.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database that the settings name, closed at the end. Raises UsageError."""
    made = is_missing(settings)
    database = storage.open_database(settings)
    try:
        yield database
    except WebhookUIError as error:
        if not made:
            raise
        where = settings.data_dir.absolute()
        raise UsageError(f"{error} (A new database was made in {where}: is that the folder you mean?)") from None
    else:
        if made:
            announce(settings)
    finally:
        database.close()


def is_missing(settings: Settings) -> bool:
    """Whether opening the database means making it."""
    url = storage.database_url(settings)
    return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()


def announce(settings: Settings) -> None:
    """Says on standard error that a database was made, and where."""
    typer.echo(f"webhook-ui: new database made in {settings.data_dir.absolute()}", err=True)
