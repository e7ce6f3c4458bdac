"""What the panel of a delivery shows, read in one go: the delivery, what surrounds an attempt, and a comparison."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from webhook_ui import ids, wire
from webhook_ui.difference import Comparison, Side, compare
from webhook_ui.explain import Case, said
from webhook_ui.history.deliveries import DeliveryDetail, DeliveryRow, get_delivery
from webhook_ui.history.neighbours import GoodAttempt, Neighbours, find_last_good, find_neighbours
from webhook_ui.history.redeliverable import Redeliverable, count_redeliverable
from webhook_ui.languages import tr
from webhook_ui.models import Attempt
from webhook_ui.ui import delivery_words
from webhook_ui.ui.panel_address import Choice

NEWEST = 20  # attempts that are read at first; a delivery that is redelivered again and again has hundreds


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The good attempt before the chosen one, and what differs; `good` is None where none is near."""

    good: GoodAttempt | None
    comparison: Comparison | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A delivery and its chosen attempt, `number` from 1; 0 and None while there was no attempt."""

    detail: DeliveryDetail
    choice: Choice
    number: int
    neighbours: Neighbours | None
    compared: Compared | None
    failed: Redeliverable | None = None
    """What else could be sent again once its receiver is mended."""

    @property
    def attempt(self) -> Attempt | None:
        return self.detail.attempt(self.number) if self.number else None

    @property
    def envelope(self) -> str:
        """The body as the event gives it."""
        event = self.detail.event
        return wire.envelope(event.trigger, event.occurred_at, event.payload).decode()

    def body_of(self, attempt: Attempt) -> str:
        """What an attempt has sent."""
        return self.envelope if attempt.request_body is None else attempt.request_body


def look(
    session: Session, webhook_id: int, event_id: int, choice: Choice, *, now: datetime, newest: int = NEWEST
) -> Look:
    """With the `newest` attempts and the chosen one. Raises NotFound. One that does not exist means the latest."""
    detail = get_delivery(session, webhook_id, event_id, now=now, newest=newest, also=choice.attempt or 0)
    count = detail.count
    number = choice.attempt if choice.attempt and choice.attempt <= count else count
    found = Look(detail=detail, choice=choice, number=number, neighbours=None, compared=None)
    attempt = found.attempt
    if attempt is None:
        return found
    neighbours = find_neighbours(session, attempt)
    return Look(
        detail=detail,
        choice=choice,
        number=number,
        neighbours=neighbours,
        compared=_compare(session, found, attempt) if choice.view == "difference" else None,
        failed=_failed(session, detail.row, neighbours) if attempt.error_class and not detail.row.test else None,
    )


def _failed(session: Session, row: DeliveryRow, neighbours: Neighbours) -> Redeliverable:
    """Since the event of this one at the latest: an order knows the times of events, and not those of attempts."""
    since = neighbours.failed_from
    return count_redeliverable(session, row.webhook_id, min(since, ids.moment(row.event_id)) if since else None)


def _compare(session: Session, shown: Look, attempt: Attempt) -> Compared:
    good = find_last_good(session, attempt, shown.detail.row.trigger)
    if good is None:
        return Compared(good=None)
    return Compared(
        good=good, comparison=compare(_side(good.attempt, good.body), _side(attempt, shown.body_of(attempt)))
    )


def _side(attempt: Attempt, body: str) -> Side:
    answered = attempt.response_status is not None
    failure = said(attempt.error_message or "") or tr("none")
    return Side(
        url=attempt.url,
        request_headers=attempt.request_headers,
        body=body,
        answer=delivery_words.status_line(attempt.response_status) if answered else failure,
        response_headers=attempt.response_headers if answered else [],
    )


def case_of(attempt: Attempt, neighbours: Neighbours | None) -> Case:
    """An attempt as it is explained. Of its certificate, its neighbours may know more: connections are kept."""
    timings = dict(attempt.timings)
    if neighbours and neighbours.certificate_until and attempt.url[:8].lower() == "https://":
        timings.setdefault("certificate_until", neighbours.certificate_until)
    return Case(
        url=attempt.url,
        error_class=attempt.error_class,
        message=attempt.error_message or "",
        response_status=attempt.response_status,
        headers=attempt.response_headers,
        body=attempt.response_body,
        timings=timings,
        duration_ms=attempt.duration_ms,
        at=attempt.at,
        had_good=neighbours is None or neighbours.last_good is not None,
    )
