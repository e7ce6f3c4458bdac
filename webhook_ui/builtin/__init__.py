"""The core's own plugins. They use the hooks that everybody has, and load before all others."""

from webhook_ui.builtin import engine_events

PLUGINS = (engine_events,)
