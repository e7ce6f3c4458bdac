"""The tab API tokens of the page Settings, for admins: programs' keys; made and shown once, listed, revoked."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nicegui import ui

from webhook_ui import accounts, times
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.languages import tr, tr_all
from webhook_ui.models import Token
from webhook_ui.ui import icons, toasts
from webhook_ui.ui.accounts_section import ROLE_WORDS, ROLES
from webhook_ui.ui.actions import act
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.fields import choice_field, show_problems, text_field
from webhook_ui.ui.frames import DialogFrame, confirm
from webhook_ui.ui.kept_forms import Kept
from webhook_ui.ui.parts import Part, box, focus, foreign, mono, prose, symbol, text, time_text
from webhook_ui.ui.tables import TOKENS, Pager, Table

PAGE = 50


class TokensSection:
    """Newest first. `go(after)` leads to another page of the list."""

    def __init__(self, tab: Tab, *, go: Callable[[str], Any]) -> None:
        self._tab, self._go = tab, go
        self._after = self._next = ""
        self._came_from: dict[str, str] = {}
        with box("div", "w-row w-wrap"):
            prose(tr("What programs use the REST API with, and what each may do."), "w-second w-grow")
            button(tr("Create token"), self._create, icon=icons.ADD, kind="primary")
        self._nothing = box("p", "w-box w-nothing w-muted")
        with self._nothing:
            text(tr("No token was made yet. Without one, no program gets in."))
        self._table = Table(tr("API tokens"), TOKENS, "people")
        self._rows = Part(self._table.body, lambda _, found: self._fill(found))
        with self._table.element:
            self._pager = Pager(lambda: self._go(self._came_from.get(self._after, "")), lambda: self._go(self._next))

    async def show(self, after: str) -> None:
        """The page of tokens older than this one."""
        if after != self._after and after not in self._came_from:
            self._came_from[after] = self._after
        self._after = after
        before = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
        found = await self._tab.read(accounts.latest_tokens, before=before, limit=PAGE + 1)
        page = found[:PAGE]
        self._next = str(page[-1].id) if len(found) > PAGE else ""
        self._rows.show([(one.id, one.revoked_at) for one in page], page)
        self._pager.show(1, len(page), None, back=bool(after), more=bool(self._next))
        self._pager.element.set_visibility(bool(after or self._next))
        self._nothing.set_visibility(not page)
        self._table.element.set_visibility(bool(page) or bool(after))

    async def look(self, changes: frozenset[Changed]) -> None:
        """Shows what was changed elsewhere."""
        if any(change.kind in (Kind.account, Kind.anything) for change in changes):
            await self.show(self._after)

    def _fill(self, found: Sequence[Token]) -> None:
        zone = self._tab.zone
        for token in found:
            row = self._table.row()
            with row.cell("name"):
                foreign(token.name, "w-medium")
            with row.cell("role"):
                text(tr(ROLE_WORDS[token.role]).capitalize())
            with row.cell("state"), box("span", "w-row"):
                symbol(icons.DISABLED if token.revoked_at else icons.SENT, "" if token.revoked_at else "w-sent-ink")
                if token.revoked_at:
                    time_text(token.revoked_at, zone, prefix=tr("Revoked "))
                else:
                    text(tr("In force"))
            with row.cell("created"), box("span", "w-row"):
                time_text(token.created_at, zone)
                text(tr("by"), "w-muted")
                foreign(name_of(token.created_by), "w-muted")
            if token.revoked_at is None:
                with row.cell("action"):
                    button(
                        tr("Revoke"),
                        partial(self._ask, token),
                        kind="danger",
                        small=True,
                        name=tr("Revoke {name}", name=token.name),
                    )

    def _ask(self, token: Token) -> ui.dialog:
        async def revoke() -> None:
            with self._tab.client:
                if await act(self._tab, accounts.revoke_token, int(token.id or 0)):
                    toasts.done(tr("“{name}” is revoked.", name=token.name))

        with self._tab.client:
            return confirm(
                tr("Revoke “{name}”?", name=token.name),
                tr("Programs that use it are refused at once. It cannot be taken back; another token can be made."),
                action=tr("Revoke"),
                on_confirm=revoke,
            )

    def _create(self) -> None:
        with self._tab.client:
            TokenDialog(self._tab).frame.open()


class TokenDialog:
    """Name and role; then the token itself, shown this once."""

    def __init__(self, tab: Tab) -> None:
        self._tab, self._done = tab, False
        self.frame = DialogFrame(tr("Create token"), primary=tr("Create token"), on_primary=self._press)
        self.frame.dialog.on("hide", self.frame.dialog.delete)
        with self.frame.body:
            self._name = text_field(
                tr("Name"), hint=tr("The program that will use it"), max_length=100, on_enter=self._press
            )
            self._role = choice_field(tr("Role"), tr_all(ROLES), "viewer")
        self._name.control.props["autofocus"] = True
        # the token itself, which comes later, is no field
        self._kept = Kept(tab, self.frame.body, "token new", summary=self.frame.summary)
        self._kept.keep({"name": self._name, "role": self._role})

    async def _press(self) -> None:
        if self._done:
            self.frame.close()
        else:
            await self.frame.work(self._store)

    async def _store(self) -> None:
        tab, role = self._tab, Role(self._role.value)
        try:
            actor = await tab.current_actor()
            _, shown = await tab.write(
                accounts.create_token, name=self._name.value or "", role=role, actor=actor, now=times.utcnow()
            )
        except Invalid as error:
            self._name.error = error.fields.get("name", str(error))
            self._name.focus()
        except WebhookUIError as error:
            show_problems(self.frame.summary, [], tr("Nothing was made. {error}", error=error))
        else:
            self._show(shown)

    def _show(self, shown: str) -> None:
        self._done = True
        self._kept.forget()
        self.frame.summary.clear()
        self.frame.body.clear()
        with self.frame.body:
            with box("p") as told:
                text(
                    tr(
                        "This is the token. It is shown this once: keep it where the program finds "
                        "it, and nowhere else."
                    )
                )
            told.props["role"] = "status"
            with box("div", "w-command"):
                mono(shown, "w-grow w-break")
                copy_button(shown, tr("Copy token"))
        self.frame.cancel.set_visibility(False)
        self.frame.primary.set_text(tr("Done"))
        focus(self.frame.primary)  # the field in which the name was typed is gone
