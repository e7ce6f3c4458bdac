"""The panel for a webhook's filter and body in a real browser: it tries them while one writes; then they hold."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture, serve
from webhook_ui import ids, rehearsing
from webhook_ui.actors import Role
from webhook_ui.expressions import Document
from webhook_ui.history.samples import recent
from webhook_ui.models import Webhook
from webhook_ui.rehearsing import Draft, Given, rehearse

pytest_plugins = ["tests.browser"]

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"


def open_panel(page: Page) -> Locator:
    page.get_by_role("button", name="Edit filter and body").click()
    panel = page.get_by_role("dialog", name="Filter and body")
    expect(panel.get_by_role("textbox", name="Filter")).to_be_visible()
    return panel


def choose(page: Page, panel: Locator, name: str, option: str) -> None:
    panel.get_by_role("combobox", name=name).click()
    page.get_by_role("option", name=option).click()


SHAPER = """
from webhook_ui import hookimpl

@hookimpl
def transform_payload(trigger, webhook, payload):
    if webhook.title == "Changed":
        return {"greeting": "Hello " + payload["name"], "big": payload["id"]}
    if webhook.title == "Raising":
        raise LookupError("no <such> thing")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a plugin that changes payloads of some webhooks."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "shaper.py").write_text(SHAPER)
    with serve(folder) as made:
        yield made


@pytest.fixture(scope="module")
def billing(site: Site) -> Webhook:
    webhook = site.add("Billing")
    site.add("Archive", triggers=["order.paid"])  # what it hears of is not offered for trying
    site.emit("order.paid", '{"id": 1}')
    for number, name in ((1, "Zoë"), (2, HOSTILE), (3, "Ada")):
        site.emit(payload=json.dumps({"id": number, "name": name}))
    return webhook


@pytest.mark.browser
def test_what_is_written_is_tried_meanwhile(site: Site, enter: Enter, billing: Webhook) -> None:
    page = enter(f"/webhooks/{billing.id}?tab=settings").page
    panel = open_panel(page)
    filter_field, status = panel.get_by_role("textbox", name="Filter"), panel.get_by_role("status")
    expect(status).to_contain_text("No filter")
    body = panel.get_by_role("region", name="Body as it would be sent")
    expect(body).to_contain_text('"name": "Ada"')
    filter_field.fill("data.id > `1` && data.name != 'Ada'")
    expect(status).to_contain_text("This event is filtered out by data.name != 'Ada'")
    expect(status).to_contain_text("1 of the last 3 events would pass")
    filter_field.fill("data.id > `1` &&\n data.name = 'Ada'")
    expect(panel.get_by_text("Line 2, column 12: A single = means nothing here; to compare, write ==.")).to_be_visible()
    expect(filter_field).to_have_attribute("aria-invalid", "true")
    caret = panel.get_by_role("region", name="Where it is wrong").inner_text().split("\n")
    assert caret[0][caret[1].index("^")] == "="
    for _ in both_schemes(page):
        check_rules(page)
    filter_field.fill("abs(data.name) > `1`")
    expect(status).to_contain_text("Cannot be evaluated for this event: abs() takes a number there, and got text.")
    expect(status).to_contain_text("3 of the last 3 events would pass · 3 of them because it cannot be evaluated")
    filter_field.fill("data.id > `1`")
    expect(status).to_contain_text("This event passes")
    choose(page, panel, "Shape", "Slack")
    expect(body).to_contain_text('"rich_text_preformatted"')
    panel.get_by_role("button", name="Change the expression").click()
    panel.get_by_role("textbox", name="Expression").fill("{who: data.name, what: lenth(type)}")
    expect(panel.get_by_text("There is no function lenth(). Did you mean length()?")).to_be_visible()
    panel.get_by_role("textbox", name="Expression").fill("{who: data.name, what: type}")
    expect(body).to_contain_text('"who": "Ada"')
    choose(page, panel, "Try with", "Example of user.created")
    expect(body).to_contain_text('"who": "Zoë Ångström"')
    for width in (1440, 400):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        for scheme in both_schemes(page):
            check_rules(page)
            picture(page, f"filter-{width}-{scheme}")


@pytest.mark.browser
def test_saved_they_hold_and_are_seen_everywhere(site: Site, enter: Enter, receiver: Receiver) -> None:
    webhook = site.add("Chat", url=f"{receiver.url}/chat")
    page = enter(f"/webhooks/{webhook.id}?tab=settings").page
    panel = open_panel(page)
    panel.get_by_role("textbox", name="Filter").fill("data.id == `7`")
    choose(page, panel, "Shape", "CloudEvents 1.0, binary")
    panel.get_by_role("button", name="Save").click()
    expect(panel).to_be_hidden()
    expect(page.get_by_text("Filter and body of “Chat” are saved.")).to_be_visible()
    expect(page.get_by_text("Only events with")).to_be_visible()
    settings = page.get_by_label("Filter and body", exact=True)
    expect(settings).to_contain_text("data.id == `7`")
    expect(settings).to_contain_text("CloudEvents 1.0, binary")
    left_out, sent = site.emit(payload='{"id": 8, "name": "Zoë"}'), site.emit()
    (arrived,) = receiver.wait_for("/chat")
    assert arrived.data == {"id": 7, "name": "Zoë"}
    assert arrived.headers["ce-id"] == ids.event_text(sent.event_id)
    page.goto(f"{site.url}/events/{ids.event_text(left_out.event_id)}")
    expect(page.get_by_text("Filtered out by")).to_be_visible()
    expect(page.get_by_text("data.id == `7`")).to_be_visible()
    page.get_by_role("button", name="Edit Chat").click()
    expect(page.get_by_role("dialog", name="Filter and body")).to_be_visible()
    page.goto(f"{site.url}/?view=card")
    card = page.get_by_role("article").filter(has_text="Chat")
    expect(card.get_by_role("img", name="Only events with data.id == `7`")).to_be_visible()


@pytest.mark.browser
def test_a_template_that_fails_is_explained(site: Site, enter: Enter, receiver: Receiver) -> None:
    template = {"shape": "custom", "expression": "data.missing"}
    webhook = site.add("Broken", url=f"{receiver.url}/x", template=template, filter="abs(data.name) > `1`")
    emitted = site.emit()
    delivery = ids.delivery_text(int(webhook.id or 0), emitted.event_id)
    page = enter(f"/webhooks/{webhook.id}?delivery={delivery}").page
    expect(page.get_by_text("The webhook's template gave no body")).to_be_visible()
    expect(page.get_by_text("it gives null").first).to_be_visible()
    page.goto(f"{site.url}/webhooks/{webhook.id}?tab=settings")
    expect(page.get_by_text("abs() takes a number there, and got text")).to_be_visible()
    assert receiver.ledger == []


@pytest.mark.browser
def test_what_plugins_make_of_the_payload_is_in_the_preview(site: Site, enter: Enter) -> None:
    """The body is what would be sent, byte for byte; a plugin that raises is named."""
    changed, raising = (site.add(title, triggers=["order.refunded"]) for title in ("Changed", "Raising"))
    site.emit("order.refunded", '{"id": 98765432109876543210, "name": "Ada"}')
    page = enter(f"/webhooks/{changed.id}?tab=settings").page
    panel = open_panel(page)
    body = panel.get_by_role("region", name="Body as it would be sent")
    expect(body).to_contain_text('"greeting": "Hello Ada"')
    expect(body).to_contain_text("98765432109876543210")
    expect(panel.get_by_text("Plugins have changed the payload for this webhook")).to_be_visible()
    panel.get_by_role("textbox", name="Filter").fill("data.name == 'Ada'")
    expect(panel.get_by_role("status")).to_contain_text("This event passes")
    choose(page, panel, "Shape", "Slack")
    expect(body).to_contain_text("Hello Ada")
    page.goto(f"{site.url}/webhooks/{raising.id}?tab=settings")
    said = "Nothing would be sent: Plugin shaper: transform_payload raised LookupError: no <such> thing."
    expect(open_panel(page).get_by_text(said)).to_be_visible()


@pytest.mark.browser
def test_who_may_only_look_is_offered_no_change(enter: Enter, billing: Webhook) -> None:
    page = enter(f"/webhooks/{billing.id}?tab=settings", role=Role.viewer).page
    expect(page.get_by_label("Filter and body", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Edit filter and body")).to_have_count(0)


def test_without_an_event_nothing_is_tried(site: Site) -> None:
    draft = Draft(filter="data.id == `1`", shape="slack", expression=None)
    found: Any = site.database.read_now(rehearse, draft, None, [])
    assert (found.verdict, found.shaped, found.tried) == (None, None, 0)
    example = Document(event_id="e", trigger="t", timestamp="x", payload='{"id": 2}')
    given = Given(document=example, payload=example.payload)
    found = site.database.read_now(rehearse, draft, given, [1, 2, 3])  # events that are gone by now
    assert (found.verdict.clause, found.tried, found.shaped is not None) == ("data.id == `1`", 0, True)


def test_the_newest_events_are_offered(site: Site, billing: Webhook) -> None:
    found = site.database.read_now(recent, ["user.created", "order.paid"], None, limit=2)
    assert [sample.event_id for sample in found] == sorted((sample.event_id for sample in found), reverse=True)
    assert len(found) == 2
    assert site.database.read_now(recent, ["user.created"], "acme", limit=2) == []
    assert rehearsing.TRIED == 100
