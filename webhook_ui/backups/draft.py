"""A file while it is being written: beside its target, under another name, which it loses once it is whole."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webhook_ui.errors import UsageError


@contextmanager
def draft(target: Path, *, force: bool) -> Iterator[Path]:
    """An empty file that only its owner may read. It becomes `target` at the end, and is gone if that is not reached.

    What a killed process has left is written anew. Raises UsageError, or OSError where nothing can be written.
    """
    _check_free(target, force)
    path = target.with_name(f".{target.name}.unfinished")
    descriptor = _take(path, target)
    try:
        yield path
        os.fsync(descriptor)
        _check_free(target, force)  # somebody may have been quicker
        path.rename(target)
        _keep_name(target.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _check_free(target: Path, force: bool) -> None:
    if target.is_dir():
        raise UsageError(f"{target} is a folder. Name a file in it.")
    if os.path.lexists(target) and not force:
        raise UsageError(f"{target} is there already. Name another file, or say --force to write over it.")


def _take(path: Path, target: Path) -> int:
    """Opens and empties it, unless another process is writing it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = os.path.samestat(os.fstat(descriptor), path.stat())  # else it has just become what it was to become
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        os.close(descriptor)
        raise UsageError(f"Another process is writing {target} at this moment. Wait for it, or name another file.")
    os.fchmod(descriptor, 0o600)
    os.ftruncate(descriptor, 0)
    return descriptor


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
