"""A steady load: events offered at a rate, whatever becomes of them, and how long each took until it arrived."""

import asyncio
import time
from collections.abc import Callable

from benchmarks.receiver import Receiver
from webhook_ui import ids
from webhook_ui.actors import CLI
from webhook_ui.app import Core
from webhook_ui.host import Emission


async def offer(
    core: Core, far: Receiver, emission: Callable[[int], Emission], *, rate: float, seconds: float
) -> list[float]:
    """Emits `rate` events a second; milliseconds from when each was to be emitted until it arrived.

    Counting from the plan, not from the call, tells of every stall, also of one that held up the emitting.
    """
    base, count = far.arrived(), int(rate * seconds)
    begin = time.monotonic() + 0.05
    tasks = []
    for number in range(count):
        planned = begin + number / rate
        await asyncio.sleep(planned - time.monotonic())
        tasks.append(asyncio.create_task(_emit(core, emission(number), planned)))
    planned_of = dict(await asyncio.gather(*tasks))
    await far.arrive(base + count)
    return _waits(planned_of, far)


async def one_at_a_time(core: Core, far: Receiver, emission: Emission, *, count: int, pause: float) -> list[float]:
    """Emits `count` events, each `pause` seconds after the last one arrived; milliseconds of each."""
    base, planned_of = far.arrived(), {}
    for number in range(count):
        name, begun = await _emit(core, emission, time.monotonic())
        planned_of[name] = begun
        await asyncio.sleep(pause)  # asking for the arrival meanwhile would be work beside what is measured
        await far.arrive(base + number + 1)
    return _waits(planned_of, far)


async def _emit(core: Core, emission: Emission, planned: float) -> tuple[str, float]:
    emitted = await core.host.emit(emission, actor=CLI)
    return ids.event_text(emitted.event_id), planned


def _waits(planned_of: dict[str, float], far: Receiver) -> list[float]:
    return [(arrived - planned_of[name]) * 1000 for name, arrived in far.take_arrivals() if name in planned_of]
