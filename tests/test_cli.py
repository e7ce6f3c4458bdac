"""Commands as people type them: what they print, where, and how they end.

Three tests start them `really`: a server, a command that does something, and one that is refused.
"""

import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import standardwebhooks

from tests.processes import PATIENCE, ROOT, Installation, add_webhook
from webhook_ui import signing

# commands of an installed package, one after the other: what it imports is imported once
FORKS = """
import json, os, sys
from pathlib import Path
from webhook_ui import cli, serving

ended = []
for number, arguments in enumerate(json.loads(sys.argv[1])):
    told = Path("..", f"told-{number}")
    if (child := os.fork()) == 0:
        sys.argv = ["webhook-ui", *arguments]
        with told.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.exit(cli.main())
    ended.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told.read_text()))
print(json.dumps(ended))
"""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "here")
    yield made
    made.end()


def refused(installation: Installation, *arguments: str, really: bool = False, **environment: str) -> str:
    """What a command says that ends with exit 2 and one line on stderr."""
    ended = installation.run(*arguments, really=really, **environment)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_the_first_lines_say_where_everything_is(installation: Installation) -> None:
    (installation.folder / "plugins" / "broken.py").write_text("import nothing_of_that_name\n")
    server, address = installation.serve(really=True)
    server.wait_for(r"Open http://127\.0\.0\.1:\d+/login\?code=\S+")
    assert f"SQLite, {installation.folder / 'data' / 'webhook_ui.db'}" in server.text
    assert "user_creation" in server.text
    assert "user.created" in server.text
    assert "inbound.py): no triggers of its own" in server.text
    assert "NOT LOADED  broken" in server.text
    assert "line 1" in server.text
    assert address.startswith("http://127.0.0.1:")
    assert server.stop() == 0


def test_a_port_in_use_is_said_in_one_line(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} cannot be used" in refused(installation, "serve", "--port", str(port), really=True)
        assert "--port" in refused(installation, "listen", "--port", str(port))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WEBHOOK_UI_PROT", "1", "Did you mean WEBHOOK_UI_PORT?"),
        ("WEBHOOK_UI_FAX_NUMBER", "1", "Unknown setting WEBHOOK_UI_FAX_NUMBER"),
        ("WEBHOOK_UI_OUTBOUND_PROXY", "socks5://me:secret-word@127.0.0.1:1", "WEBHOOK_UI_OUTBOUND_PROXY"),
        ("WEBHOOK_UI_PORT", "many", "WEBHOOK_UI_PORT"),
        ("WEBHOOK_UI_ALLOWED_NETWORKS", "10.0.0.0/99", "WEBHOOK_UI_ALLOWED_NETWORKS"),
        ("WEBHOOK_UI_LEASE", "5", "WEBHOOK_UI_REQUEST_TIMEOUT"),
        ("WEBHOOK_UI_DATABASE_URL", "mysql://x", "postgresql://"),
        ("WEBHOOK_UI_DATABASE_URL", "postgresql://u:secret-word@127.0.0.1:1/x", "127.0.0.1"),
        ("WEBHOOK_UI_SECRET_KEY", "short-word", "WEBHOOK_UI_SECRET_KEY"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(installation: Installation, name: str, value: str, said: str) -> None:
    port = [] if name.endswith("PORT") else ["--port", "0"]
    message = refused(installation, "serve", *port, **{name: value})
    assert said in message
    assert "secret-word" not in message
    assert "short-word" not in message


def test_everybody_is_admin_only_on_loopback(installation: Installation) -> None:
    said = refused(installation, "serve", "--host", "0.0.0.0", "--port", "0", WEBHOOK_UI_AUTH="none")
    assert "WEBHOOK_UI_AUTH=none" in said


def test_a_setting_may_stand_in_a_file(installation: Installation) -> None:
    (installation.folder / ".env").write_text("WEBHOOK_UI_PLUGINS_DIR=elsewhere\n")
    listed = installation.run("plugin", "list").stdout
    assert "elsewhere" in listed
    assert "webhook.disabled" in listed, "the engine's own triggers are there without any plugin"
    (installation.folder / ".env").write_text("WEBHOOK_UI_PLUGIN_DIR=elsewhere\n")
    assert "WEBHOOK_UI_PLUGINS_DIR" in refused(installation, "plugin", "list")


def test_a_folder_that_cannot_be_written_is_said_in_one_line(installation: Installation) -> None:
    (installation.folder / "data").write_text("a file where the folder should be")
    assert "WEBHOOK_UI_DATA_DIR" in refused(installation, "serve", "--port", "0")


def test_a_database_newer_than_the_code_is_said_in_one_line(installation: Installation) -> None:
    assert installation.run("migrate").returncode == 0
    with closing(sqlite3.connect(installation.folder / "data" / "webhook_ui.db")) as database, database:
        database.execute("UPDATE webhook_ui_version SET version_num = '9999'")
    for command in (["serve", "--port", "0"], ["migrate"], ["emit", "user.created", "{}"]):
        assert "newer than this version" in refused(installation, *command)


def test_another_secret_key_is_said_in_one_line(installation: Installation) -> None:
    _, address = installation.serve("--allow-loopback")
    with installation.api(address) as api:
        add_webhook(api, "http://127.0.0.1:9/")
    said = refused(installation, "serve", "--port", "0", WEBHOOK_UI_SECRET_KEY="another key than before")
    assert "secret key" in said.lower()


def test_the_secret_key_is_made_once_and_nobody_else_reads_it(installation: Installation) -> None:
    assert installation.run("token", "create", "one").returncode == 0
    path = installation.folder / "data" / "secret.key"
    key = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert installation.run("token", "create", "two").returncode == 0
    assert path.read_text() == key


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["emit"], ["serve", "--port", "abc"], ["serve", "--prot", "1"], ["token", "revoke", "x"]],
)
def test_a_wrong_command_line_is_said_in_one_line(installation: Installation, arguments: list[str]) -> None:
    refused(installation, *arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["user.craeted", "{}"], "user.created"),
        (["user.created", '{"id": "seven", "name": "Zoë"}'], "payload.id"),
        (["user.created", "[1]"], "payload"),
        (["user.created", '{"id": 7, "name": "\\ud800"}'], "payload"),
    ],
)
def test_what_cannot_be_emitted_is_said_and_not_stored(
    installation: Installation, arguments: list[str], said: str
) -> None:
    assert said in refused(installation, "emit", *arguments)
    with closing(sqlite3.connect(installation.folder / "data" / "webhook_ui.db")) as database:
        assert database.execute("SELECT count(*) FROM webhook_ui_event").fetchone() == (0,)


def test_a_wrong_folder_is_noticed(installation: Installation) -> None:
    data, plugins = installation.folder / "data", installation.folder / "plugins"
    said = refused(installation, "emit", "no.such", "{}")
    assert f"A new database was made in {data}" in said
    assert f"those in {plugins}; the database is {data / 'webhook_ui.db'}" in said
    again = refused(installation, "emit", "no.such", "{}")
    assert "new database" not in again, "it is no news any more"
    (data / "webhook_ui.db").unlink()
    made = installation.run("token", "create", "one")
    assert made.returncode == 0
    assert f"webhook-ui: new database made in {data}\n" in made.stderr
    assert installation.run("token", "list").stderr == ""


def test_emit_reads_standard_input_and_knows_its_key_again(installation: Installation) -> None:
    first = installation.run("emit", "user.created", "-", "--idempotency-key", "k", stdin='{"id":7,"name":"Zoë"}')
    again = installation.run("emit", "user.created", '{"id":7,"name":"Zoë"}', "--idempotency-key", "k")
    assert first.stdout == again.stdout != ""
    other = refused(installation, "emit", "user.created", '{"id":8,"name":"Zoë"}', "--idempotency-key", "k")
    assert first.stdout.strip() in other


def test_a_token_stands_alone_on_stdout_and_ends_when_revoked(installation: Installation) -> None:
    _, address = installation.serve()
    with installation.api(address, "viewer") as api:
        assert api.get("/webhooks").status_code == 200
        assert api.post("/webhooks", json={}).status_code == 403
        listed = installation.run("token", "list").stdout
        token_id = next(line.split()[0] for line in listed.splitlines() if "viewer" in line)
        assert installation.run("token", "revoke", token_id).returncode == 0
        for _ in range(100):  # the server forgets what it knew of a token within seconds
            if api.get("/webhooks").status_code == 401:
                break
            threading.Event().wait(0.1)
        else:
            raise AssertionError("the revoked token still works")


def test_init_writes_what_an_installed_package_lacks(tmp_path: Path) -> None:
    """As a wheel, in an empty folder. What a checkout was built into before knows files that the next one may lack."""
    source, wheels, site, empty = (tmp_path / name for name in ("source", "wheels", "site", "empty"))
    empty.mkdir()
    shutil.copytree(ROOT / "webhook_ui", source / "webhook_ui")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True, timeout=120)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True, timeout=120)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}

    def python(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=empty, env=environment, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    assert "written  plugins/user_creation.py" in python("-m", "webhook_ui", "init")
    emit = ["emit", "user.created", '{"id":7,"name":"Zoë"}']
    ended = json.loads(python("-c", FORKS, json.dumps([["init"], ["plugin", "list"], emit, ["doctor"]])))
    assert [code for code, _ in ended] == [0, 0, 0, 0], ended
    again, listed, emitted, _ = (said for _, said in ended)
    assert "kept     plugins/user_creation.py" in again
    assert (empty / "data" / "README.md").exists()
    assert "user.created" in listed
    assert emitted.startswith("evt_")


def test_doctor_looks_and_changes_nothing(installation: Installation) -> None:
    examined = installation.run("doctor")
    assert examined.returncode == 0
    assert examined.stdout.count("not there yet") == 3
    assert not (installation.folder / "data").exists()
    assert installation.run("migrate").returncode == 0
    assert installation.run("token", "create", "one").returncode == 0
    assert "up to date" in installation.run("doctor").stdout


def test_doctor_says_when_the_first_start_could_not_make_its_folder(installation: Installation) -> None:
    in_a_file = installation.folder / "plugins" / "user_creation.py" / "data"
    examined = installation.run("doctor", WEBHOOK_UI_DATA_DIR=str(in_a_file))
    assert examined.returncode == 1
    assert f"wrong  folder     The folder {in_a_file} cannot be written" in examined.stdout


@pytest.mark.parametrize("arguments", [["bogus"], ["emit"], ["token", "create"], ["serve", "--workers", "x"]])
def test_errors_of_usage_name_the_help_of_their_command(installation: Installation, arguments: list[str]) -> None:
    refused = installation.run(*arguments)
    command = " ".join(["python -m webhook_ui", *(one for one in arguments if one not in {"bogus", "--workers", "x"})])
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith(f"(`{command} --help` shows what there is.)")
    assert refused.stderr.count("\n") == 1


def test_plugin_list_and_doctor_name_what_is_broken(installation: Installation) -> None:
    (installation.folder / "plugins" / "broken.py").write_text("def register_triggers(:\n")
    listed, examined = installation.run("plugin", "list"), installation.run("doctor")
    assert (listed.returncode, examined.returncode) == (1, 1)
    assert "broken" in listed.stdout
    assert "line 1" in listed.stdout
    assert "user.created" in listed.stdout
    assert "wrong  plugins" in examined.stdout


def test_migrate_does_its_work_once(installation: Installation) -> None:
    assert "Applied 0001" in installation.run("migrate", really=True).stdout
    assert "Nothing to do" in installation.run("migrate").stdout


def test_what_is_not_there_for_somebody_not_signed_in_crashes_nothing(installation: Installation) -> None:
    server, address = installation.serve()
    with httpx.Client(base_url=address, timeout=30) as client:
        for method, path in (
            ("GET", "/_static/nope"),
            ("GET", "/_nicegui/0.0.1/of-an-older-version.js"),
            ("GET", "/logout"),
            ("PUT", "/login"),
        ):
            answer = client.request(method, path)
            assert (answer.status_code, answer.text) == (404, "There is nothing at this address.\n"), path
        assert client.get("/nope").headers["location"] == "/login?next=/nope"
    assert "Traceback" not in server.text


def test_listen_verifies_with_the_given_secret(installation: Installation) -> None:
    secret = signing.new_secret()
    listener = installation.start("listen", "--port", "0", "--secret", secret, "--status", "202")
    url = listener.wait_for(r"Listening at (http://\S+)")[1]
    body = json.dumps({"type": "user.created", "data": {"name": "Zoë \x1b[31m"}}).encode()
    headers = dict(signing.headers([secret], "evt_0000000000001", int(time.time()), body))
    standardwebhooks.Webhook(secret).verify(body, headers)
    assert httpx.post(url, content=body, headers=headers).status_code == 202
    listener.wait_for("evt_0000000000001  verified")
    assert httpx.post(url, content=body + b" ", headers=headers).status_code == 202
    listener.wait_for("NOT VERIFIED")
    assert "\x1b" not in listener.text


def test_listen_finds_the_webhook_with_its_own_url(installation: Installation) -> None:
    listener = installation.start("listen", "--port", "0")
    url = listener.wait_for(r"Listening at (http://\S+)")[1]
    listener.wait_for(r"no database in \S+ yet")
    assert httpx.post(url, content=b"{}").status_code == 200
    listener.wait_for("not verified")
    assert not list(installation.folder.glob("data/*.db*")), "listen makes none"
    _, address = installation.serve("--allow-loopback")
    with installation.api(address) as api:
        assert httpx.post(url, content=b"{}").status_code == 200
        listener.wait_for("not verified")
        add_webhook(api, url)
        installation.run("emit", "user.created", '{"id":7,"name":"Zoë"}')
        listener.wait_for("  verified")
        listener.wait_for("Zoë")


def test_an_address_that_is_blocked_names_the_option_that_opens_it(installation: Installation) -> None:
    _, address = installation.serve()
    with installation.api(address) as api:
        for url, said in (
            ("http://127.0.0.1:9000/", "--allow-loopback"),
            ("http://10.1.2.3/", "WEBHOOK_UI_ALLOWED_NETWORKS"),
        ):
            answer = api.post("/webhooks", json={"title": "x", "url": url, "triggers": ["user.created"]})
            assert answer.status_code == 422
            assert said in answer.text


FINALIZER = """
import os, signal
from webhook_ui import collector

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(1 for _ in range(1000))  # so that it is heard here, where nothing that is raised gets any further

settle_in = collector.settle_in
collector.settle_in = lambda: (settle_in(), Last())
"""


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
def test_a_signal_is_heard_also_while_a_finalizer_runs(installation: Installation, command: tuple[str, ...]) -> None:
    process = installation.start(*command, hurried=FINALIZER)
    assert process.process.wait(PATIENCE) == 0, process.text
    assert "SystemExit" in process.text, "it was not raised where it is lost"
