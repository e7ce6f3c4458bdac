"""Mistakes of plugins: each is told with its line and what to do, and stops nothing else."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.plugin_files import GOOD, HEAD, MORE, load, problem_of, write
from webhook_ui import plugin_sentences, plugin_source
from webhook_ui.builtin import PLUGINS
from webhook_ui.languages import spoken


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
    check_spanish(problem.message)


def check_spanish(message: str) -> None:
    """All of it is said to who reads Spanish, but for what Python or the plugin itself says in it."""
    with spoken("es"):
        told = plugin_sentences.said(message)
    assert told != message
    english = r"\b(?:Write|Remove|Correct|Rename|Give|Return|Did|must|Must|the|with|twice|takes)\b"
    assert not re.search(english, told), told


def test_signals_are_the_servers(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "import signal\nsignal.signal(signal.SIGTERM, print)\n")
    assert problem.line == 2
    assert problem.message.startswith("signal only works in main thread of the main interpreter. Plugins are loaded on")
    assert "behind the yield of a source" in problem.message


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
