"""Two tabs of the page Settings, to read only: what is in force and where it comes from; the state of the server."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import metadata
from zoneinfo import ZoneInfo

from nicegui import ui
from sqlmodel import Session

from webhook_ui import __version__, heartbeats, sending
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import moment
from webhook_ui.heartbeats import Beat
from webhook_ui.history.installation import DatabaseFacts, Restoration, describe_database
from webhook_ui.languages import mark, tr, trn
from webhook_ui.plugin_loader import Plugins, Source
from webhook_ui.sending import SendingState
from webhook_ui.ui import formats, icons, plugin_texts
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.context import Tab
from webhook_ui.ui.parts import Part, box, foreign, key_values, link, mono, prose, symbol, text, time_text
from webhook_ui.ui.setting_words import ORIGINS, settings_in_force
from webhook_ui.ui.settings_table import setting_row, settings_table

AGAIN_SECONDS = 15.0  # how often it looks without news: heartbeats are not announced
LIBRARIES = ("nicegui", "sqlmodel", "sqlalchemy", "httpx", "aiohttp", "apscheduler", "pluggy", "pydantic")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look at the database found; `now` is by its clock."""

    facts: DatabaseFacts
    beats: Sequence[Beat]
    sending: SendingState
    now: datetime


def look(session: Session) -> Seen:
    """The server as the database knows it."""
    return Seen(
        facts=describe_database(session),
        beats=heartbeats.list_beats(session),
        sending=sending.state(session),
        now=moment(session),
    )


class ForceSection:
    """The settings, as they were when the server started."""

    def __init__(self, tab: Tab) -> None:
        prose(
            tr(
                "Settings stand in the environment or in `.env`, and are read once, at the start. What is secret is "
                "never shown."
            ),
            "w-second",
        )
        with box("div", "w-box w-table-box"), settings_table(tr("Settings in force")):
            for setting in settings_in_force(tab.services.settings):
                setting_row(setting.variable, setting.description, setting.value, tr(ORIGINS[setting.origin]))

    async def show(self, after: str) -> None:
        """It has one page."""

    async def look(self, changes: frozenset[Changed]) -> None:
        """Nothing of it changes while the server runs."""


class ServerSection:
    """Versions, database, dispatchers, plugins."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        with box("div", "w-two w-server"):
            self._database = Part(_section(tr("Database")), self._show_database)
            with _section(tr("Versions")):
                text(tr("Versions"), tag="h2")
                key_values(versions())
            self._dispatchers = Part(_section(tr("Dispatchers"), wide=True), self._show_dispatchers)
            with _section(tr("Plugins"), wide=True):
                _show_plugins(tab.services.plugins)
        ui.timer(AGAIN_SECONDS, lambda: self.show(""), immediate=False)

    async def show(self, after: str) -> None:
        """Looks again."""
        seen = await self._tab.read(look)
        beats = [
            (one.dispatcher, one.host, one.pid, one.version, one.started_at, _state(one, seen)) for one in seen.beats
        ]
        self._database.show(seen.facts)
        self._dispatchers.show(beats, seen.sending)

    async def look(self, changes: frozenset[Changed]) -> None:
        """The big switch is announced as a change of all webhooks."""
        if any(change.kind in (Kind.anything, Kind.webhook) and change.webhook_id is None for change in changes):
            await self.show("")

    def _show_database(self, facts: DatabaseFacts) -> None:
        form, _, revision = tr("Form: migration {revision}", revision=facts.revision).partition(": ")
        pairs = [
            (tr("Database"), f"{facts.name} {facts.version}"),
            (tr("Size"), formats.size(facts.octets)),
            (form, revision),
        ]
        database, settings = self._tab.services.database, self._tab.services.settings
        if self._tab.actor.role.covers(Role.admin):
            url = database.url
            host = url.host or tr("local socket")
            where = str(url.database) if database.is_sqlite else f"{host}, {url.database}"
            pairs.insert(1, (tr("Where"), where))
        days = settings.retention_days
        pairs.append((tr("Events are kept"), trn("{n} day", "{n} days", days, n=formats.count(days))))
        seal = tr("with WEBHOOK_UI_SECRET_KEY") if settings.secret_key else tr("with secret.key")
        pairs.append((tr("Secrets are sealed"), seal))
        if facts.restored:
            pairs.append((tr("Restored"), _restored_text(facts.restored, self._tab.zone)))
        text(tr("Database"), tag="h2")
        key_values(pairs)

    def _show_dispatchers(
        self, beats: Sequence[tuple[str, str, int, str, datetime, str]], switch: SendingState
    ) -> None:
        text(tr("Dispatchers"), tag="h2")
        if switch.stopped:
            with box("p", "w-row w-error-ink"):
                symbol(icons.STOP)
                text(tr("Sending is stopped: they take nothing new"))
        if not beats:
            prose(tr("None is at work: nothing is sent. Start `webhook-ui worker`."), "w-error-ink")
        with box("ul", "w-facts"):
            for name, host, pid, version, started_at, state in beats:
                with box("li"):
                    symbol(icons.SENT if state == "At work" else icons.ERROR, _ink(state))
                    text(tr(state), f"w-medium {_ink(state)}")
                    foreign(tr("{name} on {host}, process {pid}", name=name, host=host, pid=pid), cut=False)
                    time_text(
                        started_at, self._tab.zone, prefix=tr("version {version}, started ", version=version)
                    ).classes("w-muted")


def versions() -> list[tuple[str, str]]:
    """What runs, name and version."""
    return [("Webhook UI", __version__), ("Python", platform.python_version()), *_libraries()]


def _restored_text(restored: Restoration, zone: ZoneInfo) -> str:
    """Who brought back how much, when and of when."""
    when = formats.absolute(restored.at, zone)
    words = tr("{moment} by {person}", moment=when, person=name_of(restored.by))
    if restored.backup_of:
        words = tr("{done}, from a backup of {moment}", done=words, moment=formats.absolute(restored.backup_of, zone))
    held = (
        trn("{n} webhook", "{n} webhooks", restored.webhooks, n=formats.count(restored.webhooks)),
        trn("{n} event", "{n} events", restored.events, n=formats.count(restored.events)),
        trn("{n} delivery", "{n} deliveries", restored.deliveries, n=formats.count(restored.deliveries)),
    )
    return f"{words}: {', '.join(held)}"


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple((name, metadata.version(name)) for name in LIBRARIES)


def _state(beat: Beat, seen: Seen) -> str:
    return mark("At work") if beat.is_alive(seen.now) else mark("Silent")


def _ink(state: str) -> str:
    return "w-sent-ink" if state == "At work" else "w-error-ink"


def _section(title: str, *, wide: bool = False) -> ui.element:
    return box("section", "w-box w-part w-all" if wide else "w-box w-part", label=title)


def _show_plugins(plugins: Plugins) -> None:
    text(tr("Plugins"), tag="h2")
    with box("ul", "w-facts"):
        for problem in plugins.problems:
            with box("li"):
                symbol(icons.ERROR, "w-error-ink")
                text(tr("Not loaded"), "w-medium w-error-ink")
                place = tr("{where}, line {line}", where=problem.where, line=problem.line)
                mono(place if problem.line else problem.where, "w-break")
                link(tr("What is wrong"), "/triggers")
        for info in plugins.loaded:
            with box("li"):
                symbol(icons.SENT, "w-sent-ink")
                text(tr("Loaded"), "w-medium w-sent-ink")
                foreign(plugin_texts.heading(info), cut=False)
                mono(tr("built in") if info.source is Source.builtin else info.where, "w-muted w-break")
                if info.triggers:
                    text(trn("{n} trigger", "{n} triggers", info.triggers, n=formats.count(info.triggers)), "w-muted")
