"""Restoring a backup: looked through first, then all or nothing, then as if the moment of the backup were a crash."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from webhook_ui import changelog, sending, storage
from webhook_ui.actors import CLI
from webhook_ui.backups import checking, sqlite_files, targets
from webhook_ui.backups.failing import explained
from webhook_ui.backups.sqlite_files import Counts, Tell
from webhook_ui.backups.targets import Target
from webhook_ui.errors import UsageError
from webhook_ui.outbox.restored import Reopened, give_back_all
from webhook_ui.settings import Settings
from webhook_ui.times import to_text


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was restored; `stopped` is whether sending is stopped now."""

    counts: Counts
    deliveries: Reopened
    stopped: bool


def restore(file: Path, settings: Settings, *, replace: bool, stopped: bool, tell: Tell) -> Restored:
    """Puts what the backup `file` holds into the database that `settings` name; with `replace` in the place of what is
    there, with `stopped` so that nothing is sent. Raises UsageError; then nothing has changed.
    """
    url = storage.database_url(settings)
    is_file = url.get_backend_name() == "sqlite"
    database = Path(str(url.database)) if is_file else settings.data_dir / checking.FOLDER
    with explained(f"Nothing was restored from {file}", writing=database):
        revision = checking.check_file(file)
        if is_file and database.exists() and database.samefile(file):
            raise UsageError(f"{file} is the database itself. Name a backup.")
        storage.prepare_folder(settings.data_dir)
        with targets.opened(url) as target:
            if not replace and (held := target.holds()):
                raise UsageError(f"The database is not empty ({held}). Say --replace to have the backup instead.")
            with checking.looked_through(file, revision, settings, tell) as backup:
                target.begin(backup.file)
                target.clear()
                target.fill(backup.connection, tell)
                counts = sqlite_files.count(backup.connection)
                tell("committing")
                reopened, is_stopped = _put_right(target, stopped, counts, sqlite_files.date_of(file))
                target.commit()
                tell("tidying up")
                target.settle()
    return Restored(counts=counts, deliveries=reopened, stopped=is_stopped)


def _put_right(target: Target, stopped: bool, counts: Counts, at: datetime | None) -> tuple[Reopened, bool]:
    now = target.now()
    with Session(target.connection) as session:
        reopened = give_back_all(session, now=now)
        if stopped:
            sending.stop(session, actor=CLI, now=now)
        is_stopped = sending.state(session).stopped
        after = {"backup_of": to_text(at) if at else None, **counts._asdict()}
        changelog.record(
            session,
            actor=CLI,
            action="database.restored",
            subject="database",
            subject_id="1",
            before=None,
            after=after,
            now=now,
        )
        session.commit()  # into the transaction around it
    return reopened, is_stopped
