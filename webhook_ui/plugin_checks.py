"""What a plugin's hooks must look like: pluggy itself lets a misspelt or undecorated hook pass."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import pluggy

from webhook_ui import hookspecs, signing
from webhook_ui.plugin_api import PROJECT
from webhook_ui.plugin_problems import Mistake, Place, definition, raised
from webhook_ui.plugin_types import Signer

Function = Callable[..., Any]

AT_SEND = ("transform_payload",)  # the one plain hook that is called later as well
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
    known = specs(manager)
    mistakes: list[Mistake] = []
    hooks = 0
    if inspect.ismodule(plugin):
        mistakes += _hidden_in_classes(manager, plugin)
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            hooks += 1
            mistakes += _implementation_mistakes(getattr(plugin, attribute), attribute, options, known)
        elif (hook := _meant(attribute, known)) and _is_own_function(plugin, attribute, known[hook]):
            message = f"{attribute} is not marked as a hook. Write @hookimpl on the line above its def."
            if attribute != hook:
                message = f"{attribute} is no hook. Did you mean {hook}? Rename it, and write @hookimpl above its def."
            mistakes.append(Mistake(message=message, place=place(getattr(plugin, attribute))))
    if not hooks and not mistakes:
        mistakes.append(Mistake(message=_NOTHING))
    return mistakes


def signer_mistakes(signer: Signer) -> Iterator[Mistake]:
    """What shows when a signer is tried: deliveries would only fail with it."""
    spot = place(signer.make)
    if not _takes(signer.make, [[]]):
        yield Mistake(message=f"Signer {signer.name}: make is called with the list of secrets alone.", place=spot)
        return
    try:
        sign = signer.make([signing.new_secret()])
    except (TypeError, AttributeError, NameError, ImportError) as error:  # others may be about the sample secret
        yield Mistake(message=f"Signer {signer.name}: make raised {raised(error)} Correct it.", place=spot)
        return
    except Exception:  # about the sample secret, perhaps: with the webhook's own it is a failed attempt that says why
        return
    if not callable(sign):
        wanted = "End it with return sign, a function sign(message_id, timestamp, body)."
        yield Mistake(message=f"Signer {signer.name}: make returns {type(sign).__name__}. {wanted}", place=spot)
    elif not _takes(sign, ["evt_1", 0, b""]):
        message = f"Signer {signer.name}: what make returns is called as sign(message_id, timestamp, body)."
        yield Mistake(message=message, place=place(sign) or spot)


def _takes(function: Function, arguments: list[Any]) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # one written in C says nothing of its arguments
        return True
    return True


def specs(manager: pluggy.PluginManager) -> dict[str, Function]:
    """The hooks there are, by name, as `hookspecs` declares them."""
    return {
        name: function
        for name, function in vars(hookspecs).items()
        if manager.parse_hookspec_opts(hookspecs, name) is not None
    }


def place(function: Function) -> Place | None:
    """Where a function stands."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return definition(code.co_filename, code.co_firstlineno, code.co_name) if code else None


def _hidden_in_classes(manager: pluggy.PluginManager, plugin: ModuleType) -> Iterator[Mistake]:
    """Hooks that are methods: nobody makes an object of their class, so they would never be called."""
    for kind in [each for each in vars(plugin).values() if inspect.isclass(each)]:
        for name in vars(kind) if kind.__module__ == plugin.__name__ else ():
            if manager.parse_hookimpl_opts(kind, name) is None or manager.parse_hookimpl_opts(plugin, name) is not None:
                continue
            message = (
                f"{name} is a method of the class {kind.__name__}; hooks are functions of the file itself. Move it "
                f"out of the class, or write {name} = {kind.__name__}().{name} below it."
            )
            yield Mistake(message=message, place=place(getattr(kind, name)))


def _meant(attribute: str, known: Iterable[str]) -> str | None:
    """The hook that a function without a mark is probably meant to be."""
    if not attribute.startswith("register_"):  # others may well be helpers of that name
        return attribute if attribute in known and attribute != "source" else None
    return next(iter(difflib.get_close_matches(attribute, known, n=1, cutoff=0.9)), None)


def _is_own_function(plugin: object, attribute: str, spec: Function) -> bool:
    static = inspect.getattr_static(plugin, attribute)
    return inspect.isfunction(static) and static is not spec


def _implementation_mistakes(
    function: Function, attribute: str, options: pluggy.HookimplOpts, known: dict[str, Function]
) -> Iterator[Mistake]:
    hook = options["specname"] or attribute
    sentences = [_unknown(hook, known)] if hook not in known else _shape_mistakes(function, hook, options, known[hook])
    for sentence in sentences:
        yield Mistake(message=sentence, place=place(function))


def _shape_mistakes(function: Function, hook: str, options: pluggy.HookimplOpts, spec: Function) -> Iterator[str]:
    if options["wrapper"] or options["hookwrapper"]:
        yield f"{hook} cannot wrap other plugins. Write @hookimpl without wrapper."
    if hook == "source":
        yield from _source_mistakes(function)
    elif _is_async(function) and not inspect.iscoroutinefunction(spec):
        when = "for every attempt, on a thread," if hook in AT_SEND else "once, at load,"
        yield f"{hook} is called {when} and is not awaited. Write def in place of async def."
    elif inspect.iscoroutinefunction(spec) and not inspect.iscoroutinefunction(function):
        yield f"{hook} is awaited. Write async def in place of def."
    known = inspect.signature(spec).parameters
    surplus = [name for name in _required(function) if name not in known]
    if surplus:
        takes = ", ".join(known) or "no arguments"
        unused = [name for name in known if name not in inspect.signature(function).parameters]
        near = [found[0] for name in surplus if (found := difflib.get_close_matches(name, unused, n=1))]
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        yield f"{hook} takes {takes}. Remove {', '.join(surplus)}, or give a default value.{hint}"


def _source_mistakes(function: Function) -> Iterator[str]:
    inner = inspect.unwrap(function)
    if inspect.isasyncgenfunction(function):
        yield "source must be an async context manager. Write @asynccontextmanager between @hookimpl and its def."
    elif not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(inner)):
        yield "source is awaited. Write async def in place of def."


def _unknown(hook: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(hook, known, n=1)
    return f"{hook} is not a hook. " + (f"Did you mean {near[0]}?" if near else f"The hooks are: {', '.join(known)}.")


def _required(function: Function) -> list[str]:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variable]


def _is_async(function: Function) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
