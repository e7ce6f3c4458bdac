"""The README cannot lie: its commands are run, its Python is run, its table of settings is the settings class."""

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm
from fastapi.testclient import TestClient
from starlette.middleware.sessions import SessionMiddleware

from tests import zygote
from tests.processes import PATIENCE, ROOT, Installation, Process
from webhook_ui import plugin_loader, signing, transactional
from webhook_ui.settings import PREFIX, Settings

README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def terminal(line: str, installation: Installation) -> Process:
    """A command that goes on running, as a shell starts it."""
    command = ["bash", "-euo", "pipefail", "-c", f"exec {line}"]
    start = functools.partial(subprocess.Popen, pass_fds=[zygote.zygote().fileno()])
    started = Process(command, installation.folder, installation.environment, start)
    installation.running.append(started)
    return started


def stranger(tmp_path: Path) -> Installation:
    """A folder with the shipped plugins, and `webhook-ui`, `python` and `pytest` where a shell finds them."""
    made = Installation(tmp_path / "here")
    commands = tmp_path / "bin"
    commands.mkdir()
    fork = f'exec python -S {ROOT / "tests" / "typed.py"} {zygote.zygote().fileno()} "$@"'
    lines = {"python": f'exec {sys.executable} "$@"', "webhook-ui": fork}
    for name, line in {**lines, "pytest": 'exec python -m pytest "$@"'}.items():
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    made.environment["PATH"] = f"{commands}:{os.environ['PATH']}"
    made.environment["PYTEST_ADDOPTS"] = "-p no:schemathesis -p no:hypothesispytest"  # which a stranger does not have
    return made


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """The same with the file that a checkout is started by."""
    made = stranger(tmp_path)
    shutil.copy(ROOT / "main.py", made.folder)
    yield made
    made.end()


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return str(taken.getsockname()[1])


def test_every_command_works_as_written(installation: Installation, postgres_url: sa.URL) -> None:
    ports = {"8080": free_port(), "9000": free_port()}
    installation.environment["WEBHOOK_UI_PORT"] = ports["8080"]
    elsewhere = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    blocks = list(SHELL)

    def take(first: str) -> str:
        block = next(block for block in blocks if block.startswith(first))
        blocks.remove(block)
        for written, used in ports.items():
            block = block.replace(written, used)
        return block.strip()

    # the two commands of the first screen: continuous integration runs the set-up, here what comes after it
    assert take("pip install -e .") == "pip install -e . && python main.py"
    assert take("pip install -e '.[test]'") == "pip install -e '.[test]' && pytest"
    demo = terminal(take("webhook-ui demo"), installation)
    demo.wait_for("Making a day's history")
    demo.wait_for("Password")
    assert demo.stop() == 0
    assert re.search(r"pip install .*-e '\.\[test,dev\]'", (ROOT / ".ci" / "run").read_text())
    listener = terminal(f"{take('webhook-ui listen')} --port {ports['9000']}", installation)
    listener.wait_for("Listening at")
    server = terminal(take("python main.py --allow-loopback"), installation)
    server.wait_for(r"Open http://127.0.0.1:\d+/login\?code=")
    assert run(take("webhook-ui emit"), installation).startswith("evt_")
    assert "dana@example.com" in run(take("printf"), installation)
    assert "user.created" in run(take("webhook-ui plugin list"), installation)
    with_token = f"{take('export TOKEN')}\n{take('curl')}"
    answers = run(with_token.replace("curl -s", "echo; curl -sf"), installation).splitlines()
    assert len([json.loads(answer) for answer in answers if answer]) == 3
    listener.wait_for("  verified")
    assert "unchanged" in run(take("webhook-ui export"), installation)
    take("webhook-ui migrate")
    assert "Nothing to do" in run("webhook-ui migrate", installation)
    assert "good   database" in run("webhook-ui doctor", installation)
    assert "Written 20" in run(take('webhook-ui backup "$(date'), installation)
    moved = run(re.sub(r"postgresql://\S+", elsewhere, take("webhook-ui backup everything")), installation)
    assert "Restored from everything.db to postgresql" in moved
    assert ": 1 webhook, 2 events" in moved
    block = take("export WEBHOOK_UI_DATABASE_URL")
    export, worker = re.sub(r"postgresql://\S+", elsewhere, block).splitlines()
    installation.environment["WEBHOOK_UI_DATABASE_URL"] = export.partition("=")[2]
    terminal(worker, installation).wait_for("Dispatcher started: PostgreSQL")
    assert blocks == [], "a command that no test runs"


def run(script: str, installation: Installation) -> str:
    """Runs a block and returns what it printed."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=installation.folder,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=6 * PATIENCE,
        check=False,
        pass_fds=[zygote.zygote().fileno()],
    )
    assert ended.returncode == 0, f"{script}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def test_the_plugin_works_as_written(tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(PYTHON[0])
    plugins = plugin_loader.load(tmp_path, entry_points=False)
    assert plugins.problems == ()
    assert list(plugins.triggers) == ["order.paid"]


def test_the_application_works_as_written(tmp_path: Path, sqlite_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(PYTHON[1], names)
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE app_person (id INTEGER PRIMARY KEY, name TEXT)"))
    registry = sa.orm.registry()

    class Person:
        def __init__(self, name: str) -> None:
            self.name = name

    registry.map_imperatively(Person, sa.Table("app_person", registry.metadata, autoload_with=engine))
    with sa.orm.Session(engine) as session:
        names["sign_up"](session, Person("Zoë"))
        assert session.execute(sa.text("SELECT payload FROM webhook_ui_event")).scalar() == '{"id":1,"name":"Zoë"}'
    engine.dispose()


def test_the_mounted_dashboard_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(PYTHON[3], names)
    names["app"].add_middleware(SessionMiddleware, secret_key="a key that only tests use")
    try:
        with TestClient(names["app"], follow_redirects=False) as client:
            assert client.get("/webhooks/").headers["location"] == "/login?next=%2Fwebhooks%2F"
            assert client.get("/webhooks/readyz").status_code == 200
    finally:
        transactional._Known.configuration = None


def test_the_receiver_works_as_written() -> None:
    secret, body = signing.new_secret(), b'{"type":"user.created","data":{}}'
    headers = dict(signing.headers([secret], "evt_1", int(time.time()), body))
    names: dict[str, object] = {"secret": secret, "body": body, "headers": headers}
    exec(PYTHON[4], names)
    assert names["event"] == json.loads(body)


def test_the_table_of_settings_is_the_settings_class() -> None:
    table = README.partition("<!-- settings -->\n")[2].partition("<!-- /settings -->")[0]
    assert table == settings_table()


def settings_table() -> str:
    """The table as it must stand in the README."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        value = field.default
        if isinstance(value, tuple):
            value = ",".join(f"{each:g}" for each in value)
        elif isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, float):
            value = f"{value:g}"
        shown = f"`{value}`" if value not in (None, "") else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"


def test_every_file_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
