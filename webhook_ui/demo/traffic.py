"""What happens in the demo's shop: events drawn by chance, for the last day and, while it runs, at a gentle pace."""

import json
import math
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog

from webhook_ui.actors import Actor, Role
from webhook_ui.errors import WebhookUIError
from webhook_ui.host import Emission, Host

SHOP = Actor(kind="token", name="shop", role=Role.operator)
PACE = 6.0  # seconds between two events, on average
BURST = 6  # events that come at once, now and then
A_DAY = 1200  # events of the last 24 hours

_NAMES = (
    "Zoë Ångström",
    "محمد السالم",
    "Nguyễn Thị Hoa",
    "Ada Byron",
    "Олена Шевчук",
    "Olga Petrova",
    "José Núñez",
    "Kofi Mensah",
)
_CURRENCIES = ("EUR",) * 30 + ("USD",) * 12 + ("GBP",) * 6 + ("CHF",)
_TRIGGERS = {"user.created": 30, "order.paid": 40, "order.shipped": 20, "order.refunded": 6, "user.deleted": 4}

log = structlog.get_logger()


def event(chance: random.Random) -> Emission:
    """Something that happens in the shop."""
    trigger = chance.choices(list(_TRIGGERS), list(_TRIGGERS.values()))[0]
    tenant = "kuroda" if trigger == "order.shipped" and chance.random() < 0.6 else None
    payload = json.dumps(_payload(trigger, chance), ensure_ascii=False).encode()
    return Emission(trigger=trigger, payload=payload, tenant=tenant)


def _payload(trigger: str, chance: random.Random) -> dict[str, Any]:
    name, number = chance.choice(_NAMES), chance.randrange(10_000, 99_999)
    if trigger == "user.created":
        plan = chance.choice(("free", "free", "team", "enterprise"))
        return {"id": number, "name": name, "email": f"user{number}@example.com", "plan": plan}
    if trigger == "user.deleted":
        return {"id": number, "reason": chance.choice(("asked", "unpaid"))}
    if trigger == "order.shipped":
        carrier = chance.choice(("Nordic Freight", "Hermes", "Yamato"))
        return {"order_id": f"ORD-{number}", "parcels": chance.randint(1, 4), "carrier": carrier}
    amount = round(chance.lognormvariate(9, 1.1))
    return {"order_id": f"ORD-{number}", "amount": amount, "currency": chance.choice(_CURRENCIES), "customer": name}


def last_day(until: datetime, chance: random.Random) -> Iterator[tuple[datetime, Emission]]:
    """Events of the 24 hours before `until`, the oldest first: the nearer to now, the more, so that now is no leap."""
    hours = [hour / 10 for hour in range(240)]
    weights = [(1.6 + math.cos(hour / 24 * 2 * math.pi)) ** 2 for hour in hours]
    ago = sorted((hour + chance.random() / 10 for hour in chance.choices(hours, weights, k=A_DAY)), reverse=True)
    for hour in ago:
        yield until - timedelta(hours=hour), event(chance)


@contextmanager
def flowing(host: Host) -> Iterator[None]:
    """Lets events happen, in a thread of their own."""
    over = threading.Event()
    thread = threading.Thread(target=_flow, args=(host, over), name="demo-traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _flow(host: Host, over: threading.Event) -> None:
    chance = random.Random()
    while not over.wait(min(chance.expovariate(1 / PACE), 3 * PACE)):
        for _ in range(BURST if chance.random() < 0.04 else 1):
            try:
                host.emit_now(event(chance), actor=SHOP)
            except WebhookUIError as error:  # the database is being closed, or the disk is full
                log.warning("demo.no_event", reason=str(error))
