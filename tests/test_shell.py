"""What is around every page: palette, keys, theme, a lost connection, addresses that are none, what is forbidden."""

import re
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, Route, expect
from sqlmodel import Session
from starlette.responses import HTMLResponse

from tests.browser import ZONE, Enter, Receiver, Site, Visitor, both_schemes, check_rules, check_width, picture, serve
from tests.processes import Process
from tests.stored import NOW, OPERATOR, add_webhook, emit
from webhook_ui import ids, webhooks
from webhook_ui.actors import Role
from webhook_ui.database import Database
from webhook_ui.history.finding import find
from webhook_ui.security_headers import Nonces, with_security_headers
from webhook_ui.ui.drafts import read_values
from webhook_ui.ui.shortcuts import SHORTCUTS

pytest_plugins = ["tests.browser"]

browser_test = pytest.mark.browser
ARABIC = "مزامنة عملاء المتجر"
LONG = "Data warehouse loader (all events, long-term retention, EU region only) " * 2


# without a browser


def client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def test_every_script_of_a_page_has_the_nonce_of_its_answer_alone() -> None:
    page = Nonces(HTMLResponse("<script>1</script><p>&lt;script</p><script src='/a.js'></script>"))
    policies = []
    for _ in range(2):
        answer = await client(page).get("/")
        policy = answer.headers["content-security-policy"]
        found = re.findall(r"'nonce-([^']+)'", policy)
        assert len(found) == 1
        assert answer.text.count(f'<script nonce="{found[0]}"') == 2
        assert "unsafe-inline" not in policy.partition("script-src ")[2]
        policies.append(policy)
    assert policies[0] != policies[1]


async def test_what_is_no_page_passes_unchanged() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await HTMLResponse("<script>", media_type="text/plain")(scope, receive, with_security_headers(send))

    answer = await client(Nonces(app)).get("/")
    assert answer.text == "<script>"
    assert "nonce" not in answer.headers["content-security-policy"]


def test_no_key_means_two_things() -> None:
    single = [one.keys[0] for one in SHORTCUTS if len(one.keys) == 1]
    double = [one.keys for one in SHORTCUTS if len(one.keys) == 2]
    assert len({*single, *double}) == len(single) + len(double)
    assert not {keys[0] for keys in double} & set(single)


def test_a_draft_is_taken_apart_and_nothing_else() -> None:
    given = {"title": "x", "enabled": False, "triggers": ["a.b", 5], "url": {"a": 1}, "description": "y" * 100_001}
    assert read_values(given) == {"title": "x", "enabled": False, "triggers": ["a.b"]}


# finding


def test_things_are_found_by_what_somebody_has_of_them(database: Database, found_here: dict[str, Any]) -> None:
    def titles(words: str) -> list[str]:
        return [one.title for one in database.read_now(find, words).webhooks]

    billing, event_id = found_here["billing"], found_here["event"]
    assert titles("LEDG") == ["Ledger of bills", "Billing ledger"]  # what begins so comes first
    assert titles("bill.example") == ["Billing ledger"]
    assert titles(f"#{billing}") == ["Billing ledger"]
    assert titles(f"{billing}")[0] == "Billing ledger"
    assert titles("50%_") == ["50%_off"], "signs of patterns are signs"
    assert titles("gone") == titles("") == titles(" ") == titles("x" * 5000) == titles("#99999999999999999999") == []
    assert len(titles("many")) == 6
    event = database.read_now(find, ids.event_text(event_id).lower()).event
    assert event is not None
    assert (event.id, event.trigger) == (ids.event_text(event_id), "user.created")
    delivery = database.read_now(find, ids.delivery_text(billing, event_id)).delivery
    assert delivery is not None
    assert (delivery.webhook_title, delivery.status) == ("Billing ledger", "pending")
    for wrong in ("evt_", "evt_0000000000000", "dlv_x", "dlv_0000000000000_1", "evt_é", "dlv_0000000000000_٣"):
        found = database.read_now(find, wrong)
        assert (found.event, found.delivery) == (None, None)


@pytest.fixture
def found_here(database: Database) -> dict[str, Any]:
    """A few webhooks, and an event for two of them."""
    billing = add_webhook(database, title="Billing ledger", url="https://bill.example/in")
    add_webhook(database, title="Ledger of bills")
    add_webhook(database, title="50%_off", enabled=False)
    add_webhook(database, title="50 x off", enabled=False)
    for number in range(8):
        add_webhook(database, title=f"One of many {number}", enabled=False)
    gone = add_webhook(database, title="Long gone")
    database.write_now(webhooks.delete, gone, actor=OPERATOR, now=NOW)
    return {"billing": billing, "event": emit(database)}


# with a browser


def go_to(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Go to")


def option(page: Page, name: str) -> Locator:
    return go_to(page).get_by_role("option", name=name)


@browser_test
def test_the_palette_goes_and_does_by_keyboard_alone(site: Site, enter: Enter, receiver: Receiver) -> None:
    site.clear()
    site.add("Billing ledger", url=f"{receiver.url}/hooks")
    site.add(ARABIC)
    page = enter("/triggers").page
    page.keyboard.press("Control+k")
    field = go_to(page).get_by_role("combobox", name="Go to")
    expect(field).to_be_focused()
    expect(option(page, "Webhooks")).to_have_attribute("aria-selected", "true")
    check_rules(page)
    page.keyboard.type("ledg")
    expect(option(page, "Billing ledger")).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == option(page, "Billing ledger").get_attribute("id")
    picture(page, "palette-light")
    page.keyboard.press("Enter")
    page.wait_for_url("**/webhooks/*")
    expect(go_to(page)).to_be_hidden()

    page.keyboard.press("Control+k")
    page.keyboard.type("<img src=x>")
    expect(go_to(page).get_by_role("status")).to_contain_text("Nothing found for “<img src=x>”.")
    expect(go_to(page).get_by_role("option")).to_have_count(0)
    field.fill("مزامنة")
    expect(option(page, ARABIC)).to_be_visible()
    page.keyboard.press("Escape")
    expect(go_to(page)).to_be_hidden()

    event = site.emit()
    receiver.wait_for("/hooks")
    page.keyboard.press("Control+k")
    field.fill(ids.event_text(event.event_id))
    expect(option(page, "evt_")).to_have_attribute("href", f"/events/{ids.event_text(event.event_id)}")
    number = int(next(one for one in site.webhooks() if one.title == "Billing ledger").id or 0)
    field.fill(ids.delivery_text(number, event.event_id))
    expect(option(page, "dlv_")).to_contain_text("Sent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Delivery")).to_be_visible()
    page.keyboard.press("Escape")

    page.keyboard.press("Control+k")
    field.fill("fire user")
    expect(option(page, "Fire “User creation”")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Fire “User creation”")
    dialog.get_by_role("button", name="Fire").click()
    receiver.wait_for("/hooks", 2)


@browser_test
@pytest.mark.parametrize(("key", "opens"), [("Control+k", "Go to"), ("?", "Keyboard shortcuts")])
def test_a_key_that_is_pressed_before_the_page_stands_there_is_not_lost(
    key: str, opens: str, site: Site, enter: Enter
) -> None:
    page = enter(None).page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/nicegui\.js"), hold)
    page.goto(f"{site.url}/triggers", wait_until="commit")
    page.wait_for_function("Boolean(window.webhookUi?.help)")
    page.keyboard.press(key)
    for route in held:
        route.continue_()
    expect(page.get_by_role("dialog", name=opens, exact=True)).to_be_visible()
    assert held, "the page stood there too soon"


@browser_test
def test_a_key_that_is_pressed_as_a_dialog_closes_is_not_lost(site: Site, enter: Enter) -> None:
    """What was typed into keeps the focus until the next frame, and on a busy machine that is late."""
    page = enter("/triggers").page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(go_to(page).get_by_role("combobox")).to_be_focused()
    page.evaluate("""() => {
      document.querySelector("dialog.w-palette").close();
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }));
    }""")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


@browser_test
def test_the_palette_does_what_can_be_done_with_a_webhook(site: Site, enter: Enter, receiver: Receiver) -> None:
    site.clear()
    number = int(site.add("Billing ledger", url=f"{receiver.url}/verbs").id or 0)
    site.add("Other")
    page = enter("/triggers").page
    messages = page.get_by_role("region", name="Messages")
    page.keyboard.press("Control+k")
    field = go_to(page).get_by_role("combobox", name="Go to")
    field.fill("billing")
    group = go_to(page).get_by_role("group", name="Billing ledger")
    expect(group.get_by_role("option")).to_have_text(["Send test", "Pause", "Disable", "Edit", "Redeliver failed"])
    check_rules(page)
    picture(page, "palette-verbs-light")
    group.get_by_role("option", name="Send test").click()
    receiver.wait_for("/verbs")
    expect(messages).to_contain_text("200")
    page.keyboard.press("Control+k")
    field.fill("pause bill")
    expect(option(page, "Pause")).to_contain_text("Billing ledger")
    expect(option(page, "Pause")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(messages).to_contain_text("“Billing ledger” is paused.")
    site.emit()
    page.keyboard.press("Control+k")
    field.fill("resume billing")
    option(page, "Resume").click()
    asked = page.get_by_role("dialog", name="Resume", exact=True)
    expect(asked).to_contain_text("1 delivery waits.")
    asked.get_by_role("button", name="Resume").click()
    receiver.wait_for("/verbs", 2)
    expect(asked).to_have_count(0)
    page.keyboard.press("Control+k")
    field.fill("edit billing")
    option(page, "Edit").click()
    expect(page.get_by_role("dialog", name="Edit webhook")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Edit webhook")).to_have_count(0)
    page.keyboard.press("Control+k")
    field.fill("redeliver failed billing")
    option(page, "Redeliver failed").click()
    page.wait_for_url(f"**/redeliveries?new=redeliver&webhook_id={number}&status=error")
    viewer = enter("/triggers", role=Role.viewer).page
    viewer.keyboard.press("Control+k")
    go_to(viewer).get_by_role("combobox").fill("billing")
    expect(option(viewer, "Billing ledger")).to_be_visible()
    expect(option(viewer, "Pause")).to_have_count(0)


@browser_test
def test_what_was_typed_in_fire_and_in_a_filter_outlives_a_new_page(site: Site, enter: Enter) -> None:
    """A page that is loaded anew is what a restarted server leads to as well."""
    site.clear()
    number = int(site.add("Billing ledger").id or 0)
    page = enter("/triggers").page
    fire = page.get_by_role("dialog", name="Fire")
    row = page.get_by_role("row").filter(has=page.get_by_text("user.created", exact=True))
    row.get_by_role("button", name="Fire").click()
    fire.get_by_label("name", exact=False).first.fill("Typed before")
    page.reload()
    expect(fire).to_contain_text("What you had typed is back.")
    expect(fire.get_by_label("name", exact=False).first).to_have_value("Typed before")
    fire.get_by_role("button", name="JSON").click()
    fire.get_by_role("textbox", name="Payload").fill('{"id": 1, "half":')
    page.reload()
    expect(fire.get_by_role("textbox", name="Payload")).to_have_value('{"id": 1, "half":')
    fire.get_by_role("button", name="Cancel").click()

    page.goto(f"{site.url}/webhooks/{number}?tab=settings")
    page.get_by_role("button", name="Edit filter and body").click()
    form = page.get_by_role("dialog", name="Filter and body")
    form.get_by_role("textbox", name="Filter").fill("data.plan == 'pro'")
    form.get_by_role("combobox", name="Shape").click()
    page.get_by_role("option", name="Custom").click()
    form.get_by_role("textbox", name="Expression").fill("{typed: type}")
    page.reload()
    expect(form).to_contain_text("What you had typed is back.")
    expect(form.get_by_role("textbox", name="Filter")).to_have_value("data.plan == 'pro'")
    expect(form.get_by_role("textbox", name="Expression")).to_have_value("{typed: type}")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("are saved.")
    (stored,) = site.webhooks()
    assert (stored.filter, stored.template) == (
        "data.plan == 'pro'",
        {"shape": "custom", "expression": "{typed: type}"},
    )


@browser_test
def test_the_palette_offers_what_its_person_may(site: Site, enter: Enter) -> None:
    page = enter("/", role=Role.viewer, width=400).page
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("dialog", name="Menu").get_by_role("button", name="Go to").click()
    expect(option(page, "Sign out")).to_be_visible()
    for forbidden in ("Add webhook", "Stop sending"):
        expect(option(page, forbidden)).to_have_count(0)
    check_width(page)
    page.keyboard.type("fire")
    expect(go_to(page).get_by_role("status")).to_contain_text("Nothing found")
    picture(page, "palette-400-light")
    go_to(page).get_by_role("combobox").fill("sign out")
    option(page, "Sign out").click()
    page.wait_for_url("**/login")
    site.cookies.pop(Role.viewer)


@browser_test
def test_keys_lead_everywhere_but_not_while_typing(site: Site, enter: Enter) -> None:
    site.clear()
    for title in ("First", "Second"):
        site.add(title)
    page = enter("/triggers").page
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url(f"{site.url}/")
    expect(page.get_by_role("link", name="First")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Second")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="First")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press(".")
    page.get_by_role("menuitem", name="Edit").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    page.get_by_role("checkbox", name="Select First").focus()  # into a tick nobody types
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search")
    expect(search).to_be_focused()
    page.keyboard.type("gtn?")
    expect(search).to_have_value("gtn?")
    search.fill("")
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="Add webhook")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_).to_contain_text("Find anything")
    expect(help_.get_by_text("Triggers")).to_be_visible()
    check_rules(page)
    picture(page, "shortcuts-light")
    help_.get_by_role("switch", name="Single-key shortcuts").click()
    expect(page.locator("dialog.w-keys-help")).to_have_attribute("data-on", "false")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_function("window.did_handshake")
    page.keyboard.press("n")
    page.keyboard.press("?")
    page.keyboard.press("Control+k")  # needs no single key, and comes after what did nothing
    expect(go_to(page)).to_be_visible()
    expect(help_).to_be_hidden()
    expect(dialog).to_have_count(0)


@browser_test
def test_a_key_right_after_the_palette_has_closed_is_not_typed_into_it(enter: Enter) -> None:
    """Its field keeps the focus until the browser draws again: here the key comes before that."""
    page = enter("/triggers").page
    page.keyboard.press("Control+k")
    expect(go_to(page)).to_be_visible()
    target = page.evaluate(
        """() => {
          document.querySelector("dialog.w-palette").close();
          const target = document.activeElement;
          target.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true, cancelable: true }));
          return target.className;
        }"""
    )
    assert target == "w-palette-field"
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


@browser_test
def test_every_page_is_clean_in_both_themes_and_all_widths(site: Site, enter: Enter, receiver: Receiver) -> None:
    """That nothing outside was asked and the console is empty is looked at when each window is left."""
    site.clear()
    for title in ("🚀 Welcome e-mails", ARABIC, LONG):
        site.add(title, url=f"{receiver.url}/{'x' * 280}")
    site.emit()
    receiver.wait_for(f"/{'x' * 280}", 3)
    first = min(int(one.id or 0) for one in site.webhooks())
    visitor = enter("/")
    page = visitor.page
    assert page.locator("html").get_attribute("lang") == "en-US"
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    paths = [str(link.get_attribute("href")) for link in links.all()]
    assert paths[0] == "/"
    for path in [*paths, f"/webhooks/{first}", "/no/such/page"]:
        if path != "/no/such/page":
            visitor.open(path)
        else:
            page = visitor.open("/")
            page.evaluate("emitEvent('sub_pages_navigate', '/no/such/page')")
            expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for _ in both_schemes(page):
            check_rules(page)
        for width in (400, 1024, 1600, 2560):
            page.set_viewport_size({"width": width, "height": 900})
            check_width(page)
        page.set_viewport_size({"width": 1440, "height": 900})
    for keys in ("Control+k", "?"):
        page.keyboard.press(keys)
        expect(page.locator("dialog[open]")).to_be_visible()
        for _ in both_schemes(page):
            check_rules(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
    moves = "getComputedStyle(document.querySelector('.w-nav-link')).transitionDuration != '0s'"
    assert page.evaluate(moves) is False
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moves) is True


@browser_test
def test_an_address_that_is_none_gets_a_page_of_ours(site: Site, enter: Enter) -> None:
    visitor = enter(None)
    answer = visitor.page.goto(f"{site.url}/no/such/page?x=1")
    page = visitor.page
    assert answer is not None
    assert answer.status == 404
    visitor.complaints.clear()  # the browser says so too
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect(page.get_by_text("/no/such/page", exact=True)).to_be_visible()
    expect(page).to_have_title("No such page · Webhook UI")
    expect(page.locator(".w-side [aria-current]")).to_have_count(0)
    page.wait_for_function("window.did_handshake")
    page.locator(".w-content").get_by_role("link", name="Webhooks").click()
    page.wait_for_url(f"{site.url}/")


@browser_test
def test_narrow_pages_begin_right_below_the_top_bar(site: Site, enter: Enter) -> None:
    site.add("Billing ledger")
    visitor = enter(None, width=400)
    for path, first in (("/deliveries", ".w-hist"), ("/events", ".w-filters"), ("/settings", ".q-tabs")):
        place = visitor.open(path).locator(first).first
        expect(place).to_be_visible()
        top = place.evaluate("element => element.getBoundingClientRect().top")
        assert 56 <= top <= 68, f"{path} begins at {top} px"
    export = visitor.open("/events").get_by_role("button", name="Export")
    assert export.evaluate("element => element.getBoundingClientRect().bottom") <= 56


@browser_test
@pytest.mark.parametrize("width", [1280, 1440])
def test_titles_and_results_have_room_beside_the_navigation(site: Site, enter: Enter, width: int) -> None:
    site.add("Billing ledger")
    site.emit()
    visitor = enter(None, width=width)
    for path, column in (("/?view=list", "Title and URL"), ("/deliveries", "Result")):
        heading = visitor.open(path).get_by_role("columnheader", name=column, exact=True)
        expect(heading).to_be_visible()
        room = heading.evaluate("element => element.getBoundingClientRect().width")
        assert room >= 180, f"{column} has {room} px"


@browser_test
def test_on_a_tablet_rows_take_two_lines_and_a_title_has_its_own(site: Site, enter: Enter) -> None:
    webhook = site.add(LONG)
    site.emit()
    visitor = enter(None, width=768)
    for path, table in (("/?view=list", "Webhooks"), ("/deliveries", "Deliveries")):
        row = visitor.open(path).get_by_role("table", name=table).locator("tbody tr").first
        expect(row).to_be_visible()
        height = row.evaluate("element => element.getBoundingClientRect().height")
        assert height <= 80, f"{height} px in {path}"
    page = visitor.open(f"/webhooks/{webhook.id}")
    check_width(page)
    title = page.get_by_role("heading", level=1)
    expect(title).to_be_visible()
    assert title.evaluate("element => element.getBoundingClientRect().width") >= 400


@browser_test
def test_the_theme_that_was_chosen_is_there_before_the_first_paint(site: Site, enter: Enter) -> None:
    visitor = enter("/", scheme="dark")
    page = visitor.page
    page.get_by_role("button", name="Account").click()
    expect(page.get_by_role("menuitemradio", name="As the system")).to_have_attribute("aria-checked", "true")
    page.get_by_role("menuitemradio", name="Light").click()
    canvas = "getComputedStyle(document.body).backgroundColor"
    page.wait_for_function(f"{canvas} === 'rgb(246, 247, 249)'")
    page.wait_for_function("document.cookie.includes('webhook_ui_theme=light')")
    page.add_init_script(
        "const seen = window.seen = new Set();"
        "(function look() { if (document.body) seen.add(getComputedStyle(document.documentElement).backgroundColor);"
        "requestAnimationFrame(look); })()"
    )
    visitor.open("/triggers")
    page.get_by_role("heading", level=1).wait_for()
    assert page.evaluate("[...seen]") == ["rgb(246, 247, 249)"]
    page.goto(f"{site.url}/api/v1/docs")
    page.context.clear_cookies(name="webhook_ui_session")
    page.goto(f"{site.url}/login")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@browser_test
@pytest.mark.parametrize("width", [400, 1440])
def test_a_message_covers_neither_name_nor_focus(site: Site, enter: Enter, width: int) -> None:
    site.clear()
    for number in range(12):
        site.add(f"Webhook {number}")
    page = enter("/", width=width).page
    page.get_by_role("button", name=re.compile("More: Webhook 11")).click()
    page.get_by_role("menuitem", name="Delete").click()
    toast = page.locator(".w-toast").first
    expect(toast).to_contain_text("deleted")
    toast.hover()  # whoever reads it is given the time
    over = toast.bounding_box()
    assert over is not None
    name = page.locator(".w-side .w-person").bounding_box()
    assert name is None or name["x"] + name["width"] <= over["x"]
    for link in page.locator(".w-card-title").all():
        link.focus()
        focus = link.bounding_box()
        over = toast.bounding_box()
        assert focus is not None
        assert over is not None
        apart = focus["y"] + focus["height"] <= over["y"] or focus["x"] >= over["x"] + over["width"]
        assert apart or focus["y"] >= over["y"] + over["height"], link.inner_text()
    picture(page, f"toast-{width}")


@browser_test
def test_what_takes_longer_than_a_second_says_so(site: Site, enter: Enter) -> None:
    site.clear()
    site.add("Slow one")
    page = enter("/").page
    held, release = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        session.execute(sa.text("UPDATE webhook_ui_webhook SET title = title"))
        held.set()
        release.wait(20)

    writing = threading.Thread(target=site.database.write_now, args=(hold,))
    writing.start()
    assert held.wait(10)
    try:
        page.get_by_role("button", name="More: Slow one").click()
        page.get_by_role("menuitem", name="Disable").click()
        expect(page.get_by_role("region", name="Messages")).to_contain_text("Working on it")
    finally:
        release.set()
        writing.join()
    expect(page.get_by_text("Working on it")).to_have_count(0)
    expect(page.get_by_role("article")).to_contain_text("Disabled")


# with a server that is killed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


NOTE_WHAT_IS_SENT = """() => {
  const wire = socket.io.engine.transport.ws;
  const send = wire.send.bind(wire);
  wire.send = (text) => { sessionStorage.sent = (sessionStorage.sent || "") + text; send(text); };
}"""


@browser_test
def test_a_browser_says_when_somebody_leaves(site: Site, enter: Enter) -> None:
    page = enter(None).page
    answer = page.goto(f"{site.url}/")
    page.wait_for_function("window.did_handshake")
    listener = re.search(r'"listener_id":"([0-9a-f-]{36})","type":"left"', answer.text() if answer else "")
    assert listener
    page.evaluate(NOTE_WHAT_IS_SENT)
    page.goto(f"{site.url}/triggers")
    assert listener[1] in page.evaluate("sessionStorage.sent || ''")


@browser_test
def test_a_lost_connection_loses_nothing(chromium: Browser, tmp_path: Path) -> None:
    port = str(free_port())
    with serve(tmp_path, "--port", port) as site:
        context = chromium.new_context(viewport={"width": 1024, "height": 900}, timezone_id=ZONE)
        site.let_in(context, Role.admin)
        visitor = Visitor(site, context, context.new_page())
        page = visitor.open("/?view=list&sort=updated&order=asc")
        check_short_cut(page)
        page.get_by_role("button", name="Add webhook").first.click()
        dialog = page.get_by_role("dialog", name="Add webhook")
        dialog.get_by_role("textbox", name="Title", exact=True).fill("Typed before")
        dialog.get_by_role("combobox", name="Triggers").click()
        page.get_by_role("option", name="User creation").click()
        page.keyboard.press("Escape")
        dialog.get_by_role("switch", name="Enabled").click()
        expect(dialog.get_by_role("switch", name="Enabled")).not_to_be_checked()
        dialog.get_by_role("button", name="More: headers").click()
        dialog.get_by_role("combobox", name="Signature").click()
        page.get_by_role("option", name="ed25519").click()
        expect(dialog.locator("[data-draft=signer]")).to_contain_text("ed25519")  # chosen is what the server has heard

        site.installation.running[-1].kill()
        banner = page.get_by_text("No connection to the server. What you typed is kept")
        expect(banner).to_be_visible()
        assert banner.get_attribute("role") == "status"
        check_rules(page)
        picture(page, "no-connection")
        url = dialog.get_by_role("textbox", name="URL", exact=True)
        url.fill("http://127.0.0.1:9/typed-while-away")
        url.press("Enter")
        expect(page.get_by_text("Not done: no connection to the server. What you typed is kept.")).to_be_visible()

        again = site.installation.start("serve", "--port", port, "--allow-loopback")
        again.wait_for("Dashboard")
        expect(dialog.get_by_text("What you had typed is back.")).to_be_visible(timeout=30_000)
        expect(banner).to_have_count(0)
        assert page.url == f"{site.url}/?view=list&sort=updated&order=asc"
        expect(dialog.get_by_role("textbox", name="Title", exact=True)).to_have_value("Typed before")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("region", name="Messages")).to_contain_text("“Typed before” is added.")
        (stored,) = site.webhooks()
        assert (stored.url, list(stored.triggers), stored.enabled, stored.signer) == (
            "http://127.0.0.1:9/typed-while-away", ["user.created"], False, "ed25519",
        )  # fmt: skip
        check_failure(page, site, again)
        context.close()


def check_short_cut(page: Page) -> None:
    """A connection that comes back soon: the page goes on, nothing is loaded anew."""
    page.evaluate("window.here = true")
    expect(page.get_by_role("button", name="Add webhook").first).to_be_visible()  # the page is there as a whole
    page.context.set_offline(True)
    page.evaluate("socket.io.engine.close()")
    expect(page.get_by_text("No connection to the server")).to_be_visible()
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    page.get_by_role("button", name="Add webhook").first.click()
    expect(page.get_by_role("status").filter(has_text="Not done: no connection")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Connected again. Nothing was lost.")).to_be_visible()
    expect(page.get_by_text("Connected again")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)  # what was refused is not done later
    assert page.evaluate("window.here") is True


def check_failure(page: Page, site: Site, process: Process) -> None:
    """An error nobody expected: a page of ours, and its reference in the log."""

    def spoil(value: str) -> None:
        statement = sa.text("UPDATE webhook_ui_webhook SET created_at = :value")
        site.database.write_now(lambda session: session.execute(statement, {"value": value}))

    read = sa.text("SELECT created_at FROM webhook_ui_webhook")
    before = site.database.read_now(lambda session: session.execute(read).scalar_one())
    spoil("no time")
    page.goto(f"{site.url}/webhooks/1")
    expect(page.get_by_role("heading", name="This page cannot be shown")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    reference = page.locator(".w-command .w-mono").inner_text()
    assert re.fullmatch("[0-9a-f]{8}", reference)
    process.wait_for(reference)
    picture(page, "failure")
    spoil(before)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Typed before")).to_be_visible()
