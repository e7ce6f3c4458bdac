"""The dashboard's first page in a real browser: the list of webhooks, its filters, its form, and what appears live."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import EMAILS, ZONE, Enter, Receiver, Site, both_schemes, check_rules, check_width, picture, serve
from webhook_ui.actors import Role
from webhook_ui.history.webhooks import WebhookFilter, count_webhooks
from webhook_ui.models import Statistics
from webhook_ui.times import utcnow
from webhook_ui.ui.list_address import Question, filters_in_words, judge, read_address, write_address
from webhook_ui.ui.webhook_more import read_schedule, read_timeout, write_schedule

if TYPE_CHECKING:
    from sqlmodel import Session

pytest_plugins = ["tests.browser"]

BERLIN = ZoneInfo(ZONE)
LONG = "Data warehouse loader (all events, long-term retention, EU region only) " * 2
ARABIC = "مزامنة عملاء المتجر"
HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }}"


# what an address says, without a browser


def test_what_an_address_asks_for_is_written_back_the_same() -> None:
    asked = Question(view="list", sort="updated", order="asc", q="a&b=c ü", first="2026-11-01", last="2026-11-30",
                     tz=ZONE, trigger="user.created", state="disabled", page=2)  # fmt: skip
    assert read_address(write_address(asked)) == asked
    assert write_address(asked).startswith("/?view=list&sort=updated&order=asc&q=a%26b%3Dc")
    assert asked.with_changes(q="x").page == 1


@pytest.mark.parametrize(
    "address",
    [
        "/?view=tiles&sort=name&order=up&state=on&page=-3", "/?page=" + "9" * 5000, "/?page=٣", "/?" + "a=1&" * 5000,
        "/?q=%00%ed%a0%80", "/?%", "/?tz=Mars/Olympus",
    ],
)  # fmt: skip
def test_a_bad_address_is_taken_as_what_it_can_mean(address: str) -> None:
    question = read_address(address)
    assert (question.view, question.sort, question.order, question.state) == ("", "", "", "")
    assert "\x00" not in question.q
    judge(question, BERLIN)


def test_both_days_count_whole_as_they_pass_where_the_reader_is() -> None:
    criteria = judge(Question(first="2026-03-29", last="2026-03-29"), BERLIN).criteria
    # the night in which summer time begins: this day has 23 hours
    assert criteria.created_from == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert criteria.created_to == datetime(2026, 3, 29, 22, tzinfo=UTC)
    for day in ("0001-01-01", "9999-12-31"):
        judge(Question(first=day, last=day), ZoneInfo("Pacific/Kiritimati"))


def test_filters_are_put_into_words() -> None:
    judged = judge(Question(q="bill", state="enabled", first="2025-08-01", last="2026-11-23"), BERLIN)
    assert filters_in_words(judged) == "enabled, with “bill” in title or URL, created 1 Aug 2025 – 23 Nov 2026"
    assert filters_in_words(judge(Question(last="2026-11-23"), BERLIN), ZONE) == f"created until 23 Nov 2026 ({ZONE})"
    assert filters_in_words(judge(Question(), BERLIN), ZONE) == ""


def test_times_are_typed_as_people_write_them() -> None:
    assert read_schedule(" 5, 30 s,5 min, 2 h,1d ") == [5, 30, 300, 7200, 86400]
    assert (read_schedule(""), read_schedule("Never"), read_timeout(" 2.5 s"), read_timeout("")) == (
        None,
        [],
        2.5,
        None,
    )
    for waits in ([5.0, 90.0, 300.0, 7200.0, 86400.0], [], None, [0.000001]):
        assert read_schedule(write_schedule(waits)) == waits
    for wrong in ("soon", "5,,6", "-1", "1e9", "٣"):
        with pytest.raises(ValueError, match="is no length of time"):
            read_schedule(wrong)
    with pytest.raises(ValueError, match="number of seconds"):
        read_timeout("long")


# with a browser

browser_test = pytest.mark.browser


@pytest.fixture
def empty(site: Site) -> Site:
    """No webhooks but those of this test."""
    site.clear()
    return site


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("article").filter(has=page.get_by_role("link", name=title, exact=True))


def titles(page: Page) -> Locator:
    return page.get_by_role("region", name="Webhooks").get_by_role("link")


def form(page: Page, name: str = "Add webhook") -> Locator:
    return page.get_by_role("dialog", name=name)


def messages(page: Page) -> Locator:
    return page.get_by_role("region", name="Messages")


def fill_form(page: Page, title: str, url: str, trigger: str = "User creation") -> Locator:
    page.get_by_role("button", name="Add webhook").first.click()
    dialog = form(page)
    dialog.get_by_role("textbox", name="Title", exact=True).fill(title)
    dialog.get_by_role("textbox", name="URL", exact=True).fill(url)
    dialog.get_by_role("combobox", name="Triggers").click()
    page.get_by_role("option", name=trigger).click()
    return dialog  # with the list open: it covers nothing that is pressed next


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(page.get_by_role("listbox")).to_have_count(0)


@browser_test
def test_the_first_minute(empty: Site, enter: Enter, receiver: Receiver) -> None:
    visitor = enter(None, role=None, motion=True)
    empty.sign_in(visitor.page)
    page = visitor.page
    expect(page.get_by_role("heading", name="Tell another system when something happens")).to_be_visible()
    expect(page.get_by_text("webhook-ui listen --port 9000")).to_be_visible()
    loaded = page.get_by_text("9 plugins loaded: orders.py with order.paid, order.refunded; user_creation.py with")
    expect(loaded).to_contain_text("user.created; 7 without a trigger.")
    dialog = fill_form(page, "Sign-ups 🚀", f"{receiver.url}/hooks")
    dialog.get_by_role("button", name="Save").dblclick()
    expect(messages(page)).to_contain_text("“Sign-ups 🚀” is added.")
    expect(dialog).to_be_hidden()
    new = card(page, "Sign-ups 🚀")
    expect(new).to_contain_text("Enabled")
    expect(new).to_contain_text("No deliveries yet")
    expect(new).to_contain_text(re.compile(r"Created today, \d\d:\d\d"))
    assert empty.database.read_now(count_webhooks, WebhookFilter()) == 1
    new.get_by_role("button", name="Send test to Sign-ups 🚀").click()
    expect(messages(page)).to_contain_text("Test sent: 200 OK in ")
    expect(messages(page).get_by_role("link", name="Show test")).to_be_visible()
    empty.emit()
    receiver.wait_for("/hooks", 2)
    expect(new).to_contain_text(re.compile(r"Sent200 in \d+ ms"))
    expect(new.get_by_role("img", name="Last 24 hours: 1 sent")).to_be_visible()
    expect(new.get_by_role("button", name="Send test")).to_have_count(0)
    new.click(position={"x": 60, "y": 100})
    page.wait_for_url("**/webhooks/*")


@browser_test
def test_a_failure_says_why_and_when_it_is_tried_again(empty: Site, enter: Enter, receiver: Receiver) -> None:
    receiver.statuses |= {"/busy": 429, "/gone": 410}
    receiver.headers = {"retry-after": "120"}
    for title in ("busy", "gone"):
        empty.add(title, url=f"{receiver.url}/{title}")
    empty.add("refused", url="http://127.0.0.1:1/")
    page = enter("/").page
    empty.emit()
    busy = card(page, "busy")
    expect(busy).to_contain_text("429 Too Many Requests, asked to wait 120 s")
    expect(busy).to_contain_text(re.compile(r"retry in (2 min|1 min)"))
    expect(card(page, "gone")).to_contain_text("Disabled")
    expect(card(page, "refused").get_by_text("Error", exact=True)).to_be_visible()
    overview = page.get_by_role("region", name="Overview")
    expect(overview).to_contain_text("Failing webhooks2")
    page.get_by_role("button", name="List view").click()
    row = page.get_by_role("row").filter(has_text="busy")
    expect(row).to_contain_text(re.compile(r"Error.*429 Too Many Requests, asked to wait 120 s.*retry in"))
    expect(row.get_by_text("0.0 %")).to_be_visible()


@browser_test
def test_every_mistake_is_explained_at_its_field_and_nothing_is_stored(empty: Site, page: Page) -> None:
    page.get_by_role("button", name="Add webhook").first.click()
    dialog = form(page)
    title = dialog.get_by_role("textbox", name="Title", exact=True)
    url = dialog.get_by_role("textbox", name="URL", exact=True)
    expect(title).to_be_focused()
    url.fill("javascript:alert(1)")
    dialog.get_by_role("button", name="More").click()
    dialog.get_by_role("button", name="Add header").click()
    dialog.get_by_role("textbox", name="Header 1 name").fill("Content-Length")
    dialog.get_by_role("textbox", name="Timeout").fill("999")
    dialog.get_by_role("textbox", name="Retry schedule").fill("sometimes")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_have_text(
        re.compile("Nothing was saved yet. Title, URL, Triggers, Headers, Timeout and Retry schedule need a change.")
    )
    expect(title).to_be_focused()
    expect(title).to_have_accessible_description("Give it a title, so that you find it again in the list.")
    expect(url).to_have_accessible_description("The URL must start with http:// or https://.")
    triggers = dialog.get_by_role("combobox", name="Triggers")
    expect(triggers).to_have_accessible_description(
        "Choose at least one trigger; without one nothing would ever be sent."
    )
    header = dialog.get_by_role("textbox", name="Header 1 name")
    expect(header).to_have_accessible_description(
        "The header Content-Length is set by the delivery itself and cannot be changed."
    )
    expect(dialog.get_by_role("textbox", name="Timeout")).to_have_attribute("aria-invalid", "true")
    # told as soon as the field is left, with the very setting that opens it
    url.fill("http://192.168.1.7/hooks")
    title.fill("Kept")
    expect(url).to_have_accessible_description(re.compile("add 192.168.0.0/16 to WEBHOOK_UI_ALLOWED_NETWORKS"))
    expect(title).to_have_value("Kept")
    url.fill("http://localhost:9/")
    title.focus()
    expect(url).to_have_accessible_description(re.compile("^localhost resolves to "))
    assert empty.database.read_now(count_webhooks, WebhookFilter()) == 0
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()


@browser_test
def test_a_new_header_has_the_keyboard_at_once(page: Page) -> None:
    """Whoever types on quickly is not called back from the value to the name."""
    page.get_by_role("button", name="Add webhook").first.click()
    form(page).get_by_role("button", name="More").click()
    page.evaluate(
        """() => new MutationObserver(() => {
          const name = document.querySelector('[aria-label="Header 1 name"]');
          if (name) window.hadFocus ??= name === document.activeElement;
        }).observe(document.body, { childList: true, subtree: true })"""
    )
    form(page).get_by_role("button", name="Add header").click()
    expect(form(page).get_by_role("textbox", name="Header 1 name")).to_be_focused()
    assert page.evaluate("hadFocus")


@browser_test
def test_everything_that_is_entered_is_stored(empty: Site, page: Page) -> None:
    dialog = fill_form(page, ARABIC, "http://127.0.0.1:9/" + "a/" * 150, "All of order, new ones too")
    enabled = dialog.get_by_role("switch", name="Enabled", exact=True)
    expect(enabled).to_have_accessible_description("New events are sent as soon as you save")
    enabled.click()
    dialog.get_by_role("button", name="More").click()
    dialog.get_by_role("textbox", name="Description").fill("Two\nlines")
    dialog.get_by_role("button", name="Add header").click()
    dialog.get_by_role("textbox", name="Header 1 name").fill("Authorization")
    dialog.get_by_role("textbox", name="Header 1 value").fill("Bearer abc")
    dialog.get_by_role("textbox", name="Tenant").fill("acme")
    dialog.get_by_role("switch", name="Ordered").click()
    dialog.get_by_role("textbox", name="Timeout").fill("2.5")
    dialog.get_by_role("textbox", name="Retry schedule").fill("5 s, 5 min")
    dialog.get_by_role("button", name="Save").click()
    expect(card(page, ARABIC)).to_contain_text("Disabled")
    stored = next(iter(empty.webhooks()))
    assert (stored.title, stored.triggers, stored.enabled, stored.description) == (
        ARABIC,
        ["order.*"],
        False,
        "Two\nlines",
    )
    assert (stored.headers, stored.tenant, stored.ordered) == ({"Authorization": "Bearer abc"}, "acme", True)
    assert (stored.timeout, stored.retry_schedule) == (2.5, [5, 300])
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Edit").click()
    dialog = form(page, "Edit webhook")
    expect(dialog.get_by_role("textbox", name="Retry schedule")).to_have_value("5 s, 5 min")
    dialog.get_by_role("textbox", name="Timeout").fill("")
    dialog.get_by_role("button", name="Remove header 1").click()
    dialog.get_by_role("button", name="Save").click()
    expect(messages(page)).to_contain_text("is saved")
    stored = next(iter(empty.webhooks()))
    assert (stored.headers, stored.timeout, stored.version) == ({}, None, 2)


@browser_test
def test_who_edits_what_another_has_changed_is_told_and_keeps_the_text(empty: Site, page: Page) -> None:
    webhook = empty.add("Before")
    page.get_by_role("button", name="More: Before").click()
    page.get_by_role("menuitem", name="Edit").click()
    dialog = form(page, "Edit webhook")
    dialog.get_by_role("textbox", name="Title", exact=True).fill("Mine")
    empty.change(int(webhook.id or 0), title="Theirs")
    expect(titles(page)).to_have_text("Theirs")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        re.compile("The command line changed title .*, while you were editing")
    )
    expect(dialog.get_by_role("textbox", name="Title", exact=True)).to_have_value("Mine")
    dialog.get_by_role("button", name="Save").click()
    expect(titles(page)).to_have_text("Mine")


@browser_test
def test_enable_disable_and_delete_have_a_way_back(empty: Site, page: Page) -> None:
    empty.add("Kept")
    empty.add("Switched")
    switched = card(page, "Switched")

    def do(action: str) -> None:
        switched.get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name=action).click()

    do("Disable")
    expect(switched.get_by_text("Disabled", exact=True)).to_be_visible()
    messages(page).get_by_role("button", name="Undo").click()
    expect(switched.get_by_text("Enabled", exact=True)).to_be_visible()
    do("Delete")
    expect(switched).to_be_hidden()
    expect(page.get_by_text("1 webhook", exact=True)).to_be_visible()
    messages(page).get_by_role("button", name="Undo").click()
    expect(switched).to_be_visible()


@browser_test
def test_the_address_holds_everything(empty: Site, page: Page, enter: Enter) -> None:
    for number, title in enumerate(("Bravo", "Alpha", "Charlie")):
        empty.add(title, now=datetime(2026, 11, 1 + number, 12, tzinfo=UTC))
    empty.change(int(empty.webhooks()[0].id or 0), enabled=False)
    expect(titles(page)).to_have_text(["Charlie", "Alpha", "Bravo"])
    page.get_by_role("button", name="Sort").click()
    page.get_by_role("menuitemradio", name="Update date").click()
    expect(titles(page)).to_have_text(["Bravo", "Charlie", "Alpha"])
    page.get_by_role("button", name="Sort").click()
    page.get_by_role("menuitemradio", name="Smart sorting").click()
    page.get_by_role("button", name="Sort").click()
    page.get_by_role("menuitemradio", name="Ascending").click()
    expect(titles(page)).to_have_text(["Bravo", "Alpha", "Charlie"])
    expect(page.get_by_text("smart sorting, by ID, lowest first")).to_be_visible()
    page.get_by_role("button", name="List view").click()
    expect(page.get_by_role("row")).to_have_count(4)
    choose(page, "State", "Enabled")
    expect(page.get_by_role("row")).to_have_count(3)
    choose(page, "Trigger", "user.created")
    page.get_by_role("searchbox", name="Search").fill("ALPHA")
    expect(page.get_by_role("row")).to_have_count(2)
    page.wait_for_url("**/?view=list&sort=id&order=asc&q=ALPHA&trigger=user.created&state=enabled")
    other = enter(page.url.removeprefix(empty.url)).page
    for window in (page, other):
        window.reload()
        expect(window.get_by_role("row")).to_have_count(2)
        expect(window.get_by_role("searchbox", name="Search")).to_have_value("ALPHA")
        expect(window.get_by_role("button", name="List view")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("")
    # a new visit without anything in the address: as this browser last had it
    page.goto(empty.url)
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_text("by ID, lowest first")).to_be_visible()


@browser_test
def test_back_leads_from_the_first_change_to_what_was_seen(empty: Site, page: Page) -> None:
    empty.add("One")
    expect(card(page, "One")).to_be_visible()
    page.get_by_role("button", name="List view").click()
    expect(page.get_by_role("table")).to_be_visible()
    page.go_back()
    expect(card(page, "One")).to_be_visible()


@browser_test
def test_days_are_picked_or_typed_and_count_whole(empty: Site, page: Page, enter: Enter) -> None:
    # 23:30 and 0:30 in Berlin
    empty.add("Late on the 4th", now=datetime(2026, 11, 4, 22, 30, tzinfo=UTC))
    empty.add("Early on the 5th", now=datetime(2026, 11, 4, 23, 30, tzinfo=UTC))
    first = page.get_by_role("textbox", name="From", exact=True)
    last = page.get_by_role("textbox", name="To", exact=True)
    last.fill("2026-11-04")
    expect(titles(page)).to_have_text(["Late on the 4th"])
    expect(last).to_be_focused()
    expect(page.get_by_text("created until 4 Nov 2026")).to_be_visible()
    first.click()
    calendar = page.get_by_role("dialog", name="Choose the first day")
    expect(calendar).to_be_visible()
    first.fill("2026-11-05")
    expect(last).to_have_accessible_description("To lies before From (2026-11-05).")
    expect(titles(page)).to_have_text(["Early on the 5th"])
    page.reload()
    expect(page.get_by_role("textbox", name="To", exact=True)).to_have_accessible_description(re.compile("lies before"))
    last.fill("")
    expect(titles(page)).to_have_text(["Early on the 5th"])
    page.wait_for_url(f"**/?*from=2026-11-05&tz={ZONE.replace('/', '%2F')}")
    # in London it was still the 4th, but the link says whose days are meant
    london = enter(page.url.removeprefix(empty.url), zone="Europe/London").page
    expect(titles(london)).to_have_text(["Early on the 5th"])
    expect(london.get_by_text(f"created since 5 Nov 2026 ({ZONE})")).to_be_visible()
    first.click()
    calendar.get_by_role("button", name="6", exact=True).click()
    expect(page.get_by_text("No webhooks match: created since 6 Nov 2026")).to_be_visible()
    expect(page.get_by_text("Without filters there are 2 webhooks.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(titles(page)).to_have_count(2)
    expect(first).to_have_value("")


@browser_test
def test_what_is_typed_is_never_lost(empty: Site, page: Page) -> None:
    empty.add("Alphabet")
    search = page.get_by_role("searchbox", name="Search")
    expect(card(page, "Alphabet")).to_be_visible()
    search.press_sequentially("alphabet soup", delay=60)
    expect(page.get_by_text("No webhooks match: with “alphabet soup” in title or URL")).to_be_visible()
    expect(search).to_have_value("alphabet soup")
    expect(search).to_be_focused()
    # a new webhook that the filters hide is said to be there
    dialog = fill_form(page, "Hidden", "http://127.0.0.1:9/")
    dialog.get_by_role("button", name="Save").click()
    expect(messages(page)).to_contain_text("“Hidden” is added. The filters hide it")


@browser_test
@pytest.mark.parametrize(
    "query",
    ["from=31.12.2026&to=x&view=9&sort=DROP&page=zzz&state=?&tz=Nowhere&trigger=no.such", "page=77777777777777777777",
     "from=0001-01-01&to=9999-12-31&q=%00'%22%25_%5C&tz=../../etc/passwd"],
)  # fmt: skip
def test_a_bad_address_does_no_harm(empty: Site, enter: Enter, query: str) -> None:
    empty.add("One")
    page = enter(f"/?{query}").page
    expect(page.get_by_role("searchbox", name="Search")).to_be_visible()
    expect(page.get_by_text(re.compile(r"500|error"))).to_have_count(0)
    if "31.12" in query:
        expect(page.get_by_role("textbox", name="From", exact=True)).to_have_accessible_description(
            re.compile("Write the date as YYYY-MM-DD")
        )
        expect(page.get_by_text("No webhooks match: that hear of no.such")).to_be_visible()


@browser_test
def test_many_webhooks_come_by_pages(empty: Site, page: Page) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    empty.add_many({f"Number {number:02}": start + timedelta(minutes=number) for number in range(1, 51)})
    expect(titles(page)).to_have_count(48)
    expect(page.get_by_text("1–48 of 50")).to_be_visible()
    page.get_by_role("button", name="Next page").click()
    expect(titles(page)).to_have_text(["Number 02", "Number 01"])
    page.wait_for_url("**&page=2")
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()


@browser_test
def test_two_browsers_see_the_same_within_a_second(empty: Site, page: Page, enter: Enter, receiver: Receiver) -> None:
    webhook = empty.add("Shared", url=f"{receiver.url}/shared")
    other = enter("/", role=Role.operator).page
    for window in (page, other):
        expect(card(window, "Shared")).to_be_visible()
    # one reads a menu, the other is about to search: both keep their place
    card(page, "Shared").get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Disable")).to_be_visible()
    card(page, "Shared").evaluate("element => element.dataset.mark = 'same'")
    search = other.get_by_role("searchbox", name="Search")
    search.focus()
    empty.emit()
    receiver.wait_for("/shared")
    for window in (page, other):
        expect(card(window, "Shared").get_by_text("Sent", exact=True)).to_be_visible()
    took = []
    for title in ("Once", "Twice", "Renamed"):
        start = time.monotonic()
        empty.change(int(webhook.id or 0), title=title)
        for window in (page, other):
            expect(card(window, title)).to_be_visible()
        took.append(time.monotonic() - start)
    assert min(took) < 1.0  # the quickest, because a busy machine must not fail the test
    expect(page.get_by_role("menuitem", name="Disable")).to_be_visible()
    expect(card(page, "Renamed")).to_have_attribute("data-mark", "same")
    expect(search).to_be_focused()
    page.get_by_role("menuitem", name="Disable").click()
    expect(card(other, "Renamed").get_by_text("Disabled", exact=True)).to_be_visible()


@browser_test
def test_a_viewer_is_offered_nothing_he_may_not_do(empty: Site, enter: Enter) -> None:
    page = enter("/", role=Role.viewer).page
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    expect(page.get_by_role("button", name="Add webhook")).to_have_count(0)
    empty.add("Seen")
    expect(card(page, "Seen")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Add webhook|More"))).to_have_count(0)


@browser_test
def test_the_main_line_by_keyboard(empty: Site, page: Page) -> None:
    expect(page.get_by_role("heading", name="Tell another system")).to_be_visible()
    page.get_by_role("button", name="Add webhook").first.press("Enter")
    expect(form(page).get_by_role("textbox", name="Title", exact=True)).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("http://127.0.0.1:9/k")
    page.keyboard.press("Tab")
    page.keyboard.type("user cre")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(form(page).locator(".w-chip")).to_have_text("user.created")
    page.keyboard.press("Escape")
    form(page).get_by_role("textbox", name="URL", exact=True).press("Enter")
    expect(card(page, "By keyboard")).to_be_visible()
    more = card(page, "By keyboard").get_by_role("button", name="More")
    more.press("Enter")
    expect(page.get_by_role("menu")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Disable")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page, "By keyboard").get_by_text("Disabled", exact=True)).to_be_visible()
    more.press("Enter")
    expect(page.get_by_role("menuitem", name="Enable")).to_be_visible()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    card(page, "By keyboard").get_by_role("link").press("Enter")
    page.wait_for_url("**/webhooks/*")


# how it looks

RULED = {(1440, "light"), (1440, "dark"), (400, "light")}  # the others differ in nothing that axe looks at


@browser_test
@pytest.mark.parametrize("width", [1440, 400, 1024])
def test_every_state_is_usable_by_everyone_and_fits(empty: Site, enter: Enter, receiver: Receiver, width: int) -> None:
    page = enter("/", width=width).page

    def look(name: str) -> None:
        check_width(page)
        for scheme in both_schemes(page):
            if (width, scheme) in RULED:
                check_rules(page)
            picture(page, f"{name}-{width}-{scheme}")

    expect(page.get_by_role("heading", name="Tell another system")).to_be_visible()
    look("webhooks-empty")
    furnish(empty, receiver)
    expect(titles(page)).to_have_count(6)
    expect(card(page, "Billing ledger")).to_contain_text("503 Service Unavailable")
    assert page.locator("img[src='x']").count() == 0
    look("webhooks-cards")
    page.get_by_role("button", name="List view").click()
    expect(page.get_by_role("table", name="Webhooks")).to_be_visible()
    look("webhooks-list")
    page.get_by_role("button", name="Add webhook").click()
    form(page).get_by_role("button", name="More").click()
    form(page).get_by_role("button", name="Add header").click()
    form(page).get_by_role("button", name="Save").click()
    expect(form(page).get_by_role("alert")).to_be_visible()
    look("webhooks-form")


@browser_test
def test_filters_open_on_a_narrow_screen(empty: Site, enter: Enter) -> None:
    empty.add("One")
    page = enter("/", width=400).page
    opener = page.get_by_role("button", name="Filters", exact=True)
    expect(page.get_by_role("combobox", name="State")).to_be_hidden()
    opener.click()
    assert "text: State" not in page.get_by_role("search").first.aria_snapshot()  # it is the name, and said once
    choose(page, "State", "Disabled")
    expect(page.get_by_text("No webhooks match: disabled")).to_be_visible()
    expect(opener).to_have_attribute("aria-expanded", "true")
    check_rules(page)
    check_width(page)


@pytest.mark.browser
def test_an_open_tab_ends_with_its_session_and_starts_anew_with_another_role(empty: Site, enter: Enter) -> None:
    page = enter("/", role=Role.operator).page
    add = page.get_by_role("button", name="Add webhook")
    expect(add).to_be_visible()
    empty.run("user", "role", EMAILS[Role.operator], "viewer")
    expect(add).to_have_count(0)
    empty.run("user", "disable", EMAILS[Role.operator])
    page.wait_for_url("**/login*")
    empty.run("user", "enable", EMAILS[Role.operator])
    empty.run("user", "role", EMAILS[Role.operator], "operator")
    empty.cookies.pop(Role.operator)


@pytest.mark.browser
def test_escape_closes_the_form(empty: Site, page: Page) -> None:
    page.get_by_role("button", name="Add webhook").click()
    expect(form(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(form(page)).to_have_count(0)


def furnish(site: Site, receiver: Receiver) -> None:
    """Webhooks of all sorts, with figures of a day and the results of one event."""
    now = utcnow()
    receiver.statuses["/billing"] = 503
    made = [
        site.add("Billing ledger", url=f"{receiver.url}/billing", triggers=["order.paid", "order.refunded", "user.*"]),
        site.add(ARABIC, url=f"{receiver.url}/store"),
        site.add("🚀 Welcome e-mails", url=f"{receiver.url}/mail", now=now - timedelta(days=300)),
        site.add(LONG, url=f"{receiver.url}/" + "long/" * 56),
        site.add(HOSTILE, enabled=False),
        site.add("Fraud scoring", url=f"{receiver.url}/risk", paused=True),
    ]

    def fill(session: "Session") -> None:
        for index, webhook in enumerate(made[:4]):
            for hour in range(24):
                minute = (now - timedelta(hours=hour)).replace(second=0, microsecond=0)
                errors = 9 if index == 0 and hour < 6 else 0
                sent = 0 if errors else 8 + (hour * 7 + index) % 6
                session.add(
                    Statistics(
                        webhook_id=webhook.id or 0, minute=minute, dispatcher="t", sent=sent, error=errors, latency=[]
                    )
                )

    site.database.write_now(fill)
    site.emit()
    receiver.wait_for("/billing")
    receiver.wait_for("/mail")


# another server


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that may not reach this machine, and asks nobody who they are."""
    with serve(tmp_path_factory.mktemp("strict"), loopback=False, AUTH="none") as made:
        yield made


@browser_test
def test_whoever_tries_it_with_listen_is_told_the_option_that_opens_it(strict: Site, chromium: Browser) -> None:
    strict.clear()
    page = chromium.new_page(timezone_id=ZONE)
    page.goto(strict.url)
    expect(page.get_by_text("start the server again with --allow-loopback")).to_be_visible()
    # the zone is told by the browser itself, where nobody signs in
    page.wait_for_function("document.cookie.includes('webhook_ui_tz=Europe/Berlin') && window.did_handshake")
    strict.add("Seen")
    created = card(page, "Seen").locator("time").last
    expect(created).to_have_attribute("title", re.compile("Europe/Berlin"))
    dialog = fill_form(page, "Local", "http://127.0.0.1:9000/")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("textbox", name="URL", exact=True)).to_have_accessible_description(
        re.compile(r"127\.0\.0\.1 is this server itself, and deliveries to it are blocked\..*--allow-loopback")
    )
    dialog.get_by_role("button", name="Cancel").click()
    page.close()


def test_pictures_are_kept_apart_from_the_code() -> None:
    ignored = (Path(__file__).parent.parent / ".gitignore").read_text()
    assert "/screenshots/" in ignored
