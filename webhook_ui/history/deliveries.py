"""The log: deliveries newest first, and one delivery with everything that was tried for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.errors import NotFound
from webhook_ui.history import paging
from webhook_ui.history.delivery_search import DeliveryFilter, Key, search
from webhook_ui.languages import tr
from webhook_ui.models import Attempt, Delivery, Event, Lane, Sending, Webhook, table

__all__ = [
    "DeliveryDetail",
    "DeliveryFilter",
    "DeliveryPage",
    "DeliveryRow",
    "get_delivery",
    "list_deliveries",
    "rows_of",
]

_delivery, _attempt, _webhook, _lane = table(Delivery), table(Attempt), table(Webhook), table(Lane)


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """A delivery as the log shows it: its state, and its latest attempt if there was one.

    `next_attempt_at` is None while it is in flight and once it is over, and never earlier than `lane_until`;
    `waiting_for` says what it waits for: stopped, disabled, paused, breaker, ordered, deliver_at, retry, rate_limit, or
    None when it is due, in flight or over. `lane_until` is until when its lane holds it: the next probe (breaker), the
    end of the wait its receiver asked for (retry), its next turn (rate_limit). `retry_schedule` is the webhook's own,
    if it has one.
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
    retry_schedule: Sequence[float] | None = None

    @property
    def id(self) -> str:
        return ids.delivery_text(self.webhook_id, self.event_id)


@dataclass(frozen=True, kw_only=True)
class DeliveryPage:
    """One page of the log. Where the search broke off at `searched_to`, it may be short or empty, and goes on."""

    rows: Sequence[DeliveryRow]
    next_cursor: str | None
    searched_to: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryDetail:
    """One delivery, the event it brings, and its attempts, oldest first, less the `earlier` ones left out.

    `apart` is the one of those that was asked for, with its number.
    """

    row: DeliveryRow
    webhook: Webhook
    event: Event
    attempts: Sequence[Attempt]
    earlier: int = 0
    apart: tuple[int, Attempt] | None = None

    @property
    def count(self) -> int:
        """Of all its attempts."""
        return self.earlier + len(self.attempts)

    def attempt(self, number: int) -> Attempt:
        """The one with this number, counted from 1; it must have been read."""
        if self.apart and self.apart[0] == number:
            return self.apart[1]
        return self.attempts[number - 1 - self.earlier]


def list_deliveries(
    session: Session,
    criteria: DeliveryFilter,
    *,
    now: datetime,
    limit: int = paging.DEFAULT_LIMIT,
    cursor: str | None = None,
) -> DeliveryPage:
    """A page of the log, newest event first. Raises Invalid for a foreign cursor."""
    after = paging.decode(cursor, 2) if cursor is not None else None
    hits = search(session, criteria, limit=limit, after=(after[0], after[1]) if after else None)
    return DeliveryPage(
        rows=rows_of(session, hits.keys, now=now),
        next_cursor=paging.encode(hits.more) if hits.more else None,
        searched_to=hits.searched_to,
    )


def rows_of(session: Session, keys: Sequence[Key], *, now: datetime) -> list[DeliveryRow]:
    """The rows of these (event, webhook), newest first; what is not there is left out."""
    if not keys:
        return []
    statement = _WANTED[session.get_bind().dialect.name]
    found = session.execute(statement, {"now": now, "keys": json.dumps(list(keys))})
    return sorted((_row(row, now) for row in found), key=lambda row: (row.event_id, row.webhook_id), reverse=True)


def deliveries_of(
    session: Session, event_id: int, webhook_ids: Sequence[int], *, now: datetime
) -> dict[int, DeliveryRow]:
    """An event's deliveries to some webhooks, by webhook."""
    rows = rows_of(session, [(event_id, webhook_id) for webhook_id in webhook_ids], now=now)
    return {row.webhook_id: row for row in rows}


def get_delivery(
    session: Session, webhook_id: int, event_id: int, *, now: datetime, newest: int | None = None, also: int = 0
) -> DeliveryDetail:
    """One delivery with its attempts, or only its `newest` and the one with the number `also`. Raises NotFound."""
    here = (_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == event_id)
    found = session.execute(_ROWS.where(*here), {"now": now}).one_or_none()
    if found is None:
        raise NotFound(tr("There is no delivery {id}.", id=ids.delivery_text(webhook_id, event_id)))
    made = (_attempt.c.webhook_id == webhook_id, _attempt.c.event_id == event_id)
    attempts, earlier, apart = sa.select(Attempt).where(*made).order_by(_attempt.c.id), 0, None
    if newest is not None:
        total = session.scalar(sa.select(sa.func.count()).select_from(_attempt).where(*made)) or 0
        earlier = max(total - newest, 0)
        if 0 < also <= earlier:
            apart = also, session.execute(attempts.offset(also - 1).limit(1)).scalar_one()
        attempts = attempts.offset(earlier)
    return DeliveryDetail(
        row=_row(found, now),
        webhook=session.get_one(Webhook, webhook_id),
        event=session.get_one(Event, event_id),
        attempts=list(session.execute(attempts).scalars()),
        earlier=earlier,
        apart=apart,
    )


def _rows() -> sa.Select[Any]:
    now = sa.bindparam("now", type_=_delivery.c.due_at.type)
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
            _webhook.c.retry_schedule,
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


def _wanted(dialect: str) -> sa.Select[Any]:
    """The rows of `keys`, a JSON list: one statement for any number of them, which is compiled once."""
    keys: Any = sa.bindparam("keys", type_=sa.Text())
    event_id: Any
    webhook_id: Any
    if dialect == "sqlite":
        each = sa.func.json_each(keys).table_valued("value", name="wanted")
        event_id, webhook_id = (sa.func.json_extract(each.c.value, f"$[{place}]") for place in (0, 1))
    else:
        each = sa.func.json_array_elements(sa.cast(keys, sa.JSON)).table_valued("value", name="wanted")
        event_id, webhook_id = (sa.cast(each.c.value.op("->>")(place), sa.BigInteger) for place in (0, 1))
    return _ROWS.where(_delivery.c.webhook_id == webhook_id, _delivery.c.event_id == event_id)


def _row(row: Any, now: datetime) -> DeliveryRow:
    in_flight = row.claim is not None and row.due_at > now
    lane_until = _lane_until(row, now)
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
        next_attempt_at=None if in_flight else max(filter(None, (row.due_at, lane_until)), default=None),
        waiting_for=row.waiting_for,
        lane_until=lane_until,
        test=row.test,
        retry_schedule=row.retry_schedule,
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


_ROWS = _rows()
_WANTED = {dialect: _wanted(dialect) for dialect in ("sqlite", "postgresql")}
