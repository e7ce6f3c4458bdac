"""What the plugin kit costs: a model, the hooks that nobody uses, and `emit` in an application's own transaction.

All of it in CPU time, each beside the least that does the same, in turns; of the rounds the quickest counts.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

import webhook_ui
from benchmarks import product
from benchmarks.product import Storage
from benchmarks.report import Cell, Report, ratio
from webhook_ui import builtin, ids, letters, payloads, plugin_loader, times
from webhook_ui.composing import Composer
from webhook_ui.letters import Contents
from webhook_ui.models import Delivery, Event, table
from webhook_ui.outbox import Target
from webhook_ui.plugin_api import Trigger
from webhook_ui.signing import new_secret

NOWHERE = "http://127.0.0.1:9/"  # nothing is sent while this is measured
AT_ONCE = 50  # emits of one transaction
MOST_FOR_A_MODEL, MOST_FOR_HOOKS, MOST_FOR_EMIT = 20.0, 5.0, 2.0


class Line(BaseModel):
    sku: str
    title: str
    quantity: int
    price: float


class Order(BaseModel):
    id: int
    customer: str
    paid: bool
    lines: list[Line]


def measure(storage: Storage, *, count: int, rounds: int) -> Report:
    """Each thing `count` times in each of `rounds`; emits a tenth as often."""
    model = _pair(*_validating(), count=count, rounds=rounds)
    hooks = _pair(*_composing(), count=count, rounds=rounds)
    emitted = _emitting(storage, count=max(count // 10, AT_ONCE), rounds=rounds)
    return Report(
        name=f"Plugin kit, {storage.name}",
        rows=[
            _row("a payload of 1 KB against its model", *model, f"{MOST_FOR_A_MODEL:g} µs"),
            _row("a delivery no plugin has a hand in: head and letter", *hooks, f"{MOST_FOR_HOOKS:g} µs more"),
            _row("emit(session, …), one webhook listens", *emitted, f"{MOST_FOR_EMIT:g} × peer"),
        ],
        notes=[
            f"the hooks cost {hooks[0] - hooks[1]:.2f} µs a delivery",
            "peers: pydantic alone; the letter alone; the same two rows inserted by hand with SQLAlchemy",
        ],
    )


def _validating() -> tuple[Callable[[], object], Callable[[], object]]:
    line = {"sku": "A-1", "title": "Bread, sliced, 500 g", "quantity": 2, "price": 2.5}
    example: dict[str, Any] = {"id": 7, "customer": "Zoë", "paid": True, "lines": [line] * 12}
    trigger, text = Trigger("order.paid", "Order paid", "", example, Order), json.dumps(example)
    return lambda: payloads.check_model(trigger, text), lambda: Order.model_validate_json(text, strict=True)


def _composing() -> tuple[Callable[[], object], Callable[[], object]]:
    """As `flights` does it, and with a letterhead that is there."""
    plugins = plugin_loader.load(Path(product.ROOT / "plugins"), builtin=builtin.PLUGINS, entry_points=False)
    composer = Composer(plugins, user_agent="benchmark")
    target = Target(
        webhook_id=1,
        uid="u",
        title="T",
        url=NOWHERE,
        headers={},
        secrets=[new_secret()],
        timeout=None,
        retry_schedule=None,
    )
    contents: Contents = {
        "event_id": ids.new_id(),
        "trigger": product.TRIGGER,
        "occurred_at": times.utcnow(),
        "payload": product.payload(1024).decode(),
        "now": time.time(),
        "timeout": 15.0,
    }
    there = composer.letterhead(target)

    def ours() -> object:
        if not composer.is_plain(target):
            raise RuntimeError("a plugin has a hand in it")
        return letters.prepare(composer.letterhead(target), **contents)

    return ours, lambda: letters.prepare(there, **contents)


def _emitting(storage: Storage, *, count: int, rounds: int) -> tuple[float, float]:
    payload = json.loads(product.payload(1024))
    with storage.installation() as place, place.core() as core:
        (webhook_id,) = product.add_webhooks(core, [NOWHERE])
        webhook_ui.configure(plugins_dir=core.settings.plugins_dir)
        engine = sa.create_engine(core.database.url)
        with Session(engine) as session:

            def in_transactions(add: Callable[[], object]) -> Callable[[], object]:
                def run() -> None:
                    for _ in range(AT_ONCE):
                        add()
                    session.commit()

                return run

            emit = in_transactions(lambda: webhook_ui.emit(session, product.TRIGGER, payload))
            insert = in_transactions(lambda: _insert(session, webhook_id, payload))
            ours, theirs = _pair(emit, insert, count=count // AT_ONCE, rounds=rounds)
        engine.dispose()
    return ours / AT_ONCE, theirs / AT_ONCE


def _insert(session: Session, webhook_id: int, payload: dict[str, Any]) -> None:
    """The same two rows, by somebody who knows whom they are for."""
    now, event_id = times.utcnow(), ids.new_id()
    moments = {"occurred_at": now, "created_at": now}
    event = {"id": event_id, "trigger": product.TRIGGER, "payload": json.dumps(payload), "actor": "by hand"}
    session.execute(table(Event).insert(), {**event, **moments, "test": False})
    order = {"webhook_id": webhook_id, "event_id": event_id, "trigger": product.TRIGGER, "status": "pending"}
    counts = {"round": 1, "tries": 0, "losses": 0, "test": False}
    due = {"due_at": now, "created_at": now, "updated_at": now}
    session.execute(table(Delivery).insert(), {**order, **counts, **due})


def _pair(ours: Callable[[], object], theirs: Callable[[], object], *, count: int, rounds: int) -> tuple[float, float]:
    """Microseconds of CPU that each takes."""
    for warm in (ours, theirs):
        warm()
    found = [(_time(ours, count), _time(theirs, count)) for _ in range(rounds)]
    return min(one for one, _ in found), min(other for _, other in found)


def _time(work: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count * 1e6


def _row(name: str, ours: float, theirs: float, most: str) -> dict[str, Cell]:
    return {"": name, "CPU µs each": ours, "peer µs": theirs, "× peer": ratio(ours, theirs), "at most": most}
