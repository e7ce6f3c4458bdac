"""Announcements: what a committed transaction changed, told to whoever shows or delivers it. Nothing is stored here."""

import threading
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

import structlog

log = structlog.get_logger()


class Kind(StrEnum):
    """What sort of thing changed.

    `delivery` is a new duty or an order (emit, redeliver, cancel), `attempt` what the engine has settled, `redelivery`
    a plan or how far it has come, `plugin` plugins or their settings;
    `anything` is all that is known of another process's commit; with SQLite, if there was more in it than `TRAFFIC`.
    """

    webhook = "webhook"
    event = "event"
    delivery = "delivery"
    attempt = "attempt"
    redelivery = "redelivery"
    account = "account"
    plugin = "plugin"
    anything = "anything"


class Changed(NamedTuple):
    """One announcement; `webhook_id` is None where many or none are concerned."""

    kind: Kind
    webhook_id: int | None = None


TRAFFIC = frozenset(Changed(kind) for kind in (Kind.event, Kind.delivery, Kind.attempt))  # of whatever webhooks


def is_traffic(change: Changed) -> bool:
    """Whether it is what goes on all day long, and changes nothing that people have set up."""
    return Changed(change.kind) in TRAFFIC


def may_wait(changes: Iterable[Changed]) -> bool:
    """Whether nobody acts on these: attempts are only shown."""
    return all(change.kind is Kind.attempt for change in changes)


Subscriber = Callable[[frozenset[Changed]], None]


class Announcer:
    """Passes announcements on. Subscribers are called on the announcing thread and must return at once."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._lock = threading.Lock()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls `subscriber` with every later announcement; the returned function ends that."""
        with self._lock:
            self._subscribers.append(subscriber)
        return lambda: self._unsubscribe(subscriber)

    def _unsubscribe(self, subscriber: Subscriber) -> None:
        with self._lock:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

    def announce(self, changes: Iterable[Changed]) -> None:
        """Tells every subscriber, if there is anything to tell."""
        what = frozenset(changes)
        if not what:
            return
        with self._lock:
            subscribers = list(self._subscribers)
        for subscriber in subscribers:
            try:
                subscriber(what)
            except Exception:  # one that fails must not keep the news from the others, nor end the announcing thread
                log.exception("announcement.failed", subscriber=repr(subscriber))
