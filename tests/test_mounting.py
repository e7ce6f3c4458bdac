"""Webhook UI inside an application: at a path of its own, behind a proxy with a prefix, started and ended with it."""

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from starlette.middleware.base import BaseHTTPMiddleware

import webhook_ui
from tests.applications import application, behind_prefix
from tests.browser import PASSWORD
from tests.processes import CACHES, ROOT
from webhook_ui import transactional
from webhook_ui.errors import UsageError
from webhook_ui.operators import Operator
from webhook_ui.prefix import path_below, settle

pytest_plugins = ["tests.browser"]

EMAIL = "dana@acme.example"


def scope_of(path: str, root: str = "", *, forwarded: str | None = None, outer: str | None = None) -> dict[str, Any]:
    headers = [(b"host", b"x")] + ([(b"x-forwarded-prefix", forwarded.encode())] if forwarded is not None else [])
    scope: dict[str, Any] = {"type": "http", "path": path, "root_path": root, "headers": headers}
    return scope if outer is None else {**scope, "app_root_path": outer}


@pytest.mark.parametrize(
    ("given", "root", "path"),
    [
        (scope_of("/webhooks/3"), "", "/webhooks/3"),
        (scope_of("/webhooks/webhooks/3", "/webhooks", outer=""), "/webhooks", "/webhooks/3"),
        (scope_of("/webhooks", "/webhooks", outer=""), "/webhooks", "/"),
        (scope_of("/ops/webhooks/x", "/ops/webhooks", outer="/ops"), "/ops/webhooks", "/x"),
        # FastAPI(root_path="/ops") behind a proxy that has taken it off
        (scope_of("/webhooks/x", "/ops/webhooks", outer="/ops"), "/ops/webhooks", "/x"),
        (scope_of("/x", forwarded="/ops"), "/ops", "/x"),
        (scope_of("/x", forwarded="/ops/"), "/ops", "/x"),
        (scope_of("/webhooks/x", "/webhooks", outer="", forwarded="/webhooks"), "/webhooks/webhooks", "/x"),
        # uvicorn --root-path and the header say the same prefix
        (scope_of("/ops/webhooks/x", "/ops/webhooks", outer="/ops", forwarded="/ops"), "/ops/webhooks", "/x"),
        *[
            (scope_of("/x", forwarded=bad), "", "/x")
            for bad in ("//evil.example", "ops", '/"><script>', "/a b", "/..", "/a/../b", "/" + "a" * 300, "/é")
        ],
    ],
)
def test_every_prefix_becomes_one(given: dict[str, Any], root: str, path: str) -> None:
    settled = settle(given)
    assert (settled["root_path"], path_below(settled), settled["path"].startswith(root)) == (root, path, True)
    assert [name for name, _ in settled["headers"]] == [b"host"]


@pytest.fixture
def forgotten() -> Iterator[None]:
    yield
    transactional._Known.configuration = None


def built(tmp_path: Path, path: str = "/hooks", **values: Any) -> FastAPI:
    app = FastAPI()
    webhook_ui.mount(app, path, data_dir=tmp_path / "data", plugins_dir=ROOT / "plugins", **values)
    return app


@pytest.mark.usefixtures("forgotten")
def test_it_lives_with_the_application_and_once_a_process(tmp_path: Path) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    handlers, level = logging.getLogger().handlers[:], logging.getLogger("uvicorn").level
    app = built(tmp_path, authenticate=lambda request: Operator(name="Dana", role=request.headers["x-role"]))
    with pytest.raises(UsageError, match="mounted at /hooks of this application already"):
        webhook_ui.mount(app, "/again")
    early = TestClient(app)
    assert (early.get("/hooks/").status_code, "has not started" in early.get("/hooks/healthz").text) == (503, True)
    for _ in range(2):  # an application's own tests start it again and again
        with TestClient(app) as client:
            assert client.get("/hooks/readyz").status_code == 200
            assert client.get("/hooks/", headers={"x-role": "viewer"}).status_code == 200
            with (
                pytest.raises(UsageError, match="runs in this process already, mounted at /hooks"),
                TestClient(built(tmp_path, "/other")),
            ):
                pass
            assert client.get("/hooks/readyz").status_code == 200
    assert early.get("/hooks/").status_code == 503
    # how lines look and where they go is the application's
    assert (logging.getLogger().handlers, logging.getLogger("uvicorn").level) == (handlers, level)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"path": "/"}, 'The path must begin with "/"'),
        ({"path": "hooks"}, 'The path must begin with "/"'),
        ({"path": "/hooks/"}, 'The path must begin with "/"'),
        ({"auth": "none"}, "whoever reaches the application would be admin"),
        ({"retention_days": 0}, "WEBHOOK_UI_RETENTION_DAYS"),
        ({"retention": 3}, "There is no setting retention. Did you mean retention_days?"),
    ],
)
def test_what_cannot_be_mounted_says_why(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        built(tmp_path, **values)


@pytest.mark.usefixtures("forgotten")
def test_who_the_application_says_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answers: dict[str, Any] = {
        "nobody": None,
        "viewer": Operator(name="Vera", role="viewer"),
        "wrong": "Dana",
    }

    async def authenticate(request: Any) -> Any:
        return answers[request.headers.get("x-who", "nobody")]

    app = built(tmp_path, authenticate=authenticate)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        stranger = client.get("/hooks/settings")
        assert (stranger.status_code, stranger.text) == (
            401,
            "Nobody is signed in. Sign in to the application, then come back.\n",
        )
        assert client.get("/hooks/login").status_code == 401  # there is none
        assert client.get("/hooks/settings", headers={"x-who": "viewer"}).status_code == 200
        assert client.get("/hooks/api/v1/webhooks", headers={"x-who": "viewer"}).status_code == 401  # programs: tokens
        assert client.get("/hooks/", headers={"x-who": "wrong"}).status_code == 500
        # where it is logged to depends on who has set up logging in this process before
        assert "return webhook_ui.Operator(name=…, role=…)" in capsys.readouterr().out + caplog.text
    for wrong in ({"name": " "}, {"name": "a\nb"}, {"name": "Dana", "role": "root"}):
        with pytest.raises(ValueError, match="An operator's"):
            Operator(**wrong)


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of an application, and the secret link to its first account."""
    folder = tmp_path_factory.mktemp("mounted")
    shutil.copytree(ROOT / "plugins", folder / "plugins", ignore=CACHES)
    with application(ROOT / "tests", "mounted_app:app", HERE=str(folder)) as (process, url):
        link = next(line.removeprefix("Open ") for line in process.seen if line.startswith("Open "))
        yield url, link
    assert "Traceback" not in process.text, process.text


@pytest.mark.browser
def test_accounts_and_every_page_below_the_mount_and_a_proxys_prefix(
    mounted: tuple[str, str], chromium: Browser
) -> None:
    url, link = mounted
    with behind_prefix(int(url.rpartition(":")[2]), "/webhooks") as outside:  # the worst of all names for it
        base = f"{outside}/webhooks"
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
        page = context.new_page()
        asked: list[str] = []
        missing: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(outside + link)
        page.get_by_role("textbox", name="Email").fill(EMAIL)
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url(f"{base}/")
        walk(page, base)
        cookies = {cookie["name"]: cookie["path"] for cookie in context.cookies()}
        assert set(cookies.values()) == {"/webhooks/webhooks"}, cookies
        assert {"webhook_ui_session", "webhook_ui_tz", "webhook_ui_webhooks_view", "webhook_ui_theme"} <= set(cookies)
        assert [one for one in asked if not one.startswith((f"{base}/", "data:"))] == []
        assert (missing, complaints) == ([f"{base}/nothing-here"], [])
        page.get_by_role("button", name=f"Account: {EMAIL}").click()
        page.get_by_role("menuitem", name="Sign out").click()
        page.wait_for_url(f"{base}/login")
        page.goto(f"{base}/webhooks/1?tab=settings")
        page.get_by_role("textbox", name="Email").fill(EMAIL)
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{base}/webhooks/1?tab=settings")
        context.close()


def walk(page: Page, base: str) -> None:
    """Through what changes the address or holds links: each stays below `base`."""
    page.wait_for_function("window.did_handshake")
    page.get_by_role("button", name="Add webhook").first.click()
    dialog = page.get_by_role("dialog", name="Add webhook")
    dialog.get_by_role("textbox", name="Title", exact=True).fill("CRM")
    dialog.get_by_role("textbox", name="URL", exact=True).fill("https://93.184.216.34/hooks")
    dialog.get_by_role("combobox", name="Triggers").click()
    page.get_by_role("option", name=re.compile("^User creation")).click()
    page.keyboard.press("Escape")
    dialog.get_by_role("switch", name="Enabled").click()
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="CRM", exact=True).click()
    expect(page).to_have_url(f"{base}/webhooks/1")
    expect(page.get_by_role("heading", name="CRM")).to_be_visible()
    page.get_by_role("tab", name="Settings").click()
    expect(page).to_have_url(f"{base}/webhooks/1?tab=settings")
    page.reload()
    page.wait_for_function("window.did_handshake")
    expect(page.get_by_role("tab", name="Settings")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(f"{base}/triggers")
    page.get_by_role("searchbox").fill("user")
    expect(page).to_have_url(re.compile(re.escape(f"{base}/triggers?") + ".*user"))
    with page.context.expect_page() as opened:
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Events").click(modifiers=["Control"])
    opened.value.wait_for_function("window.did_handshake")
    assert opened.value.url == f"{base}/events"
    opened.value.close()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Webhooks").click()
    expect(page).to_have_url(f"{base}/")
    page.get_by_role("button", name="List view").click()
    expect(page).to_have_url(re.compile(re.escape(f"{base}/?") + ".*view=list"))
    page.go_back()
    page.get_by_role("button", name=re.compile("^Account: ")).click()
    page.get_by_role("menuitemradio", name="Dark").click()
    page.keyboard.press("Escape")
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Export").click()
        page.get_by_role("menuitem", name="CSV").click()
    assert downloaded.value.url.startswith(f"{base}/export/webhooks.csv")
    page.goto(f"{base}/nothing-here")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Webhooks").click()
    expect(page).to_have_url(f"{base}/")
    page.goto(f"{base}/")
    page.wait_for_function("window.did_handshake")


@pytest.mark.browser
def test_programs_find_it_below_the_mount_and_the_applications_routes_are_as_they_were(
    mounted: tuple[str, str],
) -> None:
    url, _ = mounted
    with httpx.Client(base_url=url) as client:
        own = client.get("/own")
        assert (own.json(), "content-security-policy" in own.headers) == ({"state": [], "root_path": ""}, False)
        assert client.get("/webhooks-of-ours").json() == "ours"
        assert "/webhooks" not in client.get("/openapi.json").json()["paths"]
        assert client.get("/webhooks?sort=id").headers["location"] == "/webhooks/?sort=id"
        forwarded = {"x-forwarded-prefix": "/ops"}
        assert client.get("/webhooks", headers=forwarded).headers["location"] == "/ops/webhooks/"
        assert client.get("/webhooks/", headers=forwarded).headers["location"] == "/ops/webhooks/login"
        for headers, server in (({}, "/webhooks/api/v1"), (forwarded, "/ops/webhooks/api/v1")):
            described = client.get("/webhooks/api/v1/openapi.json", headers=headers).json()
            assert described["servers"] == [{"url": server}]
            page = client.get("/webhooks/api/v1/docs", headers=headers).text
            assert f"{server}/webhooks<" in page
            assert f'href="{server.removesuffix("/api/v1")}/_static/webhook-ui/tokens.css"' in page
        assert client.get("/webhooks/api/v1/none").json()["status"] == 401
        assert client.get("/webhooks/healthz").text == "ok\n"
        login = client.get("/webhooks/login")
        assert "frame-ancestors 'none'" in login.headers["content-security-policy"]
        script = re.search(r'src="(/webhooks/_static/[^"]+)"', login.text)
        assert script
        assert client.get(script[1]).status_code == 200
        for name in ("vue.esm-browser.prod.js", "nicegui.js"):
            file = client.get(f"/webhooks/_nicegui/{nicegui_version()}/static/{name}")
            assert (file.status_code, "immutable" in file.headers["cache-control"]) == (200, True)


def nicegui_version() -> str:
    from importlib.metadata import version

    return version("nicegui")


@pytest.mark.usefixtures("forgotten")
def test_middleware_of_the_application_stands_around_it(tmp_path: Path) -> None:
    async def say(request: Any, follow: Any) -> Any:
        request.state.staff = "Dana"
        answer = await follow(request)
        answer.headers["x-own"] = "yes"
        return answer

    app = built(tmp_path, authenticate=lambda request: Operator(name=request.state.staff))
    app.add_middleware(BaseHTTPMiddleware, dispatch=say)
    with TestClient(app) as client:
        answer = client.get("/hooks/")
        assert (answer.status_code, answer.headers["x-own"]) == (200, "yes")
