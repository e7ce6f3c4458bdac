"""The write side of webhooks: the only place a webhook changes. What waits to be delivered is not touched here."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import changelog, signing, times
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.errors import Conflict, Invalid, NotFound
from webhook_ui.languages import tr, trn
from webhook_ui.models import Lane, Subscription, Webhook, table
from webhook_ui.webhook_fields import Rules, check_fields
from webhook_ui.webhook_fields import rate as check_rate

ROTATION = timedelta(hours=24)  # how long the old secret signs beside the new one
RESTORABLE = timedelta(days=30)
FREEING = frozenset({"enabled", "paused", "url"})  # fields whose change is a new start for the lane
# a lane of which nothing bad is known; how its last attempt ended stays
FRESH: dict[str, Any] = {
    "breaker": "closed",
    "reason": None,
    "opened_at": None,
    "probe_at": None,
    "probes": 0,
    "failing_since": None,
    "disable_at": None,
}

_lane = table(Lane)


def get(session: Session, webhook_id: int, *, deleted: bool = False) -> Webhook:
    """The webhook. Raises NotFound; a deleted one is found only if `deleted` says so."""
    webhook = session.get(Webhook, webhook_id) if 0 < webhook_id < 1 << 63 else None
    if webhook is None or (webhook.deleted_at is not None and not deleted):
        raise NotFound(tr("There is no webhook {id}. It may have been deleted.", id=webhook_id))
    return webhook


def add(
    session: Session,
    values: Mapping[str, Any],
    *,
    rules: Rules,
    actor: Actor,
    now: datetime,
    uid: str | None = None,
    secret: str | None = None,
) -> Webhook:
    """Stores a new webhook. Raises Invalid with what is wrong at each field.

    One that comes from another installation brings its uid, which is free here, and may bring its secret.
    """
    actor.require(Role.operator)
    webhook = Webhook(
        **check_fields(values, rules=rules, whole=True),
        uid=uid or str(uuid.uuid4()),
        secret=secret or signing.new_secret(),
        created_at=now,
        updated_at=now,
    )
    session.add(webhook)
    session.flush()
    session.add(Lane(webhook_id=_id(webhook)))
    _subscribe(session, webhook)
    _record(session, webhook, "webhook.created", actor, now, before=None)
    return webhook


def change(
    session: Session,
    webhook_id: int,
    values: Mapping[str, Any],
    *,
    rules: Rules,
    actor: Actor,
    now: datetime,
    version: int | None = None,
) -> Webhook:
    """Changes the named fields. With `version`, raises Conflict if somebody changed the webhook since.

    One that is enabled, resumed or sent elsewhere is tried at once, whatever the engine held against it.
    """
    actor.require(Role.operator)
    webhook = _locked(session, webhook_id, lane=not values.keys().isdisjoint(FREEING))
    _check_version(webhook, version)
    before = snapshot(webhook)
    checked = check_fields(values, rules=rules, whole=False, present=webhook.triggers)
    changed = {name: value for name, value in checked.items() if getattr(webhook, name) != value}
    if not changed:
        return webhook
    for name, value in changed.items():
        setattr(webhook, name, value)
    if changed.get("enabled"):
        webhook.disabled_reason = None
    if "triggers" in changed:
        _subscribe(session, webhook)
    _free_lane(session, webhook_id, changed)
    _touch(webhook, now)
    _record(session, webhook, "webhook.changed", actor, now, before=before)
    return webhook


def resume(
    session: Session,
    webhook_id: int,
    *,
    actor: Actor,
    now: datetime,
    rate: float | None = None,
    version: int | None = None,
) -> Webhook:
    """Lets go what a pause has held, at most `rate` deliveries a second until nothing of it is due any more.

    A disabled webhook stays disabled and keeps the rate for when it is enabled. Raises Invalid for a bad rate.
    """
    actor.require(Role.operator)
    try:
        checked = check_rate(rate)
    except ValueError as error:
        raise Invalid({"rate": str(error)}) from None
    webhook = _locked(session, webhook_id, lane=True)
    _check_version(webhook, version)
    before = snapshot(webhook)
    was_paused, webhook.paused = webhook.paused, False
    _set_lane(session, webhook_id, resume_rate=checked, **(FRESH if was_paused else {}))
    if was_paused:
        _touch(webhook, now)
    if was_paused or checked is not None:
        _record(session, webhook, "webhook.resumed", actor, now, before=before, rate=checked)
    else:
        note(session, Changed(Kind.webhook, webhook_id))
    return webhook


def delete(session: Session, webhook_id: int, *, actor: Actor, now: datetime, version: int | None = None) -> Webhook:
    """Takes the webhook away; it can be restored for 30 days, and what is open waits as long.

    With `version`, raises Conflict if somebody changed the webhook since.
    """
    actor.require(Role.operator)
    webhook = _locked(session, webhook_id)
    _check_version(webhook, version)
    before = snapshot(webhook)
    webhook.deleted_at = now
    _unsubscribe(session, webhook_id)
    _touch(webhook, now)
    _record(session, webhook, "webhook.deleted", actor, now, before=before)
    return webhook


def restore(session: Session, webhook_id: int, *, actor: Actor, now: datetime) -> Webhook:
    """Brings a deleted webhook back as it was. Raises Conflict if it was not deleted."""
    actor.require(Role.operator)
    webhook = _locked(session, webhook_id, deleted=True)
    if webhook.deleted_at is None:
        raise Conflict(tr("Webhook {id} is not deleted; there is nothing to restore.", id=webhook_id))
    if now - webhook.deleted_at > RESTORABLE:
        raise NotFound(
            tr("Webhook {id} was deleted more than {days} days ago and is gone.", id=webhook_id, days=RESTORABLE.days)
        )
    webhook.deleted_at = None
    _subscribe(session, webhook)
    _touch(webhook, now)
    _record(session, webhook, "webhook.restored", actor, now, before=None)
    return webhook


def disable(session: Session, webhook_id: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Switches a webhook off because of what its receiver does. The engine notes it: the update date stays."""
    webhook = _locked(session, webhook_id, deleted=True)
    if not webhook.enabled:
        return
    before = snapshot(webhook)
    webhook.enabled = False
    webhook.disabled_reason = reason
    webhook.version += 1
    _record(session, webhook, "webhook.disabled", actor, now, before=before)


def reveal_secret(session: Session, webhook_id: int, *, actor: Actor) -> str:
    """The secret that signs. Operators and admins only."""
    actor.require(Role.operator)
    return get(session, webhook_id).secret


def rotate_secret(
    session: Session,
    webhook_id: int,
    *,
    actor: Actor,
    now: datetime,
    force: bool = False,
    secret: str | None = None,
) -> Webhook:
    """A new secret, or the one that is given; the old one signs beside it for 24 hours.

    Only two can sign at a time, so another rotation within these hours would break who still verifies with the
    first one: it raises Conflict, unless `force` says that this is meant.
    """
    actor.require(Role.operator)
    webhook = _locked(session, webhook_id)
    if not force:
        check_rotation(webhook, now)
    before = snapshot(webhook)
    webhook.old_secret, webhook.old_secret_until = webhook.secret, now + ROTATION
    webhook.secret = secret or signing.new_secret()
    _touch(webhook, now)
    _record(session, webhook, "webhook.secret_rotated", actor, now, before=before)
    return webhook


def check_rotation(webhook: Webhook, now: datetime) -> None:
    """Raises Conflict while two secrets sign."""
    until = webhook.old_secret_until
    if until is not None and until > now:
        raise Conflict(
            tr(
                "The secret was rotated {span} ago, and the old one signs until {moment}: receivers may "
                "still verify with it. Rotate again after that, or with force, which ends the old one at "
                "once.",
                span=_hours(now - (until - ROTATION)),
                moment=times.to_text(until.replace(microsecond=0)),
            )
        )


def gone_since(session: Session, moment: datetime) -> list[int]:
    """Webhooks that were deleted before `moment` and can no longer be restored."""
    webhook = table(Webhook)
    return list(session.execute(sa.select(webhook.c.id).where(webhook.c.deleted_at < moment)).scalars())


def snapshot(webhook: Webhook) -> dict[str, Any]:
    """What history keeps of a webhook: no secret, and of headers only the names."""
    return {
        "title": webhook.title,
        "url": webhook.url,
        "description": webhook.description,
        "triggers": webhook.triggers,
        "enabled": webhook.enabled,
        "paused": webhook.paused,
        "disabled_reason": webhook.disabled_reason,
        "headers": sorted(webhook.headers),
        "filter": webhook.filter,
        "template": webhook.template,
        "tenant": webhook.tenant,
        "ordered": webhook.ordered,
        "rate_limit": webhook.rate_limit,
        "timeout": webhook.timeout,
        "retry_schedule": webhook.retry_schedule,
        "signer": webhook.signer,
    }


def _free_lane(session: Session, webhook_id: int, changed: Mapping[str, Any]) -> None:
    values: dict[str, Any] = {}
    if changed.get("paused") is False:
        values |= FRESH | {"resume_rate": None}
    if changed.get("enabled"):
        values |= FRESH
    if "url" in changed:  # nor is it this receiver who asked for a wait
        values |= FRESH | {"not_before": None}
    if values:
        _set_lane(session, webhook_id, **values)


def _set_lane(session: Session, webhook_id: int, **values: Any) -> None:
    session.execute(_lane.update().where(_lane.c.webhook_id == webhook_id).values(**values))


def _locked(session: Session, webhook_id: int, *, deleted: bool = False, lane: bool = False) -> Webhook:
    get(session, webhook_id, deleted=deleted)
    if lane:  # before the webhook, as the engine does that disables one: else the two could wait for each other
        session.execute(sa.select(_lane.c.webhook_id).where(_lane.c.webhook_id == webhook_id).with_for_update())
    # key_share: emitting, which only refers to the row, need not wait
    statement = sa.select(Webhook).where(table(Webhook).c.id == webhook_id).with_for_update(key_share=True)
    webhook: Webhook = session.execute(statement, execution_options={"populate_existing": True}).scalar_one()
    return webhook


def _check_version(webhook: Webhook, version: int | None) -> None:
    if version is not None and version != webhook.version:
        raise Conflict(
            tr(
                "Somebody changed this webhook meanwhile (it is at version {version}, you saw {seen}). "
                "Load it again, compare, and save.",
                version=webhook.version,
                seen=version,
            )
        )


def _id(webhook: Webhook) -> int:
    return int(webhook.id or 0)  # it is stored, so it has one


def _hours(span: timedelta) -> str:
    minutes = max(int(span.total_seconds() // 60), 1)
    hours = minutes // 60
    if hours:
        return trn("{n} hour", "{n} hours", hours)
    return trn("{n} minute", "{n} minutes", minutes)


def _touch(webhook: Webhook, now: datetime) -> None:
    webhook.version += 1
    webhook.updated_at = now


def _subscribe(session: Session, webhook: Webhook) -> None:
    _unsubscribe(session, _id(webhook))
    session.add_all(Subscription(pattern=pattern, webhook_id=_id(webhook)) for pattern in webhook.triggers)


def _unsubscribe(session: Session, webhook_id: int) -> None:
    session.execute(table(Subscription).delete().where(table(Subscription).c.webhook_id == webhook_id))


def _record(
    session: Session,
    webhook: Webhook,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    before: dict[str, Any] | None,
    **more: Any,
) -> None:
    after = None if webhook.deleted_at is not None else snapshot(webhook) | more
    session.flush()
    changelog.record(
        session,
        actor=actor,
        action=action,
        subject="webhook",
        subject_id=str(_id(webhook)),
        before=before,
        after=after,
        now=now,
    )
    note(session, Changed(Kind.webhook, _id(webhook)))
