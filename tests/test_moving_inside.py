"""What an import does to what is stored, on both databases; and its texts, whatever stands in them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.stored import OPERATOR, RULES, VIEWER, at, change
from tests.stored import add_webhook as store_webhook
from webhook_ui import webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Conflict
from webhook_ui.history import changes
from webhook_ui.moving import document, json_text, yaml_text
from webhook_ui.moving.bringing_in import BroughtIn, bring_in
from webhook_ui.moving.comparing import Plan, compare
from webhook_ui.moving.places import Mistakes, Parsed
from webhook_ui.moving.taking_out import take_out


def test_history_tells_what_an_import_changed_and_is_silent_about_the_rest(database: Database) -> None:
    one, two = store_webhook(database, title="One"), store_webhook(database, title="Two")
    entries = taken(database)
    entries[0 if entries[0]["title"] == "One" else 1] |= {"title": "Other", "headers": {"X-Key": "word"}}
    assert brought(database, entries).plan.unchanged == 1
    (last, _) = database.read_now(changes.list_changes, "webhook", one).rows
    assert (last.action, last.actor, last.at) == ("webhook.changed", OPERATOR.name, at(60))
    assert last.before["title"] == "One"
    assert last.after["headers"] == ["X-Key"]
    assert len(database.read_now(changes.list_changes, "webhook", two).rows) == 1
    assert database.read_now(webhooks.get, two).version == 1


def test_a_deleted_webhook_comes_back_by_its_file(database: Database) -> None:
    number = store_webhook(database, title="One")
    entries = taken(database)
    database.write_now(webhooks.delete, number, actor=OPERATOR, now=at(10))
    assert [step.kind for step in brought(database, [entries[0] | {"title": "Back"}]).plan.steps] == ["restore"]
    assert database.read_now(webhooks.get, number).title == "Back"
    database.write_now(webhooks.delete, number, actor=OPERATOR, now=at(70))
    with pytest.raises(Mistakes, match="more than 30 days ago"):
        brought(database, entries, now=32 * 86400)


def test_what_stays_as_it_is_needs_no_plugin_and_fits_no_newer_rule(database: Database) -> None:
    store_webhook(database, triggers=["order.paid"], timeout=45)
    entries = taken(database)
    narrow = replace(RULES, triggers=("user.created",), longest_timeout=30)
    assert brought(database, entries, rules=narrow).plan.unchanged == 1
    with pytest.raises(Mistakes, match="There is no trigger"):
        brought(database, [entries[0] | {"uid": "new"}], rules=narrow)


def test_whoever_changes_a_webhook_meanwhile_is_not_overwritten(database: Database) -> None:
    first, second = store_webhook(database, title="One"), store_webhook(database, title="Two")
    entries = [one | {"title": "Imported"} for one in taken(database)]
    stale = database.read_now(lambda session: plan(session, entries)(session, now=at(60)))
    change(database, second, title="By somebody")
    with pytest.raises(Conflict, match="Somebody changed this webhook meanwhile"):
        database.write_now(bring_in, lambda *_, **__: stale, rules=RULES, actor=OPERATOR, now=at(60))
    assert database.read_now(webhooks.get, first).title == "One", "all or nothing"


def test_a_viewer_imports_nothing(database: Database) -> None:
    with pytest.raises(Exception, match="needs the role operator"):
        database.write_now(bring_in, lambda *_, **__: Plan(steps=[], unchanged=0), rules=RULES, actor=VIEWER, now=at(0))


def taken(database: Database) -> list[dict[str, Any]]:
    """The entries of an export."""
    found: list[dict[str, Any]] = database.read_now(take_out, secrets=True, now=at(0)).document["webhooks"]
    return found


def plan(_: object, entries: list[dict[str, Any]], rules: Any = RULES) -> Callable[..., Plan]:
    """What compares these entries with what is stored."""
    found = document.understand(Parsed(value={"format": document.FORMAT, "webhooks": entries}))

    def compared(session: Any, *, now: Any) -> Plan:
        return compare(session, document=found, rules=rules, now=now, delete_missing=False)

    return compared


def brought(database: Database, entries: list[dict[str, Any]], *, now: float = 60, rules: Any = RULES) -> BroughtIn:
    """What came of importing these entries."""
    compared = plan(None, entries, rules)
    return database.write_now(bring_in, compared, rules=rules, actor=OPERATOR, now=at(now))


texts = st.text(st.characters(exclude_categories=["Cs"]))
texts |= st.sampled_from(["", "no", "1e5", "0x1f", "~", "a: b", "x #y", "0b5d3b5e-4c3e-4f1c-9d0a-6f3b0e6a2c11"])
rates = st.integers(min_value=1, max_value=10**9).map(lambda number: number / 100_000)
leaves = st.none() | st.booleans() | texts | st.integers(-(10**9), 10**9) | rates
values = st.recursive(leaves, lambda inner: st.lists(leaves) | st.dictionaries(texts, inner), max_leaves=8)


@given(st.dictionaries(texts, values))
def test_whatever_is_written_is_read_again_by_us_and_by_others(value: dict[str, Any]) -> None:
    if not value:
        return
    written = yaml_text.write(value)
    assert yaml_text.read(written).value == value
    assert yaml.safe_load(written) == value
    assert json_text.read(json_text.write(value)).value == value
