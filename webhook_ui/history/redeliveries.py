"""Plans for many deliveries as they are read: lists and one, with how many of the lanes left are held."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.errors import NotFound
from webhook_ui.history import paging
from webhook_ui.history.redelivery_outcome import MOST, Outcome, outcome_of
from webhook_ui.languages import tr
from webhook_ui.models import Redelivery, RedeliveryLane, RedeliveryRun, Sending, Webhook, table

RUNS = 20
LISTED = 400  # deliveries whose fate is looked at for a plan in a list
TITLES = 5  # of the webhooks that one plan names, in a list

_plan, _part, _webhook = table(Redelivery), table(RedeliveryLane), table(Webhook)
_run = table(RedeliveryRun)


class Stage(IntEnum):
    """Where in its life a plan is: what goes on comes first, then what is to come, then what is over."""

    at_work = 0
    planned = 1
    over = 2


@dataclass(frozen=True, kw_only=True)
class RedeliveryRow:
    """A plan; `held` counts webhooks that a run still has to come back to, because they take nothing at the moment.

    `outcome` is what came of the deliveries of its run, None where nothing is known.
    `titles` are those of the webhooks it names, as far as they are there; of many in a list, only the first.
    """

    plan: Redelivery
    held: int
    titles: Mapping[int, str] = field(default_factory=dict)
    outcome: Outcome | None = None

    @property
    def webhooks(self) -> Sequence[int] | None:
        """The webhooks it names; None where it is for all."""
        return named_webhooks(self.plan)

    @property
    def stage(self) -> Stage:
        """A pause in the middle of a run is part of it."""
        if self.plan.upper_bound is not None:
            return Stage.at_work
        return Stage.over if self.plan.state in ("done", "cancelled") else Stage.planned


@dataclass(frozen=True, kw_only=True)
class RedeliveryPage:
    """One page of plans."""

    rows: Sequence[RedeliveryRow]
    next_cursor: str | None


def list_redeliveries(
    session: Session, *, state: str | None = None, limit: int = paging.DEFAULT_LIMIT, cursor: str | None = None
) -> RedeliveryPage:
    """A page of plans, newest first. Raises Invalid for a foreign cursor."""
    statement = sa.select(Redelivery).order_by(_plan.c.id.desc()).limit(limit + 1)
    if state is not None:
        statement = statement.where(_plan.c.state == state)
    if cursor is not None:
        (last,) = paging.decode(cursor, 1)
        statement = statement.where(_plan.c.id < last)
    found = list(session.execute(statement).scalars())
    page = found[:limit]
    next_cursor = paging.encode([page[-1].id or 0]) if len(found) > limit else None
    return RedeliveryPage(rows=_rows(session, page), next_cursor=next_cursor)


def list_by_stage(session: Session, *, limit: int = paging.DEFAULT_LIMIT, cursor: str | None = None) -> RedeliveryPage:
    """A page of plans, by stage and then newest first. Raises Invalid for a foreign cursor."""
    over = _plan.c.state.in_(["done", "cancelled"])
    stage = sa.case(
        (_plan.c.upper_bound.is_not(None), Stage.at_work.value),
        (over, Stage.over.value),
        else_=Stage.planned.value,
    )
    statement = sa.select(Redelivery).order_by(stage, _plan.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        last_stage, last = paging.decode(cursor, 2)
        statement = statement.where(sa.or_(stage > last_stage, sa.and_(stage == last_stage, _plan.c.id < last)))
    found = list(session.execute(statement).scalars())
    rows = _rows(session, found[:limit])
    next_cursor = paging.encode([rows[-1].stage, rows[-1].plan.id or 0]) if len(found) > limit else None
    return RedeliveryPage(rows=rows, next_cursor=next_cursor)


def count_at_work(session: Session) -> int:
    """How many plans have a run that goes on."""
    statement = sa.select(sa.func.count()).select_from(_plan).where(_plan.c.upper_bound.is_not(None))
    return int(session.execute(statement).scalar_one())


def list_runs(session: Session, plan_id: int, *, limit: int = RUNS) -> Sequence[RedeliveryRun]:
    """The latest runs of a plan, newest first; the one that goes on is as far as its plan says."""
    statement = sa.select(RedeliveryRun).where(_run.c.redelivery_id == plan_id).order_by(_run.c.id.desc())
    return list(session.execute(statement.limit(limit)).scalars())


def get_redelivery(session: Session, plan_id: int) -> RedeliveryRow:
    """One plan. Raises NotFound."""
    plan = session.get(Redelivery, plan_id) if 0 < plan_id < 1 << 63 else None
    if plan is None:
        raise NotFound(tr("There is no redelivery {id}.", id=plan_id))
    return _rows(session, [plan], most_titles=None)[0]


def _rows(session: Session, page: Sequence[Redelivery], *, most_titles: int | None = TITLES) -> list[RedeliveryRow]:
    running = [plan.id for plan in page if plan.kind == "redeliver" and plan.state == "running"]
    stopped = sa.exists(sa.select(table(Sending).c.id))
    statement = (
        sa.select(_part.c.redelivery_id, sa.func.count())
        .join(_webhook, _webhook.c.id == _part.c.webhook_id)
        .where(_part.c.redelivery_id.in_(running), _webhook.c.deleted_at.is_(None))
        .where(sa.or_(sa.not_(_webhook.c.enabled), _webhook.c.paused, stopped))
        .group_by(_part.c.redelivery_id)
    )
    held = {row[0]: row[1] for row in session.execute(statement)} if running else {}
    named = [(named_webhooks(plan) or ())[:most_titles] for plan in page]
    titles = webhook_titles(session, {one for some in named for one in some})
    return [
        RedeliveryRow(
            plan=plan,
            held=held.get(plan.id, 0),
            titles={one: titles[one] for one in some if one in titles},
            outcome=outcome_of(session, plan, most=MOST if most_titles is None else LISTED),
        )
        for plan, some in zip(page, named, strict=True)
    ]


def named_webhooks(plan: Redelivery) -> Sequence[int] | None:
    """The webhooks that a plan's scope names, one or several; None for all."""
    one: int | None = plan.scope.get("webhook_id")
    several: Sequence[int] | None = plan.scope.get("webhook_ids")
    return several if one is None else (one,)


def webhook_titles(session: Session, webhook_ids: Collection[int]) -> dict[int, str]:
    """The titles of those that are there, deleted ones too."""
    statement = sa.select(_webhook.c.id, _webhook.c.title).where(_webhook.c.id.in_(webhook_ids))
    return {row.id: row.title for row in session.execute(statement)} if webhook_ids else {}
