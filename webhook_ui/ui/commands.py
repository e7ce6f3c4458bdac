"""What can be gone to and done from every page: the palette's pages and actions, the account menu's, their help."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from nicegui import context, ui

from webhook_ui.languages import LANGUAGES, mark, tr
from webhook_ui.models import Webhook
from webhook_ui.plugin_loader import RegisteredTrigger
from webhook_ui.ui import icons, plugin_texts, toasts, webhook_form, webhook_verbs
from webhook_ui.ui.account_menu import THEMES, AccountActions
from webhook_ui.ui.context import Tab
from webhook_ui.ui.fire_dialog import FireDialog
from webhook_ui.ui.palette import Command, Palette
from webhook_ui.ui.shell import Entry, Shell
from webhook_ui.ui.shortcuts import ShortcutsHelp, open_help, place_of
from webhook_ui.ui.stop_bar import StopBar

PAGES, DO = mark("Pages"), mark("Do")
LANGUAGE = "lang"  # the preference; `reader` reads its cookie
_THEMES = {
    "system": mark("Theme: as the system"),
    "light": mark("Theme: light"),
    "dark": mark("Theme: dark"),
}
THEME = "theme"  # the preference; `static/theme.js` reads its cookie


class Commands:
    """One a tab; `join` puts palette and help beside the shell."""

    def __init__(self, tab: Tab, entries: Sequence[Entry], stop_bar: StopBar) -> None:
        self._tab, self._stop_bar = tab, stop_bar
        self._entries = sorted(entries, key=lambda entry: place_of(entry.path))
        self._shell: Shell | None = None
        signs_in = tab.services.identity.signs_in
        self.account = AccountActions(
            on_theme=self._choose_theme,
            on_language=self._choose_language,
            on_keys=open_help,
            on_sign_out=_sign_out if signs_in else None,
        )

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """The pages that can be gone to from now on."""
        self._entries = sorted(entries, key=lambda entry: place_of(entry.path))

    @property
    def theme(self) -> str:
        """As it was chosen in this browser."""
        chosen = self._tab.preference(THEME)
        return chosen if chosen in dict(THEMES) and chosen else "system"

    def join(self, shell: Shell) -> None:
        """Builds what floats over every page."""
        self._shell = shell
        with context.client.layout:
            Palette(
                self._tab,
                self._offer,
                self._fires,
                take_apart=webhook_verbs.take_apart,
                verbs=lambda webhook, only: webhook_verbs.verbs_of(self._tab, webhook, only),
            )
            ShortcutsHelp(self._tab, [entry.path for entry in self._entries])

    def _offer(self) -> list[Command]:
        pages = [Command(group=tr(PAGES), title=tr(one.title), icon=one.icon, path=one.path) for one in self._entries]
        return [*pages, *self._changes(), *self._own()]

    def _changes(self) -> list[Command]:
        commands = []
        if self._tab.may_write:
            add = partial(webhook_form.add_webhook, self._tab, say_added)
            commands.append(
                Command(group=tr(DO), title=tr("Add webhook"), icon=icons.ADD, run=add, words=tr("new create endpoint"))
            )
        if self._stop_bar.may_turn and self._stop_bar.stopped:
            commands.append(
                Command(group=tr(DO), title=tr("Start sending"), icon=icons.RESUME, run=self._stop_bar.start)
            )
        elif self._stop_bar.may_turn:
            commands.append(
                Command(
                    group=tr(DO),
                    title=tr("Stop sending"),
                    icon=icons.STOP,
                    run=self._stop_bar.ask,
                    words=tr("incident halt"),
                )
            )
        return commands

    def _own(self) -> list[Command]:
        commands = [
            Command(
                group=tr(DO),
                title=tr(title),
                icon=icons.THEME,
                run=partial(self._choose_theme, name),
                words=tr("switch theme colours appearance"),
            )
            for name, title in _THEMES.items()
            if name != self.theme
        ]
        commands += [
            Command(
                group=tr(DO),
                title=tr("Language: {language}", language=own_name),
                icon=icons.THEME,
                run=partial(self._choose_language, code),
                words=tr("switch language"),
            )
            for code, own_name in LANGUAGES.items()
            if code != self._tab.language
        ]
        commands.append(
            Command(group=tr(DO), title=tr("Keyboard shortcuts"), icon=icons.KEYBOARD, run=open_help, words=tr("help"))
        )
        if self.account.on_sign_out:
            commands.append(
                Command(
                    group=tr(DO),
                    title=tr("Sign out"),
                    icon=icons.SIGN_OUT,
                    run=self.account.on_sign_out,
                    words=tr("log out"),
                )
            )
        return commands

    def _fires(self) -> list[Command]:
        if not self._tab.may_write:
            return []
        return [
            Command(
                group=tr("Fire"),
                title=tr("Fire “{trigger}”", trigger=plugin_texts.said(one.trigger.title)),
                icon=icons.FIRE,
                run=partial(self._fire, one),
                note=one.trigger.name,
                words=tr("trigger event emit"),
            )
            for one in self._tab.services.plugins.triggers.values()
        ]

    async def _fire(self, one: RegisteredTrigger) -> None:
        with self._tab.client:
            await FireDialog(self._tab, one.trigger, on_fired=nothing_more).open()

    def _choose_language(self, code: str) -> None:
        self._tab.prefer(LANGUAGE, code)
        ui.navigate.reload()  # the page is built anew, in the other language

    def _choose_theme(self, name: str) -> None:
        self._tab.prefer(THEME, name)
        if self._shell:
            self._shell.show_theme(name)
        ui.run_javascript(f"webhookUi.theme({name!r})")


async def say_added(webhook: Webhook) -> None:
    """After a webhook was added from anywhere."""
    toasts.done(tr("“{title}” is added.", title=webhook.title), way=(tr("Show it"), f"/webhooks/{webhook.id}"))


async def nothing_more(*_: Any) -> None:
    """Pages hear of the event by themselves."""


def _sign_out() -> None:
    # a form of the page itself, because the cookie can only be taken away by an answer
    ui.run_javascript(
        "const form = document.createElement('form'); form.method = 'post';"
        "form.action = (window.path_prefix || '') + '/logout';"
        "document.body.append(form); form.submit();"
    )
