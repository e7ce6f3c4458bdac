"""Many webhooks at once in a real browser: ticks, the bar that appears, what it does, and filters that find some."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from tests.browser import EMAILS, Enter, Receiver, Site, both_schemes, check_rules, check_width, picture
from webhook_ui import times, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.models import Change, Lane, table

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def empty(site: Site) -> Site:
    """No webhooks but those of this test."""
    site.clear()
    return site


def add_all(site: Site, *titles: str) -> list[int]:
    return [int(site.add(title, now=DAY + timedelta(minutes=n)).id or 0) for n, title in enumerate(titles)]


def set_lane(site: Site, webhook_id: int, **values: object) -> None:
    lane = table(Lane)
    statement = lane.update().where(lane.c.webhook_id == webhook_id).values(**values)
    site.database.write_now(lambda session: session.execute(statement))


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("article").filter(has=page.get_by_role("link", name=title, exact=True))


def tick(page: Page, title: str) -> Locator:
    return page.get_by_role("checkbox", name=f"Select {title}", exact=True)


def bar(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Selected webhooks")


def messages(page: Page) -> Locator:
    return page.get_by_role("region", name="Messages")


def expect_titles(page: Page, titles: Sequence[str]) -> None:
    expect(page.get_by_role("region", name="Webhooks").get_by_role("link")).to_have_text(titles)


def test_what_is_ticked_is_changed_together_and_taken_back_together(empty: Site, enter: Enter) -> None:
    ids = add_all(empty, "Alpha", "Bravo", "Charlie", "Delta")
    empty.change(ids[1], enabled=False)
    page = enter("/").page
    tick(page, "Delta").click()
    expect(bar(page)).to_contain_text("1 selected")
    expect(page.get_by_text("4 webhooks", exact=True)).to_be_hidden()
    tick(page, "Bravo").click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("3 selected")
    expect(tick(page, "Charlie")).to_be_checked()
    bar(page).get_by_role("button", name="Disable").click()
    expect(messages(page)).to_contain_text("2 webhooks are disabled.")
    for title in ("Delta", "Charlie"):
        expect(card(page, title).get_by_text("Disabled", exact=True)).to_be_visible()
    messages(page).get_by_role("button", name="Undo").click()
    expect(card(page, "Delta").get_by_text("Enabled", exact=True)).to_be_visible()
    expect(card(page, "Bravo").get_by_text("Disabled", exact=True)).to_be_visible()
    bar(page).get_by_role("button", name="Pause").click()
    expect(card(page, "Charlie").get_by_text("Paused", exact=True)).to_be_visible()
    bar(page).get_by_role("button", name="Resume").click()
    expect(messages(page)).to_contain_text("3 webhooks are resumed.")
    expect(card(page, "Charlie").get_by_text("Enabled", exact=True)).to_be_visible()
    bar(page).get_by_role("button", name="Clear selection").click()
    expect(page.get_by_text("4 webhooks", exact=True)).to_be_visible()
    expect(tick(page, "Delta")).not_to_be_checked()
    change = table(Change)
    who = sa.select(change.c.actor).where(change.c.subject_id == str(ids[3]), change.c.action == "webhook.resumed")
    assert empty.database.read_now(lambda session: session.execute(who).scalars().all()) == [EMAILS[Role.admin]]


def test_each_step_has_a_way_back(empty: Site, enter: Enter) -> None:
    _, off, held = add_all(empty, "Plain", "Off", "Held")
    empty.change(off, enabled=False)
    empty.change(held, paused=True)
    page = enter("/").page
    for title, step, after, before in (
        ("Plain", "Pause", "Paused", "Enabled"),
        ("Plain", "Disable", "Disabled", "Enabled"),
        ("Off", "Enable", "Enabled", "Disabled"),
        ("Held", "Resume", "Enabled", "Paused"),
    ):
        tick(page, title).click()
        bar(page).get_by_role("button", name=step, exact=True).click()
        expect(card(page, title).get_by_text(after, exact=True)).to_be_visible()
        messages(page).get_by_role("button", name="Undo").last.click()
        expect(card(page, title).get_by_text(before, exact=True)).to_be_visible()
        tick(page, title).click()


def test_several_are_resumed_on_terms_where_something_waits(empty: Site, enter: Enter, receiver: Receiver) -> None:
    ids = add_all(empty, "Alpha", "Bravo", "Charlie")
    for webhook_id in ids[:2]:
        empty.change(webhook_id, paused=True, url=receiver.url + "/a")
    empty.emit()
    page = enter("/").page
    expect(card(page, "Alpha")).to_contain_text("1 held")
    tick(page, "Charlie").click()
    tick(page, "Alpha").click(modifiers=["Shift"])
    asked = page.get_by_role("dialog", name="Resume 3 webhooks")
    bar(page).get_by_role("button", name="Resume").click()
    asked.get_by_role("switch", name="Send at a rate").click()
    asked.get_by_role("button", name="Resume").click()
    expect(asked).to_contain_text("Say how many a second")
    asked.get_by_label("Rate", exact=True).fill("5")
    asked.get_by_role("switch", name="Drop what is old").click()
    asked.get_by_label("Before").fill("2999-01-01")
    asked.get_by_role("button", name="Resume").click()
    expect(messages(page)).to_contain_text("2 webhooks are resumed. 2 older deliveries cancelled.")
    for title in ("Alpha", "Bravo"):
        expect(card(page, title).get_by_text("Enabled", exact=True)).to_be_visible()
    assert receiver.at("/a") == []


def test_a_list_offers_a_test_to_who_was_sent_nothing_yet(empty: Site, enter: Enter, receiver: Receiver) -> None:
    empty.add("Fresh", url=receiver.url + "/fresh")
    page = enter("/?view=list").page
    page.get_by_role("button", name="Send test to Fresh").press("Enter")
    receiver.wait_for("/fresh")
    expect(messages(page)).to_contain_text("200")
    viewer = enter("/?view=list", role=Role.viewer).page
    expect(viewer.get_by_role("link", name="Fresh")).to_be_visible()
    expect(viewer.get_by_role("button", name="Send test to Fresh")).to_have_count(0)


def test_all_that_match_are_deleted_and_come_back(empty: Site, enter: Enter) -> None:
    empty.add_many({f"Number {number:02}": DAY + timedelta(minutes=number) for number in range(1, 51)})
    empty.add("Other")
    page = enter("/?view=list&q=number").page
    expect(page.get_by_role("row")).to_have_count(49)
    page.get_by_role("checkbox", name="Select this page").click()
    expect(bar(page)).to_contain_text("48 selected")
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_role("row")).to_have_count(3)
    expect(bar(page)).to_contain_text("48 selected")
    bar(page).get_by_role("button", name="Select all 50").click()
    expect(bar(page)).to_contain_text("All 50 selected")
    expect(tick(page, "Number 02")).to_be_checked()
    bar(page).get_by_role("button", name="Redeliver failed").click()
    expect(messages(page)).to_contain_text("An order names up to 40 webhooks.")
    messages(page).get_by_role("button", name="Close").click()
    bar(page).get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog", name="Delete 50 webhooks?").get_by_role("button", name="Delete 50").click()
    expect(messages(page)).to_contain_text("50 webhooks are deleted.")
    assert [webhook.title for webhook in empty.webhooks()] == ["Other"]
    expect(bar(page)).to_be_hidden()
    messages(page).get_by_role("button", name="Undo").click()
    expect(page.get_by_text("50 webhooks", exact=True)).to_be_visible()


def test_what_could_not_be_done_is_told(empty: Site, enter: Enter) -> None:
    ids = add_all(empty, "Stays", "Goes")
    page = enter("/").page
    tick(page, "Stays").press("Space")
    tick(page, "Goes").press("Space")
    expect(bar(page)).to_contain_text("2 selected")
    empty.database.write_now(webhooks.delete, ids[1], actor=CLI, now=times.utcnow())
    expect(card(page, "Goes")).to_be_hidden()
    bar(page).get_by_role("button", name="Pause").press("Enter")
    expect(messages(page)).to_contain_text("1 webhook is paused.")
    expect(messages(page).get_by_role("alert")).to_contain_text(
        f"1 webhook could not be pausedThere is no webhook {ids[1]}."
    )
    # what a filter hides is not changed by accident
    page.get_by_role("searchbox", name="Search").fill("stays")
    expect(bar(page)).to_be_hidden()


def test_orders_for_deliveries_lead_on(empty: Site, enter: Enter) -> None:
    first, second = add_all(empty, "One", "Two")
    page = enter("/").page
    for title in ("One", "Two"):
        tick(page, title).click()
    bar(page).get_by_role("button", name="Redeliver failed").click()
    page.wait_for_url(f"**/redeliveries?new=redeliver&webhook_id={first}&webhook_id={second}&status=error")
    page.go_back()
    tick(page, "Two").click()
    bar(page).get_by_role("button", name="Cancel unsent").click()
    page.wait_for_url(f"**/redeliveries?new=cancel&webhook_id={second}")


def test_what_fails_is_found_and_says_what_comes_next(empty: Site, enter: Enter) -> None:
    ids = add_all(empty, "Down", "Probed", "Well", "Never tried")
    empty.change(ids[2], paused=True)
    set_lane(empty, ids[0], last_result="error", breaker="open", probe_at=times.utcnow() + timedelta(hours=2))
    set_lane(empty, ids[1], last_result="error", breaker="half_open")
    set_lane(empty, ids[2], last_result="sent")
    page = enter("/").page
    expect_titles(page, ["Never tried", "Well", "Probed", "Down"])
    expect(card(page, "Down")).to_contain_text(re.compile("Down: next probe in (2 h|1 h 5)"))
    expect(card(page, "Probed")).to_contain_text("Probing: one delivery at a time")
    page.get_by_role("button", name="Sort").click()
    page.get_by_role("menuitemcheckbox", name="Failing first").click()
    expect_titles(page, ["Probed", "Down", "Never tried", "Well"])
    page.wait_for_url("**/?*failing=first*")
    expect(page.get_by_text("failing first, then by creation date, newest first")).to_be_visible()
    overview = page.get_by_role("region", name="Overview")
    overview.get_by_role("link", name="Failing webhooks 2").click()
    expect_titles(page, ["Probed", "Down"])
    expect(page.get_by_role("combobox", name="State")).to_have_value("Failing")
    set_lane(empty, ids[1], last_result="sent", breaker="closed")
    empty.change(ids[1], description="Mended")  # as news of whatever kind
    expect_titles(page, ["Down"])
    page.goto(f"{empty.url}/?last=none")
    expect_titles(page, ["Never tried"])
    page.goto(f"{empty.url}/?state=paused&last=sent")
    expect(page.get_by_text("paused, last result sent · failing first, then by creation date")).to_be_visible()
    expect_titles(page, ["Well"])


def test_a_viewer_can_tick_nothing(empty: Site, enter: Enter) -> None:
    add_all(empty, "Seen")
    page = enter("/", role=Role.viewer).page
    expect(card(page, "Seen")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)


def test_the_actions_leave_the_number_its_room(empty: Site, enter: Enter) -> None:
    empty.add_many({f"Number {number}": DAY for number in range(1000)})
    page = enter("/", width=400).page
    for width in (400, 320):
        page.set_viewport_size({"width": width, "height": 860})
        expect(page.get_by_role("button", name="Export", exact=True)).to_be_visible()
        number = page.get_by_text("1,000 webhooks", exact=True).bounding_box()
        assert number
        assert number["height"] < 24, "one line"
        for name in ("Sort", "List view", "Card view", "Export"):
            action = page.get_by_role("button", name=name, exact=True).bounding_box()
            assert action
            beside = action["x"] >= number["x"] + number["width"]
            assert beside or action["y"] + action["height"] <= number["y"], (width, name)
        check_width(page)


@pytest.mark.parametrize("role", [Role.viewer, Role.operator])
def test_a_row_shows_its_health_at_every_width(empty: Site, enter: Enter, receiver: Receiver, role: Role) -> None:
    empty.add("Data warehouse loader (all events, long-term retention) " * 3, url=f"{receiver.url}/hooks")
    empty.emit()
    page = enter("/?view=list", role=role).page
    row = page.get_by_role("row").filter(has_text="Data warehouse")
    for width in (1440, 1024, 760, 400, 320):
        page.set_viewport_size({"width": width, "height": 860})
        expect(row.get_by_role("img", name="Last 24 hours: 1 sent")).to_be_visible()
        expect(row.get_by_text(re.compile(r"^100\s%$"))).to_be_visible()
        check_width(page)


@pytest.mark.parametrize("width", [1440, 1024, 400])
def test_a_selection_is_usable_by_everyone_and_fits(empty: Site, enter: Enter, width: int) -> None:
    ids = add_all(empty, "Data warehouse loader (all events, long-term retention) " * 3, "Down", "مزامنة عملاء المتجر")
    set_lane(empty, ids[1], last_result="error", breaker="half_open")
    page = enter("/", width=width).page
    tick(page, "Down").click()
    expect(bar(page)).to_be_visible()
    check_width(page)
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"webhooks-selected-{width}-{scheme}")
    page.goto(f"{empty.url}/?view=list")
    tick(page, "Down").click()
    expect(page.get_by_role("checkbox", name="Select this page" if width > 900 else "Select Down")).to_be_visible()
    check_width(page)
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"webhooks-selected-list-{width}-{scheme}")
    if width == 400:
        opener = page.get_by_role("button", name="Filters", exact=True)
        opener.click()
        expect(page.get_by_role("combobox", name="Last result")).to_be_visible()
        for scheme in both_schemes(page):
            check_rules(page)
            picture(page, f"webhooks-filters-{width}-{scheme}")
        page.keyboard.press("Escape")
        expect(page.get_by_role("combobox", name="Last result")).to_be_hidden()
        expect(opener).to_be_focused()
