"""The example of an application with Webhook UI in it, from its sign-up form to the third party."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.applications import application
from tests.browser import Receiver, check_rules, check_width, picture
from tests.processes import ROOT

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("platform")
    given = {"PLATFORM_DATA": str(folder / "data"), "PLATFORM_PASSWORD": PASSWORD, "HERE": str(folder)}
    networks = {"WEBHOOK_UI_ALLOWED_NETWORKS": "127.0.0.0/8"}
    with application(ROOT / "examples" / "platform", "platform_app:app", **given, **networks) as (process, url):
        yield url
    assert "Traceback" not in process.text, process.text


@pytest.fixture
def staff(chromium: Browser, platform: str) -> Iterator[BrowserContext]:
    """A browser with a signed-in member of the staff."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    sign_in(context.new_page(), f"{platform}/webhooks/")
    yield context
    context.close()


def sign_in(page: Page, wanted: str) -> None:
    page.goto(wanted)
    page.get_by_role("textbox", name="Name").fill("Dana")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(wanted)
    page.wait_for_function("window.did_handshake")


def test_when_a_new_user_is_created_the_third_party_hears_of_it(
    chromium: Browser, platform: str, staff: BrowserContext, receiver: Receiver
) -> None:
    page = staff.pages[0]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.get_by_role("button", name="Add webhook").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Title", exact=True).fill("CRM")
    dialog.get_by_role("textbox", name="URL", exact=True).fill(f"{receiver.url}/users")
    dialog.get_by_role("combobox", name="Triggers").click()
    page.get_by_role("option", name=re.compile("^User creation")).click()
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="CRM")).to_be_visible()

    visitor = chromium.new_page()
    visitor.goto(platform)
    visitor.get_by_role("textbox", name="Name").fill("Zoë <b>Ångström</b>")
    visitor.get_by_role("textbox", name="Email").fill("zoe@example.com")
    visitor.get_by_role("button", name="Sign up").click()
    expect(visitor.get_by_role("heading", name="Welcome, Zoë <b>Ångström</b>")).to_be_visible()
    (arrived,) = receiver.wait_for("/users")
    assert (arrived.data["type"], arrived.data["data"]) == (
        "user.created",
        {"id": 1, "name": "Zoë <b>Ångström</b>", "email": "zoe@example.com"},
    )

    visitor.goto(platform)  # whose row is refused, fires nothing
    visitor.get_by_role("textbox", name="Name").fill("Zoë again")
    visitor.get_by_role("textbox", name="Email").fill("zoe@example.com")
    visitor.get_by_role("button", name="Sign up").click()
    expect(visitor.get_by_text("There is an account with this email already.")).to_be_visible()
    assert httpx.get(f"{platform}/users").json() == ["Zoë <b>Ångström</b>"]
    visitor.close()

    page.get_by_role("link", name="CRM").click()
    expect(page).to_have_url(f"{platform}/webhooks/webhooks/1")
    expect(page.get_by_role("main").get_by_text("Sent", exact=True).first).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Deliveries", exact=True).click()
    expect(page).to_have_url(f"{platform}/webhooks/deliveries")
    expect(page.get_by_role("table").get_by_text("Sent", exact=True)).to_have_count(1)
    check_rules(page)
    picture(page, "platform-deliveries")
    page.go_back()
    expect(page.get_by_role("heading", name="CRM")).to_be_visible()
    assert len(receiver.at("/users")) == 1
    assert complaints == []


def test_the_history_names_the_staff_and_who_leaves_can_do_nothing_more(platform: str, staff: BrowserContext) -> None:
    page = staff.pages[0]
    page.goto(f"{platform}/webhooks/webhooks/1?tab=settings")
    page.wait_for_function("window.did_handshake")
    expect(page.get_by_role("button", name="Account: Dana")).to_be_visible()
    page.get_by_role("button", name="Account: Dana").click()
    expect(page.get_by_role("menuitem", name="Sign out")).to_have_count(0)  # that is the platform's own matter
    page.keyboard.press("Escape")
    staff.request.post(f"{platform}/staff/leave")
    page.reload()
    expect(page).to_have_url(re.compile(r"/staff\?next=%2Fwebhooks%2Fwebhooks%2F1%3Ftab%3Dsettings$"))
    assert staff.request.get(f"{platform}/webhooks/export/webhooks.csv").url.startswith(f"{platform}/staff")
    for width in (400, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        check_width(page)


def test_strangers_are_led_to_the_platforms_own_sign_in(platform: str) -> None:
    with httpx.Client(base_url=platform) as stranger:
        answer = stranger.get("/webhooks/deliveries?status=error")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/staff?next=%2Fwebhooks%2Fdeliveries%3Fstatus%3Derror",
        )
        assert stranger.get("/webhooks/api/v1/webhooks").status_code == 401
        assert stranger.post("/webhooks/logout").status_code == 401  # there is no sign-in but the platform's
        assert stranger.get("/webhooks/login").headers["location"] == "/staff?next=%2Fwebhooks%2Flogin"
        assert "content-security-policy" not in stranger.get("/").headers
