"""Plugins that tests write: what stands in their files, and what comes of loading them."""

from pathlib import Path
from typing import Any

from webhook_ui import plugin_loader
from webhook_ui.plugin_loader import PluginProblem, Plugins

HEAD = "from webhook_ui import Trigger, hookimpl\n"

MORE = (
    "from webhook_ui import Job, Page, Signer, hookimpl; from pydantic import create_model; "
    "Needs = create_model('Needs', token=(str, ...))\n@hookimpl\n"
)

GOOD = HEAD + '@hookimpl\ndef register_triggers():\n    return [Trigger("{name}", "Title", "", {{}})]\n'


def write(folder: Path, name: str, source: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return path


def load(folder: Path, **options: Any) -> Plugins:
    return plugin_loader.load(folder, **{"entry_points": False, **options})


def problem_of(folder: Path, source: str | bytes, name: str = "bad.py") -> PluginProblem:
    """The one problem of a plugin that stands between two good ones, which must both load."""
    write(folder, "a_good.py", GOOD.format(name="a.good"))
    write(folder, "z_good.py", GOOD.format(name="z.good"))
    write(folder, name, source)
    plugins = load(folder)
    assert list(plugins.triggers) == ["a.good", "z.good"]
    assert [info.name for info in plugins.loaded] == ["a_good", "z_good"]
    (problem,) = plugins.problems
    assert problem.name == "bad"
    assert problem.message.endswith((".", "?"))
    return problem
