"""Plugins that do not come back when they are loaded: they are spoken of and left behind, and hold up nobody."""

import signal
import threading
from pathlib import Path

import pytest

from tests.plugin_files import GOOD, load, problem_of, write
from tests.processes import Installation
from webhook_ui import plugin_watch


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
