"""What tests of storage share: stored webhooks and events, a worker, and a look at what came of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import guard, outbox, retry, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.database import Database
from webhook_ui.models import Attempt, Delivery, Lane, Sending, table
from webhook_ui.outbox import Claimed, Claims, Lease, NewEvent, Settlement, Targets
from webhook_ui.webhook_fields import Rules
from webhook_ui.wire import Answer, ErrorClass, Failure, Result

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SCHEDULE = (5.0, 300.0, 1800.0)

OPERATOR = Actor(kind="person", name="olga@example.com", role=Role.operator, origin="127.0.0.1")
VIEWER = Actor(kind="person", name="vera@example.com", role=Role.viewer)
ENGINE = Actor(kind="system", name="webhook-ui", role=Role.admin)

TRIGGERS = ("user.created", "user.deleted", "user.address.changed", "order.paid")
RULES = Rules(policy=guard.Policy(), triggers=TRIGGERS, longest_timeout=50)


async def until(reached: Callable[[], object]) -> None:
    """Waits until other threads have done it."""
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110 - other threads work; nothing here could be awaited
            await asyncio.sleep(0.001)


def at(seconds: float) -> datetime:
    """So many seconds after the tests' day begins."""
    return NOW + timedelta(seconds=seconds)


# What `state` says of deliveries that were emitted at NOW
PENDING = {
    "status": "pending",
    "due_at": NOW,
    "claim": None,
    "round": 1,
    "tries": 0,
    "losses": 0,
    "answer": None,
    "closed": None,
}
SENT = PENDING | {"status": "sent", "due_at": None, "tries": 1, "answer": "sent", "closed": "sent"}
FAILED = PENDING | {"status": "error", "due_at": at(5), "tries": 1, "answer": "error"}


def fields(**values: Any) -> dict[str, Any]:
    """A webhook's fields, good ones where `values` says nothing."""
    return {"title": "Orders", "url": "https://example.com/hook", "triggers": ["user.created"], **values}


def add_webhook(database: Database, *, now: datetime = NOW, **values: Any) -> int:
    """A stored webhook's id."""
    webhook = database.write_now(webhooks.add, fields(**values), rules=RULES, actor=OPERATOR, now=now)
    assert webhook.id is not None
    return webhook.id


def change(database: Database, webhook_id: int, *, now: datetime = NOW, **values: Any) -> None:
    """Changes a webhook as an operator does."""
    database.write_now(webhooks.change, webhook_id, values, rules=RULES, actor=OPERATOR, now=now)


def emit(database: Database, trigger: str = "user.created", *, now: datetime = NOW, **values: Any) -> int:
    """A stored event's id."""
    return database.write_now(outbox.emit, new_event(trigger, **values), now=now).event_id


def new_event(trigger: str = "user.created", **values: Any) -> NewEvent:
    """An event to be stored."""
    return NewEvent(trigger=trigger, **({"payload": '{"id":7}', "actor": OPERATOR} | values))


def answer(status: int, *, now: datetime = NOW, retry_after: float | None = None, duration_ms: float = 12.0) -> Answer:
    """A receiver's answer."""
    sent = 200 <= status < 300
    return Answer(
        result=Result.sent if sent else Result.error,
        at=now,
        duration_ms=duration_ms,
        response_status=status,
        retry_after=retry_after,
        failure=None if sent else Failure(kind=ErrorClass.http, message=f"{status} from the receiver"),
    )


def settlement(
    claimed: Claimed, said: Answer, *, now: datetime = NOW, schedule: tuple[float, ...] = SCHEDULE
) -> Settlement:
    """`said` and what follows from it, without jitter."""
    decision = retry.decide(said, schedule=schedule, tries=claimed.tries, now=now, jitter=0, chance=0)
    headers = (("content-type", "application/json"),)
    return Settlement(claimed=claimed, answer=said, decision=decision, url=claimed.target.url, request_headers=headers)


def settle_all(session: Session, settlements: list[Settlement], *, dispatcher: str, now: datetime) -> list[Settlement]:
    """Settles, and disables webhooks whose receiver wants no more, as the dispatcher does: in one transaction."""
    counted = list(outbox.settle(session, settlements, dispatcher=dispatcher, now=now).counted)
    for one in counted:
        if one.decision.disable_webhook:
            webhooks.disable(session, one.claimed.webhook_id, reason="410 Gone", actor=ENGINE, now=now)
    return counted


def claim_due(
    session: Session, *, lease: Lease, seats: int = 64, seats_per_webhook: int = 16, busy: Mapping[int, int]
) -> Claims:
    """Claims of all lanes in which something is due: seats are shared out evenly, to those with the fewest first."""
    due = [lane for lane in outbox.open_lanes(session, lease.now) if lane.due_at <= lease.now]
    due.sort(key=lambda lane: (busy.get(lane.webhook_id, 0), lane.due_at))
    wanted: dict[int, int] = {}
    for place, lane in enumerate(due):
        free = seats - sum(wanted.values())
        share = -(-free // (len(due) - place))
        room = min(share, seats_per_webhook - busy.get(lane.webhook_id, 0))
        if room > 0:
            wanted[lane.webhook_id] = room
    return outbox.claim(session, wanted, lease=lease, targets=Targets())


@dataclass(frozen=True)
class Taken:
    """What a claim brought, which lanes hold suspects then, and when the next delivery of a free lane falls due."""

    deliveries: Sequence[Claimed]
    suspects: Sequence[int]
    next_due: datetime | None


def take_due(session: Session, *, lease: Lease, **room: Any) -> Taken:
    """Claims what is due, and looks at what is left."""
    claims = claim_due(session, lease=lease, **room)
    later = [lane.due_at for lane in outbox.open_lanes(session, lease.now) if lane.due_at > lease.now]
    lanes = outbox.open_lanes(session, lease.now)
    suspects = {webhook_id for webhook_id, _ in outbox.suspects(session, lanes, lease.now)}
    return Taken(list(claims.deliveries), sorted(suspects), min(later, default=None))


@dataclass
class Worker:
    """A dispatcher as far as the database knows one: a name, and a new token for each claim."""

    database: Database
    name: str = "a"
    claims: int = 0
    lease: timedelta = LEASE
    holds: list[Claimed] = field(default_factory=list)

    def claim(
        self,
        now: datetime = NOW,
        *,
        seats: int = 64,
        seats_per_webhook: int = 16,
        busy: Mapping[int, int] | None = None,
    ) -> Taken:
        """Claims what is due, as a dispatcher that looks through all lanes each time."""
        return self.database.write_now(
            take_due, lease=self.take_lease(now), seats=seats, seats_per_webhook=seats_per_webhook, busy=busy or {}
        )

    def claim_suspects(self, webhook_ids: Any, now: datetime = NOW) -> Taken:
        """Claims suspects of these lanes."""

        def claim(session: Session, lease: Lease) -> Taken:
            lanes = outbox.open_lanes(session, lease.now)
            among = [one for one in outbox.suspects(session, lanes, lease.now) if one[0] in webhook_ids]
            claims = outbox.claim_suspects(session, among, lease=lease, targets=Targets())
            return Taken(list(claims.deliveries), [], None)

        return self.database.write_now(claim, self.take_lease(now))

    def settle(self, *settlements: Settlement, now: datetime = NOW) -> list[Settlement]:
        """Settles, and returns what counted."""
        return self.database.write_now(settle_all, list(settlements), dispatcher=self.name, now=now)

    def deliver(self, status: int, now: datetime = NOW, *, schedule: tuple[float, ...] = SCHEDULE) -> int:
        """Claims all that is due, gets `status` for it, settles; returns how many deliveries that were."""
        found = self.claim(now).deliveries
        said = answer(status, now=now)
        self.settle(*(settlement(one, said, now=now, schedule=schedule) for one in found), now=now)
        return len(found)

    def take_lease(self, now: datetime) -> Lease:
        """A new lease from `now` on, with a token of its own."""
        self.claims += 1
        return Lease(token=f"{self.name}{self.claims}", now=now, until=now + self.lease)


def delivery(database: Database, webhook_id: int, event_id: int) -> Any:
    """A delivery's row."""
    deliveries = table(Delivery)
    statement = sa.select(deliveries).where(deliveries.c.webhook_id == webhook_id, deliveries.c.event_id == event_id)
    return database.read_now(lambda session: session.execute(statement).one())


def state(database: Database, webhook_id: int, event_id: int) -> dict[str, Any]:
    """What the transitions speak of."""
    row = delivery(database, webhook_id, event_id)
    return {name: getattr(row, name) for name in PENDING}


def events(claims: Claims | Taken) -> list[int]:
    """The events of what was claimed."""
    return [one.event_id for one in claims.deliveries]


def listeners(database: Database, event_id: int) -> set[int]:
    """The webhooks that an event has a delivery for."""
    deliveries = table(Delivery)
    statement = sa.select(deliveries.c.webhook_id).where(deliveries.c.event_id == event_id)
    return database.read_now(lambda session: set(session.execute(statement).scalars()))


def order(database: Database, name: str, webhook_id: int, event_id: int, *, now: datetime) -> None:
    """What a person does to one delivery: redeliver or cancel."""
    database.write_now(getattr(outbox, name), webhook_id, event_id, actor=OPERATOR, now=now)


def attempts(database: Database, webhook_id: int, event_id: int) -> list[Any]:
    """A delivery's attempts, oldest first."""
    found = table(Attempt)
    statement = (
        sa.select(found).where(found.c.webhook_id == webhook_id, found.c.event_id == event_id).order_by(found.c.id)
    )
    return database.read_now(lambda session: list(session.execute(statement)))


def lane(database: Database, webhook_id: int) -> Any:
    """A lane's row."""
    lanes = table(Lane)
    return database.read_now(
        lambda session: session.execute(sa.select(lanes).where(lanes.c.webhook_id == webhook_id)).one()
    )


def set_lane(database: Database, webhook_id: int, **values: Any) -> None:
    """Puts a lane into a state the engine may leave it in."""
    lanes = table(Lane)
    update = lanes.update().where(lanes.c.webhook_id == webhook_id).values(**values)
    database.write_now(lambda session: session.execute(update))


def stop_sending(database: Database) -> None:
    """The big switch."""
    database.write_now(lambda session: session.execute(table(Sending).insert().values(id=1, stopped_at=NOW, actor="x")))


def start_sending(database: Database) -> None:
    """The big switch, back."""
    database.write_now(lambda session: session.execute(table(Sending).delete()))
