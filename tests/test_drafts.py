"""What stands in forms when a page has to be loaded anew, as after a restart of the server: what is kept of it."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import Enter, Receiver, Site, serve
from tests.test_presses import Line
from webhook_ui import outbox, times
from webhook_ui.actors import CLI, Role

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

SHOP = '''"""Shop: what a plugin wants to know."""

from typing import Literal

from pydantic import BaseModel, SecretStr

from webhook_ui import hookimpl


class Settings(BaseModel):
    region: str = "eu"
    kind: Literal["small", "large"] = "small"
    token: SecretStr | None = None
    keys: dict[str, SecretStr] = {}


@hookimpl
def register_settings():
    return Settings
'''
BACK = "What you had typed is back"
# the old address is on its way already when the page gets the new one: that is seen by who leaves, not by who comes
ADDRESS_COMES = """addEventListener('pagehide', () => {
  const left = JSON.parse(sessionStorage.webhook_ui_drafts);
  sessionStorage.webhook_ui_drafts = JSON.stringify({ ...left, search: '?view=list&q=Bet' });
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("site")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "shop.py").write_text(SHOP)
    with serve(folder) as made:
        yield made


@pytest.fixture(autouse=True)
def alone(site: Site) -> None:
    site.clear()


def cut(page: Page, form: Locator) -> None:
    """From here on the server hears nothing; and what the browser stores can be looked at after the page was left."""
    expect(form).to_be_visible()
    page.evaluate("addEventListener('pagehide', () => (sessionStorage.seen = sessionStorage.webhook_ui_drafts || ''))")
    page.evaluate("socket.disconnect()")
    expect(page.get_by_text("No connection to the server. What you typed is kept")).to_be_visible()


def stored(page: Page) -> str:
    return str(page.evaluate("sessionStorage.seen"))


def pick(page: Page, place: Locator, field: str, option: str) -> None:
    place.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(place.locator(".q-select").filter(has=page.get_by_role("combobox", name=field))).to_contain_text(option)


def test_an_account_and_a_password_are_asked_for_again_without_what_is_secret(site: Site, enter: Enter) -> None:
    page = enter("/settings?tab=accounts").page
    page.get_by_role("button", name="Add account").click()
    form = page.get_by_role("dialog", name="Add account")
    form.get_by_role("textbox", name="Email").fill("zoe@acme.example")
    cut(page, form)
    form.get_by_role("textbox", name="Password", exact=True).fill("known to nobody else")
    form.get_by_role("button", name="Show it").evaluate(
        "one => one.closest('.q-field').querySelector('input').type = 'text'"
    )
    pick(page, form, "Role", "Operator: changes and sends")
    page.reload()
    expect(form).to_contain_text(f"{BACK}, except the password, which the browser does not keep.")
    assert "zoe@acme.example" in stored(page)
    assert "known to nobody else" not in stored(page)
    expect(form.get_by_role("textbox", name="Email")).to_have_value("zoe@acme.example")
    expect(form.locator(".q-select")).to_contain_text("Operator: changes and sends")
    expect(form.get_by_role("textbox", name="Password", exact=True)).to_have_value("")
    form.get_by_role("textbox", name="Password", exact=True).fill("known to nobody else")
    form.get_by_role("button", name="Add account").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text(
        "zoe@acme.example can sign in now, as operator."
    )

    page.get_by_role("button", name="More for zoe@acme.example").click()
    page.get_by_role("menuitem", name="Reset password").click()
    form = page.get_by_role("dialog", name="Reset password")
    cut(page, form)
    form.get_by_role("textbox", name="New password", exact=True).fill("another for nobody else")
    page.reload()
    expect(form).to_contain_text("Type the password again: the browser does not keep it.")
    expect(form).to_contain_text("Another password for zoe@acme.example.")
    assert "another for nobody else" not in stored(page)


def test_a_token_s_name_and_role_are_kept_and_the_token_is_not(site: Site, enter: Enter) -> None:
    page = enter("/settings?tab=tokens").page
    page.get_by_role("button", name="Create token").click()
    form = page.get_by_role("dialog", name="Create token")
    cut(page, form)
    form.get_by_role("textbox", name="Name").fill("Nightly build")
    pick(page, form, "Role", "Admin: accounts and tokens too")
    page.reload()
    expect(form).to_contain_text(BACK)
    expect(form.get_by_role("textbox", name="Name")).to_have_value("Nightly build")
    form.get_by_role("button", name="Create token").click()
    expect(form).to_contain_text("This is the token.")
    shown = form.locator(".w-command .w-mono").inner_text()
    cut(page, form)
    page.reload()
    expect(page.get_by_role("row").filter(has_text="Nightly build")).to_contain_text("Admin")
    assert shown not in stored(page)
    assert stored(page) == ""
    expect(form).to_have_count(0)


def test_settings_of_a_plugin_are_kept_less_those_that_are_secret(site: Site, enter: Enter) -> None:
    page = enter("/settings?tab=plugins").page
    page.get_by_role("button", name="Change settings of shop").click()
    form = page.get_by_role("dialog", name="Settings of shop")
    form.get_by_role("textbox", name="token").fill("not for browsers")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    page.get_by_role("button", name="Change settings of shop").click()
    cut(page, form)
    form.get_by_role("textbox", name="region").fill("north")
    form.get_by_role("textbox", name="keys").fill('{"a": "not for browsers"}')
    form.get_by_role("textbox", name="token").fill("not for browsers")
    pick(page, form, "kind", "large")
    form.get_by_role("checkbox", name="Remove token").click()
    expect(form.get_by_role("checkbox", name="Remove token")).to_be_checked()
    page.reload()
    expect(form).to_contain_text(f"{BACK}, except secrets, which the browser does not keep.")
    assert "north" in stored(page)
    assert "not for browsers" not in stored(page)
    expect(form.get_by_role("textbox", name="region")).to_have_value("north")
    expect(form.locator(".q-select")).to_contain_text("large")
    expect(form.get_by_role("checkbox", name="Remove token")).to_be_checked()
    expect(form.get_by_role("textbox", name="keys")).to_have_value("")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="WEBHOOK_UI_SHOP_REGION")).to_contain_text("north")
    expect(page.get_by_role("row").filter(has_text="WEBHOOK_UI_SHOP_KIND")).to_contain_text("large")
    expect(page.get_by_role("row").filter(has_text="WEBHOOK_UI_SHOP_TOKEN")).to_contain_text("not set")


def test_what_was_typed_for_resuming_one_or_several_is_kept(site: Site, receiver: Receiver, enter: Enter) -> None:
    ids = [int(site.add(title, url=f"{receiver.url}/{title}", paused=True).id or 0) for title in ("Alpha", "Bravo")]
    site.emit()
    page = enter(f"/webhooks/{ids[0]}").page
    page.get_by_role("button", name="Resume").click()
    asked = page.get_by_role("dialog", name="Resume", exact=True)
    asked.get_by_role("switch", name="Send at a rate").click()
    expect(asked.get_by_label("Rate", exact=True)).to_be_visible()
    cut(page, asked)
    asked.get_by_label("Rate", exact=True).fill("2.5")
    asked.get_by_role("switch", name="Drop what is old").click()
    expect(asked.get_by_role("switch", name="Drop what is old")).to_be_checked()
    page.reload()
    expect(asked).to_contain_text(BACK)
    expect(asked.get_by_label("Rate", exact=True)).to_have_value("2.5")
    expect(asked.get_by_role("textbox", name="Before")).to_be_visible()
    asked.get_by_role("switch", name="Drop what is old").click()
    asked.get_by_role("button", name="Resume").click()
    receiver.wait_for("/Alpha", 1)

    site.change(ids[0], paused=True)
    site.emit()
    page.goto(f"{site.url}/")
    page.get_by_role("checkbox", name="Select Alpha").click()
    page.get_by_role("checkbox", name="Select Bravo").click()
    page.get_by_role("toolbar").get_by_role("button", name="Resume").click()
    asked = page.get_by_role("dialog", name="Resume 2 webhooks")
    asked.get_by_role("switch", name="Send at a rate").click()
    expect(asked.get_by_label("Rate", exact=True)).to_be_visible()
    cut(page, asked)
    asked.get_by_label("Rate", exact=True).fill("7")
    page.reload()
    expect(asked.get_by_label("Rate", exact=True)).to_have_value("7")
    asked.get_by_role("button", name="Resume").click()
    receiver.wait_for("/Alpha", 2)
    receiver.wait_for("/Bravo", 2)


def test_a_resumption_is_not_done_by_itself_when_nothing_waits_any_more(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    webhook_id = int(site.add("Alpha", url=f"{receiver.url}/none", paused=True).id or 0)
    event_id = site.emit().event_id
    page = enter(f"/webhooks/{webhook_id}").page
    page.get_by_role("button", name="Resume").click()
    asked = page.get_by_role("dialog", name="Resume", exact=True)
    cut(page, asked)
    stop = partial(outbox.cancel, actor=CLI, now=times.utcnow())
    site.database.write_now(stop, webhook_id, event_id)
    page.reload()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert site.webhooks()[0].paused


def test_how_a_redelivery_is_changed_is_kept(site: Site, enter: Enter) -> None:
    page = enter("/redeliveries?new=redeliver").page
    form = page.get_by_role("dialog", name="New redelivery")
    form.get_by_role("button", name="Again and again").click()
    form.get_by_role("textbox", name="Crontab").fill("30 2 * * *")
    form.get_by_role("button", name="Plan redelivery").click()
    page.get_by_role("dialog", name="Redelivery", exact=True).get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name=re.compile("Edit redelivery"))
    cut(page, dialog)
    dialog.get_by_role("textbox", name="Pace").fill("2")
    dialog.get_by_role("textbox", name="Crontab").fill("0 * * * *")
    page.reload()
    expect(dialog).to_contain_text(BACK)
    expect(dialog.get_by_role("textbox", name="Pace")).to_have_value("2")
    dialog.get_by_role("button", name="Save").click()
    planned = page.get_by_role("region", name="Planned")
    expect(planned.get_by_text("Every hour")).to_be_visible()
    expect(planned.get_by_text("2 / s")).to_be_visible()


def test_what_is_chosen_for_an_order_without_a_connection_is_kept(site: Site, receiver: Receiver, enter: Enter) -> None:
    site.add("Alpha", url=receiver.url)
    page = enter("/redeliveries?new=redeliver").page
    form = page.get_by_role("dialog", name="New redelivery")
    expect(form.get_by_role("button", name="Redeliver none")).to_be_visible()
    cut(page, form)
    pick(page, form, "Kind of error", "Timeout")
    form.get_by_role("combobox", name="Webhooks").click()
    page.get_by_role("option", name="Alpha").click()
    page.keyboard.press("Escape")
    expect(form.get_by_role("button", name="Remove Alpha")).to_be_visible()
    form.get_by_role("button", name="At a time").click()
    expect(form.get_by_role("button", name="At a time")).to_have_attribute("aria-pressed", "true")
    expect(form.get_by_role("button", name="Now")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(form).to_contain_text(BACK)
    expect(form.get_by_role("button", name="Remove Alpha")).to_be_visible()
    expect(form.locator(".q-select").filter(has_text="Timeout")).to_be_visible()
    expect(form.get_by_role("button", name="At a time")).to_have_attribute("aria-pressed", "true")
    expect(form.get_by_role("textbox", name="Day", exact=True)).to_be_visible()
    page.wait_for_url("**error_class=timeout**")


@pytest.mark.parametrize("path", ["/", "/events", "/deliveries"])
def test_filters_that_were_set_without_a_connection_are_asked_for_afterwards(
    site: Site, enter: Enter, path: str
) -> None:
    site.add("Alpha")
    page = enter(path).page
    filters = page.get_by_role("search")
    first = filters.get_by_role("textbox", name="From")
    expect(first).to_be_visible()
    if path == "/deliveries":
        page.get_by_role("button", name="More filters").click()
    cut(page, first)
    first.fill("2026-11-02")
    pick(page, filters, "Trigger", "order.paid")
    page.reload()
    page.wait_for_url(re.compile(r"trigger=order\.paid.*from=2026-11-02|from=2026-11-02.*trigger=order\.paid"))
    expect(first).to_have_value("2026-11-02")
    page.goto(f"{site.url}{path}")
    expect(first).to_have_value("")


def test_a_search_whose_address_comes_while_the_page_is_loaded_anew_is_asked_for_afterwards(
    site: Site, enter: Enter
) -> None:
    for title in ("Alpha", "Beta"):
        site.add(title)
    page = enter("/?view=list").page
    search = page.get_by_role("search").get_by_label("Search", exact=True)
    expect(page.get_by_role("link", name="Alpha")).to_be_visible()
    cut(page, search)
    search.fill("Bet")
    page.evaluate(ADDRESS_COMES)
    page.reload()
    expect(page.get_by_role("link", name="Alpha")).to_have_count(0)
    expect(page.get_by_role("link", name="Beta")).to_be_visible()
    expect(search).to_have_value("Bet")
    assert "q=Bet" in page.url


@pytest.mark.parametrize("path", ["/", "/events", "/deliveries"])
def test_filters_that_were_cleared_without_a_connection_stay_cleared(site: Site, enter: Enter, path: str) -> None:
    site.add("Alpha")
    page = enter(f"{path}?trigger=order.paid&from=2026-11-02&tz=Europe%2FBerlin").page
    filters = page.get_by_role("search")
    first = filters.get_by_role("textbox", name="From")
    expect(first).to_have_value("2026-11-02")
    cut(page, first)
    first.fill("")
    pick(page, filters, "Trigger", "All")
    page.reload()
    page.wait_for_url(re.compile(r"^(?!.*(?:trigger|from)=)"))
    expect(first).to_have_value("")
    expect(filters.locator(".q-select").filter(has=page.get_by_role("combobox", name="Trigger"))).to_contain_text("All")
    expect(page.get_by_role("button", name="Clear filters")).to_be_hidden()


def test_a_form_that_was_closed_is_not_opened_again_by_the_memory_of_the_browser(site: Site, enter: Enter) -> None:
    page = enter("/").page
    page.get_by_role("button", name="Add webhook").first.click()
    form = page.get_by_role("dialog", name="Add webhook")
    form.get_by_role("textbox", name="Title").fill("Typed")
    # as browsers do that keep a page which is left, and show it again at Back
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(form.get_by_role("textbox", name="Title")).to_have_value("Typed")
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)
    page.reload()
    page.wait_for_function("window.did_handshake && sessionStorage.webhook_ui_drafts === undefined")
    page.get_by_role("button", name="Stop sending").click()  # heard after the draft
    expect(page.get_by_role("alertdialog")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_typed_before_the_answer_to_another_shape_stays_and_is_kept(site: Site, enter: Enter) -> None:
    number = int(site.add("Alpha").id or 0)
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open(f"/webhooks/{number}?tab=settings")
    page.get_by_role("button", name="Edit filter and body").click()
    form = page.get_by_role("dialog", name="Filter and body")
    expression = form.get_by_role("textbox", name="Expression")
    pick(page, form, "Shape", "Custom")
    expression.fill("{before: type}")
    pick(page, form, "Shape", "Slack")
    form.get_by_role("button", name="Change the expression").click()
    expect(expression).to_have_value(re.compile("text:"))
    with line.silence():
        pick(page, form, "Shape", "Custom")
        expression.fill("{typed: type}")
        line.wait_for("{before: type}")  # what Custom had, on its way
    expect(expression).to_have_value("{typed: type}")
    page.reload()
    expect(form).to_contain_text(BACK)
    expect(expression).to_have_value("{typed: type}")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("are saved.")
    assert site.webhooks()[0].template == {"shape": "custom", "expression": "{typed: type}"}


def test_a_page_that_is_left_once_more_while_its_form_is_on_the_way_keeps_it(site: Site, enter: Enter) -> None:
    site.add("Alpha")
    visitor = enter(None)
    page, line = visitor.page, Line(visitor.page)
    visitor.open("/")
    page.get_by_role("button", name="Add webhook").click()
    form = page.get_by_role("dialog", name="Add webhook")
    form.get_by_role("textbox", name="Title").fill("Typed before")
    with line.silence("update"):
        page.reload()
        page.wait_for_function("window.did_handshake && sessionStorage.webhook_ui_drafts === undefined")
        page.reload(wait_until="domcontentloaded")
        page.reload()  # before anything was asked for
    expect(form.get_by_role("textbox", name="Title")).to_have_value("Typed before")
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)
    page.reload()
    expect(page.get_by_role("link", name="Alpha")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_draft_is_nobody_elses_and_opens_only_what_its_person_may(site: Site, enter: Enter) -> None:
    page = enter("/settings?tab=accounts", role=Role.operator).page
    page.evaluate("emitEvent('draft', {form: 'account new 0', values: {email: 'x@acme.example'}})")
    page.evaluate("emitEvent('draft', {form: 'webhook new 0', values: {title: 'Allowed'}})")
    form = page.get_by_role("dialog", name="Add webhook")
    expect(form.get_by_role("textbox", name="Title")).to_have_value("Allowed")
    expect(page.get_by_role("dialog", name="Add account")).to_have_count(0)
