"""Producers with a ledger: events go in by the REST API and by `emit`, with keys, and again when in doubt."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from webhook_ui import ids
from webhook_ui.actors import CLI
from webhook_ui.app import Core
from webhook_ui.errors import Unavailable
from webhook_ui.host import Emission


@dataclass
class Produced:
    """The ledger: what each key was accepted as, and answers nobody should get."""

    accepted: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def accept(self, key: str, event: str) -> None:
        """Notes that the product has accepted this key as this event."""
        if self.accepted.setdefault(key, event) != event:
            self.violations.append(f"The key {key} made two events, {self.accepted[key]} and {event}.")


@dataclass(frozen=True)
class _Door:
    """The ways in: REST at `address`, and `emit` in this process."""

    core: Core
    address: str
    token: str


@contextmanager
def producing(core: Core, address: str, token: str) -> Iterator[Produced]:
    """Lets producers work, singly, in batches and by `emit`, and gives their ledger."""
    produced, stop, door = Produced(), threading.Event(), _Door(core, address, token)
    numbers = itertools.count(1)
    work = (_post_singly, _post_batches, _emit)
    threads = [threading.Thread(target=one, args=(door, produced, numbers, stop), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield produced
    finally:
        stop.set()
    for thread in threads:  # after a failure nobody waits for them: what they call may be gone
        thread.join()


def _post_singly(door: _Door, produced: Produced, numbers: Iterator[int], stop: threading.Event) -> None:
    while not stop.wait(0.02):
        number = next(numbers)
        answer = _post(door, "/events", _event(number), produced)
        produced.accept(_key(number), answer["id"])


def _post_batches(door: _Door, produced: Produced, numbers: Iterator[int], stop: threading.Event) -> None:
    while not stop.wait(0.3):
        batch = list(itertools.islice(numbers, 10))
        answer = _post(door, "/events/batch", {"events": [_event(number) for number in batch]}, produced)
        for number, item in zip(batch, answer["items"], strict=True):
            produced.accept(_key(number), item["id"])


def _emit(door: _Door, produced: Produced, numbers: Iterator[int], stop: threading.Event) -> None:
    while not stop.wait(0.02):
        number = next(numbers)
        emission = Emission(trigger="user.created", payload=b'{"id":1,"name":"Z"}', idempotency_key=_key(number))
        while True:
            try:
                emitted = door.core.host.emit_now(emission, actor=CLI)
                break
            except Unavailable:
                time.sleep(0.1)  # the database is away; a client waits before it tries again
        produced.accept(_key(number), ids.event_text(emitted.event_id))


def _key(number: int) -> str:
    return f"crash-{number}"


def _event(number: int) -> dict[str, Any]:
    return {"trigger": "user.created", "payload": {"id": number, "name": "Zoë"}, "idempotency_key": _key(number)}


def _post(door: _Door, path: str, body: Any, produced: Produced) -> Any:
    """Posts until it is accepted, always with the same keys, as a careful client does."""
    headers = {"authorization": f"Bearer {door.token}"}
    while True:
        try:
            answer = _client.post(f"{door.address}/api/v1{path}", json=body, headers=headers)
        except httpx.TransportError:
            time.sleep(0.1)  # the server is down; a client waits before it tries again
            continue
        if answer.status_code in (200, 202):
            return answer.json()
        if answer.status_code != 503:
            produced.violations.append(f"{path} was answered {answer.status_code}: {answer.text[:200]}")
        time.sleep(0.1)  # as a client does after 503


_client = httpx.Client(timeout=30, trust_env=False)
