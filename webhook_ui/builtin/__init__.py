"""The core's own plugins. They use the hooks that everybody has, and load before all others."""

from webhook_ui.builtin import ed25519_signatures, engine_events, standard_signatures

PLUGINS = (standard_signatures, ed25519_signatures, engine_events)
