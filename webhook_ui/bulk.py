"""The same step for many webhooks, a few of them in each transaction. One that cannot be changed stops no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from webhook_ui import webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.errors import Conflict, Invalid, NotFound
from webhook_ui.webhook_fields import Rules

AT_ONCE = 25  # webhooks in one transaction: the dispatcher waits no longer for it than for one of its own


class Step(StrEnum):
    """What is done to each; `OPPOSITE` takes it back."""

    enable = "enable"
    disable = "disable"
    pause = "pause"
    resume = "resume"
    delete = "delete"
    restore = "restore"


OPPOSITE = {
    Step.enable: Step.disable,
    Step.disable: Step.enable,
    Step.pause: Step.resume,
    Step.resume: Step.pause,
    Step.delete: Step.restore,
    Step.restore: Step.delete,
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Which webhooks were changed (those that were so already were not), and why others could not be."""

    changed: Sequence[int]
    refused: Sequence[str]


def apply(
    session: Session, webhook_ids: Sequence[int], step: Step, *, rules: Rules, actor: Actor, now: datetime
) -> Outcome:
    """Takes the step for each, with history, in the order of their ids. Raises Forbidden for who may not."""
    actor.require(Role.operator)
    changed, refused = [], []
    for webhook_id in sorted(webhook_ids):
        try:
            if _take(session, webhook_id, step, rules=rules, actor=actor, now=now):
                changed.append(webhook_id)
        except (NotFound, Conflict, Invalid) as error:
            refused.append(str(error))
    return Outcome(changed=changed, refused=refused)


def _take(session: Session, webhook_id: int, step: Step, *, rules: Rules, actor: Actor, now: datetime) -> bool:
    """Whether it was not so already."""
    if step is Step.restore:
        webhooks.restore(session, webhook_id, actor=actor, now=now)
        return True
    webhook = webhooks.get(session, webhook_id)
    if step is Step.delete:
        webhooks.delete(session, webhook_id, actor=actor, now=now)
        return True
    if step is Step.resume:
        was_paused = webhook.paused
        if was_paused:
            webhooks.resume(session, webhook_id, actor=actor, now=now)
        return was_paused
    wanted = {Step.enable: {"enabled": True}, Step.disable: {"enabled": False}, Step.pause: {"paused": True}}[step]
    if all(getattr(webhook, name) == value for name, value in wanted.items()):
        return False
    webhooks.change(session, webhook_id, wanted, rules=rules, actor=actor, now=now)
    return True
