"""The composition root: builds all parts, joins them, starts and stops them in order."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from types import FrameType

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse

from webhook_ui import (
    __version__,
    accounts,
    api,
    builtin,
    collector,
    door,
    duties,
    logs,
    plugin_loader,
    plugin_routes,
    plugin_values,
    rules,
    storage,
    workers,
)
from webhook_ui.database import Database
from webhook_ui.dispatcher import Dispatcher
from webhook_ui.errors import UsageError
from webhook_ui.heartbeats import BEAT_SECONDS, Pulse
from webhook_ui.host import Host
from webhook_ui.metrics import Metrics
from webhook_ui.outbound import Sender
from webhook_ui.plugin_doors import PluginDoors
from webhook_ui.plugin_errands import Errands
from webhook_ui.plugin_loader import Plugins
from webhook_ui.plugin_observers import observing
from webhook_ui.plugin_reload import Reloader
from webhook_ui.readiness import Readiness
from webhook_ui.schedule import Clock
from webhook_ui.settings import PREFIX, Settings
from webhook_ui.tester import Tester
from webhook_ui.ui import dashboard, export, har_download, sign_in
from webhook_ui.ui.context import Services
from webhook_ui.ui.live import Live
from webhook_ui.watch import Watch
from webhook_ui.webhook_fields import Rules

RELOAD = "--reload-plugins"
USER_AGENT = f"webhook-ui/{__version__}"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Core:
    """What every process needs: settings, database, plugins."""

    settings: Settings
    database: Database
    plugins: Plugins
    watching: bool = False
    """Whether plugins are loaded anew when their files change."""

    def routers(self) -> dict[str, APIRouter]:
        """The routes that plugins have now."""
        return {each.name: each.contents.router for each in self.plugins.running if each.contents.router is not None}

    @cached_property
    def reloader(self) -> Reloader:
        return Reloader(
            self.plugins,
            PluginDoors(self.database, self.host),
            self.database,
            folder=self.settings.plugins_dir,
            builtin=builtin.PLUGINS,
            watching=self.watching,
        )

    @cached_property
    def host(self) -> Host:
        settings = self.settings
        return Host(self.database, self.plugins, max_payload_bytes=settings.max_payload_bytes, indexed=settings.indexed)

    @property
    def rules(self) -> Rules:
        return rules.in_force(self.settings, self.plugins)


def build(settings: Settings, *, mounted: bool = False, watching: bool = False) -> Core:
    """Opens the database and loads the plugins. Raises UsageError.

    `mounted` within another application, which has set up its own logging; `watching` files of plugins for changes.
    """
    if mounted:
        logs.join()
    else:
        logs.configure(settings.log_format)
    database = storage.open_database(settings)
    saved = database.read_now(plugin_values.all_values)
    plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, saved=saved)
    core = Core(settings=settings, database=database, plugins=plugins, watching=watching)
    doors = PluginDoors(database, core.host)
    for plugin in plugins.running:
        plugin.contents.host.open(doors)
    for problem in plugins.problems:
        log.error(
            "plugin.left_out", plugin=problem.name, where=problem.where, line=problem.line, reason=problem.message
        )
    return core


@asynccontextmanager
async def running(core: Core, *, dispatching: bool) -> AsyncIterator[Pulse | None]:
    """The parts that run: the watch for other processes' commits, and the dispatcher with its clock and sender.

    Answers the dispatcher's pulse, if there is one.
    """
    watch = Watch(core.database)
    watch.start()
    try:
        async with core.reloader.running():
            if dispatching:
                async with _dispatching(core) as pulse:
                    yield pulse
            else:
                yield None
    finally:
        await asyncio.to_thread(watch.stop)


@asynccontextmanager
async def _dispatching(core: Core) -> AsyncIterator[Pulse]:
    settings, clock = core.settings, Clock()
    schedules: dict[str, Sequence[float]] = {}

    def renew() -> None:
        triggers = [registered.trigger for registered in core.plugins.triggers.values()]
        found = {one.name: one.retry_schedule for one in triggers if one.retry_schedule is not None}
        for name in schedules.keys() - found.keys():
            del schedules[name]
        schedules.update(found)

    renew()
    core.plugins.follow(renew)
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(
            Sender(settings.policy, connections=settings.concurrency, user_agent=USER_AGENT, proxy=settings.proxy)
        )
        on_settled = await stack.enter_async_context(observing(core.plugins))
        dispatcher = Dispatcher(
            core.database,
            sender,
            clock,
            settings,
            user_agent=USER_AGENT,
            schedules=schedules,
            plugins=core.plugins,
            on_settled=on_settled,
        )
        clock.start()
        retention = timedelta(days=settings.retention_days)
        doors = PluginDoors(core.database, core.host, settings.public_url)
        errands = core.reloader.errands = Errands(core.plugins, doors, clock)
        pulse = Pulse(
            core.database, dispatcher.name, lambda: replace(dispatcher.figures(), errands=tuple(errands.states()))
        )
        clock.every(BEAT_SECONDS, "heartbeat", pulse.beat)
        running = asyncio.create_task(dispatcher.run())
        await pulse.beat()
        try:
            async with duties.on_call(core.database, clock, retention=retention, errands=errands):
                yield pulse
        finally:
            clock.stop()
            await dispatcher.stop(workers.STOP_GRACE)
            await running
            await pulse.leave()


def create_app(
    core: Core, *, dispatching: bool, setup_code: accounts.SetupCode, identity: accounts.Identity | None = None
) -> tuple[FastAPI, door.Door]:
    """Dashboard and REST API as one application, and the door before it. One at a time: NiceGUI knows only one.

    With an `identity` of its own it stands within another application, which says who somebody is.
    """
    settings, database = core.settings, core.database
    mounted = identity is not None
    identity = identity or accounts.Identity(database, accounts=settings.auth == "accounts")
    tester = Tester(database, core.plugins, settings, user_agent=USER_AGENT)
    readiness = Readiness(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with dashboard.install(app, services), running(core, dispatching=dispatching) as readiness.pulse:
            yield
        await tester.close()
        identity.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/healthz", lambda: PlainTextResponse("ok\n"), include_in_schema=False)
    app.add_route("/readyz", readiness.answer, methods=["GET"])
    app.add_route("/metrics", Metrics(database).answer, methods=["GET"])
    app.mount("/api/v1", api.create_api(database, core.host, core.plugins, settings, tester))
    plugin_routes.mount(app, core.routers)
    if identity.has_page:
        app.router.routes.extend(sign_in.routes(database, settings, setup_code, accounts.SignInLimiter()))
    app.router.routes.extend(har_download.routes(database))
    app.router.routes.extend(export.routes(database))
    services = Services(
        settings=settings,
        database=database,
        host=core.host,
        plugins=core.plugins,
        rules=core.rules,
        identity=identity,
        tester=tester,
        live=Live(database.announcer),
    )
    return app, door.Door(app, identity, settings, mounted=mounted)


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
    core = build(settings, watching=watching)
    try:
        setup_code = accounts.SetupCode(time.monotonic())
        _, app = create_app(core, dispatching=beside is None, setup_code=setup_code)
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
                app,
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
    core = build(settings, watching=watching)
    collector.settle_in()
    try:
        asyncio.run(_work(core))
    finally:
        core.database.close()


async def _work(core: Core) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    workers.on_stop(lambda: loop.call_soon_threadsafe(stop.set))
    async with running(core, dispatching=True):
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
