"""The tab Accounts of the page Settings, for admins: who signs in, as what; made, changed and let in no more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from nicegui import ui

from webhook_ui import accounts, times
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.languages import mark, tr, tr_all
from webhook_ui.models import Account
from webhook_ui.ui import icons, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import Action, button, more_menu
from webhook_ui.ui.fields import Field, choice_field, password_field, show_problems, text_field
from webhook_ui.ui.frames import DialogFrame, confirm
from webhook_ui.ui.kept_forms import Kept
from webhook_ui.ui.parts import Part, box, foreign, prose, sentence, symbol, text, time_text
from webhook_ui.ui.tables import ACCOUNTS, Pager, Table

PAGE = 50
ROLES = {
    "viewer": mark("Viewer: looks"),
    "operator": mark("Operator: changes and sends"),
    "admin": mark("Admin: accounts and tokens too"),
}
ROLE_WORDS = {"viewer": mark("viewer"), "operator": mark("operator"), "admin": mark("admin")}
PASSWORD_HINT = mark("At least 10 characters; hand it over by a safe way")


class AccountsSection:
    """`go(after)` leads to another page of the list."""

    def __init__(self, tab: Tab, *, go: Callable[[str], Any]) -> None:
        self._tab, self._go = tab, go
        self._after = self._next = ""
        self._came_from: dict[str, str] = {}
        with box("div", "w-row w-wrap"):
            prose(tr("Who signs in to the dashboard, and as what."), "w-second w-grow")
            button(tr("Add account"), self._add, icon=icons.ADD, kind="primary")
        if not tab.services.identity.signs_in and tab.services.settings.auth == "accounts":
            prose(
                tr("The application around this dashboard says who comes in; accounts here open nothing."),
                "w-pending-ink",
            )
        elif tab.services.settings.auth == "none":
            prose(
                tr("`WEBHOOK_UI_AUTH` is `none`: whoever reaches the port is admin, and nobody signs in."),
                "w-pending-ink",
            )
        self._table = Table(tr("Accounts"), ACCOUNTS, "people")
        self._rows = Part(self._table.body, lambda _, found: self._fill(found))
        with self._table.element:
            self._pager = Pager(self._back, lambda: self._go(self._next))

    async def show(self, after: str) -> None:
        """The page that begins behind this address."""
        if after != self._after and after not in self._came_from:
            self._came_from[after] = self._after
        self._after = after
        found = await self._tab.read(accounts.list_accounts, after=after, limit=PAGE + 1)
        page = found[:PAGE]
        self._next = page[-1].email if len(found) > PAGE else ""
        self._rows.show([(one.email, one.role, one.disabled_at) for one in page], page)
        self._pager.show(1, len(page), None, back=bool(after), more=bool(self._next))
        self._pager.element.set_visibility(bool(after or self._next))

    async def look(self, changes: frozenset[Changed]) -> None:
        """Shows what was changed elsewhere."""
        if any(change.kind in (Kind.account, Kind.anything) for change in changes):
            await self.show(self._after)

    def _back(self) -> Any:
        return self._go(self._came_from.get(self._after, ""))

    def _fill(self, found: Sequence[Account]) -> None:
        for account in found:
            row = self._table.row()
            with row.cell("email"), box("span", "w-row"):
                foreign(account.email, "w-medium")
                if account.email == self._tab.actor.name:
                    text(tr("you"), "w-meta")
            with row.cell("role"):
                text(tr(ROLE_WORDS[account.role]).capitalize())
            with row.cell("state"), box("span", "w-row"):
                off = account.disabled_at is not None
                symbol(icons.DISABLED if off else icons.SENT, "w-muted" if off else "w-sent-ink")
                text(tr("Disabled") if off else tr("Can sign in"))
            with row.cell("created"):
                time_text(account.created_at, self._tab.zone).classes("w-muted")
            with row.cell("actions"):
                more_menu(partial(self._actions, account), name=tr("More for {email}", email=account.email))

    def _actions(self, account: Account) -> list[Action]:
        roles = [
            Action(
                label=tr("Make {role}", role=tr(ROLE_WORDS[role])),
                on_click=partial(self._change_role, account.email, role),
                icon=icons.UP,
            )
            for role in Role
            if role != account.role
        ]
        if account.disabled_at is None:
            turn = Action(
                label=tr("Disable"), on_click=partial(self._disable, account), icon=icons.DISABLED, danger=True
            )
        else:
            turn = Action(label=tr("Enable"), on_click=partial(self._enable, account.email), icon=icons.ENABLED)
        password = Action(label=tr("Reset password"), on_click=partial(self._reset, account.email), icon=icons.EDIT)
        return [*roles, password, turn]

    async def _change_role(self, email: str, role: Role) -> None:
        with self._tab.client:
            if await act(self._tab, accounts.change_role, email, role):
                toasts.done(tr("{email} is {role} now.", email=email, role=tr(ROLE_WORDS[role])))

    async def _enable(self, email: str) -> None:
        with self._tab.client:
            if await act(self._tab, accounts.enable_account, email):
                toasts.done(tr("{email} can sign in.", email=email))

    def _disable(self, account: Account) -> ui.dialog:
        async def disable() -> None:
            with self._tab.client:
                if await act(self._tab, accounts.disable_account, account.email):
                    toasts.done(tr("{email} is disabled and signed out.", email=account.email))

        mine = tr(" This is your own account: you are signed out.") if account.email == self._tab.actor.name else ""
        with self._tab.client:
            return confirm(
                tr("Disable {email}?", email=account.email),
                tr("Whoever is signed in with it is signed out at once. It can be enabled again.{own}", own=mine),
                action=tr("Disable"),
                on_confirm=disable,
            )

    def _add(self) -> None:
        with self._tab.client:
            AccountDialog(self._tab).frame.open()

    def _reset(self, email: str) -> None:
        with self._tab.client:
            PasswordDialog(self._tab, email).frame.open()


class _Dialog:
    """A form that stores once, explains what is wrong at its fields, and is gone when it closes."""

    def __init__(self, tab: Tab, title: str, *, primary: str) -> None:
        self._tab, self._busy = tab, False
        self.fields: dict[str, Field] = {}
        self.frame = DialogFrame(title, primary=primary, on_primary=self.save)
        self.frame.dialog.on("hide", self.frame.dialog.delete)

    async def save(self) -> None:
        """Stores what was typed, once."""
        if self._busy:
            return
        self._busy = True
        self.frame.wait(True)
        with self._tab.client:
            try:
                actor = await self._tab.current_actor()
                actor.require(Role.admin)  # before a password is hashed for nobody
                await self.store()
            except Invalid as error:
                for name, field in self.fields.items():
                    field.error = error.fields.get(name)
                rest = " ".join(message for name, message in error.fields.items() if name not in self.fields)
                show_problems(self.frame.summary, list(self.fields.values()), rest)
            except WebhookUIError as error:
                show_problems(self.frame.summary, [], tr("Nothing was changed. {error}", error=error))
            else:
                self.frame.close()
                return
        self.frame.wait(False)
        self._busy = False

    async def store(self) -> None:
        raise NotImplementedError

    async def write(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`fn` on the write side, by whoever acts now."""
        actor = await self._tab.current_actor()
        return await self._tab.write(fn, *args, actor=actor, now=times.utcnow(), **kwargs)

    def hash_typed(self) -> Awaitable[str]:
        """Slow on purpose, so on a thread of its own."""
        return asyncio.to_thread(accounts.hash_password, self.fields["password"].value or "")


class AccountDialog(_Dialog):
    """Add account."""

    def __init__(self, tab: Tab) -> None:
        super().__init__(tab, tr("Add account"), primary=tr("Add account"))
        with self.frame.body:
            self.fields["email"] = text_field(tr("Email"), kind="email", on_enter=self.save)
            self.fields["role"] = choice_field(tr("Role"), tr_all(ROLES), "viewer")
            self.fields["password"] = password_field(
                hint=tr(PASSWORD_HINT), autocomplete="new-password", on_enter=self.save
            )
        self.fields["email"].control.props["autofocus"] = True
        without = tr("What you had typed is back, except the password, which the browser does not keep.")
        kept = Kept(tab, self.frame.body, "account new", summary=self.frame.summary)
        kept.keep({"email": self.fields["email"], "role": self.fields["role"]}, words=without)

    async def store(self) -> None:
        email = accounts.check_email(self.fields["email"].value or "")
        hashed = await self.hash_typed()
        role = Role(self.fields["role"].value)
        await self.write(accounts.create_account, email=email, role=role, password_hash=hashed)
        toasts.done(tr("{email} can sign in now, as {role}.", email=email, role=tr(ROLE_WORDS[role])))


class PasswordDialog(_Dialog):
    """Reset password."""

    def __init__(self, tab: Tab, email: str) -> None:
        super().__init__(tab, tr("Reset password"), primary=tr("Set password"))
        self._email = email
        with self.frame.body:
            with box("p"):
                sentence(
                    tr("Another password for {email}. Whoever is signed in with this account has to sign in again."),
                    email=lambda: foreign(email, "w-medium", cut=False),
                )
            self.fields["password"] = password_field(
                tr("New password"), hint=tr(PASSWORD_HINT), autocomplete="new-password", on_enter=self.save
            )
        self.fields["password"].control.props["autofocus"] = True
        again = tr("Type the password again: the browser does not keep it.")
        Kept(tab, self.frame.body, f"password {email}", summary=self.frame.summary).keep({}, words=again)

    async def store(self) -> None:
        hashed = await self.hash_typed()
        await self.write(accounts.set_password, self._email, hashed)
        toasts.done(tr("{email} has a new password.", email=self._email))
