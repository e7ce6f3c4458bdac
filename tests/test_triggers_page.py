"""The page Triggers and its dialog Fire: payloads typed as a form or as JSON, who gets them, what became of it."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect
from pydantic import BaseModel, Field

from tests.browser import Enter, Receiver, Site, both_schemes, check_rules, check_width, picture, serve
from webhook_ui.actors import Role
from webhook_ui.ui import payload_fields
from webhook_ui.ui.payload_fields import PayloadField, fields_of, join, place_messages, split, to_json, to_text

pytest_plugins = ["tests.browser"]

BROKEN = """from webhook_ui import Trigger, hookimpl


@hookimpl
def register_trigger():
    return [Trigger("cart.abandoned", "Cart abandoned", "Left behind.", {"id": 1})]
"""
STRANGE = '''"""مزامنة 🚀: what comes from far away."""

from pydantic import BaseModel

from webhook_ui import Trigger, hookimpl


class Address(BaseModel):
    street: str


class Moved(BaseModel):
    """A number no browser could keep, and an object inside."""

    big: int
    address: Address
    express: bool = False


@hookimpl
def register_triggers():
    example = {"big": 12345678901234567890, "address": {"street": "Nowhere 1"}}
    return [Trigger("strange.moved", "<b>Moved</b> " + "far away " * 12, "", example, payload=Moved)]
'''


# a payload as a form, without a browser


class Inner(BaseModel):
    street: str


class Model(BaseModel):
    id: int
    ratio: float
    name: str
    mail: str | None = Field(default=None, json_schema_extra={"format": "email"})
    plan: Literal["free", "team"] = "free"
    active: bool
    address: Inner
    tags: list[str] = []
    odd: int | str = 1


WATCHER = '''"""Watcher: looks after something."""

from pydantic import BaseModel

from webhook_ui import Job, hookimpl, needs_settings

requires = "webhook-ui>=0.1"


class Settings(BaseModel):
    folder: str = ""


@hookimpl
def register_settings():
    return Settings


@hookimpl
@needs_settings("folder")
async def source(host):
    pass


@hookimpl
def register_jobs():
    return [Job("sweep", print, every=3600)]


@hookimpl
async def delivery_attempted(delivery):
    pass
'''
DYING = '''"""Dying: a source and nothing else."""

from webhook_ui import hookimpl


@hookimpl
async def source(host):
    raise RuntimeError("the feed is <b>gone</b>")
'''


def field(kind: payload_fields.Kind, *options: str) -> PayloadField:
    return PayloadField(name="x", kind=kind, note="", required=True, options={one: one for one in options})


def test_a_model_becomes_fields_and_what_is_unusual_a_field_of_json() -> None:
    found = {one.name: (one.kind, one.note, one.required) for one in fields_of(Model.model_json_schema())}
    assert found == {
        "id": ("whole", "integer", True),
        "ratio": ("number", "number", True),
        "name": ("text", "text", True),
        "mail": ("text", "text, optional", False),
        "plan": ("choice", "one of 2, optional", False),
        "active": ("choice", "true or false", True),
        "address": ("json", "JSON", True),
        "tags": ("json", "JSON, optional", False),
        "odd": ("json", "JSON, optional", False),
    }


@pytest.mark.parametrize(
    "schema",
    [{"type": "object"}, {"type": "array"}, {}, {"type": "object", "properties": 7}, {"$ref": "#/$defs/X"}],
)
def test_without_properties_there_is_no_form(schema: dict[str, Any]) -> None:
    assert fields_of(schema) == []


def test_a_reference_to_itself_ends() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert [one.kind for one in fields_of(schema)] == ["json"]


def test_every_value_comes_through_the_form_as_it_was() -> None:
    payload = '{"a": 123456789012345678901, "b": 1e400, "c": "\\u0041\\n", "d": {"x":  1}, "e": null}'
    parts = split(payload)
    assert parts == {"a": "123456789012345678901", "b": "1e400", "c": '"\\u0041\\n"', "d": '{"x":  1}', "e": "null"}
    assert split(join(parts)) == parts
    assert to_text(field("whole"), parts["a"]) == "123456789012345678901"
    assert to_text(field("number"), parts["b"]) == "1e400"
    assert to_text(field("text"), parts["c"]) is None  # two lines
    assert to_text(field("text"), parts["a"]) is None
    assert to_text(field("json"), parts["d"]) == '{"x":  1}'
    assert to_text(field("text"), "null") == to_text(field("choice", "true"), "null") == ""
    for broken in ("[1]", "{", '{"a": NaN}', "[" * 100_000):
        with pytest.raises(ValueError, match="not a JSON object"):
            split(broken)


@pytest.mark.parametrize(
    ("kind", "typed", "raw"),
    [
        ("whole", " 99999999999999999999 ", "99999999999999999999"), ("whole", "007", '"007"'),
        ("whole", "seven", '"seven"'), ("number", "-1.5e3", "-1.5e3"), ("number", "1,5", '"1,5"'),
        ("text", 'Zoë "x"', '"Zoë \\"x\\""'), ("json", ' {"a": 1} ', '{"a": 1}'), ("choice", '"team"', '"team"'),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_json(kind: payload_fields.Kind, typed: str, raw: str) -> None:
    assert to_json(field(kind), typed) == raw


def test_messages_find_their_fields() -> None:
    messages = {
        "payload.address.street": "Must be text.",
        "payload.id": "No.",
        "payload.other": "Odd.",
        "payload": "All.",
    }
    assert place_messages(messages, ["id", "address"]) == (
        {"address": "street: Must be text.", "id": "No."},
        ["other: Odd.", "All."],
    )


# in the browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a broken plugin and a strange one."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "shop_events.py").write_text(BROKEN)
    (folder / "plugins" / "strange.py").write_text(STRANGE)
    (folder / "plugins" / "watcher.py").write_text(WATCHER)
    (folder / "plugins" / "dying.py").write_text(DYING)
    with serve(folder, expected=["RuntimeError: the feed is <b>gone</b>"]) as made:
        yield made


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """Each browser test starts without webhooks."""
    if "page" in request.fixturenames or "enter" in request.fixturenames:
        request.getfixturevalue("site").clear()


def line(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def open_dialog(page: Page, name: str = "user.created") -> Locator:
    line(page, name).get_by_role("button", name="Fire").click()
    dialog = page.get_by_role("dialog", name="Fire")
    expect(dialog.get_by_role("button", name="Fire")).to_be_visible()
    return dialog


@pytest.mark.browser
def test_firing_by_hand_is_seen_as_sent(site: Site, receiver: Receiver, enter: Enter) -> None:
    webhook_id = int(site.add("CRM sync", url=receiver.url + "/a").id or 0)
    watching = enter(f"/webhooks/{webhook_id}").page
    page = enter("/triggers").page
    dialog = open_dialog(page)
    dialog.get_by_role("button", name="Fire").click()
    expect(watching.get_by_role("table", name="Deliveries")).to_contain_text("Sent", timeout=3000)
    expect(page.get_by_text("to 1 webhook.")).to_be_visible()
    expect(dialog).to_have_count(0)
    [received] = receiver.wait_for("/a")
    assert received.data["type"] == "user.created"
    assert received.data["data"]["name"] == "Zoë Ångström"
    expect(line(page, "user.created")).to_contain_text("1 webhook")
    page.get_by_role("link", name="Show delivery").click()
    expect(page.get_by_role("dialog", name="Delivery")).to_contain_text("200 OK", timeout=3000)
    site.add("Billing ledger", url=receiver.url + "/b")
    page.goto(f"{site.url}/triggers")
    open_dialog(page).get_by_role("button", name="Fire").click()
    page.get_by_role("link", name="Show event").click()
    page.wait_for_url("**/events/evt_*")


@pytest.mark.browser
def test_firing_takes_no_mouse(site: Site, receiver: Receiver, enter: Enter) -> None:
    site.add("CRM sync", url=receiver.url + "/keys")
    page = enter("/triggers").page
    opener = line(page, "user.created").get_by_role("button", name="Fire")
    dialog = page.get_by_role("dialog", name="Fire")
    opener.press("Enter")
    expect(dialog.get_by_role("textbox", name="id", exact=True)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("42")
    page.keyboard.press("Control+Enter")
    assert receiver.wait_for("/keys")[0].data["data"]["id"] == 42
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    opener.press("Enter")
    dialog.get_by_role("button", name="Cancel").press("Control+Enter")  # which is not pressed
    assert len(receiver.wait_for("/keys", 2)) == 2


@pytest.mark.browser
def test_the_page_says_who_listens_and_what_could_not_be_loaded(site: Site, enter: Enter) -> None:
    page = enter("/triggers?q=order").page
    expect(page.get_by_text("8 from 4 plugins")).to_be_visible()
    expect(line(page, "order.paid")).to_be_visible()
    expect(line(page, "user.created")).to_be_hidden()
    page.get_by_role("searchbox", name="Search").fill("")
    expect(line(page, "user.created")).to_contain_text("nobody listens")
    page.wait_for_url(f"{site.url}/triggers")
    site.add(triggers=["user.*"])
    expect(line(page, "user.created").get_by_role("link", name="1 webhook")).to_have_attribute(
        "href", "/?trigger=user.created", timeout=2500
    )
    alert = page.get_by_role("alert").filter(has_text="shop_events.py is not loaded, its triggers are missing")
    expect(alert).to_contain_text("Line 5: register_trigger is not a hook. Did you mean register_triggers?")
    expect(alert).to_contain_text("def register_trigger():")
    report = alert.get_by_role("button", name="Copy report").get_attribute("data-copy") or ""
    assert "5  def register_trigger():" in report
    page.get_by_role("searchbox", name="Search").fill("nothing has this")
    expect(page.get_by_text("No trigger matches “nothing has this”")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(line(page, "user.created")).to_be_visible()


@pytest.mark.browser
def test_what_is_wrong_with_plugins_is_told_in_spanish(site: Site, enter: Enter) -> None:
    page = enter("/triggers", locale="es-ES").page
    alerts, plugins = page.get_by_role("alert"), page.get_by_role("region", name="Plugins")
    for place in (alerts, plugins):
        misspelt = "register_trigger no es un hook. ¿Querías decir register_triggers?"
        expect(place.filter(has_text=misspelt)).to_have_count(1)
        raised = place.filter(has_text="Plugin dying: source lanzó RuntimeError: the feed is <b>gone</b>.")
        expect(raised).to_have_count(1, timeout=15000)


@pytest.mark.browser
def test_plugins_without_triggers_are_seen_with_what_they_bring(site: Site, enter: Enter) -> None:
    """All that `plugin list` says, and how it does besides."""
    page = enter("/triggers").page
    plugins = page.get_by_role("region", name="Plugins")

    def of(name: str) -> Locator:
        heading = page.get_by_role("heading", name=name, exact=True)
        return plugins.get_by_role("listitem").filter(has=heading)

    expect(of("shop_events")).to_contain_text("Not loaded")
    expect(of("shop_events")).to_contain_text("register_trigger is not a hook. Did you mean register_triggers?")
    expect(of("dying")).to_contain_text(
        "Plugin dying: source raised RuntimeError: the feed is <b>gone</b>.", timeout=15000
    )
    expect(of("dying")).to_contain_text("Failing")
    watcher = of("watcher")
    for words in ("Not configured", "needs webhook-ui>=0.1", "plugins/watcher.py", "Watcher: looks after something."):
        expect(watcher).to_contain_text(words)
    expect(watcher).to_contain_text("Source:to be setWEBHOOK_UI_WATCHER_FOLDER")
    expect(watcher).to_contain_text("hears of every attempt")
    expect(watcher).to_contain_text("sweep")
    names = [
        line
        for line in site.installation.run("plugin", "list").stdout.splitlines()
        if line and not line.startswith(" ")
    ]
    assert plugins.get_by_role("listitem").count() == len(names)
    for line in names:
        expect(of(line.split()[0])).to_have_count(1)


@pytest.mark.browser
def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_stored(
    site: Site, receiver: Receiver, enter: Enter
) -> None:
    site.add("Open", url=receiver.url + "/a")
    page = enter("/triggers").page
    dialog = open_dialog(page)
    dialog.get_by_role("textbox", name="id", exact=True).fill("seven")
    dialog.get_by_role("textbox", name="name", exact=True).fill("")
    dialog.get_by_role("button", name="Fire").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was fired yet. id and name need a change.")
    expect(dialog.get_by_text("Must be a whole number.")).to_be_visible()
    expect(dialog.get_by_text("This field is required.")).to_be_visible()
    dialog.get_by_role("button", name="JSON").click()
    editor = dialog.get_by_role("textbox", name="Payload")
    expect(editor).to_have_value('{\n  "id": "seven",\n  "email": "zoe@example.com",\n  "plan": "team"\n}')
    editor.fill('{"id": 7, "name": "Zoë", "plan": "gold"}')
    dialog.get_by_role("button", name="Fire").click()
    expect(dialog.get_by_text("plan: Must be 'free', 'team' or 'enterprise'.")).to_be_visible()
    dialog.get_by_role("button", name="Form").click()
    expect(dialog.get_by_text("The form cannot show this: plan is not one of 3")).to_be_visible()
    editor.fill('{"id": 7,')
    dialog.get_by_role("button", name="Form").click()
    expect(dialog.get_by_text("This is not a JSON object.")).to_be_visible()
    dialog.get_by_role("button", name="Back to the example").click()
    dialog.get_by_role("button", name="Form").click()
    expect(dialog.get_by_role("textbox", name="name", exact=True)).to_have_value("Zoë Ångström")
    dialog.get_by_role("textbox", name="email", exact=True).fill("")
    dialog.get_by_role("button", name="Fire").click()
    [received] = receiver.wait_for("/a")
    assert b'"email"' not in received.body


@pytest.mark.browser
def test_numbers_beyond_what_a_browser_counts_arrive_as_typed(site: Site, receiver: Receiver, enter: Enter) -> None:
    site.add("Open", url=receiver.url + "/a", triggers=["strange.moved"])
    page = enter("/triggers").page
    dialog = open_dialog(page, "strange.moved")
    expect(dialog.get_by_role("textbox", name="big", exact=True)).to_have_value("12345678901234567890")
    dialog.get_by_role("textbox", name="address", exact=True).fill('{"street": "x",}')
    dialog.get_by_role("button", name="Fire").click()
    expect(dialog.get_by_text("This is not JSON.")).to_be_visible()
    dialog.get_by_role("textbox", name="address", exact=True).fill('{"street": 9}')
    dialog.get_by_role("button", name="Fire").click()
    expect(dialog.get_by_text("street: Must be text.")).to_be_visible()
    dialog.get_by_role("button", name="JSON").click()
    typed = '{"big": 98765432109876543210,  "address": {"street": "x"}, "more": 1e400}'
    dialog.get_by_role("textbox", name="Payload").fill(typed)
    dialog.get_by_role("button", name="Form").click()
    dialog.get_by_role("button", name="JSON").click()
    expect(dialog.get_by_role("textbox", name="Payload")).to_have_value(
        '{\n  "big": 98765432109876543210,\n  "address": {"street": "x"},\n  "more": 1e400\n}'
    )
    dialog.get_by_role("textbox", name="Payload").fill(typed)
    dialog.get_by_role("button", name="Fire").click()
    [received] = receiver.wait_for("/a")
    assert typed.encode() in received.body


@pytest.mark.browser
def test_the_dialog_says_who_gets_it_and_who_does_not(site: Site, enter: Enter) -> None:
    site.add("Gets it")
    site.add("Sleeps", enabled=False)
    site.add("Belongs to Acme", tenant="acme")
    site.change(int(site.add("Waits").id or 0), paused=True)
    site.add("Hears other things", triggers=["order.paid"])
    page = enter("/triggers").page
    dialog = open_dialog(page)
    expect(dialog).to_contain_text("Goes to 1 webhook")
    expect(dialog.get_by_role("listitem").filter(has_text="Sleeps")).to_contain_text("disabled")
    expect(dialog.get_by_role("listitem").filter(has_text="Acme")).to_contain_text("only events of tenant acme")
    expect(dialog.get_by_role("listitem").filter(has_text="Waits")).to_contain_text("paused: held until Resume")
    expect(dialog.get_by_text("Hears other things")).to_have_count(0)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


@pytest.mark.browser
def test_a_trigger_opens_with_its_example_and_schema(site: Site, enter: Enter) -> None:
    page = enter("/triggers?q=moved").page
    line(page, "strange.moved").get_by_role("link").first.click()
    page.wait_for_url("**/triggers?q=moved&trigger=strange.moved")
    panel = page.get_by_role("dialog", name="Trigger")
    expect(panel.get_by_role("heading", level=2)).to_contain_text("<b>Moved</b> far away")
    expect(panel.get_by_role("region", name="Example")).to_contain_text('"big": 12345678901234567890')
    expect(panel.get_by_role("region", name="JSON Schema")).to_contain_text("A number no browser could keep")
    expect(panel).to_contain_text("nobody")
    expect(panel).to_contain_text("10 attempts within 3 d 3 h, then given up; default")
    site.add(triggers=["strange.*"])
    expect(panel.get_by_role("link", name="1 webhook")).to_be_visible(timeout=2500)
    page.wait_for_function("!document.querySelector('.q-dialog[class*=transition]')")
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"trigger-{scheme}")
    page.set_viewport_size({"width": 400, "height": 900})
    check_width(page)
    for scheme in both_schemes(page):
        picture(page, f"trigger-400-{scheme}")
    page.set_viewport_size({"width": 1440, "height": 900})
    panel.get_by_role("button", name="Fire").click()
    expect(page.get_by_role("dialog", name="Fire")).to_be_visible()
    page.get_by_role("dialog", name="Fire").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog", name="Fire")).to_have_count(0)  # else Escape is meant for it
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.wait_for_url("**/triggers?q=moved")
    page.go_back()
    expect(panel).to_be_visible()
    page.reload()
    expect(panel).to_be_visible()


@pytest.mark.browser
def test_viewers_have_nothing_to_fire(enter: Enter) -> None:
    page = enter("/triggers?trigger=user.created", role=Role.viewer).page
    expect(line(page, "user.created")).to_be_visible()
    expect(page.get_by_role("dialog", name="Trigger")).to_contain_text("Checked by a model")
    expect(page.get_by_role("button", name="Fire")).to_have_count(0)


@pytest.mark.browser
def test_it_can_be_read_by_everybody_and_on_every_screen(site: Site, enter: Enter) -> None:
    site.add("مزامنة عملاء المتجر 🚀 " + "long " * 30)
    page = enter("/triggers").page
    expect(line(page, "user.created")).to_be_visible()
    for _ in both_schemes(page):
        check_rules(page)
    for width in (1600, 800, 400, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
        groups = page.locator(".w-group")
        groups.locator(".w-meta").evaluate_all("all => all.forEach(one => one.textContent = '/srv/plugins'.repeat(5))")
        check_width(page)
        cut = groups.locator("bdi").evaluate_all("all => all.map(one => one.scrollWidth > one.clientWidth)")
        assert not any(cut), "a title makes way for where its plugin lies"
        if width in (400, 1440):
            for scheme in both_schemes(page):
                picture(page, f"triggers-{scheme}" if width == 1440 else f"triggers-400-{scheme}")
    open_dialog(page)
    page.wait_for_function("!document.querySelector('.q-dialog [class*=enter-active]')")
    for scheme in both_schemes(page):
        check_rules(page)
        picture(page, f"fire-{scheme}")
    page.set_viewport_size({"width": 400, "height": 900})
    check_width(page)
    for scheme in both_schemes(page):
        picture(page, f"fire-400-{scheme}")
