"""The product's commands as real processes that start quickly: each is a fork of one that has imported everything."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from webhook_ui import cli
from webhook_ui.settings import PREFIX

ROOT = Path(__file__).parent.parent
PATIENCE = 30.0
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["webhook_ui.serving", "webhook_ui.cli", "benchmarks.fleet"])


@dataclass(frozen=True, kw_only=True)
class Running:
    """A command that runs; what it prints stands in `log`."""

    process: BaseProcess
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """Pulls the plug, and returns when it is dead."""
        self.signal(signal.SIGKILL)
        self.process.join()

    def stop(self) -> int | None:
        """Asks it to stop, and returns how it ended; None: it did not."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def ended(self, patience: float = PATIENCE) -> int | None:
        """Waits until it has ended, and returns how; a signal that ended it is negative."""
        self.process.join(patience)
        return self.process.exitcode

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal; harmless when it has ended."""
        if self.process.is_alive():
            with suppress(ProcessLookupError):  # it is dead, and that is not told yet
                os.kill(int(self.process.pid or 0), number)

    def wait_for(self, text: str, patience: float = PATIENCE) -> None:
        """Waits until it has printed `text`."""
        deadline = time.monotonic() + patience
        while text not in self.text:
            if time.monotonic() > deadline or not self.process.is_alive():
                raise AssertionError(f"{text!r} never came; so far:\n{self.text}")
            time.sleep(0.01)  # another process writes


def start(
    *arguments: str, environment: Mapping[str, str], log: Path, prepare: Callable[[], object] | None = None
) -> Running:
    """Starts `webhook-ui` with these arguments; `prepare` is called in the new process before anything else."""
    log.touch()
    process = _forks.Process(target=_run, args=(arguments, dict(environment), log, prepare), daemon=True)
    process.start()
    return Running(process=process, log=log)


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings of the product and no others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
    return {**clean, "PYTHONPATH": str(ROOT), **given}


def _run(arguments: tuple[str, ...], given: dict[str, str], log: Path, prepare: Callable[[], object] | None) -> None:
    # who counts this process's semaphores must end with it, as when a command is started by hand
    tracker: Any = resource_tracker._resource_tracker
    tracker._fd = tracker._pid = None
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.clear()
    os.environ.update(given)
    os.chdir(log.parent)
    sys.argv = ["webhook-ui", *arguments]
    if prepare is not None:
        prepare()
    cli.main()
