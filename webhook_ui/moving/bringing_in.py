"""Brings a file of webhooks in: all of it or nothing, with history, by the same functions that every door uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.models import Webhook
from webhook_ui.moving.comparing import Plan, Step
from webhook_ui.webhook_fields import Rules

LOCK = 0x77656275  # PostgreSQL's advisory lock: of two imports of the same file, the second one finds nothing to do


@dataclass(frozen=True, kw_only=True)
class BroughtIn:
    """What was done, and the webhooks for which a secret was made."""

    plan: Plan
    with_new_secret: Sequence[Webhook]


def bring_in(
    session: Session, compared: Callable[..., Plan], *, rules: Rules, actor: Actor, now: datetime
) -> BroughtIn:
    """Does what `compared(session, now=…)` says is to be done.

    Raises Mistakes, and Conflict where somebody changes one of these webhooks meanwhile; nothing is changed then.
    """
    actor.require(Role.operator)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    plan = compared(session, now=now)
    new: list[Webhook] = []
    for step in sorted(plan.steps, key=lambda step: step.webhook_id):  # rows are locked in the order that all keep
        if step.kind == "create":
            made = webhooks.add(
                session, step.after, rules=rules, actor=actor, now=now, uid=step.uid, secret=step.secret
            )
            new += [made] if step.secret is None else []
        else:
            _take(session, step, rules, actor, now)
    return BroughtIn(plan=plan, with_new_secret=new)


def _take(session: Session, step: Step, rules: Rules, actor: Actor, now: datetime) -> None:
    """A step with a webhook that is there."""
    webhook_id, version = step.webhook_id, step.version
    if step.kind == "delete":
        webhooks.delete(session, webhook_id, actor=actor, now=now, version=version)
        return
    if step.kind == "restore":
        version = webhooks.restore(session, webhook_id, actor=actor, now=now).version
    if step.after:
        webhooks.change(session, webhook_id, step.after, rules=rules, actor=actor, now=now, version=version)
    if step.secret is not None:
        webhooks.rotate_secret(session, webhook_id, actor=actor, now=now, secret=step.secret)
