"""Fields of payloads by which events are found: the setting, what is indexed, looking it up; on both databases."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.stored import NOW, OPERATOR, add_webhook, at, emit, new_event
from webhook_ui import indexed_fields, outbox, plugin_loader
from webhook_ui.database import Database
from webhook_ui.errors import UsageError
from webhook_ui.history.events import EventFilter, Tally, list_events, tallies
from webhook_ui.host import Emission, Host
from webhook_ui.indexed_fields import IndexedFields
from webhook_ui.models import EventField, table
from webhook_ui.outbox import prune
from webhook_ui.settings import load

PAYLOADS = {
    '{"customer":{"id":42}}': "42",
    '{"customer" : { "id" : "42" } }': "42",
    '{"customer":{"id":123456789012345678901234567890}}': "123456789012345678901234567890",
    '{"customer":{"id":1e400}}': "1e400",
    '{"customer":{"id":true}}': "true",
    '{"customer":{"id":null}}': "null",
    '{"customer":{"id":"Zo\\u00eb \\"A\\""}}': 'Zoë "A"',
    '{"customer":{"id":""}}': "",
    '{"customer":{"id":1},"customer":{"id":2}}': "2",
    '{"customer":{"id":[42]}}': None,
    '{"customer":{"id":{"a":1}}}': None,
    '{"customer":{"id":"a\\u0000b"}}': None,
    '{"customer":42}': None,
    '{"customer":"{\\"id\\":42}"}': None,
    '{"customer":[{"id":42}]}': None,
    '{"customer":{}}': None,
    "{}": None,
    '{"customer":{"id":"' + "x" * 200 + '"}}': "x" * 200,
    '{"customer":{"id":"' + "x" * 201 + '"}}': None,
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_scalar_is_found_as_it_is_written(payload: str) -> None:
    found = IndexedFields(everywhere=("customer.id",)).find("order.paid", payload)
    assert dict(found).get("customer.id") == PAYLOADS[payload]


def test_a_field_may_belong_to_one_trigger() -> None:
    fields = indexed_fields.parse(["id", "order.paid:total", "id"])
    assert fields.find("order.paid", '{"id":1,"total":2}') == (("id", "1"), ("total", "2"))
    assert fields.find("user.created", '{"id":1,"total":2}') == (("id", "1"),)
    assert fields.paths == ("id", "total")
    # nothing is read where nothing is wanted: this is no JSON
    assert indexed_fields.parse(["order.paid:total"]).find("user.created", "nonsense") == ()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("customer..id", "no path"),
        ("a b", "no path"),
        ("order.paid:", "no path"),
        ("Order:id", "names no trigger"),
        ("webhook.disabled:webhook.id", "come from the engine"),
        (",".join(f"f{number}" for number in range(21)), "more than 20"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, written: str, problem: str) -> None:
    monkeypatch.setenv("WEBHOOK_UI_INDEXED_FIELDS", written)
    with pytest.raises(UsageError, match=f"WEBHOOK_UI_INDEXED_FIELDS: .*{problem}"):
        load()


def test_the_setting_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().indexed == indexed_fields.NONE
    monkeypatch.setenv("WEBHOOK_UI_INDEXED_FIELDS", " customer.id, order.paid:total,")
    assert load().indexed == IndexedFields(("customer.id",), (("order.paid", "total"),))


def found(database: Database, **criteria: Any) -> list[int]:
    """The events a filter leaves, over pages of two."""
    rows, cursor = [], None
    while True:
        page = database.read_now(list_events, EventFilter(**criteria), limit=2, cursor=cursor)
        rows += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return rows


def test_events_are_found_by_their_fields_and_tenants(database: Database) -> None:
    one = (("customer.id", "42"),)
    both = (*one, ("plan", "team"))
    stored = [emit(database, fields=fields) for fields in (one, both, (), both, one)]
    theirs = emit(database, "order.paid", tenant="acme", fields=both)
    assert found(database, fields=one) == [theirs, stored[4], stored[3], stored[1], stored[0]]
    assert found(database, fields=both) == [theirs, stored[3], stored[1]]
    assert found(database, fields=both[::-1], trigger="user.created") == [stored[3], stored[1]]
    assert found(database, fields=(("customer.id", "4"),)) == []
    assert found(database, fields=one, since=at(10**9)) == []
    assert found(database, tenant="acme") == [theirs]
    assert found(database, event_id=stored[2]) == [stored[2]]


def test_a_repeated_key_stores_its_fields_once(database: Database) -> None:
    again = {"idempotency_key": "k", "fields": (("customer.id", "42"),)}
    assert emit(database, **again) == emit(database, **again)
    events = database.write_now(outbox.emit_each, [new_event(**again), new_event(fields=again["fields"])], now=NOW)
    assert len(events) == 2
    assert count_fields(database) == 2


def count_fields(database: Database) -> int:
    statement = sa.select(sa.func.count()).select_from(table(EventField))
    return database.read_now(lambda session: session.execute(statement).scalar_one())


def test_fields_go_with_their_event(database: Database) -> None:
    event_id, other = emit(database, fields=(("a", "1"), ("b", "2"))), emit(database, fields=(("a", "1"),))
    while database.write_now(prune.remove, [event_id], before=at(10**7)):
        pass
    assert count_fields(database) == 1
    assert found(database, fields=(("a", "1"),)) == [other]


def test_whoever_hands_an_event_in_has_its_fields_indexed(database: Database, tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(
        "from webhook_ui import Trigger, hookimpl\n\n@hookimpl\ndef register_triggers():\n"
        '    return [Trigger("order.paid", "Order paid", "Paid.", {"customer": {"id": 1}})]\n'
    )
    plugins = plugin_loader.load(tmp_path, entry_points=False)
    host = Host(database, plugins, max_payload_bytes=1 << 20, indexed=IndexedFields(everywhere=("customer.id",)))
    payload = b'{"customer": {"id": "c-7"}, "total": 3}'
    stored = host.emit_now(Emission(trigger="order.paid", payload=payload), actor=OPERATOR)
    assert found(database, fields=(("customer.id", "c-7"),)) == [stored.event_id]


def test_a_list_holds_no_large_payload(database: Database) -> None:
    small, large = "é" * 8_000, "é" * 8_190
    emit(database, payload=f'{{"a":"{small}"}}')
    emit(database, payload=f'{{"a":"{large}"}}')
    rows = database.read_now(list_events, EventFilter()).rows
    assert [(row.payload, row.payload_bytes) for row in rows] == [(None, 16_388), (f'{{"a":"{small}"}}', 16_008)]
    assert rows[0].beginning == f'{{"a":"{large}'[:160]


def test_deliveries_are_counted_by_their_state(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        add_webhook(database)
    heard, unheard = emit(database), emit(database, "order.paid")
    assert database.read_now(tallies, [heard, unheard]) == {heard: Tally(pending=3)}
    monkeypatch.setattr("webhook_ui.history.events.COUNTED", 2)
    assert database.read_now(tallies, [heard]) == {heard: Tally(pending=3, more=True)}
    assert database.read_now(tallies, []) == {}
