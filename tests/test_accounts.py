"""Accounts, sessions, tokens, limits and their commands, on both databases."""

import runpy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from webhook_ui import accounts
from webhook_ui.accounts import passwords
from webhook_ui.accounts.limits import CODE_LIFETIME, PER_ACCOUNT, PER_ADDRESS, WINDOW
from webhook_ui.actors import CLI, Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.cli.people import token_app, user_app
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, Invalid, NotFound, Throttled, UsageError
from webhook_ui.models import Account, Change, SignInSession
from webhook_ui.sealing import FernetSealer

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OPERATOR = Actor(kind="person", name="olga@acme.example", role=Role.operator)
PASSWORD = "correct horse battery"
HASH = accounts.hash_password(PASSWORD)


def add(database: Database, email: str = "dana@acme.example", role: Role = Role.admin) -> Account:
    return database.write_now(accounts.create_account, email=email, role=role, password_hash=HASH, actor=CLI, now=NOW)


def enter(database: Database, email: str = "dana@acme.example", now: datetime = NOW) -> str:
    known = database.read_now(accounts.find_credentials, email)
    assert known is not None
    return database.write_now(accounts.sign_in, known, origin="127.0.0.1", now=now)


def token(database: Database, name: str = "ci") -> tuple[int, str]:
    made, text = database.write_now(accounts.create_token, name=name, role=Role.operator, actor=CLI, now=NOW)
    return made.id or 0, text


def who(database: Database, cookie: str, now: datetime = NOW) -> str | None:
    found = database.read_now(accounts.find_session, cookie, now=now)
    return found.actor.name if found else None


def history(database: Database) -> list[Change]:
    return database.read_now(lambda session: list(session.execute(sa.select(Change).order_by("id")).scalars()))


# passwords and addresses


def test_a_password_is_recognised_and_nothing_else_is() -> None:
    assert HASH.startswith("$argon2id$")
    assert accounts.verify_password(HASH, PASSWORD)
    assert not accounts.verify_password(HASH, PASSWORD + " ")
    assert not accounts.verify_password(None, PASSWORD)
    assert not accounts.verify_password("not a hash", PASSWORD)
    assert not accounts.verify_password(HASH, "\ud800" * 20)


def test_a_password_may_be_typed_on_another_keyboard() -> None:
    longest = "é" * 1024
    assert accounts.verify_password(accounts.hash_password(longest), "e\u0301" * 1024)


@pytest.mark.parametrize("password", ["", "ninechars", "x" * 1025, "\ud800" * 12])
def test_a_password_that_is_no_good_is_explained_at_its_field(password: str) -> None:
    with pytest.raises(Invalid, match="Use") as caught:
        accounts.hash_password(password)
    assert set(caught.value.fields) == {"password"}


def test_hashing_is_as_dear_as_it_should_be_and_for_unknown_accounts_too() -> None:
    product = runpy.run_path(passwords.__file__)  # as it is, without what tests make of it
    made = product["hash_password"](PASSWORD)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not product["_hasher"].check_needs_rehash(product["NOBODY"])  # same algorithm, same parameters
    assert len(product["NOBODY"]) == len(made)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Dana@ACME.example ", "dana@acme.example"),
        ("root@localhost", "root@localhost"),
        ("ops@box.local", "ops@box.local"),
        ("zoë@exämple.de", "zoë@exämple.de"),
    ],
)
def test_an_address_is_stored_in_one_way(typed: str, stored: str) -> None:
    assert accounts.check_email(typed) == stored


@pytest.mark.parametrize(
    "typed", ["", "dana", "@acme.example", "dana@", "a b@c.de", "a@b@c.de", "a\0@b.de", "\ud800@b.de"]
)
def test_what_is_no_address_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        accounts.check_email(typed)
    assert set(caught.value.fields) == {"email"}


# accounts


def test_the_first_account_is_an_admin_and_there_is_one_first(database: Database) -> None:
    assert not database.read_now(accounts.any_account)
    first = database.write_now(accounts.first_account, "Dana@acme.example", HASH, now=NOW, origin="127.0.0.1")
    assert (first.email, first.role) == ("dana@acme.example", "admin")
    assert database.read_now(accounts.any_account)
    with pytest.raises(Conflict, match="exists already"):
        database.write_now(accounts.first_account, "eve@acme.example", HASH, now=NOW)
    assert [one.email for one in database.read_now(accounts.list_accounts)] == ["dana@acme.example"]


def test_an_address_belongs_to_one_account(database: Database) -> None:
    add(database)
    with pytest.raises(Invalid, match="already") as caught:
        add(database, "DANA@acme.example")
    assert set(caught.value.fields) == {"email"}


def test_only_admins_manage_accounts_and_tokens(database: Database) -> None:
    add(database)
    email, more = "dana@acme.example", {"actor": OPERATOR, "now": NOW}
    token, _ = database.write_now(accounts.create_token, name="ci", role=Role.viewer, actor=CLI, now=NOW)
    writes: list[Callable[[], object]] = [
        lambda: database.write_now(
            accounts.create_account, email="eve@acme.example", role=Role.viewer, password_hash=HASH, **more
        ),
        lambda: database.write_now(accounts.change_role, email, Role.viewer, **more),
        lambda: database.write_now(accounts.set_password, email, HASH, **more),
        lambda: database.write_now(accounts.disable_account, email, **more),
        lambda: database.write_now(accounts.enable_account, email, **more),
        lambda: database.write_now(accounts.create_token, name="x", role=Role.viewer, **more),
        lambda: database.write_now(accounts.revoke_token, token.id or 0, **more),
    ]
    before = len(history(database))
    for write in writes:
        with pytest.raises(Forbidden, match="role admin"):
            write()
    assert len(history(database)) == before


def test_the_last_enabled_admin_stays(database: Database) -> None:
    add(database)
    add(database, "olga@acme.example", Role.operator)
    add(database, "abe@acme.example", Role.admin)
    database.write_now(accounts.disable_account, "abe@acme.example", actor=CLI, now=NOW)
    with pytest.raises(Conflict, match="only admin"):
        database.write_now(accounts.disable_account, "dana@acme.example", actor=CLI, now=NOW)
    with pytest.raises(Conflict, match="only admin"):
        database.write_now(accounts.change_role, "dana@acme.example", Role.viewer, actor=CLI, now=NOW)
    database.write_now(accounts.enable_account, "abe@acme.example", actor=CLI, now=NOW)
    changed = database.write_now(accounts.change_role, "dana@acme.example", Role.viewer, actor=CLI, now=NOW)
    assert changed.role == "viewer"


def test_two_processes_cannot_take_away_each_others_admin(database: Database, database_url: sa.URL) -> None:
    add(database)
    add(database, "abe@acme.example")
    other = Database(database_url.render_as_string(hide_password=False), FernetSealer("another process of the test"))
    half_way, go_on = threading.Event(), threading.Event()

    def demote_slowly(session: object) -> None:
        accounts.change_role(session, "dana@acme.example", Role.viewer, actor=CLI, now=NOW)
        half_way.set()
        go_on.wait(10)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(database.write_now, demote_slowly)
        assert half_way.wait(10)
        waiting = pool.submit(
            other.write_now, accounts.change_role, "abe@acme.example", Role.viewer, actor=CLI, now=NOW
        )
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        go_on.set()
        slow.result(10)
        with pytest.raises(Conflict):
            waiting.result(10)
    other.close()


def test_an_account_that_is_not_there_is_said_to_be(database: Database) -> None:
    for email in ("nobody@acme.example", "nonsense", "a\0b@c.de"):
        with pytest.raises(NotFound, match="user list"):
            database.write_now(accounts.set_password, email, HASH, actor=CLI, now=NOW)


def test_history_says_who_and_never_a_secret(database: Database) -> None:
    add(database)
    database.write_now(accounts.set_password, "dana@acme.example", HASH, actor=CLI, now=NOW)
    cookie = enter(database)
    token, text = database.write_now(accounts.create_token, name="ci", role=Role.operator, actor=CLI, now=NOW)
    database.write_now(accounts.revoke_token, token.id or 0, actor=CLI, now=NOW)
    lines = history(database)
    assert [(line.actor, line.action) for line in lines] == [
        ("command line", "account.created"),
        ("command line", "account.password_changed"),
        ("dana@acme.example", "account.signed_in"),
        ("command line", "token.created"),
        ("command line", "token.revoked"),
    ]
    assert lines[0].after == {"email": "dana@acme.example", "role": "admin", "disabled": False}
    assert lines[4].before == {"name": "ci", "role": "operator", "revoked": False}
    told = " ".join(f"{line.before} {line.after}" for line in lines)
    assert not any(secret in told for secret in ("argon2", cookie, text, token.digest))


def test_changes_are_announced_after_the_commit(database: Database) -> None:
    heard: list[frozenset[Changed]] = []
    database.announcer.subscribe(heard.append)
    add(database)
    with pytest.raises(Invalid):
        add(database)
    assert heard == [frozenset({Changed(Kind.account)})]


# sessions


def test_a_session_is_known_by_its_cookie_and_kept_as_a_digest(database: Database) -> None:
    add(database)
    cookie = enter(database)
    assert who(database, cookie) == "dana@acme.example"
    kept = database.read_now(lambda session: session.execute(sa.select(SignInSession)).scalar_one())
    assert cookie not in (kept.digest, kept.origin)
    assert kept.expires_at == NOW + timedelta(days=14)
    for garbage in ("", "x", cookie[:-1], cookie * 1000, "\ud800", "é", "\0", kept.digest):
        assert who(database, garbage) is None
        database.write_now(accounts.sign_out, garbage, actor=CLI, now=NOW)
    assert who(database, cookie) == "dana@acme.example"


def test_a_session_ends_when_it_is_not_used(database: Database) -> None:
    add(database)
    cookie = enter(database)
    assert who(database, cookie, NOW + timedelta(days=3, seconds=-1))
    assert who(database, cookie, NOW + timedelta(days=3)) is None


def test_a_session_that_is_used_ends_after_two_weeks(database: Database) -> None:
    add(database)
    cookie = enter(database)
    for day in range(1, 14):
        now = NOW + timedelta(days=day)
        assert who(database, cookie, now)
        database.write_now(accounts.see_session, cookie, now=now)
    assert who(database, cookie, NOW + timedelta(days=14, seconds=-1))
    assert who(database, cookie, NOW + timedelta(days=14)) is None


def test_last_seen_is_written_every_five_minutes_at_most(database: Database) -> None:
    add(database)
    cookie = enter(database)

    def stale(minutes: float) -> bool:
        found = database.read_now(accounts.find_session, cookie, now=NOW + timedelta(minutes=minutes))
        assert found is not None
        return found.stale

    assert not stale(4.9)
    assert stale(5)
    database.write_now(accounts.see_session, cookie, now=NOW + timedelta(minutes=4))
    assert stale(5)
    database.write_now(accounts.see_session, cookie, now=NOW + timedelta(minutes=5))
    assert not stale(9.9)


def test_what_ends_sessions(database: Database) -> None:
    add(database)
    add(database, "olga@acme.example", Role.operator)
    cookie, neighbour = enter(database), enter(database, "olga@acme.example")
    database.write_now(accounts.set_password, "dana@acme.example", HASH, actor=CLI, now=NOW)
    assert who(database, cookie) is None
    assert who(database, neighbour)
    database.write_now(accounts.disable_account, "olga@acme.example", actor=CLI, now=NOW)
    assert who(database, neighbour) is None
    database.write_now(accounts.enable_account, "olga@acme.example", actor=CLI, now=NOW)
    assert who(database, neighbour) is None
    cookie, second = enter(database), enter(database)
    database.write_now(accounts.sign_out, cookie, actor=CLI, now=NOW)
    assert who(database, cookie) is None
    assert who(database, second)


def test_another_role_holds_at_once(database: Database) -> None:
    add(database)
    add(database, "olga@acme.example", Role.operator)
    cookie = enter(database, "olga@acme.example")
    database.write_now(accounts.change_role, "olga@acme.example", Role.viewer, actor=CLI, now=NOW)
    found = database.read_now(accounts.find_session, cookie, now=NOW)
    assert found is not None
    assert found.actor.role is Role.viewer


def test_signing_in_late_does_not_slip_past_a_change(database: Database) -> None:
    add(database)
    add(database, "abe@acme.example")
    known = database.read_now(accounts.find_credentials, "dana@acme.example")
    assert known is not None
    other = accounts.hash_password("another password")
    database.write_now(accounts.set_password, "dana@acme.example", other, actor=CLI, now=NOW)
    with pytest.raises(Conflict, match="changed"):
        database.write_now(accounts.sign_in, known, origin="", now=NOW)
    database.write_now(accounts.disable_account, "dana@acme.example", actor=CLI, now=NOW)
    with pytest.raises(Forbidden, match="disabled"):
        enter(database)


def test_sessions_that_are_over_are_forgotten(database: Database) -> None:
    add(database)
    enter(database)
    enter(database, now=NOW + timedelta(days=4))
    kept = database.read_now(lambda session: session.execute(sa.select(SignInSession)).scalars().all())
    assert len(kept) == 1


# tokens


def test_a_token_is_known_until_it_is_revoked(database: Database) -> None:
    token, text = database.write_now(accounts.create_token, name=" ci ", role=Role.operator, actor=CLI, now=NOW)
    assert text.startswith("whui_")
    assert text not in (token.digest, token.name)
    actor = database.read_now(accounts.token_actor, text)
    assert actor == Actor(kind="token", name="ci", role=Role.operator)
    database.write_now(accounts.revoke_token, token.id or 0, actor=CLI, now=NOW)
    database.write_now(accounts.revoke_token, token.id or 0, actor=CLI, now=NOW)
    assert database.read_now(accounts.token_actor, text) is None
    assert [one.revoked_at for one in database.read_now(accounts.list_tokens)] == [NOW]


def test_any_text_instead_of_a_token_is_harmless(database: Database) -> None:
    token(database)
    for text in ("", "whui_", "whui_" + "x" * 100_000, "whui_é", "whui_\ud800", "whui_\0", "' OR 1=1 --"):
        assert database.read_now(accounts.token_actor, text) is None


def test_a_tokens_name_can_be_shown(database: Database) -> None:
    for name in ("", "  ", "x" * 101, "two\nlines", "\0", "\ud800"):
        with pytest.raises(Invalid) as caught:
            token(database, name)
        assert set(caught.value.fields) == {"name"}


def test_a_token_that_is_not_there_is_said_to_be(database: Database) -> None:
    for token_id in (-1, 0, 7, 1 << 80):
        with pytest.raises(NotFound, match="token list"):
            database.write_now(accounts.revoke_token, token_id, actor=CLI, now=NOW)


# limits, by a clock of the test


def test_five_tries_a_minute_per_account_and_nobody_else_is_locked_out() -> None:
    limiter = accounts.SignInLimiter()
    left = [
        limiter.attempt("dana@acme.example", f"10.0.0.{number}", float(number)).left for number in range(PER_ACCOUNT)
    ]
    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(Throttled, match="50 seconds") as caught:
        limiter.attempt(" DANA@acme.example", "10.0.0.9", 10.0)
    assert caught.value.retry_after == 50
    assert limiter.attempt("olga@acme.example", "10.0.0.1", 10.0).left == 4
    # what was refused does not count: the first try's minute is over
    assert limiter.attempt("dana@acme.example", "10.0.0.9", WINDOW).left == 0
    with pytest.raises(Throttled, match="1 second,"):
        limiter.attempt("dana@acme.example", "10.0.0.9", WINDOW)


def test_twenty_tries_a_minute_per_address() -> None:
    limiter = accounts.SignInLimiter()
    for number in range(PER_ADDRESS):
        limiter.attempt(f"{number}@acme.example", "10.0.0.1", 0.0)
    with pytest.raises(Throttled):
        limiter.attempt("dana@acme.example", "10.0.0.1", 0.0)
    assert limiter.attempt("dana@acme.example", "10.0.0.2", 0.0).left == 4


def test_one_subscriber_of_ipv6_is_one_address() -> None:
    limiter = accounts.SignInLimiter()
    for number in range(PER_ADDRESS):
        limiter.attempt(f"{number}@acme.example", f"2001:db8::{number + 1:x}", 0.0)
    with pytest.raises(Throttled):
        limiter.attempt("dana@acme.example", "2001:db8::ffff", 0.0)
    for other in ("2001:db8:0:1::1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "not an address"):
        limiter.attempt("dana@acme.example", other, 0.0)


def test_a_right_password_clears_the_account_and_not_the_address() -> None:
    limiter = accounts.SignInLimiter()
    for _ in range(4):
        for _ in range(5):
            limiter.attempt("dana@acme.example", "10.0.0.1", 0.0)
        limiter.succeed("dana@acme.example")
    with pytest.raises(Throttled):
        limiter.attempt("dana@acme.example", "10.0.0.1", 0.0)
    assert limiter.attempt("dana@acme.example", "10.0.0.2", 0.0).left == 4


def test_the_limiter_remembers_so_much_and_no_more() -> None:
    limiter = accounts.SignInLimiter(remembered=3)
    for number in range(PER_ACCOUNT):
        limiter.attempt("dana@acme.example", f"10.0.0.{number}", 0.0)
    for number in range(3):
        limiter.attempt(f"{number}@acme.example", f"10.0.1.{number}", 0.0)
    assert limiter.attempt("dana@acme.example", "10.0.0.9", 0.0).left == 4


def test_the_setup_code_fits_for_a_quarter_of_an_hour_until_it_is_spent() -> None:
    code = accounts.SetupCode(100.0)
    assert code.fits(code.text, 100.0)
    assert code.fits(code.text, 100.0)  # looking at the form does not use it up
    assert not any(code.fits(text, 100.0) for text in ("", "é", "\ud800", code.text + "x", code.text[:-1]))
    assert code.fits(code.text, 100.0 + CODE_LIFETIME - 1)
    assert not code.fits(code.text, 100.0 + CODE_LIFETIME)
    code.spend()
    assert not code.fits(code.text, 100.0)


# commands


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(app: object, *arguments: str, stdin: str | None = None) -> tuple[str, str]:
    result = CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_token_commands(folder: Path) -> None:
    stdout, stderr = run(token_app, "create", "ci", "--role", "operator")
    text = stdout.removesuffix("\n")
    assert text.startswith("whui_")
    assert len(text.split()) == 1
    assert "operator" in stderr
    listed, _ = run(token_app, "list")
    assert text not in listed
    assert listed.splitlines()[1].split()[:3] == ["1", "ci", "operator"]
    run(token_app, "revoke", "1")
    assert "revoked" in run(token_app, "list")[0]
    with pytest.raises(NotFound):
        run(token_app, "revoke", "2")


def test_user_commands(folder: Path) -> None:
    run(user_app, "create", "Dana@acme.example", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    out, _ = run(user_app, "create", "olga@acme.example", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert PASSWORD not in out
    run(user_app, "role", "olga@acme.example", "operator")
    run(user_app, "passwd", "olga@acme.example", "--password-stdin", stdin="another password\r\n")
    run(user_app, "disable", "olga@acme.example")
    listed, _ = run(user_app, "list")
    rows = [line.split() for line in listed.splitlines()[1:]]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("dana@acme.example", "admin", "enabled"),
        ("olga@acme.example", "operator", "disabled"),
    ]
    run(user_app, "enable", "olga@acme.example")
    database = Database(f"sqlite:///{folder / 'data' / 'webhook_ui.db'}", FernetSealer("only read here"))
    known = database.read_now(accounts.find_credentials, "olga@acme.example")
    database.close()
    assert known is not None
    assert accounts.verify_password(known.password_hash, "another password")


def test_commands_explain_what_is_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="10 characters"):
        run(user_app, "create", "dana@acme.example", "--password-stdin", stdin="short")
    with pytest.raises(Invalid, match="empty"):
        run(user_app, "create", "dana@acme.example", "--password-stdin", stdin="")
    with pytest.raises(Invalid, match="email"):
        run(user_app, "create", "dana", "--password-stdin", stdin=PASSWORD)
    with pytest.raises(UsageError, match=r"There is no account nobody@acme\.example\..*A new database was made"):
        run(user_app, "passwd", "nobody@acme.example", "--password-stdin", stdin=PASSWORD)
    monkeypatch.setenv("WEBHOOK_UI_DATABASE_URL", "mysql://nowhere")
    with pytest.raises(UsageError):
        run(user_app, "list")
