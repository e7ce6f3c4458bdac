"""What an address answers: 404 for what is not there, however slow the database; and one page, not two."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import PASSWORD, ZONE
from tests.processes import PATIENCE, Installation, add_webhook, payload, plain
from webhook_ui import ids

pytest_plugins = ["tests.browser"]

EMAIL = "dana@acme.example"
# the frame waits for nothing, and who sits there is looked up for every page: all that the database says comes late
HURRIED = """
from webhook_ui.accounts import identity
from webhook_ui.ui import dashboard
dashboard.FRAME_SECONDS = 0.0
identity.KEPT_SECONDS = 0.0
"""
NOWHERE = ids.event_text(1 << 60)


@dataclass(frozen=True)
class House:
    """A server with a webhook and an event, and a client that is signed in."""

    client: httpx.Client
    webhook: int
    event: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    installation = Installation(tmp_path_factory.mktemp("addresses"))
    try:
        made = installation.run("user", "create", EMAIL, "--role", "admin", "--password-stdin", stdin=PASSWORD)
        assert made.returncode == 0, made.stderr
        server = installation.start("serve", "--port", "0", hurried=HURRIED)
        address = server.wait_for(r"Dashboard +(http://\S+)")[1]
        with (
            installation.api(address) as api,
            httpx.Client(base_url=address, transport=plain(retries=20), timeout=PATIENCE) as client,
        ):
            webhook = add_webhook(api, "https://hooks.example/", paused=True)
            event = api.post("/events", json={"trigger": "user.created", "payload": payload(7)}).json()
            form = {"email": EMAIL, "password": PASSWORD}
            assert client.post("/login", data=form, headers={"origin": address}).status_code == 303
            yield House(client, webhook["id"], event["id"])
    finally:
        installation.end()


@pytest.mark.parametrize(
    "path",
    [
        "/no/such/page",
        *(f"/webhooks/{nobody}" for nobody in ("999999", "abc", "0", "9" * 40, "%00", "1/x")),
        *(f"/events/{nothing}" for nothing in ("evt_1", "x", NOWHERE, f"{NOWHERE}/x")),
        "/deliveries/1",
        "/redeliveries/1",
        "/triggers/user.created",
        "/settings/x",
        "/pages/none/none",
    ],
)
def test_what_is_not_there_is_answered_with_404(house: House, path: str) -> None:
    assert house.client.get(path).status_code == 404


def test_what_is_there_is_answered_with_200(house: House) -> None:
    pages = ("/", "/deliveries", "/events", "/redeliveries", "/triggers", "/settings")
    for path in (*pages, f"/webhooks/{house.webhook}", f"/events/{house.event}"):
        assert house.client.get(path).status_code == 200, path


def test_the_address_above_a_webhook_is_that_of_the_list(house: House) -> None:
    answer = house.client.get("/webhooks?view=list&q=a%26b", follow_redirects=True)
    assert (answer.status_code, answer.url) == (200, house.client.base_url.join("/?view=list&q=a%26b"))


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/no/such/page", "/webhooks/1/x", "/triggers/user.created"])
def test_who_goes_to_no_page_finds_one_page(chromium: Browser, house: House, path: str) -> None:
    """The page above it is begun before it is known that nothing stands at the address."""
    address = str(house.client.base_url).rstrip("/")
    cookies = house.client.cookies.items()
    with closing(chromium.new_context(timezone_id=ZONE)) as context:
        context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies])
        page = context.new_page()
        page.goto(f"{address}/settings")
        page.wait_for_function("window.did_handshake")
        page.evaluate(f"emitEvent('sub_pages_navigate', '{path}')")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        house.client.get("/settings")  # so long that what was begun before would be there
        page.keyboard.press("Control+k")
        expect(page.get_by_role("option", name="Webhooks")).to_be_visible()
        expect(page.locator("h1")).to_have_text(["There is no such page"])
        expect(page).to_have_title("No such page · Webhook UI")
