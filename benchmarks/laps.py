"""Laps: so many things done in so much time and CPU. They are taken with a stopwatch and can be added up."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import gauges


@dataclass(frozen=True, kw_only=True)
class Lap:
    """Seconds of the clock and of CPU: ours, and the database server's if it is known. `memory` is in megabytes."""

    count: int
    seconds: float
    cpu: float
    server_cpu: float | None = None
    memory: float | None = None

    @property
    def rate(self) -> float:
        """A second."""
        return self.count / self.seconds if self.seconds else math.nan

    @property
    def cpu_each(self) -> float:
        """Microseconds."""
        return self.cpu / self.count * 1e6 if self.count else math.nan

    @property
    def server_cpu_each(self) -> float | None:
        """Microseconds."""
        return self.server_cpu / self.count * 1e6 if self.server_cpu is not None and self.count else None


def total(laps: Sequence[Lap]) -> Lap:
    """All laps as one."""
    return Lap(
        count=sum(lap.count for lap in laps),
        seconds=sum(lap.seconds for lap in laps),
        cpu=sum(lap.cpu for lap in laps),
        server_cpu=_together([lap.server_cpu for lap in laps], sum),
        memory=_together([lap.memory for lap in laps], max),
    )


class Stopwatch:
    """Runs from when it is made; watches the processes `pids` (this one, if none is named) and the `server`."""

    def __init__(self, *pids: int, server: Callable[[], float | None] = lambda: None) -> None:
        self._pids, self._server = pids or (os.getpid(),), server
        self._began = time.perf_counter()
        self._cpu, self._server_cpu = self._used(), server()

    def lap(self, count: int) -> Lap:
        """What was used for `count` things since the start."""
        seconds, server_cpu = time.perf_counter() - self._began, self._server()
        known = server_cpu is not None and self._server_cpu is not None
        return Lap(
            count=count,
            seconds=seconds,
            cpu=self._used() - self._cpu,
            server_cpu=server_cpu - self._server_cpu if known else None,
            memory=max(gauges.memory(pid) for pid in self._pids),
        )

    def _used(self) -> float:
        return sum(gauges.cpu(pid) for pid in self._pids)


def _together(values: Sequence[float | None], combine: Callable[[list[float]], float]) -> float | None:
    known = [value for value in values if value is not None]
    return combine(known) if known and len(known) == len(values) else None
