"""What a plugin's hooks must look like, and calling them: pluggy itself lets a misspelt or undecorated hook pass."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pluggy

from webhook_ui import hookspecs
from webhook_ui.plugin_api import PROJECT, Trigger
from webhook_ui.plugin_problems import Mistake, Place, definition

Function = Callable[..., Any]

_NOTHING = (
    "It registers nothing: there is no hook in it. Write a function register_triggers marked with @hookimpl, or, if "
    "this is no plugin, let its name start with _."
)


def new_manager() -> pluggy.PluginManager:
    """A manager for one plugin: each has its own, so that hooks are called one plugin at a time."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def hook_mistakes(manager: pluggy.PluginManager, plugin: object) -> list[Mistake]:
    """All that is wrong with the hooks of `plugin`; empty when they can be called."""
    specs = _specs(manager)
    mistakes: list[Mistake] = []
    hooks = 0
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            hooks += 1
            mistakes += _implementation_mistakes(getattr(plugin, attribute), attribute, options, specs)
        elif attribute in specs and _is_own_function(plugin, attribute, specs[attribute]):
            message = f"{attribute} is not marked as a hook. Write @hookimpl on the line above its def."
            mistakes.append(Mistake(message=message, place=_place(getattr(plugin, attribute))))
    if not hooks and not mistakes:
        mistakes.append(Mistake(message=_NOTHING))
    return mistakes


def call_register_triggers(manager: pluggy.PluginManager) -> tuple[list[Trigger], list[Mistake]]:
    """What the registered plugin's register_triggers gives, and what in it is no trigger. Raises what it raises."""
    hook = manager.hook.register_triggers
    implementations = hook.get_hookimpls()
    place = _place(implementations[0].function) if implementations else None
    answers: list[Any] = hook()
    found: list[Trigger] = []
    sentences: list[str] = []
    if len(answers) < len(implementations):  # pluggy leaves None out
        sentences.append("register_triggers returns nothing. End it with return [Trigger(…)].")
    for answer in answers:
        if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | dict):
            sentences.append(f"register_triggers returns {_a(answer)}. Return a list of them: [Trigger(…)].")
            continue
        for item in answer:
            if isinstance(item, Trigger):
                found.append(item)
            else:
                sentences.append(f"register_triggers gives {_a(item)} where a Trigger is wanted. Write Trigger(…).")
    return found, [Mistake(message=sentence, place=place) for sentence in dict.fromkeys(sentences)]


def _specs(manager: pluggy.PluginManager) -> dict[str, Function]:
    return {
        name: function
        for name, function in vars(hookspecs).items()
        if manager.parse_hookspec_opts(hookspecs, name) is not None
    }


def _is_own_function(plugin: object, attribute: str, spec: Function) -> bool:
    static = inspect.getattr_static(plugin, attribute)
    return inspect.isfunction(static) and static is not spec


def _implementation_mistakes(
    function: Function, attribute: str, options: pluggy.HookimplOpts, specs: dict[str, Function]
) -> Iterator[Mistake]:
    hook = options["specname"] or attribute
    sentences = [_unknown(hook, specs)] if hook not in specs else _shape_mistakes(function, hook, options, specs[hook])
    for sentence in sentences:
        yield Mistake(message=sentence, place=_place(function))


def _shape_mistakes(function: Function, hook: str, options: pluggy.HookimplOpts, spec: Function) -> Iterator[str]:
    if options["wrapper"] or options["hookwrapper"]:
        yield f"{hook} cannot wrap other plugins. Write @hookimpl without wrapper."
    if _is_async(function) and not _is_async(spec):
        yield f"{hook} is called once, at load, and is not awaited. Write def in place of async def."
    if _is_async(spec) and not _is_async(function):
        yield f"{hook} is awaited. Write async def in place of def."
    known = inspect.signature(spec).parameters
    surplus = [name for name in _required(function) if name not in known]
    if surplus:
        takes = ", ".join(known) or "no arguments"
        yield f"{hook} takes {takes}. Remove {', '.join(surplus)}, or give a default value."


def _unknown(hook: str, specs: Iterable[str]) -> str:
    near = difflib.get_close_matches(hook, specs, n=1)
    return f"{hook} is not a hook. " + (f"Did you mean {near[0]}?" if near else f"The hooks are: {', '.join(specs)}.")


def _required(function: Function) -> list[str]:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variable]


def _is_async(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _place(function: Function) -> Place | None:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return definition(code.co_filename, code.co_firstlineno, code.co_name) if code else None


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
