"""What tests in a real browser share: Chromium, a real server process, a real receiver. Used as a pytest plugin.

`pytest_plugins = ["tests.browser"]` in a test module gives it the fixtures `chromium`, `site`, `receiver`, `enter`
and `page`.
"""

import asyncio
import contextlib
import itertools
import json
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT as AXE
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, expect, sync_playwright
from sqlmodel import Session
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from tests.processes import ROOT, Installation
from tests.templates import put_migrated
from webhook_ui import accounts, guard, plugin_loader, storage, times, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.database import Database
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter, list_webhooks
from webhook_ui.host import Emission, Host
from webhook_ui.models import Statistics, Webhook, table
from webhook_ui.outbox.emit import Emitted
from webhook_ui.plugin_loader import Plugins
from webhook_ui.settings import Settings
from webhook_ui.webhook_fields import Rules

SCREENSHOTS = ROOT / "screenshots"
FINDINGS = (Path(__file__).parent / "findings.js").read_text()
# the same engine without a window around it takes a third of the time; where it is not installed, the whole browser
CHROMIUM = next(filter(os.path.exists, ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"]), None)
# a page is there for seconds: to compile its scripts for speed, or to collect garbage often, by all cores, takes longer
# than it saves. What was compiled once is kept for the next window
SHORT_LIVED = [
    *("--no-opt", "--no-maglev", "--no-flush-bytecode", "--single-threaded-gc", "--no-incremental-marking"),
    *("--min-semi-space-size=16", "--initial-heap-size=256"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--js-flags={' '.join(SHORT_LIVED)}",
]
ZONE = "Europe/Berlin"
PASSWORD = "correct horse battery"
EMAILS = {role: f"{role}@acme.example" for role in Role}
RAISED = re.compile(r"^(?:[a-z_]\w*\.)*[A-Z]\w+(?:: .*)?$", re.MULTILINE)  # how a traceback ends
# what the framework writes when a browser leaves while a file is still on its way to it
LEFT = frozenset({"RuntimeError: No response returned.", "anyio.EndOfStream", "anyio.WouldBlock"})
USUAL = {"url": "http://127.0.0.1:9/hooks", "triggers": ["user.created"]}
expect.set_options(timeout=10_000)  # a busy machine is no fault of the product
LOOPBACK = guard.parse_networks("127.0.0.0/8,::1/128")

# a second plugin beside the shipped one, so that there is something to group
ORDERS = '''"""Orders: what happens in the shop."""

from webhook_ui import Trigger, hookimpl


@hookimpl
def register_triggers() -> list[Trigger]:
    return [
        Trigger(name="order.paid", title="Order paid", description="Paid.", example={"id": 1}),
        Trigger(name="order.refunded", title="Order refunded", description="Refunded.", example={"id": 1}),
    ]
'''


@dataclass
class Site:
    """A running server, and its database as the test process sees it."""

    url: str
    installation: Installation
    database: Database
    plugins: Plugins
    cookies: dict[Role, Any] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        policy = guard.Policy(allowed_networks=LOOPBACK)
        return Rules(policy=policy, triggers=self.plugins.triggers.keys(), longest_timeout=50)

    def add(self, title: str = "Billing", *, now: datetime | None = None, **values: Any) -> Webhook:
        """Stores a webhook as another process would; `now` is its creation date."""
        whole = {**USUAL, "title": title, **values}
        return self.database.write_now(webhooks.add, whole, rules=self.rules, actor=CLI, now=now or times.utcnow())

    def add_many(self, moments: Mapping[str, datetime]) -> None:
        """Stores a webhook for each title, with its creation date, in one transaction."""

        def add(session: Session) -> None:
            for title, moment in moments.items():
                webhooks.add(session, {**USUAL, "title": title}, rules=self.rules, actor=CLI, now=moment)

        self.database.write_now(add)

    def change(self, webhook_id: int, **values: Any) -> Webhook:
        """Changes a webhook as another process would."""
        return self.database.write_now(
            webhooks.change, webhook_id, values, rules=self.rules, actor=CLI, now=times.utcnow()
        )

    def emit(self, trigger: str = "user.created", payload: str = '{"id": 7, "name": "Zoë"}') -> Emitted:
        """Stores one event as another process would; the server's dispatcher delivers it."""
        host = Host(self.database, self.plugins, max_payload_bytes=1 << 20)
        return host.emit_now(Emission(trigger=trigger, payload=payload.encode()), actor=CLI)

    def webhooks(self) -> list[Webhook]:
        """Those that are not deleted, in the order in which they were stored."""
        page = self.database.read_now(list_webhooks, WebhookFilter(), sort=Sort.id, order=Order.asc, limit=1000)
        return [row.webhook for row in page.rows]

    def clear(self) -> None:
        """Takes all webhooks away, with what was counted of them."""

        def take_away(session: Session) -> None:
            for webhook in self.webhooks():
                webhooks.delete(session, int(webhook.id or 0), actor=CLI, now=times.utcnow())
            session.execute(table(Statistics).delete())

        self.database.write_now(take_away)

    def run(self, *arguments: str, stdin: str = "") -> str:
        """A command of the product against this site; its standard output."""
        done = self.installation.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @cached_property
    def token(self) -> str:
        """An API token of an admin, made by the command."""
        return self.run("token", "create", "tests", "--role", "admin").strip()

    def account(self, role: Role) -> str:
        """The e-mail of somebody with this role, who is there from the first call on."""
        email = EMAILS[role]
        if email not in {one.email for one in self.database.read_now(accounts.list_accounts)}:
            hashed = accounts.hash_password(PASSWORD)
            self.database.write_now(
                accounts.create_account, email=email, role=role, password_hash=hashed, actor=CLI, now=times.utcnow()
            )
        return email

    def sign_in(self, page: Page, role: Role = Role.admin) -> None:
        """Through the form, as a person does."""
        email = self.account(role)
        page.goto(f"{self.url}/login")
        page.get_by_role("textbox", name="Email", exact=True).fill(email)
        page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.url}/")

    def let_in(self, context: BrowserContext, role: Role) -> None:
        """Signs in once a role and gives every later browser the same session."""
        if role not in self.cookies:
            answer = context.request.post(
                f"{self.url}/login",
                form={"email": self.account(role), "password": PASSWORD},
                headers={"origin": self.url},
                max_redirects=0,
            )
            assert answer.status == 303, answer.text()
            self.cookies[role] = context.cookies()
        context.add_cookies([*self.cookies[role], {"name": "webhook_ui_tz", "value": ZONE, "url": self.url}])


@contextlib.contextmanager
def serve(
    folder: Path, *options: str, loopback: bool = True, expected: Sequence[str] = (), **settings: str
) -> Iterator[Site]:
    """A server of its own in `folder`, with an admin's account; `settings` as `AUTH="none"`, without the prefix.

    It may log no traceback but those that end with a line in `expected`.
    """
    installation = Installation(folder, **settings)
    (folder / "plugins" / "orders.py").write_text(ORDERS)
    seen = Settings(data_dir=folder / "data", plugins_dir=folder / "plugins", database_url=settings.get("database_url"))
    plugins = plugin_loader.load(folder / "plugins")
    if seen.database_url is None:
        put_migrated(folder / "data" / "webhook_ui.db")
    try:
        with contextlib.closing(storage.open_database(seen)) as database:
            site = Site(url="", installation=installation, database=database, plugins=plugins)
            site.account(Role.admin)
            process, site.url = installation.serve(*(["--allow-loopback"] if loopback else []), *options)
            yield site
        process.stop()
    finally:
        installation.end()
    failures = [line for line in RAISED.findall(process.text) if line not in LEFT and line not in expected]
    assert not failures, f"{failures}\n{process.text[-4000:]}"


@pytest.fixture(scope="session")
def launched() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """One browser a process of pytest, and the loop that Playwright marks as running between its calls."""
    assert CHROMIUM, "Chromium is missing; install Debian's package chromium-headless-shell, or chromium"
    with sync_playwright() as playwright:
        browser, loop = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS), asyncio.get_running_loop()
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def chromium(launched: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """The browser. Between modules that use it Playwright's loop is at rest: async tests have loops of their own."""
    browser, loop = launched
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server a module."""
    with serve(tmp_path_factory.mktemp("site")) as made:
        yield made


@dataclass(frozen=True)
class Profile:
    """What a browser keeps for one person at a time: cookies, cache, and the process that draws the windows.

    A window that another one opens is drawn by the same process, which has read and compiled the scripts before. So
    an empty page stays open to open the others.
    """

    zone: str
    locale: str
    context: BrowserContext
    opener: Page

    @classmethod
    def of(cls, browser: Browser, server: str, *, zone: str = ZONE, locale: str = "en-GB") -> "Profile":
        context = browser.new_context(timezone_id=zone, locale=locale)
        context.set_default_timeout(10_000)
        opener = context.new_page()
        opener.goto(f"{server}/healthz")
        return cls(zone, locale, context, opener)

    def new_window(self) -> Page | None:
        """An empty one that knows nothing of the one that opened it; None if the process is gone, and all with it."""
        try:
            self.opener.evaluate("1")
        except Error:
            self.context.close()
            return None
        with self.context.expect_page() as opened:
            self.opener.evaluate("() => { open('about:blank').opener = null }")
        return opened.value

    def clean(self) -> None:
        """Closes all windows. The next one who comes here is a stranger."""
        for page in self.context.pages:
            if page != self.opener:
                page.close()
        self.context.clear_cookies()
        self.context.clear_permissions()


@dataclass
class Visitor:
    """One browser window of somebody; what it asks and complains about is looked at when the test is over."""

    site: Site
    context: BrowserContext
    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.context.on("request", self._note)
        self.page.on("websocket", lambda socket: self.asked.append(socket.url.replace("ws://", "http://")))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)

    def open(self, path: str = "/") -> Page:
        """Goes to a page of the dashboard and waits until it is alive."""
        self.page.goto(self.site.url + path)
        self.page.wait_for_function("window.did_handshake")
        return self.page

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def leave(self) -> None:
        """Looks at what was noted."""
        self.context.remove_listener("request", self._note)
        outside = [url for url in self.asked if not url.startswith((self.site.url, "data:", "blob:"))]
        assert (outside, self.complaints) == ([], [])


Enter = Callable[..., Visitor]
Profiles = dict[tuple[str, str], list[Profile]]


@pytest.fixture(scope="module")
def profiles(chromium: Browser) -> Iterator[Profiles]:
    """Nobody's profiles, by zone and locale.

    What is kept beside the cache is a window's (as what a page has in sessionStorage), or taken away by `clean`. The
    next module's server has another port: what is cached and compiled of this one is of no use there.
    """
    made: Profiles = defaultdict(list)
    yield made
    for profile in itertools.chain.from_iterable(made.values()):
        profile.context.close()


@pytest.fixture
def enter(chromium: Browser, site: Site, profiles: Profiles) -> Iterator[Enter]:
    """`enter(path, role=…, width=…, scheme=…, zone=…, locale=…, motion=…)` opens one more window.

    It is signed in unless `role=None`. Nothing moves unless `motion=True`: what moves is drawn again and again.
    """
    visitors: list[tuple[Profile, Visitor]] = []

    def enter(
        path: str | None = "/",
        *,
        role: Role | None = Role.admin,
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        zone: str = ZONE,
        locale: str = "en-GB",
        motion: bool = False,
    ) -> Visitor:
        idle = profiles[zone, locale]
        window: Page | None = None
        while window is None:  # a process that draws may have crashed since it was used
            profile = idle.pop() if idle else Profile.of(chromium, site.url, zone=zone, locale=locale)
            window = profile.new_window()
        if role is not None:
            site.let_in(profile.context, role)
            profile.context.add_cookies([{"name": "webhook_ui_tz", "value": zone, "url": site.url}])
        visitor = Visitor(site, profile.context, window)
        visitor.page.set_viewport_size({"width": width, "height": height})
        visitor.page.emulate_media(color_scheme=scheme, reduced_motion="no-preference" if motion else "reduce")
        visitor.watch()
        visitors.append((profile, visitor))
        if path is not None:
            visitor.open(path)
        return visitor

    yield enter
    for profile, visitor in visitors:
        profile.clean()
        visitor.leave()
        profiles[profile.zone, profile.locale].append(profile)


@pytest.fixture
def page(enter: Enter) -> Page:
    """An admin's window at the dashboard's first page."""
    return enter("/").page


@dataclass(frozen=True)
class Received:
    """One request that arrived; `verified` is None while the receiver knows no secret for this path."""

    path: str
    headers: dict[str, str]
    body: bytes
    verified: bool | None

    @property
    def data(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A third party's server on loopback: answers `status`, verifies with `secrets`, and writes all down."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.statuses: dict[str, int] = {}  # by path, before `status`
        self.secrets: dict[str, str] = {}  # by path
        self.ledger: list[Received] = []
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def wait_for(self, path: str, count: int = 1, seconds: float = 10.0) -> list[Received]:
        """What has arrived at `path`, once there are `count`."""
        with self._news:
            arrived = self._news.wait_for(lambda: len(self.at(path)) >= count, seconds)
        assert arrived, f"{len(self.at(path))} of {count} arrived at {path}"
        return self.at(path)

    def at(self, path: str) -> list[Received]:
        return [one for one in self.ledger if one.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        secret, verified = self.secrets.get(path), None
        if secret is not None:
            try:
                Verifier(secret).verify(body, headers)
                verified = True
            except WebhookVerificationError:
                verified = False
        with self._news:
            self.ledger.append(Received(path, headers, body, verified))
            self._news.notify_all()
        return self.statuses.get(path, self.status)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._take(urlsplit(self.path).path, headers, body)
                answer = b"thank you" if status < 300 else b"no"
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of this test alone."""
    made = Receiver()
    yield made
    made.close()


def find_violations(page: Page) -> list[dict[str, Any]]:
    """Serious and critical findings of axe."""
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(FINDINGS)
    return [rule for rule in found if rule["impact"] in {"serious", "critical"}]


def check_rules(page: Page) -> None:
    """No serious or critical finding of axe. What is fading in or out has no contrast yet, or no more."""
    page.wait_for_function("!document.querySelector('[class*=-enter-active], [class*=-leave-active]')")
    assert [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in find_violations(page)] == []


def both_schemes(page: Page) -> Iterator[str]:
    """Light, then dark: the page follows the system while it is open, so one story serves both."""
    for scheme in ("light", "dark"):
        _follow(page, scheme)
        yield scheme
    _follow(page, "light")


def _follow(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.body.classList.contains('body--{scheme}')")


def check_width(page: Page) -> None:
    """Nothing sticks out at the right."""
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert too_wide <= 0, f"{page.url} is {too_wide} px too wide"


def picture(page: Page, name: str) -> None:
    """A screenshot in `screenshots/`, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
