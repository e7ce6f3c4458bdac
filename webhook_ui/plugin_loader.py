"""Loads each plugin alone and keeps what they register; one that cannot be used is reported and left out whole."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType

from webhook_ui import patterns, plugin_search
from webhook_ui.errors import Invalid
from webhook_ui.plugin_api import MAX_NAME, Trigger
from webhook_ui.plugin_checks import call_register_triggers, hook_mistakes, new_manager
from webhook_ui.plugin_problems import Mistake, PluginProblem, import_message, place_of, raised, shown_path
from webhook_ui.plugin_search import Candidate, Source

__all__ = ["PluginInfo", "PluginProblem", "Plugins", "RegisteredTrigger", "Source", "load"]


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin in use. `where` is its path, or the distribution and version that brought it."""

    name: str
    source: Source
    where: str
    title: str
    triggers: int


@dataclass(frozen=True, kw_only=True)
class RegisteredTrigger:
    """A trigger and the plugin it belongs to."""

    trigger: Trigger
    plugin: PluginInfo


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """All that is loaded, in load order but the built-in last, as people look for their own; and what could not be."""

    triggers: Mapping[str, RegisteredTrigger]
    loaded: tuple[PluginInfo, ...]
    problems: tuple[PluginProblem, ...]

    @property
    def added(self) -> tuple[PluginInfo, ...]:
        """Those that an operator has put in."""
        return tuple(info for info in self.loaded if info.source is not Source.builtin)

    def find(self, name: str) -> Trigger:
        """The trigger called `name`. Raises Invalid with the nearest names."""
        registered = self.triggers.get(name)
        if registered is None:
            raise Invalid({"trigger": self._unknown(name)})
        return registered.trigger

    def matching(self, pattern: str) -> tuple[Trigger, ...]:
        """The triggers that a webhook listening to `pattern` hears."""
        return tuple(each.trigger for name, each in self.triggers.items() if patterns.matches(pattern, name))

    def _unknown(self, name: str) -> str:
        shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name[:MAX_NAME])
        near = difflib.get_close_matches(shown, self.triggers, n=3)
        if not near:
            return f"Unknown trigger {shown}. The Triggers page and `webhook-ui plugin list` show what there is."
        return f"Unknown trigger {shown}. Did you mean {' or '.join(near)}?"


def load(plugins_dir: Path, *, builtin: Sequence[ModuleType] = (), entry_points: bool = True) -> Plugins:
    """Loads built-ins, then what stands in `plugins_dir`, then installed plugins. What fails is in `problems`."""
    finders: list[tuple[str, Callable[[], list[Candidate]]]] = [
        ("built-ins", lambda: plugin_search.built_in(builtin)),
        (shown_path(plugins_dir), lambda: plugin_search.in_folder(plugins_dir)),
    ]
    if entry_points:
        finders.append(("entry points", plugin_search.installed))
    loading = _Loading()
    for where, find in finders:
        try:
            candidates = find()
        except Exception as error:  # an unreadable folder, or the broken metadata of any installed distribution
            loading.report("plugins", where, Mistake(message=f"Plugins cannot be looked for here. {raised(error)}"))
            continue
        for candidate in candidates:
            loading.take(candidate)
    return loading.result()


class _Loading:
    """Takes in one plugin after another, each whole or not at all."""

    def __init__(self) -> None:
        self._triggers: dict[str, RegisteredTrigger] = {}
        self._loaded: list[PluginInfo] = []
        self._problems: list[PluginProblem] = []

    def result(self) -> Plugins:
        loaded = sorted(self._loaded, key=lambda info: info.source is Source.builtin)
        found = sorted(self._triggers.items(), key=lambda item: item[1].plugin.source is Source.builtin)
        return Plugins(triggers=MappingProxyType(dict(found)), loaded=tuple(loaded), problems=tuple(self._problems))

    def report(self, name: str, where: str, mistake: Mistake, *, on_disk: bool = True) -> None:
        """Notes a problem; what is not in the operator's folder keeps its distribution's name beside the file's."""
        place = mistake.place
        if place:
            where = shown_path(place.file) if on_disk else f"{where}, {shown_path(place.file)}"
        problem = PluginProblem(
            name=name,
            where=where,
            line=place.line if place else None,
            message=mistake.message,
            excerpt=place.excerpt() if place else (),
        )
        self._problems.append(problem)

    def take(self, candidate: Candidate) -> None:
        """Loads one plugin; whatever goes wrong in it is reported and the plugin left out."""
        triggers, title, mistakes = self._judge(candidate)
        for mistake in mistakes:
            self.report(candidate.name, candidate.where, mistake, on_disk=candidate.path is not None)
        if mistakes:
            return
        info = PluginInfo(
            name=candidate.name,
            source=candidate.source,
            where=candidate.where,
            title=title,
            triggers=len(triggers),
        )
        self._loaded.append(info)
        self._triggers |= {each.name: RegisteredTrigger(trigger=each, plugin=info) for each in triggers}

    def _judge(self, candidate: Candidate) -> tuple[list[Trigger], str, list[Mistake]]:
        same = next((info for info in self._loaded if info.name == candidate.name), None)
        if same:
            message = f"There is a plugin {same.name} already ({same.where}). Rename this one."
            return [], "", [Mistake(message=message)]
        try:
            plugin = candidate.bring()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a plugin never stops the server
            return [], "", [_mistake(candidate, error, import_message(error))]
        triggers, mistakes = _registered(candidate, plugin)
        return triggers, _title(candidate, plugin), mistakes + self._duplicates(triggers)

    def _duplicates(self, triggers: list[Trigger]) -> list[Mistake]:
        mistakes = []
        seen: set[str] = set()
        for name in (trigger.name for trigger in triggers):
            other = self._triggers.get(name)
            if other:
                owner = f"{other.plugin.name} ({other.plugin.where})"
                mistakes.append(Mistake(message=f"Trigger {name} is registered by {owner} already. Rename this one."))
            elif name in seen:
                mistakes.append(Mistake(message=f"It registers trigger {name} twice. Remove or rename one."))
            seen.add(name)
        return mistakes


def _registered(candidate: Candidate, plugin: object) -> tuple[list[Trigger], list[Mistake]]:
    """What the hooks of one plugin give, and what is wrong with them."""
    manager = new_manager()
    try:
        mistakes = hook_mistakes(manager, plugin)
        if mistakes:
            return [], mistakes
        manager.register(plugin, name=candidate.name)
        return call_register_triggers(manager)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        return [], [_mistake(candidate, error, f"register_triggers raised {raised(error)}")]


def _mistake(candidate: Candidate, error: BaseException, message: str) -> Mistake:
    return Mistake(message=message, place=place_of(error, candidate.module, candidate.path))


def _title(candidate: Candidate, plugin: object) -> str:
    documentation = inspect.getdoc(plugin) if inspect.ismodule(plugin) else None
    return (documentation or "").strip().partition("\n")[0].strip() or candidate.name
