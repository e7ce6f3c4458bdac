"""The values that go between a plugin and the core. When a hook gets or gives them stands in `hookspecs`."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar

LONGEST_EVERY = 366 * 86_400.0
OPEN = "__webhook_ui_open__"
NEEDS = "__webhook_ui_needs__"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened, as a plugin hands it in."""

    trigger: str
    payload: Mapping[str, Any]
    idempotency_key: str | None = None
    """The same trigger and key within 24 hours mean the same event again."""
    tenant: str | None = None
    occurred_at: datetime | None = None


class Host(Protocol):
    """What the core does for a plugin. It may be used from any event loop."""

    @property
    def setting(self) -> Any:
        """The plugin's settings: an instance of the model that register_settings gave."""

    @property
    def log(self) -> Any:
        """A structlog logger that says whose line it is: `host.log.info("feed.read", rows=3)`."""

    async def emit(
        self,
        trigger: str,
        payload: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        tenant: str | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """Stores one event with its deliveries and answers its id; then it is durable. Raises Invalid or Conflict."""

    async def emit_many(self, events: Iterable[Event], *, checkpoint: str | None = None) -> list[str]:
        """Stores up to 1000 events, and how far the source has read, in one commit: all of it or nothing."""

    async def checkpoint(self) -> str | None:
        """What the last `emit_many(…, checkpoint=…)` of this plugin stored."""


@dataclass(frozen=True)
class Job:
    """Something to do by the clock, in one of all processes.

    `run(host)` or `run(host, at)`, where `at` is the moment it was due; with `async def` it is awaited, with `def` it
    runs on a thread. The events it returns are stored in one commit with the note that this run is done.
    Either `cron` (a crontab's five fields, by the clocks of `timezone`) or `every` (seconds).
    """

    name: str
    run: Callable[..., Iterable[Event] | Awaitable[Iterable[Event] | None] | None]
    cron: str | None = None
    every: float | None = None
    timezone: str = "UTC"
    time_limit: float = 600.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isprintable() or not 0 < len(self.name) <= 100:
            raise self._wrong("the name must be a line of text of at most 100 characters.")
        if not callable(self.run):
            raise self._wrong("run must be a function, for example run=nightly.")
        if (self.cron is None) == (self.every is None):
            raise self._wrong('give either cron="0 3 * * *" or every=60.')
        if self.every is not None and not (_is_number(self.every) and 1 <= self.every <= LONGEST_EVERY):
            raise self._wrong("every must be a number of seconds, at least 1.")
        if not (_is_number(self.time_limit) and 0 < self.time_limit <= 86_400):
            raise self._wrong("time_limit must be a number of seconds, at most a day.")
        try:
            self.following(datetime.now(UTC))
        except (ValueError, LookupError) as error:
            raise self._wrong(str(error.args[0])) from None

    def following(self, after: datetime) -> datetime:
        """When it is due next after it was due at `after`."""
        from datetime import timedelta

        from webhook_ui.schedule import next_time  # the clock comes with it

        if self.cron is None:
            return after + timedelta(seconds=float(self.every or 0))
        return next_time(self.cron, self.timezone, after)

    def _wrong(self, sentence: str) -> ValueError:
        return ValueError(f"Job {self.name!r}: {sentence}")


Headers = Iterable[tuple[str, str]]
Sign = Callable[[str, int, bytes], Headers]


@dataclass(frozen=True)
class Signer:
    """A way to prove where a delivery comes from; a webhook chooses it by name.

    `make(secrets)` is called once for each webhook with its secrets, the newest first (two while one is rotated), and
    answers a function that makes the headers of one attempt: `sign(message_id, timestamp, body)`.
    """

    name: str
    title: str
    make: Callable[[Sequence[str]], Sign]
    public_key: Callable[[str], str] | None = None
    """Of a secret, what a receiver verifies with, where that is not the secret itself."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier() or not 0 < len(self.name) <= 50:
            raise ValueError(f"Signer {self.name!r}: the name must be one word of letters, digits and _.")
        if not isinstance(self.title, str) or not self.title.strip():
            raise ValueError(f"Signer {self.name!r}: the title is empty. Give what people read.")
        if not callable(self.make):
            raise ValueError(f"Signer {self.name!r}: make must be a function that takes the secrets.")


@dataclass(frozen=True)
class Page:
    """A page of the dashboard, with an entry in the navigation; it stands at `/pages/<plugin>/<path>`.

    `build(host)` is called within the page, for everybody who is signed in, and builds it with NiceGUI.
    """

    path: str
    title: str
    build: Callable[..., Awaitable[None] | None]
    icon: str = "extension"
    """A name of Google's Material Symbols."""

    def __post_init__(self) -> None:
        parts = self.path if isinstance(self.path, str) else ""
        if not parts.isascii() or not parts.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"Page {self.path!r}: the path must be one word of a-z, digits, - and _.")
        if not isinstance(self.title, str) or not self.title.strip():
            raise ValueError(f"Page {self.path!r}: the title is empty. Give what people read.")
        if not callable(self.build):
            raise ValueError(f"Page {self.path!r}: build must be a function.")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Whom a delivery goes to, as far as plugins see it."""

    id: int
    uid: str
    title: str
    url: str
    tenant: str | None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A delivery as it stands after an attempt."""

    id: str
    event_id: str
    trigger: str
    webhook: Webhook
    status: Literal["sent", "error"]
    tries: int
    next_attempt_at: datetime | None
    closed_reason: str | None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try, and what came back."""

    at: datetime
    duration_ms: float
    status: Literal["sent", "error"]
    response_status: int | None
    error_class: str | None
    error_message: str | None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the engine says of a webhook or of a delivery to it: one event of the triggers `webhook.…`, `delivery.…`."""

    event_id: str
    trigger: str
    payload: Mapping[str, Any]
    at: datetime
    link: str | None
    """Where the webhook stands on the dashboard; None unless `WEBHOOK_UI_PUBLIC_URL` is set."""


Source = Callable[..., AbstractAsyncContextManager[None] | Awaitable[None]]


def open_to_all(endpoint: F) -> F:
    """Marks a route of register_routes that strangers may call: it must find out by itself who calls.

    Write it below `@router.post(…)`. Without it, only who is signed in or holds a token gets to a route.
    """
    setattr(endpoint, OPEN, True)
    return endpoint


def needs_settings(*names: str) -> Callable[[F], F]:
    """Marks a hook that has nothing to do until these settings are given. Write it below `@hookimpl`.

    Until then it is not called, and the Triggers page and `plugin list` say what is to be set.
    """

    def mark(hook: F) -> F:
        setattr(hook, NEEDS, names)
        return hook

    return mark


def call_by_name(function: Callable[..., Any], **available: Any) -> Any:
    """Calls `function` with those of `available` that it asks for."""
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return function(**available)
    return function(**{each.name: available[each.name] for each in parameters if each.name in available})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
