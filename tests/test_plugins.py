"""Plugins that load: files and packages of a folder, built-in ones, and what is read again."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

import webhook_ui
from tests.plugin_files import GOOD, HEAD, load, write
from webhook_ui.plugin_api import Trigger


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


def test_public_names_come_when_used() -> None:
    assert {name: getattr(webhook_ui, name) for name in webhook_ui.__all__}["Trigger"] is Trigger
    with pytest.raises(AttributeError, match="hokimpl"):
        _ = webhook_ui.hokimpl


def test_hooks_of_an_object_may_be_named_in_the_file(tmp_path: Path) -> None:
    hooks = "class Mine:\n    @hookimpl\n    def register_triggers(self): return [Trigger('a.b', 'T', '', {})]\n"
    write(tmp_path, "mine.py", HEAD + hooks + "register_triggers = Mine().register_triggers\n")
    assert list(load(tmp_path).triggers) == ["a.b"]
