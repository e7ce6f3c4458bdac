"""The server and the worker as processes: the port, the first lines, signals, and an end in good order."""

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from webhook_ui import __version__, accounts, app, collector, workers
from webhook_ui.app import Core
from webhook_ui.errors import UsageError
from webhook_ui.settings import PREFIX, Settings

RELOAD = "--reload-plugins"


class _Server(uvicorn.Server):
    """uvicorn, with the same answer to a second signal as every process here gives, and to one before it began."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.should_exit = self.should_exit or workers.is_told_to_stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            workers.leave()
        super().handle_exit(sig, frame)
        # of two that come at the very same moment, as `timeout` sends them, the second one is not impatience
        self.force_exit = False


def serve(
    settings: Settings,
    *,
    beside: int | None,
    watching: bool = False,
    greet: Callable[[Core, str], None] | None = None,
) -> None:
    """Runs the web process, and the dispatcher in it or in `beside` processes of its own, until it is told to stop.

    `greet`, with the address, takes the place of the first lines.
    """
    # uvicorn hands a signal on once it has stopped; what comes after it here must still be done
    workers.on_stop(lambda: sys.exit(0))
    listener = listen(settings)
    core = app.build(settings, watching=watching)
    try:
        setup_code = accounts.SetupCode(time.monotonic())
        _, application = app.create_app(core, dispatching=beside is None, setup_code=setup_code)
        address = f"http://{_in_url(settings.host)}:{listener.getsockname()[1]}"
        if greet is not None:
            greet(core, address)
        else:
            _greet(core, address, beside)
        if settings.auth == "accounts" and not core.database.read_now(accounts.any_account):
            print(f"Open {settings.public_url or address}/login?code={setup_code.text}", flush=True)
        collector.settle_in()
        with workers.beside(settings, beside or 0, [RELOAD] if watching else []):
            config = uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
                server_header=False,
                # a page hears some kilobytes a second: to compress them costs more than to send them
                ws_per_message_deflate=False,
            )
            _Server(config).run(sockets=[listener])
    finally:
        core.database.close()


def work(settings: Settings, *, attached: bool = False, watching: bool = False) -> None:
    """Runs a dispatcher alone until it is told to stop; an `attached` one also when its standard input ends."""
    workers.on_stop(lambda: sys.exit(0))
    if attached:
        workers.follow_parent()
    core = app.build(settings, watching=watching)
    collector.settle_in()
    try:
        asyncio.run(_work(core))
    finally:
        core.database.close()


async def _work(core: Core) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    workers.on_stop(lambda: loop.call_soon_threadsafe(stop.set))
    async with app.running(core, dispatching=True):
        print(f"Dispatcher started: {_describe_database(core)}. Ctrl+C ends it.", flush=True)
        await stop.wait()


def listen(settings: Settings) -> socket.socket:
    """Takes the port. Raises UsageError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{settings.host} port {settings.port} cannot be used ({error.strerror or error}). "
            f"Choose another one with --port or {PREFIX}PORT."
        ) from None
    listener.setblocking(False)
    return listener


def _greet(core: Core, address: str, beside: int | None) -> None:
    sending = {None: "in this process", 0: "not here; run webhook-ui worker"}.get(beside, f"in {beside} processes")
    print(f"Webhook UI {__version__}")
    print(f"  Dashboard   {core.settings.public_url or address}")
    print(f"  Database    {_describe_database(core)}")
    print(f"  Sending     {sending}, {core.settings.concurrency} at a time")
    for info in core.plugins.loaded:
        names = ", ".join(name for name, found in core.plugins.triggers.items() if found.plugin == info)
        print(f"  Plugin      {info.name} ({info.where}): {names or 'no triggers of its own'}")
    for problem in core.plugins.problems:
        line = f" line {problem.line}" if problem.line else ""
        print(f"  NOT LOADED  {problem.name} ({problem.where}{line}): {problem.message}")
    if not core.plugins.added:
        print(f"  Plugins     none in {core.settings.plugins_dir.absolute()}; webhook-ui init writes an example")
    sys.stdout.flush()


def _describe_database(core: Core) -> str:
    url = core.database.url
    if core.database.is_sqlite:
        return f"SQLite, {url.database}"
    return f"PostgreSQL, {url.set(drivername='postgresql').render_as_string(hide_password=True)}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
