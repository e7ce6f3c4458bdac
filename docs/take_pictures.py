"""Takes the README's pictures from the running demo: `python docs/take_pictures.py`."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.processes import Installation  # noqa: E402 - found by the line above

CHROMIUM = {
    "executable_path": shutil.which("chromium") or shutil.which("chromium-headless-shell"),
    "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
}
SAID = ("Open", "Password", "admin")  # in this order


def main() -> None:
    """The list, a webhook that fails now and then, and one of its failed deliveries."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Installation(Path(folder)).start("demo", really=True)
        try:
            address, password, email = (
                demo.wait_for(rf"^ *{name} +(\S+)$")[1] for name in ("Open", "Password", "admin")
            )
            _take(address, email, password)
        finally:
            demo.stop()


def _take(address: str, email: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        size = {"width": 1280, "height": 800}
        page = browser.new_page(viewport=size, timezone_id="Europe/Berlin", reduced_motion="reduce")
        page.goto(f"{address}/login")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
        _picture(page, "Failing webhooks", "webhooks")
        page.get_by_text("ERP import").first.click()
        _picture(page, "Activity", "webhook")
        page.goto(f"{page.url.partition('?')[0]}?response_status=422")
        page.get_by_text("422 Unprocessable").first.click()
        _picture(page, "Difference from last good", "delivery")
        browser.close()


def _picture(page: Page, sign: str, name: str) -> None:
    page.get_by_text(sign).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=ROOT / "docs" / f"{name}.png")


if __name__ == "__main__":
    main()
