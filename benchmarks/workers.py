"""Worker processes that empty a backlog, measured from when all of them deliver."""

from contextlib import ExitStack

from benchmarks import product
from benchmarks.laps import Lap, Stopwatch
from benchmarks.product import Installation, Storage
from benchmarks.receiver import Receiver


def deliver(
    storage: Storage, place: Installation, far: Receiver, payload: bytes, *, count: int, workers: int = 1
) -> Lap:
    """Stores `count` events more, starts the workers, and measures until so many deliveries have arrived.

    The watch starts when all workers run and something has arrived, so that nobody's start is counted.
    """
    base = far.arrived()
    product.store_backlog(place, payload, count)
    with ExitStack() as stack:
        running = [stack.enter_context(place.process("worker")) for _ in range(workers)]
        for worker in running:
            worker.wait_for(product.STARTED)
        before = far.wait_for(base + 1)
        watch = Stopwatch(*(worker.pid for worker in running), server=storage.server_cpu)
        return watch.lap(far.wait_for(base + count) - before)
