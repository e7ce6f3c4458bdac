"""Webhooks as lists show them: filtered, sorted, by pages, each with its last result."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session

from webhook_ui import guard
from webhook_ui.columns import EPOCH, MICROSECOND
from webhook_ui.errors import Invalid
from webhook_ui.history import paging
from webhook_ui.models import Attempt, Delivery, Lane, Subscription, Webhook, table
from webhook_ui.patterns import patterns

_webhook, _lane, _attempt, _delivery = table(Webhook), table(Lane), table(Attempt), table(Delivery)
_subscription = table(Subscription)


class Sort(StrEnum):
    """What a list of webhooks is sorted by; `id` is Smart sorting."""

    created = "created"
    updated = "updated"
    id = "id"


class Order(StrEnum):
    """Which end comes first."""

    asc = "asc"
    desc = "desc"


SORTED_BY = {Sort.created: _webhook.c.created_at, Sort.updated: _webhook.c.updated_at, Sort.id: _webhook.c.id}


@dataclass(frozen=True, kw_only=True)
class WebhookFilter:
    """What a list of webhooks is narrowed to; `created_from` is inclusive, `created_to` exclusive.

    `trigger` keeps those that hear of it, by name or by group; `q` those with this in title or URL; `failing` enabled
    ones whose last attempt was an error; `last` those whose last attempt was `sent`, `error`, or that have `none`.
    """

    created_from: datetime | None = None
    created_to: datetime | None = None
    q: str | None = None
    trigger: str | None = None
    enabled: bool | None = None
    paused: bool | None = None
    failing: bool = False
    last: str | None = None


@dataclass(frozen=True, kw_only=True)
class LastResult:
    """A webhook's latest attempt; `next_attempt_at` is when its delivery is tried again, if it waits for that."""

    event_id: int
    attempt_id: int
    status: str
    at: datetime
    duration_ms: float
    response_status: int | None
    error_class: str | None
    error_message: str | None
    next_attempt_at: datetime | None
    in_flight: bool = False


@dataclass(frozen=True, kw_only=True)
class WebhookRow:
    """A webhook as a list shows it; `last` is no test send.

    `held` counts what waits while it is paused or disabled or its breaker is not closed (0 while all is well).
    """

    webhook: Webhook
    lane: Lane
    last: LastResult | None
    held: int

    @property
    def failing_since(self) -> datetime | None:
        return self.lane.failing_since

    @property
    def is_down(self) -> bool:
        """Whether its receiver is only probed at the moment."""
        return self.lane.breaker != "closed"

    @property
    def id(self) -> int:
        return int(self.webhook.id or 0)


@dataclass(frozen=True, kw_only=True)
class WebhookPage:
    """One page of the list."""

    rows: Sequence[WebhookRow]
    next_cursor: str | None


def list_webhooks(
    session: Session,
    criteria: WebhookFilter,
    *,
    sort: Sort = Sort.created,
    order: Order = Order.desc,
    limit: int = paging.DEFAULT_LIMIT,
    cursor: str | None = None,
    offset: int = 0,
) -> WebhookPage:
    """A page of webhooks that are not deleted, from `cursor` or `offset` on. Raises Invalid for a foreign cursor."""
    column = SORTED_BY[sort]
    statement = sa.select(Webhook).where(*conditions(criteria))
    if cursor is not None:
        statement = statement.where(_after(cursor, sort, order, column))
    direction = sa.asc if order is Order.asc else sa.desc
    statement = statement.order_by(direction(column), direction(_webhook.c.id)).offset(offset).limit(limit + 1)
    found = list(session.execute(statement).scalars())
    page = found[:limit]
    return WebhookPage(
        rows=describe(session, page), next_cursor=_cursor(page[-1], sort, order) if len(found) > limit else None
    )


def count_webhooks(session: Session, criteria: WebhookFilter) -> int:
    """How many webhooks the filter leaves."""
    statement = sa.select(sa.func.count()).select_from(_webhook).where(*conditions(criteria))
    return int(session.execute(statement).scalar_one())


def describe(session: Session, webhooks: Sequence[Webhook], *, most: int | None = None) -> list[WebhookRow]:
    """`webhooks` with what the engine knows of them, in the same order; what is held is counted up to `most`."""
    ids = [webhook.id for webhook in webhooks]
    lanes: dict[int | None, Lane] = {
        lane.webhook_id: lane for lane in session.execute(sa.select(Lane).where(_lane.c.webhook_id.in_(ids))).scalars()
    }
    last = _last_results(session, ids)
    holding = [one for one in webhooks if one.paused or not one.enabled or lanes[one.id].breaker != "closed"]
    held = _held(session, [one.id for one in holding], most)
    return [
        WebhookRow(webhook=one, lane=lanes[one.id], last=last.get(one.id), held=held.get(one.id, 0)) for one in webhooks
    ]


def listeners(session: Session, trigger: str) -> int:
    """How many webhooks that are not deleted hear of `trigger`."""
    return count_webhooks(session, WebhookFilter(trigger=trigger))


def conditions(criteria: WebhookFilter, *, many: bool = False) -> list[sa.ColumnElement[bool]]:
    """What a webhook has to fulfil, over the columns of its table; `many` when it is known that many do."""
    where: list[sa.ColumnElement[bool]] = [_webhook.c.deleted_at.is_(None)]
    if criteria.created_from is not None:
        where.append(_webhook.c.created_at >= criteria.created_from)
    if criteria.created_to is not None:
        where.append(_webhook.c.created_at < criteria.created_to)
    if criteria.enabled is not None:
        where.append(_webhook.c.enabled.is_(criteria.enabled))
    if criteria.paused is not None:
        where.append(_webhook.c.paused.is_(criteria.paused))
    if criteria.failing:
        where.append(is_failing())
    if criteria.last is not None:
        where.append(_ends_with(criteria.last))
    if criteria.q:
        text = criteria.q.strip().lower()
        # a longer pattern matches nothing, and is more than SQLite compares
        fits = len(text) <= guard.URL_CHARACTERS
        where.append(sa.or_(_holds(_webhook.c.title, text), _holds(_webhook.c.url, text)) if fits else sa.false())
    if criteria.trigger is not None:
        hears = sa.select(_subscription.c.webhook_id).where(_subscription.c.pattern.in_(patterns(criteria.trigger)))
        # where many do, the first of them are found soon; else all of them are listed soon
        one = hears.where(_subscription.c.webhook_id == _webhook.c.id).exists()
        where.append(one if many else _webhook.c.id.in_(hears))
    return where


class _Contains(FunctionElement[bool]):
    """`_Contains(column, pattern)`: whether the column is like the pattern of ASCII letters, whatever their case."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(_Contains)
def _like(element: Any, compiler: Any, **more: Any) -> str:
    column, pattern = (compiler.process(clause, **more) for clause in element.clauses)
    return f"lower({column}) LIKE {pattern} ESCAPE '/'"


@compiles(_Contains, "sqlite")
def _like_by_itself(element: Any, compiler: Any, **more: Any) -> str:
    # knows A to Z, and does not come back to Python for each row
    column, pattern = (compiler.process(clause, **more) for clause in element.clauses)
    return f"{column} LIKE {pattern} ESCAPE '/'"


def _holds(column: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    if not text.isascii():
        return sa.func.lower(column).contains(text, autoescape=True)
    escaped = re.sub(r"[%_/]", r"/\g<0>", text)
    return _Contains(column, sa.literal(f"%{escaped}%", sa.Text))


def is_failing() -> sa.ColumnElement[bool]:
    """Enabled, and the last attempt was an error."""
    return sa.and_(_webhook.c.enabled, _ends_with("error"))


def _ends_with(result: str) -> sa.ColumnElement[bool]:
    lanes = sa.select(_lane.c.webhook_id)
    if result == "sent":  # nearly all: SQLite would make a list of them first
        return lanes.where(_lane.c.last_result == "sent", _lane.c.webhook_id == _webhook.c.id).exists()
    ended = _lane.c.last_result.is_(None) if result == "none" else _lane.c.last_result == result
    return _webhook.c.id.in_(lanes.where(ended))


def _after(cursor: str, sort: Sort, order: Order, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    kind, value, webhook_id = paging.decode(cursor, 3)
    if kind != _kind(sort, order):
        raise Invalid({"cursor": "This cursor is of a list in another order. Use the sort and order it came with."})
    last: Any = webhook_id if column is _webhook.c.id else paging.moment(value)
    place = sa.tuple_(column, _webhook.c.id)
    here = sa.tuple_(sa.literal(last, column.type), sa.literal(webhook_id, _webhook.c.id.type))
    return place > here if order is Order.asc else place < here


def _kind(sort: Sort, order: Order) -> int:
    return list(Sort).index(sort) * len(Order) + list(Order).index(order)


def _cursor(webhook: Webhook, sort: Sort, order: Order) -> str:
    moment = webhook.updated_at if sort is Sort.updated else webhook.created_at
    value = int(webhook.id or 0) if sort is Sort.id else (moment - EPOCH) // MICROSECOND
    return paging.encode([_kind(sort, order), value, int(webhook.id or 0)])


def _last_results(session: Session, webhook_ids: Sequence[int | None]) -> dict[int | None, LastResult]:
    tried, real = _attempt.alias("tried"), _delivery.alias("real")
    latest = (
        sa.select(tried.c.id)
        .join(real, sa.and_(real.c.webhook_id == tried.c.webhook_id, real.c.event_id == tried.c.event_id))
        .where(tried.c.webhook_id == _webhook.c.id, sa.not_(real.c.test))
        .order_by(tried.c.id.desc())
        .limit(1)
        .correlate(_webhook)
        .scalar_subquery()
    )
    again = sa.and_(_delivery.c.status == "error", _delivery.c.claim.is_(None))
    statement = (
        sa.select(
            _attempt,
            sa.case((again, _delivery.c.due_at), else_=None).label("next_attempt_at"),
            sa.and_(_delivery.c.status == "error", _delivery.c.claim.is_not(None)).label("in_flight"),
        )
        .select_from(_webhook)
        .join(_attempt, sa.and_(_attempt.c.webhook_id == _webhook.c.id, _attempt.c.id == latest))
        .join(
            _delivery,
            sa.and_(_delivery.c.webhook_id == _attempt.c.webhook_id, _delivery.c.event_id == _attempt.c.event_id),
        )
        .where(_webhook.c.id.in_(webhook_ids))
    )
    return {
        row.webhook_id: LastResult(
            status=row.status,
            at=row.at,
            duration_ms=row.duration_ms,
            response_status=row.response_status,
            error_class=row.error_class,
            error_message=row.error_message,
            next_attempt_at=row.next_attempt_at,
            in_flight=bool(row.in_flight),
            event_id=row.event_id,
            attempt_id=row.id,
        )
        for row in session.execute(statement)
    }


def _held(session: Session, webhook_ids: Sequence[int | None], most: int | None) -> dict[int | None, int]:
    if not webhook_ids:
        return {}
    opened = sa.select(sa.literal(1)).where(_delivery.c.webhook_id == _webhook.c.id, _delivery.c.due_at.is_not(None))
    some = opened.limit(most).correlate(_webhook).subquery()
    held = sa.select(sa.func.count()).select_from(some).scalar_subquery()
    statement = sa.select(_webhook.c.id, held.label("held")).where(_webhook.c.id.in_(webhook_ids))
    return {row.id: row.held for row in session.execute(statement)}


def secrets_by_url(session: Session, url: str) -> list[str]:
    """The secrets of webhooks with exactly this URL, with or without a slash at its end; for the local receiver."""
    urls = {url, url.rstrip("/"), url.rstrip("/") + "/"}
    found = session.execute(
        sa.select(_webhook.c.secret).where(_webhook.c.url.in_(urls), _webhook.c.deleted_at.is_(None))
    )
    return list(found.scalars())
