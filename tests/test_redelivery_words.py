"""Plans in words, and the address of the page Redeliveries: nothing here needs a browser or a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from webhook_ui import schedule
from webhook_ui.history.redeliveries import RedeliveryRow
from webhook_ui.history.redelivery_outcome import Outcome
from webhook_ui.models import Redelivery
from webhook_ui.outbox.left import MOST, Left, Waiting
from webhook_ui.ui import redelivery_words as words
from webhook_ui.ui.redeliveries_address import Address, order_address, read_moment, split_webhooks, write_scope
from webhook_ui.ui.redelivery_orders import takes_back

NOW = datetime(2026, 11, 23, 13, 32, 6, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def plan(**values: Any) -> Redelivery:
    stamps = {"created_at": NOW, "updated_at": NOW, "started_at": NOW}
    return Redelivery(**{"id": 7, "state": "running", "scope": {}, "actor": "dana", **stamps, **values})


def test_next_runs_are_told_apart_when_clocks_change() -> None:
    def runs(crontab: str, now: datetime) -> list[str]:
        moments = schedule.next_times(crontab, BERLIN.key, now, 3)
        return [words.coming(moment, now, BERLIN) for moment in moments]

    forward, back = datetime(2027, 3, 26, 12, tzinfo=UTC), datetime(2027, 10, 29, 12, tzinfo=UTC)
    assert runs("30 2 * * *", forward) == ["Sat 27 Mar, 02:30", "Sun 28 Mar, 03:30", "Mon 29 Mar, 02:30"]
    assert runs("30 2 * * sun", back) == [
        "Sun 31 Oct, 02:30 (UTC+2)", "Sun 31 Oct, 02:30 (UTC+1)", "Sun 7 Nov, 02:30",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("crontab", "expected"),
    [
        ("30 2 * * 1-5", "At 02:30, Monday to Friday"),
        ("0 9 * * mon,wed-fri", "At 09:00, Monday and Wednesday to Friday"),
        ("0 0 * * 7", "At 00:00, Sunday"),
        ("15 4 * * *", "At 04:15 every day"),
        ("0 9 1 * *", "At 09:00, on day 1 of the month"),
        ("0 * * * *", "Every hour"),
        ("5 * * * *", "Every hour at minute 5"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("* * * * *", "Every minute"),
        ("0 9 1-5 * *", ""),
        ("0 9 * 6 *", ""),
        ("0 9,17 * * *", ""),
        ("0 9 * * mon/2", ""),
        ("nonsense", ""),
    ],
)
def test_a_crontab_is_said_in_words_or_stays_a_crontab(crontab: str, expected: str) -> None:
    assert words.cron(crontab) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "Errors, any time"),
        (
            {"scope": {"trigger": "user.*", "response_status": 503}},
            "Errors of user.*, 503 Service Unavailable, any time",
        ),
        ({"within": "24h", "cron": "0 * * * *"}, "Errors, last 24 h before each run"),
        ({"within": "30m", "scope": {"error_class": "tls", "tenant": "acme"}}, "Errors, tenant acme, TLS, last 30 min"),
        ({"scope": {"from": "2026-11-22T16:00:00Z"}}, "Errors, since 22 Nov, 17:00"),
        ({"scope": {"to": "2025-11-22T16:00:00Z"}}, "Errors, until 22 Nov 2025, 17:00"),
        (
            {"scope": {"from": "2026-11-22T16:00:00Z", "to": "2026-11-22T17:30:00Z"}},
            "Errors, 22 Nov, 17:00 – 22 Nov, 18:30",
        ),
        ({"kind": "cancel"}, "Cancel all that is open, any time"),
        ({"kind": "cancel", "scope": {"status": "pending", "trigger": "a.b"}}, "Cancel pending of a.b, any time"),
    ],
)
def test_a_scope_is_said_in_words(values: dict[str, Any], expected: str) -> None:
    assert words.scope(plan(**values), NOW, BERLIN) == expected


def waiting(count: int, reason: str = "paused") -> Waiting:
    return Waiting(webhook_id=1, title="Billing", reason=reason, count=count)


def test_what_is_left_and_what_waits() -> None:
    running = plan(matched=1000, done=200, rate=2.0)
    assert words.done(running) == "200 of 1,000 redelivered"
    assert words.ending(running, Left(), NOW, BERLIN) == "about 6 min left, ends at about 14:38"
    held = Left(named=(waiting(118),))
    assert words.held(held) == "118 wait: webhook paused"
    assert words.ending(running, held, NOW, BERLIN) == "about 5 min for the others"
    assert words.ending(plan(matched=5, done=2), Left(named=(waiting(3),)), NOW, BERLIN).startswith("ends once")
    assert words.ending(plan(), Left(empty=1), NOW, BERLIN).startswith("ends once")
    assert words.ending(plan(), Left(), NOW, BERLIN) == "nearly done"
    assert words.held(Left(named=(waiting(MOST), waiting(2, "breaker")))) == "1,002 or more wait for 2 webhooks"
    assert words.waits(waiting(1)) == "1 delivery waits for {webhook}: it is paused."
    assert words.waits(waiting(MOST)).startswith("1,000 or more deliveries wait for {webhook}: ")


def test_a_run_that_has_its_own_pace_is_judged_by_it() -> None:
    now = NOW + timedelta(seconds=100)
    slow = plan(matched=1000, done=100, rate=50.0)
    assert words.left_seconds(slow, now) == 900.0
    edited = plan(matched=1000, done=100, rate=50.0, updated_at=NOW + timedelta(seconds=50))
    assert words.left_seconds(edited, now) == 18.0, "a pause or another rate says nothing of what comes"


def test_titles_and_states() -> None:
    assert words.title(RedeliveryRow(plan=plan(), held=0)) == words.ALL
    assert words.title(RedeliveryRow(plan=plan(scope={"webhook_id": 3}), held=0, titles={3: "B"})) == "B"
    assert words.title(RedeliveryRow(plan=plan(scope={"webhook_id": 3}), held=0)) == "Webhook #3"
    several = plan(scope={"webhook_ids": [3, 9]})
    shown = words.title(RedeliveryRow(plan=several, held=0, titles={3: "B"}))
    assert shown == "2 webhooks: \u2068B\u2069, \u2068Webhook #9\u2069"
    many = words.title(RedeliveryRow(plan=plan(scope={"webhook_ids": list(range(1, 41))}), held=0))
    assert many.startswith("40 webhooks: ")
    assert many.endswith("Webhook #5\u2069, …"), "the first of them, and that there are more"
    assert words.status_of(plan(state="cancelled", upper_bound=4)) == "cancelling"
    assert words.status_of(plan(state="cancelled")) == "cancelled"


def test_what_came_of_a_plan_is_said_and_is_no_success_where_it_failed() -> None:
    over = plan(state="done", done=3, matched=3)
    assert words.status_of(over, Outcome(sent=3)) == "done"
    assert words.status_of(over, Outcome(sent=2, failed=1)) == "some_failed"
    assert words.status_of(over, Outcome(failed=3)) == "all_failed"
    assert words.status_of(over, Outcome(failed=3, complete=False)) == "some_failed"
    assert words.status_of(plan(), Outcome(failed=3)) == "running"
    assert words.came_to(Outcome(failed=1200)) == "0 sent, 1,200 failed again, 0 waiting"
    assert words.came_to(Outcome(sent=8, waiting=2, complete=False)).endswith(", of the first 10")
    assert words.outcome_path(over, Outcome(failed=3)) == "/deliveries?status=error&redelivery_id=7"
    assert words.outcome_path(over, Outcome(sent=3)) == "/deliveries?redelivery_id=7"
    assert takes_back(over, Outcome(sent=2, waiting=1, unsent=1))
    assert takes_back(over, None)
    assert not takes_back(over, Outcome(sent=3))
    assert words.schedule(plan(cron="0 * * * *", timezone="UTC"), BERLIN) == "Every hour, UTC"
    assert words.coming(NOW + timedelta(days=1), NOW, BERLIN) == "Tue 24 Nov, 14:32"


def test_an_address_is_read_and_written_without_loss() -> None:
    scope = {"webhook_id": "7", "trigger": "user.*", "from": "2026-11-22", "response_status": "503"}
    address = Address(new="cancel", scope=scope)
    assert Address.read(address.text()) == address
    assert Address.read("/redeliveries?plan=7&cursor=W10&first=51") == Address(plan=7, cursor="W10", first=51)
    assert Address.read("/redeliveries?plan=x&new=nonsense&trigger=a.b&cursor=%00").text() == "/redeliveries"
    assert order_address("redeliver", webhook_id=7, trigger=None) == "/redeliveries?new=redeliver&webhook_id=7"
    several = "/redeliveries?new=redeliver&webhook_id=7&webhook_id=9&status=error"
    assert Address.read(several).scope == {"webhook_id": "7,9", "status": "error"}
    assert Address.read(several).text() == several
    assert Address.read("/redeliveries?new=cancel&webhook_id=x&webhook_id=7&webhook_id=x").scope["webhook_id"] == "x,7"
    hundred = "&".join(f"webhook_id={number}" for number in range(1, 101))
    assert len(split_webhooks(Address.read(f"/redeliveries?new=cancel&{hundred}").scope["webhook_id"])) == 100
    assert write_scope({"webhook_ids": [7, 9], "within": "1h"}) == {"webhook_id": "7,9", "within": "1h"}
    written = write_scope({"from": NOW, "webhook_id": 7, "rate": 2.0, "tenant": None})
    assert written == {"from": "2026-11-23T13:32:06Z", "webhook_id": "7", "rate": "2"}
    planned = "/redeliveries?new=redeliver&rate=0.5&cron=30+2+%2A+%2A+%2A&timezone=Europe%2FBerlin"
    assert Address.read(planned).text() == planned
    assert Address.read(planned.replace("new=redeliver&", "")).scope == {}


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-11-22", False, datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("2026-11-22", True, datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("2026-11-22T17:00", True, datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ("2026-11-22T17:00:00Z", False, datetime(2026, 11, 22, 17, tzinfo=UTC)),
        ("yesterday", False, None),
        ("9999-12-31", True, None),
    ],
)
def test_moments_in_an_address(text: str, end: bool, expected: datetime | None) -> None:
    assert read_moment(text, BERLIN, end=end) == expected
