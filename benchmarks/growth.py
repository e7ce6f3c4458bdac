"""What a delivery costs beside a long history or a long backlog, and how much memory a worker needs then."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta

from benchmarks import product, seeds, workers
from benchmarks.laps import Lap, total
from benchmarks.product import Installation, Storage
from benchmarks.receiver import Receiver, receiver
from benchmarks.report import Cell, Report, ratio
from webhook_ui.app import Core

LANES = 10  # the first one gets the events that are measured


def measure(storage: Storage, *, count: int, rounds: int, sizes: Sequence[int], kinds: Sequence[str]) -> Report:
    """Delivers the same `count` events beside each number of rows, the numbers in turn, `rounds` times."""
    payload, rows = seeds.PAYLOAD.encode(), []  # where the seeds are due themselves, they are no less work
    with receiver() as far:
        for kind in kinds:
            laps: dict[int, list[Lap]] = {number: [] for number in sizes}
            with ExitStack() as stack:
                places = {number: _seeded(stack, storage, far, kind, number) for number in sizes}
                for _ in range(rounds):
                    for number, place in places.items():
                        laps[number].append(workers.deliver(storage, place, far, payload, count=count))
            rows += _rows(kind, {number: total(found) for number, found in laps.items()})
    return Report(
        name=f"Growth, {storage.name}: {count:,} deliveries beside so many rows",
        rows=rows,
        notes=[f"mean of {rounds} rounds; {far.kind}; one fsync on this disk takes {storage.fsync():.2f} ms"],
    )


def _seeded(stack: ExitStack, storage: Storage, far: Receiver, kind: str, number: int) -> Installation:
    place = stack.enter_context(storage.installation(**product.FULL_SPEED))
    with place.core() as core:
        others = ["elsewhere"] * (LANES - 1)  # they have rows, but new events are not for them
        KINDS[kind](core, number, product.add_webhooks(core, [far.url] * LANES, tenants=[None, *others]))
    return place


def _history(core: Core, number: int, lanes: list[int]) -> None:
    seeds.history(core, number, webhook_ids=lanes)


def _held(core: Core, number: int, lanes: list[int]) -> None:
    """Half of it waits in lanes that are paused, half in the very lane that is measured, until tomorrow."""
    product.change_webhooks(core, lanes[1:], paused=True)
    seeds.backlog(core, number // 2, webhook_ids=lanes[1:])
    seeds.backlog(core, number - number // 2, webhook_ids=lanes[:1], due=timedelta(days=1))


def _due(core: Core, number: int, lanes: list[int]) -> None:
    seeds.backlog(core, number, webhook_ids=lanes[:1])


KINDS: Mapping[str, Callable[[Core, int, list[int]], None]] = {"history": _history, "held": _held, "due": _due}


def _rows(kind: str, laps: Mapping[int, Lap]) -> list[dict[str, Cell]]:
    first = laps[min(laps)]
    return [
        {
            "": f"{kind}, {number:,} rows",
            "deliveries/s": lap.rate,
            "CPU µs each": lap.cpu_each,
            "server's CPU µs each": lap.server_cpu_each,
            "time × fewest": ratio(first.rate, lap.rate),
            "CPU × fewest": ratio(lap.cpu_each, first.cpu_each),
            "worker's memory MB": lap.memory,
        }
        for number, lap in laps.items()
    ]
