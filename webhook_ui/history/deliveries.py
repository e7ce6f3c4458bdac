"""The log: deliveries newest first, and one delivery with everything that was tried for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.errors import NotFound
from webhook_ui.history import paging
from webhook_ui.models import Attempt, Delivery, Event, Lane, Sending, Webhook, table

_delivery, _attempt, _webhook, _lane = table(Delivery), table(Attempt), table(Webhook), table(Lane)


@dataclass(frozen=True, kw_only=True)
class DeliveryFilter:
    """What the log is narrowed to; the times are those of the event, `since` inclusive, `until` exclusive."""

    webhook_id: int | None = None
    event_id: int | None = None
    trigger: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """A delivery as the log shows it: its state, and its latest attempt if there was one.

    `next_attempt_at` is None while it is in flight and once it is over; `waiting_for` says what it waits for:
    stopped, disabled, paused, breaker, ordered, deliver_at, retry, rate_limit, or None when it is due, in flight or
    over. `lane_until` is until when its lane holds it: the next probe (breaker), the end of the wait its receiver
    asked for (retry), its next turn (rate_limit).
    """

    webhook_id: int
    webhook_title: str
    event_id: int
    trigger: str
    status: str
    in_flight: bool
    tries: int
    round: int
    closed_reason: str | None
    next_attempt_at: datetime | None
    waiting_for: str | None
    created_at: datetime
    updated_at: datetime
    last_at: datetime | None
    last_duration_ms: float | None
    last_response_status: int | None
    last_error_class: str | None
    last_error_message: str | None
    lane_until: datetime | None = None
    test: bool = False

    @property
    def id(self) -> str:
        return ids.delivery_text(self.webhook_id, self.event_id)


@dataclass(frozen=True, kw_only=True)
class DeliveryPage:
    """One page of the log."""

    rows: Sequence[DeliveryRow]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class DeliveryDetail:
    """One delivery, the event it brings, and its attempts, oldest first."""

    row: DeliveryRow
    webhook: Webhook
    event: Event
    attempts: Sequence[Attempt]


def list_deliveries(
    session: Session,
    criteria: DeliveryFilter,
    *,
    now: datetime,
    limit: int = paging.DEFAULT_LIMIT,
    cursor: str | None = None,
) -> DeliveryPage:
    """A page of the log, newest event first. Raises Invalid for a foreign cursor."""
    statement = _rows(now).where(*_where(criteria))
    if cursor is not None:
        event_id, webhook_id = paging.decode(cursor, 2)
        place = sa.tuple_(_delivery.c.event_id, _delivery.c.webhook_id)
        integer = _delivery.c.event_id.type
        statement = statement.where(place < sa.tuple_(sa.literal(event_id, integer), sa.literal(webhook_id, integer)))
    statement = statement.order_by(_delivery.c.event_id.desc(), _delivery.c.webhook_id.desc()).limit(limit + 1)
    found = [_row(row, now) for row in session.execute(statement)]
    page = found[:limit]
    more = len(found) > limit
    return DeliveryPage(
        rows=page, next_cursor=paging.encode([page[-1].event_id, page[-1].webhook_id]) if more else None
    )


def deliveries_of(
    session: Session, event_id: int, webhook_ids: Sequence[int], *, now: datetime
) -> dict[int, DeliveryRow]:
    """An event's deliveries to some webhooks, by webhook."""
    if not webhook_ids:
        return {}
    statement = _rows(now).where(_delivery.c.event_id == event_id, _delivery.c.webhook_id.in_(webhook_ids))
    return {row.webhook_id: _row(row, now) for row in session.execute(statement)}


def get_delivery(session: Session, webhook_id: int, event_id: int, *, now: datetime) -> DeliveryDetail:
    """One delivery with its attempts. Raises NotFound."""
    here = (_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == event_id)
    found = session.execute(_rows(now).where(*here)).one_or_none()
    if found is None:
        raise NotFound(f"There is no delivery {ids.delivery_text(webhook_id, event_id)}.")
    attempts = session.execute(
        sa.select(Attempt)
        .where(_attempt.c.webhook_id == webhook_id, _attempt.c.event_id == event_id)
        .order_by(_attempt.c.id)
    )
    return DeliveryDetail(
        row=_row(found, now),
        webhook=session.get_one(Webhook, webhook_id),
        event=session.get_one(Event, event_id),
        attempts=list(attempts.scalars()),
    )


def _where(criteria: DeliveryFilter) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (_delivery.c.webhook_id, criteria.webhook_id),
        (_delivery.c.event_id, criteria.event_id),
        (_delivery.c.trigger, criteria.trigger),
        (_delivery.c.status, criteria.status),
    ):
        if value is not None:
            where.append(column == value)
    if criteria.since is not None:
        where.append(_delivery.c.event_id >= ids.floor(criteria.since))
    if criteria.until is not None:
        where.append(_delivery.c.event_id < ids.floor(criteria.until))
    return where


def _rows(now: datetime) -> sa.Select[Any]:
    earlier = table(Delivery).alias("earlier")
    head = (
        sa.select(sa.func.min(earlier.c.event_id))
        .where(earlier.c.webhook_id == _delivery.c.webhook_id, earlier.c.due_at.is_not(None))
        .correlate(_delivery)
        .scalar_subquery()
    )
    due = _delivery.c.due_at <= now
    rated = sa.or_(_webhook.c.rate_limit.is_not(None), _lane.c.resume_rate.is_not(None))
    return (
        sa.select(
            _delivery,
            _lane.c.probe_at,
            _lane.c.not_before,
            _lane.c.rate_tat,
            _webhook.c.title.label("webhook_title"),
            _attempt.c.at.label("last_at"),
            _attempt.c.duration_ms.label("last_duration_ms"),
            _attempt.c.response_status.label("last_response_status"),
            _attempt.c.error_class.label("last_error_class"),
            _attempt.c.error_message.label("last_error_message"),
            sa.case(
                (_delivery.c.due_at.is_(None), None),
                (sa.and_(_delivery.c.claim.is_not(None), _delivery.c.due_at > now), None),
                (sa.exists(sa.select(table(Sending).c.id)), "stopped"),
                (sa.or_(sa.not_(_webhook.c.enabled), _webhook.c.deleted_at.is_not(None)), "disabled"),
                (_webhook.c.paused, "paused"),
                (sa.and_(_lane.c.breaker != "closed", due), "breaker"),
                (sa.and_(_webhook.c.ordered, _delivery.c.event_id > head), "ordered"),
                (sa.and_(_delivery.c.due_at > now, _delivery.c.answer.is_(None)), "deliver_at"),
                (sa.or_(_delivery.c.due_at > now, _lane.c.not_before > now), "retry"),
                (sa.and_(rated, _lane.c.rate_tat > now), "rate_limit"),
                else_=None,
            ).label("waiting_for"),
        )
        .join(_webhook, _webhook.c.id == _delivery.c.webhook_id)
        .join(_lane, _lane.c.webhook_id == _delivery.c.webhook_id)
        .outerjoin(
            _attempt,
            sa.and_(
                _attempt.c.webhook_id == _delivery.c.webhook_id,
                _attempt.c.event_id == _delivery.c.event_id,
                _attempt.c.id == _delivery.c.last_attempt_id,
            ),
        )
    )


def _row(row: Any, now: datetime) -> DeliveryRow:
    in_flight = row.claim is not None and row.due_at > now
    return DeliveryRow(
        webhook_id=row.webhook_id,
        webhook_title=row.webhook_title,
        event_id=row.event_id,
        trigger=row.trigger,
        status=row.status,
        in_flight=in_flight,
        tries=row.tries,
        round=row.round,
        closed_reason=row.closed,
        next_attempt_at=None if in_flight else row.due_at,
        waiting_for=row.waiting_for,
        lane_until=_lane_until(row, now),
        test=row.test,
        created_at=row.created_at,
        updated_at=row.updated_at,
        last_at=row.last_at,
        last_duration_ms=row.last_duration_ms,
        last_response_status=row.last_response_status,
        last_error_class=row.last_error_class,
        last_error_message=row.last_error_message,
    )


def _lane_until(row: Any, now: datetime) -> datetime | None:
    moment: datetime | None = {"breaker": row.probe_at, "retry": row.not_before, "rate_limit": row.rate_tat}.get(
        row.waiting_for
    )
    return moment if moment is not None and moment > now else None
