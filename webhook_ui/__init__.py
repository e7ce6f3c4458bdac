"""Webhook UI: a self-hosted webhook back office. The names below are what plugins may rely on."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # so that an author's type checker knows them too
    from webhook_ui.plugin_api import Trigger, hookimpl

__version__ = "0.1.0"

_HOMES = {
    "Trigger": "webhook_ui.plugin_api",
    "hookimpl": "webhook_ui.plugin_api",
}
__all__ = ["Trigger", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that `import webhook_ui` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
