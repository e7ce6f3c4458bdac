"""Deliveries a second, signed, logged and durable, against loops that only post the same bytes."""

from collections.abc import Mapping, Sequence

from benchmarks import peers, product, workers
from benchmarks.laps import Lap, total
from benchmarks.peers import BARE, PLAIN
from benchmarks.product import CONNECTIONS, Storage
from benchmarks.receiver import receiver
from benchmarks.report import Cell, Report, ratio


def measure(storage: Storage, *, count: int, rounds: int, size: int, numbers: Sequence[int]) -> Report:
    """Peer, product, peer, round by round, so that what else the machine does meets all of them.

    `numbers` are how many workers are tried; each of them gets `count` events.
    """
    payload = product.payload(size)
    laps: dict[str, list[Lap]] = {**{_name(number): [] for number in numbers}, BARE: [], PLAIN: []}
    with receiver() as far, storage.installation(**product.FULL_SPEED) as place:
        with place.core() as core:
            product.add_webhooks(core, [far.url])

        def post(post: peers.Post, count: int) -> Lap:
            return peers.run(post, far.url, product.body(payload), count=count, connections=CONNECTIONS)

        for _ in range(rounds):
            for number in numbers:
                laps[BARE].append(post(peers.bare_aiohttp, count))
                found = workers.deliver(storage, place, far, payload, count=count * number, workers=number)
                laps[_name(number)].append(found)
            laps[BARE].append(post(peers.bare_aiohttp, count))
            laps[PLAIN].append(post(peers.plain_httpx, max(count // 10, 1)))
    summed = {name: total(found) for name, found in laps.items()}
    return Report(
        name=f"Throughput, {storage.name}",
        rows=[_row(name, summed, numbers) for name in summed],
        notes=[
            f"{rounds} rounds of {count:,} bodies of {size:,} bytes over {CONNECTIONS} connections to a {far.kind}",
            f"one fsync on this disk takes {storage.fsync():.2f} ms",
        ],
    )


def _name(number: int) -> str:
    return f"webhook-ui, {_workers(number)}"


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"


def _row(name: str, summed: Mapping[str, Lap], numbers: Sequence[int]) -> dict[str, Cell]:
    lap, first = summed[name], summed[_name(numbers[0])]
    compared = len(numbers) > 1 and name not in (BARE, PLAIN)
    return {
        "": name,
        "deliveries/s": lap.rate,
        "CPU µs each": lap.cpu_each,
        "server's CPU µs each": lap.server_cpu_each,
        "of bare aiohttp": ratio(lap.rate, summed[BARE].rate),
        "its CPU": ratio(lap.cpu_each, summed[BARE].cpu_each),
        "× plain httpx": ratio(lap.rate, summed[PLAIN].rate),
        f"× {_workers(numbers[0])}": ratio(lap.rate, first.rate) if compared else None,
    }
