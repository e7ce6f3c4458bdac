"""Plugins of installed distributions, and what a plugin may say that it needs."""

from pathlib import Path

import pytest

import webhook_ui
from tests.plugin_files import GOOD, HEAD, write
from webhook_ui import plugin_loader


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path, to install distributions into."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def install(site: Path, distribution: str, entry_points: str) -> None:
    info = f"{distribution}-1.2.dist-info"
    write(site, f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    write(site, f"{info}/entry_points.txt", f"[webhook_ui]\n{entry_points}\n")


def test_installed_plugins_load_after_files_and_broken_ones_are_reported(tmp_path: Path, site: Path) -> None:
    write(site, "acme_hooks_good.py", '"""Acme."""\n' + GOOD.format(name="acme.good"))
    write(site, "acme_hooks_bad.py", "\n\nimport nowhere_to_be_found\n")
    write(site, "acme_hooks_taken.py", GOOD.format(name="file.one"))
    install(
        site, "acme", "good = acme_hooks_good\nbad = acme_hooks_bad\nlost = acme_hooks_lost\ntaken = acme_hooks_taken"
    )
    write(tmp_path, "plugins/one.py", GOOD.format(name="file.one"))
    plugins = plugin_loader.load(tmp_path / "plugins")
    acme = [(info.name, info.source, info.where, info.title) for info in plugins.loaded]
    assert acme == [
        ("one", "file", str(tmp_path / "plugins" / "one.py"), "one"),
        ("good", "entry point", "acme 1.2", "Acme."),
    ]
    bad, lost, taken = plugins.problems
    assert (bad.name, bad.line) == ("bad", 3)
    assert bad.where == f"acme 1.2, {site / 'acme_hooks_bad.py'}"
    assert (3, "import nowhere_to_be_found") in bad.excerpt
    assert (lost.where, lost.line) == ("acme 1.2", None)
    assert "No module named 'acme_hooks_lost'" in lost.message
    assert "registered by one" in taken.message


def test_an_entry_point_may_name_an_object(tmp_path: Path, site: Path) -> None:
    source = HEAD + "class Hooks:\n    @hookimpl\n    def register_triggers(self):\n"
    write(
        site, "acme_hooks_object.py", source + '        return [Trigger("acme.object", "T", "", {})]\nhooks = Hooks()\n'
    )
    install(site, "acme", "good = acme_hooks_object:hooks\nmissing = acme_hooks_object:hoks")
    plugins = plugin_loader.load(tmp_path / "none")
    assert list(plugins.triggers) == ["acme.object"]
    assert "no attribute 'hoks'" in plugins.problems[0].message


def test_broken_metadata_does_not_stop_the_files(tmp_path: Path, site: Path) -> None:
    install(site, "broken", "no equals sign")
    write(tmp_path, "plugins/one.py", GOOD.format(name="file.one"))
    plugins = plugin_loader.load(tmp_path / "plugins")
    assert list(plugins.triggers) == ["file.one"]
    assert plugins.problems[0].where == "entry points"


def test_a_plugin_may_say_what_it_needs(tmp_path: Path, site: Path) -> None:
    write(tmp_path, "plugins/good.py", "requires = 'webhook-ui>=0.1,<2'\n" + GOOD.format(name="good.one"))
    write(tmp_path, "plugins/pack/__init__.py", "requires = 'Webhook_UI>=0.0.1,<0.1'\n" + GOOD.format(name="pack.one"))
    write(site, "acme_hooks_needs.py", "requires = 'webhook-ui~=0.9'\nfrom webhook_ui import not_there_yet\n")
    install(site, "acme", "needs = acme_hooks_needs")
    plugins = plugin_loader.load(tmp_path / "plugins")
    assert list(plugins.triggers) == ["good.one"]
    here = f"and this is webhook-ui {webhook_ui.__version__}."
    assert [(each.name, each.line) for each in plugins.problems] == [("pack", 1), ("needs", 1)]
    assert plugins.problems[0].message.startswith(f"It needs Webhook_UI>=0.0.1,<0.1, {here}")
    assert plugins.problems[1].message.startswith(f"It needs webhook-ui~=0.9, {here}")
