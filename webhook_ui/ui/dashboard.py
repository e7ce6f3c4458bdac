"""The one page application: the frame with its navigation, and which page stands at which address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from nicegui import app as nicegui_app
from nicegui import background_tasks, context, core, ui

from webhook_ui import collector, languages
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Forbidden, Unavailable, WebhookUIError
from webhook_ui.languages import tr
from webhook_ui.security_headers import Nonces
from webhook_ui.ui import (
    deliveries_page,
    drafts,
    event_page,
    events_page,
    gathering,
    late_presses,
    plugin_pages,
    quick_elements,
    reader,
    redeliveries_page,
    settings_page,
    theme,
    toasts,
    triggers_page,
    webhook_page,
    webhooks_page,
)
from webhook_ui.ui.account_menu import ROLES, Person
from webhook_ui.ui.commands import Commands
from webhook_ui.ui.context import PREFERENCE, ZONE_COOKIE, Services, Tab, zone_named
from webhook_ui.ui.kept_files import KeptFiles
from webhook_ui.ui.nav_counts import count_webhooks_in
from webhook_ui.ui.no_page import Pages, show_failure, show_waiting
from webhook_ui.ui.shell import ENTRIES, Shell
from webhook_ui.ui.stop_bar import StopBar

WHY = ("What is wrong", "/triggers")

log = structlog.get_logger()

RECONNECT_SECONDS = 45.0  # that a page is kept whose connection was lost
LEFT_SECONDS = 1.0  # and one that somebody has left: its script says so
BUILT_SECONDS = 1.0  # until a page is there, with what comes after its frame
RESPONSE_SECONDS = 30.0  # building takes tenths of a second; on a machine that has no time for it, slow is not broken
FRAME_SECONDS = 0.5  # how long the frame waits for what the database says before it is sent without
ANSWER_SECONDS = 3.0  # and for whether there is what the address names: 404 can only be said before all else


class _Desk:
    """NiceGUI knows one application to a process: what it serves now, and the frame in which it runs."""

    services: ClassVar[Services]
    frame: ClassVar[FastAPI | None] = None


@asynccontextmanager
async def install(app: FastAPI, services: Services) -> AsyncIterator[None]:
    """Runs the dashboard, at `/` of `app`, behind everything that was mounted before. One at a time to a process."""
    _Desk.services = services
    frame = _Desk.frame = _Desk.frame or _set_up()
    app.add_route("/webhooks", _to_the_list, include_in_schema=False)
    app.mount("/", nicegui_app)
    async with frame.router.lifespan_context(frame):
        yield


async def _to_the_list(request: Request) -> RedirectResponse:
    """Whoever cuts the end off a webhook's address means the list; said as seen from there, wherever we are mounted."""
    query = request.url.query
    return RedirectResponse("./" + (f"?{query}" if query else ""), 307)


def _set_up() -> FastAPI:
    """Once a process."""
    frame = FastAPI()
    quick_elements.install()
    gathering.install()
    late_presses.install()
    theme.setup()
    languages.ask_for_reader(reader.current)
    nicegui_app.add_middleware(KeptFiles)
    nicegui_app.add_middleware(Nonces)  # before anything that compresses
    nicegui_app.on_page_exception(_show_failure)
    nicegui_app.add_exception_handler(404, _only_for(nicegui_app.exception_handlers[404]))
    nicegui_app.on_startup(lambda: background_tasks.create(_Desk.services.live.run(), name="live pages"))
    ui.run_with(
        frame,
        root=_answer,
        title="Webhook UI",
        favicon=Path(theme.STATIC) / "favicon.svg",
        dark=None,
        language=reader.tag(languages.SOURCE),
        reconnect_timeout=RECONNECT_SECONDS,
        tailwind=False,
        show_welcome_message=False,
    )
    # the door has judged the Origin of every socket before it comes here
    core.sio.eio.cors_allowed_origins = []
    return frame


def _answer() -> Awaitable[None]:
    context.client.page.response_timeout = RESPONSE_SECONDS  # each request has a page object of its own
    reader.prepare(context.client)
    theme.dress()
    return _root(_Desk.services)


def _only_for(page: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
    """`page` answers what nothing else does; whoever came to an open door without an account has no page to see."""

    async def answer(request: Request, error: Exception) -> Response:
        if request.state.actor is None:
            return PlainTextResponse("There is nothing at this address.\n", 404)
        response: Response = await page(request, error)
        return response

    return answer


def _show_failure(error: Exception) -> None:
    theme.dress()
    show_failure(error)


async def _root(services: Services) -> None:
    tab = await _open_tab(services)
    person, stop_bar = Person(name=tab.actor.name, role=tr(ROLES[tab.actor.role])), StopBar(tab)
    entries = [*ENTRIES, *plugin_pages.entries(services.plugins)]
    commands = Commands(tab, entries, stop_bar)
    theme.choose(context.client, commands.theme)
    stop = stop_bar.ask if stop_bar.may_turn else None
    shell = Shell(entries, person, commands.account, stop, theme=commands.theme)
    commands.join(shell)
    context.client.sub_pages_router.on_path_changed(lambda address: tab.on_address and tab.on_address(address))
    ui.on("zone", lambda event: _learn_zone(tab, event.args))  # from static/app.js, where the cookie was another one
    ui.on("left", lambda _: _let_go_soon(tab))  # from static/connection.js
    ui.on("seen", lambda event: services.live.see(tab.client, seen=event.args is True))  # from there, too
    ui.on("draft", lambda event: drafts.restore(tab, event.args))  # from static/drafts.js

    with shell.content:
        pages = Pages(
            {
                "/": lambda: _let_in(tab, webhooks_page.show),
                # without `tab` as a parameter, which would build the page anew at every change of `?tab=`
                "/webhooks/{webhook_id}": lambda webhook_id: _let_in(tab, webhook_page.show, webhook_id),
                "/redeliveries": lambda: _let_in(tab, redeliveries_page.show),
                "/events": lambda: _let_in(tab, events_page.show),
                "/events/{event_id}": lambda event_id: _let_in(tab, event_page.show, event_id),
                "/deliveries": lambda: _let_in(tab, deliveries_page.show),
                "/triggers": lambda: _let_in(tab, triggers_page.show),
                "/settings": lambda: _let_in(tab, settings_page.show),
                **_of_plugins(tab),
            },
            show_404=True,
        )
        _follow_plugins(tab, shell, commands, pages)
    asyncio.get_running_loop().call_later(BUILT_SECONDS, collector.page_built)
    joining = background_tasks.create(_join(shell, tab, stop_bar), name="frame", context=shell.content)
    await asyncio.wait([joining], timeout=FRAME_SECONDS)
    if not pages.has_404:
        with suppress(TimeoutError):
            await asyncio.wait_for(tab.answered.wait(), ANSWER_SECONDS)


async def _join(shell: Shell, tab: Tab, stop_bar: StopBar) -> None:
    await stop_bar.join(shell)
    await redeliveries_page.count_in(shell, tab)
    await count_webhooks_in(shell, tab)


def _follow_plugins(tab: Tab, shell: Shell, commands: Commands, pages: Pages) -> None:
    """Tells who may do something about it that plugins were exchanged, or refused; their pages are other ones then."""
    plugins = tab.services.plugins
    told, known = plugins.turn, plugin_pages.entries(plugins)

    def look(_: frozenset[Changed]) -> None:
        nonlocal told, known
        if told != plugins.turn:
            before, known = known, plugin_pages.entries(plugins)
            pages.exchange([entry.path for entry in before], _of_plugins(tab))
            if known != before:
                for navigation in (shell, commands):
                    navigation.show_entries([*ENTRIES, *known])
        if told != plugins.turn and tab.may_write:
            for one in plugins.news:
                toasts.done(one.words) if one.good else toasts.failed(one.words, one.reason, way=WHY)
        told = plugins.turn

    tab.follow(shell.content, look, Kind.plugin, Kind.account)  # the latter for whose role has changed, on every page


def _of_plugins(tab: Tab) -> dict[str, Callable[[], Awaitable[None]]]:
    return {path: _of_plugin(tab, show) for path, show in plugin_pages.pages(tab.services.plugins).items()}


def _of_plugin(tab: Tab, show: plugin_pages.Show) -> Callable[[], Awaitable[None]]:
    return lambda: _let_in(tab, show)


async def _let_in(tab: Tab, show: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Builds a page, unless the session has ended: going from page to page makes no request that the door sees."""
    if not arguments:
        tab.answered.set()  # its address names nothing that might be missing
    waiting = show_waiting()
    try:
        await _build(tab, show, *arguments)
    except Forbidden:
        return  # on the way to the sign-in
    finally:
        tab.answered.set()
    if not waiting.is_deleted:
        waiting.delete()


async def _build(tab: Tab, show: Callable[..., Awaitable[None]], *arguments: object) -> None:
    place = context.slot.parent
    try:
        await tab.current_actor()
    except Unavailable:
        log.warning("page.unchecked")  # the page itself says that the database is away
    try:
        await show(tab, *arguments)
    except Forbidden:
        raise
    except Exception as error:  # whatever a page did wrong, a person is told of it
        place.clear()
        with place:
            show_failure(error)


async def _open_tab(services: Services) -> Tab:
    client = context.client
    request = client.request
    cookies = request.cookies if request else {}
    actor = request.state.actor if request else None
    if actor is None:
        raise WebhookUIError("A page was asked for that the door had not let through.")
    zone = zone_named(cookies.get(ZONE_COOKIE)) or ZoneInfo("UTC")
    preferences = {name.removeprefix(PREFERENCE): text for name, text in cookies.items() if name.startswith(PREFERENCE)}
    return Tab(
        services=services,
        client=client,
        actor=actor,
        zone=zone,
        language=reader.language_of(client),
        preferences=preferences,
    )


def _let_go_soon(tab: Tab) -> None:
    tab.client.page.reconnect_timeout = LEFT_SECONDS  # an object of this page alone, see `reader.prepare`


async def _learn_zone(tab: Tab, name: object) -> None:
    zone = zone_named(name) if isinstance(name, str) else None
    if zone and zone != tab.zone:
        tab.zone = zone
        await tab.client.sub_pages_router.refresh()
