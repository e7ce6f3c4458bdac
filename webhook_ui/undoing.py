"""Undoing one change of a webhook: what stood there before is written again, unless somebody changed it since."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from webhook_ui import webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.errors import Conflict, NotFound
from webhook_ui.history.changes import find_change
from webhook_ui.languages import tr
from webhook_ui.models import Change, Webhook
from webhook_ui.webhook_fields import Rules

# of headers history knows the names only, and why the engine disabled a webhook is nobody's to write
FIELDS = (
    "title",
    "url",
    "description",
    "triggers",
    "enabled",
    "paused",
    "filter",
    "template",
    "tenant",
    "ordered",
    "rate_limit",
    "timeout",
    "retry_schedule",
)


def former_values(change: Change) -> dict[str, Any]:
    """What undoing `change` would write; nothing where it cannot be undone."""
    before, after = change.before or {}, change.after or {}
    return {name: before[name] for name in FIELDS if name in before and name in after and before[name] != after[name]}


def undo(session: Session, webhook_id: int, change_id: int, *, rules: Rules, actor: Actor, now: datetime) -> Webhook:
    """Writes the former values. Raises Conflict, and changes nothing, if one of these fields was changed since.

    Raises Invalid where they may not stand there any more, for example a trigger whose plugin is gone.
    """
    actor.require(Role.operator)
    change = find_change(session, "webhook", webhook_id, change_id)
    if change is None:
        raise NotFound(tr("This change is not on record any more."))
    values = former_values(change)
    if not values:
        raise Conflict(tr("There is nothing in this change that could be undone."))
    webhook = webhooks.get(session, webhook_id)
    present, after = webhooks.snapshot(webhook), change.after or {}
    others = [name.replace("_", " ") for name in values if present[name] != after[name]]
    if others:
        raise Conflict(
            tr(
                "Changed since: {names}. Nothing was undone. Undo the later change first, or edit the webhook.",
                names=", ".join(others),
            )
        )
    return webhooks.change(session, webhook_id, values, rules=rules, actor=actor, now=now, version=webhook.version)
