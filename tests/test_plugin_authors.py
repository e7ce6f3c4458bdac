"""What plugin authors are given: a scaffold whose test passes, a check, and a pytest plugin that does as the server."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import zygote
from tests.processes import ROOT
from webhook_ui import Event, testing
from webhook_ui.cli import hints
from webhook_ui.errors import Conflict, Invalid
from webhook_ui.testing import conform

# as a plugin its fixtures would stand before those of the same name that other files have
load_plugin, receiver, deliver, host = testing.load_plugin, testing.receiver, testing.deliver, testing.host

KIT = '''"""Kit."""
import asyncio
from pydantic import BaseModel
from webhook_ui import Event, Job, Trigger, hookimpl, open_to_all

class Settings(BaseModel):
    step: int = 1

class Counted(BaseModel):
    n: int

@hookimpl
def register_settings():
    return Settings

@hookimpl
def register_triggers():
    return [Trigger("kit.counted", "Counted", "", {"n": 1}, Counted)]

@hookimpl
def register_jobs(host):
    return [Job("one", lambda: [Event(trigger="kit.counted", payload={"n": 1})], every=60)]

@hookimpl
async def source(host):
    while True:
        n = int(await host.checkpoint() or 0) + host.setting.step
        event = Event(trigger="kit.counted", payload={"n": n}, idempotency_key=str(n))
        await host.emit_many([event], checkpoint=str(n))
        await asyncio.sleep(0)

@hookimpl
def register_routes(router, host):
    @router.post("/count/{n}")
    @open_to_all
    async def count(n: int):
        return {"id": await host.emit("kit.counted", {"n": n})}

@hookimpl
def transform_payload(payload):
    return {"twice": 2 * payload["n"]}
'''


def command(folder: Path, *line: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return zygote.run([sys.executable, "-m", *line], cwd=folder, env=environment, timeout=120)


def test_a_new_plugin_is_good_and_a_broken_one_is_told(tmp_path: Path) -> None:
    made = command(tmp_path, "webhook_ui", "plugin", "new", "orders")
    assert made.stdout.splitlines()[-1] == "Next: pytest tests/test_orders.py", made.stderr
    checked = command(tmp_path, "webhook_ui", "plugin", "check", "plugins/orders.py")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "plugins/orders.py: good")
    again = command(tmp_path, "webhook_ui", "plugin", "new", "orders")
    assert again.returncode == 2
    assert "plugins/orders.py is there already" in again.stderr
    assert command(tmp_path, "webhook_ui", "plugin", "new", "my orders").returncode == 2
    broken = (tmp_path / "plugins" / "orders.py").read_text().replace("@hookimpl\n", "")
    (tmp_path / "plugins" / "orders.py").write_text(broken)
    checked = command(tmp_path, "webhook_ui", "plugin", "check", "plugins/orders.py")
    assert checked.returncode == 1
    assert "Write @hookimpl on the line above its def." in checked.stdout


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    file = tmp_path / "kit.py"
    file.write_text(KIT)
    return file


def test_a_plugin_is_tested_without_a_server(kit, load_plugin, deliver) -> None:
    plugin = load_plugin(kit, step=5)
    conform(plugin, deliver)
    assert deliver(plugin, "kit.counted", {"n": 4}).data == {"twice": 8}
    with pytest.raises(Invalid, match=r"payload\.n"):
        deliver(plugin, "kit.counted", {"n": "4"})
    assert [event.payload for event in plugin.run_job("one")] == [{"n": 1}]
    plugin.run_source(until=lambda: len(plugin.events) >= 3)
    assert [event.payload["n"] for event in plugin.events[:3]] == [1, 5, 10]
    client = plugin.client()
    assert client.post("/plugins/kit/count/7").json()["id"].startswith("evt_")
    assert client.get("/plugins/kit/nothing").status_code == 401


async def test_the_memory_judges_as_the_server_does(kit, load_plugin) -> None:
    host = load_plugin(kit).host
    first = await host.emit("kit.counted", {"n": 1}, idempotency_key="a")
    assert await host.emit("kit.counted", {"n": 1}, idempotency_key="a") == first
    with pytest.raises(Conflict):
        await host.emit("kit.counted", {"n": 2}, idempotency_key="a")
    with pytest.raises(Invalid, match="Unknown trigger"):
        await host.emit("kit.counter", {"n": 2})


def test_a_broken_plugin_fails_with_what_the_loader_says(tmp_path: Path, load_plugin) -> None:
    (tmp_path / "odd.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(AssertionError, match=r"odd\.py, line 1: No module named 'nowhere_to_be_found'\. Install it"):
        load_plugin(tmp_path / "odd.py")


async def test_a_host_for_functions_that_are_tested_alone(host: testing.TestHost) -> None:
    host.set({"step": 5})
    assert host.setting == {"step": 5}
    await host.emit_many([Event(trigger="any.thing", payload={"n": 1})], checkpoint="1")
    assert (await host.checkpoint(), [event.payload for event in host.events]) == ("1", [{"n": 1}])
    with pytest.raises(Invalid):
        await host.emit("any.thing", {"n": float("nan")})


def test_what_mypy_finds_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    source = "from webhook_ui import Trigger, hookimpl\nfrom ._shared import NUMBER\n\n@hookimpl\n"
    source += 'def register_triggers() -> list[Trigger]:\n    return [Trigger("a.b", 5, "", {})] if NUMBER else []\n'
    (folder / "_shared.py").write_text("NUMBER = 0\n")
    (folder / "typed.py").write_text(source)
    checked = command(tmp_path, "webhook_ui", "plugin", "check", "plugins/typed.py")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    said, good = checked.stdout.splitlines()
    assert said.startswith('warning  line 6: Argument 2 to "Trigger" has incompatible type "int"')
    assert good == "plugins/typed.py: good"
    monkeypatch.setattr(hints, "find_spec", lambda name: None)
    assert hints.findings(folder / "typed.py") == [hints.WITHOUT]
