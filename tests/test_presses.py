"""Presses in a real browser: none is lost, however late the server answers and whatever it says meanwhile."""

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser import Enter, Receiver, Site
from tests.test_events_page import fire, rows, store_events
from tests.test_redeliveries import store
from tests.test_redeliveries_page import BUSY
from webhook_ui import accounts, outbox, times
from webhook_ui.actors import CLI, Role

pytest_plugins = ["tests.browser"]

browser_test = pytest.mark.browser
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Line:
    """What the server says to a page, which can be kept back. To be there before the page is opened."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._kept: list[str | bytes] | None = None
        self._only = ""
        page.route_web_socket(re.compile("/_nicegui_ws/"), self._join)

    def _join(self, browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        self._browser = browser

        def hear(message: str | bytes) -> None:
            if self._kept is None or self._only not in str(message):
                browser.send(message)
            else:
                self._kept.append(message)

        server.on_message(hear)

    @contextmanager
    def silence(self, only: str = "") -> Iterator[None]:
        """What is said inside comes at its end; with `only`, what has this word in it."""
        self._kept, self._only = [], only
        yield
        kept, self._kept = self._kept, None
        for message in kept:
            self._browser.send(message)

    def wait_for(self, *words: str) -> None:
        """Until all this stands in one message of those that are kept back."""
        end = time.monotonic() + 10
        while not any(all(word in str(message) for word in words) for message in self._kept or ()):
            assert time.monotonic() < end, f"the server did not say {words}"
            self._page.evaluate(PAINTED)  # what comes is heard meanwhile

    def lose_others(self, *words: str) -> None:
        """Of what is kept back only that comes in which all this stands."""
        self._kept = [message for message in self._kept or () if all(word in str(message) for word in words)]


def press_mouse(page: Page, goal: Locator) -> None:
    """Holds the mouse down on it, where it stands now."""
    goal.scroll_into_view_if_needed()
    place = goal.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()


@browser_test
def test_a_menu_opens_and_closes_before_the_server_answers(site: Site, enter: Enter) -> None:
    for number, title in enumerate(("Bravo", "Alpha")):
        site.add(title, now=datetime(2026, 11, 1 + number, 12, tzinfo=UTC))
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open("/")
    expect(page.locator(".w-card-title")).to_have_text(["Alpha", "Bravo"])
    sort, menu = page.get_by_role("button", name="Sort"), page.get_by_role("menu", name="Sort")
    with line.silence():
        sort.click()
        menu.get_by_role("menuitemradio", name="Smart sorting").click()
        expect(menu).to_be_hidden()
        sort.click()
        menu.get_by_role("menuitemradio", name="Ascending").click()
        expect(menu).to_be_hidden()
    page.wait_for_url("**/?view=card&sort=id&order=asc")
    expect(page.locator(".w-card-title")).to_have_text(["Bravo", "Alpha"])
    more = page.get_by_role("button", name="More: Alpha")
    more.click()
    edit = page.get_by_role("menuitem", name="Edit")
    expect(edit).to_be_visible()
    with line.silence():
        edit.click()
        expect(page.get_by_role("menu")).to_be_hidden()
    expect(page.get_by_role("dialog", name="Edit webhook")).to_be_visible()


@browser_test
@pytest.mark.parametrize("path", ["/", "/deliveries"])
def test_calendars_and_lists_open_and_close_before_the_server_answers(site: Site, enter: Enter, path: str) -> None:
    site.add("Alpha")
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open(path)
    first = page.get_by_role("textbox", name="From")
    expect(first).to_be_visible()
    calendar = page.get_by_role("dialog", name="Choose the first day")
    opener = page.get_by_role("button", name="Choose the first day")
    with line.silence():
        opener.click()
        expect(calendar).to_be_visible()
        opener.click()
        expect(calendar).to_be_hidden()
        if path == "/deliveries":
            page.get_by_role("button", name="More filters").click()
        page.get_by_role("combobox", name="Trigger").click()
        page.get_by_role("option", name="order.paid").click()
        expect(page.get_by_role("option", name="order.paid")).to_be_hidden()
        first.click()
        calendar.get_by_role("button", name="12", exact=True).click()
        expect(calendar).to_be_hidden()
    expect(first).to_have_value(re.compile(r"^\d{4}-\d\d-12$"))
    page.wait_for_url(re.compile(r"trigger=order\.paid.*from=|from=.*trigger=order\.paid"))


@browser_test
def test_what_is_pressed_does_not_move_away(site: Site, enter: Enter) -> None:
    tenant = uuid.uuid4().hex  # a second try counts events of its own
    site.database.write_now(store_events, 60, tenant)
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open(f"/events?trigger=order.refunded&tenant={tenant}")
    page.get_by_role("button", name="Next page").click()
    expect(rows(page)).to_have_count(10)
    with line.silence():
        fire(site, {"id": 1}, "order.refunded", tenant=tenant)
        line.wait_for("1 new event")
        press_mouse(page, page.get_by_role("button", name="Previous page"))
    page.evaluate(PAINTED)  # by now the line about the new event would have pushed all else down
    page.mouse.up()
    expect(rows(page)).to_have_count(50)


@browser_test
@pytest.mark.parametrize("held", ["for a moment", "for long"])
@pytest.mark.parametrize("key", ["mouse", "Space"])
def test_what_is_pressed_is_done_although_it_is_written_anew(
    site: Site, receiver: Receiver, enter: Enter, key: str, held: str
) -> None:
    receiver.status = 500
    path = f"/{key}-{held.replace(' ', '-')}"
    webhook = site.add("Billing", url=f"{receiver.url}{path}", retry_schedule=[3600] * 9)
    event_id = site.emit().event_id
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open(f"/deliveries?webhook_id={webhook.id}")
    log = page.get_by_role("table", name="Deliveries").get_by_role("row")
    redeliver = log.filter(has_text="1 of 10").get_by_role("button", name="Redeliver")
    expect(redeliver).to_be_visible()
    with line.silence():
        again = partial(outbox.redeliver, actor=CLI, now=times.utcnow())
        site.database.write_now(again, int(webhook.id or 0), event_id)
        line.wait_for("2 of 10", "data-do")  # it has failed once more, and can be sent again
        line.lose_others("2 of 10", "data-do")  # between the two it was pending, and there was nothing to press
        receiver.status = 200
        if key == "mouse":
            press_mouse(page, redeliver)
        else:
            redeliver.focus()
            page.keyboard.down(key)
    if held == "for long":
        page.evaluate("dispatchEvent(new Event('blur'))")  # nothing waits any more for its end
        expect(log.filter(has_text="2 of 10")).to_be_visible()
    else:
        page.evaluate(PAINTED)  # by now the row would have been written anew
    page.mouse.up() if key == "mouse" else page.keyboard.up(key)
    receiver.wait_for(path, 3)
    expect(page.get_by_role("row").filter(has_text="200 OK")).to_be_visible()


def add_token(site: Site, name: str) -> None:
    site.database.write_now(accounts.create_token, name=name, role=Role.viewer, actor=CLI, now=times.utcnow())


@browser_test
def test_a_press_reaches_the_server_although_the_table_was_filled_anew(site: Site, enter: Enter) -> None:
    add_token(site, "First")
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open("/settings?tab=tokens")
    revoke = page.get_by_role("button", name="Revoke First")
    expect(revoke).to_be_visible()
    with line.silence():
        add_token(site, "Second")
        line.wait_for("Second")
        revoke.click()
    expect(page.get_by_role("alertdialog", name="Revoke “First”?")).to_be_visible()


@browser_test
def test_a_menu_opens_although_the_table_was_filled_anew(site: Site, enter: Enter) -> None:
    site.account(Role.viewer)
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open("/settings?tab=accounts")
    more = page.get_by_role("button", name="More for viewer@acme.example")
    expect(more).to_be_visible()
    with line.silence():
        site.account(Role.operator)
        line.wait_for("operator@acme.example")
        more.click()
    expect(page.get_by_role("menuitem", name="Reset password")).to_be_visible()
    page.get_by_role("menuitem", name="Reset password").click()
    expect(page.get_by_role("dialog", name="Reset password")).to_contain_text("viewer@acme.example")


@browser_test
def test_a_row_that_has_left_the_page_meanwhile_is_redelivered(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = int(site.add("Billing", url=f"{receiver.url}/oldest").id or 0)
    store(site.database, webhook_id, 50, attempt=BUSY)
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open(f"/deliveries?webhook_id={webhook_id}")
    redeliver = page.get_by_role("table", name="Deliveries").get_by_role("button", name="Redeliver")
    expect(redeliver).to_have_count(50)
    with line.silence("update"):
        site.emit()
        line.wait_for("200 OK")
        redeliver.last.evaluate("one => one.click()")  # where it stands, the list above is not scrolled
    receiver.wait_for("/oldest", 2)


@browser_test
@pytest.mark.parametrize("before", ["nothing", "a webhook"])
def test_a_press_reaches_the_server_although_the_list_has_become_another_thing(
    site: Site, enter: Enter, before: str
) -> None:
    site.clear()
    if before == "a webhook":
        site.add("Alpha")
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open("/")
    empty = page.get_by_role("heading", name="Tell another system")
    expect(page.get_by_role("link", name="Alpha") if before == "a webhook" else empty).to_be_visible()
    with line.silence():
        if before == "a webhook":
            site.clear()
            line.wait_for("Tell another system")
        else:
            site.add("Alpha")
            line.wait_for("Alpha")
        page.get_by_role("button", name="Add webhook").click()
    expect(page.get_by_role("dialog", name="Add webhook")).to_be_visible()


@browser_test
def test_who_goes_on_meanwhile_is_not_given_the_news_of_the_first_page(site: Site, enter: Enter) -> None:
    tenant = uuid.uuid4().hex
    site.database.write_now(store_events, 60, tenant)
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open(f"/events?trigger=order.refunded&tenant={tenant}")
    expect(rows(page)).to_have_count(50)
    with line.silence():
        fire(site, {"id": 1}, "order.refunded", tenant=tenant)
        line.wait_for("getBoundingClientRect")  # the server asks whether the list may move
        page.get_by_role("button", name="Next page").click()
        line.wait_for("start=51")
    fire(site, {"id": 2}, "order.refunded", tenant=tenant)
    expect(page.get_by_role("button", name="1 new event")).to_be_visible()
    expect(rows(page)).to_have_count(10)
