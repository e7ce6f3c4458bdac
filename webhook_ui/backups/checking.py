"""Whether a file is a backup that can be restored: whole, known to this version, its secrets readable."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from webhook_ui import migrations, sealing
from webhook_ui.backups import sqlite_files
from webhook_ui.backups.sqlite_files import Tell
from webhook_ui.columns import SealedJson
from webhook_ui.errors import UsageError
from webhook_ui.models import metadata
from webhook_ui.settings import Settings

FOLDER = ".restore"  # in DATA_DIR, for the copy of an older backup


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup in the form that this version needs, open to be read."""

    file: Path
    connection: sqlite3.Connection


def check_file(file: Path) -> str:
    """A first look; answers the revision it is at. Raises UsageError."""
    if not file.is_file():
        raise UsageError(f"There is no file {file}. Name a backup that `webhook-ui backup` wrote.")
    with file.open("rb") as opened:
        if opened.read(16) != b"SQLite format 3\0":
            raise UsageError(f"{file} is no backup of webhook-ui. Name a file that `webhook-ui backup` wrote.")
    try:
        with closing(sqlite_files.open_file(file, "ro")) as connection:
            revision = sqlite_files.revision(connection)
    except sqlite3.DatabaseError as error:
        raise _damaged(file, str(error)) from None
    if revision is None:
        raise UsageError(f"{file} is no whole backup of webhook-ui. Name a file that `webhook-ui backup` wrote.")
    if not migrations.is_known(revision):
        raise UsageError(
            f"{file} was made by a newer version of webhook-ui (it is at revision {revision}, this version knows "
            f"{migrations.latest()} at the latest). Install the newer version."
        )
    return revision


@contextmanager
def looked_through(file: Path, revision: str, settings: Settings, tell: Tell) -> Iterator[Backup]:
    """The backup in `file`, which is at `revision`, once nothing is wrong with it. Raises UsageError."""
    _check_whole(file, tell)
    with (
        _in_present_form(file, revision, settings.data_dir, tell) as present,
        closing(sqlite_files.open_file(present, "ro")) as connection,
    ):
        _check_tables(connection, file)
        _check_secrets(connection, file, settings, tell)
        yield Backup(file=present, connection=connection)


@contextmanager
def _in_present_form(file: Path, revision: str, folder: Path, tell: Tell) -> Iterator[Path]:
    """The backup as this version needs it: an older one is brought there as a copy within `folder`."""
    if revision == migrations.latest():
        yield file
        return
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)  # of one that was killed
    place.mkdir(mode=0o700)
    try:
        tell("migrating a copy")
        copy = place / "copy.db"
        sqlite_files.copy_file(file, copy)
        migrations.apply(sa.make_url(f"sqlite:///{copy.absolute()}"), aside=False)
        yield copy
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _check_whole(file: Path, tell: Tell) -> None:
    """Reads all of it. Raises UsageError."""
    with closing(sqlite_files.open_file(file, "ro")) as connection:
        connection.set_progress_handler(lambda: tell(f"checking {file.name}"), sqlite_files.STEPS)
        try:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            lost = connection.execute("PRAGMA foreign_key_check").fetchone()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise
            raise _damaged(file, str(error)) from None
    if found != "ok" or lost:
        raise _damaged(file, found.splitlines()[-1] if found != "ok" else f"rows of {lost[0]} belong to nothing")


def _check_tables(connection: sqlite3.Connection, file: Path) -> None:
    """Raises UsageError where a table or a column of this version is missing in a file that is said to have them."""
    for table in metadata.sorted_tables:
        if set(sqlite_files.columns(connection, table.name)) != {column.name for column in table.columns}:
            raise _damaged(file, f"{table.name} is not as revision {migrations.latest()} has it")


def _check_secrets(connection: sqlite3.Connection, file: Path, settings: Settings, tell: Tell) -> None:
    """Opens every sealed value with the key in force. Raises UsageError; makes no key."""
    sealer = None
    for number, sealed in enumerate(_sealed_values(connection)):
        if number % 1000 == 0:
            tell(f"trying the secret key: {number:,} secrets")
        sealer = sealer or _sealer(file, settings)
        try:
            json.loads(sealer.open(sealed))
        except UsageError:
            raise UsageError(
                f"The secrets in {file} were sealed with another secret key than that in {_where(settings)}. "
                "Put the key of the installation it was made of there; nothing was changed."
            ) from None


def _sealed_values(connection: sqlite3.Connection) -> Iterator[str]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, SealedJson):
                query = f'SELECT "{column.name}" FROM "{table.name}" WHERE "{column.name}" IS NOT NULL'
                yield from (sealed for (sealed,) in connection.execute(query))


def _sealer(file: Path, settings: Settings) -> sealing.FernetSealer:
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    if given is None and not (settings.data_dir / "secret.key").exists():
        raise UsageError(
            f"The secrets in {file} are sealed, and there is no secret key here. Put that of the installation it was "
            f"made of into WEBHOOK_UI_SECRET_KEY or {_where(settings)}."
        )
    return sealing.FernetSealer(sealing.load_key(settings.data_dir, given))


def _where(settings: Settings) -> str:
    return "WEBHOOK_UI_SECRET_KEY" if settings.secret_key else str((settings.data_dir / "secret.key").absolute())


def _damaged(file: Path, why: str) -> UsageError:
    return UsageError(f"{file} is damaged ({why}). Take another backup; nothing was changed.")
