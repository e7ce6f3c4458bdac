"""What the dashboard shows of plugins: pages of their own, what fails by itself, and who signs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser import Enter, Site, both_schemes, check_rules, check_width, picture, serve
from webhook_ui.actors import Role

pytest_plugins = ["tests.browser"]

ODD = '''"""Odd: a page that works, one that does not, and a source that fails."""

from nicegui import ui

from webhook_ui import Page, Trigger, hookimpl


@hookimpl
def register_triggers():
    return [Trigger("odd.done", "Odd one", "", {})]


@hookimpl
def register_pages(host):
    async def board():
        ui.label("Tally of the day: 7")

    def broken():
        ui.label("half of it")
        raise LookupError("no figures")

    return [Page("board", "Odd board", board, icon="tag"), Page("broken", "Odd broken", broken)]


@hookimpl
async def source(host):
    raise ConnectionError("the line to the till is dead")
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "odd.py").write_text(ODD)
    expected = ("LookupError: no figures", "ConnectionError: the line to the till is dead")
    with serve(folder, expected=expected) as made:
        yield made


@pytest.mark.browser
def test_pages_of_plugins_stand_in_the_navigation(enter: Enter) -> None:
    page = enter("/", role=Role.viewer).page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Odd board").click()
    expect(page.get_by_role("heading", name="Odd board")).to_be_visible()
    expect(page.get_by_text("Tally of the day: 7")).to_be_visible()
    assert page.url.endswith("/pages/odd/board")
    for scheme in both_schemes(page):
        picture(page, f"plugin-page-{scheme}")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Odd broken").click()
    expect(page.get_by_role("alert")).to_contain_text("The plugin odd raised LookupError: no figures.")
    expect(page.get_by_text("half of it")).to_have_count(0)
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"plugin-page-broken-{scheme}")


@pytest.mark.browser
def test_a_source_that_fails_is_shown(enter: Enter) -> None:
    page = enter("/triggers").page
    alert = page.get_by_role("alert").filter(has_text="The source of odd fails")
    expect(alert).to_contain_text("Plugin odd: source raised ConnectionError: the line to the till is dead.")
    check_rules(page)
    picture(page, "plugin-source-fails")
    page.set_viewport_size({"width": 400, "height": 900})
    check_width(page)
    picture(page, "plugin-source-fails-400")


@pytest.mark.browser
def test_a_webhook_is_signed_with_a_key_pair(enter: Enter, site: Site) -> None:
    webhook_id = site.add("Bank").id
    page = enter(f"/webhooks/{webhook_id}?tab=settings").page
    expect(page.get_by_text("Shared secret (Standard Webhooks v1)")).to_be_visible()
    page.get_by_role("button", name="Edit").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="More").click()
    dialog.get_by_role("combobox", name="Signature").click()
    page.get_by_role("option", name="Key pair").click()
    picture(page, "plugin-signature")
    check_rules(page)
    dialog.get_by_role("button", name="Save").click()
    in_force = page.get_by_role("region", name="In force")
    expect(in_force.get_by_text("Key pair (Standard Webhooks v1a, ed25519)")).to_be_visible()
    expect(dialog).to_be_hidden()
    page.get_by_role("tab", name="Secret").click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".w-command").get_by_text("whpk_")).to_be_visible()
    check_rules(page)
    picture(page, "plugin-public-key")
