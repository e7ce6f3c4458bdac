"""How long a backup and its restoration take, and how much memory, with so many deliveries in the database."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from benchmarks import gauges, product, seeds
from benchmarks.product import ROOT, Installation, Storage
from benchmarks.report import Cell, Report
from webhook_ui.settings import PREFIX

KEY = {"secret_key": "a key that only benchmarks use"}
SAMPLE_SECONDS = 0.02  # so far apart are looks at a command's memory


def measure(storage: Storage, *, deliveries: int) -> Report:
    """Each command as a process of its own; the second restoration replaces what the first one has left."""
    with storage.installation(**KEY) as place, storage.installation(**KEY) as other:
        with place.core() as core:
            lanes = product.add_webhooks(core, ["http://127.0.0.1:9/"] * 10)
            seeds.history(core, deliveries, webhook_ids=lanes)
        file = place.folder / "backup.db"
        rows = [
            _run("backup", place, "backup", str(file)),
            _run("restore", other, "restore", str(file)),
            _run("restore --replace", other, "restore", "--replace", str(file)),
        ]
        size = file.stat().st_size / 1e6
    return Report(
        name=f"Backup, {storage.name}: {deliveries:,} deliveries",
        rows=rows,
        notes=[f"the backup has {size:,.0f} MB; one fsync on this disk takes {storage.fsync():.2f} ms"],
    )


def _run(name: str, place: Installation, *arguments: str) -> Mapping[str, Cell]:
    settings = {f"{PREFIX}{name.upper()}": value for name, value in place.settings.items()}
    with tempfile.TemporaryFile() as said:
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        process = product.subprocess.Popen(  # the one that tests exchange for forks
            [sys.executable, "-m", "webhook_ui", *arguments],
            cwd=place.folder,
            env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
            stdin=product.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        memory = _watch(process)
        seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        if process.returncode:
            raise RuntimeError(f"{name} failed:\n{said.read().decode()}")
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {"": name, "seconds": seconds, "CPU seconds": cpu, "memory MB": memory}


def _watch(process: Any) -> float:
    """The most memory it had, looked at often until it ended; what `wait4` says is no less than our own."""
    most = 0.0
    while True:
        try:
            process.wait(SAMPLE_SECONDS)
        except product.subprocess.TimeoutExpired:
            most = max(most, gauges.memory(process.pid))
        else:
            return most
