"""The plugin author's guide, walked as a stranger walks it: every command and every snippet of it is executed."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes import ROOT, Installation
from tests.test_readme import free_port, run, stranger
from webhook_ui import Webhook, testing
from webhook_ui.errors import Invalid
from webhook_ui.plugin_api import PROJECT
from webhook_ui.testing import Received, TestedPlugin, conform

load_plugin, receiver, deliver = testing.load_plugin, testing.receiver, testing.deliver

GUIDE = (ROOT / "plugins" / "README.md").read_text()
Load, Deliver = Callable[..., TestedPlugin], Callable[..., Received]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def recipes() -> dict[str, str]:
    """The plugins of the guide, by the first word of their docstrings."""
    plugins = [block for block in blocks("python") if "def test_" not in block]
    return {re.findall(r'"""(\w+)', block)[0].lower(): block for block in plugins}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Installation]:
    """An empty folder, with the commands on the path."""
    made = stranger(tmp_path)
    (made.folder / "plugins").rename(tmp_path / "away")
    yield made
    made.end()


def test_from_nothing_to_a_tested_plugin_that_is_fired(empty: Installation) -> None:
    walk, listen, serve, emit, rest = blocks("sh")
    said = run(walk, empty)
    for words in ("written  plugins/orders.py", "2 passed", "orders.py: good", "orders.created  Orders created"):
        assert words in said, said
    assert "rewrit" not in said, "pytest has nothing to warn of"
    for name, source in recipes().items():
        (empty.folder / "plugins" / f"{name}.py").write_text(source)
    (tests,) = [block for block in blocks("python") if "def test_" in block]
    (empty.folder / "tests" / "test_recipes.py").write_text(tests)
    assert "6 passed" in run("pytest -q -p no:cacheprovider tests/test_recipes.py", empty)
    empty.environment["WEBHOOK_UI_PORT"] = port = str(free_port())
    ours, there = (lambda script: script.replace("8080", port).replace("9000", there)), str(free_port())
    receiving = empty.start(*ours(listen).split()[1:])
    receiving.wait_for("Listening")
    empty.start(*serve.split()[1:]).wait_for("election.won")
    said = run(ours(emit + rest), empty)
    assert re.search(r"evt_\w+$", said, re.MULTILINE)
    assert re.search(r'"deliveries": ?1', said)
    for _ in range(2):
        receiving.wait_for(r"evt_\w+  verified")


def test_what_the_recipes_say_they_do(tmp_path: Path, load_plugin: Load, deliver: Deliver) -> None:
    loaded: dict[str, TestedPlugin] = {}
    for name, source in recipes().items():
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        loaded[name] = load_plugin(file)
        conform(loaded[name], deliver)
    assert list(loaded) == ["invoices", "orders", "feed", "report", "acme", "chat", "tally", "pager"]
    with pytest.raises(Invalid, match=r"payload\.ship_to\.country"):
        deliver(loaded["orders"], "order.placed", {"id": 1, "total": "1", "ship_to": {"city": "x", "country": "SWE"}})
    (signer,) = loaded["acme"].contents.signers
    headers = dict(signer.make(["new", "old"])("evt_1", 7, b"{}"))
    assert (headers["x-acme-date"], len(headers["x-acme-signature"].split())) == ("7", 2)
    there = Webhook(id=1, uid="u", title="T", url="https://hooks.slack.com/services/x", tenant=None)
    shape = loaded["chat"].contents.transform
    assert shape is not None
    assert shape(trigger="a.b", webhook=there, payload={}) == {"text": "a.b: {}"}
    assert shape(trigger="a.b", webhook=replace(there, url="https://example.com"), payload={}) is None
    assert loaded["tally"].client().get("/plugins/tally/figures").status_code == 401, "it is for who is signed in"


def test_a_package_names_the_group_that_is_looked_for() -> None:
    (packaged,) = blocks("toml")
    assert list(tomllib.loads(packaged)["project"]["entry-points"]) == [PROJECT]


def test_all_that_is_fenced_is_executed_here() -> None:
    kinds = Counter(re.findall(r"^```(\w*)$", GUIDE, re.MULTILINE))
    kinds.pop("")  # each one's end
    assert kinds == {"sh": 5, "python": len(recipes()) + 1, "toml": 1}
    fences = re.findall(r"^```", GUIDE, re.MULTILINE)
    assert len(fences) == 2 * sum(kinds.values()), "every block says its language"


def test_it_names_every_shipped_plugin() -> None:
    table = GUIDE.partition("## What is shipped")[2].partition("## Where")[0]
    shipped = sorted(path.name for path in (ROOT / "plugins").glob("*.py"))
    assert sorted(re.findall(r"`(\w+\.py)`", table)) == shipped
