"""What a webhook's page reads of its health and its history, and undoing; on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.stored import (
    ENGINE,
    NOW,
    OPERATOR,
    RULES,
    VIEWER,
    Worker,
    add_webhook,
    answer,
    at,
    change,
    emit,
    settlement,
)
from webhook_ui import undoing, webhooks
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, Invalid, NotFound
from webhook_ui.history import changes, health
from webhook_ui.models import Change, Delivery, Webhook, table

HOUR = timedelta(hours=1)


def deliver(database: Database, webhook_id: int, *codes: int, second: float = 0) -> None:
    """One event for each code, delivered once, all at this second."""
    worker = Worker(database)
    for code in codes:
        emit(database, now=at(second))
        claimed = worker.claim(at(second)).deliveries
        said = answer(code, now=at(second), duration_ms=40.0 if code < 300 else 900.0)
        worker.settle(*(settlement(one, said, now=at(second), schedule=()) for one in claimed), now=at(second))


def test_every_span_of_the_window_is_there_and_holds_what_fell_into_it(database: Database) -> None:
    webhook_id = add_webhook(database)
    deliver(database, webhook_id, 200, 200, 503)
    deliver(database, webhook_id, 500, second=3600)
    now = at(3700)
    since = health.first_span(now, length=4 * HOUR, size=HOUR)
    assert since == NOW - 2 * HOUR
    found = database.read_now(health.spans, webhook_id, since=since, now=now, size=HOUR)
    assert [span.since for span in found] == [since + hour * HOUR for hour in range(4)]
    assert [(span.tally.sent, span.tally.error) for span in found] == [(0, 0), (0, 0), (2, 1), (0, 1)]
    assert sum(found[2].tally.latency) == 3
    assert database.read_now(health.totals, webhook_id, since=since, until=NOW + HOUR) == (2, 1)
    assert database.read_now(health.totals, webhook_id, since=NOW + 5 * HOUR, until=NOW + 6 * HOUR) == (0, 0)
    assert database.read_now(health.totals, webhook_id + 1, since=since, until=now) == (0, 0)
    assert database.read_now(health.has_succeeded, webhook_id)
    failing = add_webhook(database)
    deliver(database, failing, 503)
    assert not database.read_now(health.has_succeeded, failing)


def test_the_newest_attempts_are_counted_by_class_and_by_response(database: Database) -> None:
    webhook_id = add_webhook(database)
    before = NOW - timedelta(days=400)
    nothing = database.read_now(health.outcomes, webhook_id, since=before)
    assert (nothing.attempts, nothing.complete, list(nothing.causes), list(nothing.codes)) == (0, True, [], [])
    deliver(database, webhook_id, 503, 200, 200, 200, 422)
    found = database.read_now(health.outcomes, webhook_id, since=before)
    assert (found.attempts, found.complete) == (5, True)
    assert [(one.error_class, one.count, one.message) for one in found.causes] == [("http", 2, "422 from the receiver")]
    assert next(iter(found.codes)) == (200, 3)
    assert set(found.codes) == {(200, 3), (503, 1), (422, 1)}
    newest = database.read_now(health.outcomes, webhook_id, since=before, limit=4)
    assert (newest.attempts, newest.complete) == (4, False)
    assert (503, 1) not in newest.codes
    deliveries = table(Delivery)
    tests = deliveries.update().where(deliveries.c.answer == "sent").values(test=True)
    database.write_now(lambda session: session.execute(tests))
    assert database.read_now(health.outcomes, webhook_id, since=before).attempts == 2
    later = NOW + timedelta(days=4000)
    assert database.read_now(health.outcomes, webhook_id, since=later).attempts == 0


def test_a_retry_is_no_first_attempt(database: Database) -> None:
    webhook_id, worker = add_webhook(database), Worker(database)
    emit(database, now=at(0))
    worker.deliver(503, at(0), schedule=(1.0,))
    worker.deliver(200, at(10))
    emit(database, now=at(11))
    worker.deliver(200, at(11))
    found = database.read_now(health.outcomes, webhook_id, since=NOW - timedelta(days=400))
    assert (found.attempts, found.firsts, found.firsts_sent) == (3, 2, 1)


def page_of(database: Database, webhook_id: int, **more: Any) -> changes.ChangePage:
    return database.read_now(changes.list_changes, "webhook", webhook_id, **more)


def test_changes_come_newest_first_and_in_pages(database: Database) -> None:
    webhook_id, other = add_webhook(database), add_webhook(database)
    for number in range(4):
        change(database, webhook_id, title=f"Title {number}", now=at(number))
    change(database, other, title="Other")
    first = page_of(database, webhook_id, limit=3)
    assert [row.after["title"] for row in first.rows if row.after] == ["Title 3", "Title 2", "Title 1"]
    second = page_of(database, webhook_id, limit=3, cursor=first.next_cursor)
    assert [row.action for row in second.rows] == ["webhook.changed", "webhook.created"]
    assert second.next_cursor is None
    assert database.read_now(changes.latest_change, "webhook", webhook_id) == first.rows[0]
    assert database.read_now(changes.find_change, "webhook", other, first.rows[0].id) is None
    with pytest.raises(Invalid):
        page_of(database, webhook_id, cursor="nonsense")


def newest(database: Database, webhook_id: int) -> Change:
    found: Change | None = database.read_now(changes.latest_change, "webhook", webhook_id)
    assert found is not None
    return found


def undo(database: Database, webhook_id: int, change_id: int, actor: Any = OPERATOR) -> Webhook:
    done: Webhook = database.write_now(undoing.undo, webhook_id, change_id, rules=RULES, actor=actor, now=at(100))
    return done


def test_a_change_is_undone_with_all_it_touched_and_nothing_else(database: Database) -> None:
    webhook_id = add_webhook(database, title="Before", triggers=["user.created"], retry_schedule=[60, 3600])
    change(database, webhook_id, title="After", triggers=["order.paid"], retry_schedule=None, timeout=7)
    wanted = newest(database, webhook_id)
    change(database, webhook_id, description="Of somebody else")
    undone = undo(database, webhook_id, wanted.id)
    assert (undone.title, undone.triggers, undone.retry_schedule) == ("Before", ["user.created"], [60, 3600])
    assert (undone.timeout, undone.description) == (None, "Of somebody else")
    record = newest(database, webhook_id)
    assert (record.action, record.actor) == ("webhook.changed", OPERATOR.name)
    assert (record.after or {})["title"] == "Before"
    emit(database)
    assert len(Worker(database).claim(NOW).deliveries) == 1  # it listens as before
    assert undo(database, webhook_id, record.id).title == "After"


def test_what_was_changed_since_is_not_undone(database: Database) -> None:
    webhook_id = add_webhook(database, title="One", description="A")
    change(database, webhook_id, title="Two", description="B")
    wanted = newest(database, webhook_id)
    change(database, webhook_id, title="Three")
    with pytest.raises(Conflict, match="Changed since: title"):
        undo(database, webhook_id, wanted.id)
    stored: Webhook = database.read_now(webhooks.get, webhook_id)
    assert (stored.title, stored.description) == ("Three", "B")


def test_what_the_engine_switched_off_is_switched_on_again(database: Database) -> None:
    webhook_id = add_webhook(database)
    database.write_now(webhooks.disable, webhook_id, reason="410 Gone", actor=ENGINE, now=NOW)
    undone = undo(database, webhook_id, newest(database, webhook_id).id)
    assert (undone.enabled, undone.disabled_reason) == (True, None)


def test_there_are_changes_that_cannot_be_undone(database: Database) -> None:
    webhook_id, other = add_webhook(database, headers={"x-key": "s3cret"}), add_webhook(database)
    created = newest(database, webhook_id)
    change(database, webhook_id, headers={"x-other": "s3cret"})
    headers = newest(database, webhook_id)
    assert "s3cret" not in str((headers.before, headers.after))
    database.write_now(webhooks.rotate_secret, webhook_id, actor=OPERATOR, now=NOW)
    for one in (created, headers, newest(database, webhook_id)):
        assert undoing.former_values(one) == {}
        with pytest.raises(Conflict, match="nothing in this change"):
            undo(database, webhook_id, one.id)
    change(database, webhook_id, title="New")
    wanted = newest(database, webhook_id)
    with pytest.raises(NotFound):
        undo(database, other, wanted.id)
    with pytest.raises(Forbidden):
        undo(database, webhook_id, wanted.id, VIEWER)
    kept = sa.select(table(Change).c.before).where(table(Change).c.id == wanted.id)
    values = dict(database.read_now(lambda session: session.execute(kept).scalar_one()), title="")
    rewritten = table(Change).update().where(table(Change).c.id == wanted.id).values(before=values)
    database.write_now(lambda session: session.execute(rewritten))
    with pytest.raises(Invalid):
        undo(database, webhook_id, wanted.id)
    assert database.read_now(webhooks.get, webhook_id).title == "New"
