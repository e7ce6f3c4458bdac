"""Filters at emit: who of those that listen gets an event. One filter is evaluated once, however many have it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import structlog

from webhook_ui import filters, ids, times
from webhook_ui.expressions import Document

log = structlog.get_logger()


class Fired(Protocol):
    """What is asked of an event."""

    @property
    def trigger(self) -> str: ...
    @property
    def payload(self) -> str: ...
    @property
    def about(self) -> int | None: ...


class Listeners:
    """Webhooks that listen (id, filter): those without a filter, and the others by what it is."""

    def __init__(self, found: Iterable[tuple[int, str | None]]) -> None:
        self.unfiltered: list[int] = []
        self.filters: dict[str, list[int]] = {}
        for webhook_id, text in found:
            if text is None:
                self.unfiltered.append(webhook_id)
            else:
                self.filters.setdefault(text, []).append(webhook_id)


def sift(
    listening: Mapping[str, Sequence[int]], event: Fired, event_id: int, occurred_at: datetime
) -> tuple[list[int], list[dict[str, Any]]]:
    """Which webhooks get the event, and the skips to be stored: for what was left out, and for what failed."""
    document = Document(
        event_id=ids.event_text(event_id),
        trigger=event.trigger,
        timestamp=times.to_text(occurred_at),
        payload=event.payload,
    )
    passed: list[int] = []
    skips: list[dict[str, Any]] = []
    for text, webhook_ids in listening.items():
        hearing = [webhook_id for webhook_id in webhook_ids if webhook_id != event.about]
        verdict = filters.judge(text, document)
        if verdict.passed:
            passed += hearing
        if verdict.fault:
            _warn(text, verdict.fault)
        if reason := verdict.clause or verdict.fault:
            skips += [
                {"webhook_id": webhook_id, "event_id": event_id, "reason": reason, "delivered": verdict.passed}
                for webhook_id in hearing
            ]
    return passed, skips


@lru_cache(256)
def _warn(text: str, fault: str) -> None:
    """Once for each filter and fault: each event has it on record."""
    log.warning("filter.failed", filter=filters.shown(text), reason=fault, consequence="delivered all the same")
