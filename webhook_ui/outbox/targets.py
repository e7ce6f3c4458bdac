"""Where deliveries go: what a webhook says of its receiver, unsealed once and kept while its version stays the same."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from webhook_ui.errors import WebhookUIError
from webhook_ui.models import Webhook, table

KEPT = 10_000

log = structlog.get_logger()

_webhook = table(Webhook)


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """Where a delivery goes and how, as the webhook says it at the moment of the claim."""

    webhook_id: int
    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str]
    timeout: float | None
    retry_schedule: Sequence[float] | None
    signer: str = "standard"
    uid: str = ""
    title: str = ""
    tenant: str | None = None
    template: Mapping[str, str] | None = None
    valid_until: datetime | None = None  # when an old secret signs no longer


class Targets:
    """The targets a dispatcher has met; to be used by one thread."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Target]] = {}

    def of(self, session: Session, versions: Mapping[int, int], now: datetime) -> dict[int, Target]:
        """The targets of these webhooks (id → version), read where they are not known or have changed.

        One whose secrets cannot be opened is left out.
        """
        known = {webhook_id: self._known.get(webhook_id) for webhook_id in versions}
        found = {
            webhook_id: entry[1]
            for webhook_id, entry in known.items()
            if entry and entry[0] == versions[webhook_id] and not _is_over(entry[1], now)
        }
        if missing := versions.keys() - found.keys():
            if len(self._known) + len(missing) > KEPT:
                self._known.clear()
            for version, target in _read_all(session, missing, now):
                self._known[target.webhook_id] = version, target
                found[target.webhook_id] = target
        return found


def _is_over(target: Target, now: datetime) -> bool:
    return target.valid_until is not None and target.valid_until <= now


def _read_all(session: Session, webhook_ids: Collection[int], now: datetime) -> list[tuple[int, Target]]:
    try:
        return list(_read(session, webhook_ids, now))
    except WebhookUIError as error:  # sealed with another key: the others must be delivered all the same
        if len(webhook_ids) == 1:
            log.error("webhook.unreadable", webhook=next(iter(webhook_ids)), reason=str(error))
            return []
    return [read for webhook_id in webhook_ids for read in _read_all(session, [webhook_id], now)]


def _read(session: Session, webhook_ids: Collection[int], now: datetime) -> Iterable[tuple[int, Target]]:
    statement = sa.select(
        _webhook.c.id,
        _webhook.c.version,
        _webhook.c.url,
        _webhook.c.headers,
        _webhook.c.secret,
        _webhook.c.old_secret,
        _webhook.c.old_secret_until,
        _webhook.c.timeout,
        _webhook.c.retry_schedule,
        _webhook.c.signer,
        _webhook.c.uid,
        _webhook.c.title,
        _webhook.c.tenant,
        _webhook.c.template,
    )
    for row in session.execute(statement.where(_webhook.c.id.in_(webhook_ids))).all():
        rotating = row.old_secret is not None and row.old_secret_until > now
        yield (
            row.version,
            Target(
                webhook_id=row.id,
                url=row.url,
                headers=row.headers,
                secrets=(row.secret, row.old_secret) if rotating else (row.secret,),
                timeout=row.timeout,
                retry_schedule=row.retry_schedule,
                signer=row.signer,
                uid=row.uid,
                title=row.title,
                tenant=row.tenant,
                template=row.template,
                valid_until=row.old_secret_until if rotating else None,
            ),
        )
