"""The one page application: the frame with its navigation, and which page stands at which address."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI
from nicegui import PageArguments, background_tasks, context, core, ui
from nicegui import app as nicegui_app

from webhook_ui.errors import Forbidden, Unavailable, WebhookUIError
from webhook_ui.ui import plugin_pages, theme, triggers_page, webhook_page, webhooks_page
from webhook_ui.ui.context import PREFERENCE, ZONE_COOKIE, Services, Tab, zone_named
from webhook_ui.ui.shell import ENTRIES, Person, Shell
from webhook_ui.ui.stop_bar import StopBar

log = structlog.get_logger()

RECONNECT_SECONDS = 45.0


def install(app: FastAPI, services: Services) -> None:
    """Mounts the dashboard at `/` of `app`, behind everything that was mounted before."""
    theme.setup()
    nicegui_app.on_startup(lambda: background_tasks.create(services.live.run(), name="live pages"))
    ui.run_with(
        app,
        root=lambda: _root(services),
        title="Webhook UI",
        favicon=Path(theme.STATIC) / "favicon.svg",
        dark=None,
        language="en-US",
        reconnect_timeout=RECONNECT_SECONDS,
        tailwind=False,
        show_welcome_message=False,
    )
    # the door has judged the Origin of every socket before it comes here
    core.sio.eio.cors_allowed_origins = []


async def _root(services: Services) -> None:
    tab = await _open_tab(services)
    role = str(tab.actor.role).capitalize()
    signs_in = services.settings.auth == "accounts"
    person, stop_bar = Person(name=tab.actor.name, role=role), StopBar(tab)
    entries = [*ENTRIES, *plugin_pages.entries(services.plugins)]
    shell = Shell(entries, person, _sign_out if signs_in else None, stop_bar.ask if stop_bar.may_turn else None)
    context.client.sub_pages_router.on_path_changed(lambda address: tab.on_address and tab.on_address(address))
    ui.on("zone", lambda event: _learn_zone(tab, event.args))  # from static/app.js, where the cookie was another one

    async def triggers(arguments: PageArguments) -> None:
        await _let_in(tab, triggers_page.show, arguments)

    more = {path: _of_plugin(tab, show) for path, show in plugin_pages.pages(services.plugins).items()}
    with shell.content:
        ui.sub_pages(
            {
                "/": lambda: _let_in(tab, webhooks_page.show),
                # without `tab` as a parameter, which would build the page anew at every change of `?tab=`
                "/webhooks/{webhook_id}": lambda webhook_id: _let_in(tab, webhook_page.show, webhook_id),
                "/triggers": triggers,
                **more,
            },
            show_404=True,
        )
    await stop_bar.join(shell)


def _of_plugin(tab: Tab, show: plugin_pages.Show) -> Callable[[], Awaitable[None]]:
    return lambda: _let_in(tab, show)


async def _let_in(tab: Tab, show: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Builds a page, unless the session has ended: going from page to page makes no request that the door sees."""
    try:
        await tab.current_actor()
    except Forbidden:
        return  # on the way to the sign-in
    except Unavailable:
        log.warning("page.unchecked")  # the page itself says that the database is away
    await show(tab, *arguments)


async def _open_tab(services: Services) -> Tab:
    client = context.client
    request = client.request
    cookies = request.cookies if request else {}
    actor = request.state.actor if request else None
    if actor is None:
        raise WebhookUIError("A page was asked for that the door had not let through.")
    zone = zone_named(cookies.get(ZONE_COOKIE)) or ZoneInfo("UTC")
    preferences = {name.removeprefix(PREFERENCE): text for name, text in cookies.items() if name.startswith(PREFERENCE)}
    return Tab(services=services, client=client, actor=actor, zone=zone, preferences=preferences)


async def _learn_zone(tab: Tab, name: object) -> None:
    zone = zone_named(name) if isinstance(name, str) else None
    if zone and zone != tab.zone:
        tab.zone = zone
        await tab.client.sub_pages_router.refresh()


def _sign_out() -> None:
    # a form of the page itself, because the cookie can only be taken away by an answer
    ui.run_javascript(
        "const form = document.createElement('form'); form.method = 'post'; form.action = '/logout';"
        "document.body.append(form); form.submit();"
    )
