"""Plugins while everything runs: settings saved on the page, files changed in development, in every process."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect
from pydantic import BaseModel, EmailStr, Field, HttpUrl, SecretStr

from tests.browser import Enter, Receiver, Site, check_rules, check_width, picture, serve
from webhook_ui import plugin_loader, plugin_settings, plugin_values, webhooks
from webhook_ui.actors import CLI, Actor, Role
from webhook_ui.composing import Composer
from webhook_ui.database import Database
from webhook_ui.errors import Forbidden, Invalid
from webhook_ui.languages import spoken
from webhook_ui.models import table
from webhook_ui.outbox import Target
from webhook_ui.plugin_search import stamps
from webhook_ui.times import utcnow

pytest_plugins = ["tests.browser"]

TARGET = Target(webhook_id=1, url="http://127.0.0.1:9/", headers={}, secrets=(), timeout=None, retry_schedule=None)

GREETER = '''"""Greeter: counts aloud."""

import asyncio
from contextlib import asynccontextmanager

from pydantic import BaseModel, Field, SecretStr

from webhook_ui import Event, Trigger, hookimpl, open_to_all


class Settings(BaseModel):
    region: str = Field(description="Where it greets.")
    greeting: str = Field("hello", max_length=10)
    loud: bool = False
    token: SecretStr | None = None
    every: float = Field(1.0, gt=0)


@hookimpl
def register_settings():
    return Settings


@hookimpl
def register_triggers():
    return [Trigger("greeter.said", "Greeting", "Something was said.", {"n": 1})]


@hookimpl
def register_routes(router, host):
    @router.get("/now")
    @open_to_all
    def now():
        return host.setting.greeting


@hookimpl
@asynccontextmanager
async def source(host):
    async def count():
        while True:
            n = int(await host.checkpoint() or 0) + 1
            said = {"n": n, "greeting": host.setting.greeting, "region": host.setting.region}
            await host.emit_many([Event(trigger="greeter.said", payload=said)], checkpoint=str(n))
            await asyncio.sleep(host.setting.every)

    counting = asyncio.create_task(count())
    yield
    counting.cancel()
'''
VIEWER = Actor(kind="person", name="vera", role=Role.operator)
TOKEN = "s3cret-and-nobodys-business"


class Endpoint(BaseModel):
    secret: SecretStr


class Settings(BaseModel):
    count: int = Field(1, ge=1)
    kind: Literal["a", "b"] = "a"
    token: SecretStr | None = None
    endpoints: dict[str, Endpoint] = {}
    needed: str


PAGED = """

from webhook_ui import Page

@hookimpl
def register_pages():
    from nicegui import ui

    return [Page("hall", "Hall", lambda: ui.label("Come in"))]
"""


# without a browser


def test_what_is_saved_is_sealed_checked_and_on_record(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(changes: dict[str, Any], actor: Actor = CLI) -> Any:
        return database.write_now(plugin_values.save, "shop", Settings, changes, actor=actor, now=utcnow())

    with pytest.raises(Forbidden):
        save({"count": 3}, VIEWER)
    for changes, wrong in (
        ({"count": 3}, {"needed": "It is missing."}),
        ({"needed": "x", "count": 0}, {"count": "Must be greater than or equal to 1."}),
        ({"needed": "x", "nothing": 1}, {"nothing": "The plugin has no such setting."}),
        ({"needed": "x", "endpoints": {"a": {}}}, {"endpoints": "a.secret: It is missing."}),
    ):
        with pytest.raises(Invalid) as refused:
            save(changes)
        assert refused.value.fields == wrong
    assert database.read_now(plugin_values.all_values) == {}
    save({"needed": "x", "count": 3, "token": TOKEN, "endpoints": {"crm": {"secret": TOKEN}}})
    save({"count": None, "kind": "b"})
    save({"kind": "b"})  # nothing new: nothing on record
    kept = {"needed": "x", "token": TOKEN, "endpoints": {"crm": {"secret": TOKEN}}, "kind": "b"}
    assert database.read_now(plugin_values.all_values) == {"shop": kept}
    raw = database.read_now(lambda s: s.execute(sa.text("SELECT given FROM webhook_ui_plugin_settings")).scalar_one())
    assert TOKEN not in raw
    assert "needed" not in raw
    changes = database.read_now(_changes)
    assert [change.after for change in changes] == [
        {"needed": "x", "token": "secret", "endpoints": "secret", "kind": "b"},
        {"needed": "x", "count": 3, "token": "secret", "endpoints": "secret"},
    ]
    assert TOKEN not in str([(change.before, change.after) for change in changes])

    monkeypatch.setenv("webhook_ui_shop_count", "7")
    with pytest.raises(Invalid, match="It is set in the environment, which wins"):
        save({"count": 5})
    settings, wrong = plugin_settings.read("shop", Settings, (), ["shop"], {**kept, "count": 2})
    assert isinstance(settings, Settings)
    assert (settings.count, settings.kind, settings.token.get_secret_value(), wrong) == (7, "b", TOKEN, [])  # type: ignore[union-attr]
    assert plugin_settings.secrets_of(Settings) == {"token", "endpoints"}


class Worded(BaseModel):
    port: int = Field(1, ge=1)
    share: Decimal = Decimal(1)
    on: bool = True
    kind: Literal["a", "b"] = "a"
    key: SecretStr = Field(SecretStr("long enough"), min_length=8)
    name: str = Field("abc", pattern="[a-z]+", max_length=5)
    to: list[EmailStr] = Field(["a@example.com"], min_length=1)
    url: HttpUrl | None = None


def test_what_pydantic_says_of_settings_is_said_in_the_readers_words() -> None:
    wrong = {"port": "x", "share": "y", "on": "z", "kind": "c", "key": "k", "name": "A", "to": ["x"], "url": "u"}
    words = {
        "port": ("Must be a whole number.", "Debe ser un número entero."),
        "share": ("Must be a number.", "Debe ser un número."),
        "on": ("Must be true or false.", "Debe ser verdadero o falso (true o false)."),
        "kind": ("Must be one of these: a, b.", "Debe ser uno de estos: a, b."),
        "key": ("Must be longer: at least 8.", "Debe ser más largo: al menos 8."),
        "name": ("Must match the pattern [a-z]+.", "Debe ajustarse al patrón [a-z]+."),
        "to": ("0: Must be an e-mail address.", "0: Debe ser una dirección de correo."),
        "url": (
            "Must be an address, such as https://example.com.",
            "Debe ser una dirección, como https://example.com.",
        ),
    }
    for number, code in enumerate(("en", "es")):
        with spoken(code):
            found = plugin_settings.mistakes("worded", Worded, wrong)
            assert found == {name: said[number] for name, said in words.items()}
            assert plugin_settings.mistakes("worded", Worded, {"port": 0}).keys() == {"port"}


def _changes(session: Any) -> Any:
    from webhook_ui.models import Change

    return (
        session.execute(
            sa.select(Change).where(table(Change).c.subject == "plugin").order_by(table(Change).c.id.desc())
        )
        .scalars()
        .all()
    )


def test_a_set_of_plugins_is_exchanged_as_a_whole_or_each_stays(tmp_path: Path) -> None:
    good = tmp_path / "good.py"
    other = tmp_path / "other.py"
    good.write_text(plugin("good.done", "return None"))
    other.write_text(plugin("other.done", None))
    (tmp_path / "_shared.py").write_text("")
    plugins = plugin_loader.load(tmp_path, entry_points=False)
    composer, names, before = (
        Composer(plugins, user_agent="x"),
        plugins.names,
        {one.name: one for one in plugins.running},
    )
    assert (composer.is_plain(TARGET), "good.done" in names) == (False, True)

    good.write_text(plugin("good.done", "return {") + "syntax error")
    kept = {"other": before["other"]}
    plugins.become(plugin_loader.load(tmp_path, entry_points=False, kept=kept, before={"good": before["good"]}))
    assert [one is before[one.name] for one in plugins.running] == [True, True]
    (problem,) = plugins.problems
    assert (problem.name, problem.runs_on, "good.done" in names) == ("good", True, True)

    other.write_text(plugin("good.done", None))  # takes the name: the one that is broken has it first
    plugins.become(plugin_loader.load(tmp_path, entry_points=False, before=before))
    assert [(one.name, one.runs_on) for one in plugins.problems] == [("good", True), ("other", True)]

    good.write_text(plugin("good.better", None))
    plugins.become(plugin_loader.load(tmp_path, entry_points=False, before=before))
    assert (plugins.problems, composer.is_plain(TARGET)) == ((), True)
    assert sorted(names) == ["good.better", "good.done"]
    good.unlink()
    plugins.become(plugin_loader.load(tmp_path, entry_points=False, before=before))
    assert sorted(names) == ["good.done"]


def plugin(trigger: str, transform: str | None) -> str:
    lines = [
        "from webhook_ui import Trigger, hookimpl",
        "@hookimpl",
        "def register_triggers():",
        f"    return [Trigger({trigger!r}, 'Title', 'About', {{}})]",
    ]
    if transform:
        lines += ["@hookimpl", "def transform_payload(trigger, webhook, payload):", f"    {transform}"]
    return "\n".join(lines) + "\n"


def test_a_change_of_any_file_of_a_plugin_is_seen(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("")
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "inner.py").write_text("")
    (tmp_path / "notes.txt").write_text("")
    first = stamps(tmp_path)
    assert sorted(first) == ["one", "two"]
    (folder / "inner.py").write_text("x = 1")
    second = stamps(tmp_path)
    assert (second["one"], second["two"] == first["two"]) == (first["one"], False)
    (tmp_path / "_shared.py").write_text("")  # which both may import
    third = stamps(tmp_path)
    assert (third["one"] == second["one"], third["two"] == second["two"]) == (False, False)
    assert stamps(tmp_path / "none") == {}


# in a browser: the web process serves, a process beside it runs sources and sends


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "greeter.py").write_text(GREETER)
    with serve(folder, "--workers", "1", "--reload-plugins", expected=["SyntaxError: "], GREETER_EVERY="0.2") as made:
        yield made


def section(page: Page) -> Locator:
    return page.get_by_role("region", name="greeter")


def line(page: Page, name: str) -> Locator:
    return section(page).get_by_role("row", name=re.compile(f"^WEBHOOK_UI_GREETER_{name}"))


def said(receiver: Receiver, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """What was greeted, once it is enough, by number."""
    deadline = time.monotonic() + 20
    while True:
        found = sorted((one.data["data"] for one in receiver.at("/said")), key=lambda one: one["n"])
        if enough(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def listen(site: Site, url: str) -> None:
    """Stores a webhook for what the plugin will offer once it can be loaded."""
    rules = replace(site.rules, triggers=["greeter.said", "greeter.left"])
    values = {"title": "Greetings", "url": url, "triggers": ["greeter.*"]}
    site.database.write_now(webhooks.add, values, rules=rules, actor=CLI, now=utcnow())


@pytest.mark.browser
def test_settings_are_saved_in_the_page_and_files_are_exchanged(site: Site, enter: Enter, receiver: Receiver) -> None:
    folder = site.installation.folder / "plugins"
    page = enter("/settings?tab=plugins").page
    assert page.url == f"{site.url}/settings?tab=plugins"
    expect(section(page)).to_contain_text("The setting WEBHOOK_UI_GREETER_REGION is missing.")
    listen(site, f"{receiver.url}/said")

    section(page).get_by_role("button", name="Change settings of greeter").click()
    form = page.get_by_role("dialog", name="Settings of greeter")
    expect(form).to_contain_text("Set in the environment, which wins.")
    expect(form.get_by_role("textbox", name="every")).to_have_count(0)
    expect(form.get_by_role("textbox", name="greeting")).to_have_attribute("placeholder", "hello")
    expect(form.locator(".q-select")).to_contain_text("Default: false")
    form.get_by_role("textbox", name="greeting").fill("much too long a greeting")
    form.get_by_role("textbox", name="token").fill(TOKEN)
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("region and greeting need a change.")
    expect(form).to_contain_text("It is missing.")
    check_rules(page)
    picture(page, "plugin-settings-form")
    form.get_by_role("textbox", name="region").fill("eu <b>")
    form.get_by_role("textbox", name="greeting").fill("moin")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(line(page, "REGION")).to_contain_text("eu <b>")
    expect(line(page, "REGION")).to_contain_text("this page")
    expect(line(page, "TOKEN").get_by_role("cell").first).to_have_text("set")
    expect(line(page, "EVERY")).to_contain_text("the environment")
    expect(section(page)).to_contain_text("admin@acme.example")
    expect(section(page)).not_to_contain_text("is missing")
    first = said(receiver, lambda found: len(found) > 2)
    assert (first[0]["n"], {one["greeting"] for one in first}, first[0]["region"]) == (1, {"moin"}, "eu <b>")
    assert httpx.get(f"{site.url}/plugins/greeter/now").json() == "moin"
    assert "greeter.said" in site.installation.run("plugin", "list").stdout  # commands know what was saved
    check_width(page)
    picture(page, "plugin-settings")

    section(page).get_by_role("button", name="Change settings of greeter").click()
    expect(form.get_by_role("textbox", name="token")).to_have_value("")
    expect(form).to_contain_text("It is set. Type another one, or leave it empty to keep it.")
    form.get_by_role("textbox", name="greeting").fill("")
    form.get_by_role("checkbox", name="Remove token").click()
    form.get_by_role("button", name="Save").click()
    expect(line(page, "GREETING")).to_contain_text("default")
    expect(line(page, "TOKEN").get_by_role("cell").first).to_have_text("not set")
    said(receiver, lambda found: found[-1]["greeting"] == "hello")
    assert TOKEN not in page.content()

    # a file that was changed
    triggers = enter("/triggers").page
    listed = triggers.get_by_role("table", name="Triggers")
    expect(listed.get_by_text("greeter.said", exact=True)).to_be_visible()
    (folder / "greeter.py").write_text(GREETER.replace("def register_triggers():", "def register_triggers(:"))
    expect(triggers.get_by_role("alert").first).to_contain_text("was refused")
    shown = triggers.get_by_role("main").get_by_role("alert")
    expect(shown).to_contain_text("greeter.py was refused; what was loaded of it before goes on")
    expect(shown).to_contain_text("Python cannot read this file")
    toast = triggers.get_by_role("region", name="Messages")
    expect(toast).to_contain_text("Plugin greeter was refused; what was loaded of it before goes on")
    check_rules(triggers)
    picture(triggers, "plugin-refused")
    running = len(said(receiver, bool))
    said(receiver, lambda found: len(found) > running + 2)  # what was there before goes on
    more = GREETER.replace(
        '{"n": 1})]', '{"n": 1}), Trigger("greeter.left", "Farewell", "It left.", {"n": 1})]'
    ).replace("return host.setting.greeting", 'return "new"')
    (folder / "greeter.py").write_text(more.replace('"greeting": host.setting.greeting', '"greeting": "ahoy"') + PAGED)
    expect(listed.get_by_text("greeter.left", exact=True)).to_be_visible()
    expect(shown).to_have_count(0)
    said(receiver, lambda found: found[-1]["greeting"] == "ahoy")
    assert httpx.get(f"{site.url}/plugins/greeter/now").json() == "new"
    assert site.run("emit", "greeter.left", json.dumps({"n": 0}))

    hall = triggers.get_by_role("navigation", name="Main").get_by_role("link", name="Hall")
    hall.click()  # a page that has come stands in the navigation of tabs that are open
    expect(triggers.get_by_text("Come in")).to_be_visible()
    triggers.go_back()

    (folder / "greeter.py").unlink()
    expect(hall).to_have_count(0)
    expect(listed.get_by_text("greeter.said", exact=True)).to_have_count(0)
    expect(toast).to_contain_text("Plugin greeter is gone.")
    assert httpx.get(f"{site.url}/plugins/greeter/now").status_code == 404
    numbers = [one["n"] for one in said(receiver, lambda found: any(one["n"] == 0 for one in found)) if one["n"]]
    assert numbers == list(range(1, len(numbers) + 1))  # nothing was lost, and nothing said twice


@pytest.mark.browser
def test_only_admins_see_plugins_settings_and_they_fit_a_narrow_dark_screen(enter: Enter) -> None:
    narrow = enter("/settings?tab=plugins", width=400, scheme="dark").page
    expect(narrow.get_by_role("region", name="inbound")).to_be_visible()
    check_rules(narrow)
    check_width(narrow)
    picture(narrow, "plugin-settings-narrow-dark")
    page = enter("/settings?tab=plugins", role=Role.operator).page
    expect(page.get_by_role("tab", name="In force")).to_be_visible()
    expect(page.get_by_role("tab", name="Plugins")).to_have_count(0)
    expect(page.get_by_role("region", name="greeter")).to_have_count(0)
