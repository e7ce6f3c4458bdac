"""All plugins, below the triggers: where each comes from, what it brings, how that does, and why others are out."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from zoneinfo import ZoneInfo

from webhook_ui import plugin_sentences, times
from webhook_ui.languages import mark, tr
from webhook_ui.plugin_loader import Plugin, PluginProblem, Plugins, Source
from webhook_ui.plugin_words import Brought, brings
from webhook_ui.ui import icons, plugin_texts
from webhook_ui.ui.parts import Part, box, foreign, mono, symbol, text, time_text
from webhook_ui.ui.plugin_notices import by_plugin
from webhook_ui.vitals import Errand

States = Mapping[tuple[str, str], Errand]

_KINDS = {
    "trigger": mark("Triggers"),
    "job": mark("Jobs"),
    "source": mark("Source"),
    "routes": mark("Routes"),
    "page": mark("Pages"),
    "signer": mark("Signers"),
    "transforms payloads": mark("Payloads"),
    "observes attempts": mark("Attempts"),
    "hears of failing webhooks": mark("Notices"),
    "setting": mark("Settings"),
}
_BEHAVIOURS = {
    "transforms payloads": mark("changes what is sent"),
    "observes attempts": mark("hears of every attempt"),
    "hears of failing webhooks": mark("hears of failing webhooks"),
}
_IDLE = {
    "triggers": mark("Triggers"),
    "jobs": mark("Jobs"),
    "source": mark("Source"),
    "routes": mark("Routes"),
    "pages": mark("Pages"),
    "signers": mark("Signers"),
    "transforms payloads": mark("Payloads"),
    "observes attempts": mark("Attempts"),
    "hears of failing webhooks": mark("Notices"),
}
_AT_WORK = {"source": "source", "hears of failing webhooks": "notified"}
"""By which name an errand of this kind is known."""


class PluginList:
    """Built once a page; `show` is given how sources and jobs do."""

    def __init__(self, plugins: Plugins, zone: ZoneInfo) -> None:
        self._zone = zone
        self._parts: list[tuple[Part, Plugin]] = []
        with box("section", "w-box w-part w-all", label=tr("Plugins")), box("div", "w-stack"):
            text(tr("Plugins"), tag="h2")
            with box("ul", "w-plugins"):
                for problems in by_plugin(plugins.problems):
                    _show_left_out(problems)
                for plugin in sorted(plugins.running, key=lambda one: one.info.source is Source.builtin):
                    self._parts.append((Part(box("li"), self._show), plugin))
        self.show(())

    def show(self, errands: Sequence[Errand]) -> None:
        """How all of them do now."""
        states = {(errand.plugin, errand.what): errand for errand in errands}
        for part, plugin in self._parts:
            mine = {key: errand for key, errand in states.items() if key[0] == plugin.name}
            part.show(plugin, mine)

    def _show(self, plugin: Plugin, states: States) -> None:
        info, things = plugin.info, brings(plugin)
        with box("div", "w-plugin-head"):
            _show_state(things, states)
            with box("div", "w-plugin-words"):
                with box("h3"):
                    mono(plugin.name, "w-break w-strong")
                if info.title != plugin.name:
                    foreign(plugin_texts.said(info.title), "w-second", cut=False)
                mono(tr("built in") if info.source is Source.builtin else info.where, "w-muted w-break")
                if info.requires:
                    text(tr("needs {version}", version=info.requires), "w-muted")
        with box("dl", "w-kv w-kv-wide"):
            for kind, group in groupby([one for one in things if not one.lacking], key=lambda one: one.kind):
                text(tr(_KINDS[kind]), tag="dt")
                with box("dd", "w-plugin-things"):
                    for thing in group:
                        self._show_thing(thing, states)
            for thing in things:
                if thing.lacking:
                    _show_lacking(thing)

    def _show_thing(self, thing: Brought, states: States) -> None:
        with box("span", "w-row w-wrap"):
            if thing.kind in _BEHAVIOURS:
                text(tr(_BEHAVIOURS[thing.kind]))
            elif thing.kind == "page":
                foreign(plugin_texts.said(thing.detail), cut=False)
            elif thing.name:
                mono(thing.name, "w-break")
                if thing.detail and thing.kind != "trigger":
                    foreign(plugin_texts.said(thing.detail), "w-muted", cut=False)
            what = thing.name if thing.kind == "job" else _AT_WORK.get(thing.kind)
            if what:
                found = [errand for (_, known), errand in states.items() if known == what]
                self._show_errand(found[0] if found else None, is_job=thing.kind == "job")

    def _show_errand(self, errand: Errand | None, *, is_job: bool) -> None:
        if errand is None:  # a job's first run is to come; what runs all the time has no process
            if not is_job:
                text(tr("not running"), "w-muted")
            return
        if errand.problem:
            symbol(icons.ERROR, "w-error-ink")
            foreign(plugin_sentences.said(errand.problem), "w-error-ink", cut=False)
            return
        words = {"ended": tr("has ended "), "running": tr("last run ") if is_job else tr("running since ")}
        if errand.since:
            symbol(icons.PENDING if errand.state == "ended" else icons.SENT, "w-muted")
            prefix = words.get(errand.state, "")
            time_text(times.from_text(errand.since), self._zone, prefix=prefix).classes("w-muted")


def _show_state(things: Sequence[Brought], states: States) -> None:
    lacking = any(thing.lacking for thing in things)
    if any(errand.problem for errand in states.values()):
        off = any(errand.state == "off" for errand in states.values())
        _pill(icons.ERROR, "w-error-ink", tr("Switched off") if off else tr("Failing"))
    elif lacking:
        _pill(icons.PENDING, "w-muted", tr("Not configured"))
    else:
        _pill(icons.SENT, "w-sent-ink", tr("Loaded"))


def _pill(icon: str, look: str, words: str) -> None:
    with box("span", "w-row w-plugin-state"):
        symbol(icon, look)
        text(words, f"w-medium {look}")


def _show_lacking(thing: Brought) -> None:
    text(tr("Not configured"), tag="dt")
    with box("dd", "w-row w-wrap"):
        text(f"{', '.join(tr(_IDLE[kind]) for kind in thing.kind.split(', '))}:")
        text(tr("to be set"), "w-muted")
        for variable in thing.lacking:
            mono(variable, "w-break")


def _show_left_out(problems: Sequence[PluginProblem]) -> None:
    first = problems[0]
    if first.runs_on:
        return  # it is among those that run
    with box("li"):
        with box("div", "w-row w-wrap"):
            _pill(icons.ERROR, "w-error-ink", tr("Not loaded"))
            with box("h3"):
                mono(first.name, "w-break w-strong")
            place = tr("{where}, line {line}", where=first.where, line=first.line)
            mono(place if first.line else first.where, "w-muted w-break")
        for problem in problems:
            foreign(plugin_sentences.said(problem.message), "w-block w-second", cut=False)
