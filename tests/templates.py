"""A migrated, empty SQLite file, made once a process of pytest: to copy it costs nothing beside migrating."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import sqlalchemy as sa

from webhook_ui import migrations


@functools.cache
def migrated_file() -> Path:
    """The one that is copied."""
    folder = Path(tempfile.mkdtemp(prefix="webhook-ui-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "webhook_ui.db"
    migrations.apply(sa.make_url(f"sqlite:///{file}"))
    return file


def put_migrated(file: Path) -> Path:
    """Puts a copy at `file`, unless there is one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        shutil.copyfile(migrated_file(), file)
    return file
