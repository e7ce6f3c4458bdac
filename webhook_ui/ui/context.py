"""What pages are given: the parts behind the dashboard, and who looks at it from where."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from nicegui import Client, background_tasks, ui
from sqlmodel import Session

from webhook_ui.accounts import Identity
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Forbidden, WebhookUIError
from webhook_ui.history.health_memory import HealthMemory
from webhook_ui.host import Host
from webhook_ui.languages import spoken, tr
from webhook_ui.plugin_loader import Plugins
from webhook_ui.settings import Settings
from webhook_ui.tester import Tester
from webhook_ui.ui import toasts
from webhook_ui.ui.again import Again
from webhook_ui.ui.attempt_counts import AttemptCounts
from webhook_ui.ui.live import Live, Look
from webhook_ui.ui.progress import progress
from webhook_ui.ui.root import root
from webhook_ui.ui.shared_reads import OverviewDesk, SharedReads
from webhook_ui.webhook_fields import Rules

P = ParamSpec("P")
Value = str | bool | list[str]
T = TypeVar("T")

PREFERENCE = "webhook_ui_"  # cookies that hold how this browser last had something
ZONE_COOKIE = "webhook_ui_tz"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What stood in a form when its page had to be loaded anew, by the names of its fields, as the browser kept it."""

    values: Mapping[str, Value]
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts behind the dashboard, one of each for the whole process."""

    settings: Settings
    database: Database
    host: Host
    plugins: Plugins
    rules: Rules
    identity: Identity
    tester: Tester
    live: Live
    shared: SharedReads = field(default_factory=SharedReads)
    overview: OverviewDesk = field(default_factory=OverviewDesk)
    health: HealthMemory = field(default_factory=HealthMemory)
    counts: AttemptCounts = field(default_factory=AttemptCounts)


@dataclass(kw_only=True)
class Tab:
    """One open browser tab. `actor` is who opened it; what may have changed since is asked again at each action."""

    services: Services
    client: Client
    actor: Actor
    zone: ZoneInfo
    language: str
    preferences: dict[str, str] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    """What stood in forms before the page was loaded anew, by form, until the form takes it."""
    waiting: dict[str, Callable[[Draft], None]] = field(default_factory=dict)
    """Forms that their address opens, and which therefore may be there before their draft."""
    on_address: Callable[[str], None] | None = None
    """Set by a page that follows its address without being built again; hears every address before it is shown."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first page knows whether there is what its address names: until then it is no answer."""

    @property
    def may_write(self) -> bool:
        """Whether to offer what only operators and admins may do."""
        return self.actor.role.covers(Role.operator)

    async def read(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`Database.read`, in the reader's language."""
        return await self.services.database.read(self._spoken(fn), *args, **kwargs)

    async def share(
        self, key: Hashable, read: Callable[[], Awaitable[T]], *, fresh: bool = False, in_turn: bool = False
    ) -> T:
        """`read`'s answer, or that of another tab which asked the same (`key`) after the same news, in its language.

        `in_turn` for lists: one tab after the other goes on with it.
        """

        async def speak() -> T:
            with spoken(self.language):
                return await read()

        shared = self.services.shared
        answer = await shared.ask((self.language, key), self.services.live.pulse, speak, fresh=fresh)
        if in_turn:
            await shared.in_turn()
        return answer

    async def write(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`Database.write`, in the reader's language; the tab says so when that takes long."""
        async with progress(self.client, tr("Working on it")):
            return await self.services.database.write(self._spoken(fn), *args, **kwargs)

    def _spoken(self, fn: Callable[P, T]) -> Callable[P, T]:
        def speak(*args: P.args, **kwargs: P.kwargs) -> T:
            with spoken(self.language):
                return fn(*args, **kwargs)

        return speak

    def begin(self, work: Awaitable[None], *, name: str) -> None:
        """Does `work` beside all else, for this tab: in its language, and its errors are told there."""
        background_tasks.create(work, name=name, context=self.client)

    def follow(self, element: ui.element, look: Look, *kinds: Kind) -> None:
        """`Live.follow` for as long as somebody is signed in; a tab of somebody whose role changed starts anew.

        What follows some `kinds` only hears of them, and of anything.
        """

        async def look_if_signed_in(changes: frozenset[Changed]) -> None:
            if any(change.kind in (Kind.account, Kind.anything) for change in changes):
                role = self.actor.role
                if (await self.current_actor()).role is not role:
                    ui.navigate.reload()
                    return
            looking = look(changes)
            if inspect.isawaitable(looking):
                await looking

        self.services.live.follow(element, look_if_signed_in, {*kinds, Kind.anything} if kinds else Kind)

    def again(self, seconds: float, element: ui.element, look: Callable[[], Any]) -> None:
        """Calls `look` every so many seconds without any news, as `Again` does."""
        Again(seconds, element, look, self.services.live.is_seen)

    async def current_actor(self) -> Actor:
        """Who acts, asked anew: sessions end and roles change while a tab is open. Raises Forbidden."""
        request, identity = self.client.request, self.services.identity
        actor = await identity.visitor(request) if request else None
        if actor is None:
            ui.navigate.to(identity.leaves_by) if identity.leaves_by else ui.navigate.reload()
            raise Forbidden(tr("Your session has ended. Sign in again."))
        self.actor = actor
        return actor

    def preference(self, name: str) -> str | None:
        """How this browser last had it."""
        return self.preferences.get(name)

    def prefer(self, name: str, value: str) -> None:
        """Remembers it in this browser. `name` and `value` are words of ours, never of a user."""
        if not (name + value).replace("_", "").replace(".", "").isalnum():
            raise ValueError(f"not a word: {name}={value}")
        self.preferences[name] = value
        with self.client:
            place = root() or "/"
        cookie = f"{PREFERENCE}{name}={value}; path={place}; max-age=31536000; samesite=lax"
        with self.client:
            ui.run_javascript(f"document.cookie = {cookie!r}")


def tell(error: WebhookUIError) -> None:
    """Shows what went wrong with an action, where no field can show it."""
    toasts.failed(tr("Not done"), str(error))


def zone_named(name: str | None) -> ZoneInfo | None:
    """The time zone of this name, None if there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, KeyError, OSError):
        return None
