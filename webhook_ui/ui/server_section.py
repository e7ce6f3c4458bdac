"""Two tabs of the page Settings, to read only: what is in force and where it comes from; the state of the server."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import metadata

from nicegui import ui
from sqlmodel import Session

from webhook_ui import __version__, heartbeats, sending
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import moment
from webhook_ui.heartbeats import Beat
from webhook_ui.history.installation import DatabaseFacts, describe_database
from webhook_ui.plugin_loader import Plugins, Source
from webhook_ui.sending import SendingState
from webhook_ui.ui import formats, icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.parts import Part, box, foreign, key_values, link, mono, prose, symbol, text, time_text
from webhook_ui.ui.setting_words import ORIGINS, Setting, settings_in_force

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
            "Settings stand in the environment or in `.env`, and are read once, at the start. What is secret is never "
            "shown.",
            "w-second",
        )
        with box("div", "w-box w-table-box"), box("table", "w-table w-table-force", label="Settings in force"):
            with box("thead"), box("tr"):
                for title in ("Setting", "Value", "From"):
                    text(title, tag="th").props["scope"] = "col"
            with box("tbody"):
                for setting in settings_in_force(tab.services.settings):
                    _show_setting(setting)

    async def show(self, after: str) -> None:
        """It has one page."""

    async def look(self, changes: frozenset[Changed]) -> None:
        """Nothing of it changes while the server runs."""


class ServerSection:
    """Versions, database, dispatchers, plugins."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        with box("div", "w-two w-server"):
            self._database = Part(_section("Database"), self._show_database)
            with _section("Versions"):
                text("Versions", tag="h2")
                key_values(versions())
            self._dispatchers = Part(_section("Dispatchers", wide=True), self._show_dispatchers)
            with _section("Plugins", wide=True):
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
        pairs = [
            ("Database", f"{facts.name} {facts.version}"),
            ("Size", formats.size(facts.octets)),
            ("Form", f"migration {facts.revision}"),
        ]
        database, settings = self._tab.services.database, self._tab.services.settings
        if self._tab.actor.role.covers(Role.admin):
            url = database.url
            where = str(url.database) if database.is_sqlite else f"{url.host or 'local socket'}, {url.database}"
            pairs.insert(1, ("Where", where))
        pairs.append(("Events are kept", formats.counted(settings.retention_days, "day")))
        pairs.append(("Secrets are sealed", "with WEBHOOK_UI_SECRET_KEY" if settings.secret_key else "with secret.key"))
        text("Database", tag="h2")
        key_values(pairs)

    def _show_dispatchers(
        self, beats: Sequence[tuple[str, str, int, str, datetime, str]], switch: SendingState
    ) -> None:
        text("Dispatchers", tag="h2")
        if switch.stopped:
            with box("p", "w-row w-error-ink"):
                symbol(icons.STOP)
                text("Sending is stopped: they take nothing new")
        if not beats:
            prose("None is at work: nothing is sent. Start `webhook-ui worker`.", "w-error-ink")
        with box("ul", "w-facts"):
            for name, host, pid, version, started_at, state in beats:
                with box("li"):
                    symbol(icons.SENT if state == "At work" else icons.ERROR, _ink(state))
                    text(state, f"w-medium {_ink(state)}")
                    foreign(f"{name} on {host}, process {pid}", cut=False)
                    text(f"version {version}, since", "w-muted")
                    time_text(started_at, self._tab.zone).classes("w-muted")


def versions() -> list[tuple[str, str]]:
    """What runs, name and version."""
    return [("Webhook UI", __version__), ("Python", platform.python_version()), *_libraries()]


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple((name, metadata.version(name)) for name in LIBRARIES)


def _state(beat: Beat, seen: Seen) -> str:
    return "At work" if beat.is_alive(seen.now) else "Silent"


def _ink(state: str) -> str:
    return "w-sent-ink" if state == "At work" else "w-error-ink"


def _section(title: str, *, wide: bool = False) -> ui.element:
    return box("section", "w-box w-part w-all" if wide else "w-box w-part", label=title)


def _show_setting(setting: Setting) -> None:
    with box("tr"):
        with box("th") as name:
            mono(setting.variable, "w-break")
            prose(setting.description, "w-meta w-setting-words")
        name.props["scope"] = "row"
        with box("td"):
            mono(setting.value, "w-break")
        with box("td"):
            text(ORIGINS[setting.origin], "w-muted" if setting.origin == "default" else "w-medium")


def _show_plugins(plugins: Plugins) -> None:
    text("Plugins", tag="h2")
    with box("ul", "w-facts"):
        for problem in plugins.problems:
            with box("li"):
                symbol(icons.ERROR, "w-error-ink")
                text("Not loaded", "w-medium w-error-ink")
                mono(f"{problem.where}{f', line {problem.line}' if problem.line else ''}", "w-break")
                link("What is wrong", "/triggers")
        for info in plugins.loaded:
            with box("li"):
                symbol(icons.SENT, "w-sent-ink")
                text("Loaded", "w-medium w-sent-ink")
                foreign(info.title.partition(": ")[0].rstrip(".") or info.name, cut=False)
                mono("built in" if info.source is Source.builtin else info.where, "w-muted w-break")
                text(formats.counted(info.triggers, "trigger"), "w-muted")
