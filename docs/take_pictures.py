"""Takes the README's pictures from a running server with sample webhooks: `python docs/take_pictures.py`."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.processes import Installation, add_webhook, payload, receiver  # noqa: E402 - found by the line above

CHROMIUM = {
    "executable_path": shutil.which("chromium") or shutil.which("chromium-headless-shell"),
    "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
}
EMAIL, PASSWORD = "dana@acme.example", "correct horse battery"


def main() -> None:
    """Starts everything in a folder that goes again afterwards."""
    with tempfile.TemporaryDirectory() as folder, receiver() as good, receiver(lambda _: 503) as bad:
        installation = Installation(Path(folder) / "here", retry_schedule="60,300,1800")
        installation.run("user", "create", EMAIL, "--role", "admin", "--password-stdin", stdin=PASSWORD)
        try:
            _, address = installation.serve("--allow-loopback")
            with installation.api(address) as api:
                for title, url in (
                    ("CRM contact sync", good.url),
                    ("Billing ledger", bad.url),
                    ("🚀 Welcome e-mails", good.url),
                    ("مزامنة عملاء المتجر", good.url),
                    ("Data warehouse loader", good.url),
                ):
                    add_webhook(api, url, title=title)
                add_webhook(api, good.url, title="Fraud scoring", paused=True)
                for number in range(8):
                    api.post("/events", json={"trigger": "user.created", "payload": payload(number)})
            good.wait_for(lambda ids: len(ids) == 32)
            bad.wait_for(lambda ids: len(ids) == 8)
            _take(address)
        finally:
            installation.end()


def _take(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 640}, timezone_id="Europe/Berlin")
        page.goto(f"{address}/login")
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        _picture(page, f"{address}/", "Failing webhooks", "webhooks")
        _picture(page, f"{address}/webhooks/2", "Activity", "webhook")
        browser.close()


def _picture(page: Page, address: str, sign: str, name: str) -> None:
    page.goto(address)
    page.get_by_text(sign).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=ROOT / "docs" / f"{name}.png")


if __name__ == "__main__":
    main()
