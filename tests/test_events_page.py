"""Events in a real browser: the list and its search, one event with its trace, both as they change."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlmodel import Session

from tests.browser import Enter, Receiver, Site, check_rules, check_width, picture, serve
from tests.test_webhook_page import ERROR
from webhook_ui import ids, outbox, times, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.history.trace import Group, TraceRow
from webhook_ui.history.trace_reasons import Outcome, Reason
from webhook_ui.indexed_fields import IndexedFields
from webhook_ui.models import Event, table
from webhook_ui.outbox import NewEvent
from webhook_ui.ui import trace_words
from webhook_ui.ui.event_address import EventAddress, Question, judge, read_search

pytest_plugins = ["tests.browser"]

NOW = datetime(2026, 11, 23, 13, 32, 6, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
INDEXED = IndexedFields(("customer.id",), (("order.paid", "total"),))
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}\u202eabc"
ARABIC = "مزامنة عملاء المتجر 🚀"


# --- without a browser


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("", ()),
        ("customer.id=42", (("customer.id", "42"),)),
        ("customer.id = 42", (("customer.id", "42"),)),
        ('name="Zoë Park" plan=team', (("name", "Zoë Park"), ("plan", "team"))),
        ('a=b=c d=""', (("a", "b=c"), ("d", ""))),
        ("a=1 a=1", (("a", "1"),)),
    ],
)
def test_a_search_names_fields_and_values(q: str, expected: tuple[tuple[str, str], ...]) -> None:
    assert read_search(q) == (None, expected, None)


def test_a_search_names_an_event_or_is_explained() -> None:
    text = ids.event_text(1 << 60)
    assert read_search(text) == (1 << 60, (), None)
    for q in ("evt_1", "billing", "a=1 billing", "=1", 'a="1', " ".join(f"f{number}=1" for number in range(6))):
        assert read_search(q)[2], q


def test_a_question_is_read_written_and_judged() -> None:
    whole = Question(q="a=1", trigger="x.y", tenant="acme", first="2026-11-01", last="2026-11-02", tz="UTC")
    assert Question.read(whole.text()) == whole
    assert Question.read("/events?cursor=W10&start=51").start == 51
    assert Question.read("/events?start=51&q=%00").text() == "/events"
    judged = judge(whole, BERLIN, INDEXED)
    assert (judged.criteria.since, judged.criteria.until) == (
        datetime(2026, 10, 31, 23, tzinfo=UTC),
        datetime(2026, 11, 2, 23, tzinfo=UTC),
    )
    assert judged.unknown == ("a",)
    assert judge(Question(q="total=1"), BERLIN, INDEXED).unknown == ()
    assert judge(Question(q="total=1", trigger="user.created"), BERLIN, INDEXED).unknown == ("total",)
    assert "before From" in str(judge(Question(first="2026-11-02", last="2026-11-01"), BERLIN, INDEXED).last_problem)


def test_an_events_address_is_read_and_written() -> None:
    address = EventAddress(event_id="evt_1", q="crm", group="missed", cursor="7", start=51, delivery="dlv_1_7")
    assert EventAddress.read("evt_1", address.text()) == address
    assert EventAddress.read("evt_1", "/events/evt_1?group=x&cursor=7&start=9").text() == "/events/evt_1"
    assert EventAddress.read("evt_1", "/events/evt_1?group=sent&cursor=W10").cursor == ""


SINCE = NOW - timedelta(hours=1)
REASONS = [
    (
        Reason(outcome=Outcome.disabled, since=SINCE, by="Dana", detail="Its 410"),
        "Disabled by Dana, today, 13:32: its 410",
    ),
    (
        Reason(outcome=Outcome.disabled, since=SINCE, by="Dana", born=True),
        "Disabled since it was created by Dana, today, 13:32",
    ),
    (Reason(outcome=Outcome.deleted, since=SINCE - timedelta(days=1), by="Dana"), "Deleted by Dana, yesterday, 13:32"),
    (Reason(outcome=Outcome.created_later, since=SINCE), "Created later, today, 13:32"),
    (Reason(outcome=Outcome.filtered, detail="data.country == 'SA'"), "Filtered out by"),
    (Reason(outcome=Outcome.other_tenant, tenant="acme"), "It takes only events of the tenant"),
    (
        Reason(outcome=Outcome.not_subscribed, triggers=("a.b",), listens=True),
        "Not subscribed; it listens now. It listened to",
    ),
    (Reason(outcome=Outcome.about), "The event tells of this very webhook, and none hears of itself"),
    (Reason(outcome=Outcome.unexplained), "It listened to a.b, but no delivery is on record"),
]


@pytest.mark.parametrize(("reason", "words"), REASONS)
def test_a_reason_is_said_in_words(reason: Reason, words: str) -> None:
    said = trace_words.why(TraceRow(webhook_id=1, webhook_title="CRM", reason=reason), "a.b", NOW, BERLIN)
    assert said.words.startswith(words)
    assert {Group(group): trace_words.heading(Group(group), 1, "a.b") for group in Group}[Group.pending] == (
        "1 waits for it"
    )


def test_a_failure_is_one_sentence() -> None:
    failed = replace(ERROR, last_error_message="Nothing listens there. Start the receiver.", waiting_for=None)
    row = TraceRow(webhook_id=1, webhook_title="CRM", reason=Reason(outcome=Outcome.unexplained), delivery=failed)
    assert trace_words.why(row, "a.b", NOW, BERLIN).words == "Nothing listens there, 4 attempts"


# --- in a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that indexes two fields."""
    with serve(tmp_path_factory.mktemp("site"), INDEXED_FIELDS="customer.id,order.paid:total") as made:
        yield made


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """Each browser test starts without webhooks."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site").clear()


def fire(site: Site, payload: dict[str, Any], trigger: str = "user.created", **more: Any) -> str:
    """Hands an event in as a program does; its id."""
    answer = httpx.post(
        f"{site.url}/api/v1/events",
        json={"trigger": trigger, "payload": {"id": 7, "name": "Zoë"} | payload, **more},
        headers={"authorization": f"Bearer {site.token}"},
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Events").locator("tbody tr")


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox", name="Search").fill(words)


SEEN = """(element, word) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.nodeValue.indexOf(word), range = document.createRange();
    if (at < 0) continue;
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + word.length);
    const { left, right, top, bottom } = range.getBoundingClientRect();
    const over = (x) => document.elementFromPoint(x, (top + bottom) / 2);
    return [left + 1, right - 1].every((x) => over(x) === walker.currentNode.parentElement);
  }
  return false;
}"""


def line(page: Page, title: str) -> Locator:
    return page.locator(".w-trace-row").filter(has_text=title)


@pytest.mark.browser
def test_events_are_found_by_id_field_trigger_and_tenant(site: Site, receiver: Receiver, enter: Enter) -> None:
    site.add("Billing", url=receiver.url + "/a", triggers=["user.*"])
    first = fire(site, {"customer": {"id": 42}, "note": HOSTILE})
    receiver.wait_for("/a")
    page = enter("/events").page
    row = rows(page).filter(has_text=first)
    expect(row).to_contain_text("user.created")
    expect(row).to_contain_text('"name":"Zoë","customer":{"id":42},"note":"<script>')
    for width in (1440, 1024, 400):  # the colour, the icon, and the word
        page.set_viewport_size({"width": width, "height": 900})
        expect(row.locator(".w-tally .w-sent-ink .w-icon")).to_be_visible()
        assert row.locator(".w-tally .w-sent-ink").evaluate(SEEN, "sent")
        check_width(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    second = fire(site, {"total": 12}, "order.paid", tenant="acme")
    expect(rows(page).first).to_contain_text(second)  # without a reload
    expect(rows(page).first).to_contain_text("nobody listened")
    check_rules(page)

    search(page, "customer.id=42")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text(first)
    assert parse_qs(urlsplit(page.url).query) == {"q": ["customer.id=42"]}
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("customer.id=42")
    search(page, second)
    expect(rows(page)).to_contain_text(second)
    expect(rows(page)).to_have_count(1)
    page.go_back()
    expect(rows(page)).to_contain_text(first)

    search(page, "plan=team")
    note = page.get_by_role("status").filter(has_text="plan is not indexed")
    expect(note).to_contain_text("WEBHOOK_UI_INDEXED_FIELDS=customer.id,order.paid:total,plan")
    expect(note).to_contain_text("Only events that are stored from then on")
    expect(rows(page)).to_have_count(0)
    check_rules(page)
    search(page, "billing")
    expect(page.get_by_text("This search cannot be understood")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("")
    page.get_by_role("textbox", name="Tenant").fill("acme")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text(second)
    page.get_by_role("textbox", name="From").fill("2026-11-02")
    page.get_by_role("textbox", name="To", exact=True).fill("2026-11-01")
    expect(page.get_by_text("To lies before From")).to_be_visible()
    narrow = enter("/events?tenant=nobody", width=400, scheme="dark").page
    expect(narrow.get_by_text("No events match")).to_be_visible()
    narrow.get_by_role("button", name="Clear filters").click()
    expect(rows(narrow).first).to_contain_text("order.paid")
    check_width(narrow)
    check_rules(narrow)
    picture(narrow, "events-400-dark")
    rows(narrow).first.click()
    narrow.wait_for_url(f"{site.url}/events/{second}")


def store_events(session: Session, count: int, tenant: str) -> None:
    """Many at once, as a batch does."""
    for _ in range(count):
        event = NewEvent(trigger="order.refunded", payload="{}", tenant=tenant, actor=CLI)
        outbox.emit(session, event, now=datetime.now(UTC))


@pytest.mark.browser
def test_a_list_goes_on_by_pages_and_news_push_nothing(site: Site, enter: Enter) -> None:
    tenant = uuid.uuid4().hex  # a second try counts events of its own
    site.database.write_now(store_events, 60, tenant)
    page = enter(f"/events?trigger=order.refunded&tenant={tenant}").page
    expect(rows(page)).to_have_count(50)
    page.get_by_role("button", name="Next page").click()
    expect(rows(page)).to_have_count(10)
    expect(page.get_by_text("51–60 of 60")).to_be_visible()
    page.reload()
    expect(page.get_by_text("51–60 of 60")).to_be_visible()
    fire(site, {"id": 1}, "order.refunded", tenant=tenant)
    page.get_by_role("button", name="1 new event").click()
    expect(rows(page)).to_have_count(50)
    assert "cursor" not in page.url


@pytest.mark.browser
def test_an_event_says_who_got_it_who_did_not_and_why(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.statuses = {"/bad": 503}
    late = {"retry_schedule": [3600] * 9}
    site.add("CRM contact sync", url=receiver.url + "/a")
    broken = site.add(ARABIC, url=receiver.url + "/bad", **late)
    held = site.add("Fraud scoring", url=receiver.url + "/p")
    site.change(int(held.id or 0), paused=True)
    site.add("Never begun", enabled=False)
    partner = site.add("Old partner")
    site.change(int(partner.id or 0), enabled=False)
    site.add("Billing ledger", triggers=["order.paid"])
    gone = site.add("Gone")
    site.database.write_now(webhooks.delete, int(gone.id or 0), actor=CLI, now=times.utcnow())
    key = f"signup-{uuid.uuid4()}"  # a second try is another event
    event_id = fire(site, {"id": 9, "note": HOSTILE}, idempotency_key=key)
    receiver.wait_for("/bad")
    site.add("Staging mirror")
    page = enter(f"/events/{event_id}").page
    expect(page.get_by_role("heading", name="User creation")).to_be_visible()
    expect(line(page, "CRM contact sync")).to_contain_text("200 in")
    expect(line(page, "CRM contact sync")).to_contain_text("first attempt")
    expect(line(page, ARABIC)).to_contain_text("503 Service Unavailable, 1 attempt")
    expect(line(page, ARABIC)).to_contain_text("Next in")
    expect(line(page, "Fraud scoring")).to_contain_text("Held: paused by command line")
    expect(line(page, "Old partner")).to_contain_text("Disabled by command line")
    expect(line(page, "Never begun")).to_contain_text("Disabled since it was created by command line")
    expect(line(page, "Gone")).to_contain_text("Deleted by command line")
    expect(line(page, "Staging mirror")).to_contain_text("Created later")
    expect(line(page, "Billing ledger")).to_contain_text("Not subscribed. It listened to")
    expect(line(page, "Billing ledger")).to_contain_text("order.paid")
    for words in ("1 webhook got it", "1 has not got it", "1 waits for it", "1 did not listen to user.created"):
        expect(page.get_by_role("heading", name=words)).to_be_visible()
    # those of other tests were deleted, which is said of them too
    expect(page.get_by_role("heading", name=re.compile(r"^\d+ did not get it$"))).to_be_visible()
    facts = page.get_by_role("complementary", name="Event")
    expect(facts).to_contain_text(key)
    expect(facts).to_contain_text("tests")
    payload = page.get_by_role("region", name="Payload")
    expect(payload).to_contain_text('"id": 9,')
    page.get_by_role("button", name="Raw payload").click()
    expect(payload).to_contain_text('"id":9,')
    expect(payload).to_contain_text("<script>alert(1)</script>")
    check_rules(page)

    receiver.statuses = {}
    line(page, ARABIC).get_by_role("button", name="Redeliver").click()
    expect(line(page, ARABIC)).to_contain_text("200 in")
    expect(page.get_by_role("heading", name="2 webhooks got it")).to_be_visible()
    line(page, ARABIC).get_by_role("link", name="Open delivery").click()
    panel = page.get_by_role("dialog", name="Delivery")
    expect(panel.get_by_text("Sent", exact=True).first).to_be_visible()
    assert f"delivery={ids.delivery_text(int(broken.id or 0), ids.event_number(event_id))}" in page.url
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    line(page, "Fraud scoring").get_by_role("button", name="Resume").click()
    page.get_by_role("dialog", name="Resume").get_by_role("button", name="Resume").click()
    expect(line(page, "Fraud scoring")).to_contain_text("200 in")

    page.get_by_role("searchbox", name="Find a webhook").fill("ledger")
    expect(page.locator(".w-trace-row")).to_have_count(1)
    assert urlsplit(page.url).query == "q=ledger"
    page.get_by_role("button", name="Fire again").click()
    dialog = page.get_by_role("dialog", name="Fire “User creation”")
    dialog.get_by_role("button", name="JSON", exact=True).click()
    expect(dialog.get_by_role("textbox", name="Payload")).to_have_value(re.compile("9"))


@pytest.mark.browser
def test_a_long_trace_goes_on_by_groups(site: Site, enter: Enter) -> None:
    def add(session: Session) -> None:
        for number in range(60):
            values = {"title": f"Off {number:02}", "url": "http://127.0.0.1:9/x", "triggers": ["user.created"]}
            webhooks.add(session, values | {"enabled": False}, rules=site.rules, actor=CLI, now=times.utcnow())

    site.database.write_now(add)
    event_id = fire(site, {})
    page = enter(f"/events/{event_id}?q=off+", role=Role.viewer, width=400, scheme="dark").page
    expect(page.locator(".w-trace-row")).to_have_count(20)
    expect(page.get_by_role("button", name="Fire again")).to_have_count(0)
    check_width(page)
    check_rules(page)
    picture(page, "event-400-dark")
    page.get_by_role("link", name="All 60").click()
    expect(page.locator(".w-trace-row")).to_have_count(50)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".w-trace-row")).to_have_count(10)
    expect(page.get_by_text("51–60 of 60")).to_be_visible()
    page.get_by_role("link", name="All groups").click()
    expect(page.locator(".w-trace-row")).to_have_count(20)


@pytest.mark.browser
def test_a_large_payload_is_shown_in_part_and_downloaded_whole(site: Site, enter: Enter) -> None:
    large = '{"a":"' + "é" * 100_000 + '"}'
    event_id = 1 << 60
    values = {"id": event_id, "trigger": "user.created", "payload": large, "actor": "x", "test": False}
    insert = table(Event).insert().values(**values, occurred_at=NOW, created_at=NOW)
    site.database.write_now(lambda session: session.execute(insert))
    visitor = enter(f"/events/{ids.event_text(event_id)}")
    page = visitor.page
    expect(page.get_by_text("the beginning of 195.3 KiB")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().read_text() == large
    answer = page.goto(f"{site.url}/events/evt_1")
    assert answer is not None
    assert answer.status == 404
    visitor.complaints.clear()  # the browser says so too
    expect(page.get_by_role("heading", name="No such event")).to_be_visible()
    page.get_by_role("link", name="Back to the events").click()
    page.wait_for_url(f"{site.url}/events")
