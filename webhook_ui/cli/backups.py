"""`backup` and `restore`: all there is as one file, and back."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from webhook_ui import backups, storage
from webhook_ui import settings as settings_module
from webhook_ui.backups.sqlite_files import Counts, Tell
from webhook_ui.cli.upkeep import many
from webhook_ui.settings import Settings

PATIENCE = 1.0  # seconds of silence before it says what it does
EVERY = 0.2

Backup = Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")]
Restored = Annotated[Path, typer.Argument(metavar="FILE", help="What `webhook-ui backup` wrote.")]


def backup(
    file: Backup, force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False
) -> None:
    """Writes all there is into one file, as it is at this moment, while server and workers go on.

    It can be restored to SQLite and to PostgreSQL. Keep it like the database, and the secret key apart from it.
    """
    settings = settings_module.load()
    with _progress("backup") as tell:
        written = backups.write(storage.database_url(settings), file, force=force, tell=tell)
    typer.echo(f"Written {file}: {_told(written.counts)}, {written.octets / 1e6:,.1f} MB.")
    typer.echo(
        "It holds payloads as they are, and secrets sealed with the secret key: keep that apart from it "
        f"({_key(settings)}). Without the key the secrets cannot be read."
    )


def restore(
    file: Restored,
    replace: Annotated[bool, typer.Option("--replace", help="Instead of what the database holds.")] = False,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="Send nothing until somebody has looked and starts sending.")
    ] = False,
) -> None:
    """Puts a backup into the database that the settings name: as a whole, or not at all. Stop server and workers first.

    What was open when the backup was made is sent again, with the same webhook-id, also where it was sent since.
    """
    settings = settings_module.load()
    with _progress("restore") as tell:
        restored = backups.restore(file, settings, replace=replace, stopped=stopped, tell=tell)
    typer.echo(f"Restored from {file} to {_place(settings)}: {_told(restored.counts)}.")
    open_ones = restored.deliveries.open
    if open_ones:
        typer.echo(
            f"{open_ones:,} of the deliveries are open. What has been sent since the backup is sent again, "
            "with the same webhook-id."
        )
    if restored.stopped:
        typer.echo("Sending is stopped: start the server, look, then press Start sending.")


def _told(counts: Counts) -> str:
    named = {"webhook": counts.webhooks, "event": counts.events, "delivery": counts.deliveries}
    return ", ".join(many(number, name) for name, number in named.items())


def _place(settings: Settings) -> str:
    url = storage.database_url(settings)
    return str(url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True))


def _key(settings: Settings) -> str:
    return "WEBHOOK_UI_SECRET_KEY" if settings.secret_key else str((settings.data_dir / "secret.key").absolute())


@contextmanager
def _progress(command: str) -> Iterator[Tell]:
    """Says on a terminal, in one line that is gone at the end, what is being done; after a second.

    SIGTERM ends it as Ctrl+C does, so that nothing half done is left.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    line = _Line(command)
    line.start()
    try:
        yield line.tell
    finally:
        line.over.set()
        line.join()


class _Line(threading.Thread):
    """What is being done and for how long, also where that says nothing for long."""

    def __init__(self, command: str) -> None:
        super().__init__(name="progress", daemon=True)
        self.over = threading.Event()
        self._command, self._doing = command, "beginning"

    def tell(self, what: str) -> None:
        self._doing = what

    def run(self) -> None:
        began, pause = time.monotonic(), PATIENCE
        while not self.over.wait(pause):
            self._say(f"{self._command}: {self._doing}, {time.monotonic() - began:.0f} s")
            pause = EVERY
        self._say("")

    def _say(self, text: str) -> None:
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
