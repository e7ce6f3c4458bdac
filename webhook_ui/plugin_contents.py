"""What one plugin's hooks give: asked once, at load, each answer checked. Other plugins are not known here."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy
from pydantic import BaseModel

from webhook_ui import plugin_settings
from webhook_ui.plugin_api import Trigger
from webhook_ui.plugin_checks import Function, place, signer_mistakes
from webhook_ui.plugin_host import PluginHost
from webhook_ui.plugin_problems import Mistake, raised
from webhook_ui.plugin_runner import Runner
from webhook_ui.plugin_types import NEEDS, Job, Page, Signer, Source

if TYPE_CHECKING:
    from fastapi import APIRouter

T = TypeVar("T")
_INSTEAD = {Trigger: "Trigger(…)", Job: "Job(…)", Page: "Page(…)", Signer: "Signer(…)"}


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that one plugin brings. `host` is what its functions are given, `runner` runs them."""

    host: PluginHost
    runner: Runner
    settings: type[BaseModel] | None = None
    triggers: Sequence[Trigger] = ()
    jobs: Sequence[Job] = ()
    pages: Sequence[Page] = ()
    signers: Sequence[Signer] = ()
    router: "APIRouter | None" = None
    source: Source | None = None
    transform: Function | None = None
    attempted: Function | None = None
    notified: Function | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """In which file each hook stands."""
    idle: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Hooks that were not asked, as they need settings first, with the variables of these."""


class HookRaised(Exception):  # noqa: N818 - reads as what it says
    """A hook raised at load: `hook` is its name, the cause what it raised."""

    def __init__(self, hook: str, error: BaseException) -> None:
        self.hook = hook
        super().__init__(f"{hook} raised {raised(error)}")


def gather(
    manager: pluggy.PluginManager,
    name: str,
    *,
    plugins: Iterable[str],
    core_settings: Iterable[str],
    new_router: Callable[[], "APIRouter"],
    saved: Mapping[str, Any] = plugin_settings.NOTHING,
) -> tuple[Contents, list[Mistake]]:
    """What the plugin that is registered with `manager` brings, and what is wrong with it. Raises HookRaised.

    `plugins` are the names of all that were found: what begins like a longer one's settings is not this one's.
    """
    asking = _Asking(manager)
    settings, setting = asking.settings(name, core_settings, plugins, saved)
    host = PluginHost(name, setting)
    given: dict[str, Any] = {}
    asking.look_what_is_needed(name, settings, setting)
    if not asking.mistakes:  # without its settings the others can only fail
        given = {
            "triggers": asking.many("register_triggers", Trigger, host=host),
            "jobs": asking.many("register_jobs", Job, host=host),
            "pages": asking.many("register_pages", Page, host=host),
            "signers": asking.many("register_signers", Signer, host=host),
            "router": asking.router(new_router, host),
            "source": asking.behaviour("source"),
            "transform": asking.behaviour("transform_payload"),
            "attempted": asking.behaviour("delivery_attempted"),
            "notified": asking.behaviour("notified"),
            "files": asking.files("register_triggers", "register_signers"),
            "idle": asking.idle,
        }
        for signer in given["signers"]:
            asking.mistakes += signer_mistakes(signer)
        asking.names("job", given["jobs"], lambda job: job.name, "register_jobs")
        asking.names("page", given["pages"], lambda page: page.path, "register_pages")
    return Contents(host=host, runner=Runner(name), settings=settings, **given), asking.mistakes


@dataclass
class _Asking:
    """Calls the hooks one by one, and collects what is wrong with their answers."""

    manager: pluggy.PluginManager
    mistakes: list[Mistake] = field(default_factory=list)
    idle: dict[str, list[str]] = field(default_factory=dict)

    def settings(
        self, plugin: str, core: Iterable[str], plugins: Iterable[str], saved: Mapping[str, Any]
    ) -> tuple[type[BaseModel] | None, BaseModel | None]:
        hook = "register_settings"
        if not self._functions(hook):
            return None, None
        (model,) = self._call(hook) or [None]
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            given = "nothing" if model is None else _a(model)
            self._wrong(hook, f"{hook} returns {given}. Return a pydantic model class, a subclass of BaseModel.")
            return None, None
        setting, sentences = plugin_settings.read(plugin, model, core, plugins, saved)
        for sentence in sentences:
            self._wrong(hook, sentence)
        return model, setting

    def look_what_is_needed(self, plugin: str, model: type[BaseModel] | None, setting: BaseModel | None) -> None:
        """Which hooks are not to be asked yet (`needs_settings`), and which need what there is not."""
        for hook in vars(self.manager.hook):
            for function in self._functions(hook):
                needed = getattr(function, NEEDS, ())
                self._check_needed(hook, needed, model.model_fields if model else {})
                unset = [name for name in needed if setting is not None and _is_unset(getattr(setting, name, None))]
                if unset:
                    self.idle[hook] = [f"{plugin_settings.prefix_of(plugin)}{name.upper()}" for name in unset]

    def _check_needed(self, hook: str, needed: Iterable[str], known: Iterable[str]) -> None:
        if self.mistakes:  # without its settings nothing can be said of them
            return
        for name in [name for name in needed if name not in known]:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its settings are {', '.join(known) or 'none'}."
            self._wrong(hook, f"{hook} needs the setting {name}, which register_settings does not give. {hint}")

    def many(self, hook: str, kind: type[T], **arguments: Any) -> tuple[T, ...]:
        wanted = _INSTEAD[kind]
        functions = self._functions(hook)
        if not functions:
            return ()
        answers = self._call(hook, **arguments)
        found: list[T] = []
        sentences: list[str] = []
        if len(answers) < len(functions):  # pluggy leaves None out
            sentences.append(f"{hook} returns nothing. End it with return [{wanted}].")
        for answer in answers:
            if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | dict):
                sentences.append(f"{hook} returns {_a(answer)}. Return a list of them: [{wanted}].")
                continue
            for item in self._items(hook, answer):
                if isinstance(item, kind):
                    found.append(item)
                else:
                    sentences.append(f"{hook} gives {_a(item)} where a {kind.__name__} is wanted. Write {wanted}.")
        for sentence in dict.fromkeys(sentences):
            self._wrong(hook, sentence)
        return tuple(found)

    def router(self, new_router: "Callable[[], APIRouter]", host: PluginHost) -> "APIRouter | None":
        if not self._functions("register_routes"):
            return None
        router = _LazyRouter(new_router)
        self._call("register_routes", router=router, host=host)
        return router.made

    def behaviour(self, hook: str) -> Function | None:
        functions = self._functions(hook)
        if len(functions) > 1:
            self._wrong(hook, f"{hook} is there twice. Keep one of them.")
        return functions[0] if functions else None

    def files(self, *hooks: str) -> dict[str, str]:
        places = {hook: place(function) for hook in hooks for function in self._functions(hook)}
        return {hook: found.file for hook, found in places.items() if found}

    def names(self, kind: str, things: Sequence[T], name_of: Callable[[T], str], hook: str) -> None:
        """Notes names that one plugin uses twice."""
        names = [name_of(thing) for thing in things]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            self._wrong(hook, f"It registers the {kind} {name} twice. Remove or rename one.")

    def _functions(self, hook: str) -> list[Function]:
        if hook in self.idle:
            return []
        return [each.function for each in getattr(self.manager.hook, hook).get_hookimpls()]

    def _call(self, hook: str, **arguments: Any) -> list[Any]:
        try:
            answers: list[Any] = getattr(self.manager.hook, hook)(**arguments)
        except BaseException as error:  # SystemExit too: a plugin never stops the server
            raise HookRaised(hook, error) from error
        return answers

    def _items(self, hook: str, answer: Iterable[Any]) -> list[Any]:
        try:
            return list(answer)
        except BaseException as error:  # a generator runs only now
            raise HookRaised(hook, error) from error

    def _wrong(self, hook: str, sentence: str) -> None:
        self.mistakes.append(Mistake(message=sentence, place=place(self._functions(hook)[0])))


class _LazyRouter:
    """A router that is made when a route is added: FastAPI takes a second, and not every plugin needs it every time."""

    def __init__(self, new_router: "Callable[[], APIRouter]") -> None:
        self.made: APIRouter | None = None
        self._new_router = new_router

    def __getattr__(self, name: str) -> Any:
        self.made = self.made or self._new_router()
        return getattr(self.made, name)


def _is_unset(value: object) -> bool:
    """None, and what is empty; 0 and False are values."""
    return value is None or (isinstance(value, Sized) and len(value) == 0)


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
