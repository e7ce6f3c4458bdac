"""A random walk over everything that can happen to deliveries, with two workers that sleep, crash and are poisoned.

After each step the rules of the state model must hold, and once the world is healed everything accepted must be over.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
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
    new_event,
    settlement,
    start_sending,
    stop_sending,
)
from webhook_ui import outbox, webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Conflict
from webhook_ui.models import Attempt, Delivery, Lane, Webhook, metadata, table
from webhook_ui.outbox import Claimed
from webhook_ui.outbox.suspects import COMPANY

Key = tuple[int, int]

SCHEDULE = (5.0,)
NAMES = st.sampled_from("AB")
ANSWERS = st.sampled_from([(200, None), (500, None), (500, 40.0), (429, 90.0), (410, None)])
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
        wanted = any(one in (trigger, "user.*") for one in self.values["triggers"])
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

    @rule(count=st.integers(2, 3), seconds=st.sampled_from([0, 30]))
    def emit_several(self, count: int, seconds: int) -> None:
        for _ in range(count):
            self._emit("user.created", None, deliver_at=self.now + timedelta(seconds=seconds))

    @precondition(lambda self: not self.poisons)
    @rule()
    def emit_poison(self) -> None:
        self.poisons.add(self._emit("user.created", None))

    def _emit(self, trigger: str, tenant: str | None, **values: Any) -> int:
        found = self.database.write_now(
            outbox.emit, new_event(trigger, payload="{}", tenant=tenant, **values), now=self.now
        )
        hearing = [hook.id for hook in self.hooks.values() if hook.hears(trigger, tenant)]
        assert found.deliveries == len(hearing)
        self.accepted += [(webhook_id, found.event_id) for webhook_id in hearing]
        return found.event_id

    @rule(name=NAMES, seats=st.sampled_from([1, 3, 64]))
    def claim(self, name: str, seats: int) -> None:
        self._claim(self.hands[name], seats)

    def _claim(self, hands: Hands, seats: int = 64) -> datetime | None:
        """Claims as the dispatcher does: suspects apart, when nothing else is in flight."""
        before = self.database.read_now(look)
        suspects, next_due = hands.suspects, None
        if suspects or hands.alone:
            if hands.holds:
                return None
            hands.suspects, hands.alone = (), False
        taken: list[Claimed] = []
        if suspects:
            taken = list(hands.worker.claim_suspects(suspects, self.now).deliveries)
            assert len(taken) <= COMPANY
            hands.alone = bool(taken)
            after = self._note_crashes(before)
            before = before if taken else after
        if not taken:
            busy: dict[int, int] = defaultdict(int)
            for one in hands.holds:
                busy[one.webhook_id] += 1
            claims = hands.worker.claim(self.now, seats=seats - len(hands.holds), seats_per_webhook=3, busy=busy)
            taken, hands.suspects, next_due = list(claims.deliveries), tuple(claims.suspects), claims.next_due
        if taken:
            self._check_claim(before, taken, alone=hands.alone)
        hands.holds += taken
        if any(one.event_id in self.poisons for one in taken):
            hands.die()
        return next_due

    def _check_claim(self, before: Seen, taken: list[Claimed], *, alone: bool) -> None:
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
            assert alone is (self.losses[key] >= 2), "who may be poisonous is kept apart"
            assert self.losses[key] < 3 or len(taken) == 1, "and in the end sent alone"
            assert (one.tries, one.round) == (row.tries, row.round)

    def _note_crashes(self, before: Seen) -> Seen:
        after = self.database.read_now(look)
        for key, row in after.rows.items():
            if row.closed == "crashed" and before.rows[key].closed is None:
                self.losses[key] += before.rows[key].claim is not None
                assert self.losses[key] >= 5, "twice with all others, once with suspects, and twice alone"
                self.ended[key] = "crashed"
        return after

    @rule(name=NAMES, pick=st.integers(0, 9), said=ANSWERS)
    def settle(self, name: str, pick: int, said: tuple[int, float | None]) -> None:
        hands = self.hands[name]
        if not hands.holds:
            self._claim(hands)
        if hands.holds:
            self._settle(hands, hands.holds[pick % len(hands.holds)], *said)

    @rule(name=NAMES, said=ANSWERS, meanwhile=st.sampled_from([None, 200, 500]))
    def sleep_past_the_lease(self, name: str, said: tuple[int, float | None], meanwhile: int | None) -> None:
        sleeper, other = (self.hands[one] for one in (name, "B" if name == "A" else "A"))
        if not sleeper.holds:
            self._emit("user.created", None)
            self._claim(sleeper)
        if not sleeper.holds:
            return
        self.now += LEASE
        self._claim(other)
        dreamt = sleeper.holds[0]
        for one in [
            one for one in other.holds if (one.webhook_id, one.event_id) == (dreamt.webhook_id, dreamt.event_id)
        ]:
            if meanwhile is not None:
                self._settle(other, one, meanwhile)
        self._settle(sleeper, dreamt, *said)

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

    @rule(name=NAMES)
    def crash(self, name: str) -> None:
        self.hands[name].die()

    @rule(name=NAMES)
    def give_back(self, name: str) -> None:
        hands = self.hands[name]
        self.database.write_now(outbox.give_back, hands.holds, now=self.now)
        hands.die()

    @rule(seconds=st.sampled_from([1, 5, 61, 310]))
    def advance(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(pick=st.integers(0, len(HOOKS) - 1), how=st.sampled_from(["pause", "disable", "delete", "stop"]))
    def hold_or_let_go(self, pick: int, how: str) -> None:
        self._turn(list(self.hooks.values())[pick], how)

    def _turn(self, hook: Hook, how: str) -> None:
        if how == "stop":
            (start_sending if self.stopped else stop_sending)(self.database)
            self.stopped = not self.stopped
        elif how == "delete":
            action = webhooks.restore if hook.deleted else webhooks.delete
            self.database.write_now(action, hook.id, actor=OPERATOR, now=self.now)
            hook.deleted = not hook.deleted
        elif not hook.deleted:
            field_ = {"pause": "paused", "disable": "enabled"}[how]
            setattr(hook, field_, not getattr(hook, field_))
            change(self.database, hook.id, now=self.now, **{field_: getattr(hook, field_)})

    @precondition(lambda self: self.accepted)
    @rule(pick=st.integers(0, 99), name=st.sampled_from(["redeliver", "cancel"]))
    def order(self, pick: int, name: str) -> None:
        key = self.accepted[pick % len(self.accepted)]
        closed = self.seen.rows[key].closed is not None
        flying = key in self.seen.live(self.now)
        if name == "cancel":
            if self._order(name, key, refused=flying or closed):
                self.ended[key] = "cancelled"
        elif self._order(name, key, refused=flying or self.hooks[key[0]].deleted) and closed:
            self.tries[key], self.losses[key] = 0, 0
            self.ended.pop(key, None)

    @precondition(lambda self: any(self.hooks[one].values.get("ordered") for one, _ in self.seen.live(self.now)))
    @rule(pick=st.integers(0, 9))
    def redeliver_before_what_flies(self, pick: int) -> None:
        """An ordered lane gets a new head while one of its deliveries is in flight."""
        flying = [key for key in self.seen.live(self.now) if self.hooks[key[0]].values.get("ordered")]
        before = [
            (hook, event) for hook, event in self.accepted for lane, head in flying if hook == lane and event < head
        ]
        over = [key for key in before if self.seen.rows[key].closed]
        if over:
            self.order(pick=self.accepted.index(over[pick % len(over)]), name="redeliver")
            for hands in self.hands.values():
                self._claim(hands)

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
        assert set(self.seen.rows) == set(self.accepted), "for those who listen, and nobody else"
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
        for hook in self.hooks.values():
            for how, wrong in (("delete", hook.deleted), ("pause", hook.paused), ("disable", not hook.enabled)):
                if wrong:
                    self._turn(hook, how)
        if self.stopped:
            self._turn(hook, "stop")
        hands = Hands(Worker(self.database, "healed"))
        turns = 3 * len(self.accepted) + 40
        while self._open() and turns:
            turns -= 1
            next_due = self._claim(hands)
            if hands.holds:
                self._answer_all(hands)
            else:
                self.now = max(self.now + timedelta(seconds=1), next_due or self.now + LEASE)
        assert not self._open(), "everything accepted is over"
        self.the_rules_hold()

    def _answer_all(self, hands: Hands) -> None:
        said = answer(200, now=self.now)
        counted = hands.worker.settle(*(settlement(one, said, now=self.now) for one in hands.holds), now=self.now)
        assert len(counted) == len(hands.holds)
        for one in hands.holds:
            key = one.webhook_id, one.event_id
            self.good.add(key)
            self.tries[key] += 1
            self.losses[key] = 0
        hands.holds = []

    def _open(self) -> bool:
        statement = sa.select(sa.func.count()).select_from(_delivery).where(_delivery.c.due_at.is_not(None))
        return bool(self.database.read_now(lambda session: session.execute(statement).scalar_one()))


def test_whatever_happens_the_rules_hold(database: Database) -> None:
    run_state_machine_as_test(
        lambda: Walk(database),
        settings=settings(
            max_examples=15 if database.is_sqlite else 10,  # each step asks the server several times
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        ),
    )
