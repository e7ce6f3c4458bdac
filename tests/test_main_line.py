"""The main line by keyboard alone: from a webhook that fails, over the reason, to a delivery that has arrived."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import Enter, Receiver, Site

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

STEPS = 60  # more presses of Tab than these nobody makes


def tab_to(page: Page, goal: Locator, key: str = "Tab") -> None:
    """Presses Tab until `goal` is in focus, and sees that the focus shows."""
    expect(goal).to_be_visible()
    for _ in range(STEPS):
        if goal.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press(key)
    expect(goal).to_be_focused()
    drawn = "e => { const s = getComputedStyle(e); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 }"
    assert goal.evaluate(drawn), "the focus cannot be seen"


def test_from_a_failing_webhook_to_an_arrived_delivery(site: Site, receiver: Receiver, enter: Enter) -> None:
    """Failing webhook, its page, the failed delivery, why, a test, Redeliver; the result appears in place."""
    site.clear()
    receiver.status = 503
    number = site.add("Billing ledger", url=receiver.url + "/billing", retry_schedule=[3600] * 4).id
    site.emit()
    receiver.wait_for("/billing")
    page = enter("/", motion=True).page
    hook = page.locator(".w-content").get_by_role("link", name="Billing ledger")
    expect(page.get_by_text("503 Service Unavailable").first).to_be_visible()
    page.keyboard.press("j")
    expect(hook).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/webhooks/{number}")

    log = page.get_by_role("table", name="Deliveries").locator("tbody tr")
    expect(log).to_have_count(1)
    expect(page.get_by_text("Failing since")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Delivery")
    expect(panel.get_by_role("status")).to_contain_text("cannot take deliveries just now")

    receiver.status = 200  # mended, as the notice asks for
    test = panel.get_by_role("button", name="send a test")
    tab_to(page, test)
    page.keyboard.press("Enter")
    expect(panel.get_by_role("region", name="Test")).to_contain_text("Test sent: 200 OK")
    expect(test).to_be_focused()
    expect(panel.get_by_role("status")).to_contain_text("cannot take deliveries just now")
    tab_to(page, panel.get_by_role("button", name="Redeliver"))
    page.keyboard.press("Enter")
    expect(panel.get_by_role("heading", name="Attempt 2")).to_be_visible()
    expect(panel.get_by_text("200 OK").first).to_be_visible()
    expect(panel.get_by_role("status")).to_have_count(0)
    page.wait_for_function("document.activeElement.closest('.q-dialog')")  # what was pressed is gone, not the place
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(log.nth(1)).to_contain_text("Sent")
    expect(log.nth(1)).to_contain_text("200 OK")
    expect(page.get_by_text("Failing since")).to_have_count(0)
