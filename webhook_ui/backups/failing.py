"""What stops a backup or a restoration, in words that say what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from webhook_ui.errors import UsageError

WAYS_OUT = {  # the first that fits
    psycopg.errors.LockNotAvailable: "Somebody uses the tables: stop the server, the workers and whoever else does.",
    psycopg.errors.DiskFull: "Make room on the disk of the database server.",
    psycopg.OperationalError: "Check WEBHOOK_UI_DATABASE_URL, and whether the database server runs.",
}


@contextmanager
def explained(what: str, *, writing: Path) -> Iterator[None]:
    """Turns what databases and disks say into a UsageError that begins with `what`; `writing` is what is written."""
    try:
        yield
    except DBAPIError as error:
        raise _explain(what, error.orig or error, writing) from error
    except (OSError, sqlite3.Error, psycopg.Error) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error  # Ctrl+C is heard between two steps of a long statement
        raise _explain(what, error, writing) from error


def _explain(what: str, error: BaseException, writing: Path) -> UsageError:
    lines = str(getattr(error, "strerror", None) or error).strip().splitlines()
    cause = lines[0].rstrip(".") if lines else type(error).__name__
    return UsageError(f"{what}: {cause}. {_way_out(error, writing)}")


def _way_out(error: BaseException, writing: Path) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        return f"Make room on the disk of {writing.absolute().parent}, or use another one."
    if isinstance(error, OSError) or (code or 0) & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
        return f"Check the path {Path(getattr(error, 'filename', None) or writing).absolute()} and its rights."
    if code == sqlite3.SQLITE_BUSY:
        return "Somebody else has the database open: stop the server, the workers and whoever else has."
    return next((words for kind, words in WAYS_OUT.items() if isinstance(error, kind)), "Nothing was changed.")
