"""The page Redeliveries in a real browser: new ones with their dry run, plans as they go on, bulk cancel, who may."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture
from tests.test_redeliveries import rows, store
from webhook_ui import times
from webhook_ui.actors import CLI, Role
from webhook_ui.history import redeliveries as history
from webhook_ui.models import Delivery, Redelivery, RedeliveryLane, RedeliveryRun, table
from webhook_ui.outbox import plans

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }} مزامنة عملاء المتجر 🚀"
BUSY = {
    "status": "error",
    "response_status": 503,
    "error_class": "http",
    "error_message": "503 Service Unavailable: it is busy",
}


@pytest.fixture(autouse=True)
def alone(site: Site) -> Iterator[None]:
    """Each test starts without webhooks and plans, and leaves nothing that goes on."""
    site.clear()
    yield

    def end(session: Any) -> None:
        for row in history.list_redeliveries(session, limit=200).rows:
            if row.plan.state not in ("done", "cancelled"):
                plans.cancel(session, int(row.plan.id or 0), actor=CLI, now=times.utcnow())
        for model in (RedeliveryRun, RedeliveryLane, Redelivery):
            session.execute(table(model).delete())

    site.database.write_now(end)


def form(page: Page, name: str = "New redelivery") -> Locator:
    return page.get_by_role("dialog", name=name)


def dry_run(page: Page, name: str = "New redelivery") -> Locator:
    return form(page, name).get_by_role("region", name="Dry run")


def hook(site: Site, receiver: Receiver, count: int, title: str = "Billing ledger", **values: Any) -> int:
    """A webhook with so many deliveries that were given up."""
    webhook_id = int(site.add(title, url=f"{receiver.url}/{title.split(maxsplit=1)[0].lower()}", **values).id or 0)
    if count:
        store(site.database, webhook_id, count, attempt=BUSY)
    return webhook_id


def choose(page: Page, field: str, option: str) -> None:
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_new_redelivery_counts_while_one_chooses_and_sends_what_it_counted(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    first = hook(site, receiver, 5)
    other = hook(site, receiver, 2, "Other one")
    page = enter("/redeliveries").page
    expect(page.get_by_text("No redeliveries yet")).to_be_visible()
    page.get_by_role("button", name="New redelivery").first.click()
    expect(form(page).get_by_role("button", name="Redeliver 7 failed")).to_be_visible()
    expect(dry_run(page).get_by_text("503 Service Unavailable: it is busy")).to_have_count(3)
    expect(dry_run(page).get_by_text("under a second")).to_be_visible()
    webhook = page.get_by_role("combobox", name="Webhooks", exact=True)
    webhook.fill("Billi")
    page.get_by_role("option", name="Billing ledger").click()
    expect(form(page).get_by_role("button", name="Redeliver 5 failed")).to_be_visible()
    page.wait_for_url(f"**/redeliveries?new=redeliver&webhook_id={first}&status=error")
    form(page).get_by_role("textbox", name="Pace").fill("0.5")
    expect(dry_run(page).get_by_text("about 10 s")).to_be_visible()
    form(page).get_by_role("textbox", name="Pace").fill("fast")
    expect(form(page).get_by_text("Write deliveries a second as a number")).to_be_visible()
    expect(form(page).get_by_role("button", name="Redeliver", exact=True)).to_be_disabled()
    form(page).get_by_role("textbox", name="Pace").fill("")
    form(page).get_by_role("button", name="Redeliver 5 failed").click()
    receiver.wait_for("/billing", 5)
    page.wait_for_url("**/redeliveries?plan=*")
    panel = page.get_by_role("dialog", name="Redelivery", exact=True)
    expect(panel.get_by_text("5 of 5 redelivered")).to_be_visible()
    expect(panel.get_by_role("link", name="5 sent, 0 failed again, 0 waiting")).to_be_visible()
    expect(panel.get_by_role("button", name="Cancel what is unsent")).to_be_hidden()
    expect(panel.get_by_role("table", name="Runs").get_by_text("Done", exact=True).last).to_be_visible()
    expect(page.get_by_role("region", name="History").get_by_text("Billing ledger")).to_be_visible()
    assert not receiver.at("/other"), "the others were left alone"
    page.go_back()
    expect(panel).to_be_hidden()
    receiver.statuses["/other"] = 503
    page.goto(f"{site.url}/redeliveries?new=redeliver&webhook_id={other}&status=error")
    form(page).get_by_role("button", name="Redeliver 2 failed").click()
    expect(panel.get_by_text("All failed")).to_be_visible()
    expect(page.get_by_role("region", name="History").get_by_text("All failed")).to_be_visible()
    picture(page, "redelivery-failed-again")
    panel.get_by_role("link", name="0 sent, 2 failed again, 0 waiting").click()
    page.wait_for_url("**/deliveries?status=error&redelivery_id=*")
    expect(page.get_by_role("table", name="Deliveries").locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("Redelivery #")).to_be_visible()
    page.get_by_role("button", name="Show all again").click()
    page.wait_for_url("**/deliveries?status=error")


def test_those_chosen_on_the_list_of_webhooks_are_redelivered_and_no_others(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    first, other, third = (hook(site, receiver, 2, title) for title in (f"One {HOSTILE}", "Two", "Three"))
    page = enter("/").page
    for title in (f"One {HOSTILE}", "Three"):
        page.get_by_role("checkbox", name=f"Select {title}").click()
    page.get_by_role("button", name="Redeliver failed").click()
    for title in (f"One {HOSTILE}", "Three"):
        expect(form(page).get_by_role("button", name=f"Remove {title}")).to_be_visible()
    expect(form(page).get_by_role("button", name="Redeliver 4 failed")).to_be_visible()
    webhooks = page.get_by_role("combobox", name="Webhooks", exact=True)
    webhooks.fill("Two")
    page.get_by_role("option", name="Two").click()
    expect(form(page).get_by_role("button", name="Redeliver 6 failed")).to_be_visible()
    expect(webhooks).to_have_value("")
    page.wait_for_url(f"**webhook_id={first}&webhook_id={third}&webhook_id={other}&status=error")
    page.keyboard.press("Escape")  # the list of options
    form(page).get_by_role("button", name="Remove Two").click()
    expect(form(page).get_by_role("button", name="Redeliver 4 failed")).to_be_visible()
    page.wait_for_url(f"**/redeliveries?new=redeliver&webhook_id={first}&webhook_id={third}&status=error")
    check_rules(page)
    for width in (400, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        picture(page, f"redeliveries-several-{width}")
    form(page).get_by_role("button", name="Redeliver 4 failed").click()
    panel = page.get_by_role("dialog", name="Redelivery", exact=True)
    expect(panel.get_by_text("4 of 4 redelivered")).to_be_visible()
    named = panel.get_by_role("list", name="Webhooks")
    expect(named.get_by_role("link", name=f"One {HOSTILE}")).to_have_attribute("href", f"/webhooks/{first}")
    expect(page.get_by_role("region", name="History").get_by_role("link", name="2 webhooks: ")).to_be_visible()
    receiver.wait_for("/one", 2)
    receiver.wait_for("/three", 2)
    assert not receiver.at("/two"), "it was not chosen"
    check_rules(page)
    picture(page, "redeliveries-several-done")


def test_it_is_planned_by_cron_with_its_next_runs_edited_paused_and_cancelled(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    webhook_id = hook(site, receiver, 3)
    page = enter(f"/redeliveries?new=redeliver&webhook_id={webhook_id}&within=24h").page
    expect(form(page).get_by_role("button", name="Redeliver 3 failed")).to_be_visible()
    form(page).get_by_role("button", name="Again and again").click()
    crontab = form(page).get_by_role("textbox", name="Crontab")
    crontab.fill("30 2 * *")
    expect(form(page).get_by_text("This is no crontab: it needs five fields")).to_be_visible()
    crontab.fill("30 2 * * mon-fri")
    old = form(page).get_by_text("Each run sends again all that is still in error, however old.")
    expect(form(page).get_by_text("At 02:30, Monday to Friday, Europe/Berlin. Next runs:")).to_be_visible()
    expect(old).to_be_hidden()
    choose(page, "Time of the event", "Any time")
    expect(old).to_be_visible()
    choose(page, "Time of the event", "Last 24 h before each run")
    expect(old).to_be_hidden()
    expect(form(page).get_by_text("At 02:30, Monday to Friday, Europe/Berlin. Next runs:")).to_be_visible()
    expect(form(page).get_by_role("listitem").filter(has_text=", 02:30")).to_have_count(5)
    expect(form(page).get_by_text(re.compile(r"^First run .*, 02:30 Europe/Berlin$"))).to_be_visible()
    zone = form(page).get_by_role("textbox", name="Time zone")
    zone.fill("Europe/Berlim")
    expect(form(page).get_by_text("Did you mean Europe/Berlin?")).to_be_visible()
    zone.fill("Asia/Tokyo")
    check_rules(page)
    form(page).get_by_role("button", name="Plan redelivery").click()
    panel = page.get_by_role("dialog", name="Redelivery", exact=True)
    expect(panel.get_by_text("Errors, last 24 h before each run")).to_be_visible()
    planned = page.get_by_role("region", name="Planned")
    expect(planned.get_by_text("At 02:30, Monday to Friday, Asia/Tokyo")).to_be_visible()
    assert not receiver.ledger
    panel.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name=re.compile("Edit redelivery"))
    dialog.get_by_role("textbox", name="Pace").fill("2")
    dialog.get_by_role("textbox", name="Crontab").fill("0 * * * *")
    dialog.get_by_role("button", name="Save").click()
    expect(planned.get_by_text("Every hour, Asia/Tokyo")).to_be_visible()
    expect(planned.get_by_text("2 / s")).to_be_visible()
    panel.get_by_role("button", name="Pause").click()
    expect(planned.get_by_text("Paused", exact=True)).to_be_visible()
    panel.get_by_role("button", name="Resume").click()
    expect(planned.get_by_text("Scheduled", exact=True)).to_be_visible()
    panel.get_by_role("button", name="Cancel").click()
    question = page.get_by_role("alertdialog")
    expect(question.get_by_text("It never runs. No delivery is changed.")).to_be_visible()
    question.get_by_role("button", name="Cancel redelivery").click()
    expect(page.get_by_role("region", name="History").get_by_text("Cancelled")).to_be_visible()
    expect(planned).to_be_hidden()


def test_progress_is_live_and_what_waits_is_named(site: Site, receiver: Receiver, enter: Enter) -> None:
    paused = hook(site, receiver, 4, HOSTILE)
    site.change(paused, paused=True)
    quick = hook(site, receiver, 60)
    store(site.database, quick, 3, attempt=BUSY, age=timedelta(hours=3), status="sent", closed="sent", answer="sent")
    page = enter("/redeliveries?new=redeliver").page
    form(page).get_by_role("textbox", name="Pace").fill("20")
    form(page).get_by_role("button", name="Redeliver 64 failed").click()
    running = page.get_by_role("region", name="Running")
    bar = running.get_by_role("progressbar")
    expect(page.get_by_role("navigation").get_by_title("Redeliveries: 1")).to_be_visible()
    expect(running.get_by_text(re.compile("^(2|3|4|5).* of 64 redelivered$"))).to_be_visible()
    expect(running.get_by_text("60 of 64 redelivered")).to_be_visible()
    expect(bar).to_have_attribute("aria-valuenow", "94")
    expect(running.get_by_text("4 wait: webhook paused")).to_be_visible()
    expect(running.get_by_text("ends once its webhooks take deliveries again")).to_be_visible()
    panel = page.get_by_role("dialog", name="Redelivery", exact=True)
    expect(panel.get_by_text("4 deliveries wait for ")).to_be_visible()
    expect(panel.get_by_role("link", name=HOSTILE)).to_have_attribute("href", f"/webhooks/{paused}")
    check_rules(page)
    site.change(paused, paused=False)
    expect(running).to_be_hidden()
    expect(panel.get_by_text("64 of 64 redelivered")).to_be_visible()
    expect(page.get_by_role("link", name="Redeliveries", exact=True)).to_be_visible()


def test_a_backlog_is_cancelled_with_its_count_after_a_question(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver, 0)
    site.change(webhook_id, paused=True)
    for _ in range(3):
        site.emit()
    page = enter(f"/webhooks/{webhook_id}").page
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Cancel backlog (3)").click()
    panel = form(page, "Cancel deliveries")
    expect(dry_run(page, "Cancel deliveries").get_by_text("Held: paused")).to_have_count(3)
    panel.get_by_role("button", name="Cancel 3 deliveries").click()
    question = page.get_by_role("alertdialog", name="Cancel 3 deliveries?")
    question.get_by_role("button", name="Cancel", exact=True).click()
    own, opened = table(Delivery).c.webhook_id == webhook_id, table(Delivery).c.due_at.is_not(None)
    assert len(rows(site.database, own & opened)) == 3, "nothing was done yet"
    panel.get_by_role("button", name="Cancel 3 deliveries").click()
    question.get_by_role("button", name="Cancel deliveries").click()
    expect(page.get_by_role("dialog", name="Redelivery", exact=True).get_by_text("3 of 3 cancelled")).to_be_visible()
    assert {row.closed for row in rows(site.database, table(Delivery).c.webhook_id == webhook_id)} == {"cancelled"}
    assert not receiver.ledger


def test_what_was_entered_for_an_order_outlives_a_new_page(site: Site, receiver: Receiver, enter: Enter) -> None:
    """What was chosen stands in the address; what is typed without a connection the browser keeps."""
    hook(site, receiver, 1)
    page = enter("/redeliveries?new=redeliver").page
    field = form(page).get_by_role
    field("textbox", name="Pace").fill("7")
    field("button", name="Again and again").click()
    field("textbox", name="Crontab").fill("30 2 * * mon")
    field("textbox", name="Time zone").fill("Asia/Tokyo")
    expect(form(page).get_by_text("At 02:30, Monday, Asia/Tokyo. Next runs:")).to_be_visible()
    page.wait_for_url("**rate=7&cron=30+2+%2A+%2A+mon&timezone=Asia%2FTokyo")
    page.reload()
    expect(field("textbox", name="Pace")).to_have_value("7")
    expect(form(page).get_by_text("At 02:30, Monday, Asia/Tokyo. Next runs:")).to_be_visible()
    choose(page, "Time of the event", "From … to …")
    field("textbox", name="From", exact=True).wait_for()
    page.evaluate("socket.disconnect()")
    for name, typed in {"Tenant": "acme", "Pace": "0.5", "Crontab": "15 4 * * *", "From": "2026-11-22"}.items():
        field("textbox", name=name, exact=True).fill(typed)
    field("textbox", name="From, time").fill("17:30")
    page.reload()
    expect(form(page).get_by_text("At 04:15 every day, Asia/Tokyo. Next runs:")).to_be_visible()
    for name, typed in {"Tenant": "acme", "Pace": "0.5", "From": "2026-11-22", "From, time": "17:30"}.items():
        expect(field("textbox", name=name, exact=True)).to_have_value(typed)


def test_an_address_opens_the_form_filled_in_and_a_window_is_entered(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    webhook_id = hook(site, receiver, 2)
    scope = f"webhook_id={webhook_id}&trigger=user.created&error_class=http&response_status=503&tenant=acme"
    page = enter(f"/redeliveries?new=redeliver&{scope}&from=2026-11-22&to=2026-11-22T18:30").page
    expect(form(page).get_by_role("button", name="Remove Billing ledger")).to_be_visible()
    expect(form(page).get_by_text("user.created", exact=True).first).to_be_visible()
    expect(form(page).get_by_role("textbox", name="Response status")).to_have_value("503")
    expect(form(page).get_by_role("textbox", name="Tenant")).to_have_value("acme")
    expect(form(page).get_by_role("textbox", name="From", exact=True)).to_have_value("2026-11-22")
    expect(form(page).get_by_role("textbox", name="To, time")).to_have_value("18:30")
    expect(form(page).get_by_role("button", name="Redeliver none")).to_be_disabled()
    form(page).get_by_role("textbox", name="To", exact=True).fill("2026-11-21")
    expect(form(page).get_by_text("This must lie after from; swap the two.")).to_be_visible()
    form(page).get_by_role("textbox", name="Tenant").fill("")
    choose(page, "Time of the event", "Last 24 h before each run")
    expect(form(page).get_by_role("button", name="Redeliver 2 failed")).to_be_visible()
    page.reload()
    expect(form(page).get_by_role("button", name="Redeliver 2 failed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(form(page)).to_be_hidden()
    page.wait_for_url("**/redeliveries")
    wrong = "webhook_id=999999&error_class=nonsense&from=yesterday"
    page.goto(f"{site.url}/redeliveries?new=cancel&{wrong}")
    cancelling = form(page, "Cancel deliveries")
    expect(cancelling.get_by_text("There is no webhook 999999. Choose one.")).to_be_visible()
    expect(cancelling.get_by_text("Write the date as YYYY-MM-DD")).to_be_visible()
    order = cancelling.locator(".w-panel-foot").get_by_role("button", name="Cancel")
    expect(order).to_be_disabled()
    choose(page, "Time of the event", "Any time")
    missing = cancelling.get_by_role("button", name="Remove #999999, which is not there")
    missing.click()
    expect(missing).to_have_count(0)
    page.get_by_role("combobox", name="Webhooks", exact=True).fill("Billing")
    page.get_by_role("option", name="Billing ledger").click()
    expect(cancelling.get_by_text("This must be one of: dns")).to_be_visible()
    expect(order).to_be_disabled()
    page.goto(f"{site.url}/redeliveries?plan=999999")
    expect(page.get_by_text("There is no redelivery #999999")).to_be_visible()


def test_a_viewer_sees_plans_and_may_do_nothing(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver, 3)
    site.change(webhook_id, paused=True)
    operator = enter(f"/redeliveries?new=redeliver&webhook_id={webhook_id}", role=Role.operator).page
    form(operator).get_by_role("button", name="Redeliver 3 failed").click()
    expect(operator.get_by_text("3 wait: webhook paused").first).to_be_visible()
    page = enter("/redeliveries?new=redeliver", role=Role.viewer).page
    running = page.get_by_role("region", name="Running")
    expect(running.get_by_text("operator@acme.example")).to_be_visible()
    expect(form(page)).to_have_count(0)
    running.get_by_role("link", name="Billing ledger").click()
    panel = page.get_by_role("dialog", name="Redelivery", exact=True)
    expect(panel.get_by_text("3 deliveries wait for ")).to_be_visible()
    for name in ("Pause", "Cancel", "Edit", "New redelivery", "Cancel deliveries"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_the_page_is_for_everybody(site: Site, receiver: Receiver, enter: Enter) -> None:
    paused = hook(site, receiver, 3, HOSTILE * 3)
    site.change(paused, paused=True)
    page = enter("/redeliveries?new=redeliver").page
    form(page).get_by_role("button", name="Redeliver 3 failed").click()
    expect(page.get_by_role("region", name="Running")).to_be_visible()
    page.wait_for_url("**/redeliveries?plan=*")
    opened = page.url.rpartition("/redeliveries")[2]
    page.goto(f"{site.url}/redeliveries?new=redeliver")
    form(page).get_by_role("button", name="At a time").click()
    form(page).get_by_role("button", name="Plan redelivery").click()
    expect(page.get_by_role("region", name="Planned")).to_be_visible()
    for path, name in (("", "list"), (opened, "plan"), ("?new=redeliver&from=2026-11-22", "new")):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{site.url}/redeliveries{path}")
        expect(page.get_by_role("region", name="Running")).to_be_attached()
        if name == "new":
            expect(form(page).get_by_role("button", name="Redeliver 3 failed")).to_be_visible()
        if name == "plan":
            expect(page.get_by_role("table", name="Runs")).to_be_visible()
        for _ in both_schemes(page):
            check_rules(page)
        for width in (400, 1024, 1600):
            page.set_viewport_size({"width": width, "height": 900})
            check_width(page)
            for scheme in both_schemes(page):
                picture(page, f"redeliveries-{name}-{width}-{scheme}")


def focused(page: Page, name: str) -> None:
    """Waits until the keyboard stands there, and shows it."""
    page.wait_for_function(
        "(name) => (document.activeElement.ariaLabel ?? document.activeElement.textContent).trim() === name", arg=name
    )
    assert page.evaluate("document.activeElement.matches(':focus-visible')")


def test_back_from_an_order_leads_to_what_opened_it(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = hook(site, receiver, 3)
    page = enter(f"/webhooks/{webhook_id}").page
    way = page.get_by_role("link", name="Redeliver 3 failed")
    way.focus()
    for leave in ("Escape", "Cancel", "Back"):
        page.keyboard.press("Enter")
        expect(form(page).get_by_role("button", name="Redeliver 3 failed")).to_be_visible()
        if leave == "Escape":
            page.keyboard.press("Escape")
        elif leave == "Cancel":
            form(page).get_by_role("button", name="Cancel").press("Enter")
        if leave != "Back":
            page.wait_for_url(f"{site.url}/redeliveries")
            expect(form(page)).to_have_count(0)
        page.go_back()
        page.wait_for_url(f"{site.url}/webhooks/{webhook_id}")
        focused(page, "Redeliver 3 failed")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    receiver.statuses["/billing"] = 200
    form(page).get_by_role("button", name="Redeliver 3 failed").press("Enter")
    page.wait_for_url("**/redeliveries?plan=*")
    receiver.wait_for("/billing", 3)
    page.go_back()  # what was ordered is not offered again; nothing failed is left, so the heading is where one is
    page.wait_for_url(f"{site.url}/webhooks/{webhook_id}")
    focused(page, "Billing ledger")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_order_that_was_asked_for_here_leaves_no_step_behind(site: Site, enter: Enter) -> None:
    page = enter("/triggers").page
    page.get_by_role("link", name="Redeliveries").first.click()
    opener = page.get_by_role("button", name="New redelivery").first
    opener.press("Enter")
    form(page).get_by_role("button", name="Cancel").click()
    page.wait_for_url(f"{site.url}/redeliveries")
    expect(form(page)).to_have_count(0)
    expect(opener).to_be_focused()
    page.go_back()
    page.wait_for_url(f"{site.url}/triggers")


@pytest.mark.parametrize(("new", "opener"), [("redeliver", "New redelivery"), ("cancel", "Cancel deliveries")])
def test_who_leaves_a_form_that_its_address_has_opened_stands_on_what_opens_it(
    enter: Enter, new: str, opener: str
) -> None:
    page = enter(f"/redeliveries?new={new}").page
    expect(page.get_by_role("dialog", name=opener)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=opener, exact=True).first).to_be_focused()
