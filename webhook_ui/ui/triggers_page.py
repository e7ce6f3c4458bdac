"""The page Triggers: what plugins offer, who listens, and Fire; below it the plugins themselves."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import parse_qs, urlencode, urlsplit

from nicegui import context, ui
from sqlmodel import Session

from webhook_ui import heartbeats, times
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import moment
from webhook_ui.errors import Unavailable
from webhook_ui.history.events import Firings, firings
from webhook_ui.history.webhooks import listeners
from webhook_ui.languages import tr, trn
from webhook_ui.plugin_loader import PluginInfo, RegisteredTrigger
from webhook_ui.ui import formats, icons, late_presses, plugin_texts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, command
from webhook_ui.ui.fields import search_field
from webhook_ui.ui.fire_dialog import FireDialog
from webhook_ui.ui.parts import Part, box, foreign, link, mono, page_header, text, time_text
from webhook_ui.ui.plugin_notices import by_plugin, show_errands, show_problems
from webhook_ui.ui.plugins_list import PluginList
from webhook_ui.ui.root import whole
from webhook_ui.ui.states import Step, empty_state, nothing_found
from webhook_ui.ui.tables import TRIGGERS, Row, Table
from webhook_ui.ui.trigger_panel import TriggerPanel, times_fired
from webhook_ui.vitals import Errand

FOLLOWED = frozenset({Kind.event, Kind.webhook, Kind.anything})
REST = 9.0  # times as long as looking took: one page costs a tenth of a reading thread at the most


@dataclass(frozen=True, kw_only=True)
class Use:
    """How a trigger is used."""

    listeners: int
    fired: Firings


def at_work(session: Session) -> tuple[Errand, ...]:
    """What plugins do by themselves and how that fares, wherever it runs."""
    found = [errand for beat in heartbeats.alive(session, moment(session)) for errand in beat.figures.errands]
    return tuple(dict.fromkeys(found))


def uses(session: Session, names: Sequence[str]) -> dict[str, Use]:
    """Who listens to each trigger, and how often it was fired."""
    fired = firings(session, names, now=times.utcnow())
    return {name: Use(listeners=listeners(session, name), fired=fired[name]) for name in names}


async def show(tab: Tab) -> None:
    """Builds the page. It takes no arguments, so that it is not built again when its address changes."""
    ui.page_title(tr("Triggers · Webhook UI"))
    words, chosen = _read(context.client.sub_pages_router.current_path)
    page = _Page(tab, words)
    tab.on_address = page.hear
    await page.start(chosen)


def _read(path: str) -> tuple[str, str]:
    """What is searched for, and which trigger is open."""
    try:
        given = parse_qs(urlsplit(path).query, max_num_fields=20)
    except ValueError:
        given = {}
    words, chosen = (given.get(name, [""])[-1][:200] for name in ("q", "trigger"))
    return words, chosen


def _address(words: str, chosen: str = "") -> str:
    query = urlencode({name: value for name, value in (("q", words), ("trigger", chosen)) if value})
    return "/triggers" + (f"?{query}" if query else "")


class _Page:
    """The table, and the figures in it that change."""

    def __init__(self, tab: Tab, words: str) -> None:
        self._tab, self._words, self._chosen = tab, words, ""
        plugins = tab.services.plugins
        self._turn = plugins.turn
        self._triggers = list(plugins.triggers.values())
        self._rows: dict[str, tuple[Row, Part, Part, Part]] = {}
        self._links: dict[str, ui.element] = {}
        self._uses: Mapping[str, Use] = {}
        self._groups: list[tuple[ui.element, list[str]]] = []
        self._root = box("div", "w-page")
        with self._root:
            bringing = sum(info.triggers > 0 for info in plugins.loaded)
            count = trn(
                "{triggers} from {n} plugin", "{triggers} from {n} plugins", bringing, triggers=len(self._triggers)
            )
            with page_header(tr("Triggers"), note=count if self._triggers else ""):
                if self._triggers:
                    self._search = search_field(tr("Search triggers"), words, self._find)
            for problems in by_plugin(plugins.problems):
                show_problems(problems)
            self._errands = Part(box("div", "w-stack w-holder"), show_errands)
            if not plugins.added:
                _show_no_plugin(str(tab.services.settings.plugins_dir))
            if self._triggers:
                self._show_triggers(words)
            self._list = PluginList(plugins, tab.zone)
            self._panel = TriggerPanel(tab, on_close=lambda: ui.navigate.to(_address(self._words)))

    def _show_triggers(self, words: str) -> None:
        self._nothing = box("div", "w-holder")
        self._table = Table(tr("Triggers"), TRIGGERS, "triggers")
        for info, group in groupby(self._triggers, key=lambda one: one.plugin):
            self._show_group(info, list(group))
        self._filter(words)

    async def start(self, chosen: str) -> None:
        """Fills in the figures, opens what the address names, and keeps both true."""
        await self._refresh()
        self._open(chosen)
        self._tab.follow(self._root, self._look)
        self._tab.follow(self._root, self._look_at_plugins)  # by itself, as the figures rest in between

    def hear(self, path: str) -> None:
        """The address has changed, by a link, Back or Forward."""
        if self._root.is_deleted or path.partition("?")[0].rstrip("/") != "/triggers":
            return
        self._tab.client.sub_pages_router.is_initial_request = True  # nothing is scrolled
        words, chosen = _read(path)
        with self._root:
            if words != self._words and self._rows:
                self._search.value = words
            self._open(chosen)

    def _open(self, name: str) -> None:
        """Shows the panel of this trigger; none for what is no trigger."""
        chosen = name if name in self._rows else ""
        before, self._chosen = self._chosen, chosen
        for one in {before, chosen} - {""}:
            self._rows[one][0].choose(one == chosen)
        if chosen and chosen != before:
            registered = self._tab.services.plugins.triggers[chosen]
            self._panel.show(registered, self._firing(registered) if self._tab.may_write else None)
            self._show_use()
        elif before and not chosen:
            self._panel.hide()

    def _show_use(self) -> None:
        if self._chosen and (use := self._uses.get(self._chosen)):
            self._panel.show_use(self._chosen, use.listeners, use.fired)

    def _show_group(self, info: PluginInfo, group: Sequence[RegisteredTrigger]) -> None:
        with self._table.group(plugin_texts.heading(info), info.where):
            for registered in group:
                self._show_row(registered)
        self._groups.append((self._table.table.default_slot.children[-1], [one.trigger.name for one in group]))

    def _show_row(self, registered: RegisteredTrigger) -> None:
        trigger = registered.trigger
        row = self._table.row()
        row.element.classes("w-opens")
        with row.cell("title"), link("", _address(self._words, trigger.name), "w-open w-cut") as opener:
            title, about = plugin_texts.said(trigger.title), plugin_texts.said(trigger.description)
            foreign(title, "w-medium").props["title"] = about or title
        self._links[trigger.name] = opener
        with row.cell("name"):
            mono(trigger.name, "w-second", cut=True)
        self._rows[trigger.name] = (
            row,
            Part(row.cell("listeners"), lambda count: _show_listeners(trigger.name, count)),
            Part(row.cell("fired"), self._show_fired),
            Part(row.cell("count"), text),
        )
        if self._tab.may_write:
            with row.cell("action"):
                button(tr("Fire"), self._firing(registered), icon=icons.FIRE, small=True)

    def _show_fired(self, fired: Firings) -> None:
        if fired.last_at:
            time_text(fired.last_at, self._tab.zone).classes("w-muted")
        else:
            text(tr("never"), "w-muted")

    def _firing(self, registered: RegisteredTrigger) -> Callable[[], Awaitable[None]]:
        async def fire() -> None:
            with self._root:
                dialog = FireDialog(self._tab, registered.trigger, on_fired=self._refresh)
            await dialog.open()

        return fire

    async def _look(self, changes: frozenset[Changed]) -> None:
        if any(change.kind in FOLLOWED for change in changes):
            began = time.monotonic()
            await self._refresh()
            await asyncio.sleep(REST * (time.monotonic() - began))

    async def _look_at_plugins(self, _: frozenset[Changed]) -> None:
        if self._turn != self._tab.services.plugins.turn:  # they were exchanged: all of it may be different
            self._turn = self._tab.services.plugins.turn
            with self._tab.client:
                await self._tab.client.sub_pages_router.refresh()

    async def _look_at_errands(self) -> None:
        try:
            found = await self._tab.read(at_work)
        except Unavailable:
            return  # the rest of the page says so
        self._errands.show(tuple(errand for errand in found if errand.problem))
        self._list.show(found)

    async def _refresh(self) -> None:
        await self._look_at_errands()
        self._uses = await self._tab.read(uses, list(self._rows))
        self._show_use()
        for name, use in self._uses.items():
            _, heard, fired, count = self._rows[name]
            heard.show(use.listeners)
            fired.show(use.fired)
            count.show(times_fired(use.fired))

    def _find(self, words: str) -> None:
        self._words = words
        self._filter(words)
        for name, opener in self._links.items():
            opener.props["href"] = whole(_address(words, name))
        # the list changes while one types: each letter is no step to go back to
        ui.navigate.history.replace(whole(_address(words, self._chosen)))

    def _filter(self, words: str) -> None:
        sought = words.casefold().split()
        shown = 0
        for element, names in self._groups:
            here = [name for name in names if self._fits(name, sought)]
            for name in names:
                self._rows[name][0].element.set_visibility(name in here)
            element.set_visibility(bool(here))
            shown += len(here)
        self._table.element.set_visibility(shown > 0)
        late_presses.clear(self._nothing)
        if not shown:
            there = len(self._rows)
            with self._nothing:
                nothing_found(
                    tr("No trigger matches “{words}”", words=words),
                    trn(
                        "{n} trigger without this search.",
                        "{n} triggers without this search.",
                        there,
                        n=formats.count(there),
                    ),
                    self._clear,
                )

    def _fits(self, name: str, sought: Sequence[str]) -> bool:
        registered = self._tab.services.plugins.triggers[name]
        title, plugin = plugin_texts.said(registered.trigger.title), registered.plugin
        looked_at = f"{name} {title} {plugin_texts.said(plugin.title)} {plugin.where}".casefold()
        return all(word in looked_at for word in sought)

    def _clear(self) -> None:
        self._search.value = ""


def _show_listeners(name: str, count: int) -> None:
    if count:
        link(trn("{n} webhook", "{n} webhooks", count, n=formats.count(count)), f"/?{urlencode({'trigger': name})}")
    else:
        text(tr("nobody listens"), "w-muted")


def _show_no_plugin(folder: str) -> None:
    empty_state(
        tr("No plugin of your own is loaded"),
        tr("Triggers come from plugins: a Python file says which kinds of event there are."),
        [
            Step(
                title=tr("Put a plugin into the folder"),
                detail=tr("The folder is `{folder}`. This writes an example into it:", folder=folder),
                build=lambda: command("webhook-ui init"),
            ),
            Step(title=tr("Start the server again"), detail=tr("Plugins are read once, at the start.")),
        ],
    )
