"""`emit`: stores one event from the command line; the dispatcher of any process delivers it."""

import sys
from typing import Annotated

import typer

from webhook_ui import builtin, ids, plugin_loader, plugin_values
from webhook_ui import settings as settings_module
from webhook_ui.actors import CLI
from webhook_ui.cli.opening import opened
from webhook_ui.database import Database
from webhook_ui.errors import Invalid
from webhook_ui.host import Emission, Host


def emit(
    trigger: Annotated[str, typer.Argument(help="Name of the trigger, for example user.created.")],
    payload: Annotated[str, typer.Argument(help="The payload, a JSON object; - reads it from standard input.")] = "-",
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again means the same event again.")] = None,
) -> None:
    """Stores one event and its deliveries, and prints the event's id."""
    settings = settings_module.load()
    raw = sys.stdin.buffer.read() if payload == "-" else payload.encode(errors="surrogateescape")
    with opened(settings) as database:
        saved = database.read_now(plugin_values.all_values)
        plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, saved=saved)
        host = Host(database, plugins, max_payload_bytes=settings.max_payload_bytes, indexed=settings.indexed)
        emission = Emission(trigger=trigger, payload=raw, idempotency_key=idempotency_key)
        try:
            emitted = host.emit_now(emission, actor=CLI)
        except Invalid as error:
            if "trigger" not in error.fields:
                raise
            looked = f"The plugins are those in {settings.plugins_dir.absolute()}; the database is {_name(database)}."
            raise Invalid({**error.fields, "trigger": f"{error.fields['trigger']} {looked}"}) from None
        typer.echo(ids.event_text(emitted.event_id))


def _name(database: Database) -> str:
    return str(database.url.database) if database.is_sqlite else database.url.render_as_string(hide_password=True)
