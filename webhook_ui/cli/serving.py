"""`serve` and `worker`: the long-running commands."""

from ipaddress import ip_network
from typing import Annotated

import typer

from webhook_ui import settings as settings_module
from webhook_ui.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen at (127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port to listen at (8080).")]
Workers = Annotated[
    int | None,
    typer.Option(min=0, max=64, help="Dispatcher processes beside this one; 0: none. Default: inside this one."),
]
AllowLoopback = Annotated[
    bool, typer.Option("--allow-loopback", help="Let deliveries reach this machine itself, to try it with `listen`.")
]
Attached = Annotated[
    bool, typer.Option("--attached", hidden=True, help="Stop when standard input ends, as `serve` wants its workers.")
]

ReloadPlugins = Annotated[
    bool, typer.Option("--reload-plugins", help="Load plugins anew when their files change, for development.")
]

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    allow_loopback: AllowLoopback = False,
    reload_plugins: ReloadPlugins = False,
) -> None:
    """Dashboard, REST API and dispatcher."""
    settings = load_settings(host=host, port=port, allow_loopback=allow_loopback)
    from webhook_ui import serving  # takes a second, so not before the settings are known to be right

    serving.serve(settings, beside=workers, watching=reload_plugins)


def worker(
    allow_loopback: AllowLoopback = False, attached: Attached = False, reload_plugins: ReloadPlugins = False
) -> None:
    """A dispatcher alone, against the same database as the server."""
    settings = load_settings(allow_loopback=allow_loopback)
    from webhook_ui import serving

    serving.work(settings, attached=attached, watching=reload_plugins)


def load_settings(*, host: str | None = None, port: int | None = None, allow_loopback: bool = False) -> Settings:
    """The settings in force, with these options. Raises UsageError."""
    settings = settings_module.load(host=host, port=port)
    if not allow_loopback:
        return settings
    networks = tuple(dict.fromkeys([*settings.allowed_networks, *LOOPBACK]))
    return settings_module.load(host=host, port=port, allowed_networks=networks)
