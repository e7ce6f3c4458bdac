"""What has to be done now and then: expire what has been open too long, end what deleted webhooks left, forget keys."""

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from webhook_ui import outbox, webhooks
from webhook_ui.database import Database, moment
from webhook_ui.errors import Unavailable
from webhook_ui.models import Idempotency, SignInSession, table

EVERY_SECONDS = 3600.0

log = structlog.get_logger()


async def run(database: Database, *, retention: timedelta) -> None:
    """One round. Several processes may do it at once; each row is touched by one of them."""
    try:
        while closed := await database.write(_expire, retention):
            log.warning("deliveries.expired", count=closed, after_days=retention.days)
        for webhook_id in await database.read(_gone):
            while closed := await database.write(_purge, webhook_id):
                log.info("deliveries.gone", count=closed, webhook=webhook_id)
        await database.write(_forget)
    except Unavailable as error:
        log.warning("upkeep.waits", reason=str(error), again_in_seconds=EVERY_SECONDS)


def _expire(session: Session, retention: timedelta) -> int:
    now = moment(session)
    return outbox.expire(session, older_than=now - retention, now=now)


def _gone(session: Session) -> list[int]:
    return webhooks.gone_since(session, moment(session) - webhooks.RESTORABLE)


def _purge(session: Session, webhook_id: int) -> int:
    return outbox.purge(session, webhook_id, now=moment(session))


def _forget(session: Session) -> None:
    now: datetime = moment(session)
    for model in (Idempotency, SignInSession):
        expired = table(model)
        session.execute(sa.delete(expired).where(expired.c.expires_at <= now))
