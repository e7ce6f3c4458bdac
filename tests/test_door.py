"""The door and the sign-in page, through a real server on loopback."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.processes import plain
from webhook_ui import accounts, times
from webhook_ui.accounts.limits import CODE_LIFETIME
from webhook_ui.actors import CLI, Role
from webhook_ui.database import Database
from webhook_ui.door import Door
from webhook_ui.sealing import FernetSealer
from webhook_ui.security_headers import SECURITY_HEADERS
from webhook_ui.settings import Settings
from webhook_ui.ui import sign_in
from webhook_ui.ui.theme import STATIC, STATIC_URL

EMAIL = "dana@acme.example"
PASSWORD = "correct horse battery"
HASH = accounts.hash_password(PASSWORD)


class Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@dataclass
class Site:
    """A running server, and what a test may turn."""

    database: Database
    settings: Settings
    port: int = 0
    now: float = 1000.0
    code: accounts.SetupCode = field(default_factory=lambda: accounts.SetupCode(1000.0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, headers=headers, transport=plain())

    @contextlib.contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        add(self.database)
        with self.browser() as browser:
            answer = browser.post("/login", data={"email": EMAIL, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            yield browser

    def socket(self, path: str = "/_nicegui_ws/socket.io/", **headers: str) -> str:
        """What the server's socket says first; raises InvalidStatus when it is refused."""
        origin = headers.pop("origin", None)
        with connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=origin,
            additional_headers=headers,
            proxy=None,
        ) as opened:
            return str(opened.recv(5))

    def raw(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(request)
            return connection.recv(65536)


def small_app(site: Site) -> FastAPI:
    """A stand-in for the dashboard: it has the same sorts of addresses, and tells whom it sees."""
    app = FastAPI(openapi_url=None)

    async def tell(request: Request) -> PlainTextResponse:
        actor = request.state.actor
        return PlainTextResponse(f"{actor.kind} {actor.name} {actor.role}" if actor else "nobody")

    async def tell_socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.actor.name)

    limiter = accounts.SignInLimiter()
    app.router.routes.extend(sign_in.routes(site.database, site.settings, site.code, limiter, clock=lambda: site.now))
    app.add_api_websocket_route("/_nicegui_ws/socket.io/", tell_socket)
    app.add_api_websocket_route("/plugins/socket", tell_socket)
    app.mount(STATIC_URL, StaticFiles(directory=STATIC))
    app.add_route("/{path:path}", tell, methods=["GET", "POST"])
    return app


@contextlib.contextmanager
def serve(site: Site) -> Iterator[Site]:
    identity = accounts.Identity(site.database, accounts=site.settings.auth == "accounts")
    door = Door(small_app(site), identity, site.settings)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        site.port = listener.getsockname()[1]
        server = Server(uvicorn.Config(door, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert server.listening.wait(10)
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join(10)
            identity.close()


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def add(database: Database, email: str = EMAIL, role: Role = Role.admin) -> None:
    database.write_now(
        accounts.create_account, email=email, role=role, password_hash=HASH, actor=CLI, now=times.utcnow()
    )


def token(database: Database, role: Role = Role.operator) -> tuple[int, str]:
    made, text = database.write_now(accounts.create_token, name="ci", role=role, actor=CLI, now=times.utcnow())
    return made.id or 0, text


class Page(HTMLParser):
    """The page's texts and its fields, by name."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.text = ""
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.feed(answer.text)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input":
            attributes = dict(attrs)
            self.inputs[str(attributes["name"])] = attributes

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """A server on each database, with accounts."""
    with serve(Site(database, settings())) as site:
        yield site


@pytest.fixture
def one_database(sqlite_url: sa.URL) -> Iterator[Database]:
    """SQLite alone, where the database does not matter."""
    database = Database(sqlite_url.render_as_string(), FernetSealer("a key that only tests use"))
    yield database
    database.close()


# who comes in


def test_a_page_asks_to_sign_in_and_leads_back(site: Site) -> None:
    add(site.database)
    with site.browser() as browser:
        answer = browser.get("/webhooks/3?view=list&q=a%20%26b")
        assert answer.status_code == 303
        form = browser.get(answer.headers["location"])
        wanted = Page(form).inputs["next"]["value"]
        assert wanted == "/webhooks/3?view=list&q=a%20%26b"
        answer = browser.post("/login", data={"email": f" {EMAIL.upper()}", "password": PASSWORD, "next": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
        assert browser.get(wanted).text == f"person {EMAIL} admin"
        assert browser.get("/login").headers["location"] == "/"


def test_the_cookie_stays_in_the_browser(site: Site) -> None:
    add(site.database)
    with site.browser() as browser:
        answer = browser.post("/login", data={"email": EMAIL, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("webhook_ui_session=")
    assert {"httponly", "samesite=lax", "path=/", f"max-age={14 * 86400}"} <= {
        part.strip() for part in cookie.split(";")
    }
    assert "secure" not in cookie


def test_the_cookie_is_secure_behind_https(one_database: Database) -> None:
    with (
        serve(Site(one_database, settings(public_url="https://hooks.acme.example"))) as site,
        site.browser() as browser,
    ):
        add(one_database)
        data = {"email": EMAIL, "password": PASSWORD}
        headers = {"host": "hooks.acme.example", "origin": "https://hooks.acme.example"}
        answer = browser.post("/login", data=data, headers=headers)
        assert answer.status_code == 303
        assert "; secure" in answer.headers["set-cookie"].lower()


def test_the_api_takes_tokens_and_never_a_cookie(site: Site) -> None:
    number, text = token(site.database)
    with site.signed_in() as browser:
        assert browser.get("/page").text == f"person {EMAIL} admin"
        assert browser.get("/api/v1/echo").text == "nobody"
        assert browser.get("/api/v1/echo", headers={"authorization": f"bearer {text}"}).text == "token ci operator"
        assert browser.post("/api/v1/echo", headers={"authorization": f"Bearer {text}"}).text == "token ci operator"
        for wrong in (
            "Bearer",
            "Bearer x",
            f"Basic {text}",
            text,
            "Bearer " + "whui_" + "x" * 8000,
            "Bearer whui_\xe9",
        ):
            answer = browser.get("/api/v1/echo", headers={b"authorization": wrong.encode("latin-1")})
            assert (answer.status_code, answer.text) == (200, "nobody")
        site.database.write_now(accounts.revoke_token, number, actor=CLI, now=times.utcnow())
        assert browser.get("/api/v1/echo", headers={"authorization": f"Bearer {text}"}).text == "nobody"
    with site.browser(authorization=f"Bearer {text}") as program:
        assert program.get("/page").status_code == 303


def test_what_is_open_to_everybody_and_what_is_not(site: Site) -> None:
    with site.browser() as browser:
        for path in ("/healthz", "/favicon.ico", "/_nicegui/3.18.0/static/vue.js", "/_static/anything"):
            assert browser.get(path).text in ("nobody", '{"detail":"Not Found"}'), path
        assert browser.get(f"{STATIC_URL}/sign_in.css").status_code == 200
        for path in (
            "/",
            "/settings",
            "/_nicegui/client/7/upload/3",
            "/_nicegui/auto/static/x",
            "/login/x",
            "/healthz/x",
        ):
            assert browser.get(path).headers["location"].startswith("/login"), path
        assert browser.post("/settings").status_code == 401
        assert browser.get("/_nicegui_ws/socket.io/?transport=polling").status_code == 401


def test_any_cookie_is_harmless(one_database: Database) -> None:
    with serve(Site(one_database, settings())) as site, site.browser() as browser:
        for cookie in ("", "x", "x" * 4000, "é", '"\\"'):
            headers = {b"cookie": b"webhook_ui_session=" + cookie.encode()}
            assert browser.get("/", headers=headers).status_code == 303


@pytest.mark.parametrize("path", ["/_nicegui_ws/socket.io/", "/plugins/socket"])
def test_a_socket_needs_a_session_and_a_page_of_ours(site: Site, path: str) -> None:
    with site.signed_in() as browser:
        cookie = f"webhook_ui_session={browser.cookies['webhook_ui_session']}"
    assert site.socket(path, cookie=cookie) == EMAIL
    assert site.socket(path, cookie=cookie, origin=site.url) == EMAIL
    for status, headers in (
        (401, {}),
        (401, {"cookie": "webhook_ui_session=wrong", "origin": site.url}),
        (403, {"cookie": cookie, "origin": "https://evil.example"}),
        (403, {"cookie": cookie, "origin": "null"}),
        (403, {"cookie": cookie, "origin": site.url + "0"}),
    ):
        with pytest.raises(InvalidStatus) as caught:
            site.socket(path, **headers)
        assert caught.value.response.status_code == status, headers


# what ends it, at once


@pytest.mark.parametrize("end", ["sign out", "password", "disabled", "role"])
def test_what_ends_a_session_ends_it_at_once(site: Site, end: str) -> None:
    add(site.database, "abe@acme.example")
    with site.signed_in() as browser:
        assert browser.get("/").text == f"person {EMAIL} admin"  # and so it is kept for a moment
        now = times.utcnow()
        if end == "sign out":
            cookie = browser.cookies["webhook_ui_session"]
            assert browser.post("/logout").headers["location"] == "/login"
            assert "webhook_ui_session" not in browser.cookies
            browser.cookies.set("webhook_ui_session", cookie)
        elif end == "password":
            site.database.write_now(accounts.set_password, EMAIL, HASH, actor=CLI, now=now)
        elif end == "disabled":
            site.database.write_now(accounts.disable_account, EMAIL, actor=CLI, now=now)
        else:
            site.database.write_now(accounts.change_role, EMAIL, Role.viewer, actor=CLI, now=now)
            assert browser.get("/").text == f"person {EMAIL} viewer"
            return
        assert browser.get("/").status_code == 303


def test_who_is_not_signed_in_can_sign_out(one_database: Database) -> None:
    with serve(Site(one_database, settings())) as site, site.browser() as browser:
        assert browser.post("/logout").headers["location"] == "/login"


async def test_an_answer_is_kept_for_two_seconds_and_a_stale_session_is_seen(database: Database) -> None:
    add(database)
    clock = [0.0]
    identity = accounts.Identity(database, clock=lambda: clock[0])
    known = database.read_now(accounts.find_credentials, EMAIL)
    assert known is not None
    earlier = times.utcnow() - accounts.sessions.SEEN_EVERY
    cookie = database.write_now(accounts.sign_in, known, origin="", now=earlier)
    assert (await identity.current_actor(cookie)) is not None
    found = database.read_now(accounts.find_session, cookie, now=times.utcnow())
    assert found is not None
    assert not found.stale
    # behind the announcer's back, as another process would
    database.write_now(lambda session: accounts.end_sessions(session, known.account_id))
    assert (await identity.current_actor(cookie)) is not None
    clock[0] = 2.0
    assert (await identity.current_actor(cookie)) is None
    assert (await identity.current_actor(None)) is None
    identity.close()


# hosts and origins


@pytest.mark.parametrize(
    ("values", "good", "bad"),
    [
        (
            {},
            ["127.0.0.1:9", "LOCALHOST", "[::1]:80", "localhost."],
            ["evil.example", "127.0.0.1.evil.example", "10.0.0.7"],
        ),
        ({"host": "10.0.0.7"}, ["10.0.0.7:8080"], ["localhost", "evil.example"]),
        ({"host": "0.0.0.0"}, ["anything.example", "10.0.0.7"], []),
        ({"host": "::"}, ["anything.example"], []),
        (
            {"host": "0.0.0.0", "public_url": "https://Hooks.acme.example:8443"},
            ["hooks.acme.example", "127.0.0.1"],
            ["evil.example"],
        ),
        ({"public_url": "https://hooks.acme.example"}, ["hooks.acme.example", "localhost:1"], ["acme.example"]),
    ],
)
def test_the_host_must_be_ours(one_database: Database, values: dict[str, Any], good: list[str], bad: list[str]) -> None:
    with serve(Site(one_database, settings(**values))) as site, site.browser() as browser:
        for host in good:
            assert browser.get("/login", headers={"host": host}).status_code == 200, host
        for host in bad:
            for path in ("/login", "/page", "/_static/x"):
                answer = browser.get(path, headers={"host": host})
                assert answer.status_code == 421, host
                assert "WEBHOOK_UI_PUBLIC_URL" in answer.text
            # asked by programs under any name: the one tells nothing, the other only to who holds a token
            for path in ("/healthz", "/api/v1/echo"):
                assert browser.get(path, headers={"host": host}).status_code == 200


def test_a_host_that_is_none_is_refused(one_database: Database) -> None:
    with serve(Site(one_database, settings(host="0.0.0.0"))) as site:
        for line in ("", "Host: a b\r\n", "Host: user@localhost\r\n", "Host: localhost/x\r\n", "Host:\r\n"):
            request = f"GET /login HTTP/1.1\r\n{line}Connection: close\r\n\r\n"
            assert site.raw(request.encode()).startswith(b"HTTP/1.1 400 "), line


def test_the_api_is_refused_with_a_problem(one_database: Database) -> None:
    with serve(Site(one_database, settings(auth="none"))) as site, site.browser(host="evil.example") as browser:
        answer = browser.get("/api/v1/echo")
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["status"], problem["title"]) == (403, "Forbidden")
        assert "evil.example" in problem["detail"]


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/events", "/api/v2/events", "/api/v1", "/api/v1events"])
def test_an_address_beside_the_api_is_none(one_database: Database, path: str) -> None:
    with serve(Site(one_database, settings())) as site, site.browser() as browser:
        for answer in (browser.get(path), browser.post(path, json={})):
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
            assert "/api/v1/docs" in answer.json()["detail"]


def test_what_another_site_sends_is_refused(site: Site) -> None:
    with site.signed_in() as browser:
        for origin in ("https://evil.example", "null", f"{site.url}.evil.example", "http://127.0.0.1", "file://"):
            for path in ("/page", "/login", "/logout", "/_nicegui_ws/socket.io/"):
                assert browser.post(path, headers={"origin": origin}).status_code == 403, (origin, path)
            answer = browser.get("/_nicegui_ws/socket.io/?transport=polling", headers={"origin": origin})
            assert answer.status_code == 403
        assert browser.post("/page", headers={"origin": site.url}).text == f"person {EMAIL} admin"
        # a program's own matter: it is known by its token alone
        assert browser.post("/api/v1/echo", headers={"origin": "https://evil.example"}).text == "nobody"


def test_behind_a_proxy_the_public_address_is_ours_too(one_database: Database) -> None:
    with (
        serve(Site(one_database, settings(public_url="https://Hooks.acme.example"))) as site,
        site.browser() as browser,
    ):
        answer = browser.post("/login", data={"email": "x"}, headers={"origin": "https://hooks.acme.example"})
        assert answer.status_code == 401
        answer = browser.post("/login", data={"email": "x"}, headers={"origin": "http://hooks.acme.example"})
        assert answer.status_code == 403


# without accounts


def test_without_accounts_everybody_at_this_machine_is_admin(one_database: Database) -> None:
    with serve(Site(one_database, settings(auth="none"))) as site, site.browser() as browser:
        assert browser.get("/").text == "person local admin"
        assert browser.get("/", headers={"host": "localhost:1"}).text == "person local admin"
        assert browser.get("/login").headers["location"] == "/"
        assert browser.get("/api/v1/echo").text == "nobody"
        _, text = token(one_database)
        assert browser.get("/api/v1/echo", headers={"authorization": f"Bearer {text}"}).text == "token ci operator"
        assert site.socket(origin=site.url) == "local"
        with pytest.raises(InvalidStatus):
            site.socket(origin="https://evil.example")


def test_without_accounts_nothing_from_elsewhere_is_answered(one_database: Database) -> None:
    values = {"auth": "none", "public_url": "https://hooks.acme.example"}
    with serve(Site(one_database, settings(**values))) as site, site.browser() as browser:
        for headers in (
            {"host": "evil.example"},
            {"host": "hooks.acme.example"},
            {"forwarded": "for=10.0.0.1"},
            {"x-forwarded-for": "127.0.0.1"},
            {"X-Forwarded-Host": "localhost"},
            {"x-forwarded-prefix": ""},
        ):
            answer = browser.get("/", headers=headers)
            assert answer.status_code == 403, headers
            assert "WEBHOOK_UI_AUTH" in answer.text


# what answers carry


def test_every_answer_carries_the_security_headers(one_database: Database) -> None:
    with serve(Site(one_database, settings())) as site, site.browser() as browser:
        for path, host in (("/", "x"), ("/", "localhost"), ("/login", "localhost"), ("/api/v1/echo", "localhost")):
            answer = browser.get(path, headers={"host": host})
            for name, value in SECURITY_HEADERS.items():
                assert answer.headers.get_list(name) == [value], path
        assert "no-store" in browser.get("/login").headers["cache-control"]
        assert "no-store" in browser.get("/").headers["cache-control"]


def test_a_database_that_is_away_is_said_to_be(one_database: Database) -> None:
    with serve(Site(one_database, settings())) as site, site.signed_in() as browser:
        one_database.write_now(lambda session: session.execute(sa.text("DROP TABLE webhook_ui_session")))
        one_database.write_now(lambda session: session.execute(sa.text("DROP TABLE webhook_ui_token")))
        answer = browser.get("/")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        answer = browser.get("/api/v1/echo", headers={"authorization": "Bearer whui_x"})
        assert answer.status_code == 503
        assert answer.json()["title"] == "Service Unavailable"
        browser.cookies.clear()
        answer = browser.post("/login", data={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 503
        assert "did not answer" in Page(answer).text


# the sign-in page


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n//evil.example",
        "javascript:alert(1)",
        "evil.example",
        " //evil.example",
        "/\u2028x",
        "/" + "x" * 3000,
        "/login?next=/login",
        "/logout",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(wanted: str) -> None:
    assert sign_in.local_path(wanted) == "/"


def test_signing_in_leads_nowhere_else_through_the_server(site: Site) -> None:
    with site.signed_in() as browser:
        for wanted in ("//evil.example", "/\\evil.example", "https://evil.example"):
            assert browser.get("/login", params={"next": wanted}).headers["location"] == "/"
            answer = browser.post("/login", data={"email": EMAIL, "password": PASSWORD, "next": wanted})
            assert answer.headers["location"] == "/"


def test_a_wrong_password_says_how_many_tries_are_left(site: Site) -> None:
    add(site.database)
    add(site.database, "olga@acme.example")
    data = {"email": EMAIL, "password": "wrong", "next": "/triggers"}
    with site.browser() as browser:
        answer = browser.post("/login", data=data)
        assert answer.status_code == 401
        page = Page(answer)
        assert "Email or password is wrong." in page.text
        assert "left" not in page.text
        assert page.inputs["email"]["value"] == EMAIL
        assert page.inputs["next"]["value"] == "/triggers"
        assert page.inputs["password"]["aria-invalid"] == "true"
        assert page.inputs["password"]["aria-describedby"] == "password-error"
        assert "value" not in page.inputs["password"]
        assert "3 tries left, then a wait of a minute." in Page(browser.post("/login", data=data)).text
        site.now += 10
        assert "2 tries left" in Page(browser.post("/login", data=data)).text
        assert "1 try left" in Page(browser.post("/login", data=data)).text
        assert "The next try is heard in 50 seconds." in Page(browser.post("/login", data=data)).text
        answer = browser.post("/login", data=data | {"password": PASSWORD})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "50")
        assert "Wait 50 seconds, then try again." in Page(answer).text
        assert browser.post("/login", data={"email": "olga@acme.example", "password": PASSWORD}).status_code == 303
        site.now += 50
        assert browser.post("/login", data=data | {"password": PASSWORD}).headers["location"] == "/triggers"
        # and with that the account's tries are forgotten
        assert "left" not in Page(browser.post("/login", data=data)).text


def test_a_disabled_account_is_told_so_only_with_its_password(site: Site) -> None:
    add(site.database)
    add(site.database, "olga@acme.example", Role.viewer)
    site.database.write_now(accounts.disable_account, "olga@acme.example", actor=CLI, now=times.utcnow())
    with site.browser() as browser:
        answer = browser.post("/login", data={"email": "olga@acme.example", "password": "wrong"})
        assert "disabled" not in answer.text
        answer = browser.post("/login", data={"email": "olga@acme.example", "password": PASSWORD})
        assert answer.status_code == 403
        assert "is disabled. An admin can enable it." in Page(answer).text


def test_what_is_typed_is_shown_as_text(site: Site) -> None:
    add(site.database)
    typed = '"><script>alert(1)</script>'
    with site.browser() as browser:
        answer = browser.post("/login", data={"email": typed, "password": "x", "next": f"/{typed}"})
        assert "<script>alert" not in answer.text
        assert Page(answer).inputs["email"]["value"] == typed
        assert "<script>alert" not in browser.get("/login", params={"next": f"/{typed}"}).text


def test_any_form_is_harmless(site: Site) -> None:
    with site.browser() as browser:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        for body, status in (
            (b"", 401),
            (b"\xff\xfe%ff%00", 401),
            (b"email=%00%ed%a0%80&password=%00", 401),
            (b"email=dana@acme.example&password=" + b"x" * 10_000, 401),
            (b"password=" + b"x" * 20_000, 413),
            (b"code=%ff&email=x", 403),
        ):
            assert browser.post("/login", content=body, headers=headers).status_code == status, body[:40]


def test_the_first_account(site: Site) -> None:
    with site.browser() as browser:
        page = Page(browser.get("/login"))
        assert "Open the link that the server printed" in page.text
        assert "webhook-ui user create EMAIL --role admin" in page.text
        assert not page.inputs
        answer = browser.get("/login", params={"code": "wrong"})
        assert answer.status_code == 403
        assert "Restart the server" in Page(answer).text
        for _ in range(2):  # looking does not use it up
            page = Page(browser.get("/login", params={"code": site.code.text}))
            assert "Create the first account" in page.text
        assert page.inputs["code"]["value"] == site.code.text
        assert page.inputs["password"]["aria-describedby"] == "password-hint"
        data = {"code": site.code.text, "email": EMAIL, "password": "short"}
        answer = browser.post("/login", data=data)
        assert answer.status_code == 422
        assert "Use at least 10 characters." in Page(answer).text
        assert Page(answer).inputs["password"]["aria-describedby"] == "password-error"
        answer = browser.post("/login", data=data | {"password": PASSWORD, "email": "nonsense"})
        assert Page(answer).inputs["email"]["aria-invalid"] == "true"
        answer = browser.post("/login", data=data | {"password": PASSWORD, "next": "/nowhere"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert browser.get("/").text == f"person {EMAIL} admin"
    with site.browser() as browser:
        data = {"code": site.code.text, "email": "eve@acme.example", "password": PASSWORD}
        assert browser.post("/login", data=data).status_code == 403
        page = Page(browser.get("/login", params={"code": site.code.text}))
        assert "That link was for the first account" in page.text
        assert "code" not in page.inputs
    assert len(site.database.read_now(accounts.list_accounts)) == 1


def test_the_link_is_dead_once_an_account_exists(site: Site) -> None:
    add(site.database)  # as `user create` would
    with site.browser() as browser:
        data = {"code": site.code.text, "email": "eve@acme.example", "password": PASSWORD}
        answer = browser.post("/login", data=data)
        assert answer.status_code == 409
        assert "exists already" in Page(answer).text
        assert browser.get("/").status_code == 303


def test_the_link_is_dead_after_a_quarter_of_an_hour(site: Site) -> None:
    site.now += CODE_LIFETIME
    with site.browser() as browser:
        assert browser.get("/login", params={"code": site.code.text}).status_code == 403
        data = {"code": site.code.text, "email": EMAIL, "password": PASSWORD}
        assert browser.post("/login", data=data).status_code == 403
    assert not site.database.read_now(accounts.any_account)


def test_the_page_says_where_one_signs_in(one_database: Database) -> None:
    add(one_database)
    with (
        serve(Site(one_database, settings(public_url="https://hooks.acme.example"))) as site,
        site.browser() as browser,
    ):
        page = Page(browser.get("/login?next=/triggers"))
        assert "hooks.acme.example" in page.text
        assert "You will return to /triggers." in page.text
        assert page.inputs["email"]["autocomplete"] == "username"
        assert page.inputs["password"]["autocomplete"] == "current-password"
        assert page.inputs["password"]["type"] == "password"
