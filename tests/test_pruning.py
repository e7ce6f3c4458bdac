"""Pruning: what is over and old goes, in batches; what is open or young stays, however old its event is."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import KEY
from tests.processes import Installation
from tests.stored import ENGINE, OPERATOR, add_webhook
from webhook_ui import changelog, ids, migrations, outbox, upkeep, webhooks
from webhook_ui.database import Database
from webhook_ui.models import (
    Attempt,
    Change,
    Delivery,
    Event,
    Idempotency,
    Skip,
    Statistics,
    Webhook,
    table,
)
from webhook_ui.outbox import prune
from webhook_ui.outbox.prune import Removed
from webhook_ui.sealing import FernetSealer
from webhook_ui.times import utcnow

NOW = utcnow()
RETENTION = timedelta(days=90)
BEFORE = NOW - RETENTION
OLD, YOUNG = BEFORE - timedelta(days=1), BEFORE + timedelta(days=1)
numbers = itertools.count(1)


def put(database: Database, model: Any, *rows: dict[str, Any]) -> None:
    """Stores rows past the product."""
    database.write_now(lambda session: session.connection().execute(table(model).insert(), list(rows)))


def rows_of(database: Database, *models: Any) -> list[int]:
    """How many rows each table has."""
    counts = [sa.select(sa.func.count()).select_from(table(model)) for model in models]
    return database.read_now(lambda session: [session.execute(each).scalar_one() for each in counts])


def events_left(database: Database) -> list[int]:
    """The ids of all events, by time."""
    statement = sa.select(table(Event).c.id).order_by(table(Event).c.id)
    return database.read_now(lambda session: list(session.execute(statement).scalars()))


def add_event(
    database: Database,
    webhooks: Sequence[int],
    *,
    at: datetime = OLD,
    updated: datetime = OLD,
    due: datetime | None = None,
    attempts: int = 1,
    skipped: Sequence[int] = (),
) -> int:
    """An event of `at`, with a delivery to each webhook that something happened to last at `updated`."""
    event_id = ids.floor(at) + next(numbers)
    about = {"trigger": "user.created", "created_at": at, "test": False}
    put(database, Event, {**about, "id": event_id, "payload": "{}", "occurred_at": at, "actor": "a"})
    state = {"status": "sent", "closed": "sent"} if due is None else {"status": "error", "closed": None}
    tried = {"round": 1, "tries": attempts, "losses": 0, "answer": state["status"]}
    if webhooks:
        same = {**about, **state, **tried, "event_id": event_id, "due_at": due, "updated_at": updated}
        put(database, Delivery, *({**same, "webhook_id": webhook_id} for webhook_id in webhooks))
    made = [(webhook_id, number) for webhook_id in webhooks for number in range(attempts)]
    if made:
        sent = {"round": 1, "late": False, "at": updated, "duration_ms": 1.5, "status": "sent", "url": "http://x.test"}
        seen = {**sent, "request_headers": [], "response_headers": [], "response_body": "", "timings": {}}
        put(database, Attempt, *({**seen, "webhook_id": w, "event_id": event_id, "id": event_id + n} for w, n in made))
    if skipped:
        put(database, Skip, *({"webhook_id": one, "event_id": event_id, "reason": "filter"} for one in skipped))
    return event_id


def add_delivery(database: Database, webhook_id: int, event_id: int, **values: Any) -> None:
    """One more delivery of an old event, pending and never tried where `values` say nothing else."""
    state = {"status": "pending", "round": 1, "tries": 0, "losses": 0, "created_at": OLD, "updated_at": OLD}
    about = {"webhook_id": webhook_id, "event_id": event_id, "trigger": "user.created", "test": False}
    put(database, Delivery, {**about, **state, **values})


def prune_all(database: Database, before: datetime = BEFORE) -> Removed:
    """Walks all pages, batch by batch, and says what that removed."""
    removed, after = Removed(), 0
    while True:
        page = database.read_now(prune.page, before=before, after=after)
        while batch := database.write_now(prune.remove, page.events, before=before):
            removed += batch
        if page.last is None:
            return removed
        after = page.last


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows make many batches."""
    monkeypatch.setattr(prune, "EVENTS", 3)
    monkeypatch.setattr(prune, "ROWS", 10)
    monkeypatch.setattr(changelog, "FORGOTTEN_AT_ONCE", 3)
    monkeypatch.setattr(upkeep, "REST", 0)


def test_what_is_over_and_old_goes_with_all_that_hangs_on_it(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database)
    add_event(database, [first, second], attempts=3, skipped=[7, 8])
    add_event(database, [])
    young = add_event(database, [first], at=YOUNG, updated=YOUNG, skipped=[second])
    assert prune_all(database) == Removed(events=2, deliveries=2, attempts=6, skips=2)
    assert events_left(database) == [young]
    assert rows_of(database, Delivery, Attempt, Skip, Webhook) == [1, 1, 1, 2]
    assert prune_all(database) == Removed()


def test_the_bound_itself_is_young(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = add_event(database, [webhook_id], at=OLD, updated=BEFORE)
    assert prune_all(database) == Removed()
    assert prune_all(database, BEFORE + timedelta(microseconds=1)).events == 1
    assert event_id not in events_left(database)


@pytest.mark.parametrize("due", [OLD, NOW + RETENTION])
def test_an_event_with_an_open_delivery_is_never_pruned(database: Database, due: datetime) -> None:
    over, held = add_webhook(database), add_webhook(database)
    event_id = add_event(database, [over])
    add_delivery(database, held, event_id, due_at=due)
    assert prune_all(database) == Removed()
    assert rows_of(database, Event, Delivery, Attempt) == [1, 2, 1], "its other delivery stays as well"
    while database.write_now(prune.remove, [event_id], before=BEFORE):
        pass
    assert rows_of(database, Event, Delivery, Attempt) == [1, 1, 0], "also when it is opened in the midst of pruning"


def test_an_old_event_whose_delivery_is_young_stays(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database)
    event_id = add_event(database, [first])
    add_delivery(database, second, event_id, updated_at=YOUNG, status="sent", closed="sent")
    assert prune_all(database) == Removed(), "nor does its other delivery go"
    assert prune_all(database, YOUNG + timedelta(seconds=1)) == Removed(events=1, deliveries=2, attempts=1)


def test_what_is_redelivered_while_pruning_has_found_it_stays(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database)
    event_id = add_event(database, [first, second], skipped=[9])
    page = database.read_now(prune.page, before=BEFORE, after=0)
    assert page.events == [event_id]
    database.write_now(outbox.redeliver, second, event_id, actor=OPERATOR, now=NOW)
    while database.write_now(prune.remove, page.events, before=BEFORE):
        pass
    assert rows_of(database, Event, Delivery, Attempt, Skip) == [1, 1, 1, 1]
    assert prune_all(database) == Removed()


def test_what_is_being_changed_is_neither_waited_for_nor_removed(postgres_url: sa.URL) -> None:
    url = postgres_url.render_as_string(hide_password=False)
    with closing(Database(url, FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database)
        add_event(database, [webhook_id])
        with database.reader.connect() as other:
            other.exec_driver_sql("SELECT * FROM webhook_ui_delivery FOR UPDATE")
            assert prune_all(database) == Removed()
        with database.reader.connect() as other:
            other.exec_driver_sql("SELECT * FROM webhook_ui_event FOR UPDATE")
            assert prune_all(database) == Removed(), "somebody else prunes it"
        assert prune_all(database) == Removed(events=1, deliveries=1, attempts=1)


@pytest.mark.usefixtures("small_batches")
def test_no_batch_is_large_however_many_deliveries_an_event_has(database: Database) -> None:
    webhooks = [add_webhook(database) for _ in range(13)]
    event_id = add_event(database, webhooks, attempts=2, skipped=range(100, 125))
    batches = []
    while batch := database.write_now(prune.remove, [event_id], before=BEFORE):
        batches.append(batch)
    threes = [Removed(deliveries=3, attempts=6)] * 4
    skips = [Removed(skips=10), Removed(skips=10), Removed(skips=5)]
    assert batches == [*threes, Removed(deliveries=1, attempts=2), *skips, Removed(events=1)]


@pytest.mark.usefixtures("small_batches")
def test_a_delivery_with_more_attempts_than_a_batch_goes_too(database: Database) -> None:
    webhook_id = add_webhook(database)
    add_event(database, [webhook_id], attempts=30)
    assert prune_all(database) == Removed(events=1, deliveries=1, attempts=30)


@pytest.mark.usefixtures("small_batches")
def test_the_walk_passes_over_what_stays(database: Database) -> None:
    webhook_id = add_webhook(database)
    stays = [add_event(database, [webhook_id], due=NOW) for _ in range(4)]
    for _ in range(5):
        add_event(database, [webhook_id])
    stays.append(add_event(database, [webhook_id], updated=YOUNG))
    add_event(database, [webhook_id])
    assert prune_all(database).events == 6
    assert events_left(database) == stays


@pytest.mark.usefixtures("small_batches")
def test_statistics_and_keys_go_when_their_time_is_over(database: Database) -> None:
    cells = [{"minute": OLD + timedelta(minutes=n), "dispatcher": "a"} for n in range(25)]
    young = {"minute": BEFORE, "dispatcher": "a"}
    put(database, Statistics, *({**c, "webhook_id": 1, "sent": 1, "error": 0, "latency": []} for c in [*cells, young]))
    key = {"trigger": "user.created", "event_id": 1, "payload_digest": "d", "deliveries": 0}
    put(database, Idempotency, *({**key, "key": str(n), "expires_at": OLD} for n in range(12)))
    put(database, Idempotency, {**key, "key": "young", "expires_at": NOW + timedelta(microseconds=1)})

    def all_of(fn: Any, **bound: Any) -> list[int]:
        return list(itertools.takewhile(bool, (database.write_now(fn, **bound) for _ in itertools.count())))

    assert all_of(prune.forget_statistics, before=BEFORE) == [10, 10, 5]
    assert all_of(prune.forget_keys, now=NOW) == [10, 2]
    assert rows_of(database, Statistics, Idempotency) == [1, 1]


@pytest.mark.usefixtures("small_batches")
def test_of_history_the_last_word_before_the_bound_stays(database: Database) -> None:
    def change(subject: str, subject_id: str, at: datetime) -> dict[str, Any]:
        who = {"actor_kind": "person", "actor": "olga", "origin": "", "action": f"{subject}.changed"}
        what = {"subject": subject, "subject_id": subject_id, "before": None, "after": None}
        return {"id": ids.floor(at) + next(numbers), "at": at, **who, **what}

    superseded = [change("webhook", "1", OLD) for _ in range(5)]
    kept = [change("webhook", "1", OLD), change("account", "1", OLD), change("webhook", "1", NOW)]
    gone = [change("delivery", "dlv_1", OLD), change("delivery", "dlv_2", OLD)]
    put(database, Change, *superseded, *kept, *gone, change("delivery", "dlv_1", NOW))
    batches = [database.write_now(changelog.forget, before=BEFORE) for _ in range(4)]
    assert batches == [3, 3, 1, 0]
    assert rows_of(database, Change) == [4]
    left = database.read_now(lambda session: set(session.execute(sa.select(table(Change).c.id)).scalars()))
    assert {one["id"] for one in kept} < left


# --- as upkeep does it


@pytest.mark.usefixtures("small_batches")
async def test_what_is_open_too_long_expires_first_and_goes_a_retention_later(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database)
    for _ in range(4):
        add_event(database, [first], due=OLD)
    add_event(database, [first, second])
    held = add_event(database, [second], at=YOUNG, updated=YOUNG, due=OLD)
    await upkeep.run(database, retention=RETENTION)
    assert rows_of(database, Event, Delivery) == [5, 5]
    statement = sa.select(table(Delivery).c.closed).order_by(table(Delivery).c.event_id)
    closed = database.read_now(lambda session: list(session.execute(statement).scalars()))
    assert closed == ["expired"] * 4 + [None]
    removed = await upkeep.prune_older(database, timedelta(seconds=-1))
    assert (removed.removed.events, removed.kept) == (4, 1)
    assert events_left(database) == [held]


@pytest.mark.usefixtures("small_batches")
async def test_pruning_by_hand_expires_nothing(database: Database) -> None:
    webhook_id = add_webhook(database)
    add_event(database, [webhook_id], due=OLD)
    add_event(database, [webhook_id], skipped=[5])
    expected = Removed(events=1, deliveries=1, attempts=1, skips=1)
    counted = await upkeep.count_older(database, RETENTION)
    assert (counted.removed, counted.kept) == (expected, 1)
    assert rows_of(database, Event, Delivery, Attempt, Skip) == [2, 2, 2, 1], "counting changes nothing"
    pruned = await upkeep.prune_older(database, RETENTION)
    assert (pruned.removed, pruned.kept) == (expected, 1)
    assert rows_of(database, Event, Delivery, Attempt, Skip) == [1, 1, 1, 0]


@pytest.mark.usefixtures("small_batches")
async def test_others_write_between_two_batches(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(12):
        add_event(database, [webhook_id])
    pruning = asyncio.create_task(upkeep.prune_older(database, RETENTION))
    lefts = [rows_of(database, Event)[0]]
    while not pruning.done():
        await database.write(webhooks.disable, webhook_id, reason="test", actor=ENGINE, now=NOW)
        lefts.append(rows_of(database, Event)[0])
    assert lefts[-1] == 0
    assert len(set(lefts)) > 4, "while one prunes, others write again and again"


@pytest.mark.usefixtures("small_batches")
async def test_two_may_prune_at_once_and_one_may_stop(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(20):
        add_event(database, [webhook_id])
    one, other, stopped = (asyncio.create_task(upkeep.prune_older(database, RETENTION)) for _ in range(3))
    stopped.cancel()
    both = await asyncio.gather(one, other)
    assert sum((each.removed for each in both), Removed()) == Removed(events=20, deliveries=20, attempts=20)


# --- the databases' plans


def noted(database: Database) -> dict[str, Any]:
    """Every statement that runs from now on, with values that it ran with."""
    statements: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        statements[text] = values[0] if many else values

    for engine in (database.reader, database.writer):
        sa.event.listen(engine, "before_cursor_execute", note)
    return statements


def plans(database: Database, statements: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each step by which the database carries out each statement."""
    how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.reader.connect() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # tables this small are quickest read whole
        for text, values in statements.items():
            for row in connection.exec_driver_sql(f"{how} {text}", values):
                yield text, row[3] if database.is_sqlite else row[0]


async def test_no_statement_reads_a_whole_table(database: Database) -> None:
    webhook_id = add_webhook(database)
    add_event(database, [webhook_id], due=OLD)
    add_event(database, [webhook_id], skipped=[5])
    cell = {"webhook_id": 1, "minute": OLD, "dispatcher": "a", "sent": 1, "error": 0, "latency": []}
    put(database, Statistics, cell)
    key = {"trigger": "t", "key": "k", "event_id": 1, "payload_digest": "d", "deliveries": 0, "expires_at": OLD}
    put(database, Idempotency, key)
    statements = noted(database)
    await upkeep.count_older(database, RETENTION)
    await upkeep.run(database, retention=RETENTION)
    ours = {
        text: values
        for text, values in statements.items()
        if text.startswith(("SELECT", "UPDATE", "DELETE")) and "webhook_ui_" in text
    }
    whole = ("webhook_ui_session", "webhook_ui_webhook ", "webhook_ui_redelivery ")  # small, and read whole on purpose
    steps = [(text, step) for text, step in plans(database, ours) if not any(name in text for name in whole)]
    deleted = {table(model).name for model in (Event, Delivery, Attempt, Skip, Statistics, Idempotency)}
    assert {text.split()[2] for text in ours if text.startswith("DELETE")} >= deleted
    assert len(steps) > 20
    for text, step in steps:
        assert not step.strip().startswith(("SCAN webhook_ui_", "Seq Scan", "->  Seq Scan")), f"{step}: {text}"


# --- the command


def test_the_command_says_first_and_then_does(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "here", secret_key=KEY)
    (installation.folder / "data").mkdir()
    url = sa.make_url(f"sqlite:///{installation.folder / 'data' / 'webhook_ui.db'}")
    migrations.apply(url)
    with closing(Database(url.render_as_string(), FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database)
        add_event(database, [webhook_id], attempts=2)
        add_event(database, [webhook_id], due=NOW)
        add_event(database, [webhook_id], at=NOW - timedelta(days=40), updated=NOW - timedelta(days=40))
        said = installation.run("prune", "--dry-run", "--older-than", "30").stdout
        assert "Would remove 2 events, 3 attempts of 2 deliveries" in said
        assert "Kept 1 older event" in said
        assert rows_of(database, Event) == [3]
        assert "Removed 1 event, 2 attempts of 1 delivery" in installation.run("prune").stdout, "90 days by default"
        assert rows_of(database, Event, Delivery, Attempt) == [2, 2, 2]
