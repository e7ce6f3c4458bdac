"""Go to: one field that finds pages, webhooks, events, deliveries, triggers to fire and what else can be done.

Opening, closing and the keys are the browser's work (`static/shell.js`); what is found comes from here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from nicegui import ui

from webhook_ui.errors import WebhookUIError
from webhook_ui.history.finding import Found, FoundWebhook, find
from webhook_ui.languages import tr, trn
from webhook_ui.ui import icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.parts import Status, box, foreign, link, mono, status_pill, symbol, text

LONGEST = 300  # characters that are looked at
TRIGGERS = 5
Run = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that can be gone to (`path`) or done (`run`). `words` find it too."""

    group: str
    title: str
    icon: str
    path: str = ""
    run: Run | None = None
    words: str = ""
    note: str = ""
    status: Status | None = None
    code: bool = False

    def fits(self, asked: str) -> bool:
        """Whether each word that was typed stands in it."""
        whole = f"{self.title} {self.note} {self.words}".lower()
        return all(word in whole for word in asked.lower().split())


Offer = Callable[[], Sequence[Command]]


class Palette:
    """One a tab."""

    def __init__(
        self,
        tab: Tab,
        offer: Callable[[], Sequence[Command]],
        fires: Callable[[], Sequence[Command]],
        *,
        take_apart: Callable[[str], tuple[str, str]],
        verbs: Callable[[FoundWebhook, str], Sequence[Command]],
    ) -> None:
        """`offer` says which pages and actions there are at the moment, `fires` which triggers can be fired.

        `take_apart` finds the verb in what was typed, and `verbs` says what can be done with a webhook.
        """
        self._tab, self._offer, self._fires = tab, offer, fires
        self._take_apart, self._verbs = take_apart, verbs
        self._asked = ""
        with box("dialog", "w-over w-palette", label=tr("Go to")):
            with box("div", "w-palette-head"):
                symbol(icons.SEARCH)
                field = box("input", "w-palette-field", label=tr("Go to"))
                text(tr("Esc"), "w-kbd", tag="kbd")
            self._list = box("div", "w-palette-list", label=tr("Found"))
            self._none = text("", "w-palette-none", tag="p")
        self._list.props["role"] = "listbox"
        self._none.props["role"] = "status"
        field.props["role"] = "combobox"
        field.props["aria-expanded"] = "true"
        field.props["aria-controls"] = self._list.html_id
        field.props["aria-autocomplete"] = "list"
        field.props["autocomplete"] = "off"
        field.props["spellcheck"] = "false"
        field.props["dir"] = "auto"
        field.props["maxlength"] = str(LONGEST)
        field.props["placeholder"] = tr("Page, webhook, #12, evt_…, dlv_…, or what to do")
        ui.on("palette", lambda event: self._search(event.args))

    async def _search(self, asked: object) -> None:
        self._asked = words = asked.strip()[:LONGEST] if isinstance(asked, str) else ""
        problem = ""
        found, verb, asked_of = Found(), "", Found()
        if words:
            try:
                await self._tab.current_actor()  # whose session has ended finds nothing any more
                found = await self._tab.read(find, words)
                verb, rest = self._take_apart(words)
                asked_of = await self._tab.read(find, rest) if verb and rest else Found()
            except WebhookUIError as error:
                problem = str(error)
        if words == self._asked and not self._list.is_deleted:
            orders = [one for webhook in asked_of.webhooks for one in self._verbs(webhook, verb)]
            if not verb and found.webhooks:  # the one that fits best
                orders = [*self._verbs(found.webhooks[0], "")]
            self._show(words, self._gather(words, found, orders), problem)

    def _gather(self, words: str, found: Found, orders: Sequence[Command]) -> list[Command]:
        pages_and_actions = [one for one in self._offer() if one.fits(words)]
        pages = [one for one in pages_and_actions if one.path]
        actions = [one for one in pages_and_actions if not one.path]
        fires = [one for one in self._fires() if one.fits(words)][:TRIGGERS] if words else []
        return [*_exact(found), *pages, *map(_webhook, found.webhooks), *orders, *actions, *fires]

    def _show(self, words: str, commands: Sequence[Command], problem: str) -> None:
        self._list.clear()
        with self._list:
            for group, some in groupby(commands, key=lambda one: one.group):
                with box("div", label=group) as place:
                    place.props["role"] = "group"
                    text(group, "w-menu-head").props["aria-hidden"] = "true"
                    for one in some:
                        _build(one)
        number = len(commands)
        said = trn("{n} thing found", "{n} things found", number)
        if not commands:
            said = tr(
                "Nothing found for “{words}”. A part of a title or URL finds a webhook; ids are looked up whole.",
                words=words,
            )
        self._none.set_text(problem or said)
        quiet = bool(commands) and not problem
        self._none.classes(add="w-hidden" if quiet else "", remove="" if quiet else "w-hidden")


def _exact(found: Found) -> list[Command]:
    commands = []
    if found.event:
        event = found.event
        path = f"/events/{event.id}"
        commands.append(
            Command(group=tr("Events"), title=event.id, icon=icons.FIRE, path=path, note=event.trigger, code=True)
        )
    if found.delivery:
        one = found.delivery
        path = f"/webhooks/{one.webhook_id}?delivery={one.id}"
        status: Status = "sent" if one.status == "sent" else "error" if one.status == "error" else "pending"
        commands.append(
            Command(
                group=tr("Deliveries"),
                title=one.id,
                icon=icons.SEND,
                path=path,
                note=one.webhook_title,
                status=status,
                code=True,
            )
        )
    return commands


def _webhook(one: FoundWebhook) -> Command:
    status: Status | None = "failing" if one.failing else None
    if not one.enabled:
        status = "disabled"
    elif one.paused:
        status = "paused"
    return Command(
        group=tr("Webhooks"),
        title=one.title,
        icon=icons.WEBHOOK,
        path=f"/webhooks/{one.id}",
        note=one.url,
        status=status,
    )


def _build(command: Command) -> None:
    if command.path:
        option: ui.element = link("", command.path, "w-option")
    else:
        option = box("button", "w-option")
        option.props["type"] = "button"
        if command.run:
            option.on("click", partial(_run, command.run))
    option.props["role"] = "option"
    option.props["aria-selected"] = "false"
    option.props["tabindex"] = "-1"
    with option:
        symbol(command.icon)
        if command.code:
            mono(command.title, "w-option-title", cut=True)
        else:
            foreign(command.title, "w-option-title")
        if command.note:
            foreign(command.note, "w-option-note w-muted")
        if command.status:
            status_pill(command.status)


def _run(run: Run, _: object) -> Any:
    return run()
