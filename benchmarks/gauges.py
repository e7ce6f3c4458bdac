"""What is read off the machine: CPU and memory of processes, and how long this disk takes to keep something. Linux."""

import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path


def cpu(pid: int) -> float:
    """Seconds of CPU that a running process has used, all its threads together."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) makes of a pid


def cpu_of_family(pid: int) -> float:
    """Seconds of CPU of a process and of its children, those that have ended included."""
    return cpu(pid) + _of_ended_children(pid) + sum(_cpu_or_none(child) for child in _children(pid))


def busy() -> float:
    """Seconds of CPU that this machine has spent on anything since it was started, all its cores together."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _idle, _waiting, *interrupts = (int(figure) for figure in line.split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """The most megabytes of memory (RSS) that a process has had so far; 0 once it has ended."""
    return _status(pid, "VmHWM:")


def resident(pid: int) -> float:
    """Megabytes of memory (RSS) that a process has now; 0 once it has ended."""
    return _status(pid, "VmRSS:")


def fsync(folder: Path, *, times: int = 60) -> float:
    """Milliseconds until a page of 4 KB is safe on the disk under `folder`; the median."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        waits = []
        for _ in range(times):
            begin = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            waits.append((time.perf_counter() - begin) * 1000)
    return statistics.median(waits)


def machine() -> str:
    """This machine in a few words."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {version}"


def percentile(values: list[float], part: float) -> float:
    """The value that `part` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else float("nan")


def _status(pid: int, name: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # ended and waited for: before it was opened, or before it was read
        return 0.0
    for line in status.splitlines():  # of one that nobody has waited for yet there is a status, without memory
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def _stat(pid: int) -> list[str]:
    # what follows the name, which may itself hold spaces and brackets
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _of_ended_children(pid: int) -> float:
    user, system = _stat(pid)[13:15]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int(_stat(int(entry.name))[1]) == pid:
                    found.append(int(entry.name))
            except OSError:  # ended while we looked
                continue
    return found


def _cpu_or_none(pid: int) -> float:
    try:
        return cpu(pid)
    except OSError:
        return 0.0
