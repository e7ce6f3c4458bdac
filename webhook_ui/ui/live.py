"""Keeps open pages up to date: coalesces what is announced and lets each page look again, at most twice a second.

Where more are open than `MOST_A_SECOND` allows for, that is less often.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog
from nicegui import Client, background_tasks, ui

from webhook_ui.changes import Announcer, Changed, Kind
from webhook_ui.errors import Forbidden, Unavailable
from webhook_ui.ui import gathering
from webhook_ui.ui.gathering import PULSE_SECONDS

Look = Callable[[frozenset[Changed]], Awaitable[None] | None]

MOST_A_SECOND = 50  # pages that look again, however many are open: the deliveries go before

log = structlog.get_logger()


@dataclass(eq=False)
class _Follower:
    """A page that follows changes, as long as its element is on the screen."""

    client_id: str
    element: ui.element
    look: Look
    kinds: frozenset[Kind]
    busy: bool = False
    missed: frozenset[Changed] = frozenset()


class Live:
    """One for the whole process; runs as a task beside the server."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer
        self._followers: list[_Follower] = []
        self._gathered: set[Changed] = set()
        self._news = asyncio.Event()
        self._behind: set[str] = set()  # clients whose tab is in the background
        self.pulse = 0
        """Counts how often news were passed on."""

    def follow(self, element: ui.element, look: Look, kinds: Iterable[Kind] = Kind) -> None:
        """Calls `look` with what has changed, in the slot of `element`, until that is taken from the page.

        With `kinds` only if one of these is among it.
        A page that is still looking is not called again before it is done.
        """
        client = element.client
        if all(follower.client_id != client.id for follower in self._followers):
            client.on_delete(partial(self._let_go, client.id))
        self._followers.append(_Follower(client.id, element, look, frozenset(kinds)))

    def see(self, client: Client, *, seen: bool) -> None:
        """Its tab came to the front, or went behind others: then it hears nothing until it is looked at."""
        if seen:
            self._behind.discard(client.id)
            self._news.set()  # what it has missed
        else:
            self._behind.add(client.id)

    def is_seen(self, client: Client) -> bool:
        """Whether somebody may be looking: it is connected, and in front as far as is known."""
        return client.has_socket_connection and client.id not in self._behind

    async def run(self) -> None:
        """Passes on what is announced, until it is cancelled."""
        loop = asyncio.get_running_loop()

        def hear(changes: frozenset[Changed]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._gather, changes)

        quiet = self._announcer.subscribe(hear)
        try:
            while True:
                # who was away looks again when he is back, without any news
                someone_waits = any(one.missed and one.client_id not in self._behind for one in self._followers)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), PULSE_SECONDS if someone_waits else None)
                self._news.clear()
                changes, self._gathered = frozenset(self._gathered), set()
                pause = max(PULSE_SECONDS, self._pass_on(changes) / MOST_A_SECOND)
                gathering.keep_pace(pause)
                await asyncio.sleep(pause)
        finally:
            quiet()

    def _let_go(self, client_id: str) -> None:
        """Its tab is closed, and it may be long until there are news."""
        self._followers = [follower for follower in self._followers if follower.client_id != client_id]
        self._behind.discard(client_id)

    def _gather(self, changes: frozenset[Changed]) -> None:
        self._gathered |= changes
        self._news.set()

    def _pass_on(self, changes: frozenset[Changed]) -> int:
        """Says how many pages look again."""
        self.pulse += 1
        told: set[str] = set()
        self._followers = [follower for follower in self._followers if not follower.element.is_deleted]
        kinds = {change.kind for change in changes}
        for follower in self._followers:
            if not follower.kinds.isdisjoint(kinds):
                follower.missed |= changes
            if follower.missed and not follower.busy and self._hears(follower):
                changed, follower.missed = follower.missed, frozenset()
                told.add(follower.client_id)
                background_tasks.create(self._show(follower, changed), name="live page")
        return len(told)

    def _hears(self, follower: _Follower) -> bool:
        """A tab that was closed is kept for a while, in case it was only cut off: nobody looks at it meanwhile.

        Who was signed out leaves behind others too, lest somebody else find it there.
        """
        client = follower.element.client
        leaves = client.has_socket_connection and any(change.kind is Kind.account for change in follower.missed)
        return leaves or self.is_seen(client)

    async def _show(self, follower: _Follower, changes: frozenset[Changed]) -> None:
        follower.busy = True
        gathering.by_itself()
        try:
            while changes and not follower.element.is_deleted:
                with follower.element:
                    looking = follower.look(changes)
                    if inspect.isawaitable(looking):
                        await looking
                changes, follower.missed = follower.missed, frozenset()
        except Unavailable as error:
            follower.missed |= changes  # still to be shown, once the database is back
            log.warning("page.waits", reason=str(error))
        except Forbidden:
            return  # signed out meanwhile: the page is on its way to the sign-in
        finally:
            follower.busy = False
