"""The hooks a plugin may implement. One written `def` is run once, at load; its plain return value is what counts."""

from collections.abc import Iterable

import pluggy

from webhook_ui.plugin_api import PROJECT, Trigger

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def register_triggers() -> Iterable[Trigger]:  # type: ignore[empty-body]
    """The triggers of this plugin, as a list or one by one with `yield`."""
