"""The server's settings in words: each with its value, never a secret, and where that comes from. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from webhook_ui.languages import mark, short_number, tr, trn
from webhook_ui.settings import PREFIX, Origin, Settings
from webhook_ui.ui import formats

ORIGINS: dict[Origin, str] = {
    "command": mark("command line"),
    "environment": mark("environment"),
    "file": ".env",
    "default": mark("default"),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting in force; `variable` is the name to set it by."""

    variable: str
    value: str
    origin: Origin
    description: str


def settings_in_force(settings: Settings) -> list[Setting]:
    """All of them, in the order of the README's table."""
    return [
        Setting(
            variable=PREFIX + name.upper(),
            value=value_text(name, getattr(settings, name)),
            origin=settings.origin(name),
            description=tr(str(field.description)),
        )
        for name, field in Settings.model_fields.items()
    ]


def source_text(settings: Settings, name: str) -> str:
    """'default', 'set for the server (environment)'."""
    origin = settings.origin(name)
    return tr("default") if origin == "default" else tr("set for the server ({origin})", origin=tr(ORIGINS[origin]))


def value_text(name: str, value: Any) -> str:
    """A value as people read it; of what is secret only whether it is set."""
    if isinstance(value, SecretStr):
        return tr("set")
    if value is None:
        return tr("not set")
    if isinstance(value, bool):
        return tr("on") if value else tr("off")
    if name in _WORDS:
        return _WORDS[name](value)
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value) or tr("none")
    return str(value)


_WORDS: dict[str, Callable[[Any], str]] = {
    "retry_schedule": lambda waits: ", ".join(map(formats.wait, waits)) or tr("no second attempt"),
    "retry_jitter": lambda part: f"{part:.0%}".replace("%", " %"),
    "request_timeout": lambda seconds: f"{short_number(seconds)} s",
    "lease": lambda seconds: f"{short_number(seconds)} s",
    "retention_days": lambda days: trn("{n} day", "{n} days", days, n=formats.count(days)),
    "max_payload_bytes": formats.size,
    "data_dir": lambda folder: str(folder.absolute()),
    "plugins_dir": lambda folder: str(folder.absolute()),
}
