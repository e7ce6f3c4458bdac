"""Why a webhook fails and what could be sent again, for the notice on its page. Read with the webhook, in one go."""

from dataclasses import dataclass

from sqlmodel import Session

from webhook_ui import webhooks
from webhook_ui.errors import NotFound
from webhook_ui.explain import explain
from webhook_ui.history.neighbours import oldest_failed
from webhook_ui.history.redeliverable import Redeliverable, count_redeliverable
from webhook_ui.history.webhooks import WebhookRow, describe
from webhook_ui.models import Attempt
from webhook_ui.ui.panel_look import case_of


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """The cause of the last attempt in words, and what failed since it has been failing; all is well without it."""

    cause: str = ""
    failed: Redeliverable | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A webhook as its page shows it."""

    row: WebhookRow
    trouble: Trouble


def look(session: Session, webhook_id: int) -> Seen | None:
    """The webhook, deleted or not; None where there is none."""
    try:
        row = describe(session, [webhooks.get(session, webhook_id, deleted=True)])[0]
    except NotFound:
        return None
    return Seen(row=row, trouble=_trouble(session, row))


def _trouble(session: Session, row: WebhookRow) -> Trouble:
    last, webhook = row.last, row.webhook
    failing = row.is_down or (last is not None and last.status == "error")
    if last is None or not failing or not webhook.enabled or webhook.paused or webhook.deleted_at:
        return Trouble()
    attempt = session.get(Attempt, (row.id, last.event_id, last.attempt_id))
    told = explain(case_of(attempt, None)) if attempt and attempt.error_class else None
    since = oldest_failed(session, row.id, row.failing_since or last.at)
    return Trouble(
        cause=told.cause if told else "",
        failed=count_redeliverable(session, row.id, since) if since else None,
    )
