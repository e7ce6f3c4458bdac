"""Runs of plans that are remembered and pruned, what a plan would take and how long, and lists of plans by stage."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api_house import House, build
from tests.stored import OPERATOR, VIEWER, add_webhook, change, start_sending, stop_sending
from tests.test_redeliveries import feeding, now_of, plan, rows, set_lane, store, update
from webhook_ui import ids, redeliveries, upkeep
from webhook_ui.database import Database, moment
from webhook_ui.errors import Forbidden, Invalid
from webhook_ui.history import redeliveries as history
from webhook_ui.history.redelivery_outcome import Outcome, outcome_of
from webhook_ui.models import Delivery, Redelivery, RedeliveryRun, Statistics, table
from webhook_ui.outbox import forecast, left, pace, plans, runs
from webhook_ui.outbox.scope import Scope
from webhook_ui.outbox.statistics import BUCKETS

_deliveries, _plans, _runs = table(Delivery), table(Redelivery), table(RedeliveryRun)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


def outcomes(database: Database, plan_id: int) -> list[tuple[str | None, int, int]]:
    """What is kept of the runs of a plan, newest first."""
    found = database.read_now(history.list_runs, plan_id)
    assert all((run.ended_at is None) is (run.outcome is None) for run in found)
    return [(run.outcome, run.matched, run.done) for run in found]


async def test_each_run_is_remembered_with_what_it_came_to(house: House) -> None:
    database = house.database
    quick, held = add_webhook(database), add_webhook(database)
    store(database, quick, 3)
    store(database, held, 2)
    change(database, held, paused=True)
    async with house.client() as client, feeding(database) as fed:
        await plan(client, webhook_id=quick)
        await fed.until(1, "done")
        assert outcomes(database, 1) == [("done", 3, 3)]
        # by cron: what was held when the next run falls due is that run's
        later = {"cron": "0 0 1 1 *", "timezone": "UTC", "within": "30d"}
        await plan(client, webhook_id=held, **later)
        assert outcomes(database, 2) == [], "it has not run"
        for _ in range(2):
            _due_now(database, 2)
            fed.feeder.wake()
            await fed.when(lambda session: plans.get(session, 2).next_run_at > moment(session))
        assert outcomes(database, 2) == [(None, 2, 0), ("taken_over", 2, 0)]
        assert (await client.delete("/redeliveries/2")).status_code == 200
        assert [outcome for outcome, _, _ in outcomes(database, 2)] == ["cancelled", "taken_over"]
        shown = (await client.get("/redeliveries/1")).json()
        assert [(run["outcome"], run["matched"], run["done"]) for run in shown["runs"]] == [("done", 3, 3)]
        assert shown["runs"][0]["started_at"] <= shown["runs"][0]["ended_at"]
        assert "runs" not in (await client.get("/redeliveries")).json()["items"][0]


async def test_a_plan_says_what_came_of_its_deliveries(house: House) -> None:
    database = house.database
    hook = add_webhook(database)
    over = store(database, hook, 3)
    later = now_of(database) + timedelta(hours=1)
    (retried,) = store(database, hook, 1, age=timedelta(hours=3), closed=None, due_at=later)
    async with house.client() as client, feeding(database) as fed:
        await plan(client, webhook_id=hook)
        assert (await client.get("/redeliveries/1")).json()["outcome"] is None
        await fed.until(1, "done")
        told = database.read_now(history.get_redelivery, 1).outcome
        assert told == Outcome(waiting=4, unsent=3), "what had waited for a retry is sent sooner, and not cancelled"
        tried = {"last_attempt_id": ids.new_id(), "updated_at": now_of(database)}
        update(database, over[:1], status="sent", closed="sent", due_at=None, **tried)
        update(database, over[1:2], status="error", closed="exhausted", due_at=None, **tried)
        update(database, [retried], status="error", due_at=later, **tried)
        shown = (await client.get("/redeliveries/1")).json()
        assert shown["outcome"] == {"sent": 1, "failed": 2, "waiting": 1, "complete": True}
        (row,) = database.read_now(history.list_by_stage).rows
        assert row.outcome == Outcome(sent=1, failed=2, waiting=1, unsent=1)
        some = (await client.get("/deliveries", params={"redelivery_id": 1, "status": "error"})).json()["items"]
        assert {one["id"] for one in some} == {ids.delivery_text(hook, number) for number in (over[1], retried)}
        for more, count in (({}, 4), ({"trigger": "no.such"}, 0), ({"status": "open"}, 2), ({"webhook_id": hook}, 4)):
            found = (await client.get("/deliveries", params={"redelivery_id": 1, **more})).json()["items"]
            assert len(found) == count, more
        assert (await client.post(f"/deliveries/{ids.delivery_text(hook, over[1])}/redeliver")).status_code == 200
        told = database.read_now(history.get_redelivery, 1).outcome
        assert told == Outcome(sent=1, failed=1, waiting=1, unsent=1), "a person has it sent now"
        partly = database.read_now(lambda session: outcome_of(session, plans.get(session, 1), most=2))
        assert partly is not None
        assert not partly.complete


async def test_the_run_that_goes_on_is_as_far_as_its_plan(house: House) -> None:
    database = house.database
    store(database, add_webhook(database), 5)
    async with house.client() as client:
        await plan(client, rate=1)
        set_plan(database, 1, done=2)
        shown = (await client.get("/redeliveries/1")).json()
        run = shown["runs"][0]
        assert (run["ended_at"], run["matched"], run["done"], run["outcome"]) == (None, 5, 2, None)


def set_plan(database: Database, plan_id: int, **values: Any) -> None:
    database.write_now(lambda session: session.execute(_plans.update().where(_plans.c.id == plan_id).values(**values)))


def _due_now(database: Database, plan_id: int) -> None:
    set_plan(database, plan_id, next_run_at=now_of(database))


def put_plan(database: Database, *, state: str, at: datetime, ended: list[datetime], **values: Any) -> int:
    """A plan that nothing has happened to since `at`, with runs that ended then."""

    def write(session: Any) -> int:
        stamps = {"created_at": at, "updated_at": at, "actor": "a", "scope": {}}
        made = Redelivery(state=state, **stamps, **values)
        session.add(made)
        session.flush()
        for moment_ in ended:
            run = {"started_at": moment_, "ended_at": moment_, "matched": 1, "outcome": "done"}
            session.add(RedeliveryRun(redelivery_id=made.id, **run))
        return int(made.id)

    return database.write_now(write)


async def test_what_is_over_and_old_goes_and_the_rest_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ROWS", 2)
    now = now_of(database)
    old, young = now - timedelta(days=91), now - timedelta(days=89)
    put_plan(database, state="done", at=old, ended=[old] * 5)
    cancelled = put_plan(database, state="cancelled", at=old, ended=[])
    closing = put_plan(database, state="cancelled", at=old, ended=[], upper_bound=5)
    recent = put_plan(database, state="done", at=young, ended=[young])
    by_cron = put_plan(database, state="scheduled", at=old, ended=[old, young], cron="0 0 * * *", timezone="UTC")
    paused = put_plan(database, state="paused", at=old, ended=[])
    pruned = await upkeep.prune_older(database, timedelta(days=90))
    assert pruned.plans == 5 + 1 + 2, "runs, and plans"
    left_over = database.read_now(lambda session: list(session.execute(sa.select(_plans.c.id)).scalars()))
    assert sorted(left_over) == [closing, recent, by_cron, paused]
    assert cancelled not in left_over
    assert [len(outcomes(database, number)) for number in (recent, by_cron)] == [1, 1]
    assert (await upkeep.prune_older(database, timedelta(days=90))).plans == 0


def test_plans_are_listed_by_stage_page_by_page(database: Database) -> None:
    now = now_of(database)
    at_work = put_plan(database, state="paused", at=now, ended=[], upper_bound=9)
    done = put_plan(database, state="done", at=now, ended=[])
    planned = put_plan(database, state="scheduled", at=now, ended=[], next_run_at=now)
    running = put_plan(database, state="running", at=now, ended=[], upper_bound=9)
    waits = put_plan(database, state="paused", at=now, ended=[])
    closing = put_plan(database, state="cancelled", at=now, ended=[], upper_bound=9)
    found: list[int | None] = []
    cursor = None
    while True:
        page = database.read_now(history.list_by_stage, limit=2, cursor=cursor)
        found += [row.plan.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [closing, running, at_work, waits, planned, done]
    assert database.read_now(history.count_at_work) == 3
    with pytest.raises(Invalid):
        database.read_now(history.list_by_stage, cursor="W10")


def test_a_glance_counts_what_a_plan_would_take(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "SLICE", 3)
    one, other = add_webhook(database), add_webhook(database)
    store(database, one, 10, attempt={"response_status": 503})
    store(database, other, 4, age=timedelta(hours=1))
    store(database, other, 2, age=timedelta(minutes=30), status="sent", closed="sent", answer="sent")
    now = now_of(database)
    open_ones = {"status": "pending", "closed": None, "due_at": now, "answer": None, "tries": 0}
    store(database, one, 7, age=timedelta(minutes=10), **open_ones)

    def look(kind: str = "redeliver", **scope: Any) -> tuple[int, int, bool]:
        seen = database.read_now(forecast.glance, Scope(**scope), kind=kind, now=now)
        exact = database.read_now(forecast.foresee, Scope(**scope), kind=kind, now=now)
        assert seen.forecast == exact, "counted in slices or at once"
        assert len(seen.samples) == min(seen.forecast.matched, forecast.SAMPLES)
        return seen.forecast.matched, seen.webhooks, seen.complete

    assert look() == (14, 2, True)
    assert look(webhook_id=one) == (10, 1, True)
    assert look(response_status=503) == (10, 1, True)
    assert look(response_status=404) == (0, 0, True)
    assert look(since=now - timedelta(minutes=90)) == (4, 1, True)
    assert look(until=now - timedelta(minutes=90)) == (10, 1, True)
    assert look(kind="cancel") == (7, 1, True)
    assert look(kind="cancel", webhook_id=other) == (0, 0, True)
    newest = database.read_now(forecast.glance, Scope(), kind="redeliver", now=now).samples
    assert newest[0][1] == max(row.event_id for row in rows(database, _deliveries.c.status == "error"))
    monkeypatch.setattr(forecast, "BUDGET_SECONDS", -1.0)
    cut = database.read_now(forecast.glance, Scope(), kind="redeliver", now=now)
    assert (cut.complete, cut.forecast.matched) == (False, 0), "it looks at the time before each slice"


def test_one_event_with_more_deliveries_than_a_slice_is_passed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "SLICE", 2)
    hooks = [add_webhook(database) for _ in range(6)]
    (event_id,) = store(database, hooks[0])
    (row,) = rows(database)
    same = [{**row._mapping, "webhook_id": hook} for hook in hooks[1:]]
    database.write_now(lambda session: session.execute(_deliveries.insert(), same))
    seen = database.read_now(forecast.glance, Scope(), kind="redeliver", now=now_of(database))
    assert (seen.forecast.matched, seen.webhooks, seen.complete) == (6, 6, True)
    assert {event for _, event in seen.samples} == {event_id}


def minute(database: Database, webhook_id: int, ago: int, *, sent: int = 0, error: int = 0, ms: int = 100) -> None:
    """So many attempts, of so many milliseconds each, in one minute."""
    latency = [0] * (len(BUCKETS) + 1)
    latency[next(place for place, end in enumerate(BUCKETS) if ms <= end)] = sent + error
    begins = now_of(database).replace(second=0, microsecond=0) - timedelta(minutes=ago)
    row = {"webhook_id": webhook_id, "minute": begins, "dispatcher": "a", "sent": sent, "error": error}
    database.write_now(lambda session: session.execute(table(Statistics).insert(), [{**row, "latency": latency}]))


def test_how_long_it_takes_goes_by_what_the_receivers_did_lately(database: Database) -> None:
    slow, unknown, limited, ordered = (add_webhook(database) for _ in range(4))
    now = now_of(database)
    change(database, limited, rate_limit=4)
    change(database, ordered, ordered=True)
    minute(database, slow, 5, sent=10, ms=2000)
    minute(database, slow, 2, error=500, ms=15_000)  # while it was down: not how quickly it takes what works
    minute(database, ordered, 5, sent=60, ms=100)
    for hook in (slow, unknown, limited, ordered):
        store(database, hook, 200)

    def seconds(webhook_id: int, rate: float | None = None) -> float:
        scope = Scope(webhook_id=webhook_id)
        return database.read_now(forecast.foresee, scope, kind="redeliver", now=now).seconds(rate)

    assert 17 < seconds(slow) < 36, "16 at once, some 2 s each"
    assert seconds(unknown) == pytest.approx(200 / pace.UNKNOWN, abs=0.1)
    assert seconds(limited) == 50.0
    assert 12 < seconds(ordered) < 24, "one at a time, some 100 ms each"
    assert seconds(ordered, rate=1) == 200.0
    together = database.read_now(forecast.foresee, Scope(), kind="redeliver", now=now)
    assert together.seconds(None) == 50.0, "the slowest lane says how long all of it takes"


def test_a_busy_minute_shows_what_a_receiver_takes(database: Database) -> None:
    webhook_id = add_webhook(database)
    minute(database, webhook_id, 3, sent=12_000, ms=500)  # by many workers
    store(database, webhook_id, 400)
    seen = database.read_now(forecast.foresee, Scope(), kind="redeliver", now=now_of(database))
    assert seen.seconds(None) == 2.0


async def test_a_preview_is_judged_and_for_operators(database: Database) -> None:
    webhook_id = add_webhook(database)
    store(database, webhook_id, 2)
    seen = await redeliveries.preview(database, {"webhook_id": webhook_id}, kind="redeliver", actor=OPERATOR)
    assert (seen.glance.forecast.matched, len(seen.samples), seen.samples[0].webhook_id) == (2, 2, webhook_id)
    with pytest.raises(Invalid) as caught:
        await redeliveries.preview(database, {"cron": "nonsense"}, kind="redeliver", actor=OPERATOR)
    assert set(caught.value.fields) == {"cron"}
    with pytest.raises(Forbidden):
        await redeliveries.preview(database, {}, kind="redeliver", actor=VIEWER)
    assert rows(database, _deliveries.c.due_at.is_not(None)) == [], "nothing was changed"


async def test_what_waits_is_named_with_its_reason(house: House) -> None:
    database = house.database
    paused, down, quick, empty = (add_webhook(database, title=title) for title in ("Paused", "Down", "Quick", "Empty"))
    store(database, paused, 3)
    store(database, down, 2)
    store(database, quick, 1)
    store(database, empty, 1, status="sent", closed="sent", answer="sent")
    for hook in (paused, empty):
        change(database, hook, paused=True)
    set_lane(database, down, breaker="open", probe_at=datetime(2030, 1, 1, tzinfo=UTC))
    async with house.client() as client:
        await plan(client)

        def look() -> left.Left:
            return database.read_now(lambda s: left.left(s, plans.get(s, 1), now=moment(s)))

        seen = look()
        assert {(one.title, one.reason, one.count) for one in seen.named} == {
            ("Paused", "paused", 3),
            ("Down", "breaker", 2),
        }
        assert (seen.others, seen.empty) == (0, 1)
        change(database, paused, enabled=False)
        assert {one.reason for one in look().named} == {"disabled", "breaker"}
        stop_sending(database)
        assert {one.reason for one in look().named} == {"stopped"}
        start_sending(database)
        await client.delete("/redeliveries/1")
        assert look() == left.Left()
