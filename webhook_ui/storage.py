"""Opens the database that the settings name: folder, secret key, migrations, then the two doors."""

import os
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import migrations, sealing
from webhook_ui.database import Database
from webhook_ui.errors import UsageError, WebhookUIError
from webhook_ui.models import Webhook, table
from webhook_ui.settings import Settings


def open_database(settings: Settings) -> Database:
    """The database, ready to use: made or brought up to date where needed. Raises UsageError."""
    prepare_folder(settings.data_dir)
    key = sealing.load_key(settings.data_dir, settings.secret_key.get_secret_value() if settings.secret_key else None)
    migrations.apply(database_url(settings))
    database = Database(settings.database, sealing.FernetSealer(key))
    try:
        database.read_now(_check_key)
    except WebhookUIError as error:
        database.close()
        raise UsageError(str(error)) from None
    return database


def database_url(settings: Settings) -> sa.URL:
    """The database's address. Raises UsageError for one that is neither SQLite nor PostgreSQL."""
    try:
        url = sa.make_url(settings.database)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(
            "WEBHOOK_UI_DATABASE_URL must start with postgresql:// (or be left out, for SQLite in WEBHOOK_UI_DATA_DIR)."
        )
    return url


def prepare_folder(folder: Path) -> None:
    """Makes `folder` if it is missing. Raises UsageError when nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _not_writable(folder, error.strerror) from None


def check_missing_folder(folder: Path) -> None:
    """Looks whether `folder` could be made; makes nothing. Raises UsageError."""
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir():
        raise _not_writable(folder, f"{above} is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise _not_writable(folder, f"{above} is not ours to write")


def _not_writable(folder: Path, why: str | None) -> UsageError:
    return UsageError(
        f"The folder {folder.absolute()} cannot be written ({why}). "
        "Correct its rights, or name another one with WEBHOOK_UI_DATA_DIR."
    )


def _check_key(session: Session) -> None:
    """Opens the newest secret, so that a key that does not fit is noticed now and not at the first delivery."""
    webhook = table(Webhook)
    session.execute(sa.select(webhook.c.secret).order_by(webhook.c.id.desc()).limit(1)).scalar()
