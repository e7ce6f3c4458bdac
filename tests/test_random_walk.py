"""A random walk over everything that can happen to deliveries, with two workers that sleep, crash and are poisoned.

After each step the rules of the state model must hold, and once the world is healed everything accepted must be over.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlmodel import Session

from tests.stored import (
    LEASE,
    NOW,
    OPERATOR,
    Worker,
    add_webhook,
    answer,
    change,
    settlement,
    start_sending,
    stop_sending,
)
from webhook_ui import outbox, webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Conflict
from webhook_ui.models import Attempt, Delivery, Lane, Webhook, metadata, table
from webhook_ui.outbox import Claimed

Key = tuple[int, int]

SCHEDULE = (5.0, 300.0)
ANSWERS = [(200, None), (200, None), (500, None), (500, 40.0), (429, 90.0), (410, None)]
HOOKS: list[dict[str, Any]] = [
    {"triggers": ["user.created"]},
    {"triggers": ["user.*"], "ordered": True},
    {"triggers": ["user.created"], "tenant": "acme"},
    {"triggers": ["user.deleted"], "ordered": True, "tenant": "globex"},
]

_delivery, _attempt, _lane, _webhook = table(Delivery), table(Attempt), table(Lane), table(Webhook)


@dataclass(frozen=True)
class Seen:
    """All there is to see at one moment."""

    rows: dict[Key, Any]
    lanes: dict[int, Any]
    counted: dict[tuple[Key, int], int]  # attempts that count, by delivery and round
    late: dict[Key, int]

    def live(self, now: datetime) -> list[Key]:
        return [key for key, row in self.rows.items() if row.claim is not None and row.due_at > now]


@dataclass
class Hook:
    """A webhook as the walk believes it to be."""

    id: int
    values: dict[str, Any]
    enabled: bool = True
    paused: bool = False
    deleted: bool = False

    def hears(self, trigger: str, tenant: str | None) -> bool:
        wanted = any(one == trigger or one == "user.*" for one in self.values["triggers"])
        return wanted and self.enabled and not self.deleted and self.values.get("tenant") in (None, tenant)


@dataclass
class Hands:
    """A worker's process: what it holds is forgotten when it dies."""

    worker: Worker
    holds: list[Claimed] = field(default_factory=list)
    suspects: tuple[int, ...] = ()
    alone: bool = False

    def die(self) -> None:
        self.holds, self.suspects, self.alone = [], (), False


def look(session: Session) -> Seen:
    rows = {(row.webhook_id, row.event_id): row for row in session.execute(sa.select(_delivery))}
    counted: dict[tuple[Key, int], int] = defaultdict(int)
    late: dict[Key, int] = defaultdict(int)
    columns = (_attempt.c.webhook_id, _attempt.c.event_id, _attempt.c.round, _attempt.c.late, _attempt.c.error_class)
    for one in session.execute(sa.select(*columns)):
        key = (one.webhook_id, one.event_id)
        late[key] += one.late
        if not one.late and one.error_class != "crash":
            counted[key, one.round] += 1
    lanes = {row.webhook_id: row for row in session.execute(sa.select(_lane))}
    return Seen(rows=rows, lanes=lanes, counted=counted, late=late)


def empty(session: Session) -> None:
    for one in reversed(metadata.sorted_tables):
        session.execute(one.delete())


class Walk(RuleBasedStateMachine):
    """What may happen, and what must never."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        database.write_now(empty)
        self.database, self.now = database, NOW
        self.hooks = {(one := Hook(add_webhook(database, **values), values)).id: one for values in HOOKS}
        self.hands = {name: Hands(Worker(database, name)) for name in "AB"}
        self.stopped = False
        self.accepted: list[Key] = []
        self.poisons: set[int] = set()
        self.good: set[Key] = set()  # a worker got a 2xx for it
        self.tries: dict[Key, int] = defaultdict(int)  # settled, counted, this round
        self.losses: dict[Key, int] = defaultdict(int)  # claims in a row that were never settled
        self.ended: dict[Key, str] = {}  # why it may be over although it was not sent
        self.seen = self.database.read_now(look)

    # --- what may happen

    @rule(trigger=st.sampled_from(["user.created", "user.deleted"]), tenant=st.sampled_from([None, "acme", "globex"]))
    def emit(self, trigger: str, tenant: str | None) -> None:
        self._emit(trigger, tenant)

    @rule(count=st.integers(2, 4), seconds=st.sampled_from([0, 30]))
    def emit_several(self, count: int, seconds: int) -> None:
        for _ in range(count):
            self._emit("user.created", "acme", deliver_at=self.now + timedelta(seconds=seconds))

    @precondition(lambda self: len(self.poisons) < 2)
    @rule()
    def emit_poison(self) -> None:
        self.poisons.add(self._emit("user.created", None))

    def _emit(self, trigger: str, tenant: str | None, **values: Any) -> int:
        found = self.database.write_now(
            outbox.emit, trigger=trigger, payload="{}", actor=OPERATOR, now=self.now, tenant=tenant, **values
        )
        keys = [(hook.id, found.event_id) for hook in self.hooks.values() if hook.hears(trigger, tenant)]
        self.accepted += keys
        rows = self.database.read_now(look).rows
        assert {key for key in rows if key[1] == found.event_id} == set(keys), "those who listen, and nobody else"
        return found.event_id

    @rule(name=st.sampled_from("AB"), seats=st.sampled_from([1, 3, 64]))
    def claim(self, name: str, seats: int) -> None:
        self._claim(self.hands[name], seats)

    def _claim(self, hands: Hands, seats: int = 64) -> datetime | None:
        """Claims as the dispatcher does: suspects alone, when nothing else is in flight."""
        before = self.database.read_now(look)
        suspects, next_due = hands.suspects, None
        if suspects or hands.alone:
            if hands.holds:
                return None
            hands.suspects, hands.alone = (), False
        taken: list[Claimed] = []
        if suspects:
            taken = list(hands.worker.claim_alone(suspects, self.now).deliveries)
            assert len(taken) <= 1
            hands.alone = bool(taken)
        if not taken:
            busy: dict[int, int] = defaultdict(int)
            for one in hands.holds:
                busy[one.webhook_id] += 1
            claims = hands.worker.claim(self.now, seats=seats - len(hands.holds), seats_per_webhook=3, busy=busy)
            taken, hands.suspects, next_due = list(claims.deliveries), tuple(claims.suspects), claims.next_due
        self._note_claim(before, taken, alone=hands.alone)
        hands.holds += taken
        if any(one.event_id in self.poisons for one in taken):
            hands.die()
        return next_due

    def _note_claim(self, before: Seen, taken: list[Claimed], *, alone: bool) -> None:
        live = before.live(self.now)
        for one in taken:
            key = one.webhook_id, one.event_id
            row, hook, lane = before.rows[key], self.hooks[one.webhook_id], before.lanes[one.webhook_id]
            assert row.due_at is not None
            assert row.due_at <= self.now, "it was due and nobody else's"
            assert hook.enabled and not hook.paused and not hook.deleted and not self.stopped  # noqa: PT018
            assert lane.not_before is None or lane.not_before <= self.now
            if hook.values.get("ordered"):
                in_lane = [other for other in before.rows if other[0] == hook.id and before.rows[other].due_at]
                assert key == min(in_lane), "the head first"
                assert not [other for other in live if other[0] == hook.id]
            self.losses[key] += row.claim is not None
            assert alone is (self.losses[key] >= 2), "who may be poisonous is sent alone"
            assert (one.tries, one.round) == (row.tries, row.round)
        after = self.database.read_now(look)
        for key, row in after.rows.items():
            if row.closed == "crashed" and before.rows[key].closed is None:
                self.losses[key] += before.rows[key].claim is not None
                assert self.losses[key] >= 4, "twice in company and twice alone"
                self.ended[key] = "crashed"

    @precondition(lambda self: any(hands.holds for hands in self.hands.values()))
    @rule(name=st.sampled_from("AB"), pick=st.integers(0, 9), said=st.sampled_from(ANSWERS))
    def settle(self, name: str, pick: int, said: tuple[int, float | None]) -> None:
        hands = self.hands[name]
        if hands.holds:
            self._settle(hands, hands.holds[pick % len(hands.holds)], *said)

    @precondition(lambda self: any(hands.holds for hands in self.hands.values()))
    @rule(name=st.sampled_from("AB"), said=st.sampled_from(ANSWERS))
    def settle_after_a_long_sleep(self, name: str, said: tuple[int, float | None]) -> None:
        hands = self.hands[name]
        if hands.holds:
            self.now += LEASE
            self._claim(self.hands["B" if name == "A" else "A"])
            self._settle(hands, hands.holds[0], *said)

    def _settle(self, hands: Hands, claimed: Claimed, status: int, retry_after: float | None = None) -> None:
        key = claimed.webhook_id, claimed.event_id
        before = self.database.read_now(look)
        row = before.rows[key]
        fenced = row.claim != claimed.token
        one = settlement(
            claimed, answer(status, now=self.now, retry_after=retry_after), now=self.now, schedule=SCHEDULE
        )
        hands.holds.remove(claimed)
        counted = hands.worker.settle(one, now=self.now)
        assert bool(counted) is not fenced
        if status == 200:
            self.good.add(key)
        after = self.database.read_now(look)
        if fenced:
            self._check_fenced(
                key, before, after, closes=status == 200 and row.claim is None and row.due_at is not None
            )
            return
        self.tries[key] += 1
        self.losses[key] = 0
        assert after.rows[key].round == row.round
        if one.decision.closed not in (None, "sent"):
            self.ended[key] = str(one.decision.closed)
        if status == 410:
            self.hooks[claimed.webhook_id].enabled = False

    def _check_fenced(self, key: Key, before: Seen, after: Seen, *, closes: bool) -> None:
        assert after.late[key] == before.late[key] + 1, "its attempt is kept"
        assert after.lanes == before.lanes
        if closes:
            assert after.rows[key].closed == "sent", "a late success closes what is open and unclaimed"
            assert after.rows[key].tries == before.rows[key].tries
            self.losses[key] = 0
        changed = {other for other in after.rows if after.rows[other] != before.rows[other]}
        assert changed == ({key} if closes else set())

    @rule(name=st.sampled_from("AB"))
    def crash(self, name: str) -> None:
        self.hands[name].die()

    @rule(name=st.sampled_from("AB"))
    def give_back(self, name: str) -> None:
        hands = self.hands[name]
        self.database.write_now(outbox.give_back, hands.holds, now=self.now)
        hands.die()

    @rule(seconds=st.sampled_from([1, 5, 61, 310]))
    def advance(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(pick=st.integers(0, len(HOOKS) - 1))
    def pause_or_resume(self, pick: int) -> None:
        hook = self._hook(pick)
        if not hook.deleted:
            hook.paused = not hook.paused
            change(self.database, hook.id, now=self.now, paused=hook.paused)

    @rule(pick=st.integers(0, len(HOOKS) - 1))
    def disable_or_enable(self, pick: int) -> None:
        hook = self._hook(pick)
        if not hook.deleted:
            hook.enabled = not hook.enabled
            change(self.database, hook.id, now=self.now, enabled=hook.enabled)

    @rule(pick=st.integers(0, len(HOOKS) - 1))
    def delete_or_restore(self, pick: int) -> None:
        hook = self._hook(pick)
        action = webhooks.restore if hook.deleted else webhooks.delete
        self.database.write_now(action, hook.id, actor=OPERATOR, now=self.now)
        hook.deleted = not hook.deleted

    def _hook(self, pick: int) -> Hook:
        return list(self.hooks.values())[pick]

    @rule()
    def stop_or_start(self) -> None:
        (start_sending if self.stopped else stop_sending)(self.database)
        self.stopped = not self.stopped

    @precondition(lambda self: self.accepted)
    @rule(pick=st.integers(0, 99))
    def redeliver(self, pick: int) -> None:
        key = self.accepted[pick % len(self.accepted)]
        row = self.seen.rows[key]
        if self._order("redeliver", key, refused=key in self.seen.live(self.now) or self.hooks[key[0]].deleted):
            if row.closed is not None:
                self.tries[key], self.losses[key] = 0, 0
                self.ended.pop(key, None)

    @precondition(lambda self: self.accepted)
    @rule(pick=st.integers(0, 99))
    def cancel(self, pick: int) -> None:
        key = self.accepted[pick % len(self.accepted)]
        over = self.seen.rows[key].closed is not None
        if self._order("cancel", key, refused=over or key in self.seen.live(self.now)):
            self.ended[key] = "cancelled"

    def _order(self, name: str, key: Key, *, refused: bool) -> bool:
        try:
            self.database.write_now(getattr(outbox, name), *key, actor=OPERATOR, now=self.now)
        except Conflict:
            assert refused
            return False
        assert not refused
        return True

    # --- what must always hold

    @invariant()
    def the_rules_hold(self) -> None:
        self.seen = self.database.read_now(look)
        assert set(self.seen.rows) == set(self.accepted), "what was accepted is there"
        for key, row in self.seen.rows.items():
            assert (row.due_at is None) == (row.closed is not None)
            assert row.claim is None or row.due_at is not None
            assert {"pending": row.closed is None, "sent": row.closed == "sent", "error": row.closed != "sent"}[
                row.status
            ]
            assert row.status != "sent" or key in self.good, "nothing is sent without a 2xx"
            assert row.tries == self.tries[key] == self.seen.counted[key, row.round], "only what was settled is a try"
            if row.closed is None:
                assert row.losses == self.losses[key]
            elif row.closed != "sent":
                assert self.ended[key] == row.closed
        live = [webhook_id for webhook_id, _ in self.seen.live(self.now)]
        for hook in self.hooks.values():
            assert not hook.values.get("ordered") or live.count(hook.id) <= 1, "one at a time"

    def teardown(self) -> None:
        """The world is healed: all receivers answer 2xx, and only the poison still kills."""
        for hands in self.hands.values():
            hands.die()
        if self.stopped:
            self.stop_or_start()
        for place, hook in enumerate(self.hooks.values()):
            if hook.deleted:
                self.delete_or_restore(place)
            if hook.paused:
                self.pause_or_resume(place)
            if not hook.enabled:
                self.disable_or_enable(place)
        hands = Hands(Worker(self.database, "healed"))
        turns = 3 * len(self.accepted) + 40
        while self._open() and turns:
            turns -= 1
            next_due = self._claim(hands)
            if hands.holds:
                for one in list(hands.holds):
                    self._settle(hands, one, 200)
            else:
                self.now = max(self.now + timedelta(seconds=1), next_due or self.now + LEASE)
        assert not self._open(), "everything accepted is over"
        self.the_rules_hold()

    def _open(self) -> bool:
        statement = sa.select(sa.func.count()).select_from(_delivery).where(_delivery.c.due_at.is_not(None))
        return bool(self.database.read_now(lambda session: session.execute(statement).scalar_one()))


def test_whatever_happens_the_rules_hold(database: Database) -> None:
    run_state_machine_as_test(
        lambda: Walk(database),
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
