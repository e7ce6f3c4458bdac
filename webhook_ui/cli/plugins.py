"""`plugin list`: what is loaded, and what is not and why."""

import typer

from webhook_ui import builtin, plugin_loader
from webhook_ui import settings as settings_module

plugin_app = typer.Typer(no_args_is_help=True)


@plugin_app.callback()
def plugin() -> None:
    """Plugins."""


@plugin_app.command("list")
def list_plugins() -> None:
    """Prints each plugin with its triggers; exit 1 when one could not be loaded."""
    settings = settings_module.load()
    plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS)
    for info in plugins.loaded:
        typer.echo(f"{info.name}  ({info.source}: {info.where})")
        for registered in plugins.triggers.values():
            if registered.plugin == info:
                typer.echo(f"    {registered.trigger.name}  {registered.trigger.title}")
    for problem in plugins.problems:
        line = f", line {problem.line}" if problem.line else ""
        typer.echo(f"{problem.name}  NOT LOADED ({problem.where}{line})\n    {problem.message}")
    if not plugins.added and not plugins.problems:
        typer.echo(f"No plugins in {settings.plugins_dir.absolute()}. `webhook-ui init` writes an example there.")
    raise typer.Exit(1 if plugins.problems else 0)
