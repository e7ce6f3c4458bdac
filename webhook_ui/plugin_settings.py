"""A plugin's own settings: its model, filled from what was saved and the environment. The core's: `settings`."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from webhook_ui.plugin_problems import said
from webhook_ui.plugin_setting_words import in_words

PREFIX = "WEBHOOK_UI_"
ENV_FILE = ".env"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def prefix_of(plugin: str) -> str:
    """`WEBHOOK_UI_GITHUB_` of `github`."""
    return f"{PREFIX}{re.sub(r'[^A-Z0-9]', '_', plugin.upper())}_"


def belongs_to(name: str, plugins: Iterable[str]) -> bool:
    """Whether a setting of this name can be that of one of `plugins`."""
    return any(name.startswith(prefix_of(plugin)) for plugin in plugins)


def read(
    plugin: str,
    model: type[BaseModel],
    core: Iterable[str],
    plugins: Iterable[str],
    saved: Mapping[str, Any] = NOTHING,
) -> tuple[BaseModel | None, list[str]]:
    """The settings in force, or sentences that say what is wrong with them; a value is never repeated.

    `core` has the names of the core's settings, which no plugin may take; `plugins` are the names of all plugins;
    `saved` is what was saved on the page Settings: the environment and `.env` win.
    """
    prefix = prefix_of(plugin)
    names = {prefix + name.upper(): name for name in model.model_fields}
    longer = [other for other in plugins if prefix_of(other).startswith(prefix) and prefix_of(other) != prefix]
    sentences = [
        f"Its setting {name} is one of Webhook UI's own. Rename the plugin or the field."
        for name in names
        if name in core
    ]
    for given in sorted({name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}):
        if given.startswith(prefix) and given not in (*names, *core) and not belongs_to(given, longer):
            near = difflib.get_close_matches(given, names, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its settings are {', '.join(names) or 'none'}."
            sentences.append(f"It has no setting {given}. {hint}")
    if sentences:
        return None, sentences
    try:
        return _made(plugin, model, saved), []
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        elsewhere = given_elsewhere(plugin, model)
        return None, [_sentence(fault, prefix, elsewhere, saved) for fault in faults]
    except SettingsError as error:
        return None, [f"Its settings cannot be read: {said(error)}. Write lists and objects as JSON."]


def given_elsewhere(plugin: str, model: type[BaseModel]) -> dict[str, str]:
    """The fields that the environment or `.env` sets, and which of the two."""
    prefix, environment, file = prefix_of(plugin), _upper(os.environ), _upper(dotenv_values(ENV_FILE))
    variables = {name: prefix + name.upper() for name in model.model_fields}
    return {
        name: "the environment" if variable in environment else ENV_FILE
        for name, variable in variables.items()
        if variable in environment or variable in file
    }


def mistakes(plugin: str, model: type[BaseModel], saved: Mapping[str, Any]) -> dict[str, str]:
    """What would be wrong with these, by field; what the model has against several of them together by no name."""
    found: dict[str, str] = {}
    try:
        _made(plugin, model, saved)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            place = [str(part) for part in fault["loc"]]
            name, inside = (place[0] if place else ""), ".".join(place[1:])
            message = in_words(fault)
            found[name] = " ".join(filter(None, [found.get(name), f"{inside}: {message}" if inside else message]))
    except SettingsError as error:
        found[""] = f"{said(error)}."
    return found


def secrets_of(model: type[BaseModel]) -> frozenset[str]:
    """The fields that are secret, as a whole or in a part: nobody is shown them again."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return frozenset(
        name for name, part in schema.get("properties", {}).items() if _is_secret(part, definitions, frozenset())
    )


def _is_secret(part: Any, definitions: Mapping[str, Any], seen: frozenset[str]) -> bool:
    if isinstance(part, list):
        return any(_is_secret(one, definitions, seen) for one in part)
    if not isinstance(part, Mapping):
        return False
    if part.get("writeOnly") is True or part.get("format") == "password":
        return True
    reference = part.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        inner = definitions.get(reference.removeprefix("#/$defs/"))
        if _is_secret(inner, definitions, seen | {reference}):
            return True
    return any(_is_secret(one, definitions, seen) for one in part.values())


def _made(plugin: str, model: type[BaseModel], saved: Mapping[str, Any]) -> BaseModel:
    elsewhere = given_elsewhere(plugin, model)
    used = {name: value for name, value in saved.items() if name in model.model_fields and name not in elsewhere}
    return _reader(model, prefix_of(plugin))(**used)


def _upper(given: Iterable[str]) -> set[str]:
    return {name.upper() for name in given}


@cache
def _reader(model: type[BaseModel], prefix: str) -> type[BaseModel]:
    config = SettingsConfigDict(env_prefix=prefix, env_file=ENV_FILE, extra="ignore", hide_input_in_errors=True)
    return type(model.__name__, (model, BaseSettings), {"model_config": config, "__module__": model.__module__})


def _sentence(fault: Any, prefix: str, elsewhere: Mapping[str, str], saved: Mapping[str, Any]) -> str:
    name = prefix + "_".join(str(part).upper() for part in fault["loc"][:1]) if fault["loc"] else prefix + "…"
    if fault["type"] == "missing":
        return f"The setting {name} is missing. Set it in the environment or in .env, or on the page Settings."
    field = str(fault["loc"][0]) if fault["loc"] else ""
    remedy = f" It is set in {elsewhere[field]}: correct it there." if field in elsewhere else ""
    if not remedy and field in saved:
        remedy = " It was saved on the page Settings, tab Plugins: correct it there."
    return f"The setting {name} is not right: {in_words(fault)}{remedy}"
