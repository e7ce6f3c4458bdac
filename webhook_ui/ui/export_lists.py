"""What can be exported: each list's columns, its filters as an address says them, and its pages as records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from webhook_ui import ids, times
from webhook_ui.errors import Invalid
from webhook_ui.history.deliveries import DeliveryRow, list_deliveries
from webhook_ui.history.events import EventRow, list_events
from webhook_ui.history.webhooks import Order, Sort, WebhookRow, list_webhooks
from webhook_ui.indexed_fields import NONE
from webhook_ui.languages import tr
from webhook_ui.ui import event_address, list_address, log_address
from webhook_ui.ui.context import zone_named
from webhook_ui.ui.export_writing import Raw, Record

PER_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Some records, and where the list goes on."""

    records: Sequence[Record]
    next_cursor: str | None


Page = Callable[[Session, str | None], Portion]


@dataclass(frozen=True, kw_only=True)
class ExportedList:
    """`prepare(address)` judges the filters and answers what reads a page. It raises Invalid."""

    columns: Sequence[str]
    prepare: Callable[[str], Page]


def _deliveries(address: str) -> Page:
    log = log_address.LogAddress.read(address)
    _refuse_unknown(address, {name: log.query().get(name, "") for name in _DELIVERY_FILTERS})
    judged = log_address.judge(log, _zone(log.tz))
    _refuse({"from": judged.first_problem, "to": judged.last_problem})

    def page(session: Session, cursor: str | None) -> Portion:
        found = list_deliveries(session, judged.criteria, now=times.utcnow(), limit=PER_PAGE, cursor=cursor)
        return Portion(records=[_delivery(row) for row in found.rows], next_cursor=found.next_cursor)

    return page


def _delivery(row: DeliveryRow) -> Record:
    return {
        "id": row.id,
        "webhook_id": row.webhook_id,
        "webhook_title": row.webhook_title,
        "event_id": ids.event_text(row.event_id),
        "trigger": row.trigger,
        "status": row.status,
        "in_flight": row.in_flight,
        "tries": row.tries,
        "round": row.round,
        "closed_reason": row.closed_reason,
        "waiting_for": row.waiting_for,
        "next_attempt_at": row.next_attempt_at,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "last_attempt_at": row.last_at,
        "duration_ms": row.last_duration_ms,
        "response_status": row.last_response_status,
        "error_class": row.last_error_class,
        "error_message": row.last_error_message,
        "test": row.test,
    }


def _webhooks(address: str) -> Page:
    question = list_address.read_address(address)
    known = {"state": question.state, "last": question.result, "sort": question.sort, "order": question.order}
    _refuse_unknown(address, known)
    judged = list_address.judge(question, _zone(question.tz))
    _refuse({"from": judged.first_problem, "to": judged.last_problem})
    sort, order = Sort(question.sort or Sort.created), Order(question.order or Order.desc)

    def page(session: Session, cursor: str | None) -> Portion:
        found = list_webhooks(session, judged.criteria, sort=sort, order=order, limit=PER_PAGE, cursor=cursor)
        return Portion(records=[_webhook(row) for row in found.rows], next_cursor=found.next_cursor)

    return page


def _webhook(row: WebhookRow) -> Record:
    """No secret, and no value of a header."""
    webhook, last = row.webhook, row.last
    plain = ("uid", "title", "url", "description", "triggers", "enabled", "paused", "disabled_reason", "tenant")
    more = (
        "filter",
        "template",
        "ordered",
        "rate_limit",
        "timeout",
        "retry_schedule",
        "signer",
        "created_at",
        "updated_at",
    )
    return {
        "id": row.id,
        **{name: getattr(webhook, name) for name in (*plain, *more)},
        "breaker": row.lane.breaker,
        "failing_since": row.failing_since,
        "last_status": last.status if last else None,
        "last_attempt_at": last.at if last else None,
        "last_response_status": last.response_status if last else None,
        "last_error_class": last.error_class if last else None,
        "last_error_message": last.error_message if last else None,
    }


def _events(address: str) -> Page:
    question = event_address.Question.read(address)
    judged = event_address.judge(question, _zone(question.tz), NONE)  # what is not indexed is not found
    _refuse({"from": judged.first_problem, "to": judged.last_problem, "search": judged.problem})

    def page(session: Session, cursor: str | None) -> Portion:
        found = list_events(session, judged.criteria, limit=PER_PAGE, cursor=cursor)
        return Portion(records=[_event(row) for row in found.rows], next_cursor=found.next_cursor)

    return page


def _event(row: EventRow) -> Record:
    """As in all lists, without a payload that is too large for one."""
    plain = ("trigger", "tenant", "occurred_at", "created_at", "actor", "test", "deliveries", "payload_bytes")
    return {
        "id": ids.event_text(row.id),
        **{name: getattr(row, name) for name in plain},
        "payload": None if row.payload is None else Raw(row.payload),
    }


def _zone(name: str) -> ZoneInfo:
    return zone_named(name) or ZoneInfo("UTC")


def _refuse(problems: dict[str, str | None]) -> None:
    found: dict[str, Any] = {name: problem for name, problem in problems.items() if problem}
    if found:
        raise Invalid(found)


def _refuse_unknown(address: str, known: Mapping[str, str]) -> None:
    """A page leaves out what cannot be meant, and shows that; a file would hold more than was asked for."""
    given = log_address.read_query(address)
    wrong = [name for name, kept in known.items() if given.get(name) and not kept]
    _refuse({name: tr("“{value}” is not a value of this filter.", value=given[name]) for name in wrong})


_DELIVERY_FILTERS = (
    "status", "webhook_id", "error_class", "response_status", "attempted_from", "attempted_to", "redelivery_id",
)  # fmt: skip
_DELIVERY = (
    "id", "webhook_id", "webhook_title", "event_id", "trigger", "status", "in_flight", "tries", "round",
    "closed_reason", "waiting_for", "next_attempt_at", "created_at", "updated_at", "last_attempt_at", "duration_ms",
    "response_status", "error_class", "error_message", "test",
)  # fmt: skip
_WEBHOOK = (
    "id", "uid", "title", "url", "description", "triggers", "enabled", "paused", "disabled_reason", "tenant",
    "filter", "template", "ordered", "rate_limit", "timeout", "retry_schedule", "signer", "created_at", "updated_at",
    "breaker",
    "failing_since", "last_status", "last_attempt_at", "last_response_status", "last_error_class", "last_error_message",
)  # fmt: skip
_EVENT = (
    "id", "trigger", "tenant", "occurred_at", "created_at", "actor", "test", "deliveries", "payload_bytes", "payload",
)  # fmt: skip

LISTS = {
    "deliveries": ExportedList(columns=_DELIVERY, prepare=_deliveries),
    "webhooks": ExportedList(columns=_WEBHOOK, prepare=_webhooks),
    "events": ExportedList(columns=_EVENT, prepare=_events),
}
