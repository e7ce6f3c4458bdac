"""Loads each plugin alone and keeps what they register; one that cannot be used is reported and left out whole."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from webhook_ui import plugin_search, plugin_source
from webhook_ui.plugin_checks import hook_mistakes, new_manager
from webhook_ui.plugin_contents import Contents, HookRaised, gather
from webhook_ui.plugin_problems import Mistake, PluginProblem, import_message, place_of, raised, shown_path
from webhook_ui.plugin_search import Candidate, Source
from webhook_ui.plugin_set import News, Plugin, PluginInfo, Plugins, RegisteredTrigger
from webhook_ui.plugin_settings import NOTHING
from webhook_ui.plugin_watch import Endless, watched
from webhook_ui.settings import SETTINGS

if TYPE_CHECKING:
    from fastapi import APIRouter

NO_PLUGINS: Mapping[str, Plugin] = MappingProxyType({})

__all__ = ["News", "Plugin", "PluginInfo", "PluginProblem", "Plugins", "RegisteredTrigger", "Source", "load"]


def load(
    plugins_dir: Path,
    *,
    builtin: Sequence[ModuleType] = (),
    entry_points: bool = True,
    saved: Mapping[str, Mapping[str, Any]] = NOTHING,
    kept: Mapping[str, Plugin] = NO_PLUGINS,
    before: Mapping[str, Plugin] = NO_PLUGINS,
) -> Plugins:
    """Loads built-ins, then what stands in `plugins_dir`, then installed plugins. What fails is in `problems`.

    `saved` are settings from the database. When they are loaded anew, `kept` are taken as they run; one of `before`
    goes on where its new form cannot be used.
    """
    finders: list[tuple[str, Callable[[], list[Candidate]]]] = [
        ("built-ins", lambda: plugin_search.built_in(builtin)),
        (shown_path(plugins_dir), lambda: plugin_search.in_folder(plugins_dir)),
    ]
    if entry_points:
        finders.append(("entry points", plugin_search.installed))
    found: list[Candidate] = []
    unreadable: list[tuple[str, Exception]] = []
    for where, find in finders:
        try:
            found += find()
        except Exception as error:  # an unreadable folder, or the broken metadata of any installed distribution
            unreadable.append((where, error))
    loading = _Loading(found, saved, kept, before)
    for where, reason in unreadable:
        loading.report("plugins", where, Mistake(message=f"Plugins cannot be looked for here. {raised(reason)}"))
    return loading.result()


def load_one(path: Path, *, builtin: Sequence[ModuleType] = ()) -> Plugins:
    """Loads built-ins and the one plugin at `path`, a file or a package."""
    path = path.absolute()
    found = [*plugin_search.built_in(builtin), *plugin_search.in_folder(path.parent, only=path.name)]
    return _Loading(found).result()


class _Head(NamedTuple):
    """What a plugin says of itself: the first line of its docstring, and which version it needs."""

    title: str = ""
    requires: str = ""


class _Loading:
    """Takes in one plugin after another, each whole or not at all."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        saved: Mapping[str, Mapping[str, Any]] = NOTHING,
        kept: Mapping[str, Plugin] = NO_PLUGINS,
        before: Mapping[str, Plugin] = NO_PLUGINS,
    ) -> None:
        self._saved, self._kept, self._before = saved, kept, before
        self._models: dict[str, type[BaseModel]] = {}
        self._names = [candidate.name for candidate in candidates]
        self._triggers: dict[str, RegisteredTrigger] = {}
        self._signers: dict[str, PluginInfo] = {}
        self._running: list[Plugin] = []
        self._problems: list[PluginProblem] = []
        for candidate in candidates:
            self._take(candidate)

    def result(self) -> Plugins:
        loaded = sorted((each.info for each in self._running), key=lambda info: info.source is Source.builtin)
        found = sorted(self._triggers.items(), key=lambda item: item[1].plugin.source is Source.builtin)
        return Plugins(
            triggers=MappingProxyType(dict(found)),
            loaded=tuple(loaded),
            problems=tuple(self._problems),
            running=tuple(self._running),
            models=MappingProxyType(dict(self._models)),
        )

    def report(self, name: str, where: str, mistake: Mistake, *, on_disk: bool = True, replaced: bool = True) -> None:
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
            runs_on=not replaced,
        )
        self._problems.append(problem)

    def _take(self, candidate: Candidate) -> None:
        """Loads one plugin; whatever goes wrong in it is reported and the plugin left out."""
        if kept := self._kept.get(candidate.name):
            self._add(kept)
            return
        contents, head, mistakes = self._judge(candidate)
        before = self._before.get(candidate.name) if mistakes else None
        if before is not None and any(self._duplicates(before.contents)):
            before = None  # another one has taken its names meanwhile
        for mistake in mistakes:
            on_disk, runs_on = candidate.path is not None, before is not None
            self.report(candidate.name, candidate.where, mistake, on_disk=on_disk, replaced=not runs_on)
        if contents is not None and contents.settings is not None:
            self._models[candidate.name] = contents.settings
        if before is not None:
            self._add(before)
        if mistakes or contents is None:
            return
        info = PluginInfo(
            name=candidate.name,
            source=candidate.source,
            where=candidate.where,
            title=head.title,
            triggers=len(contents.triggers),
            requires=head.requires,
        )
        self._add(Plugin(info=info, contents=contents, saved=self._saved.get(candidate.name, NOTHING)))

    def _add(self, plugin: Plugin) -> None:
        info, contents = plugin.info, plugin.contents
        self._running.append(plugin)
        self._triggers |= {each.name: RegisteredTrigger(trigger=each, plugin=info) for each in contents.triggers}
        self._signers |= {signer.name: info for signer in contents.signers}
        if contents.settings is not None:
            self._models.setdefault(plugin.name, contents.settings)

    def _judge(self, candidate: Candidate) -> tuple[Contents | None, _Head, list[Mistake]]:
        other = next((each.info for each in self._running if each.name == candidate.name), None)
        if other:
            message = f"There is a plugin {other.name} already ({other.where}). Rename this one."
            return None, _Head(), [Mistake(message=message)]
        saved = self._saved.get(candidate.name, NOTHING)
        same = (candidate.name, candidate.where, plugin_search.stamp(candidate), saved)
        try:
            contents, head, mistakes = watched(
                candidate.name, candidate.module, lambda: _brought(candidate, self._names, saved), same
            )
        except Endless as endless:
            return None, _Head(), [endless.mistake]
        if contents is None:
            return None, head, mistakes
        return contents, head, [*mistakes, *self._duplicates(contents)]

    def _duplicates(self, contents: Contents) -> Iterator[Mistake]:
        owners = {name: each.plugin for name, each in self._triggers.items()}
        files = contents.files
        yield from _taken("trigger", [trigger.name for trigger in contents.triggers], owners, files)
        yield from _taken("signer", [signer.name for signer in contents.signers], self._signers, files)


def _taken(
    kind: str, names: Sequence[str], owners: Mapping[str, PluginInfo], files: Mapping[str, str]
) -> Iterator[Mistake]:
    file = files.get(f"register_{kind}s")
    seen: set[str] = set()
    for name in names:
        sentence = ""
        if owner := owners.get(name):
            by = f"{owner.name} ({owner.where})"
            sentence = f"{kind.capitalize()} {name} is registered by {by} already. Rename this one."
        elif name in seen:
            sentence = f"It registers {kind} {name} twice. Remove or rename one."
        if sentence:
            yield Mistake(message=sentence, place=plugin_source.place_of_text(file, name) if file else None)
        seen.add(name)


def _brought(
    candidate: Candidate, names: Sequence[str], saved: Mapping[str, Any]
) -> tuple[Contents | None, _Head, list[Mistake]]:
    """All that runs of a plugin's own code while it is loaded; it raises nothing."""
    try:
        code = candidate.code()
        if code is not None and (mistakes := plugin_source.needs_mistakes(code) or plugin_source.doubled_hooks(code)):
            return None, _Head(), mistakes
        plugin = candidate.bring()
        contents, mistakes = _contents(candidate, plugin, names, saved)
        return contents, _head(candidate, plugin), mistakes
    except BaseException as error:  # SystemExit too: a plugin never stops the server
        return None, _Head(), [_mistake(candidate, error, import_message(error, candidate.path))]


def _contents(
    candidate: Candidate, plugin: object, names: Sequence[str], saved: Mapping[str, Any]
) -> tuple[Contents | None, list[Mistake]]:
    """What the hooks of one plugin give, and what is wrong with them."""
    manager = new_manager()
    try:
        mistakes = hook_mistakes(manager, plugin)
        if mistakes:
            return None, mistakes
        manager.register(plugin, name=candidate.name)
        return gather(
            manager, candidate.name, plugins=names, core_settings=SETTINGS, new_router=_new_router, saved=saved
        )
    except HookRaised as error:
        return None, [_mistake(candidate, error.__cause__ or error, str(error))]
    except BaseException as error:  # SystemExit too
        return None, [_mistake(candidate, error, f"Its hooks raised {raised(error)}")]


def _new_router() -> "APIRouter":
    from webhook_ui.plugin_routes import new_router  # FastAPI comes with it

    return new_router()


def _mistake(candidate: Candidate, error: BaseException, message: str) -> Mistake:
    return Mistake(message=message, place=place_of(error, candidate.module, candidate.path))


def _head(candidate: Candidate, plugin: object) -> _Head:
    is_module = inspect.ismodule(plugin)
    documentation = inspect.getdoc(plugin) if is_module else None
    title = (documentation or "").strip().partition("\n")[0].strip()
    return _Head(title or candidate.name, str(getattr(plugin, plugin_source.NEEDS, "")) if is_module else "")
