"""The command line. Each command stands in a module of its own; here is what they share and how errors are told."""

import sys
from typing import Annotated

import typer

from webhook_ui import __version__
from webhook_ui.cli import backups, emitting, listening, moving, people, plugins, serving, starting, trying, upkeep
from webhook_ui.errors import WebhookUIError

app = typer.Typer(
    name="webhook-ui",
    help="A webhook back office: dashboard, REST API and dispatcher. Without a command it serves them all.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    no_args_is_help=False,
)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("emit")(emitting.emit)
app.command("listen")(listening.listen)
app.command("init")(starting.init)
app.command("demo")(trying.demo)
app.command("doctor")(upkeep.doctor)
app.command("migrate")(upkeep.migrate)
app.command("prune")(upkeep.prune)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("export")(moving.export)
app.command("import")(moving.import_)
app.add_typer(people.token_app, name="token", help="Tokens for the REST API.")
app.add_typer(people.user_app, name="user", help="Accounts of the people who sign in.")
app.add_typer(plugins.plugin_app, name="plugin", help="What is loaded and what failed.")


@app.callback()
def no_command(  # noqa: PLR0917 - options, named on the command line
    context: typer.Context,
    host: serving.Host = None,
    port: serving.Port = None,
    workers: serving.Workers = None,
    allow_loopback: serving.AllowLoopback = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Serves when no command is named."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        serving.serve(host=host, port=port, workers=workers, allow_loopback=allow_loopback)


def main() -> None:
    """Runs the command named on the command line. Errors a user can cause are one line on stderr and exit 2."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        explain = getattr(error, "format_message", error.__str__)  # names the option, where there is one
        _leave(explain() + _where_to_look(error))
    except WebhookUIError as error:
        _leave(str(error))
    except (KeyboardInterrupt, typer.Abort, EOFError):
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _where_to_look(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f" (`{context.command_path} --help` shows what there is.)" if context else ""


def _leave(message: str) -> None:
    print(f"webhook-ui: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
