"""`python -m benchmarks crash`: kills processes at random moments under load, then settles the accounts.

The product runs as people run it: a web process and workers of their own. Producers keep a ledger of what was accepted
(a 2xx of the API, or `emit` that returned), the receiver one of what arrived, and at each kill the database is asked
what was claimed and not settled. Everything else follows from these three.
"""

import random
import signal
import socket
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from benchmarks import fleet
from benchmarks.ledger import Far, Key, Manner, Told, View, far
from benchmarks.producers import Produced, producing
from webhook_ui import accounts, ids, plugin_loader, storage, webhooks
from webhook_ui import settings as settings_module
from webhook_ui.actors import CLI, Role
from webhook_ui.app import Core
from webhook_ui.flights import STOCK_SECONDS
from webhook_ui.outbox.suspects import CRASHED_AFTER
from webhook_ui.times import utcnow

ROOT = Path(__file__).parent.parent
LEAST_KILLS = 20
TIMEOUT, LEASE = 2.0, 12.0
TICK = 5.0  # how late a worker may notice that a lease has ended
START = 8.0  # how long a process may take to be there again on a busy machine
NOTICED = LEASE + TICK + START  # after so long what a kill left is due again, and stands in its lane's line
MANNERS = {"/quick": Manner(), "/slow": Manner(slowness=0.5), "/moody": Manner(slowness=0.05, failing=0.1)}


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A delivery that was claimed by a process when it was killed, and never settled by it; `claim` is the token.

    Events whose id is greater than `soon` were made when it should have been noticed long ago.
    """

    at: float
    key: Key
    claim: str
    soon: int


@dataclass(frozen=True, kw_only=True)
class Account:
    """What came out. `violations` say in words what was promised and not kept."""

    kills: int
    accepted: int
    deliveries: int
    arrived: int
    lost: int
    duplicates: int
    bound: int
    slowest: float
    violations: Sequence[str]

    def __str__(self) -> str:
        figures = (
            ("kills", self.kills),
            ("events accepted", self.accepted),
            ("deliveries", self.deliveries),
            ("requests that arrived", self.arrived),
            ("accepted and not arrived", self.lost),
            ("duplicates", self.duplicates),
            ("claimed and not settled at the kills", self.bound),
            ("longest wait for what a kill left, s", round(self.slowest, 1)),
        )
        lines = [f"{name:40}{value:>10}" for name, value in figures]
        return "\n".join([*lines, *(f"VIOLATED  {violation}" for violation in self.violations)])


def crash(minutes: float, database_url: str | None = None, workers: int = 2, seed: int = 1) -> None:
    """Kills for so many minutes, 20 times at least, and prints the account; exits with 1 if a promise was broken."""
    until = time.monotonic() + minutes * 60
    account = run(
        database_url=database_url,
        workers=workers,
        seed=seed,
        go_on=lambda kills: kills < LEAST_KILLS or time.monotonic() < until,
    )
    print(f"{'SQLite' if database_url is None else 'PostgreSQL'}, {workers} workers, seed {seed}\n{account}")
    if account.violations:
        raise SystemExit(1)


def run(*, database_url: str | None, workers: int, seed: int, go_on: Callable[[int], bool]) -> Account:
    """Kills while `go_on(number of kills)`, waits until all is over, and settles the account. The database is empty."""
    chance = random.Random(seed)
    with (
        far(MANNERS, seed=seed) as receiver,
        tempfile.TemporaryDirectory() as folder,
        _core(Path(folder), database_url, receiver) as (core, paths),
    ):
        view = View(core.settings.database)
        if view.events():
            raise SystemExit("This needs an empty database: what is stored there already would be delivered too.")
        ships = _Fleet(core, Path(folder), workers, receiver)
        with producing(core, ships.address, ships.token) as produced:
            losses = _kill(ships, view, chance, go_on)
        over = _wait_until_over(view, receiver, losses.last)
        ships.end()
        return _settle(produced, receiver, view, losses, paths, over=over)


@dataclass
class _Losses:
    found: list[Loss] = field(default_factory=list)
    kills: int = 0
    last: float = 0.0


class _Fleet:
    """One web process and some workers, as people start them; what was killed can be started again."""

    def __init__(self, core: Core, folder: Path, workers: int, receiver: Far) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        _, self.token = core.database.write_now(
            accounts.create_token, name="crash", role=Role.operator, actor=CLI, now=utcnow()
        )
        url = core.settings.database_url
        self._environment = fleet.environment(
            data_dir=str(core.settings.data_dir),
            plugins_dir=str(core.settings.plugins_dir),
            retry_schedule="0.2,0.2,0.2,0.5,0.5,1,1,1,1",
            request_timeout=str(TIMEOUT),
            lease=str(LEASE),
            port=str(port),
            **({"database_url": url.get_secret_value()} if url else {}),
        )
        self._folder, self._receiver = folder, receiver
        self.commands = [("serve", "--workers", "0"), *(("worker",) for _ in range(workers))]
        self._running = [self._start(place) for place in range(len(self.commands))]

    def pull(self, places: Sequence[int]) -> None:
        """Kills what runs in these places, and returns when it is dead."""
        for place in places:
            self._running[place].signal(signal.SIGKILL)
        for place in places:
            self._running[place].kill()

    def fill(self, places: Sequence[int]) -> None:
        """Starts again what was killed."""
        for place in places:
            self._running[place] = self._start(place)

    def wait_for_arrivals(self, count: int) -> None:
        """Returns once so many more requests have arrived: then something is being sent."""
        wanted, patience = len(self._receiver.arrivals) + count, time.monotonic() + LEASE + START
        while len(self._receiver.arrivals) < wanted and time.monotonic() < patience:
            time.sleep(0.005)  # another process receives; nothing here could be awaited

    def end(self) -> None:
        """Stops all, in order."""
        for running in self._running:
            running.signal(signal.SIGTERM)
        for running in self._running:
            running.stop()

    def _start(self, place: int) -> fleet.Running:
        log = self._folder / f"{place}.log"
        return fleet.start(*self.commands[place], "--allow-loopback", environment=self._environment, log=log)


@contextmanager
def _core(folder: Path, database_url: str | None, receiver: Far) -> Iterator[tuple[Core, dict[int, str]]]:
    settings = settings_module.load(
        data_dir=folder / "data",
        plugins_dir=ROOT / "plugins",
        database_url=database_url,
        allowed_networks=(ip_network("127.0.0.0/8"),),
    )
    database = storage.open_database(settings)
    core = Core(settings=settings, database=database, plugins=plugin_loader.load(settings.plugins_dir))
    paths: dict[int, str] = {}
    for path in MANNERS:
        values = {"title": path, "url": receiver.url(path), "triggers": ["user.created"]}
        webhook = core.database.write_now(webhooks.add, values, rules=core.rules, actor=CLI, now=utcnow())
        paths[int(webhook.id or 0)] = path
    try:
        yield core, paths
    finally:
        core.database.close()


def _kill(ships: _Fleet, view: View, chance: random.Random, go_on: Callable[[int], bool]) -> _Losses:
    """Kills again and again: a worker, the web process, all workers, or all there is, at moments nobody chose."""
    losses = _Losses()
    everybody = range(len(ships.commands))
    kinds = [*([place] for place in everybody), list(everybody[1:]), list(everybody)]
    order: list[Sequence[int]] = []
    while go_on(losses.kills):
        order = order or chance.sample(kinds, len(kinds))
        victims = order.pop()
        ships.wait_for_arrivals(chance.randint(20, 200))
        time.sleep(chance.uniform(0, 0.1))  # so that the kill falls at a random moment
        ships.pull(victims)
        losses.last, soon = time.monotonic(), ids.floor(utcnow() + timedelta(seconds=NOTICED))
        losses.kills += 1
        known = {(loss.key, loss.claim) for loss in losses.found}
        held = {key: claim for key, claim in view.claims().items() if (key, claim) not in known}
        ships.fill(victims)
        # what others hold is settled soon; what stays as it is, is what the dead held
        time.sleep(TIMEOUT / 2)
        left = view.claims()
        losses.found += [
            Loss(at=losses.last, key=key, claim=claim, soon=soon)
            for key, claim in held.items()
            if left.get(key) == claim
        ]
    return losses


def _wait_until_over(view: View, receiver: Far, since: float) -> bool:
    """Whether all has ended. As long as something arrives, a lane works off what its receiver could not take."""
    while view.open():
        latest = max(since, receiver.arrivals[-1][0]) if receiver.arrivals else since
        if time.monotonic() > latest + NOTICED:
            return False
        time.sleep(0.2)  # other processes deliver; the database is asked
    return True


def _settle(
    produced: Produced, receiver: Far, view: View, losses: _Losses, paths: dict[int, str], *, over: bool
) -> Account:
    webhook_of = {path: webhook_id for webhook_id, path in paths.items()}
    arrivals: dict[Key, list[float]] = defaultdict(list)
    for at, path, event in receiver.arrivals:
        arrivals[webhook_of[path], ids.event_number(event)].append(at)
    violations = list(produced.violations)
    if not over:
        left = view.open()
        violations.append(f"{left} deliveries were open later than one lease and a tick after anything last arrived.")
    stored, accepted = view.events(), set(produced.accepted.values())
    if stored != len(produced.accepted) or len(accepted) != len(produced.accepted):
        violations.append(
            f"{len(produced.accepted)} keys were accepted as {len(accepted)} events; {stored} are stored."
        )
    wanted = {(webhook_id, ids.event_number(event)) for webhook_id in paths for event in accepted}
    missing = wanted - arrivals.keys()
    if missing:
        violations.append(f"{len(missing)} deliveries of accepted events never arrived, for example {min(missing)}.")
    told = view.deliveries()
    waits = _waits(told, arrivals, losses.found)
    duplicates, wrong = _compare(told, arrivals, count_lost(told, waits, losses.found))
    late = [
        f"{loss.key} was left by a kill and waited {wait:.1f} s, while younger ones of its webhook went."
        for loss, wait in waits.items()
        if is_overtaken(loss, loss.at + wait, arrivals)
    ]
    return Account(
        kills=losses.kills,
        accepted=len(accepted),
        deliveries=len(wanted),
        arrived=len(receiver.arrivals),
        lost=len(missing),
        duplicates=duplicates,
        bound=len(waits),
        slowest=max(waits.values(), default=0.0),
        violations=[*violations, *wrong, *late],
    )


def is_overtaken(loss: Loss, at: float, arrivals: Mapping[Key, Sequence[float]]) -> bool:
    """Whether one of its lane that was stored when this should have been noticed long ago was sent before it.

    How long it waits says nothing by itself: a lane that has more than its receiver takes makes all of it wait. And
    what lies in one dispatcher's stock for a moment may be overtaken by what another one sends.
    """
    webhook_id, _ = loss.key
    claimed = at - STOCK_SECONDS
    return any(
        min(came, default=claimed) < claimed
        for (lane, event_id), came in arrivals.items()
        if lane == webhook_id and event_id > loss.soon
    )


def count_lost(told: Mapping[Key, Told], waits: Mapping[Loss, float], found: Sequence[Loss]) -> Counter[Key]:
    """How many claims of each delivery were lost: after which it was tried again, or which ended it as crashed."""
    return Counter(loss.key for loss in found if loss in waits or told[loss.key].closed == "crashed")


def _compare(told: Mapping[Key, Told], arrivals: dict[Key, list[float]], lost: Counter[Key]) -> tuple[int, list[str]]:
    """How many requests no attempt tells of, and what does not add up: tries without a request, ends without cause."""
    duplicates, violations = 0, []
    for key, one in told.items():
        arrived = len(arrivals[key])
        unrecorded = max(0, arrived - one.tried)
        duplicates += unrecorded
        if unrecorded > lost[key]:
            violations.append(f"{key} arrived {arrived} times: {one.tried} attempts and {lost[key]} lost claims.")
        if one.answered > arrived:
            violations.append(f"{key} has {one.answered} answered attempts, but only {arrived} requests arrived.")
        # five claims lost in a row end as crashed, as is promised: at so many kills that meets some that do no harm
        if one.closed not in (None, "sent") and not (one.closed == "crashed" and lost[key] >= CRASHED_AFTER):
            violations.append(f"{key} ended as {one.closed} after {one.tries} tries.")
    return duplicates, violations


def _waits(told: Mapping[Key, Told], arrivals: dict[Key, list[float]], found: Sequence[Loss]) -> dict[Loss, float]:
    """How long each delivery that a kill left behind waited for its next attempt."""
    waits = {}
    for loss in found:
        again = [other.at for other in found if other.key == loss.key]
        later = [at for at in [*arrivals[loss.key], *again] if at > loss.at]
        if not later and told[loss.key].closed:
            continue  # it was settled without a further attempt: whoever held it was alive, only slow
        waits[loss] = min(later, default=float("inf")) - loss.at
    return waits
