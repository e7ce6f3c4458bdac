"""Settings of plugins: where they come from, how they are judged, and hooks that wait for them."""

from pathlib import Path

import pytest

from tests.plugin_files import load, problem_of, write
from webhook_ui import settings
from webhook_ui.errors import UsageError
from webhook_ui.plugin_words import brings


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
