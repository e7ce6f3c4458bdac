"""The panel of a delivery in a real browser: causes explained, attempts, comparison, curl, HAR, keys, screens."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect
from sqlmodel import Session

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture
from tests.causes import CAUSES, Cause, deliver_all
from tests.stored import attempts
from tests.test_curl_and_har import check_entry
from tests.test_explain import case_of
from webhook_ui import ids
from webhook_ui.actors import Role
from webhook_ui.explain import explain
from webhook_ui.models import Attempt, table
from webhook_ui.ui import panel_address
from webhook_ui.ui.log_address import CAUSES as NAMES
from webhook_ui.ui.panel_address import Choice

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

HOSTILE = """{"id": 7, "name": "<script>alert(1)</script>'; exit 1 # \u202eabc", "long": "%s"}""" % ("é" * 300)


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """Each browser test starts without webhooks."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site").clear()


def panel(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Delivery")


def line(page: Page) -> Locator:
    return panel(page).get_by_role("list", name="Attempts").get_by_role("listitem")


def hook(site: Site, url: str, title: str = "Billing ledger", **values: object) -> int:
    return int(site.add(title, url=url, **{"retry_schedule": [3600] * 4, **values}).id or 0)


def fire(site: Site, webhook_id: int, payload: str = '{"id": 7, "name": "Zoë"}') -> str:
    return f"/webhooks/{webhook_id}?delivery={ids.delivery_text(webhook_id, site.emit(payload=payload).event_id)}"


def settled(page: Page) -> None:
    page.wait_for_function("!document.querySelector('.q-dialog[class*=transition]')")


@pytest.fixture
def every(site: Site, alone: None) -> tuple[int, dict[Cause, int]]:
    """A webhook with a delivery for each cause, really delivered; made beside the browser's loop."""
    webhook_id = hook(site, "http://127.0.0.1:9/hooks", title="All the ways to fail")
    with ThreadPoolExecutor(1) as beside, pytest.MonkeyPatch.context() as monkeypatch:
        events = beside.submit(deliver_all, site.database, webhook_id, monkeypatch, CAUSES).result(120)
    return webhook_id, events


def test_an_address_holds_the_chosen_attempt_and_leaves_the_rest_alone() -> None:
    path = "/webhooks/7?status=error&delivery=dlv_1_7"
    chosen = Choice(attempt=3, view="difference")
    written = panel_address.write(path, chosen)
    assert written == f"{path}&attempt=3&view=difference"
    assert panel_address.read(written) == chosen
    assert panel_address.write(written, Choice()) == path
    for nonsense in ("attempt=0", "attempt=x", "attempt=-1", "view=x", "attempt=" + "9" * 40, "%00", "attempt=٣"):
        assert panel_address.read(f"/x?{nonsense}") == Choice()


def test_arrows_lead_through_all_causes_and_each_is_explained(
    every: tuple[int, dict[Cause, int]], site: Site, enter: Enter
) -> None:
    webhook_id, events = every
    newest = sorted(events.items(), key=lambda pair: -pair[1])
    first = ids.delivery_text(webhook_id, newest[0][1])
    page = enter(f"/webhooks/{webhook_id}").page
    page.locator(".w-table-log a[href]").first.click()
    page.wait_for_url(f"**delivery={first}")
    for place, (cause, event_id) in enumerate(newest):
        if place >= 50:  # further back than the first page of the log
            page.goto(f"{site.url}/webhooks/{webhook_id}?delivery={ids.delivery_text(webhook_id, event_id)}")
        elif place:
            page.keyboard.press("ArrowDown")
        expect(panel(page)).to_contain_text(ids.event_text(event_id))
        case = case_of(attempts(site.database, webhook_id, event_id)[0])
        told = explain(case)
        note = panel(page).get_by_role("status")
        if case.response_status is None:
            expect(line(page).first).to_contain_text(NAMES[case.error_class or ""])
        if told is None:
            assert cause.code == "good"
            expect(note).to_have_count(0)
            continue
        expect(note).to_contain_text(told.title)
        expect(note).to_contain_text(told.cause.replace("`", ""))
        expect(note.get_by_role("listitem")).to_have_count(len(told.steps) + (not told.warning))
        if cause.code in ("proxy", "certificate_expired", "redirect_lasting", "crash", "certificate_ends"):
            picture(page, f"explained-{cause.code}")
    page.goto(f"{site.url}/webhooks/{webhook_id}?delivery={first}")
    expect(panel(page).get_by_role("status")).to_contain_text("of the last")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.wait_for_url(f"**delivery={first}")


def test_keys_of_lists_serve_the_panel_while_one_is_in_it(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/keys")
    older = fire(site, webhook_id)
    newer = fire(site, webhook_id)
    page = enter(newer).page
    panel(page).get_by_role("button", name="Close").focus()
    page.keyboard.press("j")
    page.wait_for_url(site.url + older)
    page.keyboard.press("k")
    page.wait_for_url(site.url + newer)
    page.keyboard.press(".")
    expect(page.get_by_role("menu", name="More about this delivery")).to_be_visible()


def test_escape_gives_the_focus_back(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/focus")
    fire(site, webhook_id)
    receiver.wait_for("/focus")
    page = enter(f"/webhooks/{webhook_id}").page
    opener = page.locator(".w-table-log a[href]").first
    opener.focus()
    page.keyboard.press("Enter")
    expect(panel(page)).to_be_visible()
    page.wait_for_function("document.activeElement.closest('.q-dialog')")
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(opener).to_be_focused()


def test_attempts_stand_in_the_address_and_are_compared(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/cmp")
    fire(site, webhook_id, '{"id": 7, "name": "Zoë", "old": true}')
    receiver.wait_for("/cmp")
    receiver.status = 422
    address = fire(site, webhook_id, '{"id": 8, "name": "Zoë"}')
    receiver.wait_for("/cmp", 2)
    page = enter(address).page
    note = panel(page).get_by_role("status")
    expect(note).to_contain_text("understands the request and does not accept")
    expect(note).to_contain_text("1 of the last 2 attempts ended the same way; the last good one was at")
    expect(note).to_contain_text("It is tried again in")
    receiver.status = 503
    panel(page).get_by_role("button", name="Redeliver").click()
    expect(panel(page).get_by_role("heading", name="Attempt 2")).to_be_visible()
    expect(note).to_contain_text("cannot take deliveries just now")
    panel(page).get_by_role("button", name="#1").click()
    page.wait_for_url(f"{site.url}{address}&attempt=1")
    expect(note).to_contain_text("About attempt 1 of 2")
    panel(page).get_by_role("tab", name="Difference from last good").click()
    page.wait_for_url("**&attempt=1&view=difference")
    rows = panel(page).get_by_role("table", name="Differences").locator("tbody tr")
    expect(rows).to_have_text(
        ["Bodydata.idLast good7This one8", "Bodydata.oldLast goodtrueThis onenot there",
         "AnswerLast good200 OKThis one422 Unprocessable Entity"]
    )  # fmt: skip
    headings = panel(page).get_by_role("table", name="Differences").get_by_role("columnheader")
    edge = "elements => elements.map(element => element.getBoundingClientRect().left)"
    assert headings.evaluate_all(edge)[1:] == rows.first.locator("td").evaluate_all(edge), "each above its values"
    page.reload()
    expect(rows).to_have_count(3)
    settled(page)
    check_rules(page)
    picture(page, "difference")
    page.go_back()
    expect(panel(page).get_by_role("region", name="Request as sent")).to_be_visible()
    receiver.status = 200
    panel(page).get_by_role("button", name="Redeliver").click()
    expect(panel(page).get_by_text("Sent", exact=True).first).to_be_visible()
    expect(panel(page).get_by_role("heading", name="Attempt 3")).to_be_visible()
    page.wait_for_url(site.url + address)
    expect(note).to_have_count(0)
    panel(page).get_by_role("button", name="#2").click()
    expect(note).to_contain_text("A later attempt has arrived")


def test_of_many_attempts_the_newest_are_shown_and_cancelling_asks_first(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    receiver.status = 500
    webhook_id = hook(site, receiver.url + "/a")
    address = fire(site, webhook_id)
    receiver.wait_for("/a")
    page = enter(address).page
    expect(line(page).filter(has_text="500")).to_have_count(1)
    attempt = table(Attempt)

    def make_many(session: Session) -> None:
        (made,) = session.execute(sa.select(attempt).where(attempt.c.webhook_id == webhook_id)).mappings()
        session.execute(attempt.insert(), [{**made, "id": made["id"] - number} for number in range(1, 46)])

    site.database.write_now(make_many)
    page.reload()
    past = line(page).filter(has_text="500")
    expect(past).to_have_count(20)
    expect(past.last).to_contain_text("#46")
    panel(page).get_by_role("button", name="Show 26 earlier").press("Enter")
    expect(past).to_have_count(46)
    expect(panel(page).get_by_role("button", name=re.compile("earlier"))).to_have_count(0)
    past.first.get_by_role("button").click()
    page.wait_for_url("**&attempt=1")
    expect(panel(page).get_by_role("heading", name="Attempt 1")).to_be_visible()
    expect(panel(page)).to_contain_text("About attempt 1 of 46.")
    page.reload()
    expect(panel(page).get_by_role("heading", name="Attempt 1")).to_be_visible()
    chosen = panel(page).get_by_role("list", name="Chosen attempt").get_by_role("listitem")
    expect(chosen).to_contain_text("#1")
    expect(chosen).to_have_attribute("aria-current", "true")
    expect(past).to_have_count(20)
    asked = page.get_by_role("alertdialog", name="Cancel the retries of this delivery?")
    panel(page).get_by_role("button", name="Cancel retries").click()
    check_rules(page)
    asked.get_by_role("button", name="Keep it").click()
    expect(asked).to_have_count(0)
    panel(page).get_by_role("button", name="Cancel retries").click()
    asked.get_by_role("button", name="Cancel retries").click()
    expect(panel(page).get_by_role("button", name="Cancel retries")).to_be_hidden()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("Cancelled.")


def test_copied_as_curl_it_arrives_again_byte_for_byte(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/curl?a[]={1}", headers={"x-key": "s3cret"})
    receiver.secrets["/curl"] = site.webhooks()[0].secret
    address = fire(site, webhook_id, HOSTILE)
    (sent,) = receiver.wait_for("/curl")
    visitor = enter(None, role=Role.viewer)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open(address)
    panel(page).get_by_role("button", name="Copy as curl").click()
    told = page.get_by_role("region", name="Messages")
    expect(told).to_contain_text("Put in the value of x-key for •••")
    expect(told).to_contain_text("refuses it after 5 minutes")
    command = page.evaluate("navigator.clipboard.readText()")
    subprocess.run(
        ["bash", "-c", command], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=20, check=True
    )
    again = receiver.wait_for("/curl", 2)[1]
    assert (again.body, again.verified) == (sent.body, True)
    assert again.headers == {**sent.headers, "x-key": "•••".encode().decode("latin-1")}


def test_a_delivery_is_downloaded_as_an_archive(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver.url + "/har", headers={"x-key": "s3cret"})
    address = fire(site, webhook_id)
    receiver.wait_for("/har")
    visitor = enter(address, role=Role.viewer)
    page = visitor.page
    expect(panel(page)).to_contain_text("200 OK")
    panel(page).get_by_role("button", name="More about this delivery").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="Download HAR").click()
    name = address.partition("=")[2]
    assert waiting.value.suggested_filename == f"{name}.har"
    text = waiting.value.path().read_text()
    assert "s3cret" not in text
    (entry,) = json.loads(text)["log"]["entries"]
    check_entry(entry)
    assert entry["request"]["postData"]["text"].encode() == receiver.at("/har")[0].body
    for nobody in ("nonsense", "dlv_0000000000000_1"):
        assert visitor.context.request.get(f"{site.url}/deliveries/{nobody}/har").status == 404
    stranger = enter(None, role=None)
    answer = stranger.context.request.get(f"{site.url}/deliveries/{name}/har", max_redirects=0)
    assert (answer.status, answer.headers["location"][:6]) == (303, "/login")
    panel(page).get_by_role("button", name="More about this delivery").click()
    page.get_by_role("menuitem", name="Copy delivery ID").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text(f"{name} is copied")


def test_everybody_can_use_it_on_every_screen(site: Site, receiver: Receiver, enter: Enter) -> None:
    path = "/wide/" + "long" * 60
    webhook_id = hook(site, receiver.url + path, title="مزامنة عملاء المتجر 🚀 " + "Long title " * 12)
    fire(site, webhook_id)
    receiver.wait_for(path)
    receiver.status = 503
    address = fire(site, webhook_id, HOSTILE)
    receiver.wait_for(path, 2)
    visitor = enter(address)
    page = visitor.page
    expect(panel(page).get_by_role("status")).to_contain_text("cannot take deliveries just now")
    for view in ("", "&view=difference"):
        if view:
            visitor.open(address + view)
            expect(panel(page).get_by_role("table", name="Differences")).to_be_visible()
        settled(page)
        for _ in both_schemes(page):
            check_rules(page)
        for width in (1600, 1024, 400):
            page.set_viewport_size({"width": width, "height": 1000})
            check_width(page)
            box = page.locator(".w-panel").bounding_box()
            assert box is not None
            for place in (".w-panel", ".w-panel-acts"):
                assert page.locator(place).evaluate("element => element.scrollWidth <= element.clientWidth"), place
            if width == 400:
                assert (box["x"], box["width"]) == (0, 400)
            for scheme in both_schemes(page):
                picture(page, f"panel{'-difference' if view else ''}-{width}-{scheme}")
        page.set_viewport_size({"width": 1440, "height": 900})
