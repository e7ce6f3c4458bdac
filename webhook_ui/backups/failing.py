"""What stops a backup or a restoration, in words that say what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from webhook_ui.errors import UsageError


@contextmanager
def explained(what: str, *, file: Path) -> Iterator[None]:
    """Turns what databases and disks say into a UsageError that begins with `what`, and is about `file`."""
    try:
        yield
    except DBAPIError as error:
        raise _explain(what, error.orig or error, file) from error
    except (OSError, sqlite3.Error, psycopg.Error) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error  # Ctrl+C is heard between two steps of a long statement
        raise _explain(what, error, file) from error


def _explain(what: str, error: BaseException, file: Path) -> UsageError:
    lines = str(getattr(error, "strerror", None) or error).strip().splitlines()
    cause = lines[0] if lines else type(error).__name__
    return UsageError(f"{what}: {cause}. {_way_out(error, file)}")


def _way_out(error: BaseException, file: Path) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        return f"Make room on the disk of {file.absolute().parent}, or use another one."
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "Somebody is using the tables: stop the server, the workers and whoever else does."
    if code == sqlite3.SQLITE_BUSY:
        return "Somebody else has the database open: stop the server, the workers and whoever else has."
    if isinstance(error, psycopg.OperationalError):
        return "Check WEBHOOK_UI_DATABASE_URL, and whether the server runs."
    if isinstance(error, OSError) or (code or 0) & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
        return f"Check the path {file.absolute()} and its rights."
    return "Nothing was changed."
