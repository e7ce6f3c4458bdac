"""How the parts look and behave in a real browser; the gallery shows them all."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import zygote
from tests.browser import Profile, both_schemes, find_violations
from webhook_ui.ui import formats
from webhook_ui.ui.parts import link
from webhook_ui.ui.trigger_field import Group, Offer, with_missing

pytest_plugins = ["tests.browser"]

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 13, 32, 6, tzinfo=UTC)


@pytest.mark.parametrize("path", ["javascript:alert(1)", "https://evil.example", "//evil.example", ""])
def test_a_link_leads_nowhere_but_to_the_dashboard(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        link("here", path)


def test_a_chosen_trigger_stays_choosable_without_its_plugin() -> None:
    groups = [Group(heading="Users", offers=[Offer(name="user.created", title="User creation")])]
    assert with_missing(groups, ["user.created"]) == groups
    assert [offer.name for offer in with_missing(groups, ["gone.away"])[1].offers] == ["gone.away"]


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.gallery", str(port)]
    # without pytest's own variables, by which NiceGUI would take itself to be under test
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NICEGUI"))}
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    streams = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.DEVNULL)
    server = zygote.start(command, cwd=ROOT, env=environment | path, **streams)
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int, server: zygote.Child) -> None:
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the gallery did not start")


@pytest.fixture(scope="module")
def profile(chromium: Browser, gallery: str) -> Iterator[Profile]:
    """One for all, as the gallery keeps nothing in it: a page comes from its cache in half the time."""
    made = Profile.of(chromium, gallery)
    yield made
    made.context.close()


class Tab:
    """A browser tab that remembers what it asked for and complained about."""

    def __init__(self, profile: Profile, base: str, width: int, scheme: str) -> None:
        self.base = base
        self.asked: list[str] = []
        self.complaints: list[str] = []
        window = profile.new_window()
        assert window is not None, "the process that draws has crashed"
        self.page: Page = window
        self.page.set_viewport_size({"width": width, "height": 820})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        self.page.wait_for_function("window.did_handshake")
        return self.page

    def close(self) -> None:
        self.page.close()
        outside = [url for url in self.asked if not url.startswith((self.base, "data:", "blob:"))]
        assert (outside, self.complaints) == ([], [])


@pytest.fixture(params=[1440], ids=["wide"])
def tab(request: pytest.FixtureRequest, profile: Profile, gallery: str) -> Iterator[Tab]:
    width, scheme = request.param if isinstance(request.param, tuple) else (request.param, "light")
    made = Tab(profile, gallery, width, scheme)
    yield made
    made.close()


def check_rules(page: Page) -> None:
    for scheme in both_schemes(page):
        assert [
            (scheme, rule["id"], [(node["html"][:200], node["failureSummary"]) for node in rule["nodes"]])
            for rule in find_violations(page)
        ] == []


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/", "/?view=list", "/?empty=1", "/triggers", "/webhooks/2", "/parts"])
def test_every_page_fits_and_is_usable_by_everyone(tab: Tab, path: str) -> None:
    page = tab.open(path)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    check_rules(page)
    for width in (1280, 1024, 900, 600, 400):
        page.set_viewport_size({"width": width, "height": 820})
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{path} is {too_wide} px too wide at {width}"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("style", "found"), [("", []), ("p { color: #bbb }", [3]), ("p:nth-child(2) { color: #bbb }", [1])]
)
def test_what_is_too_pale_is_found_among_much_that_is_alike(tab: Tab, style: str, found: list[int]) -> None:
    texts = "<p>Billing</p>" * 7
    tab.page.set_content(f"<html lang=en><title>Log</title><style>{style}</style><main><h1>Log</h1><div>{texts}</div>")
    violations = find_violations(tab.page)
    assert [len(rule["nodes"]) for rule in violations if rule["id"] == "color-contrast"] == found
    assert len(violations) == len(found)


@pytest.mark.browser
def test_what_opens_is_usable_too(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Sort").click()
    expect(page.get_by_role("menuitemradio", name="Update date")).to_be_visible()
    check_rules(page)
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="From", exact=True).click()
    expect(page.get_by_role("dialog", name="Choose the first day")).to_be_visible()
    check_rules(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Add webhook").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Title and URL need a change.")
    check_rules(page)
    page = tab.open("/webhooks/1")
    page.get_by_role("row").filter(has_text="200 OK").click(position={"x": 200, "y": 10})
    panel = page.get_by_role("dialog", name="Delivery")
    expect(panel).to_be_visible()
    check_rules(page)
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


@pytest.mark.browser
def test_status_is_said_in_words(tab: Tab) -> None:
    page = tab.open("/parts")
    for word in ("Sent", "Error", "Pending", "Enabled", "Disabled", "Paused", "Failing", "No deliveries yet"):
        expect(page.locator(".w-pill").get_by_text(word, exact=True)).to_have_text(word)
    expect(page.get_by_role("img", name="Last 24 hours: 250 sent")).to_be_visible()
    expect(page.get_by_role("img", name="Last 24 hours: nothing sent")).to_be_visible()


@pytest.mark.browser
def test_hostile_titles_are_only_text(tab: Tab) -> None:
    page = tab.open("/")
    expect(page.get_by_text("<img src=x onerror=alert(1)>{{ 7*7 }}${1}").first).to_be_visible()
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.browser
def test_the_sort_menu_hears_arrows_and_remembers(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Sort").press("Enter")
    expect(page.get_by_role("menu", name="Sort")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitemradio", name="Creation date")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitemradio", name="Ascending")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("updated asc")).to_be_visible()
    page.get_by_role("button", name="Sort").click()
    expect(page.get_by_role("menuitemradio", name="Ascending", checked=True)).to_be_visible()
    expect(page.get_by_role("menuitemradio", name="Smart sorting", exact=True, checked=False)).to_be_visible()


@pytest.mark.browser
def test_dates_are_picked_or_typed_and_explained(tab: Tab) -> None:
    page = tab.open("/")
    first = page.get_by_role("textbox", name="From", exact=True)
    last = page.get_by_role("textbox", name="To", exact=True)
    opener = page.get_by_role("button", name="Choose the first day")
    calendar = page.get_by_role("dialog", name="Choose the first day")
    opener.click()
    expect(calendar).to_be_visible()
    opener.click()
    expect(calendar).to_be_hidden()
    opener.press("Enter")
    expect(calendar.locator("button:focus")).to_have_attribute("aria-current", "date")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    first.click()
    page.get_by_role("dialog", name="Choose the first day").get_by_role("button", name="15", exact=True).click()
    expect(page.get_by_role("dialog", name="Choose the first day")).to_be_hidden()
    expect(first).not_to_have_value("")
    assert date.fromisoformat(first.input_value()).day == 15
    last.fill("2001-01-01")
    expect(last).to_have_accessible_description(f"To lies before From ({first.input_value()}).")
    expect(last).to_have_attribute("aria-invalid", "true")
    last.fill("2001-02-30")
    expect(last).to_have_accessible_description("There is no day 2001-02-30. Write the date as YYYY-MM-DD, "
                                                "for example 2026-03-02.")  # fmt: skip
    last.fill("2099-12")
    last.press("Enter")
    expect(last).to_have_attribute("aria-invalid", "true")
    last.fill("")
    expect(last).not_to_have_attribute("aria-invalid", "true")


WHOLE_RING = """() => {
  const one = document.activeElement, style = getComputedStyle(one), place = one.getBoundingClientRect();
  const ring = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
  const room = one.closest(".q-date__calendar-days-container").getBoundingClientRect();
  return ring > 0 && place.left - ring >= room.left && place.right + ring <= room.right;
}"""


@pytest.mark.browser
def test_days_are_walked_through_and_chosen_by_key(tab: Tab) -> None:
    page = tab.open("/")
    first = page.get_by_role("textbox", name="From", exact=True)
    opener = page.get_by_role("button", name="Choose the first day")
    calendar = page.get_by_role("dialog", name="Choose the first day")
    days = calendar.locator(".q-date__calendar-days:not([class*=-leave-active])")
    first.fill("2026-01-30")
    first.press("Enter")
    first.press("Escape")
    opener.press("Enter")
    walk = (
        ("", "30 January 2026"),
        ("ArrowRight", "31 January 2026"),
        ("ArrowRight", "1 February 2026"),
        ("ArrowLeft", "31 January 2026"),
        ("ArrowDown", "7 February 2026"),
        ("ArrowUp", "31 January 2026"),
        ("PageDown", "28 February 2026"),
        ("Shift+PageUp", "28 February 2025"),
        ("Shift+PageDown", "28 February 2026"),
        ("PageUp", "28 January 2026"),
        ("ArrowUp", "21 January 2026"),
        ("Home", "19 January 2026"),  # a Monday: this browser is a British one
        ("End", "25 January 2026"),
    )
    for key, goal in walk:
        if key:
            page.keyboard.press(key)
        day, month, year = goal.split()
        expect(days.locator("button:focus")).to_have_text(day)
        expect(calendar.get_by_role("button", name=month)).to_be_visible()
        expect(calendar.get_by_role("button", name=year, exact=True)).to_be_visible()
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        expect(days.locator("button[tabindex='0']")).to_have_count(1)  # one stop for Tab
        assert page.evaluate(WHOLE_RING), f"what shows the focus on {day} is cut off"
    page.keyboard.press("Enter")
    expect(calendar).to_be_hidden()
    expect(first).to_have_value("2026-01-25")
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(days.locator("button:focus")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")  # the one that is chosen already
    expect(calendar).to_be_hidden()
    expect(first).to_have_value("2026-01-25")
    expect(opener).to_be_focused()


@pytest.mark.browser
def test_a_field_says_what_is_wrong_with_it(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Add webhook").click()
    page.get_by_role("button", name="Save").click()
    title = page.get_by_role("textbox", name="Title", exact=True)
    expect(title).to_be_focused()
    expect(title).to_have_accessible_description("Give it a title, so that you find it again in the list.")
    expect(page.get_by_role("textbox", name="URL", exact=True)).to_have_attribute("aria-invalid", "true")
    title.fill("Billing")
    expect(title).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("alert").get_by_role("button", name="URL").click()
    expect(page.get_by_role("textbox", name="URL", exact=True)).to_be_focused()
    expect(page.get_by_role("switch", name="Enabled")).to_be_checked()


@pytest.mark.browser
def test_triggers_are_searched_by_name_and_title(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Add webhook").click()
    triggers = page.get_by_role("combobox", name="Triggers")
    triggers.fill("user cre")
    expect(page.get_by_role("option")).to_have_count(1)
    page.get_by_role("option", name="User creation").click()
    expect(page.locator(".w-chip").filter(has_text="user.created")).to_be_visible()
    triggers.fill("refunded")
    expect(page.get_by_role("option", name="Order refunded")).to_be_visible()
    expect(page.get_by_text("Users · user_creation.py")).to_be_hidden()


@pytest.mark.browser
def test_what_was_done_can_be_undone_and_what_failed_stays(tab: Tab) -> None:
    page = tab.open("/parts")
    page.get_by_role("button", name="Delete").click()
    asks = page.get_by_role("alertdialog", name="Delete “Billing ledger”?")
    asks.get_by_role("button", name="Delete").click()
    messages = page.get_by_role("region", name="Messages")
    messages.get_by_role("button", name="Undo").click()
    expect(messages.get_by_text("Restored.")).to_be_visible()
    expect(messages.get_by_text("deleted")).to_be_hidden()
    page.get_by_role("button", name="Fail").click()
    expect(page.get_by_role("alert")).to_contain_text("Your text is kept.")
    page.get_by_role("alert").get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.browser
def test_the_navigation_knows_where_it_is(tab: Tab) -> None:
    page = tab.open("/webhooks/1")
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link", name="Webhooks")).to_have_attribute("aria-current", "page")
    navigation.get_by_role("link", name="Triggers").click()
    expect(page.get_by_role("heading", name="Triggers")).to_be_visible()
    expect(navigation.get_by_role("link", name="Triggers")).to_have_attribute("aria-current", "page")
    expect(navigation.get_by_role("link", name="Webhooks")).not_to_have_attribute("aria-current", "page")


@pytest.mark.browser
@pytest.mark.parametrize("tab", [(400, "light")], indirect=True)
def test_the_menu_of_a_narrow_screen_closes_behind_you(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("dialog", name="Menu").get_by_role("link", name="Triggers").click()
    expect(page.get_by_role("heading", name="Triggers")).to_be_visible()
    expect(page.get_by_role("dialog", name="Menu")).to_be_hidden()


@pytest.mark.browser
def test_the_browser_counts_on_in_the_same_words(tab: Tab) -> None:
    page = tab.open("/")
    for seconds in (0, -12, -60, -7300, -90000, 38, 260, 8190, 10800, 183600):
        script = f"window.webhookUi.relative({NOW.timestamp() * 1000 + seconds * 1000}, {NOW.timestamp() * 1000})"
        assert page.evaluate(script) == formats.relative(NOW + timedelta(seconds=seconds), NOW)
    probe = page.locator("time", has_text="next probe").first
    before = probe.inner_text()
    expect(probe).not_to_have_text(before)
    due = page.locator("time", has_text="retry due")
    expect(due).to_have_count(1)
    page.evaluate("document.querySelector('time[data-past^=retry]').dataset.at = Date.now() + 1500")
    expect(due).to_have_count(2)


@pytest.mark.browser
@pytest.mark.parametrize("tab", [(1440, "dark")], indirect=True)
def test_the_first_paint_is_dark_where_the_system_is(tab: Tab) -> None:
    # scripts held back: what is there now is what is painted first
    tab.page.route("**/*.js*", lambda route: route.abort())
    tab.page.goto(tab.base + "/", wait_until="domcontentloaded")
    color = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert color == "rgb(14, 17, 22)"
    tab.page.goto("about:blank")  # from here on nothing is held back any more that could complain
    tab.complaints.clear()


@pytest.mark.browser
def test_a_lost_connection_is_told_on_top(tab: Tab) -> None:
    page = tab.open("/")
    page.evaluate("window.socket.disconnect()")
    banner = page.get_by_role("status").filter(has_text="No connection to the server.")
    expect(banner).to_be_visible()
    box = page.locator(".w-offline").bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"]) == (0, 0, 1440)
