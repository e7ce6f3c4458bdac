"""The big switch on the screen: a bar on every page while sending is stopped, and the ways to stop and start it."""

from contextlib import suppress

from nicegui import ui
from sqlmodel import Session

from webhook_ui import sending, times
from webhook_ui.actors import Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Unavailable
from webhook_ui.history.figures import count_waiting
from webhook_ui.languages import tr, trn
from webhook_ui.sending import SendingState
from webhook_ui.ui import icons, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.delivery_words import short_time
from webhook_ui.ui.frames import confirm
from webhook_ui.ui.parts import Part, box, focus_instead, foreign, sentence, symbol, text
from webhook_ui.ui.shell import Shell

COUNT_SECONDS = 15.0  # how often what waits is counted: with a large backlog that is work


class StopBar:
    """One a tab; `join` puts it into the tab's shell."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._state = SendingState(stopped=False)
        self._starter: ui.element | None = None

    @property
    def may_turn(self) -> bool:
        """Whether to offer what only admins may do."""
        return self._tab.actor.role.covers(Role.admin)

    @property
    def stopped(self) -> bool:
        """How the switch was last seen."""
        return self._state.stopped

    async def join(self, shell: Shell) -> None:
        """Shows in `shell` how the switch stands, and follows it."""
        self._shell = shell
        self._bar = Part(shell.bar, self._build)
        self._tab.again(COUNT_SECONDS, shell.content, lambda: self._count() if self.stopped else None)
        self._tab.follow(shell.content, self._look, Kind.webhook)
        await self._count()

    def ask(self) -> None:
        """Asks before it stops."""
        with self._tab.client:
            confirm(
                tr("Stop sending everywhere?"),
                tr(
                    "Nothing more is sent to any webhook until an admin starts it again; what is in flight ends. "
                    "Events are accepted all the time, and held."
                ),
                action=tr("Stop sending"),
                on_confirm=self._stop,
            )

    async def _look(self, changes: frozenset[Changed]) -> None:
        many = any(change.kind is Kind.webhook and change.webhook_id is None for change in changes)
        if many or any(change.kind is Kind.anything for change in changes):
            state = await self._tab.share("sending", lambda: self._tab.read(sending.state))
            if state != self._state:
                await self._refresh()

    async def _count(self) -> None:
        with suppress(Unavailable):  # the page itself says that the database is away
            await self._refresh()

    async def _refresh(self) -> None:
        state, waiting = await self._tab.read(_read)
        started, self._state = self._state.stopped and not state.stopped, state
        self._bar.show(state, waiting)
        self._shell.show_stopped(state.stopped)
        if started:  # that the bar is gone is no news to who does not see it
            with self._tab.client:
                toasts.done(tr("Sending is started. What was held is sent, oldest first."))

    async def _stop(self) -> None:
        if await act(self._tab, sending.stop):
            await self._refresh()
            if self._starter:
                with self._tab.client:
                    focus_instead(self._starter)

    async def start(self) -> None:
        """Starts sending again."""
        if await act(self._tab, sending.start):
            await self._refresh()
            with self._tab.client:
                self._shell.focus_stop()

    def _build(self, state: SendingState, waiting: int) -> None:
        self._starter = None
        if state.stopped_at is None:
            return
        since = short_time(state.stopped_at, times.utcnow(), self._tab.zone, seconds=False)
        symbol(icons.STOP)
        with box("p", "w-grow"):
            text(tr("Sending is stopped"), tag="strong")
            text(" ")
            sentence(
                trn(
                    "since {moment} by {person}. Everything is accepted and held; {n} delivery waits.",
                    "since {moment} by {person}. Everything is accepted and held; {n} deliveries wait.",
                    waiting,
                    moment=since,
                    person="{person}",
                )
                if waiting
                else tr(
                    "since {moment} by {person}. Everything is accepted and held.", moment=since, person="{person}"
                ),
                person=lambda: foreign(state.stopped_by or "", cut=False),
            )
        if self.may_turn:
            self._starter = button(tr("Start sending"), self.start, icon=icons.RESUME)


def _read(session: Session) -> tuple[SendingState, int]:
    state = sending.state(session)
    return state, count_waiting(session) if state.stopped else 0
