"""Forms that were open when a page had to be loaded anew (the server was restarted): opened again as they were.

The browser keeps what stood in them (`static/drafts.js`); what it sends back is judged like any other input. Each form
takes its draft itself (`kept_forms.py`).
"""

import re
from collections.abc import Awaitable, Callable, Mapping

from webhook_ui.actors import Role
from webhook_ui.bulk import Step
from webhook_ui.errors import WebhookUIError
from webhook_ui.ui import filter_form, webhook_form
from webhook_ui.ui.accounts_section import AccountDialog, PasswordDialog
from webhook_ui.ui.bulk_actions import BulkWork
from webhook_ui.ui.commands import nothing_more, say_added
from webhook_ui.ui.context import Draft, Tab, Value
from webhook_ui.ui.fire_dialog import FireDialog
from webhook_ui.ui.plugins_section import open_settings
from webhook_ui.ui.redelivery_edit import EditDialog
from webhook_ui.ui.redelivery_panel import look, may_be_edited
from webhook_ui.ui.resume_dialog import Terms, ask_to_resume, ask_to_resume_many
from webhook_ui.ui.tokens_section import TokenDialog
from webhook_ui.ui.webhook_actions import describe_one

LONGEST = 100_000  # characters of one field
_FORM = re.compile(r"([a-z]{1,20}) (\S{1,2000}) (\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_NUMBERS = re.compile(r"\d{1,18}(,\d{1,18})+", re.ASCII)
_BY_ADDRESS = ("order", "filters")  # they are there, or are about to be


async def restore(tab: Tab, given: object) -> None:
    """Opens the form of a draft with its values; nothing for what is no draft or not allowed any more."""
    if not isinstance(given, dict) or not isinstance(given.get("values"), dict):
        return
    named = _FORM.fullmatch(str(given.get("form")))
    if named is None:
        return
    kind, what, version = named.groups()
    form, draft = f"{kind} {what}", Draft(values=read_values(given["values"]), version=int(version))
    if kind in _BY_ADDRESS:
        with tab.client:
            _hand_over(tab, form, draft)
        return
    role, opening = _OPENINGS.get(kind, (Role.admin, None))
    if opening is None or not tab.actor.role.covers(role):
        return
    tab.drafts[form] = draft
    try:
        (await tab.current_actor()).require(role)
        with tab.client:
            await opening(tab, what)
    except WebhookUIError:
        return  # there is nothing left that it could be for
    finally:
        tab.drafts.pop(form, None)


def _hand_over(tab: Tab, form: str, draft: Draft) -> None:
    if form in tab.waiting:
        tab.waiting[form](draft)
    else:
        tab.drafts[form] = draft


async def _webhook(tab: Tab, what: str) -> None:
    if what == "new":
        webhook_form.add_webhook(tab, say_added)
    elif _NUMBER.fullmatch(what):
        await webhook_form.edit_webhook(tab, int(what))


async def _filter(tab: Tab, what: str) -> None:
    if _NUMBER.fullmatch(what):
        await filter_form.edit_filter(tab, int(what))


async def _fire(tab: Tab, name: str) -> None:
    registered = tab.services.plugins.triggers.get(name)
    if registered:  # else its plugin is gone
        await FireDialog(tab, registered.trigger, on_fired=nothing_more).open()


async def _resume(tab: Tab, what: str) -> None:
    if _NUMBER.fullmatch(what):
        row = await tab.read(describe_one, int(what))
        if row.webhook.paused and row.held:
            ask_to_resume(tab, row, on_resumed=lambda _: None)
    elif _NUMBERS.fullmatch(what):
        numbers = [int(number) for number in what.split(",")]

        async def resume(terms: Terms) -> None:
            await BulkWork(tab, None, nothing_more).take(Step.resume, numbers, terms=terms)

        ask_to_resume_many(tab, numbers, resume)


async def _plan(tab: Tab, what: str) -> None:
    if _NUMBER.fullmatch(what):
        row = (await tab.read(look, int(what))).row
        if may_be_edited(row):
            EditDialog(tab, row.plan, on_saved=nothing_more).open()


async def _account(tab: Tab, _: str) -> None:
    AccountDialog(tab).frame.open()


async def _password(tab: Tab, email: str) -> None:
    PasswordDialog(tab, email).frame.open()


async def _token(tab: Tab, _: str) -> None:
    TokenDialog(tab).frame.open()


async def _plugin(tab: Tab, name: str) -> None:
    model = tab.services.plugins.models.get(name)
    if model:
        await open_settings(tab, name, model)


_OPENINGS: dict[str, tuple[Role, Callable[[Tab, str], Awaitable[None]]]] = {
    "webhook": (Role.operator, _webhook),
    "filter": (Role.operator, _filter),
    "fire": (Role.operator, _fire),
    "resume": (Role.operator, _resume),
    "plan": (Role.operator, _plan),
    "account": (Role.admin, _account),
    "password": (Role.admin, _password),
    "token": (Role.admin, _token),
    "plugin": (Role.admin, _plugin),
}


def read_values(given: Mapping[object, object]) -> dict[str, Value]:
    """What is a text, a switch or a list of names; all else is left out."""
    values: dict[str, Value] = {}
    for name, value in given.items():
        if isinstance(value, list):
            values[str(name)] = [one for one in value if isinstance(one, str)]
        elif isinstance(value, bool) or (isinstance(value, str) and len(value) <= LONGEST):
            values[str(name)] = value
    return values
