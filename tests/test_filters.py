"""Filters at emit, on both databases: who gets an event, what is on record of who does not, and by every door."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import webhook_ui
from tests.api_house import House, build
from tests.processes import ROOT
from tests.stored import NOW, OPERATOR, RULES, Worker, add_webhook, at, change, emit, listeners, new_event, order, state
from webhook_ui import filters, ids, outbox, transactional, undoing, webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Invalid
from webhook_ui.history.changes import latest_change
from webhook_ui.history.trace import trace
from webhook_ui.history.trace_reasons import Outcome
from webhook_ui.models import Skip, table
from webhook_ui.outbox import filtering, prune

PRO = "data.plan == 'pro' && data.amount > `10`"
WRONG = "abs(data.plan) > `1`"


def payload(**values: Any) -> str:
    return json.dumps({"plan": "pro", "amount": 20} | values)


def skips(database: Database) -> set[tuple[int, int, str, bool]]:
    return database.read_now(lambda session: set(map(tuple, session.execute(sa.select(table(Skip))))))


def test_what_a_filter_leaves_out_is_on_record_with_its_clause(database: Database) -> None:
    plain, pro, same, broken = (add_webhook(database, filter=text) for text in (None, PRO, PRO, WRONG))
    passing = emit(database, payload=payload(), now=at(10))
    cheap = emit(database, payload=payload(amount=5), now=at(10))
    free = emit(database, payload=payload(plan="free"), now=at(10))
    assert listeners(database, passing) == {plain, pro, same, broken}
    assert listeners(database, cheap) == listeners(database, free) == {plain, broken}
    fault = "abs() takes a number there, and got text"
    assert skips(database) == {
        *((webhook_id, cheap, "data.amount > `10`", False) for webhook_id in (pro, same)),
        *((webhook_id, free, "data.plan == 'pro'", False) for webhook_id in (pro, same)),
        *((broken, event_id, fault, True) for event_id in (passing, cheap, free)),
    }
    rows = {row.webhook_id: row.reason for row in database.read_now(trace, free, now=at(20)).rows}
    assert (rows[pro].outcome, rows[pro].detail) == (Outcome.filtered, "data.plan == 'pro'")
    assert (rows[broken].outcome, rows[broken].detail, rows[broken].fault) == (Outcome.delivered, None, fault)
    assert (rows[plain].outcome, rows[plain].fault) == (Outcome.delivered, None)
    for _ in range(9):  # what hangs on events is removed with them
        database.write_now(prune.remove, [free], before=at(9_999))
    Worker(database).deliver(200, now=at(30))
    while database.write_now(prune.remove, [passing, cheap, free], before=at(9_999)):
        pass
    assert skips(database) == set()


def test_redelivering_asks_no_filter(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database, payload=payload(plan="free"))
    Worker(database).deliver(500, schedule=())
    change(database, webhook_id, filter=PRO)
    order(database, "redeliver", webhook_id, event_id, now=at(60))
    assert state(database, webhook_id, event_id)["status"] == "pending"
    assert skips(database) == set()


def test_many_at_once_are_judged_each_by_itself_and_each_filter_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    judge = filters.judge
    monkeypatch.setattr(filtering.filters, "judge", lambda text, made: asked.append(text) or judge(text, made))
    some = [add_webhook(database, filter=PRO) for _ in range(3)]
    about = add_webhook(database, filter=PRO)
    events = [new_event(payload=payload(amount=amount), about=about) for amount in (5, 15, 25)]
    found = database.write_now(outbox.emit_each, events, now=NOW)
    assert [one.deliveries for one in found if not isinstance(one, Conflict)] == [0, 3, 3]
    assert asked == [PRO] * 3
    assert {one[0] for one in skips(database)} == set(some), "one that the event is about is not asked"


@pytest.fixture
def engine(database: Database) -> Iterator[sa.Engine]:
    webhook_ui.configure(plugins_dir=ROOT / "plugins")
    made = sa.create_engine(database.url)
    yield made
    made.dispose()
    transactional._Known.configuration = None


def test_in_an_applications_own_transaction_filters_hold_too(database: Database, engine: sa.Engine) -> None:
    plain, seven, eight, broken = (
        add_webhook(database, filter=text) for text in (None, "data.id == `7`", "data.id == `8`", "abs(data.name)")
    )
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with Session(engine) as session:
        event_id = ids.event_number(webhook_ui.emit(session, "user.created", {"id": 7, "name": "Zoë"}))
        session.commit()
    assert listeners(database, event_id) == {plain, seven, broken}
    assert {(one[0], one[2], one[3]) for one in skips(database)} == {
        (eight, "data.id == `8`", False),
        (broken, "abs() takes a number there, and got text", True),
    }
    for webhook_id in (seven, eight, broken):
        change(database, webhook_id, filter=None)
    statements.clear()
    with Session(engine) as session:
        webhook_ui.emit(session, "user.created", {"id": 9, "name": "Ada"})
        session.commit()
    assert len(statements) == 2, "without filters it costs what it did"


def test_changes_are_kept_and_can_be_undone(database: Database) -> None:
    webhook_id = add_webhook(database, filter=PRO, template={"shape": "slack"})
    change(database, webhook_id, now=at(1), filter="data.plan == 'free'", template={"shape": "discord"})
    made = database.read_now(latest_change, "webhook", webhook_id)
    assert made is not None
    assert (made.before or {})["filter"] == PRO
    assert (made.after or {})["template"] == {"shape": "discord"}
    database.write_now(undoing.undo, webhook_id, made.id, rules=RULES, actor=OPERATOR, now=at(2))
    found = database.read_now(webhooks.get, webhook_id)
    assert (found.filter, found.template) == (PRO, {"shape": "slack"})


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


HOOK = {"title": "CRM", "url": "https://crm.example.com/hooks", "triggers": ["user.*"]}


async def test_by_rest_a_filter_is_set_judged_and_seen_in_the_trace(house: House) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json={**HOOK, "filter": "data.id == `7`"})).json()
        assert (made["filter"], made["template"]) == ("data.id == `7`", None)
        path = f"/webhooks/{made['id']}"
        refused = await client.patch(path, json={"filter": "data.id = 7", "template": {"shape": "slak"}})
        assert refused.status_code == 422
        text = refused.text
        assert "Line 1, column 9 (at “= 7”): A single = means nothing here; to compare, write ==." in text
        assert "Did you mean slack?" in text
        batch = {"events": [{"trigger": "user.created", "payload": {"id": number, "name": "Zoë"}} for number in (7, 8)]}
        items = (await client.post("/events/batch", json=batch)).json()["items"]
        assert [one["deliveries"] for one in items] == [1, 0]
        traced = (await client.get(f"/events/{items[1]['id']}/trace")).json()["items"]
        assert [(one["outcome"], one["detail"], one["delivery"]) for one in traced] == [
            ("filtered", "data.id == `7`", None)
        ]
        changed = await client.patch(path, json={"filter": None, "template": {"shape": "slack"}})
        assert (changed.json()["filter"], changed.json()["template"]) == (None, {"shape": "slack"})
        assert (await client.patch(path, json={"template": None})).json()["template"] is None


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        ({"shape": "slack"}, {"shape": "slack"}),
        ({"shape": "cloudevents-binary"}, {"shape": "cloudevents-binary"}),
        ({"shape": "custom", "expression": " data "}, {"shape": "custom", "expression": "data"}),
    ],
)
def test_a_template_is_stored_as_it_is_meant(database: Database, given: Any, stored: Any) -> None:
    webhook_id = add_webhook(database, template=given)
    assert database.read_now(webhooks.get, webhook_id).template == stored


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("slack", "null or an object"),
        ({}, "The shape must be one of"),
        ({"shape": "slack", "text": "x"}, "has no 'text'"),
        ({"shape": "custom"}, "needs an expression"),
        ({"shape": "cloudevents-binary", "expression": "data"}, "takes no expression"),
        ({"shape": "custom", "expression": "data ="}, "Line 1, column 6"),
        ({"shape": "custom", "expression": 5}, "an object of texts"),
    ],
)
def test_a_template_that_cannot_be_is_refused(database: Database, template: Any, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        add_webhook(database, template=template)
    assert words in caught.value.fields["template"]
