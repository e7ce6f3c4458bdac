"""One numbered page of the list of webhooks, and how many there are in all: ids first, so that little is read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.history.webhooks import (
    SORTED_BY,
    Order,
    Sort,
    WebhookFilter,
    WebhookRow,
    conditions,
    count_webhooks,
    describe,
    is_failing,
)
from webhook_ui.models import Webhook, table

MOST_HELD = 10_000  # more is not counted for a list
MANY = 5000

_webhook = table(Webhook)


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """In which order webhooks stand; with `failing_first`, those that fail stand above all others."""

    sort: Sort = Sort.created
    order: Order = Order.desc
    failing_first: bool = False

    @property
    def by(self) -> list[Any]:
        direction = sa.asc if self.order is Order.asc else sa.desc
        return [direction(SORTED_BY[self.sort]), direction(_webhook.c.id)]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The ids on a page, in order; `page` is the last one where there are not so many, `total` counts all pages."""

    ids: Sequence[int]
    total: int
    page: int


def find(session: Session, criteria: WebhookFilter, sorting: Sorting, *, page: int, size: int) -> Found:
    """The page of this number, from 1 on."""
    if criteria.q:  # looks at every webhook whatever is asked, so it is asked for all at once
        return _find_at_once(session, criteria, sorting, page, size)
    total = count_webhooks(session, criteria)
    page = _within(page, total, size)
    ids = _ids(session, criteria, sorting, offset=(page - 1) * size, size=size, many=total > MANY)
    return Found(ids=ids, total=total, page=page)


def find_all(session: Session, criteria: WebhookFilter) -> list[int]:
    """The ids of all that the filters leave, lowest first."""
    statement = sa.select(_webhook.c.id).where(*conditions(criteria)).order_by(_webhook.c.id)
    return list(session.execute(statement).scalars())


def rows(session: Session, webhook_ids: Sequence[int]) -> list[WebhookRow]:
    """These webhooks as a list shows them, in this order; those that are gone are left out."""
    statement = sa.select(Webhook).where(_webhook.c.id.in_(webhook_ids), _webhook.c.deleted_at.is_(None))
    known = {webhook.id: webhook for webhook in session.execute(statement).scalars()}
    return describe(session, [known[one] for one in webhook_ids if one in known], most=MOST_HELD + 1)


def _ids(
    session: Session, criteria: WebhookFilter, sorting: Sorting, *, offset: int, size: int, many: bool
) -> list[int]:
    wanted = conditions(criteria, many=many)
    if not sorting.failing_first or criteria.failing:
        return _some(session, wanted, sorting, offset, size)
    troubled = replace(criteria, failing=True)
    first = count_webhooks(session, troubled)
    ids = _some(session, conditions(troubled), sorting, offset, size) if offset < first else []
    if len(ids) < size:
        others = [*wanted, sa.not_(is_failing())]
        ids += _some(session, others, sorting, max(offset - first, 0), size - len(ids))
    return ids


def _some(
    session: Session, where: Sequence[sa.ColumnElement[bool]], sorting: Sorting, offset: int, size: int
) -> list[int]:
    statement = sa.select(_webhook.c.id).where(*where).order_by(*sorting.by).offset(offset).limit(size)
    return list(session.execute(statement).scalars())


def _find_at_once(session: Session, criteria: WebhookFilter, sorting: Sorting, page: int, size: int) -> Found:
    failing = sa.case((is_failing(), 1), else_=0) if sorting.failing_first else sa.literal(0)
    columns = (_webhook.c.id, SORTED_BY[sorting.sort].label("place"), failing.label("failing"))
    found = sa.select(*columns).where(*conditions(criteria)).cte("found").prefix_with("MATERIALIZED")
    direction = sa.asc if sorting.order is Order.asc else sa.desc
    total = sa.select(sa.func.count()).select_from(found).scalar_subquery()
    chosen = sa.select(found.c.id, total.label("total")).order_by(
        found.c.failing.desc(), direction(found.c.place), direction(found.c.id)
    )
    some = session.execute(chosen.offset((page - 1) * size).limit(size)).all()
    if not some and page > 1:  # behind the last page
        last = _within(page, count_webhooks(session, criteria), size)
        return _find_at_once(session, criteria, sorting, last, size) if last < page else Found(ids=[], total=0, page=1)
    return Found(ids=[row.id for row in some], total=some[0].total if some else 0, page=page)


def _within(page: int, total: int, size: int) -> int:
    return min(page, max((total - 1) // size + 1, 1))
