"""Rows as SQLite stores them: moments are microseconds since 1970, whole lists are JSON texts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from webhook_ui.columns import EPOCH, MICROSECOND
from webhook_ui.outbox.store import AttemptRow, LaneRow, SettledRow

_NO_MOMENTS = (None,) * 6  # as a rule


class Moments(dict[datetime, int]):
    """Moments as they are stored; a group has few different ones."""

    def __missing__(self, moment: datetime) -> int:
        self[moment] = stored = us(moment)
        return stored


def us(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def us_or_none(moment: datetime | None) -> int | None:
    """The same, if there is a moment."""
    return None if moment is None else (moment - EPOCH) // MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970."""
    return EPOCH + microseconds * MICROSECOND


def attempt_values(one: AttemptRow) -> tuple[Any, ...]:
    """In the order of the columns."""
    return (
        one.webhook_id,
        one.event_id,
        one.id,
        one.round,
        one.late,
        us(one.at),
        one.duration_ms,
        one.status,
        one.url,
        json_text(one.request_headers),
        one.request_body,
        one.response_status,
        json_text(one.response_headers),
        one.response_body,
        one.error_class,
        one.error_message,
        json_text(one.timings),
    )


def state_values(one: SettledRow) -> tuple[Any, ...]:
    """In the order in which the statement that settles reads them."""
    return (
        one.webhook_id,
        one.event_id,
        one.claim,
        one.status,
        one.answer,
        one.closed,
        us_or_none(one.due_at),
        one.last_attempt_id,
        us(one.updated_at),
    )


def lane_row(row: tuple[Any, ...]) -> LaneRow:
    """A lane as `LANES` reads it."""
    webhook_id, version, free, ordered, *others = row[:10]
    moments = row[10:]
    if moments != _NO_MOMENTS:
        moments = tuple([None if one is None else from_us(one) for one in moments])
    return LaneRow(webhook_id, version, bool(free), bool(ordered), *others, *moments)


def numbers(values: Iterable[int]) -> str:
    """Whole numbers as one parameter."""
    return json_text(list(values))


def json_text(value: Any) -> str:
    """As a column or a parameter takes it."""
    return msgspec.json.encode(value).decode()
