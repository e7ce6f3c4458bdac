"""What the dashboard says in which language: nothing is left out of the catalogs, nothing is said around them."""

import ast
import json
import re
import shutil
import string
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect

from tests.browser import Enter, Receiver, Site, Visitor, check_rules, check_width
from tests.processes import ROOT
from webhook_ui import builtin, languages, plugin_loader
from webhook_ui.builtin import ed25519_signatures, engine_events, standard_signatures
from webhook_ui.engine_events import FAILING
from webhook_ui.languages import tr, trn
from webhook_ui.ui import plugin_texts

pytest_plugins = ["tests.browser"]

browser_test = pytest.mark.browser
PACKAGE = ROOT / "webhook_ui"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
KEYWORDS = {"tr": None, "trn": (1, 2), "trc": ((1, "c"), 2), "mark": None}
OTHERS = [code for code in languages.LANGUAGES if code != languages.SOURCE]
Id = str | tuple[str, ...]


# the catalogs


@pytest.fixture(scope="module")
def messages() -> dict[Id, str]:
    """All that the code says, and where."""
    found: dict[Id, str] = {}
    for file, line, words, _, context in extract_from_dir(PACKAGE, METHODS, keywords=KEYWORDS):
        found.setdefault(key(words, context), f"{file}:{line}")
    return found


def key(words: str | Sequence[str], context: str | None) -> Id:
    """What tells messages apart: the words, both forms of them, and what they are about where that is said."""
    whole = words if isinstance(words, str) else tuple(words)
    return (f"{context}:", *([whole] if isinstance(whole, str) else whole)) if context else whole


def catalogs(code: str) -> list[Catalog]:
    with (languages.CATALOGS / f"{code}.po").open("rb") as file:
        return [read_po(file, locale=code)]


def entries(code: str) -> Iterator[Message]:
    return (message for catalog in catalogs(code) for message in catalog if message.id)


def holes(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def test_nothing_is_said_where_the_extractor_does_not_look() -> None:
    """Within the braces of an f-string, that is, until Python 3.12."""
    hidden = [
        f"{file.relative_to(PACKAGE)}:{call.lineno}"
        for file in PACKAGE.rglob("*.py")
        for text in ast.walk(ast.parse(file.read_text()))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KEYWORDS
        if any(isinstance(argument, ast.Constant) for argument in call.args)
    ]
    assert hidden == []


@pytest.mark.parametrize("code", OTHERS)
def test_nothing_is_left_untranslated(code: str, messages: dict[Id, str]) -> None:
    known = {key(message.id, message.context) for message in entries(code) if message.string and all(message.string)}
    assert {words: place for words, place in messages.items() if words not in known} == {}


@pytest.mark.parametrize("code", OTHERS)
def test_the_catalogs_hold_nothing_that_nobody_says_or_that_is_not_sure(code: str, messages: dict[Id, str]) -> None:
    read = catalogs(code)
    assert [
        message.id for message in entries(code) if message.fuzzy or key(message.id, message.context) not in messages
    ] == []
    assert [list(catalog.obsolete) for catalog in read if catalog.obsolete] == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_message_is_translated_one_way_only(code: str) -> None:
    ways = defaultdict(set)
    for message in entries(code):
        ways[key(message.id, message.context)].add(message.string)
    assert {words: found for words, found in ways.items() if len(found) > 1} == {}


@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_the_values_the_code_marks_and_the_spaces(code: str) -> None:
    wrong = []
    for message in entries(code):
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        values = set().union(*map(holes, sources))
        for text, source in zip(texts, [*sources, *sources[-1:] * len(texts)], strict=False):
            count = "n" if isinstance(message.id, tuple) and text is texts[0] else ""  # "one webhook" may go without it
            ends = [(one[:1] == " ", one[-1:] == " ") for one in (source, text)]
            if holes(text) | {count} != values | {count} or text.count("`") != source.count("`") or ends[0] != ends[1]:
                wrong.append((source, text))
    assert wrong == []


@pytest.mark.parametrize("code", OTHERS)
def test_as_many_plurals_as_the_language_has(code: str) -> None:
    for catalog in catalogs(code):
        plural = [message for message in catalog if message.id and message.pluralizable]
        assert [message.id for message in plural if len(message.string) != catalog.num_plurals] == []


@pytest.mark.parametrize("code", OTHERS)
def test_what_plugins_of_ours_say_is_known(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What they form with their settings, too. A plugin's own file has no word of a catalog in it."""
    events = [
        {"trigger": "clock.a", "title": "New row in zz", "cron": "0 3 * * *"},
        {"trigger": "clock.b", "every": 60},
    ]
    monkeypatch.setenv("WEBHOOK_UI_SCHEDULE_EVENTS", json.dumps(events))
    monkeypatch.setenv("WEBHOOK_UI_INBOUND_ENDPOINTS", json.dumps({"zz": {"kind": "github", "secret": "zzzzzzzz"}}))
    monkeypatch.setenv("WEBHOOK_UI_SQL_WATCH_DATABASE_URL", "sqlite://")
    monkeypatch.setenv("WEBHOOK_UI_SQL_WATCH_TABLE", "zz")
    folder = tmp_path / "plugins"
    shutil.copytree(ROOT / "plugins", folder)
    shutil.copy(PACKAGE / "demo" / "plugins" / "shop.py", folder)
    plugins = plugin_loader.load(folder, builtin=builtin.PLUGINS, entry_points=False)
    assert not plugins.problems
    triggers = [one.trigger for one in plugins.triggers.values() if one.trigger.name != "clock.b"]
    names = {one.name for one in triggers}
    assert names >= {"clock.a", "inbound.zz", "row.added", "order.paid", "user.created", FAILING}
    models = [one.contents.settings for one in plugins.running if one.contents.settings]
    texts = {
        *(info.title for info in plugins.loaded),
        *(text for one in triggers for text in (one.title, one.description)),
        *(one.title for one in plugins.signers.values()),
        *(page.title for one in plugins.running for page in one.contents.pages),
        *(field.description for model in models for field in model.model_fields.values() if field.description),
    }
    with languages.spoken(code):
        english = sorted(text for text in texts if plugin_texts.said(text) == text)
        every, told = plugins.triggers["clock.b"].trigger.description, "By the clock: every {seconds} s, {timezone}."
        assert plugin_texts.said(every) == tr(told, seconds=60, timezone="UTC")
        assert plugin_texts.said("What others say of their plugin.") == "What others say of their plugin."
    assert not english, "\n".join(english)


def test_style_sheets_say_nothing() -> None:
    sheets = (PACKAGE / "ui" / "static").glob("*.css")
    said = [re.findall(r'content:\s*"[^"]*[A-Za-z]{2}[^"]*"', sheet.read_text(encoding="utf-8")) for sheet in sheets]
    assert [words for words in said if words] == []


# the language of a reader


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("fr-FR, en;q=0.5, es;q=0.7", "es"),
        ("en-GB,es;q=0.9", "en"),
        ("de, fr;q=0.4", None),
        ("es;q=0", None),
        ("es;q=much, en;q=0.1", "en"),
        ("", None),
        (",;=,q=1;;" * 400, None),
        ("qps", None),
    ],
)
def test_which_language_a_browser_wants(header: str, code: str | None) -> None:
    assert languages.wanted(header) == code


def test_words_are_looked_up_where_they_are_said() -> None:
    assert tr("Sent") == "Sent"
    with languages.spoken("es"):
        assert tr("Sent") == "Enviada"
        assert tr("Copy {what}", what="{x}") == "Copiar {x}"
        assert [trn("{n} webhook", "{n} webhooks", n) for n in (1, 2, 12_345)] == [
            "1 webhook",
            "2 webhooks",
            "12.345 webhooks",
        ]
        with languages.spoken("en"):
            assert trn("{n} webhook", "{n} webhooks", 12_345) == "12,345 webhooks"
    with languages.spoken(languages.PSEUDO):
        assert (tr("Sent"), tr("")) == ("⟦Sent⟧", "")


# in the browser


def window(enter: Enter, path: str | None, language: str, **more: Any) -> Visitor:
    """Somebody's browser in which `language` was chosen."""
    visitor = enter(None, **more)
    visitor.context.add_cookies([{"name": "webhook_ui_lang", "value": language, "url": visitor.site.url}])
    if path:
        visitor.open(path)
    return visitor


@browser_test
def test_a_browser_that_wants_spanish_gets_it_everywhere(site: Site, enter: Enter, receiver: Receiver) -> None:
    webhook = site.add("Facturas", url=f"{receiver.url}/es")
    visitor = enter("/", locale="es-MX")
    page = visitor.page
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("heading", name="Webhooks", level=1)).to_be_visible()
    card = page.get_by_role("article").filter(has_text="Facturas")
    expect(card).to_contain_text("Aún no hay entregas")
    site.emit()  # heard of, not asked for: in the language of this tab all the same
    expect(card).to_contain_text("Enviada")
    check_rules(page)
    for width in (400, 1024, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        check_width(page)
    page.set_viewport_size({"width": 1440, "height": 900})

    visitor.open("/triggers")
    shipped = page.get_by_role("row").filter(has_text="user.created")
    expect(shipped.get_by_role("link", name="Creación de usuario")).to_be_visible()
    expect(page.get_by_role("rowgroup").filter(has_text="user_creation.py")).to_contain_text("Creación de usuario")
    shipped.get_by_role("link", name="Creación de usuario").click()
    expect(page.get_by_role("complementary")).to_contain_text("Un usuario se ha registrado.")
    expect(page.get_by_role("rowgroup").filter(has_text="orders.py")).to_contain_text("Orders")  # somebody else's
    visitor.open("/")

    page.get_by_role("button", name="Añadir webhook").click()  # answers of the rooms and of the form
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Guardar").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Aún no se ha guardado nada. Por corregir: ")
    dialog.get_by_role("button", name="Cancelar").click()
    expect(dialog).to_have_count(0)

    site.change(webhook.id or 0, paused=True)
    expect(card).to_contain_text("En pausa")
    page.get_by_role("button", name="Cuenta: ").click()
    expect(page.get_by_role("menuitemradio", name="Español")).to_have_attribute("aria-checked", "true")
    page.get_by_role("menuitemradio", name="English").click()
    expect(page.get_by_role("button", name="Add webhook")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en-US")
    visitor.open("/webhooks/999")  # kept in this browser
    expect(page.get_by_role("heading", name="No such webhook")).to_be_visible()
    visitor.complaints.clear()  # the browser says that there is none
    site.clear()


@browser_test
def test_signing_in_speaks_the_language_of_the_browser(site: Site, enter: Enter) -> None:
    visitor = enter(None, role=None, locale="es")
    page = visitor.page
    page.goto(f"{site.url}/login?next=/events")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_text("Volverás a /events.")).to_be_visible()
    page.get_by_role("textbox", name="Correo").fill("nobody@acme.example")
    page.get_by_role("textbox", name="Contraseña").fill("not the right one")
    page.get_by_role("button", name="Iniciar sesión").click()
    expect(page.get_by_text("El correo o la contraseña no son correctos.")).to_be_visible()
    visitor.complaints.clear()  # the browser's own remark about the 401
    page.context.add_cookies([{"name": "webhook_ui_lang", "value": "en", "url": site.url}])
    page.goto(f"{site.url}/login")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


# what is said without a catalog: all words of ours are written in ⟦brackets⟧, and nothing else may have letters

COLLECT = """() => {
  const said = [], NOT_OURS = "script, style, noscript, template, kbd, pre, code, "
    + "i.q-icon, .w-avatar, #popup, #too_long_message_popup";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let run = "", place = null;
  const blocks = "p, li, td, th, dd, dt, h1, h2, h3, button, a, label, option, div, section, dialog, nav, title";
  while (walker.nextNode()) {
    const node = walker.currentNode, holder = node.parentElement;
    if (holder.closest(NOT_OURS)) continue;
    const block = holder.closest(blocks);
    const open = run.split("⟦").length - run.split("⟧").length;
    if (block !== place && open <= 0) { said.push(run); run = ""; }  // an open bracket runs on into what it holds
    place = block;
    run += `${node.nodeValue} `;
  }
  said.push(run, document.title);
  for (const element of document.body.querySelectorAll("*")) {
    for (const name of ["aria-label", "title", "placeholder", "alt", "aria-description", "aria-roledescription"]) {
      if (element.hasAttribute(name)) said.push(`${element.getAttribute(name)}`);
    }
  }
  return [...new Set(said.filter((text) => text.trim()))];
}"""
# neither words of the dashboard nor of a language: the product, codes, units, days (whose names come from Babel),
# and what the test itself has stored
NO_WORDS = re.compile(
    r"""Webhook\ UI | English | Español | UTC | \bURLs?\b | \bU?ID\b
    | Ctrl\ K | ⌘\ K | \bp(?:50|95|99)\b | \b[1-5]\d\d\ [A-Z][A-Za-z\ ]+ | \b[0-9a-f-]{36}\b
    | \d\ (?:/\ )?(?:ms|s|min|h|d|B|KiB|MiB)\b | \b\d?\d\ (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b
    | https?:\S* | \S+@\S+ | Europe/Berlin | \b(?:evt|dlv|whsec|wh)_\S+ | \b[a-z_]+(?:\.[a-z_*]+)+ | \b[\w-]+\.py\b
    | \bv\d\S* | 127\.0\.0\.1\S* | \b[0-9a-f]{8}\b | \bX-[\w-]+ | ^\s*(?:signer|standard)\s*$
    | \{"id".*\} | WEBHOOK_UI_\w+ | (?<!\w)/\S+ | \bplugins/ | webhook_ui\.builtin\S* | SQLite\ [\d.]+ | \bmon-fri\b
    | ^\s*(?:dns|connect|tls|wait|console|accounts)\s*$  # as programs say it
    | ^\s*(?:Python|nicegui|sqlmodel|sqlalchemy|httpx|aiohttp|apscheduler|pluggy|pydantic)\s*$
    | ^\s*(?:alerts|inbound|orders|schedule|ed25519|[a-z0-9]*_[a-z0-9]+)\s*$  # names of plugins and signers
    | ^Clear$  # Quasar's, in the languages that it knows
    """,
    re.VERBOSE,
)


def said_without_catalog(page: Page, data: set[str]) -> list[str]:
    """What stands on the page with letters outside of brackets that is nothing of the test's."""
    page.wait_for_function("!document.querySelector('.w-waiting, [class*=-enter-active], [class*=-leave-active]')")
    left = []
    for whole in page.evaluate(COLLECT):
        rest, depth = "", 0
        for character in whole:
            depth += {"⟦": 1, "⟧": -1}.get(character, 0)
            rest += character if depth <= 0 and character != "⟧" else " "
        for known in sorted(data, key=len, reverse=True):
            rest = rest.replace(known, " ")
        rest = NO_WORDS.sub(" ", rest)
        if re.search(r"[^\W\d_]", rest):
            left.append(f"{rest.split()} in {whole[:120]!r}")
    return left


def check_words(page: Page, data: set[str], where: str) -> list[str]:
    return [f"{where}: {words}" for words in said_without_catalog(page, data)]


@pytest.fixture
def shop(site: Site, receiver: Receiver) -> Iterator[set[str]]:
    """Webhooks in each state, with deliveries; all names that stand there because of them."""
    site.clear()
    hooks = {
        "Zahlen": site.add("Zahlen", url=f"{receiver.url}/good", headers={"X-Zz": "zz"}),
        "Kaputt": site.add("Kaputt", url=f"{receiver.url}/bad"),
        "Pause": site.add("Pausiert", url=f"{receiver.url}/held", paused=True, rate_limit=2.5, ordered=True),
        "Ruhe": site.add("Ruhend", url=f"{receiver.url}/off", enabled=False, description="zz", tenant="zz"),
    }
    receiver.statuses = {"/bad": 500}
    for _ in range(2):
        site.emit(payload='{"id": 7, "name": "zz"}')
    receiver.wait_for("/bad", 2)
    site.change(hooks["Zahlen"].id or 0, title="Zahlenwerk", timeout=5)
    triggers = [found.trigger for found in site.plugins.triggers.values()]
    said = {text for trigger in triggers for text in (trigger.title, trigger.description)}
    modules = [standard_signatures.__doc__, ed25519_signatures.__doc__, engine_events.__doc__]
    titles = [*(info.title for info in site.plugins.loaded), *(str(words).strip() for words in modules)]
    titles = [title.partition("\n")[0] for title in titles]
    signers = {*site.plugins.signers, *(one.title for one in site.plugins.signers.values())}
    signers |= {one.title for module in (standard_signatures, ed25519_signatures) for one in module.register_signers()}
    plugins = {title.partition(":")[0] for title in titles} | {*titles} | signers
    yield {"Facturas", "Zahlenwerk", "Zahlen", "Kaputt", "Pausiert", "Ruhend", "zz", *said, *plugins}
    site.clear()


TABS = ("health", "settings", "secret", "history")


@browser_test
def test_every_word_comes_from_a_catalog(site: Site, enter: Enter, shop: set[str]) -> None:
    visitor = window(enter, "/", languages.PSEUDO)
    page, left = visitor.page, []
    numbers = {webhook.title: webhook.id for webhook in site.webhooks()}
    expect(page.get_by_role("article").filter(has_text="Kaputt")).to_contain_text("500")
    left += check_words(page, shop, "cards")
    for label in ("⟦Sort⟧", "⟦Account: "):
        page.get_by_role("button", name=label).first.click()
        page.get_by_role("menu").wait_for()
        left += check_words(page, shop, f"menu {label}")
        page.keyboard.press("Escape")
        expect(page.get_by_role("menu")).to_have_count(0)
    for path in ("/?view=list&q=a&state=enabled&from=2020-01-01", "/?q=nothing+of+this", "/?from=2026-02-31&last=sent"):
        visitor.open(path)
        left += check_words(page, shop | {"nothing of this", "“a”"}, path)
    for title, number in numbers.items():
        for tab in TABS:
            visitor.open(f"/webhooks/{number}?tab={tab}")
            page.get_by_role("tabpanel").wait_for()
            expect(page.get_by_role("tabpanel")).not_to_be_empty()
            left += check_words(page, shop, f"{title} {tab}")
    visitor.open("/webhooks/999999")
    left += check_words(page, shop | {"999999"}, "no webhook")
    page.goto(f"{site.url}/nothing/here")
    left += check_words(page, shop | {"/nothing/here"}, "no page")
    visitor.complaints.clear()  # the browser's own remark about the 404
    assert not left, "\n".join(left)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"⟦{name}⟧", exact=True).locator("visible=true").first.click()


@browser_test
def test_every_word_of_what_opens_comes_from_a_catalog(site: Site, enter: Enter, shop: set[str]) -> None:
    visitor = window(enter, "/", languages.PSEUDO)
    page, left = visitor.page, []
    dialog = page.get_by_role("dialog").locator("visible=true")

    press(page, "Add webhook")
    press(page, "More: headers, filter, tenant, timeout, retries")
    press(page, "Add header")
    dialog.get_by_role("textbox", name="⟦URL⟧").fill("ftp://zz")
    dialog.get_by_role("textbox", name="⟦Rate limit⟧").fill("zz")
    dialog.get_by_role("textbox", name="⟦Timeout⟧").fill("zz")
    dialog.get_by_role("textbox", name="⟦Retry schedule⟧").fill("zz")
    press(page, "Save")
    dialog.get_by_role("alert").wait_for()
    left += check_words(page, shop, "form")
    press(page, "Cancel")
    expect(dialog).to_have_count(0)

    for asked in ("th", "zz zz"):
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="⟦Go to⟧").fill(asked)
        listed = page.get_by_role("option") if asked == "th" else page.get_by_text("Nothing found")
        listed.first.wait_for()
        left += check_words(page, shop, f"palette {asked}")
        page.keyboard.press("Escape")

    ticks = page.get_by_role("article").get_by_role("checkbox")
    ticks.first.check()
    left += check_words(page, shop, "selection")
    press(page, "Pause")
    page.get_by_role("region", name="⟦Messages⟧").get_by_role("button", name="⟦Undo⟧").wait_for()
    left += check_words(page, shop, "paused")

    number = next(webhook.id for webhook in site.webhooks() if webhook.title == "Pausiert")
    visitor.open(f"/webhooks/{number}?tab=secret")
    press(page, "Resume")
    dialog.get_by_role("switch").nth(0).click()
    dialog.get_by_role("switch").nth(1).click()
    dialog.get_by_role("button", name="⟦Resume⟧").click()
    left += check_words(page, shop, "resume")
    press(page, "Cancel")
    expect(dialog).to_have_count(0)
    press(page, "Send test")
    page.get_by_role("region", name="⟦Test⟧").wait_for()
    left += check_words(page, shop, "test")
    for _ in range(2):  # the second one is asked about more sharply
        press(page, "Rotate")
        asked_about = page.get_by_role("alertdialog")
        left += check_words(page, shop, "rotate")
        asked_about.get_by_role("button", name="⟦Rotate").click()
        expect(asked_about).to_have_count(0)
        page.get_by_text("⟦Both secrets sign⟧").wait_for()
    left += check_words(page, shop, "rotated")
    page.keyboard.press("?")
    left += check_words(page, shop, "keys")
    page.keyboard.press("Escape")

    press(page, "Stop sending")
    left += check_words(page, shop, "stop")
    page.get_by_role("alertdialog").get_by_role("button", name="⟦Stop sending⟧").click()
    page.get_by_text("⟦Sending is stopped⟧").wait_for()
    left += check_words(page, shop, "stopped")
    press(page, "Start sending")
    page.get_by_text("⟦Sending is started.").wait_for()
    left += check_words(page, shop, "started")

    page.set_viewport_size({"width": 400, "height": 900})
    visitor.open("/")
    press(page, "Menu")
    left += check_words(page, shop, "drawer")
    assert not left, "\n".join(left)


OTHER_PAGES = (
    "/deliveries",
    "/deliveries?status=error&q=zz&from=2020-01-01T00:00Z",
    "/events",
    "/events?q=zz",
    "/redeliveries",
    "/redeliveries?new=redeliver",
    "/triggers",
    "/settings",
    "/settings?tab=server",
    "/settings?tab=accounts",
    "/settings?tab=tokens",
)


@browser_test
def test_every_word_of_the_other_pages_comes_from_a_catalog(site: Site, enter: Enter, shop: set[str]) -> None:
    assert site.token  # one called tests, which the command line has made
    visitor = window(enter, None, languages.PSEUDO)
    page, left = visitor.page, []
    for path in OTHER_PAGES:
        visitor.open(path)
        page.get_by_role("heading", level=1).wait_for()
        left += check_words(page, shop | {"tests"}, path)
    visitor.open("/deliveries?status=error")
    page.locator("tbody a").first.click()
    page.get_by_role("complementary").wait_for()
    left += check_words(page, shop, "panel")
    visitor.open("/events")
    page.locator("tbody a").first.click()
    page.get_by_text("⟦Occurred⟧").wait_for()
    left += check_words(page, shop, "event")
    assert not left, "\n".join(left)


@browser_test
def test_every_word_before_signing_in_comes_from_a_catalog(site: Site, enter: Enter) -> None:
    visitor = window(enter, None, languages.PSEUDO, role=None)
    page, left = visitor.page, []
    page.goto(f"{site.url}/login?next=/events")
    left += check_words(page, {"/events"}, "sign in")
    page.goto(f"{site.url}/login?code=zz")
    left += check_words(page, set(), "wrong code")
    page.get_by_role("textbox", name="⟦Email⟧").fill("zz@zz.example")
    page.get_by_role("textbox", name="⟦Password⟧").fill("zz")
    page.get_by_role("button", name="⟦Sign in⟧").click()
    page.get_by_text("⟦Email or password is wrong.⟧").wait_for()
    left += check_words(page, set(), "refused")
    visitor.complaints.clear()  # the browser's own remark about the 401
    assert not left, "\n".join(left)
