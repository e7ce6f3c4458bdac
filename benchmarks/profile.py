"""Where a worker's time goes while it empties a backlog: py-spy looks at it a thousand times a second."""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks import product
from benchmarks.product import Storage
from benchmarks.receiver import receiver
from benchmarks.report import Report

LOOKS = 1000  # a second
SHOWN = 30


def measure(storage: Storage, *, count: int, size: int, save: Path | None) -> Report:
    """The lines that were met most often, themselves and with what they called. `save` keeps the stacks as found."""
    beside_python = Path(sys.executable).parent
    spy_path = shutil.which("py-spy") or shutil.which("py-spy", path=beside_python)
    if spy_path is None:
        raise RuntimeError("py-spy is not installed; pip install py-spy, then try again")
    with receiver() as far, storage.installation(**product.FULL_SPEED) as place:
        with place.core() as core:
            product.add_webhooks(core, [far.url])
        product.store_backlog(place, product.payload(size), count)
        stacks = save or place.folder / "stacks"
        with place.process("worker") as worker:
            worker.wait_for(product.STARTED)
            command = [spy_path, "record", "--rate", str(LOOKS), "--format", "raw", "--threads", "--nonblocking"]
            spy = subprocess.Popen(
                [*command, "--pid", str(worker.pid), "--output", str(stacks), "--duration", "3600"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            far.wait_for(count)
            spy.send_signal(signal.SIGINT)  # it writes what it has found
            spy.wait()
        rows = _rows(stacks.read_text())
    return Report(name=f"Profile of a worker, {storage.name}, {count:,} deliveries", rows=rows)


def _rows(stacks: str) -> list[dict[str, str | float]]:
    """Each line holds one stack, outermost first, divided by semicolons, and how often it was met."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, times = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(times)
        for frame in set(frames):
            whole[frame] += int(times)
    met = max(sum(own.values()), 1)
    most = sorted(whole, key=lambda frame: (own[frame], whole[frame]), reverse=True)[:SHOWN]
    return [{"": frame, "itself %": own[frame] / met * 100, "with calls %": whole[frame] / met * 100} for frame in most]
