"""Long lists of webhooks on both databases: pages, counts, the overview, and the same step for many."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.stored import NOW, OPERATOR, RULES, VIEWER, Worker, add_webhook, at, change, emit, stop_sending
from webhook_ui import bulk, webhooks
from webhook_ui.bulk import OPPOSITE, Step
from webhook_ui.database import Database
from webhook_ui.errors import Forbidden
from webhook_ui.history import figures, overview, webhook_pages
from webhook_ui.history.deliveries import DeliveryFilter, list_deliveries
from webhook_ui.history.health_memory import HealthMemory
from webhook_ui.history.overview import Glance, Watch
from webhook_ui.history.webhook_pages import Sorting
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter
from webhook_ui.models import Change, Lane, Statistics, table
from webhook_ui.ui.bulk_actions import MOST_NAMED, order_address
from webhook_ui.ui.selection import Selection
from webhook_ui.ui.shared_reads import OverviewDesk, SharedReads
from webhook_ui.ui.webhooks_look import figures_of


def set_last(database: Database, webhook_id: int, result: str | None) -> None:
    lane = table(Lane)
    statement = lane.update().where(lane.c.webhook_id == webhook_id).values(last_result=result)
    database.write_now(lambda session: session.execute(statement))


@pytest.fixture
def many(database: Database) -> list[int]:
    """Ten webhooks, one a second: the third and the eighth fail, the fourth is paused, the eighth is disabled."""
    made = [add_webhook(database, now=at(number), title=f"Number {number}") for number in range(10)]
    for webhook_id in made[:9]:
        set_last(database, webhook_id, "sent")
    for webhook_id in (made[2], made[7]):
        set_last(database, webhook_id, "error")
    change(database, made[3], paused=True, now=at(100))
    change(database, made[7], enabled=False, now=at(101))
    return made


def numbers(database: Database, many: list[int], sorting: Sorting | None = None, **asked: Any) -> list[int]:
    """Which of the ten stand on a page, in order; checks that they are counted right."""
    page, size = asked.pop("page", 1), asked.pop("size", 50)
    criteria = WebhookFilter(**asked)
    found = database.read_now(webhook_pages.find, criteria, sorting or Sorting(), page=page, size=size)
    assert found.total == len(database.read_now(webhook_pages.find_all, criteria))
    return [many.index(webhook_id) for webhook_id in found.ids]


def test_webhooks_are_found_by_state_and_last_result(
    database: Database, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers(database, many) == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert numbers(database, many, enabled=True, paused=True) == [3]
    assert numbers(database, many, enabled=True, paused=False) == [9, 8, 6, 5, 4, 2, 1, 0]
    assert numbers(database, many, failing=True) == [2], "a disabled one fails no more"
    assert numbers(database, many, last="error") == [7, 2]
    assert numbers(database, many, last="none") == [9]
    assert numbers(database, many, last="sent", q="NUMBER") == [8, 6, 5, 4, 3, 1, 0]
    assert numbers(database, many, last="sent", trigger="order.paid") == []
    monkeypatch.setattr(webhook_pages, "MANY", 0)
    assert numbers(database, many, last="none", trigger="user.created") == [9]


@pytest.mark.parametrize("q", [None, "number"])
def test_failing_ones_come_first_in_the_order_of_the_others(database: Database, many: list[int], q: str | None) -> None:
    set_last(database, many[5], "error")
    upwards = Sorting(sort=Sort.id, order=Order.asc, failing_first=True)
    whole = [2, 5, 0, 1, 3, 4, 6, 7, 8, 9]
    assert numbers(database, many, upwards, q=q) == whole
    for size in (1, 3, 4):
        pages = [numbers(database, many, upwards, q=q, page=page, size=size) for page in range(1, -(-10 // size) + 1)]
        assert [one for page in pages for one in page] == whole
    newest = Sorting(sort=Sort.updated, failing_first=True)
    assert numbers(database, many, newest, q=q)[:4] == [5, 2, 7, 3]


@pytest.mark.parametrize("q", [None, "number", "nobody"])
def test_behind_the_last_page_stands_the_last_page(database: Database, many: list[int], q: str | None) -> None:
    found = database.read_now(webhook_pages.find, WebhookFilter(q=q), Sorting(), page=99, size=4)
    assert (found.page, found.total, len(found.ids)) == ((1, 0, 0) if q == "nobody" else (3, 10, 2))


def test_what_is_held_is_counted_up_to_a_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook_id = add_webhook(database, paused=True)
    for _ in range(3):
        emit(database)
    monkeypatch.setattr(webhook_pages, "MOST_HELD", 1)
    (row,) = database.read_now(webhook_pages.rows, [webhook_id, 999])
    assert row.held == 2


def test_hours_that_are_over_are_remembered(database: Database) -> None:
    webhook_id, other = add_webhook(database), add_webhook(database)
    memory = HealthMemory()

    def count(hours: int, sent: int) -> None:
        values = {
            "minute": NOW - timedelta(hours=hours),
            "dispatcher": f"{sent}",
            "sent": sent,
            "error": 1,
            "latency": [],
        }
        statement = table(Statistics).insert().values(webhook_id=webhook_id, **values)
        database.write_now(lambda session: session.execute(statement))

    def look(seconds: float, *ids: int) -> Any:
        return database.read_now(memory.look, ids, now=at(seconds))

    for hours in (0, 5, 23):
        count(hours, 3 + hours)
    for seconds in (240, 300, 3600, 3900):  # the last two in the next hour
        assert look(seconds, webhook_id, other) == database.read_now(
            figures.health, [webhook_id, other], now=at(seconds)
        )
    count(1, 100)
    assert list(look(3950, webhook_id)[webhook_id].sent[-3:]) == [0, 3, 0], "an hour that was over is not read again"
    assert list(look(7900, webhook_id)[webhook_id].sent[-4:]) == [100, 3, 0, 0]


# the overview


def look(database: Database, watch: Watch, seconds: float) -> Glance:
    return database.read_now(watch.look, now=at(seconds))


def test_the_watch_sees_what_the_overview_adds_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "CHEAP", 60.0)  # on a busy machine too
    monkeypatch.setattr(overview, "BUDGET", 60.0)
    watch = Watch()
    assert look(database, watch, 0) == Glance(
        sent=0, error=0, about_day=False, waiting=0, oldest_due=None, about_open=False, per_second=0.0, failing=0
    )
    add_webhook(database)
    second = add_webhook(database, triggers=["order.paid"])
    worker = Worker(database)
    emit(database)
    worker.deliver(200)
    emit(database, "order.paid")
    worker.deliver(500)
    emit(database, now=at(1))
    for watch_again in (watch, Watch()):
        whole = database.read_now(figures.overview, now=at(3))
        seen = look(database, watch_again, 3)
        found = (seen.sent, seen.error, seen.waiting, seen.oldest_due, seen.failing)
        assert found == (whole.sent, whole.error, whole.waiting, whole.oldest_due, whole.failing) == (1, 1, 2, at(1), 1)
    assert look(database, watch, 30).per_second == pytest.approx(2 / 60)
    assert look(database, watch, 90).per_second == pytest.approx(1 / 60)
    database.write_now(webhooks.delete, second, actor=OPERATOR, now=at(4))
    assert look(database, Watch(), 6).waiting == 1, "without what a deleted webhook still has"
    (late,) = [
        row
        for row in database.read_now(list_deliveries, DeliveryFilter(open=True), now=at(6)).rows
        if row.webhook_id != second
    ]
    assert look(database, Watch(), 6).oldest == late.id
    stop_sending(database)
    seen = look(database, Watch(), 6)
    assert (seen.oldest_due, seen.oldest_held, seen.oldest) == (None, at(1), late.id), "it is held, and since when"
    assert (look(database, watch, 90_000).sent, look(database, watch, 400_000).sent) == (0, 0), "days pass"


def test_a_dear_question_is_asked_seldom(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "CHEAP", 0.0)
    monkeypatch.setattr(overview, "SHARE", 1_000_000)
    add_webhook(database)
    watch = Watch()
    assert look(database, watch, 0).waiting == 0
    emit(database)
    assert (look(database, watch, 1).waiting, look(database, Watch(), 1).waiting) == (0, 1)


def test_a_day_that_is_not_wholly_read_is_estimated(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook_id = add_webhook(database)

    def fill(session: Session) -> None:
        for hour in range(1, 24):
            values = {"minute": NOW - timedelta(hours=hour), "dispatcher": "a", "sent": 10, "error": 1, "latency": []}
            session.execute(table(Statistics).insert().values(webhook_id=webhook_id, **values))

    database.write_now(fill)
    monkeypatch.setattr(overview, "BUDGET", 0.0)
    watch = Watch()
    assert look(database, watch, 0).about_day
    monkeypatch.setattr(overview, "BUDGET", 10.0)
    seen = look(database, watch, 1)
    assert (seen.sent, seen.error, seen.about_day) == (230, 23, False)
    assert figures_of(seen, now=at(1))[1].note == "9.1 % of attempts"


def test_estimates_say_so() -> None:
    glance = Glance(
        sent=196_051, error=0, about_day=True, waiting=1_234_567, oldest_due=at(-90), about_open=True, per_second=12.44,
        failing=2,
    )  # fmt: skip
    shown = {one.title: (one.value, one.path.partition("?")[2][:12]) for one in figures_of(glance, now=NOW)}
    assert shown == {
        "Sent, 24 h": ("about 196,000", "status=sent&"),
        "Errors, 24 h": ("about 0", "status=error"),
        "Waiting": ("about 1,230,000", "status=open"),
        "Oldest due": ("1 min", "status=open"),
        "Now": ("12.4 / s", ""),
        "Failing webhooks": ("2", "state=failin"),
    }
    held = replace(glance, oldest_due=None, oldest_held=at(-7200), oldest="dlv_01KB4N8Q5Z7M2_14")
    oldest = figures_of(held, now=NOW)[3]
    assert (oldest.title, oldest.value) == ("Oldest held", "2 h")
    assert oldest.path == "/deliveries?status=open&delivery=dlv_01KB4N8Q5Z7M2_14"
    nothing = replace(held, oldest_held=None, oldest=None)
    assert (figures_of(nothing, now=NOW)[3].title, figures_of(nothing, now=NOW)[3].value) == ("Oldest due", "–")


async def test_fifty_tabs_ask_once() -> None:
    asked: list[str] = []

    async def read() -> int:
        asked.append("list")
        await asyncio.sleep(0)
        return len(asked)

    shared = SharedReads()
    assert set(await asyncio.gather(*(shared.ask("newest", 1, read) for _ in range(50)))) == {1}
    assert await shared.ask("newest", 1, read) == 1
    assert await shared.ask("newest", 2, read) == 2, "there was news"
    assert await shared.ask("newest", 2, read, fresh=True) == 3
    assert await shared.ask("oldest", 2, read) == 4

    async def glance(*_: Any, **__: Any) -> Any:
        asked.append("overview")
        return object()

    desk = OverviewDesk()
    found = await asyncio.gather(*(desk.look(glance, since=0.0) for _ in range(50)))
    assert len(set(found)) == 1
    assert asked.count("overview") == 1


async def test_a_tab_that_closes_takes_the_answer_from_nobody() -> None:
    shared, ready = SharedReads(), asyncio.Event()

    async def read() -> str:
        await ready.wait()
        return "seen"

    first, second = (asyncio.create_task(shared.ask("list", 1, read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    ready.set()
    assert await second == "seen"


# the same step for many


def take(database: Database, ids: list[int], step: Step, actor: Any = OPERATOR) -> bulk.Outcome:
    return database.write_now(bulk.apply, ids, step, rules=RULES, actor=actor, now=at(200))


def test_each_step_changes_what_is_not_so_already_and_can_be_taken_back(database: Database) -> None:
    made = [add_webhook(database) for _ in range(3)]
    change(database, made[1], enabled=False)
    assert take(database, made, Step.disable).changed == [made[0], made[2]]
    back = take(database, [made[0], made[2]], OPPOSITE[Step.disable])
    assert back.changed == [made[0], made[2]]
    states = [database.read_now(webhooks.get, webhook_id).enabled for webhook_id in made]
    assert states == [True, False, True], "as it was before"
    for step in (Step.pause, Step.delete):
        assert take(database, made, step).changed == made
        assert take(database, made, OPPOSITE[step]).changed == made
    history = sa.select(table(Change).c.action, table(Change).c.actor).where(table(Change).c.subject_id == str(made[0]))
    told = database.read_now(
        lambda session: [tuple(row) for row in session.execute(history.order_by(table(Change).c.id))]
    )
    assert [action.removeprefix("webhook.") for action, _ in told] == [
        "created", "changed", "changed", "changed", "resumed", "deleted", "restored",
    ]  # fmt: skip
    assert {actor for _, actor in told} == {OPERATOR.name}


def test_one_that_cannot_be_changed_stops_no_other(database: Database) -> None:
    made = [add_webhook(database) for _ in range(3)]
    database.write_now(webhooks.delete, made[1], actor=OPERATOR, now=NOW)
    outcome = take(database, [*made, 999], Step.pause)
    assert outcome.changed == [made[0], made[2]]
    assert outcome.refused == [
        f"There is no webhook {made[1]}. It may have been deleted.",
        "There is no webhook 999. It may have been deleted.",
    ]
    with pytest.raises(Forbidden):
        take(database, made, Step.resume, VIEWER)
    assert database.read_now(webhooks.get, made[0]).paused


def test_ticks_with_shift_take_all_in_between() -> None:
    chosen, shown = Selection(), [7, 5, 3, 1]
    chosen.tick(5, True, False, shown)
    chosen.tick(1, True, True, shown)
    assert (chosen.ids, chosen.count(99)) == ({5, 3, 1}, 3)
    chosen.tick(3, False, True, shown)
    assert chosen.ids == {5}
    chosen.tick(7, True, True, [7, 8])
    assert chosen.ids == {5, 7}, "the one before stands on another page"
    chosen.choose_everything()
    assert (8 in chosen, chosen.count(99)) == (True, 99)
    chosen.tick(7, False, False, [7, 8])
    assert chosen.ids == {8}, "of all, what is shown stays"
    chosen.clear()
    assert not chosen


def test_an_order_names_a_few_webhooks_or_none() -> None:
    assert order_address("redeliver", [3, 7]) == "/redeliveries?new=redeliver&webhook_id=3&webhook_id=7&status=error"
    assert order_address("cancel", []) == "/redeliveries?new=cancel"
    assert order_address("cancel", list(range(MOST_NAMED + 1))) is None
