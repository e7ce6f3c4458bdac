"""Pages that plugins bring along: an entry in the navigation for each, and what keeps their mistakes to themselves."""

import inspect
from collections.abc import Awaitable, Callable

import structlog
from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.plugin_loader import Plugin, Plugins
from webhook_ui.plugin_problems import raised
from webhook_ui.plugin_types import Page, call_by_name
from webhook_ui.ui import plugin_texts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.parts import box, foreign, page_header
from webhook_ui.ui.shell import Entry
from webhook_ui.ui.states import notice

log = structlog.get_logger()

Show = Callable[[Tab], Awaitable[None]]


def entries(plugins: Plugins) -> list[Entry]:
    """What stands in the navigation."""
    return [Entry(title=page.title, icon=page.icon, path=_path(plugin, page)) for plugin, page in _pages(plugins)]


def pages(plugins: Plugins) -> dict[str, Show]:
    """What builds the page at each address."""
    return {_path(plugin, page): _showing(plugin, page) for plugin, page in _pages(plugins)}


def _pages(plugins: Plugins) -> list[tuple[Plugin, Page]]:
    return [(plugin, page) for plugin in plugins.running for page in plugin.contents.pages]


def _path(plugin: Plugin, page: Page) -> str:
    return f"/pages/{plugin.name}/{page.path}"


def _showing(plugin: Plugin, page: Page) -> Show:
    async def show(tab: Tab) -> None:
        title = plugin_texts.said(page.title)
        ui.page_title(f"{title} · Webhook UI")
        with box("div", "w-page"):
            with page_header(title):
                pass
            body = box("div", "w-stack")
            try:
                with body:
                    building = call_by_name(page.build, host=plugin.contents.host)
                    if inspect.isawaitable(building):
                        await building
            except Exception as error:
                log.exception("page.failed", plugin=plugin.name, page=page.path)
                body.clear()
                with body, notice(tr("This page could not be built"), role="alert") as detail, detail:
                    words = tr("The plugin {plugin} raised {error}", plugin=plugin.name, error=raised(error))
                    foreign(words, cut=False)

    return show
