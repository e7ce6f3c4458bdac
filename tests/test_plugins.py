"""Plugins as their authors write them: files in a folder and installed distributions, good ones and broken ones."""

import ast
import inspect
import re
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

import webhook_ui
from tests.processes import Installation
from webhook_ui import payloads, plugin_checks, plugin_loader, plugin_source, plugin_types, plugin_watch, settings
from webhook_ui.builtin import PLUGINS
from webhook_ui.errors import Invalid, UsageError
from webhook_ui.plugin_api import Trigger
from webhook_ui.plugin_loader import PluginProblem, Plugins
from webhook_ui.plugin_words import brings

SHIPPED = Path(__file__).parent.parent / "plugins"

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


def test_the_shipped_plugin_is_an_example_to_copy() -> None:
    plugins = load(SHIPPED)
    assert plugins.problems == ()
    (info,) = (each for each in plugins.loaded if each.name == "user_creation")
    assert (info.source, info.triggers) == ("file", 1)
    assert info.where.endswith("plugins/user_creation.py")
    trigger = plugins.find("user.created")
    assert trigger.title == "User creation"
    assert trigger.example["name"] == "Zoë Ångström"
    payloads.check_model(trigger, '{"id":7,"name":"Zoë"}')
    with pytest.raises(Invalid, match=r"payload\.name"):
        payloads.check_model(trigger, '{"id":7}')
    assert len((SHIPPED / "user_creation.py").read_text().splitlines()) < 40


GUIDE = (SHIPPED / "README.md").read_text()


def test_the_guide_does_not_lie(tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "def test_" not in block]
    for number, block in enumerate(blocks):
        write(tmp_path, f"example_{number}.py", block)
    plugins = load(tmp_path)
    assert plugins.problems == ()
    assert list(plugins.triggers) == ["invoice.paid", "order.placed", "feed.item", "report.due"]
    assert len(plugins.loaded) == len(blocks) == 8
    assert sorted(plugins.signers) == ["acme"]


def hooks_table() -> str:
    """The table of hooks as it must stand in the guide."""
    rows = ["| hook | what it is for |", "|---|---|"]
    for name, function in plugin_checks.specs(plugin_checks.new_manager()).items():
        arguments = ", ".join(inspect.signature(function).parameters)
        word = "async " if inspect.iscoroutinefunction(function) else ""
        first = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
        rows.append(f"| `{word}{name}({arguments})` | {first} |")
    return "\n".join(rows) + "\n"


def test_the_guide_names_every_hook() -> None:
    assert GUIDE.partition("<!-- hooks -->\n")[2].partition("<!-- /hooks -->")[0] == hooks_table()


def fields_table() -> str:
    """The table of what hooks give and get as it must stand in the guide."""
    rows = ["| value | fields |", "|---|---|"]
    for kind in ast.parse(inspect.getsource(plugin_types)).body:
        if isinstance(kind, ast.ClassDef) and any("dataclass" in ast.unparse(each) for each in kind.decorator_list):
            fields = [each for each in kind.body if isinstance(each, ast.AnnAssign)]
            texts = [f"`{ast.unparse(field).replace(' | ', ' or ')}`" for field in fields]
            rows.append(f"| `{kind.name}` | {', '.join(texts)} |")
    return "\n".join(rows) + "\n"


def test_the_guide_names_every_field() -> None:
    assert GUIDE.partition("<!-- fields -->\n")[2].partition("<!-- /fields -->")[0] == fields_table()


def test_a_missing_folder_holds_no_plugins(tmp_path: Path) -> None:
    plugins = load(tmp_path / "none")
    assert (plugins.loaded, plugins.problems, dict(plugins.triggers)) == ((), (), {})


def test_a_folder_that_is_none_is_reported(tmp_path: Path) -> None:
    (problem,) = load(write(tmp_path, "plugins", "")).problems
    assert "NotADirectoryError" in problem.message


def test_files_and_packages_load_sorted_and_others_are_skipped(tmp_path: Path) -> None:
    write(tmp_path, "b-file.py", '"""\n\nThe file b.\n\nMore.\n"""\n' + GOOD.format(name="b.file"))
    write(tmp_path, "a.part.py", GOOD.format(name="a.part"))
    write(tmp_path, "pack/__init__.py", "from .inner import register_triggers\nfrom .._shared import WORD\n")
    write(tmp_path, "pack/inner.py", GOOD.format(name="pack.age"))
    for skipped in ("_shared.py", "._hidden.py", "notes.txt", "_private/__init__.py", "no_package/x.py"):
        write(tmp_path, skipped, "WORD = 1")
    (tmp_path / "folder.py").mkdir()
    plugins = load(tmp_path)
    assert plugins.problems == ()
    assert [(info.name, info.title) for info in plugins.loaded] == [
        ("a.part", "a.part"),
        ("b-file", "The file b."),
        ("pack", "pack"),
    ]
    assert list(plugins.triggers) == ["a.part", "b.file", "pack.age"]
    assert plugins.triggers["pack.age"].plugin.where == str(tmp_path / "pack")


def test_names_do_not_clash_with_installed_modules(tmp_path: Path) -> None:
    import json

    write(tmp_path, "json.py", GOOD.format(name="json.plugin"))
    assert list(load(tmp_path).triggers) == ["json.plugin"]
    assert sys.modules["json"] is json


def test_loading_again_sees_an_edit_at_once_and_leaves_nothing_beside_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("one.first", "one.other"):
        write(tmp_path, "one.py", GOOD.format(name=name))
        assert list(load(tmp_path).triggers) == [name]
    assert [path.name for path in tmp_path.iterdir()] == ["one.py"]


def test_postponed_annotations_and_generators_work(tmp_path: Path) -> None:
    source = (
        "from __future__ import annotations\nfrom pydantic import BaseModel\n"
        + HEAD
        + "class Inner(BaseModel):\n    n: int\n"
        "class Model(BaseModel):\n    inner: Inner\n"
        "@hookimpl\ndef register_triggers(unused=None):\n"
        '    for name in ("x.one", "x.two"):\n'
        '        yield Trigger(name, "T", "", {"inner": {"n": 1}}, Model)\n'
    )
    write(tmp_path, "late.py", source)
    plugins = load(tmp_path)
    assert plugins.problems == ()
    assert plugins.find("x.two").schema()["required"] == ["inner"]


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\ndef broken(:\n", 2, "Python cannot read this file: invalid syntax"),
        ("import nowhere_to_be_found\n", 1, "No module named 'nowhere_to_be_found'. Install it"),
        ("from ._shared import WORD\n", 1, "There is no _shared.py beside this plugin. Put it there, or correct"),
        ("\nfrom webhook_ui import hookimp\n", 2, "cannot import name 'hookimp' from 'webhook_ui'"),
        ("import json\njson.loads('{')\n", 2, "The import raised JSONDecodeError"),
        ("import sys\nsys.exit('bye')\n", 2, "ends the program"),
        ("class Odd(BaseException): pass\nraise Odd\n", 2, "The import raised Odd."),
        ("class Odd(Exception):\n    def __str__(self): return 1/0\nraise Odd\n", 3, "its message cannot be read"),
        (HEAD + "@hookimpl\ndef register_triggers():\n    return [1 / 0]\n", 4, "ZeroDivisionError: division by zero."),
        (HEAD + "@hookimpl\ndef register_triggers():\n    yield from []\n    exit(3)\n", 5, "SystemExit: 3."),
        (HEAD + "\n@hookimpl\n\ndef register_trigers():\n    return []\n", 5, "Did you mean register_triggers?"),
        (
            HEAD + "@hookimpl(optionalhook=True)\ndef zzz():\n    pass\n",
            3,
            "The hooks are: register_triggers, ",
        ),
        (HEAD + "@hookimpl\ndef register_things():\n    return []\n", 3, "register_things is not a hook."),
        (HEAD + "def register_triggers():\n    return []\n", 2, "Write @hookimpl on the line above"),
        (HEAD + "@hookimpl\nasync def register_triggers():\n    return []\n", 3, "Write def in place of async def."),
        (HEAD + "@hookimpl\nasync def register_triggers():\n    yield 1\n", 3, "Write def in place of async def."),
        (
            HEAD + "@hookimpl\ndef register_triggers(host, *, n, m=1):\n    return []\n",
            3,
            "takes host. Remove n, or give",
        ),
        (HEAD + "@hookimpl(wrapper=True)\ndef register_triggers():\n    return (yield)\n", 3, "without wrapper"),
        (HEAD + "@hookimpl\ndef register_triggers():\n    pass\n", 3, "returns nothing"),
        (HEAD + "@hookimpl\ndef register_triggers():\n    return 7\n", 3, "returns an int"),
        (
            HEAD + "@hookimpl\ndef register_triggers():\n    return Trigger('a.b', 'T', '', {})\n",
            3,
            "returns a Trigger",
        ),
        (HEAD + "@hookimpl\ndef register_triggers():\n    return 'user.created'\n", 3, "returns a str"),
        (HEAD + "@hookimpl\ndef register_triggers():\n    return ['user.created']\n", 3, "gives a str where a Trigger"),
        (
            HEAD + "@hookimpl\ndef register_triggers():\n    return [\n        Trigger('User', 'T', '', {})]\n",
            5,
            "user.created",
        ),
        (
            HEAD + "@hookimpl\ndef register_triggers():\n    return [Trigger('a.b', 'T')]\n",
            4,
            "'description' and 'example'",
        ),
        (
            MORE + "def register_triggers():\n    return []\ndef register_jops(): pass\n",
            5,
            "Did you mean register_jobs?",
        ),
        (MORE + "def register_jobs():\n    return [Job('x', print)]\n", 4, "Job 'x': give either cron=\"0 3 * * *\""),
        (MORE + "def register_jobs():\n    return [7]\n", 3, "gives an int where a Job is wanted. Write Job(…)."),
        (MORE + "def register_jobs(host):\n    host.setting\n", 4, "bad has no settings"),
        (MORE + "def register_jobs(data):\n    return []\n", 3, "register_jobs takes host. Remove data"),
        (MORE + "def register_jobs():\n    return [Job('x', print, every=5)] * 2\n", 3, "the job x twice"),
        (MORE + "async def source(host):\n    yield\n", 3, "Write @asynccontextmanager between @hookimpl and its def."),
        (MORE + "def source(host):\n    pass\n", 3, "source is awaited. Write async def"),
        (MORE + "def delivery_attempted(host):\n    pass\n", 3, "delivery_attempted is awaited. Write async def"),
        (MORE + "def notified(notices):\n    pass\n", 3, "notified is awaited. Write async def in place of def."),
        (HEAD + "async def notified(notices):\n    pass\n", 2, "notified is not marked as a hook. Write @hookimpl"),
        (MORE + "async def notified(host, notice):\n    pass\n", 3, "notified takes host, notices. Remove notice, or"),
        (
            HEAD + "from pydantic import BaseModel\nclass P(BaseModel):\n    n: int\n@hookimpl\n"
            "def register_triggers():\n    return [Trigger('a.b', 'T', '', {'n': '1'}, P)]\n",
            7,
            "Trigger 'a.b': the example does not fit the payload model: payload.n: Must be a whole number",
        ),
        (MORE + "async def transform_payload():\n    pass\n", 3, "Write def in place of async def."),
        (MORE + "def transform_payload(trigger, hook, payload):\n    pass\n", 3, "Remove hook, or give"),
        (MORE + "def register_settings():\n    return {}\n", 3, "register_settings returns a dict. Return a pydantic"),
        (MORE + "def register_settings():\n    return Needs\n", 3, "The setting WEBHOOK_UI_BAD_TOKEN is missing."),
        (MORE + "def register_routes(router, host):\n    host.emit('a.b', {}).send(None)\n", 4, "used its host while"),
        (MORE + "def register_signers():\n    return [Signer('a b', 'T', len)]\n", 4, "the name must be one word"),
        (MORE + "def register_pages():\n    return [Page('a/b', 'T', print)]\n", 4, "the path must be one word"),
        ("requires = 'webhook-ui>=99'\nimport nowhere\n", 1, "It needs webhook-ui>=99, and this is webhook-ui "),
        ("requires = 'webhook-ui>=>1'\n", 1, 'requires cannot be read. Write requires = "webhook-ui>=0.1,<2".'),
        ("requires: str = 'other>=1'\n", 1, "requires names other, but only webhook-ui is looked at."),
        ("requires = 7\n", 1, "as a text in quotes."),
        (
            HEAD
            + "@hookimpl\ndef register_triggers():\n    return []\n@hookimpl()\ndef register_triggers():\n    pass\n",
            6,
            "register_triggers is defined twice, in line 3 and in line 6: only the last one counts.",
        ),
        (
            MORE + "def register_signers():\n    return [Signer('x', 'T', make)]\ndef make(secret, other):\n    pass\n",
            5,
            "Signer x: make is called with the list of secrets alone.",
        ),
        (
            MORE + "def register_signers():\n    return [Signer('x', 'T', make)]\ndef make(secrets):\n"
            "    return secrets.encode()\n",
            5,
            "Signer x: make raised AttributeError: 'list' object has no attribute 'encode'.",
        ),
        (
            MORE + "def register_signers():\n    return [Signer('x', 'T', make)]\ndef make(secrets):\n    pass\n",
            5,
            "Signer x: make returns NoneType. End it with return sign",
        ),
        (
            MORE + "def register_signers():\n    return [Signer('x', 'T', make)]\ndef make(secrets):\n"
            "    return sign\ndef sign(body):\n    return []\n",
            7,
            "Signer x: what make returns is called as sign(message_id, timestamp, body).",
        ),
        ("from a_good import hookimpl\n", 1, "It stands beside this plugin: write from .a_good import (with the dot)."),
        ("from webhook_ui import Triger\n", 1, "Did you mean Trigger?"),
        ("from webhook_ui.errors import Invaild\n", 1, "Did you mean Invalid?"),
        (MORE + "def transform_payload(trigger, hook, payload):\n    pass\n", 3, "Did you mean webhook?"),
        (
            HEAD + "class Mine:\n    @hookimpl\n    def register_triggers(self): return []\n",
            4,
            "register_triggers is a method of the class Mine; hooks are functions of the file itself.",
        ),
        (HEAD, None, "It registers nothing"),
        ("", None, "It registers nothing"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_stops_nothing_else(
    tmp_path: Path, source: str, line: int | None, message: str
) -> None:
    problem = problem_of(tmp_path, source)
    assert message in problem.message
    assert problem.line == line
    assert problem.where == str(tmp_path / "bad.py")
    if line:
        assert (line, source.split("\n")[line - 1]) in problem.excerpt
        assert len(problem.excerpt) <= 5


def test_settings_come_from_the_environment_and_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from pydantic import BaseModel, SecretStr, Field\nfrom webhook_ui import hookimpl\n"
        "class Settings(BaseModel):\n    token: SecretStr\n    sizes: list[int] = []\n    least: int = Field(1, ge=1)\n"
        "@hookimpl\ndef register_settings(): return Settings\n"
    )
    write(tmp_path, "git-hub.py", source)
    monkeypatch.setenv("WEBHOOK_UI_GIT_HUB_TOKEN", "s3cret")
    monkeypatch.setenv("WEBHOOK_UI_GIT_HUB_SIZES", "[1, 2]")
    (plugin,) = load(tmp_path).running
    setting = plugin.contents.host.setting
    assert (setting.token.get_secret_value(), setting.sizes, setting.least) == ("s3cret", [1, 2], 1)
    assert "s3cret" not in repr(setting)
    for name, value, message in (
        ("LEAST", "0", "The setting WEBHOOK_UI_GIT_HUB_LEAST is not right: Must be greater than"),
        ("LEAST", "many", "The setting WEBHOOK_UI_GIT_HUB_LEAST is not right: Must be a whole number."),
        ("SIZES", "[1", "Write lists and objects as JSON."),
        ("LEATS", "2", "It has no setting WEBHOOK_UI_GIT_HUB_LEATS. Did you mean WEBHOOK_UI_GIT_HUB_LEAST?"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(f"WEBHOOK_UI_GIT_HUB_{name}", value)
            settings.load(plugins_dir=tmp_path)
            (problem,) = load(tmp_path).problems
            assert message in problem.message
            assert problem.line == 8
            assert (
                "is not right" not in message
            ) or "It is set in the environment: correct it there." in problem.message
    saved = {"git-hub": {"least": "many"}}
    assert (
        "saved on the page Settings, tab Plugins: correct it there." in load(tmp_path, saved=saved).problems[0].message
    )


def test_settings_of_a_plugin_with_a_longer_name_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from pydantic import BaseModel\nfrom webhook_ui import hookimpl\nclass S(BaseModel):\n    token: str = ''\n"
        "@hookimpl\ndef register_settings(): return S\n"
    )
    write(tmp_path, "git.py", source)
    write(tmp_path, "git_hub.py", source)
    monkeypatch.setenv("WEBHOOK_UI_GIT_HUB_TOKEN", "x")
    plugins = load(tmp_path)
    assert plugins.problems == ()
    assert [each.contents.host.setting.token for each in plugins.running] == ["", "x"]


def test_a_plugins_settings_are_no_unknown_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "plugins/github.py", "broken(")
    monkeypatch.setenv("WEBHOOK_UI_GITHUB_TOKEN", "x")
    settings.load()
    monkeypatch.setenv("WEBHOOK_UI_GITLAB_TOKEN", "x")
    with pytest.raises(UsageError, match="Unknown setting WEBHOOK_UI_GITLAB_TOKEN"):
        settings.load()


NEEDING = """
from pydantic import BaseModel
from webhook_ui import Job, hookimpl, needs_settings

class Settings(BaseModel):
    folder: str | None = None
    places: list[int] = []
    every: int = 0

@hookimpl
def register_settings():
    return Settings

@hookimpl
@needs_settings("folder", "places")
def register_jobs(host):
    return [Job("sweep", print, every=host.setting.folder)]

@hookimpl
@needs_settings("every")
async def source(host):
    pass
"""


def test_an_interpreter_that_stumbles_over_other_threads_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, stumbles = ast.parse, iter([True, True])

    def stumble(*source: Any) -> ast.Module:
        if next(stumbles, False):
            raise SystemError("AST constructor recursion depth mismatch (before=33, after=91)")
        tree: ast.Module = parse(*source)
        return tree

    file = tmp_path / "good.py"
    file.write_text('requires = "webhook-ui>=900"\n')
    with monkeypatch.context() as patch:  # pytest reads sources too
        patch.setattr(ast, "parse", stumble)
        mistakes = plugin_source.needs_mistakes(file)
    (mistake,) = mistakes
    assert "It needs webhook-ui>=900" in mistake.message


def test_signals_are_the_servers(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "import signal\nsignal.signal(signal.SIGTERM, print)\n")
    assert problem.line == 2
    assert problem.message.startswith("signal only works in main thread of the main interpreter. Plugins are loaded on")
    assert "behind the yield of a source" in problem.message


def test_hooks_may_wait_for_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "bins.py", NEEDING)
    (plugin,) = load(tmp_path).running
    assert plugin.contents.jobs == ()
    assert plugin.contents.idle == {"register_jobs": ["WEBHOOK_UI_BINS_FOLDER", "WEBHOOK_UI_BINS_PLACES"]}
    assert plugin.contents.source is not None, "0 is a value"
    lines = [thing.line() for thing in brings(plugin)]
    assert "jobs  not configured: set WEBHOOK_UI_BINS_FOLDER, WEBHOOK_UI_BINS_PLACES" in lines
    monkeypatch.setenv("WEBHOOK_UI_BINS_PLACES", "[1]")
    (plugin,) = load(tmp_path).running
    assert plugin.contents.idle == {"register_jobs": ["WEBHOOK_UI_BINS_FOLDER"]}
    problem = problem_of(tmp_path / "other", NEEDING.replace('"folder", "places"', '"foldr"'))
    assert problem.message == (
        "register_jobs needs the setting foldr, which register_settings does not give. Did you mean folder?"
    )
    assert problem.line == 16


def test_a_signers_name_belongs_to_the_first(tmp_path: Path) -> None:
    make = "make = lambda secrets: lambda id, at, body: []\n"
    problem = problem_of(tmp_path, MORE + f"def register_signers():\n    return [Signer('x', 'T', make)] * 2\n{make}")
    assert "signer x twice" in problem.message
    write(tmp_path, "own.py", MORE + f"def register_signers():\n    return [Signer('standard', 'T', make)]\n{make}")
    assert (
        "Signer standard is registered by standard_signatures" in load(tmp_path, builtin=PLUGINS).problems[-1].message
    )


@pytest.mark.parametrize("source", [b"x = '\xff\xfe'\n", b"# coding: nonsense\n", b"x = 1\0\n", b"\x1b[31m = 1\n"])
def test_a_file_that_is_no_text_is_reported(tmp_path: Path, source: bytes) -> None:
    problem = problem_of(tmp_path, source)
    assert all(text.isprintable() for _, text in problem.excerpt)
    assert problem.message.isprintable()


def test_a_link_to_nowhere_is_reported(tmp_path: Path) -> None:
    (tmp_path / "bad.py").symlink_to(tmp_path / "gone")
    (problem,) = load(tmp_path).problems
    assert "FileNotFoundError" in problem.message


def test_a_package_names_the_file_that_is_broken(tmp_path: Path) -> None:
    write(tmp_path, "bad/inner.py", "x = 1\ny = (\n")
    problem = problem_of(tmp_path, "from . import inner\n", "bad/__init__.py")
    assert problem.where == str(tmp_path / "bad" / "inner.py")
    assert problem.line == 2


def test_paths_are_shown_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "plugins/one.py", GOOD.format(name="one.x"))
    write(tmp_path, "plugins/two.py", "1/0")
    monkeypatch.chdir(tmp_path)
    plugins = load(Path("plugins"))
    assert plugins.loaded[0].where == "plugins/one.py"
    assert plugins.problems[0].where == "plugins/two.py"


def test_every_mistake_of_a_plugin_is_told(tmp_path: Path) -> None:
    write(
        tmp_path, "bad.py", HEAD + "@hookimpl\ndef zzz(): pass\n@hookimpl\nasync def register_triggers(x): return []\n"
    )
    assert [problem.line for problem in load(tmp_path).problems] == [5, 5, 3]


def test_a_trigger_name_belongs_to_the_first_and_the_other_is_left_out_whole(tmp_path: Path) -> None:
    write(tmp_path, "first.py", GOOD.format(name="user.created"))
    both = GOOD.format(name="user.created").replace("return [", 'return [Trigger("user.gone", "T", "", {}), ')
    write(tmp_path, "second.py", both)
    plugins = load(tmp_path)
    assert list(plugins.triggers) == ["user.created"]
    assert plugins.problems[0].name == "second"
    assert f"user.created is registered by first ({tmp_path / 'first.py'}) already" in plugins.problems[0].message
    assert plugins.problems[0].line == 4


def test_a_trigger_registered_twice_by_one_plugin_is_a_mistake(tmp_path: Path) -> None:
    line = 'Trigger("x.y", "T", "", {})'
    problem = problem_of(tmp_path, HEAD + f"@hookimpl\ndef register_triggers():\n    return [{line}, {line}]\n")
    assert "x.y twice" in problem.message
    assert problem.line == 4


def test_two_plugins_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "same.py", GOOD.format(name="x.file"))
    write(tmp_path, "same/__init__.py", GOOD.format(name="x.package"))
    plugins = load(tmp_path)
    assert len(plugins.loaded) == len(plugins.problems) == 1
    assert "There is a plugin same already" in plugins.problems[0].message


def test_built_in_plugins_are_listed_last(tmp_path: Path) -> None:
    module = ModuleType("acme.builtin.samples", "Samples.")
    exec(GOOD.format(name="a.builtin"), module.__dict__)
    write(tmp_path, "zebra.py", GOOD.format(name="z.mine"))
    plugins = load(tmp_path, builtin=[module])
    assert list(plugins.triggers) == ["z.mine", "a.builtin"]
    assert [info.name for info in plugins.loaded] == ["zebra", "samples"]
    assert [info.name for info in plugins.added] == ["zebra"]


def test_built_in_plugins_come_first(tmp_path: Path) -> None:
    module = ModuleType("acme.builtin.samples", "Samples.")
    exec(GOOD.format(name="user.created"), module.__dict__)
    write(tmp_path, "mine.py", GOOD.format(name="user.created"))
    plugins = load(tmp_path, builtin=[module])
    assert [(info.name, info.source, info.where) for info in plugins.loaded] == [
        ("samples", "builtin", "acme.builtin.samples")
    ]
    assert "registered by samples" in plugins.problems[0].message


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


def test_an_unknown_trigger_offers_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "one.py", GOOD.format(name="user.created"))
    plugins = load(tmp_path)
    with pytest.raises(Invalid) as caught:
        plugins.find("user.craeted")
    assert caught.value.fields == {"trigger": "Unknown trigger user.craeted. Did you mean user.created?"}
    for name in ("zzz", "", "\ud800\0", "x" * 100_000):
        with pytest.raises(Invalid, match="`webhook-ui plugin list` show what there is") as caught:
            plugins.find(name)
        assert len(str(caught.value).encode()) < 400


def test_matching_follows_names_and_groups(tmp_path: Path) -> None:
    for number, name in enumerate(("user.created", "user.deleted", "users.created")):
        write(tmp_path, f"p{number}.py", GOOD.format(name=name))
    plugins = load(tmp_path)
    assert [trigger.name for trigger in plugins.matching("user.*")] == ["user.created", "user.deleted"]
    assert [trigger.name for trigger in plugins.matching("users.created")] == ["users.created"]
    assert plugins.matching("nothing.*") == ()


class Payload(BaseModel):
    id: int


def test_a_trigger_keeps_what_it_was_given() -> None:
    example = {"id": 1, "name": "Zoë"}
    trigger = Trigger("a.b", "T", "D", example, Payload, [5, 0.5])
    assert trigger == Trigger(
        name="a.b", title="T", description="D", example=dict(example), payload=Payload, retry_schedule=(5, 0.5)
    )
    assert len({trigger, trigger}) == 1
    example["id"] = 2
    assert trigger.example["id"] == 1
    assert trigger.example_json() == '{\n  "id": 1,\n  "name": "Zoë"\n}'
    assert trigger.schema()["properties"]["id"]["type"] == "integer"
    assert Trigger("a.b", "T", "", {}).schema()["type"] == "object"


class NoSchema(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    thing: ModuleType | None = None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            ({"name": name}, "at least two words")
            for name in ("user", "User.created", "a..b", ".a", "a.b\n", "a." + "b" * 99)
        ),
        ({"name": None}, "at least two words"),
        ({"title": " "}, "title is empty"),
        ({"description": None}, "description must be text"),
        ({"example": [1]}, "example must be a JSON object"),
        ({"example": {"at": {1, 2}}}, "example is not JSON"),
        ({"example": {"at": float("nan")}}, "example is not JSON"),
        ({"example": {"at": "\ud800"}}, "example is not JSON"),
        ({"payload": Payload, "example": {"id": "7"}}, r"does not fit the payload model: payload\.id: Must be a whole"),
        ({"payload": Payload(id=1)}, "pydantic model class"),
        ({"payload": dict}, "pydantic model class"),
        ({"payload": NoSchema}, "no JSON Schema"),
        *(
            ({"retry_schedule": waits}, "list of seconds")
            for waits in (5, "5", [-1], ["5"], [True], [float("inf")], [float("nan")], [10**400])
        ),
    ],
)
def test_a_trigger_that_is_not_valid_says_what_to_do(change: dict[str, Any], message: str) -> None:
    given = {"name": "a.b", "title": "T", "description": "", "example": {"id": 1}, **change}
    with pytest.raises(ValueError, match=message):
        Trigger(**given)


def test_public_names_come_when_used() -> None:
    assert {name: getattr(webhook_ui, name) for name in webhook_ui.__all__}["Trigger"] is Trigger
    with pytest.raises(AttributeError, match="hokimpl"):
        _ = webhook_ui.hokimpl


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_watch, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(plugin_watch, "LIMIT_SECONDS", 0.5)


HANGING = "from threading import Event\nfrom webhook_ui import hookimpl\n\n"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("Event().wait()\n", 4),
        ("@hookimpl\ndef register_triggers():\n    while True:\n        Event().wait()\n", 7),
        ("@hookimpl\ndef register_triggers():\n    yield from iter(Event().wait, 1)\n", 6),
    ],
)
def test_one_that_hangs_at_load_is_left_behind(tmp_path: Path, impatient: None, source: str, line: int) -> None:
    problem = problem_of(tmp_path, HANGING + source)
    assert problem.line == line
    assert problem.message.startswith("It had not come back after 0.5 s")
    assert "Move slow work into a source or a job" in problem.message
    hanging = threading.active_count()
    assert problem_of(tmp_path, HANGING + source).line == line, "its file was written anew: it is tried again"
    assert threading.active_count() == hanging + 1
    assert load(tmp_path).problems[0].line == line
    assert threading.active_count() == hanging + 1, "the same that hangs already is not begun again"


def test_one_that_hangs_when_it_is_loaded_anew_goes_on_as_it_was_and_holds_up_no_other(
    tmp_path: Path, impatient: None
) -> None:
    write(tmp_path, "slow.py", GOOD.format(name="slow.one"))
    before = {each.name: each for each in load(tmp_path).running}
    write(tmp_path, "slow.py", HANGING + "Event().wait()\n")
    hanging = []
    for name in ("other.one", "other.two"):
        write(tmp_path, "other.py", GOOD.format(name=name))
        plugins = load(tmp_path, before=before)
        assert sorted(plugins.triggers) == [name, "slow.one"]
        assert [(each.name, each.runs_on) for each in plugins.problems] == [("slow", True)]
        hanging.append(threading.active_count())
    assert hanging[0] == hanging[1], "it hangs already: nobody waits for it again"


def test_who_waits_for_a_slow_one_is_told_and_can_end_it(tmp_path: Path) -> None:
    here = Installation(tmp_path)
    write(tmp_path, "plugins/slow.py", "import threading\nthreading.Event().wait()\n")
    soon = "from webhook_ui import plugin_watch; plugin_watch.SLOW_SECONDS = 0.5"
    try:
        command = here.start("plugin", "list", hurried=soon)
        command.wait_for(r"plugin\.slow +slow is still being loaded \(plugins/slow\.py, line 2\)")
        command.process.send_signal(signal.SIGINT)
        assert command.process.wait(20) == 130
        server = here.start("serve", "--port", "0", hurried=soon)
        server.wait_for(r"plugin\.slow .*line=2 .*where=plugins/slow\.py")
        assert server.stop() == 0
        assert "Dashboard" not in server.text, "a signal of ours is not taken for a mistake of the plugin"
    finally:
        here.end()


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


def test_hooks_of_an_object_may_be_named_in_the_file(tmp_path: Path) -> None:
    hooks = "class Mine:\n    @hookimpl\n    def register_triggers(self): return [Trigger('a.b', 'T', '', {})]\n"
    write(tmp_path, "mine.py", HEAD + hooks + "register_triggers = Mine().register_triggers\n")
    assert list(load(tmp_path).triggers) == ["a.b"]
