"""Webhook UI: a self-hosted webhook back office. The names below are what plugins and applications may rely on."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # so that an author's type checker knows them too
    from webhook_ui.migrations import include_name, migrate
    from webhook_ui.mounting import mount
    from webhook_ui.operators import Operator
    from webhook_ui.plugin_api import Trigger, hookimpl
    from webhook_ui.plugin_types import (
        Attempt,
        Delivery,
        Event,
        Host,
        Job,
        Notice,
        Page,
        Sign,
        Signer,
        Webhook,
        needs_settings,
        open_to_all,
    )
    from webhook_ui.transactional import configure, emit, emit_on_delete, emit_on_insert, emit_on_update

__version__ = "0.1.0"

_HOMES = {
    "Attempt": "webhook_ui.plugin_types",
    "Delivery": "webhook_ui.plugin_types",
    "Event": "webhook_ui.plugin_types",
    "Host": "webhook_ui.plugin_types",
    "Job": "webhook_ui.plugin_types",
    "Notice": "webhook_ui.plugin_types",
    "Operator": "webhook_ui.operators",
    "Page": "webhook_ui.plugin_types",
    "Sign": "webhook_ui.plugin_types",
    "Signer": "webhook_ui.plugin_types",
    "Trigger": "webhook_ui.plugin_api",
    "Webhook": "webhook_ui.plugin_types",
    "configure": "webhook_ui.transactional",
    "emit": "webhook_ui.transactional",
    "emit_on_delete": "webhook_ui.transactional",
    "emit_on_insert": "webhook_ui.transactional",
    "emit_on_update": "webhook_ui.transactional",
    "hookimpl": "webhook_ui.plugin_api",
    "include_name": "webhook_ui.migrations",
    "migrate": "webhook_ui.migrations",
    "mount": "webhook_ui.mounting",
    "needs_settings": "webhook_ui.plugin_types",
    "open_to_all": "webhook_ui.plugin_types",
}
__all__ = [
    "Attempt",
    "Delivery",
    "Event",
    "Host",
    "Job",
    "Notice",
    "Operator",
    "Page",
    "Sign",
    "Signer",
    "Trigger",
    "Webhook",
    "__version__",
    "configure",
    "emit",
    "emit_on_delete",
    "emit_on_insert",
    "emit_on_update",
    "hookimpl",
    "include_name",
    "migrate",
    "mount",
    "needs_settings",
    "open_to_all",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that `import webhook_ui` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
