"""The page Settings: what is in force and where it comes from, the server, accounts and tokens; who may see what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from pydantic import SecretStr

from tests.browser import PASSWORD, Enter, Site, both_schemes, check_rules, check_width, picture, serve
from tests.conftest import KEY
from webhook_ui import accounts, settings
from webhook_ui.actors import CLI, Role
from webhook_ui.database import Database
from webhook_ui.history.installation import describe_database
from webhook_ui.migrations import latest
from webhook_ui.times import utcnow
from webhook_ui.ui import setting_words
from webhook_ui.ui.settings_page import Where

pytest_plugins = ["tests.browser"]

BROKEN = "from webhook_ui import hookimpl\n\n\n@hookimpl\ndef register_trigger():\n    return []\n"


# without a browser


def test_settings_know_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("WEBHOOK_UI_LEASE=90\nWEBHOOK_UI_PORT=81\nWEBHOOK_UI_HOST=127.0.0.2\n")
    monkeypatch.setenv("webhook_ui_port", "82")
    monkeypatch.setenv("WEBHOOK_UI_HOST", "127.0.0.3")
    loaded = settings.load(host="127.0.0.4")
    assert (loaded.lease, loaded.port, loaded.host) == (90, 82, "127.0.0.4")
    origins = [loaded.origin(name) for name in ("lease", "port", "host", "concurrency")]
    assert origins == ["file", "environment", "command", "default"]
    assert settings.Settings(port=9).origin("port") == "command"


def test_values_are_said_in_words_and_secrets_never() -> None:
    values: list[tuple[str, Any, str]] = [
        ("secret_key", SecretStr("abc"), "set"),
        ("public_url", None, "not set"),
        ("require_https", False, "off"),
        ("retry_schedule", (5.0, 300.0), "5 s, 5 min"),
        ("retry_jitter", 0.1, "10 %"),
        ("allowed_networks", (), "none"),
        ("max_payload_bytes", 1024 * 1024, "1.0 MiB"),
        ("concurrency", 64, "64"),
    ]
    assert [setting_words.value_text(name, value) for name, value, _ in values] == [words for _, _, words in values]
    loaded = settings.Settings(secret_key=SecretStr(KEY), outbound_proxy=SecretStr("http://user:pass@proxy:3128"))
    written = str(setting_words.settings_in_force(loaded))
    assert KEY not in written
    assert "pass@" not in written


def test_the_address_of_the_page_is_read_and_written() -> None:
    for path in ("/settings", "/settings?tab=tokens&after=7", "/settings?tab=accounts&after=a%40b.c"):
        assert Where.read(path).text() == path
    assert Where.read("/settings?tab=nonsense&after=%00").text() == "/settings"


def test_the_database_says_what_it_is(database: Database) -> None:
    facts = database.read_now(describe_database)
    assert facts.name == ("SQLite" if database.is_sqlite else "PostgreSQL")
    assert facts.version[0].isdigit()
    assert facts.octets > 10_000
    assert facts.revision == latest()


def test_accounts_and_tokens_come_in_pages(database: Database) -> None:
    def add(session: Any) -> None:
        for name in "cab":
            values = {"role": Role.viewer, "actor": CLI, "now": utcnow()}
            accounts.create_account(session, email=f"{name}@example.com", password_hash="x", **values)
            accounts.create_token(session, name=name, **values)

    database.write_now(add)
    first = database.read_now(accounts.list_accounts, limit=2)
    rest = database.read_now(accounts.list_accounts, after=first[-1].email, limit=2)
    assert [one.email[0] for one in (*first, *rest)] == ["a", "b", "c"]
    newest = database.read_now(accounts.latest_tokens, limit=2)
    older = database.read_now(accounts.latest_tokens, before=newest[-1].id, limit=2)
    assert [one.name for one in (*newest, *older)] == ["b", "a", "c"]


# in a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with settings from outside and a plugin that cannot be loaded."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "broken.py").write_text(BROKEN)
    with serve(folder, CONCURRENCY="7", SECRET_KEY=KEY) as made:
        yield made


def row(page: Page, words: str) -> Locator:
    return page.get_by_role("row").filter(has_text=words)


@pytest.mark.browser
def test_what_is_in_force_and_how_the_server_is(site: Site, enter: Enter) -> None:
    page = enter("/settings").page
    concurrency = page.get_by_role("row", name="WEBHOOK_UI_CONCURRENCY Attempts in flight per dispatcher.")
    expect(concurrency).to_contain_text("7environment")
    expect(row(page, "WEBHOOK_UI_SECRET_KEY")).to_contain_text("setenvironment")
    expect(row(page, "WEBHOOK_UI_PORT")).to_contain_text("command line")
    expect(row(page, "WEBHOOK_UI_LEASE")).to_contain_text("60 sdefault")
    assert KEY not in page.content()
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"settings-{scheme}")
    page.get_by_role("tab", name="Server").click()
    page.wait_for_url("**/settings?tab=server")
    expect(page.get_by_role("region", name="Database")).to_contain_text("SQLite 3.")
    expect(page.get_by_role("region", name="Dispatchers")).to_contain_text("At work")
    expect(page.get_by_role("region", name="Versions")).to_contain_text("nicegui")
    plugins = page.get_by_role("region", name="Plugins")
    expect(plugins.get_by_role("listitem").first).to_contain_text("Not loadedplugins/broken.py, line 5")
    expect(plugins).to_contain_text("LoadedOrdersplugins/orders.py2 triggers")
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"server-{scheme}")
    for width in (1024, 400):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        for scheme in both_schemes(page):
            picture(page, f"server-{width}-{scheme}")
    page.go_back()
    expect(page.get_by_role("table", name="Settings in force")).to_be_visible()
    check_width(page)
    for scheme in both_schemes(page):
        picture(page, f"settings-400-{scheme}")


@pytest.mark.browser
def test_an_admin_adds_changes_and_disables_accounts(site: Site, enter: Enter) -> None:
    page = enter("/settings?tab=accounts").page
    expect(row(page, "admin@acme.example")).to_contain_text("you")
    page.get_by_role("button", name="Add account").click()
    form = page.get_by_role("dialog", name="Add account")
    form.get_by_role("button", name="Add account").click()
    expect(form.get_by_role("alert")).to_contain_text("Email")
    form.get_by_label("Email", exact=True).fill("Dana@Acme.example")
    form.get_by_label("Password", exact=True).fill("short")
    form.get_by_role("button", name="Add account").click()
    expect(form).to_contain_text("Use at least 10 characters.")
    check_rules(page)
    picture(page, "account-form")
    form.get_by_label("Password", exact=True).fill(PASSWORD)
    form.get_by_role("button", name="Add account").click()
    expect(form).to_have_count(0)
    dana = row(page, "dana@acme.example")
    expect(dana).to_contain_text("Viewer")
    assert signs_in(site, "dana@acme.example", PASSWORD)

    def choose(entry: str) -> None:
        dana.get_by_role("button", name="More for dana@acme.example").click()
        page.get_by_role("menuitem", name=entry).click()

    choose("Make operator")
    expect(dana).to_contain_text("Operator", timeout=2500)
    choose("Reset password")
    form = page.get_by_role("dialog", name="Reset password")
    form.get_by_label("New password").fill("another long one")
    form.get_by_role("button", name="Set password").click()
    expect(form).to_have_count(0)
    assert not signs_in(site, "dana@acme.example", PASSWORD)
    assert signs_in(site, "dana@acme.example", "another long one")
    choose("Disable")
    page.get_by_role("alertdialog").get_by_role("button", name="Disable").click()
    expect(dana).to_contain_text("Disabled", timeout=2500)
    assert not signs_in(site, "dana@acme.example", "another long one")
    choose("Enable")
    expect(dana).to_contain_text("Can sign in", timeout=2500)
    row(page, "admin@acme.example").get_by_role("button").click()
    page.get_by_role("menuitem", name="Make viewer").click()
    expect(page.get_by_role("alert")).to_contain_text("admin@acme.example is the only admin left")
    check_rules(page)
    for width in (1024, 400):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        picture(page, f"accounts-{width}")


def signs_in(site: Site, email: str, password: str) -> bool:
    """Whether the door lets them in."""
    form = {"email": email, "password": password}
    return httpx.post(f"{site.url}/login", data=form, headers={"origin": site.url}).status_code == 303


@pytest.mark.browser
def test_a_token_is_shown_once_and_refused_once_it_is_revoked(site: Site, enter: Enter) -> None:
    page = enter("/settings?tab=tokens").page
    expect(page.get_by_text("No token was made yet")).to_be_visible()
    page.get_by_role("button", name="Create token").click()
    form = page.get_by_role("dialog", name="Create token")
    form.get_by_role("button", name="Create token").click()
    expect(form).to_contain_text("Name the program that will use it")
    form.get_by_label("Name", exact=True).fill("shop <b>")
    form.get_by_role("button", name="Create token").click()
    expect(form).to_contain_text("It is shown this once")
    token = form.get_by_role("button", name="Copy token").get_attribute("data-copy") or ""
    picture(page, "token-made")
    check_rules(page)
    form.get_by_role("button", name="Done").click()
    expect(form).to_have_count(0)
    made = row(page, "shop <b>")
    expect(made).to_contain_text("In force")
    expect(made).to_contain_text("by")
    assert token not in page.content()
    assert asks(site, token) == 200
    made.get_by_role("button", name="Revoke").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Revoke").click()
    expect(made).to_contain_text("Revoked", timeout=2500)
    expect(made.get_by_role("button")).to_have_count(0)
    assert asks(site, token) == 401
    check_width(page)
    picture(page, "tokens")


def asks(site: Site, token: str) -> int:
    """What the REST API answers a program with this token."""
    return httpx.get(f"{site.url}/api/v1/triggers", headers={"authorization": f"Bearer {token}"}).status_code


@pytest.mark.browser
def test_only_admins_see_accounts_and_tokens(site: Site, enter: Enter) -> None:
    for role in (Role.viewer, Role.operator):
        page = enter("/settings?tab=accounts", role=role).page
        expect(page.get_by_role("tab")).to_have_text(["In force", "Server"])
        expect(page.get_by_role("table", name="Settings in force")).to_be_visible()
        page.get_by_role("tab", name="Server").click()
        expect(page.get_by_role("region", name="Database")).to_contain_text("SQLite")
        expect(page.get_by_role("region", name="Database")).not_to_contain_text("webhook_ui.db")
        assert "admin@acme.example" not in page.content()


@pytest.mark.browser
def test_whoever_is_no_admin_any_more_can_change_nothing(site: Site, enter: Enter) -> None:
    values = {"email": "temp@acme.example", "role": Role.admin, "password_hash": accounts.hash_password(PASSWORD)}
    site.database.write_now(accounts.create_account, **values, actor=CLI, now=utcnow())
    page = enter(None, role=None).page
    page.goto(f"{site.url}/login")
    page.get_by_role("textbox", name="Email", exact=True).fill("temp@acme.example")
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    page.goto(f"{site.url}/settings?tab=tokens")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("dialog", name="Create token")).to_be_visible()
    site.database.write_now(accounts.change_role, "temp@acme.example", Role.viewer, actor=CLI, now=utcnow())
    expect(page.get_by_role("tab")).to_have_text(["In force", "Server"], timeout=5000)
    expect(page.get_by_role("button", name="Create token")).to_have_count(0)
