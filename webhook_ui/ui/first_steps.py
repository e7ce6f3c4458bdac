"""What an empty dashboard says: three steps to the first delivery. For who may only look, who can take them."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from webhook_ui import guard
from webhook_ui.languages import mark, tr, trn
from webhook_ui.plugin_loader import Plugins
from webhook_ui.ui import formats, icons, plugin_texts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, command
from webhook_ui.ui.states import Step, empty_state

TITLE = mark("Tell another system when something happens")
DETAIL = mark(
    "A webhook sends each event of the triggers you choose to one URL, signs it, and tries again until it arrives."
)
RECEIVER = "http://127.0.0.1:9000/"


def show_first_steps(tab: Tab, on_add: Callable[[], Any]) -> None:
    """Builds it in the current slot."""
    if not tab.may_write:
        empty_state(
            tr("No webhooks yet"), tr("Operators and admins can add one; you will see it here at once."), [], _foot(tab)
        )
        return
    loopback = guard.check_address("127.0.0.1", tab.services.settings.policy) is None
    receiver = tr("It prints and verifies whatever arrives. Have a URL already? Skip this.")
    if not loopback:
        blocked = tr("Deliveries to this machine are blocked now: start the server again with `--allow-loopback`.")
        receiver = f"{receiver} {blocked}"
    empty_state(
        tr(TITLE),
        tr(DETAIL),
        [
            Step(
                title=tr("Start a receiver to try with"),
                detail=receiver,
                build=lambda: command("webhook-ui listen --port 9000"),
            ),
            Step(
                title=tr("Add the webhook"),
                detail=tr(
                    "Give it a title, the URL (`{url}` for that receiver) and at least one trigger.", url=RECEIVER
                ),
                build=lambda: button(tr("Add the first webhook"), on_add, icon=icons.ADD, kind="primary"),
            ),
            Step(
                title=tr("Fire the trigger"),
                detail=_third(tab.services.plugins),
                build=lambda: button(tr("Open triggers"), lambda: ui.navigate.to("/triggers"), icon=icons.TRIGGERS),
            ),
        ],
        _foot(tab),
    )


def _third(plugins: Plugins) -> str:
    for registered in plugins.triggers.values():
        if registered.plugin not in plugins.added:
            continue
        title = plugin_texts.said(registered.trigger.title).replace("`", "'")
        return tr(
            "“{title}” comes with an example, so one click sends the first event. "
            "Its result appears here within a second.",
            title=title,
        )
    return tr("No plugin offers one yet. The Triggers page says where plugins are looked for, and what failed.")


def _foot(tab: Tab) -> str:
    plugins = tab.services.plugins
    if not plugins.added:
        return tr("No plugin is loaded. `webhook-ui init` writes an example.")
    listed = []
    for info in plugins.added:
        names = [f"`{name}`" for name, found in plugins.triggers.items() if found.plugin == info]
        if names:
            where = info.where.rsplit("/", 1)[-1]
            listed.append(tr("{plugin} with {triggers}", plugin=where, triggers=formats.listed(names, 3)))
    silent, more = len(plugins.added) - len(listed), len(listed[3:])
    listed[3:] = [trn("{n} more", "{n} more", more)] if more else []
    listed += [trn("{n} without a trigger", "{n} without a trigger", silent)] if silent else []
    return trn(
        "{n} plugin loaded: {plugins}.", "{n} plugins loaded: {plugins}.", len(plugins.added), plugins="; ".join(listed)
    )
