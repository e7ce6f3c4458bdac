"""The whole log in a real browser: filters, the picture of attempts, the panel, what leads on, files."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlmodel import Session

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture
from webhook_ui import ids
from webhook_ui.actors import Role
from webhook_ui.models import Statistics, table

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }} =1+1"
ARABIC = "مزامنة عملاء المتجر 🚀 " + "and on " * 20


def rows(page: Page) -> Locator:
    return page.get_by_role("table", name="Deliveries").locator("tbody tr")


def plot(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Attempts, bar by bar")


def count_attempts(site: Site, webhook_id: int) -> None:
    """Statistics of the last hours: errors two hours ago, else sent."""
    quarter = datetime.now(UTC).replace(second=0, microsecond=0)

    def store(session: Session) -> None:
        for number in range(1, 80):
            bad = 110 < number * 15 < 180
            values = {"sent": 0 if bad else 40 + number % 7, "error": 9 if bad else 0, "latency": [1]}
            minute = quarter - timedelta(minutes=15 * number)
            row = {"webhook_id": webhook_id, "minute": minute, "dispatcher": "x", **values}
            session.execute(table(Statistics).insert().values(**row))

    site.database.write_now(store)


@pytest.fixture(scope="module")
def far() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def filled(site: Site, far: Receiver) -> dict[str, int]:
    """Three webhooks with deliveries that were sent, that failed in two ways, and that wait."""
    far.statuses = {"/down": 503, "/auth": 401}
    usual: dict[str, Any] = {"retry_schedule": [3600] * 9}
    ids_ = {
        "good": site.add(ARABIC, url=far.url + "/good", triggers=["order.*"], **usual).id,
        "down": site.add("Billing ledger", url=far.url + "/down", triggers=["order.paid"], **usual).id,
        "auth": site.add(HOSTILE, url=far.url + "/auth", triggers=["order.refunded"], **usual).id,
        "held": site.add("Held back", url=far.url + "/held", triggers=["order.paid"], paused=True, **usual).id,
    }
    for _ in range(3):
        site.emit("order.paid", '{"id": 1}')
        site.emit("order.refunded", '{"id": 2}')
    far.wait_for("/good", 6)
    far.wait_for("/down", 3)
    far.wait_for("/auth", 3)
    count_attempts(site, int(ids_["good"] or 0))
    return {name: int(number or 0) for name, number in ids_.items()}


@pytest.mark.parametrize("locale", ["en-GB", "es-ES"])
def test_filters_stand_in_one_row_and_those_behind_it_are_counted(
    site: Site, filled: dict[str, int], enter: Enter, locale: str
) -> None:
    page = enter(f"/deliveries?webhook_id={filled['down']}&error_class=http&response_status=503", locale=locale).page
    filters = page.locator(".w-log-filters")
    more = filters.locator(".w-filters-more")
    behind = filters.locator(".w-filter-response")
    expect(behind).to_be_visible()  # what is set is in sight
    more.click()
    for width in (1024, 1280, 1440, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        expect(more).to_be_visible(visible=width < 1600)
        expect(behind).to_be_visible(visible=width == 1600)
        assert filters.evaluate("element => element.offsetHeight") <= 40
        if width < 1600:
            expect(more).to_contain_text("(2)")
            before = more.bounding_box()
            more.click()
            expect(behind).to_be_visible()
            more.click()
            expect(behind).to_be_hidden()
            assert more.bounding_box() == before
    page.set_viewport_size({"width": 400, "height": 900})
    expect(more).to_contain_text("(3)")
    expect(filters.locator(".w-filter-webhook")).to_be_hidden()
    more.click()
    expect(filters.locator(".w-filter-webhook")).to_be_visible()


@pytest.mark.parametrize(
    ("width", "path", "behind"),
    [
        (1440, "/deliveries?error_class=http", "Cause"),
        (1024, "/webhooks/{down}?error_class=http", "Cause"),
        (400, "/deliveries?from=2001-01-01&tz=UTC", "From"),
        (400, "/events?trigger=user.created", "Trigger"),
    ],
)
def test_filters_that_are_set_are_in_sight_on_a_page_that_is_loaded_anew(
    filled: dict[str, int], enter: Enter, width: int, path: str, behind: str
) -> None:
    page = enter(path.format(**filled), width=width).page
    filters = page.get_by_role("search")
    more = filters.get_by_role("button", name="ilters")
    expect(filters.get_by_label(behind, exact=True).first).to_be_visible()
    expect(more).to_have_attribute("aria-expanded", "true")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "false")
    expect(filters.get_by_label(behind, exact=True).first).to_be_hidden()
    page.goto(page.url.partition("?")[0])
    expect(more).to_have_attribute("aria-expanded", "false")
    expect(filters.get_by_label(behind, exact=True).first).to_be_hidden()


def test_the_whole_log_is_filtered_and_every_filter_stands_in_the_address(
    site: Site, filled: dict[str, int], enter: Enter
) -> None:
    page = enter("/deliveries").page
    expect(rows(page)).to_have_count(15)
    expect(page.get_by_role("link", name="Deliveries", exact=True).first).to_have_attribute("aria-current", "page")
    expect(
        rows(page).filter(has_text="Billing ledger").first.get_by_role("link", name="Billing ledger")
    ).to_have_attribute("href", f"/webhooks/{filled['down']}")
    page.get_by_role("button", name="More filters").click()
    page.get_by_role("combobox", name="Cause").click()
    page.get_by_role("option", name="HTTP status").click()
    expect(rows(page)).to_have_count(6)
    page.get_by_role("textbox", name="Response").fill("abc")
    page.get_by_role("textbox", name="Response").press("Enter")
    expect(page.get_by_text("A response is a number from 100 to 599: abc is none, so it is left out.")).to_be_visible()
    picture(page, "deliveries-response-problem")
    page.get_by_role("textbox", name="Response").fill("401")
    expect(rows(page)).to_have_count(3)
    page.wait_for_url("**/deliveries?error_class=http&response_status=401")
    expect(page.get_by_text("A response is a number")).to_be_hidden()
    expect(rows(page).first).to_contain_text("<img src=x onerror=alert(1)>")
    page.go_back()
    expect(rows(page)).to_have_count(6)
    expect(page.get_by_role("textbox", name="Response")).to_have_value("")
    webhook = page.get_by_role("combobox", name="Webhook")
    webhook.fill("billing")
    webhook.press("Enter")
    expect(rows(page)).to_have_count(3)
    page.wait_for_url(f"**/deliveries?webhook_id={filled['down']}&error_class=http")
    expect(webhook).to_have_value(f"Billing ledger (#{filled['down']})")
    page.reload()
    expect(rows(page)).to_have_count(3)
    expect(webhook).to_have_value(f"Billing ledger (#{filled['down']})")
    page.get_by_role("button", name="Clear filters").click()
    expect(rows(page)).to_have_count(15)
    page.wait_for_url("**/deliveries")
    page.get_by_role("textbox", name="From").fill("2026-13-01")
    page.get_by_role("textbox", name="From").press("Enter")
    expect(page.get_by_text("There is no day 2026-13-01")).to_be_visible()
    page.get_by_role("textbox", name="From").fill("2001-01-01 10:30")
    page.get_by_role("textbox", name="To").fill("2001-01-02")
    page.get_by_role("textbox", name="To").press("Enter")
    expect(page.get_by_text("No delivery with time 1 Jan 2001, 10:30 – 3 Jan 2001, 00:00")).to_be_visible()
    page.wait_for_url("**/deliveries?from=2001-01-01T10%3A30&to=2001-01-02&tz=Europe%2FBerlin")


def test_a_window_is_chosen_by_mouse_and_by_keys(site: Site, filled: dict[str, int], enter: Enter) -> None:
    page = enter("/deliveries").page
    bars = plot(page).get_by_role("option")
    expect(bars).to_have_count(96)
    place = plot(page).bounding_box()
    assert place
    page.mouse.move(place["x"] + place["width"] * 0.5, place["y"] + 40)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + 50, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"/deliveries\?attempted_from=.*Z&attempted_to=.*Z$"))
    expect(page.get_by_text(re.compile("^No delivery with attempted "))).to_be_visible()
    expect(page.locator(".w-hist-window")).to_be_visible()
    middle = bars.nth(48).get_attribute("aria-label") or ""
    day, clock = middle.split(" – ")[0].split(", ")
    expect(page.get_by_role("textbox", name="From")).to_have_value("")
    expect(page.locator(".w-window:visible")).to_contain_text(f"Attempted {day}, {clock}")
    page.get_by_role("button", name="Take the time back").click()
    page.wait_for_url("**/deliveries")
    expect(page.locator(".w-hist-window")).to_be_hidden()
    plot(page).focus()
    page.keyboard.press("End")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowLeft")
    expect(plot(page)).to_have_attribute("aria-activedescendant", re.compile(r"-93$"))
    expect(plot(page).get_by_role("option", selected=True)).to_have_count(3)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/deliveries\?attempted_from=.*Z&attempted_to=.*Z$"))
    expect(rows(page)).to_have_count(12)  # three of the fifteen are held: they were not attempted
    expect(page.get_by_role("link", name=re.compile("Redeliver failed"))).to_have_count(0)
    expect(page.get_by_text("all attempts")).to_be_hidden()
    page.get_by_role("combobox", name="Status").click()
    page.get_by_role("option", name="Error").click()
    expect(rows(page)).to_have_count(6)
    expect(page.get_by_text("all attempts")).to_be_visible()
    page.go_back()
    expect(rows(page)).to_have_count(12)
    plot(page).focus()
    page.keyboard.press("Escape")
    page.wait_for_url("**/deliveries")
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("table", name="Attempts over time").get_by_role("row")).not_to_have_count(0)
    page.get_by_role("button", name="7 d").click()
    page.wait_for_url("**/deliveries?span=7d")
    expect(bars).to_have_count(84)
    expect(page.get_by_role("heading", name="Last 7 days")).to_be_visible()


def test_a_delivery_opens_beside_the_log_and_arrows_step(
    site: Site, filled: dict[str, int], far: Receiver, enter: Enter
) -> None:
    page = enter("/deliveries?status=error").page
    expect(rows(page)).to_have_count(6)
    panel = page.get_by_role("dialog", name="Delivery")
    rows(page).first.get_by_role("cell").nth(2).click()
    expect(panel).to_be_visible()
    page.wait_for_url("**delivery=*")
    first = page.url
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_contain_class("w-chosen")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("ArrowUp")
    page.wait_for_url(first)
    before = site.emit("order.paid", '{"id": 3}')
    expect(page.get_by_role("button", name="1 new delivery")).to_be_visible(timeout=5000)
    expect(rows(page)).to_have_count(6)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(rows(page)).to_have_count(7)
    far.statuses["/down"] = 200
    row = rows(page).filter(has=page.locator(f'a[href*="{ids.delivery_text(filled["down"], before.event_id)}"]'))
    row.get_by_role("button", name="Redeliver").dblclick()
    expect(row.get_by_text("Sent", exact=True)).to_be_visible()
    # the row was written anew, and the button is gone: whoever stood on it stands in the row still
    expect(row.locator(":focus")).to_have_count(1)
    expect(page.get_by_text("Not done")).to_have_count(0)


def test_what_failed_and_what_waits_leads_to_an_order(site: Site, filled: dict[str, int], enter: Enter) -> None:
    page = enter(f"/deliveries?webhook_id={filled['auth']}&from=2026-01-01T00:00Z").page
    way = page.get_by_role("link", name="Redeliver failed (3)")
    expect(way).to_have_attribute(
        "href",
        f"/redeliveries?new=redeliver&status=error&webhook_id={filled['auth']}&from=2026-01-01T00%3A00%3A00Z",
    )
    expect(page.get_by_role("link", name="Cancel waiting (3)")).to_be_visible()
    page.goto(f"{site.url}/webhooks/{filled['held']}")
    expect(page.get_by_role("link", name=re.compile("Cancel waiting"))).to_have_attribute(
        "href", f"/redeliveries?new=cancel&webhook_id={filled['held']}"
    )
    expect(page.get_by_role("link", name=re.compile("Redeliver failed"))).to_have_count(0)
    viewer = enter("/deliveries", role=Role.viewer).page
    expect(viewer.get_by_role("button", name="Export")).to_be_visible()
    expect(rows(viewer).first).to_be_visible()
    expect(viewer.get_by_role("link", name=re.compile("Redeliver failed|Cancel waiting"))).to_have_count(0)


def test_what_is_filtered_can_be_had_as_a_file(site: Site, filled: dict[str, int], enter: Enter) -> None:
    visitor = enter(f"/deliveries?webhook_id={filled['auth']}&status=error", role=Role.viewer)
    page = visitor.page
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV", exact=True).click()
    assert re.fullmatch(r"deliveries-\d{4}-\d{2}-\d{2}-\d{4}\.csv", download.value.suggested_filename)
    found = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["webhook_title"] for row in found] == [HOSTILE] * 3
    for name in ("deliveries", "webhooks", "events"):
        answer = visitor.context.request.get(f"{site.url}/export/{name}.ndjson")
        assert answer.ok
        assert answer.text().count("\n") > 3
        assert "whsec" not in answer.text()
    visitor.context.clear_cookies()
    away = visitor.context.request.get(f"{site.url}/export/events.csv", max_redirects=0)
    assert (away.status, away.headers["location"]) == (303, "/login?next=/export/events.csv")


def test_the_page_follows_the_rules_at_every_width(site: Site, filled: dict[str, int], enter: Enter) -> None:
    page = enter("/deliveries?from=2026-01-01&status=error").page
    expect(rows(page).first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Redeliver failed"))).to_be_visible()
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("table", name="Attempts over time")).to_be_visible()
    for _ in both_schemes(page):
        check_rules(page)
    for width in (400, 1024, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        for scheme in both_schemes(page):
            picture(page, f"deliveries-{width}-{scheme}")
