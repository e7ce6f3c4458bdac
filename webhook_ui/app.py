"""The composition root: builds all parts, joins them, starts and stops them in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import structlog
from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse

from webhook_ui import (
    __version__,
    accounts,
    api,
    builtin,
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
from webhook_ui.settings import Settings
from webhook_ui.tester import Tester
from webhook_ui.ui import dashboard, export, har_download, sign_in
from webhook_ui.ui.context import Services
from webhook_ui.ui.live import Live
from webhook_ui.watch import Watch
from webhook_ui.webhook_fields import Rules

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
