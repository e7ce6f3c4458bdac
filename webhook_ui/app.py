"""The composition root: builds all parts, joins them, starts and stops them in order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from webhook_ui import __version__, accounts, api, door, logs, plugin_loader, storage, upkeep
from webhook_ui.database import Database
from webhook_ui.dispatcher import Dispatcher
from webhook_ui.errors import UsageError
from webhook_ui.host import Host
from webhook_ui.outbound import Sender
from webhook_ui.plugin_loader import Plugins
from webhook_ui.schedule import Clock
from webhook_ui.settings import LEASE_GRACE, PREFIX, Settings
from webhook_ui.ui import dashboard, sign_in
from webhook_ui.ui.context import Services
from webhook_ui.ui.live import Live
from webhook_ui.watch import Watch
from webhook_ui.webhook_fields import Rules

USER_AGENT = f"webhook-ui/{__version__}"
log = structlog.get_logger()

STOP_GRACE = 10.0  # seconds that attempts in flight get when the process is asked to stop


@dataclass(frozen=True, kw_only=True)
class Core:
    """What every process needs: settings, database, plugins."""

    settings: Settings
    database: Database
    plugins: Plugins

    @property
    def host(self) -> Host:
        return Host(self.database, self.plugins, max_payload_bytes=self.settings.max_payload_bytes)

    @property
    def rules(self) -> Rules:
        longest = self.settings.lease - LEASE_GRACE
        return Rules(policy=self.settings.policy, triggers=self.plugins.triggers.keys(), longest_timeout=longest)


def build(settings: Settings) -> Core:
    """Opens the database and loads the plugins. Raises UsageError."""
    logs.configure(settings.log_format)
    database = storage.open_database(settings)
    return Core(settings=settings, database=database, plugins=plugin_loader.load(settings.plugins_dir))


@asynccontextmanager
async def running(core: Core, *, dispatching: bool) -> AsyncIterator[None]:
    """The parts that run: the watch for other processes' commits, and the dispatcher with its clock and sender."""
    watch = Watch(core.database)
    watch.start()
    try:
        if dispatching:
            async with _dispatching(core):
                yield
        else:
            yield
    finally:
        await asyncio.to_thread(watch.stop)


@asynccontextmanager
async def _dispatching(core: Core) -> AsyncIterator[None]:
    settings, clock = core.settings, Clock()
    schedules = {
        name: registered.trigger.retry_schedule
        for name, registered in core.plugins.triggers.items()
        if registered.trigger.retry_schedule is not None
    }
    async with Sender(settings.policy, connections=settings.concurrency, user_agent=USER_AGENT) as sender:
        dispatcher = Dispatcher(core.database, sender, clock, settings, user_agent=USER_AGENT, schedules=schedules)
        clock.start()
        retention = timedelta(days=settings.retention_days)
        clock.every(upkeep.EVERY_SECONDS, "upkeep", lambda: upkeep.run(core.database, retention=retention))
        running = asyncio.create_task(dispatcher.run())
        first_upkeep = asyncio.create_task(upkeep.run(core.database, retention=retention))
        try:
            yield
        finally:
            clock.stop()
            await first_upkeep
            await dispatcher.stop(STOP_GRACE)
            await running


def create_app(core: Core, *, dispatching: bool, setup_code: accounts.SetupCode) -> ASGIApp:
    """Dashboard and REST API as one ASGI application, behind the door. Once a process: NiceGUI knows only one."""
    settings, database = core.settings, core.database
    identity = accounts.Identity(database, accounts=settings.auth == "accounts")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(core, dispatching=dispatching):
            yield
        identity.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/healthz", lambda: PlainTextResponse("ok\n"), include_in_schema=False)
    app.mount("/api/v1", api.create_api(database, core.host, core.plugins, settings))
    app.router.routes.extend(sign_in.routes(database, settings, setup_code, accounts.SignInLimiter()))
    dashboard.install(
        app,
        Services(
            settings=settings,
            database=database,
            host=core.host,
            plugins=core.plugins,
            rules=core.rules,
            identity=identity,
            live=Live(database.announcer),
        ),
    )
    return door.Door(app, identity, settings)


def serve(settings: Settings, *, workers: int | None) -> None:
    """Runs the web process, and the dispatcher in it or in `workers` processes beside it, until it is told to stop."""
    # uvicorn hands a signal on once it has stopped; what comes after it here must still be done
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = _listen(settings)
    core = build(settings)
    try:
        setup_code = accounts.SetupCode(time.monotonic())
        app = create_app(core, dispatching=workers is None, setup_code=setup_code)
        address = f"http://{_in_url(settings.host)}:{listener.getsockname()[1]}"
        _greet(core, address, workers)
        if settings.auth == "accounts" and not core.database.read_now(accounts.any_account):
            print(f"Open {settings.public_url or address}/login?code={setup_code.text}", flush=True)
        with _beside(settings, workers or 0):
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
                server_header=False,
            )
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        core.database.close()


def work(settings: Settings) -> None:
    """Runs a dispatcher alone until it is told to stop."""
    core = build(settings)
    try:
        asyncio.run(_work(core))
    finally:
        core.database.close()


async def _work(core: Core) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop_or_leave, stop)
    async with running(core, dispatching=True):
        print(f"Dispatcher started: {_describe_database(core)}. Ctrl+C ends it.", flush=True)
        await stop.wait()


def _stop_or_leave(stop: asyncio.Event) -> None:
    if stop.is_set():  # asked a second time: at once; what is in flight is claimed again after its lease
        os._exit(1)
    stop.set()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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


def _greet(core: Core, address: str, workers: int | None) -> None:
    sending = {None: "in this process", 0: "not here; run webhook-ui worker"}.get(workers, f"in {workers} processes")
    print(f"Webhook UI {__version__}")
    print(f"  Dashboard   {core.settings.public_url or address}")
    print(f"  Database    {_describe_database(core)}")
    print(f"  Sending     {sending}, {core.settings.concurrency} at a time")
    for info in core.plugins.loaded:
        names = ", ".join(name for name, found in core.plugins.triggers.items() if found.plugin == info)
        print(f"  Plugin      {info.name} ({info.where}): {names}")
    for problem in core.plugins.problems:
        line = f" line {problem.line}" if problem.line else ""
        print(f"  NOT LOADED  {problem.name} ({problem.where}{line}): {problem.message}")
    if not core.plugins.loaded:
        print(f"  Plugins     none in {core.settings.plugins_dir.absolute()}; webhook-ui init writes an example")
    sys.stdout.flush()


def _describe_database(core: Core) -> str:
    url = core.database.url
    if core.database.is_sqlite:
        return f"SQLite, {url.database}"
    return f"PostgreSQL, {url.set(drivername='postgresql').render_as_string(hide_password=True)}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


@contextmanager
def _beside(settings: Settings, count: int) -> Iterator[None]:
    """`count` dispatcher processes with the same settings; one that dies is started again."""
    stop = threading.Event()
    keepers = [threading.Thread(target=_keep_worker, args=(settings, stop), daemon=True) for _ in range(count)]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        stop.set()
        for keeper in keepers:
            keeper.join()


def _keep_worker(settings: Settings, stop: threading.Event) -> None:
    networks = ",".join(str(network) for network in settings.allowed_networks)
    environment = {**os.environ, f"{PREFIX}ALLOWED_NETWORKS": networks}
    while not stop.is_set():
        worker = subprocess.Popen([sys.executable, "-m", "webhook_ui", "worker"], env=environment)
        while worker.poll() is None and not stop.wait(0.2):
            pass
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
            worker.wait(STOP_GRACE + 5)
        elif not stop.wait(1.0):
            log.warning("worker.restarts", exit_code=worker.returncode)
