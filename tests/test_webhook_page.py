"""One webhook's page in a real browser: its head, its log as it changes, the panel of a delivery, settings, secret."""

import dataclasses
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect
from sqlmodel import Session

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture
from tests.stored import set_lane
from webhook_ui import ids, outbox, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.models import Change, Webhook, table
from webhook_ui.outbox import NewEvent
from webhook_ui.ui import delivery_words, message_view
from webhook_ui.ui.log_address import LogAddress
from webhook_ui.ui.webhook_page_address import Address, read_id

pytest_plugins = ["tests.browser"]

NOW = datetime(2026, 11, 23, 13, 32, 6, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}\u202eabc"
ARABIC = "مزامنة عملاء المتجر 🚀"
PENDING = DeliveryRow(
    webhook_id=14,
    webhook_title="Billing",
    event_id=1,
    trigger="user.created",
    status="pending",
    in_flight=False,
    tries=0,
    round=1,
    closed_reason=None,
    next_attempt_at=NOW,
    waiting_for=None,
    created_at=NOW,
    updated_at=NOW,
    last_at=None,
    last_duration_ms=None,
    last_response_status=None,
    last_error_class=None,
    last_error_message=None,
)
ERROR = dataclasses.replace(
    PENDING, status="error", tries=4, waiting_for="retry", last_error_class="http", last_error_message="503 Busy"
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Due now"),
        ({"in_flight": True}, "Being sent"),
        ({"waiting_for": "paused"}, "Held: paused"),
        ({"waiting_for": "disabled"}, "Held: disabled"),
        ({"waiting_for": "stopped"}, "Held: sending is stopped"),
        ({"waiting_for": "ordered"}, "Waits for the one before it"),
        ({"waiting_for": "breaker"}, "Waits for the probe: its receiver is down"),
        ({"waiting_for": "rate_limit"}, "Waits for its turn: the rate is limited"),
        ({"waiting_for": "retry"}, "Waits for the retry"),
        (
            {"waiting_for": "retry", "lane_until": NOW + timedelta(minutes=5)},
            "Waits until 14:37:06, as its receiver asked",
        ),
        ({"waiting_for": "deliver_at", "next_attempt_at": NOW + timedelta(minutes=5)}, "Waits until 14:37"),
        ({"waiting_for": "deliver_at", "next_attempt_at": NOW + timedelta(days=1)}, "Waits until 24 Nov, 14:32"),
        ({"status": "sent", "closed_reason": "sent", "last_response_status": 200}, "200 OK"),
        ({"status": "sent", "closed_reason": "sent", "last_response_status": 299}, "299"),
        ({"status": "error", "last_error_message": "No answer within 15 s"}, "No answer within 15 s"),
        ({"status": "error", "closed_reason": "cancelled"}, "Cancelled before it was sent"),
    ],
)
def test_what_became_of_a_delivery_is_said_in_words(changes: dict[str, object], words: str) -> None:
    assert delivery_words.result(dataclasses.replace(PENDING, **changes), NOW, BERLIN) == words


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, delivery_words.Next(words="now")),
        ({"next_attempt_at": NOW + timedelta(hours=2)}, delivery_words.Next(at=NOW + timedelta(hours=2))),
        ({"waiting_for": "paused"}, delivery_words.Next(words="held")),
        ({"waiting_for": "breaker"}, delivery_words.Next(words="after a probe")),
        ({"waiting_for": "ordered"}, delivery_words.Next(words="in turn")),
        ({"waiting_for": "rate_limit"}, delivery_words.Next(words="rate limit")),
        (
            {"waiting_for": "retry", "lane_until": NOW + timedelta(hours=1)},
            delivery_words.Next(at=NOW + timedelta(hours=1)),
        ),
        ({"closed_reason": "exhausted"}, delivery_words.Next(words="given up", over=True)),
        ({"closed_reason": "gone"}, delivery_words.Next(words="given up", over=True)),
        ({"closed_reason": "cancelled"}, delivery_words.Next(words="cancelled")),
        ({"closed_reason": "sent"}, delivery_words.Next()),
    ],
)
def test_when_it_is_tried_again(changes: dict[str, object], expected: delivery_words.Next) -> None:
    assert delivery_words.next_attempt(dataclasses.replace(PENDING, **changes), NOW) == expected


def test_which_attempt_it_is() -> None:
    assert delivery_words.attempt(PENDING, 9) == "1 of 10"
    assert delivery_words.attempt(ERROR, 9) == "4 of 10"
    assert delivery_words.attempt(dataclasses.replace(ERROR, in_flight=True), 9) == "5 of 10"
    assert delivery_words.attempt(dataclasses.replace(ERROR, tries=4), 1) == "4 of 4"
    assert delivery_words.attempt(dataclasses.replace(ERROR, tries=0, closed_reason="cancelled"), 9) == "–"


def test_an_address_is_read_and_written_without_loss() -> None:
    log = LogAddress(status="error", trigger="a.b", cursor="W10", number=51, delivery="dlv_1_7")
    address = Address(webhook_id=7, log=log)
    assert Address.read(7, address.text()) == address
    assert Address.read(7, "/webhooks/7?tab=nonsense&status=%00&first=-1&trigger=%00").text() == "/webhooks/7"
    assert [read_id(text) for text in ("7", "0", "٧", "-1", "7x", "9" * 30)] == [7, None, None, None, None, None]


def test_json_is_laid_out_without_touching_a_number() -> None:
    laid_out = message_view.lay_out('{"a":1e400,"b":123456789012345678901,"a":"\\u0041"}')
    assert laid_out == '{\n  "a": 1e400,\n  "b": 123456789012345678901,\n  "a": "\\u0041"\n}'
    assert "".join(piece for _, piece in message_view.json_pieces(laid_out)) == laid_out
    for body in ("<html>", '{"a":', "[" * 100_000, ""):
        assert message_view.lay_out(body) is None


def log(page: Page) -> Locator:
    return page.get_by_role("table", name="Deliveries")


def rows(page: Page) -> Locator:
    return log(page).locator("tbody tr")


def panel(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Delivery")


def hook(site: Site, url: str, title: str = "Billing ledger", **values: object) -> int:
    """A webhook whose retries are so far away that none comes during a test."""
    return int(site.add(title, url=url, **{"retry_schedule": [3600] * 9, **values}).id or 0)


def fire(site: Site, webhook_id: int, payload: str = '{"id": 7, "name": "Zoë"}') -> str:
    """Emits; returns the address of its delivery."""
    emitted = site.emit(payload=payload)
    return f"/webhooks/{webhook_id}?delivery={ids.delivery_text(webhook_id, emitted.event_id)}"


def store_events(session: Session, count: int) -> None:
    """Many at once, as a batch does."""
    for _ in range(count):
        outbox.emit(session, NewEvent(trigger="user.created", payload="{}", actor=CLI), now=datetime.now(UTC))


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """Each browser test starts without webhooks."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site").clear()


@pytest.mark.browser
def test_a_failing_receiver_is_named_and_redelivering_mends_it_in_place(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    receiver.status = 401
    webhook_id = hook(site, receiver.url + "/a")
    page = enter(f"/webhooks/{webhook_id}").page
    expect(page.get_by_text("No deliveries yet")).to_be_visible()
    site.emit()
    expect(rows(page)).to_have_count(1, timeout=2000)
    expect(rows(page)).to_contain_text("401 Unauthorized: the receiver wants credentials", timeout=2000)
    expect(rows(page).get_by_text("Error", exact=True)).to_be_visible()
    expect(rows(page)).to_contain_text("1 of 10")
    expect(rows(page)).to_contain_text("in ")
    expect(page.get_by_text("Failing", exact=True)).to_be_visible()
    note = page.get_by_role("status").filter(has_text="Failing since")
    expect(note).to_contain_text("401 Unauthorized")
    expect(note).to_contain_text("The receiver wants credentials")
    expect(note).to_contain_text("The next attempt is")
    expect(note.get_by_role("link", name="Redeliver 1 failed")).to_have_attribute(
        "href", re.compile(rf"^/redeliveries\?new=redeliver&webhook_id={webhook_id}&status=error&from=")
    )
    page.evaluate("document.querySelector('.w-table-log tbody tr').id = 'same'")
    receiver.status = 200
    rows(page).get_by_role("button", name="Redeliver").click()
    expect(rows(page).get_by_text("Sent", exact=True)).to_be_visible(timeout=2000)
    expect(rows(page)).to_contain_text("200 OK")
    expect(rows(page)).to_have_id("same")
    expect(rows(page).get_by_role("button", name="Redeliver")).to_have_count(0)
    expect(page.get_by_text("Failing", exact=True)).to_have_count(0)


@pytest.mark.browser
def test_a_delivery_opens_by_a_link_and_closes_by_escape(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.status = 503
    webhook_id = hook(site, receiver.url + "/a", headers={"authorization": "Bearer abc"})
    older, newer = fire(site, webhook_id), fire(site, webhook_id)
    receiver.wait_for("/a", 2)
    page = enter(newer).page
    open_panel = panel(page)
    expect(open_panel).to_contain_text("of 10 attempts")
    expect(open_panel.get_by_role("status")).to_contain_text("It is tried again in")
    line = open_panel.get_by_role("list", name="Attempts")
    expect(line.get_by_role("listitem")).to_have_count(10)
    expect(line.get_by_role("listitem").last).to_contain_text("last one, then given up")
    request = open_panel.get_by_role("region", name="Request as sent")
    expect(request).to_contain_text(f"POST {receiver.url}/a")
    expect(request).to_contain_text("authorization: •••")
    expect(request).not_to_contain_text("Bearer")
    expect(request).to_contain_text('"data": {')
    open_panel.get_by_role("button", name="Raw request as sent").click()
    expect(request).to_contain_text('"data":{"id": 7, "name": "Zoë"}}')
    open_panel.get_by_role("button", name="Older delivery").click()
    page.wait_for_url(site.url + older)
    expect(rows(page).nth(1)).to_contain_class("w-chosen")
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    page.wait_for_url(f"{site.url}/webhooks/{webhook_id}")
    page.go_back()
    expect(panel(page)).to_be_visible()
    page.go_forward()
    expect(panel(page)).to_have_count(0)
    event = ids.event_text(ids.delivery_numbers(newer.rpartition("=")[2])[1])
    expect(rows(page).first.get_by_role("link", name=event)).to_have_attribute("href", f"/events/{event}")
    rows(page).first.get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(site.url + newer)
    expect(panel(page)).to_be_visible()
    rows(page).nth(1).get_by_role("cell", name="503").click()
    page.wait_for_url(site.url + older)
    for nonsense in ("dlv_0000000000000_1", "nonsense"):
        page.goto(f"{site.url}/webhooks/{webhook_id}?delivery={nonsense}")
        expect(panel(page).get_by_role("heading", name="No such delivery")).to_be_visible()


@pytest.mark.browser
def test_what_was_ordered_in_the_panel_shows_in_the_panel(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.status = 500
    webhook_id = hook(site, receiver.url + "/a")
    first, second = fire(site, webhook_id), fire(site, webhook_id)
    receiver.wait_for("/a", 2)
    page = enter(first).page
    expect(panel(page)).to_contain_text("500 Internal Server Error")
    note = page.get_by_role("status").filter(has_text="Failing since")
    expect(note).to_contain_text("It answered 500, so the request has reached it, and something in it broke.")
    expect(note.get_by_role("link", name="Redeliver 2 failed")).to_be_visible()
    panel(page).get_by_role("button", name="send a test").click()
    expect(panel(page).get_by_role("region", name="Test")).to_contain_text("Test failed after")
    receiver.status = 200
    panel(page).get_by_role("button", name="send a test").click()
    expect(panel(page).get_by_role("region", name="Test")).to_contain_text("Test sent: 200 OK")
    panel(page).get_by_role("link", name="redeliver the 2 that failed").click()
    expect(page.get_by_role("button", name="Redeliver 2 failed")).to_be_visible()
    page.go_back()
    expect(panel(page)).to_contain_text("500 Internal Server Error")
    panel(page).get_by_role("button", name="Redeliver").click()
    expect(panel(page).get_by_text("Sent", exact=True).first).to_be_visible(timeout=2000)
    expect(panel(page).get_by_role("heading", name="Attempt 2")).to_be_visible()
    panel(page).get_by_role("button", name="Redeliver").click()
    asked = page.get_by_role("alertdialog", name="Send it once more?")
    expect(asked).to_contain_text("with the same webhook-id")
    asked.get_by_role("button", name="Redeliver").click()
    expect(panel(page).get_by_role("heading", name="Attempt 3")).to_be_visible()
    expect(asked).to_have_count(0)
    panel(page).get_by_role("button", name="#1").click()
    expect(panel(page).get_by_role("heading", name="Attempt 1")).to_be_visible()
    panel(page).get_by_role("button", name="Newer delivery").click()
    page.wait_for_url(site.url + second)
    asked = page.get_by_role("alertdialog", name="Cancel the retries of this delivery?")
    panel(page).get_by_role("button", name="Cancel retries").click()
    asked.get_by_role("button", name="Keep it").click()
    expect(asked).to_have_count(0)
    expect(panel(page)).not_to_contain_text("It was cancelled")
    panel(page).get_by_role("button", name="Cancel retries").click()
    asked.get_by_role("button", name="Cancel retries").click()
    expect(panel(page)).to_contain_text("It was cancelled")
    expect(panel(page).get_by_role("button", name="Cancel retries")).to_be_hidden()
    cancelled = rows(page).filter(has_text="cancelled")
    expect(cancelled).to_have_count(1)
    assert len(receiver.at("/a")) == 6
    page.keyboard.press("Escape")  # it was opened from nowhere, and leads to the row that was shown last
    expect(cancelled.get_by_role("link").first).to_be_focused()


@contextmanager
def answering(status: int, body: bytes, content_type: str) -> Iterator[str]:
    """A receiver that says something of its own; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("x-hostile", "<b>{{ 1 }}</b>")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
def test_what_is_redelivered_and_held_says_what_holds_it(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.status = 500
    webhook_id = hook(site, receiver.url + "/a")
    held, other = fire(site, webhook_id), fire(site, webhook_id)
    receiver.wait_for("/a", 2)
    page = enter(held).page
    messages = page.get_by_role("region", name="Messages")
    expect(panel(page)).to_contain_text("500 Internal Server Error")
    site.change(webhook_id, paused=True)
    panel(page).get_by_role("button", name="Redeliver").click()
    expect(messages).to_contain_text("It goes out as soon as it can. Held: paused.")
    messages.get_by_role("button", name="Close").click()
    site.change(webhook_id, paused=False)
    receiver.wait_for("/a", 3)
    page.goto(site.url + other)
    receiver.status = 200
    panel(page).get_by_role("button", name="Redeliver").click()
    expect(panel(page).get_by_text("Sent", exact=True).first).to_be_visible()
    expect(messages).not_to_contain_text("It goes out")


@pytest.mark.browser
def test_what_a_hostile_receiver_says_is_only_text(site: Site, enter: Enter) -> None:
    with answering(500, HOSTILE.encode() + b"\x00\xff", "text/html") as url:
        webhook_id = hook(site, url, title=HOSTILE.replace("\u202e", ""), headers={})
        page = enter(fire(site, webhook_id, '{"id": 12345678901234567890123, "name": "<b>"}')).page
        response = panel(page).get_by_role("region", name="Response")
        expect(response).to_contain_text(HOSTILE.replace("\u202e", "\\u202e"), timeout=4000)
        expect(response).to_contain_text("x-hostile: <b>{{ 1 }}</b>")
        expect(panel(page).get_by_role("region", name="Request as sent")).to_contain_text("12345678901234567890123")
        expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert(1)</script>")
        assert page.locator("img[src=x]").count() == 0
    with answering(200, b'{"deep":' + b"[" * 2000 + b"]" * 2000 + b"}", "application/json") as url:
        site.change(webhook_id, url=url)
        page.goto(site.url + fire(site, webhook_id))
        expect(panel(page).get_by_role("region", name="Response")).to_contain_text("200 OK", timeout=4000)
    picture(page, "delivery-hostile")


@pytest.mark.browser
def test_new_rows_wait_while_a_delivery_is_read(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/a")
    first = fire(site, webhook_id)
    page = enter(first).page
    expect(panel(page)).to_contain_text("200")
    site.emit()
    site.emit()
    waiting = page.get_by_role("button", name="2 new deliveries")
    expect(waiting).to_be_visible(timeout=2500)
    expect(rows(page)).to_have_count(1)
    panel(page).get_by_role("button", name="Close").click()
    expect(rows(page)).to_have_count(3)
    expect(waiting).to_be_hidden()


@pytest.mark.browser
def test_the_log_has_pages_and_filters_that_stand_in_the_address(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/a", triggers=["user.*", "order.paid"])
    receiver.statuses["/a"] = 500
    site.emit("order.paid", '{"id": 1}')
    receiver.wait_for("/a", 1)
    receiver.statuses["/a"] = 200
    site.change(webhook_id, paused=True)
    site.database.write_now(store_events, 55)
    page = enter(f"/webhooks/{webhook_id}").page
    expect(rows(page)).to_have_count(50)
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("1–50")
    page.get_by_role("button", name="Next page").click()
    expect(rows(page)).to_have_count(6)
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("51–56 of 56")
    site.emit()
    expect(page.get_by_role("button", name="1 new delivery")).to_be_visible(timeout=2500)
    expect(rows(page)).to_have_count(6)
    page.reload()
    expect(rows(page)).to_have_count(6)
    page.get_by_role("button", name="Previous page").click()
    expect(rows(page)).to_have_count(50)
    page.get_by_role("combobox", name="Status").click()
    page.get_by_role("option", name="Error").click()
    expect(rows(page)).to_have_count(1)
    page.wait_for_url("**/webhooks/*?status=error")
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("combobox", name="Trigger").click()
    page.get_by_role("option", name="user.created").click()
    expect(page.get_by_text("No delivery with status Error and trigger user.created")).to_be_visible()
    page.go_back()
    expect(rows(page)).to_have_count(1)
    page.goto(f"{site.url}/webhooks/{webhook_id}?cursor=nonsense&status=nonsense")
    expect(rows(page)).to_have_count(50)
    times = "from=2026-11-27T01:30&to=2026-11-29T01:30&tz=Europe/Berlin"
    page.goto(f"{site.url}/webhooks/{webhook_id}?{times}&response_status=503")
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-11-27 01:30")
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
    assert page.locator(".w-log-filters input[aria-label]").evaluate_all(cut) == []


@pytest.mark.browser
def test_pausing_holds_what_comes_and_resuming_sends_it(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/a")
    page = enter(f"/webhooks/{webhook_id}").page
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    site.emit()
    expect(rows(page)).to_contain_text("Held: paused", timeout=2500)
    expect(page.get_by_role("status").filter(has_text="Paused: 1 delivery waits")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    asked = page.get_by_role("dialog", name="Resume")
    expect(asked).to_contain_text("1 delivery waits")
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    asked.get_by_role("button", name="Resume").click()
    expect(rows(page)).to_contain_text("200 OK", timeout=2500)
    expect(asked).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()  # nothing is held, so nothing is asked
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(asked).to_have_count(0)
    switch = page.get_by_role("switch", name="Enabled")
    expect(switch).to_be_checked()
    switch.click()
    expect(page.get_by_text("Disabled", exact=True)).to_be_visible()
    site.change(webhook_id, enabled=True, title=ARABIC)
    expect(switch).to_be_checked(timeout=2500)
    expect(page.get_by_role("heading", level=1, name=ARABIC)).to_be_visible()


@pytest.mark.browser
def test_a_receiver_that_wants_no_more_is_named(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.status = 410
    webhook_id = hook(site, receiver.url + "/a")
    page = enter(f"/webhooks/{webhook_id}").page
    site.emit()
    note = page.get_by_role("status").filter(has_text="Disabled by the engine")
    expect(note).to_contain_text("410 Gone", timeout=3000)
    expect(page.get_by_role("switch", name="Enabled")).not_to_be_checked()
    expect(rows(page)).to_contain_text("given up")


@pytest.mark.browser
def test_a_test_is_sent_at_once_and_its_answer_shown(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/test", enabled=False)
    page = enter(f"/webhooks/{webhook_id}").page
    page.get_by_role("button", name="Send test").click()
    done = page.get_by_role("region", name="Test", exact=True)
    expect(done).to_contain_text("Test sent: 200 OK in")
    assert receiver.wait_for("/test")[0].data["data"]
    expect(rows(page)).to_contain_text("test", timeout=2500)
    expect(rows(page)).to_contain_text("200 OK")
    expect(rows(page)).to_contain_text("1 of 1")
    pill, trigger = (rows(page).locator(f".w-c-trigger .{look}").bounding_box() for look in ("w-tag", "w-mono"))
    assert pill
    assert trigger
    assert abs(pill["y"] - trigger["y"]) < 8  # beside it, and no wider than its word
    assert pill["width"] < 60
    done.get_by_role("link", name="Show test").click()
    expect(panel(page).get_by_role("heading", level=2)).to_contain_text("test")
    page.get_by_role("button", name="Close", exact=True).and_(page.locator(".w-panel button")).click()
    receiver.status = 503
    page.get_by_role("button", name="Send test").click()
    expect(done).to_contain_text("Test failed after")
    expect(done).to_contain_text("503 Service Unavailable")
    expect(rows(page)).to_have_count(2, timeout=2500)
    expect(rows(page).first.get_by_role("button", name="Redeliver")).to_have_count(0)
    expect(page.get_by_text("Failing", exact=True)).to_have_count(0)


@pytest.mark.browser
def test_two_clicks_send_one_test(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/twice", title="Twice")
    page = enter("/?view=list").page
    page.get_by_role("button", name="Send test to Twice").dblclick()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("Test sent: 200 OK in")
    page.goto(f"{site.url}/webhooks/{webhook_id}")
    send, done = page.get_by_role("button", name="Send test"), page.get_by_role("region", name="Test", exact=True)
    expect(rows(page)).to_have_count(1)
    send.dblclick()
    expect(done).to_contain_text("Test sent: 200 OK in")
    receiver.statuses["/twice"] = 503
    send.click()  # what went before is done by then
    expect(done).to_contain_text("503 Service Unavailable")
    assert len(receiver.at("/twice")) == 3


@pytest.mark.browser
def test_a_receiver_that_is_down_is_said_with_its_reason(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/down")
    now = datetime.now(UTC)
    reason = "9 of the last 10 attempts failed; last: 503 Service Unavailable"
    down = {"breaker": "open", "reason": reason, "opened_at": now}
    set_lane(
        site.database,
        webhook_id,
        **down,
        probe_at=now + timedelta(minutes=9, seconds=50),
        disable_at=now + timedelta(days=4),
    )
    site.emit()
    page = enter(f"/webhooks/{webhook_id}").page
    since = re.compile(r"Receiver is down since \d\d:\d\d: 503 Service Unavailable")
    note = page.get_by_role("status").filter(has_text=since)
    expect(note).to_contain_text("the next probe is in 9 min")
    expect(note).to_contain_text("1 delivery waits")
    expect(note).to_contain_text("Unless something arrives before, it will be disabled on")
    expect(rows(page)).to_contain_text("Waits for the probe")
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"down-{scheme}")
    page.set_viewport_size({"width": 400, "height": 900})
    check_width(page)
    names = ("Send test", "More")  # in one row, and nothing scrolls sideways
    tops = {(page.get_by_role("button", name=name, exact=True).bounding_box() or {})["y"] for name in names}
    assert len(tops) == 1
    for scheme in both_schemes(page):
        picture(page, f"down-400-{scheme}")
    page.goto(f"{site.url}/")
    expect(page.get_by_role("article").filter(has_text="Billing ledger").first).to_contain_text(
        "Down: next probe in 9 min"
    )
    site.change(webhook_id, url=receiver.url + "/up")
    receiver.wait_for("/up")
    page.goto(f"{site.url}/webhooks/{webhook_id}")
    expect(rows(page)).to_contain_text("200 OK", timeout=2500)
    expect(note).to_have_count(0)


@pytest.mark.browser
def test_resuming_at_a_rate_and_without_what_is_old(
    site: Site, receiver: Receiver, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id = hook(site, receiver.url + "/resume", paused=True)
    long_ago = datetime.now(UTC) - timedelta(days=40)
    with monkeypatch.context() as then:
        then.setattr(ids, "new_id", iter(range(ids.floor(long_ago), ids.floor(datetime.now(UTC)))).__next__)
        site.emit()
    site.emit()
    page = enter(f"/webhooks/{webhook_id}").page
    page.get_by_role("button", name="Resume").click()
    asked = page.get_by_role("dialog", name="Resume")
    expect(asked).to_contain_text("2 deliveries wait. Resume sends all of them, the oldest first.")
    expect(asked.get_by_label("Rate", exact=True)).to_be_hidden()
    asked.get_by_role("switch", name="Send at a rate").click()
    asked.get_by_role("switch", name="Drop what is old").click()
    asked.get_by_role("button", name="Resume").click()
    expect(asked).to_contain_text("Say how many a second")
    asked.get_by_label("Rate", exact=True).fill("0")
    asked.get_by_role("button", name="Resume").click()
    expect(asked).to_contain_text("Choose the day")
    asked.get_by_label("Before").fill((long_ago + timedelta(days=2)).date().isoformat())
    asked.get_by_label("Time").fill("25:00")
    asked.get_by_role("button", name="Resume").click()
    expect(asked).to_contain_text("There is no time 25:00")
    asked.get_by_label("Time").fill("09:30")
    asked.get_by_role("button", name="Resume").click()
    expect(asked).to_contain_text("This must lie between")
    assert receiver.at("/resume") == []
    asked.get_by_label("Rate", exact=True).fill("2.5")
    expect(asked.locator(".w-bad")).to_have_count(0)
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        for scheme in both_schemes(page):
            picture(page, f"resume-{width}-{scheme}")
            if width == 400:
                check_rules(page)
    asked.get_by_role("button", name="Resume").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_text("1 older delivery cancelled.")).to_be_visible()
    expect(rows(page).nth(0)).to_contain_text("200 OK", timeout=2500)
    expect(rows(page).nth(1)).to_contain_text("Cancelled before it was sent")
    change = table(Change)
    done = sa.select(change.c.after).where(change.c.action == "webhook.resumed").order_by(change.c.id.desc()).limit(1)
    assert site.database.read_now(lambda session: session.execute(done).scalar_one())["rate"] == 2.5
    assert len(receiver.at("/resume")) == 1


@pytest.mark.browser
def test_sending_is_stopped_and_started_for_everybody(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/stop")
    page, other = enter("/").page, enter(f"/webhooks/{webhook_id}", role=Role.operator).page
    bar, theirs = (one.get_by_role("status").filter(has_text="Sending is stopped") for one in (page, other))
    expect(other.get_by_role("button", name="Stop sending")).to_have_count(0)
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_text("Sending", exact=True)).to_be_visible()
    expect(main.get_by_role("link", name="Webhooks", exact=True)).to_have_attribute("title", "Webhooks: 1")
    page.get_by_role("button", name="Stop sending").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(bar).to_be_hidden()
    page.get_by_role("button", name="Stop sending").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Stop sending").press("Enter")
    expect(page.get_by_role("button", name="Start sending")).to_be_focused()  # what was pressed is gone
    try:
        expect(bar).to_contain_text(f"by {site.account(Role.admin)}. Everything is accepted and held", timeout=2500)
        expect(theirs).to_be_visible(timeout=2500)
        expect(theirs.get_by_role("button", name="Start sending")).to_have_count(0)
        site.emit()
        expect(rows(other)).to_contain_text("Held: sending is stopped", timeout=2500)
        page.goto(f"{site.url}/triggers")
        expect(bar).to_contain_text("1 delivery waits")
        expect(main.get_by_text("Sending stopped")).to_be_visible()
        page.wait_for_function("!document.querySelector('.q-dialog')")
        for _ in both_schemes(page):
            check_rules(page)
        for width in (1280, 800, 400):
            page.set_viewport_size({"width": width, "height": 900})
            check_width(page)
            for scheme in both_schemes(page):
                picture(page, f"stopped-{width}-{scheme}")
    finally:
        page.get_by_role("button", name="Start sending").press("Enter")
    expect(bar).to_be_hidden(timeout=2500)
    expect(page.get_by_role("button", name="Menu")).to_be_focused()  # it is narrow by now
    expect(theirs).to_be_hidden(timeout=2500)
    for one in (page, other):  # once in each, in the live region of either
        said = one.get_by_role("region", name="Messages").get_by_text("Sending is started. What was held is sent")
        expect(said).to_have_count(1, timeout=2500)
    receiver.wait_for("/stop")
    expect(rows(other)).to_contain_text("200 OK", timeout=2500)


@pytest.mark.browser
def test_deleting_leads_to_the_list_and_there_is_a_way_back(site: Site, enter: Enter) -> None:
    webhook_id = hook(site, "http://127.0.0.1:9/a")
    visitor = enter(f"/webhooks/{webhook_id}")
    page = visitor.page
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.wait_for_url(f"{site.url}/")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Billing ledger")).to_be_visible()
    site.database.write_now(webhooks.delete, webhook_id, actor=CLI, now=datetime.now(UTC))
    page.goto(f"{site.url}/webhooks/{webhook_id}")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("is restored.")
    expect(page.get_by_role("switch", name="Enabled")).to_be_visible(timeout=2500)
    site.database.write_now(webhooks.delete, webhook_id, actor=CLI, now=datetime.now(UTC))
    expect(page.get_by_text("This webhook was deleted")).to_be_visible(timeout=2500)
    for nobody in ("999999", "abc", "0", "9" * 40, "%00"):
        answer = page.goto(f"{site.url}/webhooks/{nobody}")
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="No such webhook")).to_be_visible()
    visitor.complaints.clear()  # the browser says so too
    page.get_by_role("button", name="Back to the webhooks").click()
    page.wait_for_url(f"{site.url}/")


@pytest.mark.browser
def test_viewers_see_the_state_and_nothing_to_press(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.status = 500
    webhook_id = hook(site, receiver.url + "/a", headers={"x-key": "s3cret"})
    address = fire(site, webhook_id)
    receiver.wait_for("/a")
    page = enter(address, role=Role.viewer).page
    expect(panel(page)).to_contain_text("500 Internal Server Error")
    for name in ("Redeliver", "Cancel retries", "Pause", "Send test", "Edit", "More", "Stop sending"):
        expect(page.get_by_role("button", name=name, exact=True).and_(page.locator(":visible"))).to_have_count(0)
    expect(page.get_by_role("switch")).to_have_count(0)
    about = page.get_by_role("tablist", name="About this webhook")
    expect(about.get_by_role("tab")).to_have_text(["Activity", "Health", "Settings", "History"])
    page.goto(f"{site.url}/webhooks/{webhook_id}?tab=settings")
    expect(page.get_by_text("x-key")).to_be_visible()
    expect(page.get_by_role("button", name="Show values")).to_have_count(0)
    assert "s3cret" not in page.content()
    page.goto(f"{site.url}/webhooks/{webhook_id}?tab=secret")
    expect(log(page)).to_be_visible()


@pytest.mark.browser
def test_settings_and_the_secret_are_shown_when_asked_for(site: Site, enter: Enter) -> None:
    webhook_id = hook(site, "http://127.0.0.1:9/a", headers={"x-key": "s3cret"}, retry_schedule=[60, 3600])
    page = enter(f"/webhooks/{webhook_id}").page
    page.get_by_role("tab", name="Settings").click()
    page.wait_for_url("**/*?tab=settings")
    expect(page.get_by_text("1 h 1 min after the first, then given up")).to_be_visible()
    assert "s3cret" not in page.content()
    page.get_by_role("button", name="Show values").click()
    expect(page.get_by_text("s3cret")).to_be_visible()
    page.get_by_role("tab", name="Secret").click()
    page.wait_for_url("**/*?tab=secret")
    stored = secret_of(site, webhook_id)
    assert stored not in page.content()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text(stored)).to_be_visible()
    expect(page.get_by_role("button", name="Copy secret")).to_have_attribute("data-copy", stored)
    page.get_by_role("button", name="Rotate").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Rotate").click()
    expect(page.get_by_text("Both secrets sign")).to_be_visible(timeout=2500)
    assert stored not in page.content()
    rotated = secret_of(site, webhook_id)
    assert rotated != stored
    page.get_by_role("button", name="Rotate").click()
    again = page.get_by_role("alertdialog", name="Rotate again")
    again.get_by_role("button", name="Cancel").click()
    expect(again).to_be_hidden()
    assert secret_of(site, webhook_id) == rotated
    page.get_by_role("button", name="Rotate").click()
    again.get_by_role("button", name="Rotate again").click()
    expect(again).to_be_hidden()
    expect(page.get_by_text("Both secrets sign")).to_be_visible()
    assert secret_of(site, webhook_id) not in (rotated, stored)
    page.go_back()
    expect(page.get_by_role("tab", name="Settings")).to_have_attribute("aria-selected", "true")


def secret_of(site: Site, webhook_id: int) -> str:
    found: Webhook = site.database.read_now(webhooks.get, webhook_id)
    return found.secret


@pytest.mark.browser
def test_it_can_be_read_by_everybody_and_on_every_screen(site: Site, receiver: Receiver, enter: Enter) -> None:
    receiver.status = 503
    webhook_id = hook(
        site, receiver.url + "/a/" + "long" * 40, title=f"{ARABIC} {'Long title ' * 12}", description=ARABIC
    )
    path = f"/a/{'long' * 40}"
    address = fire(site, webhook_id)
    site.emit()
    receiver.wait_for(path, 2)
    visitor = enter(f"/webhooks/{webhook_id}")
    page = visitor.page
    expect(rows(page).first).to_contain_text("503", timeout=2500)
    views = {
        "webhook": f"/webhooks/{webhook_id}",
        "webhook-settings": f"/webhooks/{webhook_id}?tab=settings",
        "webhook-secret": f"/webhooks/{webhook_id}?tab=secret",
        "delivery": address,
    }
    for name, where in views.items():
        visitor.open(where)
        (panel(page).get_by_role("heading", level=2) if name == "delivery" else page.get_by_role("tabpanel")).wait_for()
        for scheme in both_schemes(page):
            if name != "webhook":  # what the panel leaves of the log is judged with it
                page.wait_for_function("!document.querySelector('.q-dialog[class*=transition]')")
                check_rules(page)
            picture(page, f"{name}-{scheme}")
            for width in (800, 400):
                page.set_viewport_size({"width": width, "height": 900})
                check_width(page)
            picture(page, f"{name}-400-{scheme}")
            page.set_viewport_size({"width": 1440, "height": 900})
