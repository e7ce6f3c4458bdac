"""`plugin list`, `plugin new` and `plugin check`: what is loaded and what is not and why, and a good start."""

import keyword
import re
import typing
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from webhook_ui import builtin, plugin_loader, plugin_values
from webhook_ui import settings as settings_module
from webhook_ui.cli import hints
from webhook_ui.errors import UsageError
from webhook_ui.plugin_loader import Plugin, PluginProblem, Source
from webhook_ui.plugin_words import brings

plugin_app = typer.Typer(no_args_is_help=True)


@plugin_app.callback()
def plugin() -> None:
    """Plugins."""


@plugin_app.command("list")
def list_plugins() -> None:
    """Prints each plugin with what it brings; exit 1 when one could not be loaded."""
    settings = settings_module.load()
    saved = plugin_values.on_disk(settings)
    plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, saved=saved)
    for each in sorted(plugins.running, key=lambda one: one.info.source is Source.builtin):
        needs = f", needs {each.info.requires}" if each.info.requires else ""
        typer.echo(f"{each.name}  ({each.info.source}: {each.info.where}{needs})")
        for thing in brings(each):
            typer.echo(f"    {thing.line()}")
    _tell_problems(plugins.problems)
    if not plugins.added and not plugins.problems:
        typer.echo(f"No plugins in {settings.plugins_dir.absolute()}. `webhook-ui init` writes an example there.")
    raise typer.Exit(1 if plugins.problems else 0)


@plugin_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A plugin: a Python file, or a folder with an __init__.py.")],
) -> None:
    """Loads one plugin as the server would, and says what is wrong with it; exit 1 then. Starts nothing.

    What mypy, where it is installed, finds in its type hints is told as a warning.
    """
    if not file.exists():
        raise UsageError(f"There is no {file}. Name a plugin's file, for example plugins/user_creation.py.")
    plugins = plugin_loader.load_one(file, builtin=builtin.PLUGINS)
    _tell_problems(plugins.problems)
    wrong = bool(plugins.problems)
    for each in plugins.running:
        if each.info.source is Source.builtin:
            continue
        for thing in brings(each):
            typer.echo(thing.line())
        for sentence in _unknown_hints(each):
            wrong = True
            typer.echo(f"type hints  {sentence}")
    for sentence in [] if wrong else hints.findings(file):
        typer.echo(sentence if sentence == hints.WITHOUT else f"warning  {sentence}")
    if not wrong:
        typer.echo(f"{file}: good")
    raise typer.Exit(1 if wrong else 0)


@plugin_app.command("new")
def new(name: Annotated[str, typer.Argument(help="One word, for example orders.")]) -> None:
    """Writes a plugin and a test that passes; what is already there stays as it is."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot be a plugin's name. Use a-z, 0-9 and _, for example orders.")
    folder = settings_module.load().plugins_dir
    targets = {"plugin.py.txt": folder / f"{name}.py", "test.py.txt": folder.parent / "tests" / f"test_{name}.py"}
    for target in targets.values():
        if target.exists():
            raise UsageError(f"{target} is there already. Choose another name, or remove it.")
    for draft, target in targets.items():
        source = (files("webhook_ui.cli") / "drafts" / draft).read_text()
        words = {"NAME": name, "TITLE": name.replace("_", " ").capitalize(), "FILE": str(targets["plugin.py.txt"])}
        for word, value in words.items():
            source = source.replace(f"«{word}»", value)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source)
        except OSError as error:
            raise UsageError(f"{target} cannot be written ({error.strerror}).") from None
        typer.echo(f"written  {target}")
    typer.echo(f"Next: pytest {targets['test.py.txt']}")


def _tell_problems(problems: tuple[PluginProblem, ...]) -> None:
    for problem in problems:
        line = f", line {problem.line}" if problem.line else ""
        typer.echo(f"{problem.name}  NOT LOADED ({problem.where}{line})\n    {problem.message}")


def _unknown_hints(each: Plugin) -> list[str]:
    """Type hints that name what is not there: nothing fails for it, until somebody asks for them."""
    contents = each.contents
    functions = [
        contents.source,
        contents.transform,
        contents.attempted,
        contents.notified,
        *(job.run for job in contents.jobs),
    ]
    sentences = []
    for function in functions:
        try:
            if function is not None:
                typing.get_type_hints(function)
        except Exception as error:
            sentences.append(f"{getattr(function, '__name__', function)}: {error}. Import it, or correct the name.")
    return sentences
