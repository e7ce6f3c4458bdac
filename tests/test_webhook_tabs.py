"""The tabs Health, Settings, Secret and History of a webhook's page, and what they are drawn and written from."""

import random
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlmodel import Session

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture
from tests.stored import set_lane
from webhook_ui import times, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.models import Change, Statistics, Webhook, table
from webhook_ui.outbox.statistics import BUCKETS
from webhook_ui.ui import change_words, plots, schedule_view
from webhook_ui.ui.webhook_page_address import Address

pytest_plugins = ["tests.browser"]

NOW = datetime(2026, 11, 23, 13, 32, 6, tzinfo=UTC)
HOSTILE = "<b>{{ 7*7 }}</b> مزامنة 🚀"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (1, 1), (7, 8), (10, 10), (11, 12), (96, 100), (101, 120), (0.3, 0.3), (15000, 16000)],
)
def test_an_axis_ends_at_a_round_number(value: float, expected: float) -> None:
    assert plots.ceiling(value) == pytest.approx(expected)


def test_labels_at_the_ends_of_lines_do_not_lie_on_one_another() -> None:
    apart = [(10.0, "p99"), (60.0, "p95"), (150.0, "p50")]
    assert plots.spread(apart) == apart
    for together in ([(152.0, "p50"), (152.0, "p95"), (152.0, "p99")], [(0.0, "p50"), (1.0, "p95"), (3.0, "p99")]):
        heights = [y for y, _ in plots.spread(together)]
        assert all(below - above >= plots.APART for above, below in pairwise(heights))


def test_what_stands_alone_on_a_line_is_a_dot() -> None:
    assert plots.line_and_dots([None, 1.0, None, 2.0, 3.0, None, 4.0], 10) == (
        "M35.0 2.0L45.0 3.0",
        "M15.0 1.0h.01M65.0 4.0h.01",
    )


def test_each_field_of_a_webhook_has_a_name_in_its_history() -> None:
    kept_apart = {"id", "uid", "version", "created_at", "updated_at", "deleted_at"}
    never_kept = {"secret", "old_secret", "old_secret_until"}
    assert set(Webhook.model_fields) - kept_apart - never_kept <= set(change_words.FIELDS)


def test_a_schedule_is_said_in_words() -> None:
    assert schedule_view.in_words([]) == "One attempt, then given up"
    assert schedule_view.in_words([60, 3600]) == "3 attempts within 1 h 1 min, then given up"


def change(action: str = "webhook.changed", *, before: Any, after: Any, **more: Any) -> Change:
    values = {"actor_kind": "person", "actor": "dana@acme.example", "origin": "", "subject": "webhook", **more}
    return Change(id=1, at=NOW, action=action, subject_id="1", before=before, after=after, **values)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (change("webhook.created", before=None, after={"title": "A"}), "added the webhook"),
        (change(before={"paused": False}, after={"paused": True}), "paused the webhook"),
        (
            change(before={"enabled": False, "disabled_reason": "x"}, after={"enabled": True, "disabled_reason": None}),
            "enabled the webhook",
        ),
        (change(before={"title": "A", "url": "a"}, after={"title": "B", "url": "b"}), "changed Title and URL"),
        (change(before={"headers": ["a"]}, after={"headers": ["a"]}), "changed values of headers"),
    ],
)
def test_what_was_done_is_said_in_words(given: Change, words: str) -> None:
    assert change_words.deed(given) == words


def test_values_before_and_after_are_said_in_words() -> None:
    before = {"title": "A", "timeout": None, "retry_schedule": None, "triggers": ["a.b"], "rate_limit": 5.0}
    after = {"title": "B", "timeout": 7.0, "retry_schedule": [60, 3600], "triggers": ["a.b", "c.*"], "rate_limit": None}
    found = {one.name: (one.before, one.after) for one in change_words.differences(change(before=before, after=after))}
    assert found == {
        "Title": ("A", "B"),
        "Triggers": ("a.b", "a.b, c.*"),
        "Rate limit": ("5 a second", "none"),
        "Timeout": ("as the server has it", "7 s"),
        "Retry schedule": ("as the server has it", "1 min, 1 h"),
    }
    engine = change("webhook.disabled", before={}, after={}, actor_kind="system", actor="webhook-ui")
    assert (change_words.who(engine), change_words.deed(engine)) == ("Webhook UI", "disabled the webhook")


def test_the_window_of_time_stands_in_the_address() -> None:
    address = Address(webhook_id=7, tab="health", period="30d")
    assert Address.read(7, address.text()) == address
    assert Address.read(7, "/webhooks/7?tab=health&period=nonsense").text() == "/webhooks/7?tab=health"


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """Each browser test starts without webhooks."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site").clear()


def count_attempts(site: Site, webhook_id: int) -> None:
    """Statistics of a day and a half in which the last five hours failed."""
    now, chance = times.utcnow().replace(second=0, microsecond=0), random.Random(3)

    def store(session: Session) -> None:
        for minutes in range(10, 36 * 60, 10):
            bad, latency = minutes < 300, [0] * (len(BUCKETS) + 1)
            for _ in range(10):
                latency[chance.randint(14, 18) if bad else chance.randint(7, 12)] += 1
            values = {"sent": 0 if bad else 10, "error": 10 if bad else 0, "latency": latency}
            minute = now - timedelta(minutes=minutes)
            row = {"webhook_id": webhook_id, "minute": minute, "dispatcher": "x", **values}
            session.execute(table(Statistics).insert().values(**row))

    site.database.write_now(store)


def chart(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True).first


@pytest.mark.browser
def test_health_shows_what_fails_and_follows_it(site: Site, receiver: Receiver, enter: Enter) -> None:
    path = "/health"
    webhook_id = int(site.add("Billing ledger", url=receiver.url + path, retry_schedule=[3600]).id or 0)
    count_attempts(site, webhook_id)
    receiver.status = 503
    site.emit()
    receiver.wait_for(path)
    page = enter(f"/webhooks/{webhook_id}?tab=health").page
    causes, codes = chart(page, "Error causes"), chart(page, "Response codes")
    expect(codes).to_contain_text("503 Service Unavailable")
    expect(causes).to_contain_text("Answered with an error")
    over_time = page.get_by_role("group", name=re.compile(r"sent, \d+ errors, from"))
    expect(over_time).to_be_visible()
    expect(chart(page, "Receiver")).to_contain_text("Closed: deliveries are sent as they fall due")
    receiver.status = 200
    site.emit()
    expect(codes).to_contain_text("200 OK")
    for label in ("p50", "p95", "p99"):
        expect(chart(page, "Latency").get_by_text(label, exact=True)).to_be_visible()
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"health-{scheme}")
    for title, column in (("Sent and errors", "Sent"), ("Latency", "p95"), ("Error causes", "Class")):
        page.get_by_role("button", name=f"Table: {title}").click()
        shown = page.get_by_role("table", name=title)
        expect(shown.get_by_role("columnheader", name=column, exact=True)).to_be_visible()
    expect(page.get_by_role("table", name="Error causes").get_by_role("row").nth(1)).to_contain_text("http")
    for _ in both_schemes(page):
        check_rules(page)
    now = times.utcnow()
    down = {"breaker": "open", "reason": HOSTILE, "opened_at": now, "probe_at": now + timedelta(minutes=9, seconds=50)}
    set_lane(site.database, webhook_id, **down, probes=3, failing_since=now, disable_at=now + timedelta(days=4))
    site.change(webhook_id, description="so that the page looks again")
    page.get_by_role("button", name="Table: Error causes").click()
    ways = over_time.get_by_role("link")
    for place, expected in ((causes, "error_class=http&"), (codes, "response_status=503&")):
        place.get_by_role("link", name=re.compile("503|error")).press("Enter")
        page.wait_for_url(re.compile(rf"/webhooks/{webhook_id}\?{expected}attempted_from="))
        expect(page.get_by_role("table", name="Deliveries").locator("tbody tr")).to_have_count(1)
        page.go_back()
    ways.first.focus()
    page.keyboard.press("ArrowRight")
    expect(ways.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/webhooks/{webhook_id}\?status=error&attempted_from=.*&attempted_to="))
    page.go_back()
    for title in ("Sent and errors", "Latency", "Error causes"):
        page.get_by_role("button", name=f"Table: {title}").click()
    lane = chart(page, "Receiver")
    expect(lane).to_contain_text(HOSTILE)
    expect(lane).to_contain_text("in 9 min")
    expect(lane).to_contain_text("3 probes failed so far")
    expect(lane).to_contain_text("unless something arrives before")
    way = codes.get_by_role("link", name=re.compile("503"))
    of_a_day = str(way.get_attribute("href"))
    page.get_by_role("button", name="7 days").click()
    page.wait_for_url("**?tab=health&period=7d")
    expect(way).not_to_have_attribute("href", of_a_day)  # the same attempts, in another window
    expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")
    shown = page.get_by_role("table", name="Sent and errors").get_by_role("row")
    expect(shown.nth(12)).to_have_count(0)  # 36 hours in spans of 4
    page.go_back()
    expect(page.get_by_role("button", name="24 h")).to_have_attribute("aria-pressed", "true")
    expect(shown.nth(12)).to_have_count(1)
    for width in (1024, 400):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        picture(page, f"health-{width}-{scheme}")
    expect(lane.locator("dt:text-is('Last success') + dd")).to_contain_text("before")
    site.database.write_now(lambda session: session.execute(table(Statistics).delete()))
    site.change(webhook_id, description="as if nothing had ever arrived")
    expect(lane.locator("dt:text-is('Last success') + dd")).to_have_text("None so far", timeout=15_000)


@pytest.mark.browser
def test_settings_say_what_is_in_force_and_where_it_comes_from(site: Site, enter: Enter) -> None:
    webhook_id = int(site.add(timeout=7, triggers=["user.*"], headers={"x-key": "s3cret"}).id or 0)
    page = enter(f"/webhooks/{webhook_id}?tab=settings").page
    force, attempts = chart(page, "In force"), chart(page, "Attempts")
    expect(force.locator("dt:text-is('Timeout') + dd")).to_have_text("7 sset here")
    expect(force.locator("dt:text-is('Rate limit') + dd")).to_have_text("Nonedefault")
    expect(force.locator("dt:text-is('Triggers') + dd")).to_contain_text("1 trigger, and those to come")
    expect(attempts.get_by_role("img")).to_have_attribute("aria-label", "10 attempts within 3 d 3 h, then given up")
    assert "s3cret" not in page.content()
    page.get_by_role("button", name="Edit settings").click()
    form = page.get_by_role("dialog", name="Edit webhook")
    preview = form.locator(".w-preview").get_by_role("img")
    expect(preview).to_have_attribute("aria-label", "10 attempts within 3 d 3 h, then given up")
    form.get_by_label("Retry schedule").fill("1 min, 1 h")
    expect(preview).to_have_attribute("aria-label", "3 attempts within 1 h 1 min, then given up")
    form.get_by_label("Retry schedule").fill("never")
    expect(preview).to_have_attribute("aria-label", "One attempt, then given up")
    picture(page, "form-schedule")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(attempts).to_contain_text("One attempt, then given upset here", timeout=2500)


@pytest.mark.browser
def test_a_hidden_secret_is_copied_without_being_shown(site: Site, enter: Enter) -> None:
    webhook_id = int(site.add().id or 0)
    visitor = enter(f"/webhooks/{webhook_id}?tab=secret")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.page
    stored = site.database.read_now(webhooks.reveal_secret, webhook_id, actor=CLI)
    page.get_by_role("button", name="Copy secret").click()
    expect(page.get_by_text("The secret is copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == stored
    assert stored not in page.content()
    page.get_by_role("button", name="Rotate").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Rotate").click()
    expect(page.get_by_text("The old one signs beside the new one until")).to_be_visible(timeout=2500)
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_role("list", name="Changes").get_by_role("listitem").first).to_contain_text("rotated the secret")


@pytest.mark.browser
def test_history_tells_who_changed_what_and_takes_it_back(site: Site, enter: Enter) -> None:
    webhook_id = int(site.add(headers={"x-key": "s3cret"}).id or 0)
    site.change(webhook_id, title=HOSTILE, url="http://127.0.0.1:9/other", headers={"x-key": "other s3cret"})
    page = enter(f"/webhooks/{webhook_id}?tab=history").page
    lines = page.get_by_role("list", name="Changes").get_by_role("listitem")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("The command line changed Title and URL")
    expect(lines.first).to_contain_text("before: Billing")
    expect(lines.first).to_contain_text(f"after: {HOSTILE}")
    expect(lines.nth(1)).to_contain_text("added the webhook")
    expect(lines.nth(1).get_by_role("button")).to_have_count(0)
    assert "s3cret" not in page.content()
    site.change(webhook_id, paused=True)
    expect(lines).to_have_count(3, timeout=2500)
    expect(lines.first).to_contain_text("paused the webhook")
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"history-{scheme}")
    lines.nth(1).get_by_role("button", name="Undo").click()
    asked = page.get_by_role("alertdialog", name="Undo this change?")
    expect(asked).to_contain_text("Title and URL will be as before")
    asked.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1, name="Billing")).to_be_visible(timeout=2500)
    expect(lines).to_have_count(4)
    expect(lines.first).to_contain_text(site.account(Role.admin))
    stored = site.database.read_now(webhooks.get, webhook_id)
    assert (stored.title, stored.url, stored.paused) == ("Billing", "http://127.0.0.1:9/hooks", True)
    lines.nth(2).get_by_role("button", name="Undo").click()
    asked.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("alert")).to_contain_text("Changed since: title, url")
    for width in (1024, 400):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        for scheme in both_schemes(page):
            picture(page, f"history-{width}-{scheme}")


@pytest.mark.browser
def test_a_long_history_has_pages_and_viewers_only_read_it(site: Site, enter: Enter) -> None:
    webhook_id = int(site.add().id or 0)

    def change_often(session: Session) -> None:
        for number in range(25):
            values = {"title": f"Title {number}"}
            webhooks.change(session, webhook_id, values, rules=site.rules, actor=CLI, now=times.utcnow())

    site.database.write_now(change_often)
    page = enter(f"/webhooks/{webhook_id}?tab=history", role=Role.viewer).page
    lines = page.get_by_role("list", name="Changes").get_by_role("listitem")
    expect(lines).to_have_count(20)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    page.get_by_role("button", name="Next page").click()
    expect(lines).to_have_count(6)
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("21–26 of 26")
    page.reload()
    expect(lines).to_have_count(6)
    page.go_back()
    expect(lines).to_have_count(20)
    page.goto(f"{site.url}/webhooks/{webhook_id}?tab=history&cursor=nonsense")
    expect(lines).to_have_count(20)


FRAMED = """(tab) => {
  const style = getComputedStyle(tab), ring = -parseFloat(style.outlineOffset), room = tab.getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(tab.querySelector(".q-tab__label"));
  const words = range.getBoundingClientRect();
  return [words.left - room.left - ring, room.right - words.right - ring];
}"""


@pytest.mark.browser
def test_what_shows_the_focus_on_a_tab_leaves_its_words_alone(site: Site, enter: Enter) -> None:
    page = enter(f"/webhooks/{site.add('Billing').id}").page
    page.get_by_role("tab", name="Activity").press("ArrowRight")
    tab = page.get_by_role("tab", name="Health")
    expect(tab).to_be_focused()
    assert min(tab.evaluate(FRAMED)) >= 3
    # and where there is no focus, tabs stand as the page does
    left = page.get_by_role("tab", name="Activity").locator(".q-tab__label").bounding_box()
    heading = page.get_by_role("heading", name="Billing").bounding_box()
    assert left is not None
    assert heading is not None
    assert abs(left["x"] - heading["x"]) < 1


@pytest.mark.browser
def test_back_stands_on_the_tab_that_it_opens(site: Site, enter: Enter) -> None:
    page = enter(f"/webhooks/{site.add('Alpha').id}").page
    for name in ("Health", "History"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    for name in ("Health", "Activity"):
        page.go_back()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tab", name=name)).to_be_focused()
