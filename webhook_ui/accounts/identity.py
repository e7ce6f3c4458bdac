"""Who a cookie or a token stands for, asked on the event loop. Answers are kept for a moment, never for long."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import HTTPConnection

from webhook_ui import sealing, times
from webhook_ui.accounts import sessions, tokens
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Unavailable

KEPT_SECONDS = 2.0
KEPT_ANSWERS = 2048

LOCAL = Actor(kind="person", name="local", role=Role.admin)
"""Everybody at a browser, with AUTH=none."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    actor: Actor | None
    until: float
    generation: int


class Identity:
    """Looks up who somebody is. With `accounts=False` every browser is LOCAL; programs need a token all the same."""

    sign_in_hint = "Nobody is signed in. Open /login."
    has_page = True  # /login is there, whether it is needed or not

    def __init__(self, database: Database, *, accounts: bool = True, clock: Callable[[], float] = time.monotonic):
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._kept: dict[str, _Answer] = {}
        self._generation = 0
        self._unsubscribe = database.announcer.subscribe(self._hear)

    @property
    def signs_in(self) -> bool:
        """Whether people sign in here, with an account of ours."""
        return self._accounts

    @property
    def leaves_by(self) -> str | None:
        """Where somebody whose session has ended finds the sign-in, below our own path; None: by loading anew."""
        return "/login"

    def sign_in_address(self, root: str, wanted: str) -> str | None:
        """Where who is not signed in is sent; `wanted` is the address below `root` that was asked for."""
        return f"{root}/login" if wanted == "/" else f"{root}/login?next={quote(wanted, safe='/')}"

    async def visitor(self, connection: HTTPConnection) -> Actor | None:
        """Who sits at the browser that sent this request, as of now. Raises Unavailable."""
        return await self.current_actor(connection.cookies.get(sessions.COOKIE))

    async def current_actor(self, cookie: str | None) -> Actor | None:
        """Who sits at the browser that sends this cookie, as of now. Raises Unavailable."""
        if not self._accounts:
            return LOCAL
        return await self._ask("cookie", cookie, self._ask_session) if cookie else None

    async def token_actor(self, text: str) -> Actor | None:
        """Which program holds this token. Raises Unavailable."""
        return await self._ask("token", text, self._ask_token)

    def close(self) -> None:
        """Listens to no more announcements."""
        self._unsubscribe()

    def _hear(self, changes: frozenset[Changed]) -> None:
        # on the writing thread: an answer that is being fetched meanwhile carries the old number and is not used again
        if any(change.kind in (Kind.account, Kind.anything) for change in changes):
            self._generation += 1

    async def _ask(self, sort: str, text: str, ask: Callable[[str], Awaitable[Actor | None]]) -> Actor | None:
        key = f"{sort} {sealing.digest(ascii(text))}"
        generation, kept = self._generation, self._kept.get(key)
        if kept is not None and kept.generation == generation and self._clock() < kept.until:
            return kept.actor
        actor = await ask(text)
        if len(self._kept) >= KEPT_ANSWERS:
            self._kept.clear()
        self._kept[key] = _Answer(actor=actor, until=self._clock() + KEPT_SECONDS, generation=generation)
        return actor

    async def _ask_session(self, cookie: str) -> Actor | None:
        now = times.utcnow()
        found = await self._database.read(sessions.find_session, cookie, now=now)
        if found is None:
            return None
        if found.stale:
            # the question is answered; if this fails, the next one notes it
            with contextlib.suppress(Unavailable):
                await self._database.write(sessions.see_session, cookie, now=now)
        return found.actor

    async def _ask_token(self, text: str) -> Actor | None:
        return await self._database.read(tokens.token_actor, text)
