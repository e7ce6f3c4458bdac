"""What an empty dashboard says: three steps to the first delivery. For who may only look, who can take them."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from webhook_ui import guard
from webhook_ui.plugin_loader import Plugins
from webhook_ui.ui import formats, icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, command
from webhook_ui.ui.states import Step, empty_state

TITLE = "Tell another system when something happens"
DETAIL = "A webhook sends each event of the triggers you choose to one URL, signs it, and tries again until it arrives."
RECEIVER = "http://127.0.0.1:9000/"


def show_first_steps(tab: Tab, on_add: Callable[[], Any]) -> None:
    """Builds it in the current slot."""
    if not tab.may_write:
        empty_state(
            "No webhooks yet", "Operators and admins can add one; you will see it here at once.", [], _foot(tab)
        )
        return
    loopback = guard.check_address("127.0.0.1", tab.services.settings.policy) is None
    receiver = "It prints and verifies whatever arrives. Have a URL already? Skip this."
    if not loopback:
        receiver += " Deliveries to this machine are blocked now: start the server again with `--allow-loopback`."
    empty_state(
        TITLE,
        DETAIL,
        [
            Step(
                title="Start a receiver to try with",
                detail=receiver,
                build=lambda: command("webhook-ui listen --port 9000"),
            ),
            Step(
                title="Add the webhook",
                detail=f"Give it a title, the URL (`{RECEIVER}` for that receiver) and at least one trigger.",
                build=lambda: button("Add the first webhook", on_add, icon=icons.ADD, kind="primary"),
            ),
            Step(
                title="Fire the trigger",
                detail=_third(tab.services.plugins),
                build=lambda: button("Open triggers", lambda: ui.navigate.to("/triggers"), icon=icons.TRIGGERS),
            ),
        ],
        _foot(tab),
    )


def _third(plugins: Plugins) -> str:
    for registered in plugins.triggers.values():
        if registered.plugin not in plugins.added:
            continue
        title = registered.trigger.title.replace("`", "'")
        return (
            f"“{title}” comes with an example, so one click sends the first event. "
            "Its result appears here within a second."
        )
    return "No plugin offers one yet. The Triggers page says where plugins are looked for, and what failed."


def _foot(tab: Tab) -> str:
    plugins = tab.services.plugins
    if not plugins.added:
        return "No plugin is loaded. `webhook-ui init` writes an example."
    listed = []
    for info in plugins.added:
        names = [f"`{name}`" for name, found in plugins.triggers.items() if found.plugin == info]
        if names:
            listed.append(f"{info.where.rsplit('/', 1)[-1]} with {formats.listed(names, 3)}")
    silent, more = len(plugins.added) - len(listed), len(listed[3:])
    listed[3:] = [f"{more} more"] if more else []
    listed += [f"{silent} without a trigger"] if silent else []
    return f"{formats.counted(len(plugins.added), 'plugin')} loaded: {'; '.join(listed)}."
