"""Workers that `serve` keeps beside it. How they die and are told to stop stands in `test_crashes`."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from webhook_ui import workers
from webhook_ui.settings import Settings


def test_a_worker_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_WAIT", 0.01)
    tries, runs = [], threading.Event()
    popen = subprocess.Popen

    def start(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        tries.append(command)
        if len(tries) < 3:
            raise OSError("Cannot allocate memory")
        process = popen([sys.executable, "-c", "input()"], **how)
        runs.set()
        return process

    monkeypatch.setattr(workers.subprocess, "Popen", start)
    with workers.beside(Settings(_env_file=None), 1):
        assert runs.wait(10)
    assert len(tries) == 3
