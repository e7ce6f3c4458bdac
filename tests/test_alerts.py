"""Alerts: what is said by mail, once, through a real mail server on loopback; what becomes of notices over crashes."""

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme
from sqlmodel import Session

from tests import mailbox
from tests.mailbox import Mailbox
from tests.processes import ROOT, Installation, Process, add_webhook, payload, receiver
from webhook_ui import builtin, ids, plugin_loader, plugin_news, testing, times
from webhook_ui.builtin import engine_events
from webhook_ui.database import Database
from webhook_ui.engine_events import FAILING, RECOVERED
from webhook_ui.history import notices
from webhook_ui.host import Host
from webhook_ui.models import Checkpoint, Event, table
from webhook_ui.plugin_doors import PluginDoors
from webhook_ui.plugin_loader import Plugin, Plugins
from webhook_ui.testing import TestedPlugin, notice

load_plugin = testing.load_plugin
Load = Callable[..., TestedPlugin]

ALERTS = ROOT / "plugins" / "alerts.py"
LINK = "https://hooks.example.com/webhooks/14"
EXAMPLE = dict(engine_events.register_triggers()[1].example)
EVIL = "Zoë\r\nBcc: all@example.com\u202e" + "x" * 200


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def box(authority: trustme.CA) -> Iterator[Mailbox]:
    """A mail server that wants a password, by TLS alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with mailbox.open_at(Mailbox(context=context, password="s3cret of mail")) as made:
        yield made


@pytest.fixture
def settings(box: Mailbox, authority: trustme.CA, tmp_path: Path) -> dict[str, object]:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    to = ["ops@example.com", "boss@example.com"]
    ca_file = str(tmp_path / "ca.pem")
    return {"to": to, "port": box.port, "user": "hooks", "password": box.password, "ca_file": ca_file}


def test_each_change_is_a_mail_with_cause_count_time_and_link(load_plugin: Load, box: Mailbox, settings) -> None:
    plugin = load_plugin(ALERTS, **settings)
    for trigger in ("webhook.failing", "webhook.disabled", "webhook.recovered", "delivery.exhausted"):
        plugin.notify(trigger, link=LINK)
    failing, disabled, recovered, exhausted = box.letters
    assert (failing.to, failing.user, failing.secure) == (["ops@example.com", "boss@example.com"], "hooks", True)
    assert (failing.mail["subject"], failing.mail["from"]) == ("Billing is failing", "ops@example.com")
    body = failing.mail.get_content()
    assert body.startswith("Billing is failing (")
    assert body.splitlines()[1:] == [
        "12 of the last 20 attempts failed; last: 503 Service Unavailable",
        "Failing since 2026-11-23T08:41:00Z",
        "To: https://billing.example.com/hooks",
        LINK,
    ]
    assert disabled.mail["subject"] == "Billing is disabled"
    assert "410 Gone" in disabled.mail.get_content()
    assert recovered.mail["subject"] == "Billing is up again"
    assert "\nBefore: Still down after 3 probes" in recovered.mail.get_content()
    assert exhausted.mail["subject"] == "Billing has given up on deliveries"
    assert "\n1 used up all 10 tries, such as dlv_01KB4N8Q5Z7M2_14: 503" in exhausted.mail.get_content()


def test_what_comes_up_together_is_one_mail_and_giving_up_is_said_once(
    load_plugin: Load, box: Mailbox, settings
) -> None:
    plugin = load_plugin(ALERTS, **settings)
    gone = [notice(plugin.plugins, "delivery.exhausted") for _ in range(37)]
    plugin.notify_all([notice(plugin.plugins, "webhook.failing"), *gone])
    (letter,) = box.letters
    assert letter.mail["subject"] == "Billing is failing, and 1 more"
    assert "\n37 used up all 10 tries" in letter.mail.get_content()
    again = load_plugin(ALERTS, **settings)  # another process
    again.store.positions = plugin.store.positions
    again.notify("delivery.exhausted")
    assert len(box.letters) == 1
    again.notify("webhook.recovered")
    again.notify("delivery.exhausted")
    assert [one.mail["subject"] for one in box.letters[1:]] == [
        "Billing is up again",
        "Billing has given up on deliveries",
    ]


def test_a_foreign_title_does_no_harm_and_a_mail_needs_no_tls_without_a_password(load_plugin: Load) -> None:
    with mailbox.open_at(Mailbox(refused={"gone@example.com"})) as plain:
        to = ["ops@example.com", "gone@example.com"]
        plugin = load_plugin(ALERTS, to=to, port=plain.port, security="none", sender="hooks@example.com")
        webhook = {"id": 1, "uid": "u", "title": EVIL, "url": "http://x.test/\r\n.\r\n"}
        plugin.notify("webhook.failing", {"webhook": webhook, "reason": f"last: {EVIL}"})
    (letter,) = plain.letters
    assert (letter.to, letter.mail["bcc"], letter.mail["from"]) == (["ops@example.com"], None, "hooks@example.com")
    assert letter.mail["subject"].startswith("Zoë  Bcc: all@example.com x")
    assert len(letter.mail["subject"]) < 120
    assert len(letter.mail.get_content().splitlines()) == 5
    assert load_plugin(ALERTS).contents.notified is None, "without an address nothing is written"


def test_a_password_is_never_sent_in_the_clear(load_plugin: Load, box: Mailbox, settings) -> None:
    with pytest.raises(AssertionError, match="A password is never sent in the clear"):
        load_plugin(ALERTS, **settings | {"security": "none"})
    for wrong, said in (({"password": "wrong"}, "535"), ({"ca_file": None}, "CERTIFICATE_VERIFY_FAILED")):
        given = {name: value for name, value in (settings | wrong).items() if value is not None}
        with pytest.raises(
            ConnectionError, match=f"the mail server localhost, port {box.port}, took no mail: .*{said}"
        ):
            load_plugin(ALERTS, **given).notify("webhook.failing")
    assert box.letters == []


# --- in a running server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_a_mail_for_each_change_over_a_mail_server_that_is_down_and_crashes(tmp_path: Path) -> None:
    box, port, mail_port, status = Mailbox(), free_port(), free_port(), [500]
    public_url = f"http://127.0.0.1:{port}"
    made = Installation(
        tmp_path / "here",
        alerts_to='["ops@example.com"]',
        alerts_port=str(mail_port),
        alerts_security="none",
        public_url=public_url,
        port=str(port),
    )

    def serve() -> Process:
        soon = "from webhook_ui import plugin_news; plugin_news.FIRST_WAIT = 0.2"
        server = made.start("serve", "--allow-loopback", hurried=soon)
        server.wait_for("election.won")
        return server

    try:
        with receiver(lambda _: status[0]) as far:
            server = serve()
            with made.api(public_url) as api:
                webhook = add_webhook(api, far.url, title="Billing")
                events = [{"trigger": "user.created", "payload": payload(number)} for number in range(60)]
                assert api.post("/events/batch", json={"events": events}).status_code == 202
                server.wait_for("notices.wait.*Connection refused")  # the mail server is down
            with mailbox.open_at(box, mail_port):
                (letter,) = box.wait_for(1)
                assert letter.mail["subject"] == "Billing is failing"
                assert letter.mail.get_content().rstrip().endswith(f"{public_url}/webhooks/{webhook['id']}")
                status[0] = 200
                box.wait_for(2)
                for _ in range(2):
                    server.wait_for("notices.told")  # that it has told is stored
                server.kill()
                serve()
                with made.api(public_url) as api:
                    fired = {"trigger": "webhook.disabled", "payload": EXAMPLE}
                    assert api.post("/events", json=fired).status_code == 202
                box.wait_for(3)
            subjects = [one.mail["subject"] for one in box.letters]
            assert subjects == ["Billing is failing", "Billing is up again", "Billing is disabled"]
    finally:
        made.end()


# --- one that is never taken

PICKY = """
import webhook_ui

SAID, DOWN = [], []

@webhook_ui.hookimpl
async def notified(notices):
    for notice in notices:
        if DOWN or notice.trigger == "webhook.disabled":
            raise KeyError(notice.trigger)
    SAID.extend(notice.event_id for notice in notices)
"""


@pytest.fixture
def told(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, str]]]:
    """Lets a plugin be told until something is reached, without long waits; how it went, each state once."""
    monkeypatch.setattr(plugin_news, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(plugin_news, "LONGEST_WAIT", 0.002)
    host = Host(database, load_picky(tmp_path), max_payload_bytes=1 << 20)
    doors = PluginDoors(database, host)

    def tell(plugin: Plugin, until: Callable[[], object], words: str = "") -> list[tuple[str, str]]:
        states: dict[tuple[str, str], None] = {}

        async def run() -> None:
            teller = plugin_news.Teller(
                plugin,
                doors,
                lambda position: doors.store(plugin.name, [], position),
                lambda state, problem: states.setdefault((state, problem or "")),
            )
            running = asyncio.create_task(teller.run())
            async with asyncio.timeout(30):
                while not (until() and words in str(states)):
                    assert not running.done(), running.exception()
                    await asyncio.sleep(0.005)
            running.cancel()

        asyncio.run(run())
        return list(states)

    return tell


def load_picky(folder: Path) -> Plugins:
    (folder / "picky.py").write_text(PICKY)
    return plugin_loader.load(folder, builtin=builtin.PLUGINS, entry_points=False)


@pytest.mark.parametrize("first", [0, 3, 5])
def test_a_notice_that_is_never_taken_is_set_aside_and_the_others_are_told(
    database: Database, told, tmp_path: Path, first: int
) -> None:
    plugin = next(one for one in load_picky(tmp_path).running if one.name == "picky")
    module = sys.modules[plugin.contents.notified.__module__]
    begin(database)
    made = [ids.new_id() for _ in range(6)]
    triggers = [FAILING] * 6
    triggers[first] = "webhook.disabled"
    for one, trigger in zip(made, triggers, strict=True):
        database.write_now(store, one, trigger, NOTICE)
    evil = ids.event_text(made[first])
    others = [ids.event_text(one) for one in made if one != made[first]]
    states = told(plugin, lambda: len(module.SAID) >= 5 and not database.read_now(unheard), "set aside")
    assert sorted(module.SAID) == sorted(others), "each once"
    said = [problem for state, problem in states if state == "running" and problem]
    assert said == [
        f"webhook.disabled ({evil}) was set aside after 6 tries. Plugin picky: notified raised KeyError: "
        "'webhook.disabled'."
    ]


def test_while_none_is_taken_none_is_set_aside(database: Database, told, tmp_path: Path) -> None:
    plugin = next(one for one in load_picky(tmp_path).running if one.name == "picky")
    module = sys.modules[plugin.contents.notified.__module__]
    begin(database)
    made = [ids.new_id() for _ in range(5)]
    for one in made:
        database.write_now(store, one, FAILING, NOTICE)
    module.DOWN.append(True)
    rounds: list[int] = []
    states = told(plugin, lambda: rounds.append(1) or len(rounds) > 100)
    assert {state for state, _ in states} == {"failing"}
    module.DOWN.clear()
    told(plugin, lambda: len(module.SAID) == 5)
    assert [ids.event_text(one) for one in made] == module.SAID, "in order"


def begin(database: Database) -> None:
    """From now on the plugin hears."""
    place = notices.place_at(times.utcnow() - timedelta(seconds=1))  # every id made from now on is above
    row = {"plugin": "picky notified", "position": place.text(), "updated_at": times.utcnow()}
    database.write_now(lambda session: session.execute(table(Checkpoint).insert(), [row]))


def unheard(session: Session) -> list[int]:
    place = notices.place_of(session.execute(sa.select(table(Checkpoint).c.position)).scalar_one())
    found, _ = notices.read(session, place, now=times.utcnow())
    return [int(event.id or 0) for event in found]


# --- the order in which notices are heard


NOTICE = '{"webhook": {"id": 1}}'


def store(session: Session, event_id: int, trigger: str, payload: str = "{}") -> None:
    now = times.utcnow()
    row = {
        "id": event_id,
        "trigger": trigger,
        "payload": payload,
        "occurred_at": now,
        "created_at": now,
        "actor": "system",
    }
    session.execute(table(Event).insert(), [row])


def test_each_notice_is_read_once_also_when_a_lower_one_is_committed_later(database: Database) -> None:
    now = times.utcnow()
    place = notices.place_at(now - timedelta(seconds=1))
    first, second, third = (ids.new_id() for _ in range(3))

    def read(at: float = 0.0) -> list[int]:
        nonlocal place
        found, place = database.read_now(notices.read, place, now=now + timedelta(seconds=at))
        place = notices.place_of(place.text())
        return [int(event.id or 0) for event in found]

    database.write_now(store, second, FAILING)
    database.write_now(store, ids.new_id(), "user.created")
    assert (read(), read()) == ([second], [])
    database.write_now(store, first, RECOVERED)
    database.write_now(store, third, RECOVERED)
    assert (read(60), read(60)) == ([first, third], [])
    assert len(place.seen) == 3
    database.write_now(store, ids.new_id(), FAILING)
    assert len(read(300)) == 1
    assert (place.seen, read(300)) == ((), [])


def test_many_notices_come_in_groups(database: Database) -> None:
    place = notices.place_at(times.utcnow() - timedelta(seconds=1))  # every id made from now on is above
    made = [ids.new_id() for _ in range(notices.GROUP + 5)]
    for one in made:
        database.write_now(store, one, FAILING)
    found, place = database.read_now(notices.read, place, now=times.utcnow())
    more, place = database.read_now(notices.read, place, now=times.utcnow())
    assert [one.id for one in [*found, *more]] == made
