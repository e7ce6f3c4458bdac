"""The shipped plugins, through the pytest plugin that authors have: what is fired, and that nothing comes twice."""

import filecmp
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import standardwebhooks
import stripe

from tests.processes import ROOT
from webhook_ui import builtin, plugin_loader, signing, testing
from webhook_ui.testing import Received, TestedPlugin, conform

# as a plugin its fixtures would stand before those of the same name that other files have
load_plugin, receiver, deliver = testing.load_plugin, testing.receiver, testing.deliver

PLUGINS = ROOT / "plugins"
Load = Callable[..., TestedPlugin]


def test_what_init_writes_is_what_is_shipped() -> None:
    starter = ROOT / "webhook_ui" / "cli" / "starter" / "plugins"
    names = sorted(path.name for path in PLUGINS.iterdir() if path.suffix in (".py", ".md"))
    assert names == sorted(path.name for path in starter.iterdir() if path.suffix in (".py", ".md"))
    assert filecmp.cmpfiles(PLUGINS, starter, names, shallow=False) == (names, [], [])
    assert all(len(path.read_text().splitlines()) < 120 for path in PLUGINS.glob("*.py"))


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("schedule", ["EVENTS"]),
        ("inbound", ["ENDPOINTS"]),
        ("sql_watch", ["DATABASE_URL", "TABLE"]),
        ("folder_watch", ["FOLDER"]),
        ("alerts", ["TO"]),
    ],
)
def test_without_settings_they_do_nothing_and_say_what_is_to_be_set(
    name: str, lacking: list[str], load_plugin: Load
) -> None:
    contents = load_plugin(PLUGINS / f"{name}.py").contents
    assert not contents.triggers
    assert not contents.jobs
    assert contents.source is contents.notified is contents.router is None
    variables = [f"WEBHOOK_UI_{name.upper()}_{setting}" for setting in lacking]
    assert contents.idle
    assert all(unset == variables for unset in contents.idle.values())


def test_schedule_fires_by_the_clock(load_plugin: Load, deliver: Callable[..., object]) -> None:
    nightly = {"trigger": "clock.nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "payload": {"n": 1}}
    plugin = load_plugin(PLUGINS / "schedule.py", events=[nightly, {"trigger": "clock.beat", "every": 60}])
    conform(plugin, deliver)  # type: ignore[arg-type]  # a stand-in
    at = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    for _ in range(2):  # two processes that both believe to be elected
        plugin.run_job("clock.nightly", at=at)
    (event,) = plugin.events
    assert (event.payload, event.occurred_at) == ({"n": 1, "at": "2026-11-23T01:30:00+00:00"}, at)
    with pytest.raises(AssertionError, match=r"There is no such timezone\. Did you mean Europe/Berlin"):
        load_plugin(PLUGINS / "schedule.py", events=[nightly | {"timezone": "Europe/Berlim"}])
    with pytest.raises(AssertionError, match="WEBHOOK_UI_SCHEDULE_EVENTS"):
        load_plugin(PLUGINS / "schedule.py", events=[nightly | {"timezon": "x"}])


EXAMPLE = (
    plugin_loader.load(PLUGINS / "none", builtin=builtin.PLUGINS, entry_points=False).find("webhook.disabled").example
)

# what GitHub's documentation gives as its test values
GITHUB = (
    "It's a Secret to Everybody",
    b"Hello, World!",
    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
)


def mac(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def sign(plugin: TestedPlugin, secrets: list[str], at: int, body: bytes) -> dict[str, str]:
    (signer,) = plugin.contents.signers
    return dict(signer.make(secrets)("evt_1", at, body))


def test_githubs_own_test_values_are_met(load_plugin: Load, deliver: Callable[..., Received]) -> None:
    plugin = load_plugin(PLUGINS / "github_signatures.py")
    assert sign(plugin, [GITHUB[0], "an older one"], 1, GITHUB[1])["x-hub-signature-256"] == f"sha256={GITHUB[2]}"
    conform(plugin, deliver)


def test_stripes_library_verifies_its_style(load_plugin: Load, deliver: Callable[..., Received]) -> None:
    plugin, now = load_plugin(PLUGINS / "stripe_signatures.py"), int(time.time())
    body = '{"type":"user.created","data":{"name":"Zoë"}}'.encode()
    header = sign(plugin, ["whsec_new", "whsec_old"], now, body)["stripe-signature"]
    for secret in ("whsec_new", "whsec_old"):
        assert stripe.WebhookSignature.verify_header(body, header, secret, tolerance=300)
    own = stripe.WebhookSignature.generate_signature_header(body.decode(), "whsec_new", timestamp=now)
    assert own == sign(plugin, ["whsec_new"], now, body)["stripe-signature"]
    for content, given, secret in (
        (body, header, "whsec_other"),
        (body + b" ", header, "whsec_new"),
        (body, sign(plugin, ["whsec_new"], now - 400, body)["stripe-signature"], "whsec_new"),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(content, given, secret, tolerance=300)
    conform(plugin, deliver)


@pytest.mark.parametrize("style", ["github", "stripe"])
def test_what_goes_out_in_a_style_comes_in_by_it(
    style: str, load_plugin: Load, deliver: Callable[..., Received]
) -> None:
    secret, sender = signing.new_secret(), load_plugin(PLUGINS / f"{style}_signatures.py")
    received = deliver(sender, "webhook.disabled", EXAMPLE, signer=style, secret=secret)
    client = load_plugin(PLUGINS / "inbound.py", endpoints={"us": {"kind": style, "secret": secret}}).client()
    answer = client.post("/plugins/inbound/us", content=received.body, headers=received.headers)
    assert answer.status_code == 202, answer.text


def test_inbound_takes_what_is_signed(load_plugin: Load) -> None:
    secret = signing.new_secret()
    plugin = load_plugin(
        PLUGINS / "inbound.py",
        endpoints={
            "acme": {"kind": "standard", "secret": secret},
            "github": {"kind": "github", "secret": GITHUB[0]},
            "stripe": {"kind": "stripe", "secret": "whsec_of_stripe"},
            "shop": {"kind": "hmac", "secret": "of the shop", "header": "x-shop"},
        },
    )
    client, now = plugin.client(), int(time.time())
    body = b'{"id": "evt_7", "n": 1}'
    assert mac(*GITHUB[:2]) == GITHUB[2]
    signature = standardwebhooks.Webhook(secret).sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode())
    good = {
        "acme": {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signature},
        "github": {"x-github-delivery": "d-1", "x-hub-signature-256": f"sha256={mac(GITHUB[0], body)}"},
        "stripe": {"stripe-signature": f"t={now},v1=00,v1={mac('whsec_of_stripe', f'{now}.'.encode() + body)}"},
        "shop": {"x-shop": mac("of the shop", body)},
    }
    for name, headers in good.items():
        first = client.post(f"/plugins/inbound/{name}", content=body, headers=headers)
        assert first.status_code == 202, (name, first.text)
        if name != "shop":  # its sender has no ids
            assert client.post(f"/plugins/inbound/{name}", content=body, headers=headers).json() == first.json()
        assert client.post(f"/plugins/inbound/{name}", content=body + b" ", headers=headers).status_code == 401
        assert client.post(f"/plugins/inbound/{name}", content=body).status_code == 401
    assert client.post("/plugins/inbound/nobody", content=body, headers=good["shop"]).status_code == 401
    old = now - 400
    stale = {"stripe-signature": f"t={old},v1={mac('whsec_of_stripe', f'{old}.'.encode() + body)}"}
    assert client.post("/plugins/inbound/stripe", content=body, headers=stale).status_code == 401
    for odd, status in ((b"[1]", 202), (b"no json", 422), (b"[" * 5000, 422), (b"x" * (1024 * 1024 + 1), 413)):
        answer = client.post("/plugins/inbound/shop", content=odd, headers={"x-shop": mac("of the shop", odd)})
        assert answer.status_code == status, (odd[:10], answer.text)
    assert [event.trigger.removeprefix("inbound.") for event in plugin.events] == [*good, "shop"]
    assert plugin.events[-1].payload == {"body": [1]}


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """The application's own database."""
    url = f"sqlite:///{tmp_path / 'app.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url").render_as_string(hide_password=False)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS app_signup"))
        connection.execute(sa.text("CREATE TABLE app_signup (id INTEGER PRIMARY KEY, name TEXT, at TIMESTAMP)"))
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE app_signup"))
    engine.dispose()


INSERT = sa.text("INSERT INTO app_signup (id, name) VALUES (:id, :name)")


def add(engine: sa.Engine, *ids: int) -> None:
    with engine.begin() as connection:
        connection.execute(INSERT, [{"id": one, "name": "Zoë"} for one in ids])


def watch(load_plugin: Load, engine: sa.Engine, before: TestedPlugin | None = None, **settings: object) -> TestedPlugin:
    """The plugin, started anew with what another process of it had stored."""
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    given = {"database_url": url, "table": "app_signup", "trigger": "signup.added", "every": 0.05, **settings}
    plugin = load_plugin(PLUGINS / "sql_watch.py", **given)
    if before is not None:
        plugin.store.events, plugin.store.positions = before.store.events, before.store.positions
    return plugin


def keys(plugin: TestedPlugin) -> list[int]:
    return [event.payload["id"] for event in plugin.events]


def test_each_new_row_is_an_event_once(load_plugin: Load, elsewhere: sa.Engine) -> None:
    add(elsewhere, 1, 2)
    plugin = watch(load_plugin, elsewhere)
    plugin.run_source(until=lambda: plugin.store.positions)
    assert keys(plugin) == [], "what was there before is no news"
    add(elsewhere, 3, 10)
    plugin.run_source(until=lambda: len(plugin.events) == 2)
    assert plugin.events[0].payload == {"id": 3, "name": "Zoë", "at": None}
    again = watch(load_plugin, elsewhere, plugin)
    add(elsewhere, 7, 11)  # 7 was taken before 10 was committed, and is committed now
    again.run_source(until=lambda: len(again.events) == 4)
    assert keys(again) == [3, 10, 7, 11]
    last = watch(load_plugin, elsewhere, again, overlap=0)
    add(elsewhere, 12)
    last.run_source(until=lambda: len(last.events) == 5)
    assert keys(last) == [3, 10, 7, 11, 12]


def test_a_transaction_may_stay_open_for_longer_than_the_overlap(load_plugin: Load, postgres_url: sa.URL) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS app_late"))
        connection.execute(sa.text("CREATE TABLE app_late (id SERIAL PRIMARY KEY, name TEXT)"))
    insert = sa.text("INSERT INTO app_late (name) VALUES (:name)")
    plugin = watch(load_plugin, engine, table="app_late", overlap=0)
    plugin.run_source(until=lambda: plugin.store.positions)

    def quick(number: int) -> None:
        with engine.begin() as connection:
            connection.execute(insert, {"name": "quick"})
        plugin.run_source(until=lambda: len(plugin.events) == number)

    with engine.connect() as slow, engine.connect() as undone:
        slow.execute(insert, {"name": "slow"})  # 1
        with slow.begin_nested():
            slow.execute(insert, {"name": "slow"})  # 2
        undone.execute(insert, {"name": "undone"})  # 3
        for number in range(1, 4):  # each look is a process of its own: what it waits for is stored
            quick(number)
        undone.rollback()
        quick(4)
        slow.commit()
    plugin.run_source(until=lambda: len(plugin.events) == 6)
    assert keys(plugin) == [4, 5, 6, 7, 1, 2]
    quick(7)
    quick(8)
    assert json.loads(plugin.store.positions["sql_watch"])["gaps"] == [], "nobody can come any more"
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE app_late"))
    engine.dispose()


def test_many_gaps_are_looked_at_in_turns(load_plugin: Load, elsewhere: sa.Engine) -> None:
    plugin = watch(load_plugin, elsewhere)
    plugin.run_source(until=lambda: plugin.store.positions)
    add(elsewhere, *range(10, 6010, 10))
    plugin.run_source(until=lambda: len(plugin.events) == 600)
    add(elsewhere, 5, 3005, 6005)  # 6005 is beyond; the others lie in the first and in a late gap
    plugin.run_source(until=lambda: len(plugin.events) == 603)
    assert sorted(keys(plugin)[600:]) == [5, 3005, 6005]


def test_many_rows_come_in_groups_and_in_order(load_plugin: Load, elsewhere: sa.Engine) -> None:
    plugin = watch(load_plugin, elsewhere)
    plugin.run_source(until=lambda: plugin.store.positions)
    add(elsewhere, *range(1, 1201))
    plugin.run_source(until=lambda: len(plugin.events) == 1200)
    assert keys(plugin) == list(range(1, 1201))


def test_a_notification_is_quicker_than_the_clock(load_plugin: Load, postgres_url: sa.URL, tmp_path: Path) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE app_quick (id INTEGER PRIMARY KEY, name TEXT)"))
    plugin = watch(load_plugin, engine, table="app_quick", every=600, channel="signups")

    def reached() -> bool:
        if plugin.store.positions and not plugin.events:
            with engine.begin() as connection:
                connection.execute(sa.text("INSERT INTO app_quick (id) SELECT coalesce(max(id), 0) + 1 FROM app_quick"))
                connection.execute(sa.text("NOTIFY signups"))
        return bool(plugin.events)

    plugin.run_source(until=reached)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE app_quick"))
    engine.dispose()


def test_lines_of_files_are_events(load_plugin: Load, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"

    def line(n: int, **more: object) -> str:
        return json.dumps({"trigger": "webhook.noted", "payload": {"n": n}, **more}) + "\n"

    plugin_file = tmp_path / "folder_watch.py"  # with a trigger of its own, as there is no other plugin here
    extra = (
        "\n\n@hookimpl\ndef register_triggers():\n    from webhook_ui import Trigger\n"
        '    return [Trigger("webhook.noted", "Noted", "", {})]\n'
    )
    plugin_file.write_text((PLUGINS / "folder_watch.py").read_text() + extra)
    plugin = load_plugin(plugin_file, folder=str(tmp_path), every=0.05)

    def read(*wanted: int) -> None:
        plugin.run_source(until=lambda: len(plugin.events) >= len(wanted))
        assert [event.payload["n"] for event in plugin.events] == list(wanted)

    file.write_text(line(1) + line(2, tenant="acme") + line(3)[:10])
    read(1, 2)
    assert plugin.events[1].tenant == "acme"
    unknown = line(0).replace("webhook.noted", "webhook.odd")
    file.write_text(line(1) + line(2, tenant="acme") + line(3) + "no json\n" + unknown + "\n" + line(4))
    read(1, 2, 3, 4)
    (tmp_path / "b.jsonl").write_text(line(5))
    read(1, 2, 3, 4, 5)
    file.write_text(line(6))  # shorter than before: from its beginning
    plugin.run_source(until=lambda: len(plugin.events) >= 6, patience=5)
    file.write_text(line(7) + line(8) + line(9))  # longer, but another one
    plugin.run_source(until=lambda: len(plugin.events) >= 9, patience=5)
    assert [event.payload["n"] for event in plugin.events][5:] == [6, 7, 8, 9]
