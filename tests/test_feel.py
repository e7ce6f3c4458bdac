"""How pages feel in a real browser: nothing jumps while they come, and whoever goes by keyboard sees where he is."""

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width

pytest_plugins = ["tests.browser"]

browser_test = pytest.mark.browser
STEADY = 0.02  # a tenth counts as good; this is what a line of text costs that comes at the very bottom
SHIFTS = """
window.shifts = []
new PerformanceObserver(list => shifts.push(...list.getEntries().map(shift => [
    shift.value, shift.sources.map(source => String(source.node?.className ?? source.node?.nodeName))
]))).observe({ type: "layout-shift", buffered: true })
"""
# page, and what stands there once all of it has come
# the first ones wait until the failure is stored: what happens while a page is open may tell of itself above the rest
PAGES = {
    "/": "503 Service Unavailable",
    "/?view=list": "503 Service Unavailable",
    "/webhooks/{id}": "Redeliver 1 failed",
    "/webhooks/{id}?tab=health": "503 Service Unavailable",
    "/webhooks/{id}?tab=settings": "Timeout",
    "/webhooks/{id}?tab=history": "Created",
    "/deliveries": "Redeliver failed",
    "/events": "1 error",
    "/redeliveries": "No redeliveries",
    "/triggers": "nobody listens",
    "/settings": "Database",
}
# what a browser says of a tab that is in front, or not
LOOKED_AT = """seen => {
    Object.defineProperty(document, "hidden", { value: !seen, configurable: true })
    document.dispatchEvent(new Event("visibilitychange"))
}"""
CONNECT_ANEW = """() => new Promise(done => {
    socket.once("connect", () => setTimeout(done))
    socket.io.engine.close()
})"""
# long after the last press
LATER = "() => { const now = performance.now(); performance.now = () => now + 60000 }"
# the focus of the page: by which rule it is seen, if by any
RING = """() => {
    const at = document.activeElement
    if (!at || at === document.body) return null
    const style = element => getComputedStyle(element)
    const isRinged = element => (style(element).outlineStyle !== "none" && parseFloat(style(element).outlineWidth) > 0)
        || style(element).boxShadow !== "none"
    const field = at.closest(".q-field")?.querySelector(".q-field__control")
    const isFramed = field && ["::before", "::after"].some(
        part => parseFloat(getComputedStyle(field, part).borderTopWidth) >= 2)
    const hint = at.querySelector(".w-plot-hint")
    const isDrawn = hint && style(hint).stroke !== "none"
    const place = at.getBoundingClientRect()
    at.dataset.stop ??= String(document.querySelectorAll("[data-stop]").length)
    return {
        stop: at.dataset.stop,
        name: (at.getAttribute("aria-label") || at.textContent || "").trim().slice(0, 60),
        shown: Boolean(isRinged(at) || isFramed || isDrawn),
        inside: place.bottom > 0 && place.top < innerHeight,
    }
}"""
# what can be pressed and was never reached; of groups with one stop only that stop counts
UNREACHED = """() => [...document.querySelectorAll(
    "a[href], button, input, select, textarea, [tabindex='0'], [role=switch], [role=combobox]"
)].filter(one => one.tabIndex >= 0 && !one.disabled && !one.dataset.stop
    && one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def failing(site: Site, receiver: Receiver) -> int:
    """A webhook whose one delivery has failed, among others that have none; its id."""
    site.clear()
    receiver.status = 503
    for number in range(8):
        site.add(f"Partner {number}", triggers=["order.*"], now=datetime(2026, 11, 1 + number, tzinfo=UTC))
    webhook = site.add("Billing", url=receiver.url + "/hook", retry_schedule=[3600] * 9)
    site.emit()
    receiver.wait_for("/hook")
    return int(webhook.id or 0)


@browser_test
@pytest.mark.parametrize("width", [400, 1440])
def test_nothing_jumps_while_a_page_comes(failing: int, enter: Enter, width: int) -> None:
    visitor = enter(None, width=width)
    page = visitor.page
    page.add_init_script(SHIFTS)
    for path, sign in PAGES.items():
        visitor.open(path.format(id=failing))
        check_steadiness(page, path, sign)
    for path, sign in PAGES.items():  # and once more from page to page, as links and tabs lead
        page.evaluate("path => { shifts.length = 0; emitEvent('sub_pages_navigate', path) }", path.format(id=failing))
        check_steadiness(page, path, sign)


def check_steadiness(page: Page, path: str, sign: str) -> None:
    """All of the page has come, and nothing that was seen before has moved."""
    expect(page.locator(".w-content").get_by_text(sign).first).to_be_attached()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shifts: list[Any] = page.evaluate("shifts")
    assert sum(value for value, _ in shifts) < STEADY, (path, shifts)


@browser_test
@pytest.mark.parametrize("path", PAGES)
def test_the_keyboard_reaches_everything_and_is_seen_there(failing: int, enter: Enter, path: str) -> None:
    page = enter(path.format(id=failing)).page
    expect(page.locator(".w-content").get_by_text(PAGES[path]).first).to_be_attached()
    if path in ("/", "/?view=list"):  # the figures are written anew when they hear of it, a second later at the most
        expect(page.locator(".w-content a", has_text="Errors, 24 h")).to_contain_text("1")
    stops = walk(page)
    assert [stop for stop in stops if not stop["shown"] or not stop["inside"]] == []
    assert page.evaluate(UNREACHED) == []


def walk(page: Page) -> list[Any]:
    """Every place at which the Tab key stops, until it leaves the page or begins anew."""
    stops: list[Any] = []
    while len(stops) < 300:
        page.keyboard.press("Tab")
        stop = page.evaluate(RING)
        if stop is None or (stops and stop["stop"] == stops[0]["stop"]):
            break
        stops.append(stop)
    return stops


@browser_test
def test_who_stands_in_what_is_renewed_stays_there(failing: int, site: Site, receiver: Receiver, enter: Enter) -> None:
    one, all_of_them = enter(f"/webhooks/{failing}").page, enter(f"/deliveries?webhook_id={failing}").page
    ways = one.get_by_role("link", name="Redeliver 1 failed"), all_of_them.get_by_role("link", name="Redeliver failed")
    for way in ways:
        way.focus()
    site.emit()
    receiver.wait_for("/hook", 2)
    expect(one.get_by_role("link", name="Redeliver 2 failed")).to_be_focused()
    expect(ways[1]).to_have_text("Redeliver failed (2)")
    expect(ways[1]).to_be_focused()


@browser_test
def test_who_adds_by_key_types_on(site: Site, enter: Enter) -> None:
    page = enter("/").page
    page.get_by_role("button", name="Add webhook").first.press("Enter")
    triggers = page.get_by_role("combobox", name="Triggers")
    chosen = (
        ("order paid", ["ArrowDown", "Enter"], "order.paid"),
        ("user.created", ["Enter"], "user.created"),
        ("refund", ["Enter"], "order.refunded"),
    )
    for typed, keys, found in chosen:
        triggers.press_sequentially(typed)
        expect(page.get_by_role("option")).to_have_count(1)
        for key in keys:
            page.keyboard.press(key)
        expect(page.get_by_role("button", name=f"Remove {found}")).to_be_visible()
        expect(triggers).to_be_focused()
        expect(triggers).to_have_value("")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More: headers").press("Enter")
    adder = page.get_by_role("button", name="Add header")
    adder.press("Enter")
    for number in (1, 2):
        expect(page.get_by_role("textbox", name=f"Header {number} name")).to_be_focused()
        page.keyboard.type(f"X-{number}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name=f"Header {number} value")).to_be_focused()
        page.keyboard.type(str(number))
        page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Header 3 name")).to_be_focused()
    for number, left in ((1, 2), (3, 2)):
        page.get_by_role("button", name=f"Remove header {number}").press("Enter")
        expect(page.get_by_role("textbox", name=f"Header {left} name")).to_be_focused()
    page.get_by_role("button", name="Remove header 2").press("Enter")
    expect(adder).to_be_focused()


@browser_test
def test_who_presses_what_goes_away_by_it_is_not_lost(site: Site, enter: Enter) -> None:
    site.clear()
    site.add("Alpha")
    visitor = enter("/?q=nobody")
    page = visitor.page
    page.get_by_role("button", name="Clear filters").press("Enter")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    visitor.open("/deliveries?status=error")
    page.get_by_role("button", name="Clear filters").first.press("Enter")
    expect(page.get_by_role("combobox", name="Status")).to_be_focused()
    visitor.open("/")
    card, more = page.get_by_role("article"), page.get_by_role("button", name="More: Alpha")
    more.press("Enter")
    page.get_by_role("menuitem", name="Disable").press("Enter")
    expect(card).to_contain_text("Disabled")
    expect(more).to_be_focused()
    page.get_by_role("button", name="Undo").press("Enter")  # the message goes, and whoever stood in it goes back
    expect(card).to_contain_text("Enabled")
    expect(more).to_be_focused()
    more.press("Enter")
    page.get_by_role("menuitem", name="Disable").press("Enter")
    expect(card).to_contain_text("Disabled")
    page.keyboard.press("z")
    said = page.get_by_role("region", name="Messages")
    expect(said).to_contain_text("“Alpha” is enabled.")
    expect(more).to_be_focused()
    said.get_by_role("button", name="Close").last.press("Enter")
    expect(said).not_to_contain_text("is disabled")
    expect(more).to_be_focused()
    visitor.open("/settings?tab=tokens")
    page.get_by_role("button", name="Create token").press("Enter")
    name = page.get_by_role("dialog").get_by_role("textbox", name="Name")
    expect(name).to_be_focused()
    name.press_sequentially("CI")
    name.press("Enter")
    expect(page.get_by_role("button", name="Done")).to_be_focused()


@browser_test
@pytest.mark.parametrize("path", ["/deliveries", "/events"])
def test_new_rows_are_told_of_where_one_reads_and_move_nothing(
    path: str, site: Site, receiver: Receiver, enter: Enter
) -> None:
    site.clear()
    site.add("Billing", url=receiver.url + "/hook", paused=True)
    for _ in range(8):
        site.emit()
    page = enter(path, width=400).page
    page.set_viewport_size({"width": 400, "height": 360})
    rows = page.locator(".w-table tbody tr")
    expect(rows.nth(7)).to_be_attached()
    rows.nth(4).evaluate("row => row.scrollIntoView()")
    page.evaluate(SHIFTS)
    site.emit()
    expect(page.get_by_role("status").filter(has_text="There are new rows above the list.")).to_be_attached()
    waiting = page.get_by_role("button", name="1 new")
    expect(waiting).to_be_in_viewport()
    assert sum(value for value, _ in page.evaluate("shifts")) < STEADY
    waiting.press("Enter")
    expect(waiting).to_be_hidden()
    expect(rows.first.get_by_role("link").first).to_be_focused()


@browser_test
def test_a_tab_behind_others_rests_and_shows_all_of_it_when_one_comes_back(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    site.clear()
    site.add("Billing", url=receiver.url + "/hook", paused=True)
    site.emit()
    away, here = enter("/deliveries").page, enter("/deliveries").page
    lists = [page.locator(".w-table-log tbody tr") for page in (away, here)]
    for rows in lists:
        expect(rows.first).to_be_visible()
    before = lists[0].count()
    away.evaluate(LOOKED_AT, False)
    away.get_by_role("button", name="Table").press("Enter")
    expect(away.get_by_role("button", name="Table")).to_have_attribute("aria-expanded", "true")  # it is heard by now
    for number in range(2):
        site.emit()
        expect(lists[1]).to_have_count(before + number + 1)
    assert lists[0].count() == before
    away.evaluate(LOOKED_AT, True)
    expect(lists[0]).to_have_count(before + 2)


@browser_test
def test_a_tab_says_again_that_it_is_behind_others_once_it_is_connected_anew(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    site.clear()
    site.add("Billing", url=receiver.url + "/hook", paused=True)
    site.emit()
    away, here = enter("/deliveries").page, enter("/deliveries").page
    lists = [page.locator(".w-table-log tbody tr") for page in (away, here)]
    for rows in lists:
        expect(rows.first).to_be_visible()
    before = lists[0].count()
    away.evaluate("Object.defineProperty(document, 'hidden', { value: true })")  # what it says of that is lost
    away.evaluate(CONNECT_ANEW)
    away.get_by_role("button", name="Table").press("Enter")
    expect(away.get_by_role("button", name="Table")).to_have_attribute("aria-expanded", "true")  # it is heard by now
    for number in range(2):
        site.emit()
        expect(lists[1]).to_have_count(before + number + 1)
    assert lists[0].count() == before


@browser_test
@pytest.mark.parametrize("width", [400, 1440])
def test_a_failure_that_comes_while_one_reads_moves_nothing_until_it_is_opened(
    width: int, site: Site, receiver: Receiver, enter: Enter
) -> None:
    site.clear()
    receiver.status = 200
    webhook = site.add("Billing", url=receiver.url + "/read", retry_schedule=[3600] * 9)
    site.emit()
    page = enter(f"/webhooks/{webhook.id}", width=width).page
    tabs = page.get_by_role("tab", name="Activity")
    expect(page.locator(".w-table-log tbody tr")).to_have_count(1)
    place = tabs.bounding_box()
    receiver.status = 503
    site.emit()
    note = page.get_by_role("status").filter(has_text="Failing since")
    expect(note.get_by_role("link", name="Redeliver 1 failed")).to_be_in_viewport()
    expect(page.locator(".w-table-log tbody tr")).to_have_count(2)
    assert tabs.bounding_box() == place
    for _ in both_schemes(page):
        check_rules(page)
        check_width(page)
    page.get_by_role("button", name="Show all of it").press("Enter")
    expect(page.get_by_role("button", name="Show all of it")).to_have_count(0)
    expect(note.get_by_role("link", name="Redeliver 1 failed")).to_be_focused()
    expect(note.get_by_text("The next attempt is")).to_be_visible()
    assert tabs.bounding_box() != place
    place = tabs.bounding_box()
    page.evaluate(LATER)
    receiver.status = 200
    site.emit()
    expect(page.get_by_text("Works again since")).to_be_visible()
    assert tabs.bounding_box() == place


@browser_test
def test_what_is_chosen_stands_there_before_the_server_answers(site: Site, enter: Enter) -> None:
    page = enter("/deliveries").page
    status = page.get_by_role("combobox", name="Status")
    status.click()
    option = page.get_by_role("option", name="Error")
    expect(option).to_be_visible()
    page.evaluate("socket.emit = () => {}")  # the server never hears of it
    option.click()
    expect(page.locator(".w-filter", has=status)).to_contain_text("Error")
