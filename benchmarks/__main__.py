"""The command line: `python -m benchmarks NAME`. What is measured, and how, stands in the module of that name."""

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

# a receiver's process loads this module too: what is heavy waits until a command needs it
if TYPE_CHECKING:
    from benchmarks.product import Storage
    from benchmarks.report import Report

app = typer.Typer(
    help="Measurements, as ratios to a peer in the same run. Each starts its own receiver; Linux only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Size = Annotated[int, typer.Option(min=200, help="Bytes of a body.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often all of it is done.")]
Seconds = Annotated[float, typer.Option(help="How long each part lasts.")]
Workers = Annotated[list[int] | None, typer.Option(help="A number of workers to try; give it again for another.")]
KINDS = ("history", "held", "due")


def where(
    *,
    postgresql: Annotated[bool, typer.Option("--postgresql", help="On a PostgreSQL started for this.")] = False,
    database_url: Annotated[str | None, typer.Option(help="On this PostgreSQL, in databases made for this.")] = None,
    folder: Annotated[Path | None, typer.Option(help="On the disk of this folder; else the temporary one.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The options that all measurements share."""


def forget_settings() -> None:
    """Measurements say themselves which settings are in force."""
    from webhook_ui.settings import PREFIX

    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]


def measurement(measure: Callable[..., "Report | list[Report]"]) -> Callable[..., "Report | list[Report]"]:
    """Makes a command of `measure`, which takes a storage first; the shared options say which, and how it is told."""

    @wraps(measure)
    def command(*, postgresql: bool, database_url: str | None, folder: Path | None, json: bool, **own: Any) -> None:
        from benchmarks import product, report

        forget_settings()
        with product.storage(database_url=database_url, postgresql=postgresql, folder=folder) as storage:
            found = measure(storage, **own)
        report.show(found if isinstance(found, list) else [found], as_json=json)

    _, *own = inspect.signature(measure).parameters.values()
    options = [*own, *inspect.signature(where).parameters.values()]
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # this is where Typer looks
    command.__annotations__ = {option.name: option.annotation for option in options}
    del command.__wrapped__  # type: ignore[attr-defined]  # its annotations are no longer ours
    app.command(measure.__name__.strip("_"))(command)
    return measure


@measurement
def throughput(
    storage: "Storage", *, count: int = 8000, rounds: Rounds = 2, size: Size = 1024, workers: Workers = None
) -> "Report":
    """Deliveries a second, signed, logged and durable, against loops that only post the same bytes."""
    from benchmarks import throughput as module

    numbers = workers or ([1] if storage.name == "SQLite" else [1, 2])
    return module.measure(storage, count=count, rounds=rounds, size=size, numbers=numbers)


@measurement
def latency(
    storage: "Storage", *, rate: float = 500, seconds: Seconds = 10, idle: int = 200, size: Size = 1024
) -> "Report":
    """From emit to arrival, one event at a time and under a steady load."""
    from benchmarks import latency as module

    return module.measure(storage, rate=rate, seconds=seconds, idle=idle, size=size)


@measurement
def growth(
    storage: "Storage",
    *,
    count: int = 3000,
    rounds: Rounds = 3,
    largest: Annotated[int, typer.Option(help="The most rows, as a power of ten.")] = 6,
    kind: Annotated[list[str] | None, typer.Option(help="history, held or due; all of them if none is named.")] = None,
) -> "Report":
    """What a delivery costs beside a thousand, a hundred thousand, a million rows of history and of backlog."""
    from benchmarks import growth as module

    sizes = sorted({10 ** min(power, largest) for power in (3, 5, 6, 7)})
    return module.measure(storage, count=count, rounds=rounds, sizes=sizes, kinds=kind or KINDS)


@measurement
def ingest(storage: "Storage", *, count: int = 4000, size: Size = 1024) -> "Report":
    """Events taken in a second: singly and in batches over HTTP, and by `emit` in process."""
    from benchmarks import ingest as module

    return module.measure(storage, count=count, size=size)


@measurement
def fanout(storage: "Storage", *, webhooks: int = 1000, events: int = 10, size: Size = 1024) -> "Report":
    """One event to a thousand webhooks: until it is stored, and until all of it has arrived."""
    from benchmarks import fanout as module

    return module.measure(storage, webhooks=webhooks, events=events, size=size)


@measurement
def isolation(
    storage: "Storage",
    *,
    webhooks: int = 1000,
    hanging: int = 10,
    backlog: int = 10_000,
    rate: float = 200,
    seconds: Seconds = 12,
    timeout: Annotated[float, typer.Option(help="Seconds an attempt may take; the product's default is 15.")] = 5,
) -> "Report":
    """What some receivers that hang, with a long backlog each, do to the deliveries of all the others."""
    from benchmarks import isolation as module

    return module.measure(
        storage, webhooks=webhooks, hanging=hanging, backlog=backlog, rate=rate, seconds=seconds, timeout=timeout
    )


@measurement
def dashboard(
    storage: "Storage",
    *,
    seconds: Seconds = 10,
    backlog: Annotated[int | None, typer.Option(help="Deliveries that wait; by default enough.")] = None,
    webhooks: Annotated[int, typer.Option(help="How many the list has; 0 leaves it out.")] = 100_000,
    deliveries: Annotated[int, typer.Option(help="How many they have had in all.")] = 5_000_000,
) -> "list[Report]":
    """How long the dashboard takes to answer: idle and at full speed, and with very many webhooks and deliveries."""
    from benchmarks import dashboard as module
    from benchmarks import thousands

    busy = module.measure(storage, seconds=seconds, backlog=backlog or int(15_000 * (seconds + 1)))
    if not webhooks:
        return [busy]
    return [busy, thousands.measure(storage, webhooks=webhooks, deliveries=deliveries)]


@measurement
def pages(
    storage: "Storage",
    *,
    dashboards: Annotated[int, typer.Option(help="Pages that are open meanwhile.")] = 50,
    rate: Annotated[float, typer.Option(help="Deliveries a second while CPU is measured.")] = 1000,
    seconds: Seconds = 10,
    backlog: Annotated[int, typer.Option(help="Deliveries that are worked off at full speed.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often full speed is measured, with and without.")] = 3,
    opened: Annotated[int, typer.Option(help="Pages that are opened and closed, twice; 0 leaves it out.")] = 1000,
    patience: Annotated[float, typer.Option(help="Seconds until closed pages are forgotten.")] = 75,
) -> "list[Report]":
    """What open dashboards cost: CPU, the dispatcher's speed, and memory when they are closed."""
    from benchmarks import pages as module

    plan = module.Plan(
        dashboards=dashboards,
        rate=rate,
        seconds=seconds,
        backlog=backlog,
        rounds=rounds,
        opened=opened,
        patience=patience,
    )
    return module.measure(storage, plan)


@measurement
def kit(storage: "Storage", *, count: int = 20_000, rounds: Rounds = 5) -> "Report":
    """What the plugin kit costs: a payload's model, hooks that nobody uses, `emit` in a transaction of one's own."""
    from benchmarks import kit as module

    return module.measure(storage, count=count, rounds=rounds)


@measurement
def backup(
    storage: "Storage", *, deliveries: Annotated[int, typer.Option(help="How many there are.")] = 1_000_000
) -> "Report":
    """How long a backup and its restoration take, and how much memory."""
    from benchmarks import backup as module

    return module.measure(storage, deliveries=deliveries)


@measurement
def all_(storage: "Storage") -> "list[Report]":
    """All of these in short; `growth` up to a hundred thousand rows."""
    return [
        throughput(storage, count=5000, rounds=1),
        latency(storage, seconds=5, idle=100),
        growth(storage, count=2000, rounds=1, largest=5),
        ingest(storage, count=2000),
        fanout(storage, events=5),
        isolation(storage, seconds=6, timeout=3.0),
        kit(storage, rounds=3),
        *dashboard(storage, seconds=5, webhooks=10_000, deliveries=500_000),
    ]


@measurement
def profile(
    storage: "Storage",
    *,
    count: int = 20_000,
    size: Size = 1024,
    save: Annotated[Path | None, typer.Option(help="Keep the stacks here, for a flame graph.")] = None,
) -> "Report":
    """Where a worker's time goes while it empties a backlog (needs py-spy)."""
    from benchmarks import profile as module

    return module.measure(storage, count=count, size=size, save=save)


@app.command("crash")
def crash(
    minutes: Annotated[float, typer.Option(help="How long; 20 kills at the least.")] = 10.0,
    *,
    postgresql: Annotated[bool, typer.Option("--postgresql", help="On a PostgreSQL started for this.")] = False,
    database_url: Annotated[str | None, typer.Option(help="On this PostgreSQL, in a database made for this.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Dispatchers beside the web process.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed chooses the same victims.")] = 1,
) -> None:
    """Kills workers at random moments under load and looks whether anything was lost."""
    from benchmarks import product
    from benchmarks.crash import crash as run

    forget_settings()
    with (
        product.storage(database_url=database_url, postgresql=postgresql, folder=None) as storage,
        storage.make_database() as url,
    ):
        run(minutes, url, workers, seed)


if __name__ == "__main__":
    app()
