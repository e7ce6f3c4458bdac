"""Why one webhook did not get one event: judged by what history says it was at that moment."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui.actors import SYSTEM
from webhook_ui.engine_events import TRIGGERS as ENGINES
from webhook_ui.models import Change, Event, Skip, Webhook, table
from webhook_ui.patterns import matches

LOOKED_BACK = 200  # changes of a webhook among which the one that switched it is sought

_webhook, _skip, _change = table(Webhook), table(Skip), table(Change)


class Outcome(StrEnum):
    """What an event meant to a webhook. `about`: it is itself what the event tells of."""

    delivered = "delivered"
    filtered = "filtered"
    about = "about"
    not_subscribed = "not_subscribed"
    other_tenant = "other_tenant"
    disabled = "disabled"
    deleted = "deleted"
    created_later = "created_later"
    unexplained = "unexplained"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """An outcome, and what it rests on: `triggers` and `tenant` are what the webhook had then.

    `since` and `by` are when and by whom it was disabled, deleted, created or paused, `born` whether it was created so;
    `detail` is the clause of its filter that said no, or what who disabled it said; `listens` whether it hears of such
    events now. `fault` is why its filter could not be evaluated, so that it got the event all the same.
    """

    outcome: Outcome
    detail: str | None = None
    since: datetime | None = None
    by: str | None = None
    born: bool = False
    triggers: tuple[str, ...] = ()
    tenant: str | None = None
    listens: bool = False
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """An event, and what is on record of the webhooks that are to be judged."""

    event: Event
    about: int | None
    skips: Mapping[int, str] = field(default_factory=dict)
    changes: Mapping[int, Change] = field(default_factory=dict)  # the last one before the event


def read_case(session: Session, event: Event, webhook_ids: Sequence[int]) -> Case:
    """All that is needed to judge these webhooks, in two questions."""
    skips = sa.select(_skip.c.webhook_id, _skip.c.reason).where(
        _skip.c.webhook_id.in_(webhook_ids), _skip.c.event_id == event.id, sa.not_(_skip.c.delivered)
    )
    latest = (
        sa.select(_change.c.id)
        .where(_change.c.subject == "webhook", _change.c.subject_id == sa.cast(_webhook.c.id, sa.Text))
        .where(_change.c.at <= event.created_at)
        .order_by(_change.c.id.desc())
        .limit(1)
        .correlate(_webhook)
        .scalar_subquery()
    )
    changes = sa.select(_webhook.c.id, Change).join(Change, _change.c.id == latest)
    return Case(
        event=event,
        about=_about(event),
        skips={row.webhook_id: row.reason for row in session.execute(skips)},
        changes={row[0]: row[1] for row in session.execute(changes.where(_webhook.c.id.in_(webhook_ids)))},
    )


def unjudged(session: Session, event_id: int, webhook_ids: Sequence[int]) -> dict[int, str]:
    """Of these webhooks those whose filter could not be evaluated for the event, and why."""
    faults = sa.select(_skip.c.webhook_id, _skip.c.reason).where(
        _skip.c.webhook_id.in_(webhook_ids), _skip.c.event_id == event_id, _skip.c.delivered
    )
    return {row.webhook_id: row.reason for row in session.execute(faults)}


def judge(session: Session, case: Case, webhook: Webhook) -> Reason:
    """Why the webhook has no delivery of the event."""
    event, webhook_id = case.event, int(webhook.id or 0)
    listens = webhook.deleted_at is None and _hears(webhook.triggers, event)
    if webhook_id in case.skips:
        return Reason(outcome=Outcome.filtered, detail=case.skips[webhook_id], listens=listens)
    if webhook.created_at > event.created_at and _hears(webhook.triggers, event):
        return Reason(outcome=Outcome.created_later, since=webhook.created_at, listens=listens)
    return _judge_then(session, case, webhook, listens)


def _judge_then(session: Session, case: Case, webhook: Webhook, listens: bool) -> Reason:
    """By what it was when the event was stored."""
    event, webhook_id = case.event, int(webhook.id or 0)
    change = case.changes.get(webhook_id)
    then = _state(change, webhook)
    had: dict[str, Any] = {"triggers": tuple(then["triggers"]), "tenant": then["tenant"], "listens": listens}
    if not _hears(then["triggers"], event):
        return Reason(outcome=Outcome.not_subscribed, **had)
    if change is not None and change.after is None:
        return Reason(outcome=Outcome.deleted, since=change.at, by=change.actor, **had)
    if then["enabled"]:
        about, foreign = webhook_id == case.about, then["tenant"] not in (None, event.tenant)
        outcome = Outcome.about if about else Outcome.other_tenant if foreign else Outcome.unexplained
        return Reason(outcome=outcome, **had)
    switched = held_since(session, webhook_id, "enabled", False, until=event.created_at)
    reason = then["disabled_reason"]
    return replace(switched, outcome=Outcome.disabled, detail=reason, **had)


def held_since(session: Session, webhook_id: int, name: str, value: bool, *, until: datetime) -> Reason:
    """Since when, at `until`, the switch `name` had stood at `value`, and who had turned it; a delivery's reason."""
    statement = (
        sa.select(Change)
        .where(_change.c.subject == "webhook", _change.c.subject_id == str(webhook_id), _change.c.at <= until)
        .order_by(_change.c.id.desc())
        .limit(LOOKED_BACK)
    )
    turned: Change | None = None
    for change in session.execute(statement).scalars():
        if change.after is None:
            continue  # deleted for a while: what it was before counts
        if change.after.get(name) is not value:
            break
        turned = change
    if turned is None or (turned.before or {}).get(name) is value:  # what turned it is on record no more
        return Reason(outcome=Outcome.delivered)
    born = turned.action == "webhook.created"
    return Reason(outcome=Outcome.delivered, since=turned.at, by=turned.actor, born=born)


def _state(change: Change | None, webhook: Webhook) -> Mapping[str, Any]:
    """What it was then; what it is now where nothing is on record."""
    found = None if change is None else change.before if change.after is None else change.after
    names = ("triggers", "tenant", "enabled", "disabled_reason")
    now = {name: getattr(webhook, name) for name in names}
    return now if found is None else {name: found.get(name, now[name]) for name in names}


def _hears(triggers: Sequence[str], event: Event) -> bool:
    return any(matches(pattern, event.trigger) for pattern in triggers)


def _about(event: Event) -> int | None:
    """The webhook an event of the engine tells of; it does not hear of itself."""
    if event.trigger not in ENGINES or event.actor != SYSTEM.name:
        return None
    found = json.loads(event.payload).get("webhook", {}).get("id")
    return found if isinstance(found, int) else None
