"""A plugin's own settings: its model, filled from the environment and `.env`. The core's stand in `settings`."""

import difflib
import os
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from webhook_ui.plugin_problems import said

PREFIX = "WEBHOOK_UI_"


def prefix_of(plugin: str) -> str:
    """`WEBHOOK_UI_GITHUB_` of `github`."""
    return f"{PREFIX}{re.sub(r'[^A-Z0-9]', '_', plugin.upper())}_"


def belongs_to(name: str, plugins: Iterable[str]) -> bool:
    """Whether a setting of this name can be that of one of `plugins`."""
    return any(name.startswith(prefix_of(plugin)) for plugin in plugins)


def read(
    plugin: str, model: type[BaseModel], core: Iterable[str], plugins: Iterable[str]
) -> tuple[BaseModel | None, list[str]]:
    """The settings in force, or sentences that say what is wrong with them; a value is never repeated.

    `core` has the names of the core's settings, which no plugin may take; `plugins` are the names of all plugins.
    """
    prefix = prefix_of(plugin)
    names = {prefix + name.upper(): name for name in model.model_fields}
    longer = [other for other in plugins if prefix_of(other).startswith(prefix) and prefix_of(other) != prefix]
    sentences = [
        f"Its setting {name} is one of Webhook UI's own. Rename the plugin or the field."
        for name in names
        if name in core
    ]
    for given in sorted({name.upper() for name in (*os.environ, *dotenv_values(".env"))}):
        if given.startswith(prefix) and given not in (*names, *core) and not belongs_to(given, longer):
            near = difflib.get_close_matches(given, names, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its settings are {', '.join(names) or 'none'}."
            sentences.append(f"It has no setting {given}. {hint}")
    if sentences:
        return None, sentences
    try:
        return _reader(model, prefix)(), []
    except ValidationError as error:
        return None, [_sentence(fault, prefix) for fault in error.errors(include_input=False, include_url=False)]
    except SettingsError as error:
        return None, [f"Its settings cannot be read: {said(error)}. Write lists and objects as JSON."]


@cache
def _reader(model: type[BaseModel], prefix: str) -> type[BaseModel]:
    config = SettingsConfigDict(env_prefix=prefix, env_file=".env", extra="ignore", hide_input_in_errors=True)
    return type(model.__name__, (model, BaseSettings), {"model_config": config, "__module__": model.__module__})


def _sentence(fault: Any, prefix: str) -> str:
    name = prefix + "_".join(str(part).upper() for part in fault["loc"][:1]) if fault["loc"] else prefix + "…"
    if fault["type"] == "missing":
        return f"The setting {name} is missing. Set it in the environment or in .env."
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    return f"The setting {name} is not right: {message}."
