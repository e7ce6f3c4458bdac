"""Test sends as they are kept: event, delivery and attempt in one transaction, once the answer is there.

Such a delivery is never open, so no crash leaves one behind and nobody claims it; neither its webhook, nor its lane,
nor any statistics hear of it.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import note
from webhook_ui.models import Attempt, Delivery, Event, table
from webhook_ui.wire import Answer, Headers, Result


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One example event that was sent to one webhook, and what was answered; headers without what is secret."""

    webhook_id: int
    event_id: int
    trigger: str
    tenant: str | None
    payload: str
    occurred_at: datetime
    url: str
    request_headers: Headers
    answer: Answer
    request_body: str | None = None


def keep_trial(session: Session, trial: Trial, *, actor: Actor, now: datetime) -> Attempt:
    """Stores what was tried, closed: as sent, or as exhausted, since there is no second try. Returns its attempt."""
    actor.require(Role.operator)
    attempt = _attempt(trial)
    session.execute(table(Event).insert().values(**_event(trial, actor), created_at=now))
    session.execute(table(Delivery).insert().values(**_delivery(trial, attempt.id), created_at=now, updated_at=now))
    session.add(attempt)
    note(session, Changed(Kind.event), Changed(Kind.attempt, trial.webhook_id))
    return attempt


def _event(trial: Trial, actor: Actor) -> dict[str, object]:
    return {
        "id": trial.event_id,
        "trigger": trial.trigger,
        "tenant": trial.tenant,
        "payload": trial.payload,
        "occurred_at": trial.occurred_at,
        "actor": actor.name,
        "test": True,
    }


def _delivery(trial: Trial, attempt_id: int) -> dict[str, object]:
    sent = trial.answer.result is Result.sent
    return {
        "webhook_id": trial.webhook_id,
        "event_id": trial.event_id,
        "trigger": trial.trigger,
        "status": trial.answer.result.value,
        "answer": trial.answer.result.value,
        "closed": "sent" if sent else "exhausted",
        "round": 1,
        "tries": 1,
        "losses": 0,
        "last_attempt_id": attempt_id,
        "test": True,
    }


def _attempt(trial: Trial) -> Attempt:
    answer, failure = trial.answer, trial.answer.failure
    return Attempt(
        webhook_id=trial.webhook_id,
        event_id=trial.event_id,
        id=ids.new_id(),
        round=1,
        late=False,
        at=answer.at,
        duration_ms=answer.duration_ms,
        status=answer.result.value,
        url=trial.url,
        request_headers=[list(pair) for pair in trial.request_headers],
        request_body=trial.request_body,
        response_status=answer.response_status,
        response_headers=[list(pair) for pair in answer.response_headers],
        response_body=answer.response_body,
        error_class=failure.kind.value if failure else None,
        error_message=failure.message if failure else None,
        timings=msgspec.to_builtins(answer.timings),
    )
