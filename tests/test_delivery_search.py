"""The log is searched: every filter leaves what it says, by whatever index and however little is seen at once."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api_house import build
from tests.stored import NOW, add_webhook, at
from webhook_ui import ids
from webhook_ui.database import Database
from webhook_ui.history import delivery_search
from webhook_ui.history.deliveries import DeliveryFilter, list_deliveries, rows_of
from webhook_ui.models import Attempt, Delivery, Event, Statistics, table
from webhook_ui.ui.log_look import doable

TRIGGERS = ("user.created", "user.deleted", "order.paid")
ENDS: tuple[tuple[str, str | None, int | None, str | None], ...] = (  # status, class, response, closed
    ("sent", None, 200, "sent"),
    ("error", "http", 503, "exhausted"),
    ("error", "dns", None, None),
    ("pending", None, None, None),
    ("error", "http", 401, "exhausted"),
    ("sent", None, 204, "sent"),
    ("sent", None, 200, "sent"),
)


def fill(database: Database, count: int = 84) -> list[dict[str, Any]]:
    """Deliveries of all sorts, a second apart, to two webhooks in turn; as plain values, oldest first."""
    hooks = [add_webhook(database), add_webhook(database)]
    made = []
    for number in range(count):
        status, error_class, response, closed = ENDS[number % len(ENDS)]
        event_id = ids.floor(at(number))
        trigger = TRIGGERS[number % len(TRIGGERS)]
        made.append({
            "webhook_id": hooks[number % 2], "event_id": event_id, "trigger": trigger, "status": status,
            "error_class": error_class, "response_status": response, "closed": closed,
        })  # fmt: skip

    def store(session: Any) -> None:
        for one in made:
            _store(session, one)

    database.write_now(store)
    return made


def _store(session: Any, one: dict[str, Any]) -> None:
    moment = ids.moment(one["event_id"])
    event = {"id": one["event_id"], "trigger": one["trigger"], "payload": "{}", "actor": "x", "test": False}
    session.execute(table(Event).insert().values(**event, occurred_at=moment, created_at=moment))
    tried = one["status"] != "pending"
    numbers = {"round": 1, "tries": int(tried), "losses": 0, "last_attempt_id": one["event_id"] if tried else None}
    state = {name: one[name] for name in ("webhook_id", "event_id", "trigger", "status", "closed")}
    due = None if one["closed"] else moment
    answer = one["status"] if tried else None
    row = {**state, **numbers, "due_at": due, "answer": answer, "created_at": moment, "updated_at": moment}
    session.execute(table(Delivery).insert().values(**row, test=False))
    if tried:
        attempt = {
            "webhook_id": one["webhook_id"], "event_id": one["event_id"], "id": one["event_id"], "round": 1,
            "late": False, "at": moment, "duration_ms": 1.0, "status": one["status"], "url": "http://x",
            "request_headers": [], "response_status": one["response_status"], "response_headers": [],
            "response_body": "", "error_class": one["error_class"], "timings": {},
        }  # fmt: skip
        session.execute(table(Attempt).insert().values(**attempt))


def expected(made: list[dict[str, Any]], criteria: DeliveryFilter) -> list[tuple[int, int]]:
    names = ("webhook_id", "event_id", "trigger", "status", "error_class", "response_status")
    wanted = {name: getattr(criteria, name) for name in names if getattr(criteria, name) is not None}
    kept = [one for one in made if all(one[name] == value for name, value in wanted.items())]
    since, until = criteria.since or NOW, criteria.until or at(10_000)
    return [(x["event_id"], x["webhook_id"]) for x in reversed(kept) if since <= ids.moment(x["event_id"]) < until]


def walk(database: Database, criteria: DeliveryFilter, limit: int) -> list[tuple[int, int]]:
    """All pages, one after the other."""
    found: list[tuple[int, int]] = []
    cursor: str | None = None
    for _ in range(1000):
        page = database.read_now(list_deliveries, criteria, now=NOW, limit=limit, cursor=cursor)
        assert len(page.rows) <= limit
        found += [(row.event_id, row.webhook_id) for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("few", [0, 5000], ids=["windows", "whole"])
def test_every_filter_leaves_what_it_says(database: Database, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(delivery_search, "WINDOW", 5)
    monkeypatch.setattr(delivery_search, "WIDEST", 5)
    monkeypatch.setattr(delivery_search, "BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(delivery_search, "FEW", few)
    made = fill(database)
    hook = made[0]["webhook_id"]
    spans: list[dict[str, Any]] = [{}, {"since": at(20), "until": at(50)}]
    sides = product((None, hook), (None, "user.deleted", "no.such"), (None, "sent", "error", "pending"), spans)
    for webhook_id, trigger, status, span in sides:
        for cause in ({}, {"error_class": "dns"}, {"response_status": 401}, {"response_status": 200}):
            criteria = DeliveryFilter(webhook_id=webhook_id, trigger=trigger, status=status, **cause, **span)
            assert walk(database, criteria, 7) == expected(made, criteria), criteria
    one = DeliveryFilter(event_id=made[40]["event_id"], status=made[40]["status"])
    assert walk(database, one, 7) == expected(made, one) != []


def retry_errors(database: Database, made: list[dict[str, Any]], later: float) -> None:
    """Every error has a second attempt so many seconds later; all attempts are counted, as if they had been settled."""

    def store(session: Any) -> None:
        counts: dict[tuple[int, Any], int] = {}
        for one in made:
            first = ids.moment(one["event_id"])
            moments = [first] if one["status"] != "pending" else []
            if one["status"] == "error":
                second = first + timedelta(seconds=later)
                moments.append(second)
                columns = [column for column in table(Attempt).c if column.key not in ("id", "at")]
                here = (table(Attempt).c.webhook_id == one["webhook_id"], table(Attempt).c.event_id == one["event_id"])
                row = dict(session.execute(sa.select(*columns).where(*here)).one()._mapping)
                # its id is made when it is over, half a minute after it began
                row |= {"id": ids.floor(second + timedelta(seconds=30)), "at": second}
                session.execute(table(Attempt).insert().values(**row))
                last = (
                    table(Delivery)
                    .update()
                    .where(
                        table(Delivery).c.webhook_id == one["webhook_id"], table(Delivery).c.event_id == one["event_id"]
                    )
                )
                session.execute(last.values(last_attempt_id=row["id"]))
            for moment in moments:
                key = one["webhook_id"], moment.replace(second=0, microsecond=0)
                counts[key] = counts.get(key, 0) + 1
        for (webhook_id, minute), count in counts.items():
            row = {"webhook_id": webhook_id, "minute": minute, "dispatcher": "x", "sent": 0, "error": count}
            session.execute(table(Statistics).insert().values(**row, latency=[]))

    database.write_now(store)


@pytest.mark.parametrize("few", [0, 5000], ids=["windows", "whole"])
def test_what_was_attempted_in_a_time_is_found_whenever_its_event_was(
    database: Database, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(delivery_search, "WINDOW", 5)
    monkeypatch.setattr(delivery_search, "WIDEST", 5)
    monkeypatch.setattr(delivery_search, "FEW", few)
    made = fill(database)
    retry_errors(database, made, 3600)
    errors = [one for one in made if one["status"] == "error"]
    hook = made[0]["webhook_id"]
    others: list[dict[str, Any]] = [{"webhook_id": hook}, {"trigger": "order.paid"}, {"error_class": "dns"}]
    for more in ({}, *others, {"status": "sent"}):
        asked = DeliveryFilter(attempted_since=at(3610), attempted_until=at(3650), **more)
        retried = [one for one in errors if at(10) <= ids.moment(one["event_id"]) < at(50)]
        assert walk(database, asked, 4) == expected(retried, DeliveryFilter(**more)), more
    first = DeliveryFilter(attempted_until=at(3600), since=at(20))
    tried = [one for one in made if one["status"] != "pending"]
    assert walk(database, first, 7) == expected(tried, DeliveryFilter(since=at(20)))
    assert walk(database, DeliveryFilter(attempted_since=at(4000)), 7) == []


@pytest.mark.parametrize("few", [0, 5000], ids=["windows", "whole"])
def test_open_ones_are_those_that_are_not_over(database: Database, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(delivery_search, "FEW", few)
    made = fill(database)
    opened = [one for one in made if one["closed"] is None]
    assert {one["status"] for one in opened} == {"pending", "error"}
    others: list[dict[str, Any]] = [{"webhook_id": made[0]["webhook_id"]}, {"trigger": "order.paid"}]
    for more in ({}, *others, {"error_class": "dns"}):
        asked = DeliveryFilter(open=True, **more)
        assert walk(database, asked, 7) == expected(opened, DeliveryFilter(**more)), more


def test_what_is_being_sent_is_not_offered_to_be_cancelled(database: Database) -> None:
    made = fill(database)
    opened = [one for one in made if one["closed"] is None]
    columns = table(Delivery).c
    flying = [one["event_id"] for one in opened[:5]]
    until = datetime.now(UTC) + timedelta(minutes=1)
    claim = table(Delivery).update().where(columns.event_id.in_(flying)).values(claim="a1", due_at=until)
    database.write_now(lambda session: session.execute(claim))
    assert database.read_now(doable, DeliveryFilter()).waiting == len(opened) - 5
    pending = [one for one in opened if one["status"] == "pending" and one["trigger"] == "order.paid"]
    free = [one for one in pending if one["event_id"] not in flying]
    narrow = DeliveryFilter(status="pending", trigger="order.paid")
    assert database.read_now(doable, narrow).waiting == len(free)
    assert database.read_now(doable, DeliveryFilter(attempted_since=at(0))).waiting == 0


def test_a_search_that_breaks_off_says_how_far_it_came(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_search, "WINDOW", 10)
    made = fill(database)
    hits = database.read_now(delivery_search.search, DeliveryFilter(response_status=299), limit=5, budget=0)
    oldest_seen = made[-10]
    assert (hits.keys, hits.more) == ([], (oldest_seen["event_id"], oldest_seen["webhook_id"]))
    assert hits.searched_to == ids.moment(oldest_seen["event_id"])
    assert database.read_now(delivery_search.count, DeliveryFilter(status="error"), most=10) == (10, False)
    assert database.read_now(delivery_search.count, DeliveryFilter(status="error"), most=100) == (36, True)
    assert database.read_now(delivery_search.count, DeliveryFilter(status="sent", error_class="dns"), most=9) == (
        0,
        True,
    )


def test_rows_come_newest_first_and_only_those_that_are_there(database: Database) -> None:
    made = fill(database, 4)
    keys = [(one["event_id"], one["webhook_id"]) for one in made]
    found = database.read_now(rows_of, [keys[1], (1, 1), keys[3]], now=NOW + timedelta(seconds=60))
    assert [(row.event_id, row.webhook_id) for row in found] == [keys[3], keys[1]]


def test_errors_are_found_by_their_own_index(database: Database) -> None:
    """The plan, not the time: what was sent is not read to find what failed."""
    fill(database)
    for webhook_id, index in ((None, "delivery_errors"), (1, "delivery_lane_errors")):
        criteria = DeliveryFilter(webhook_id=webhook_id, status="error")
        statement = delivery_search._candidates(criteria, (ids.floor(at(60)), 1)).limit(50)

        def explain(session: Any, statement: Any = statement) -> str:
            engine = session.get_bind()
            text = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
            if engine.dialect.name == "postgresql":
                session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            words = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
            return "\n".join(str(row[-1]) for row in session.execute(sa.text(words + text)))

        plan = database.read_now(explain)
        if database.url.get_backend_name() == "postgresql":
            # Over a few rows without statistics either index costs it the same.
            assert "delivery_errors" in plan or index in plan
        else:
            assert index in plan


async def test_the_rest_api_takes_the_same_filters(database: Database, tmp_path: Path) -> None:
    made = fill(database)
    retry_errors(database, made, 3600)
    house = build(database, tmp_path)
    async with house.client("viewer") as client:

        async def found(**params: Any) -> int:
            answer = await client.get("/deliveries", params={"limit": 200, **params})
            assert answer.status_code == 200, answer.text
            return len(answer.json()["items"])

        assert await found(error_class="dns") == 12
        assert await found(response_status=401, webhook_id=made[0]["webhook_id"]) == 6
        assert await found(response_status=200, status="error") == 0
        assert await found(status="open") == 24
        assert await found(attempted_from="2026-11-23T09:00:30Z", attempted_to="2026-11-23T09:00:37Z") == 6
        for name, value in (
            ("error_class", "nonsense"),
            ("response_status", "99"),
            ("response_status", "x"),
            ("status", "opened"),
        ):
            refused = await client.get("/deliveries", params={name: value})
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["field"] == name
