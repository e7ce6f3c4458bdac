"""The REST API: `create_api` builds the application that is mounted at `/api/v1`. Only doors: what a call does
stands in `host`, `webhooks`, `outbox` and `history`."""

from fastapi import FastAPI

from webhook_ui import __version__
from webhook_ui.api import (
    deliveries,
    documents,
    events,
    problems,
    redeliveries,
    sending,
    stats,
    triggers,
    webhook_orders,
    webhooks,
)
from webhook_ui.api.calls import Core
from webhook_ui.api.gate import Gate
from webhook_ui.database import Database
from webhook_ui.host import Host
from webhook_ui.plugin_loader import Plugins
from webhook_ui.settings import Settings
from webhook_ui.tester import Tester

OPERATIONS = (
    *events.OPERATIONS,
    *webhooks.OPERATIONS,
    *webhook_orders.OPERATIONS,
    *deliveries.OPERATIONS,
    *redeliveries.OPERATIONS,
    *sending.OPERATIONS,
    *triggers.OPERATIONS,
    *stats.OPERATIONS,
)


def create_api(database: Database, host: Host, plugins: Plugins, settings: Settings, tester: Tester) -> FastAPI:
    """The API as an application of its own; the door before it puts who calls into `scope["state"]["actor"]`."""
    core = Core(database=database, host=host, plugins=plugins, settings=settings, tester=tester)
    app = FastAPI(
        title="Webhook UI", version=__version__, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    document = documents.describe(OPERATIONS, core)
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI's own way to say it
    for operation in OPERATIONS:
        app.add_route(operation.path, operation.endpoint(core), methods=[operation.method])
    documents.add_routes(app, document)
    problems.handle_all(app)
    app.add_middleware(Gate)
    return app
