"""Forms that were open when a page had to be loaded anew (the server was restarted): opened again as they were.

The browser keeps what stood in them (`static/connection.js`); what it sends back is judged like any other input.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from nicegui import ui

from webhook_ui.ui import filter_form, webhook_form
from webhook_ui.ui.commands import nothing_more, say_added
from webhook_ui.ui.context import Tab
from webhook_ui.ui.fire_dialog import FireDialog
from webhook_ui.ui.redeliveries_address import Address, typed_moment

_FORM = re.compile(
    r"(webhook|filter) (new|\d{1,18}) (\d{1,18})|fire ([a-z0-9_.]{1,200})|order (redeliver|cancel)", re.ASCII
)
_TYPED = ("response_status", "tenant", "rate", "cron", "timezone")
_MOMENTS = ("from", "to", "at")
LONGEST = 100_000  # characters of one field


async def restore(tab: Tab, draft: object) -> None:
    """Opens the form of a draft with its values; nothing for what is no draft or not allowed any more."""
    if not isinstance(draft, dict) or not tab.may_write:
        return
    form, given = _FORM.fullmatch(str(draft.get("form"))), draft.get("values")
    if form is None or not isinstance(given, dict):
        return
    values = read_values(given)
    kind, number, version, trigger, order = form.groups()
    if order:
        _order(tab, order, values)
    elif trigger:
        await _fire(tab, trigger, values)
    elif kind == "filter" and number != "new":
        await filter_form.edit_filter(tab, int(number), draft=values, version=int(version))
    elif kind == "webhook" and number == "new":
        webhook_form.add_webhook(tab, say_added, draft=values)
    elif kind == "webhook":
        await webhook_form.edit_webhook(tab, int(number), draft=values, version=int(version))


async def _fire(tab: Tab, name: str, values: webhook_form.Draft) -> None:
    registered = tab.services.plugins.triggers.get(name)
    if registered is None:
        return  # its plugin is gone
    with tab.client:
        dialog = FireDialog(tab, registered.trigger, on_fired=nothing_more)
        dialog.fill(values)
        await dialog.open()


def _order(tab: Tab, kind: str, values: webhook_form.Draft) -> None:
    """What was chosen stands in the address, and so the form is open already; what was typed last may not."""
    address = Address.read(tab.client.sub_pages_router.current_path)
    if address.new != kind:
        return
    scope = {**address.scope, **{name: str(values[name]).strip() for name in _TYPED if name in values}}
    for name in _MOMENTS:
        if name in values:
            scope[name] = typed_moment(str(values[name]).strip(), str(values.get(f"{name} time", "")).strip())
    typed = {name: text for name, text in scope.items() if text}
    if typed != address.scope:
        with tab.client:
            ui.navigate.to(replace(address, scope=typed).text())


def read_values(given: Mapping[object, object]) -> webhook_form.Draft:
    """What is a text, a switch or a list of names; all else is left out."""
    values: dict[str, str | bool | list[str]] = {}
    for name, value in given.items():
        if isinstance(value, list):
            values[str(name)] = [one for one in value if isinstance(one, str)]
        elif isinstance(value, bool) or (isinstance(value, str) and len(value) <= LONGEST):
            values[str(name)] = value
    return values
