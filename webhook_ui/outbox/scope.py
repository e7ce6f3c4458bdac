"""Which deliveries a plan is for: judged when it is given, kept as JSON, and turned into conditions of a query."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webhook_ui import ids, times
from webhook_ui.languages import tr
from webhook_ui.models import Attempt, Delivery, Event, Redelivery, table
from webhook_ui.outbox import transitions
from webhook_ui.patterns import PATTERN
from webhook_ui.webhook_fields import clean_text, tenant
from webhook_ui.wire import ErrorClass

STATUSES = {"redeliver": ("error",), "cancel": ("pending", "error")}
WINDOW = re.compile(r"([1-9][0-9]{0,4})([mhd])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST_WINDOW = timedelta(days=3650)
MOST_WEBHOOKS = 100  # that one scope names

_delivery, _event, _attempt = table(Delivery), table(Event), table(Attempt)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is meant; None leaves it open. The times are those of the event, `since` inclusive, `until` exclusive.

    `webhook_id` means one webhook, `webhook_ids` several; not both. `within` (`24h`) is a window that ends when a run
    begins, and takes the place of both times.
    """

    webhook_id: int | None = None
    webhook_ids: tuple[int, ...] | None = None
    trigger: str | None = None
    tenant: str | None = None
    status: str | None = None
    error_class: str | None = None
    response_status: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    within: str | None = None

    @property
    def webhooks(self) -> tuple[int, ...] | None:
        """The webhooks that are named, one or several; None for all."""
        return self.webhook_ids if self.webhook_id is None else (self.webhook_id,)

    def after(self, now: datetime) -> int:
        """The last event before a run that begins `now`."""
        earliest = now - window(self.within) if self.within is not None else self.since
        return -1 if earliest is None else ids.floor(max(earliest, times.EARLIEST)) - 1

    def last(self, newest: int) -> int:
        """The last event of a run, of those that exist."""
        return newest if self.until is None else min(newest, ids.floor(self.until) - 1)


def check(values: Mapping[str, Any], *, kind: str) -> tuple[Scope, dict[str, str]]:
    """The scope in `values`, and what is wrong with it by field. Moments are datetimes; other fields are left alone."""
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, (field, judge) in _CHECKS.items():
        value = values.get(name)
        if value is None:
            continue
        try:
            found[field] = judge(value)
        except ValueError as error:
            problems[name] = str(error)
    status = found.get("status")
    if status is not None and status not in STATUSES[kind]:
        problems["status"] = tr("This must be {options}.", options=tr(" or ").join(STATUSES[kind]))
    scope = Scope(**found)
    if scope.webhook_id is not None and scope.webhook_ids is not None:
        problems["webhook_ids"] = tr("Give webhook_id for one webhook, or webhook_ids for several, not both.")
    if scope.since and scope.until and scope.since >= scope.until:
        problems["to"] = tr("This must lie after from; swap the two.")
    if scope.within and (scope.since or scope.until):
        problems["within"] = tr("This is a window before each run; give it, or from and to, not both.")
    return scope, problems


def window(text: str) -> timedelta:
    """The length of `30m`, `24h` or `7d`. Raises ValueError."""
    match = WINDOW.fullmatch(text)
    length = int(match[1]) * UNITS[match[2]] if match else None
    if length is None or length > LONGEST_WINDOW:
        raise ValueError(tr("This must be a number of minutes, hours or days up to ten years: 30m, 24h, 7d."))
    return length


def to_json(scope: Scope) -> dict[str, Any]:
    """`scope` as a plan keeps it, in the words of its fields; `within` has a column of its own."""
    kept = {name: getattr(scope, field) for name, (field, _) in _CHECKS.items() if name != "within"}
    return {name: _plain(value) for name, value in kept.items() if value is not None}


def of_plan(plan: Redelivery) -> Scope:
    """The scope that a plan keeps."""
    kept: dict[str, Any] = {_CHECKS[name][0]: value for name, value in plan.scope.items()}
    for name in ("since", "until"):
        if name in kept:
            kept[name] = times.from_text(kept[name])
    if "webhook_ids" in kept:
        kept["webhook_ids"] = tuple(kept["webhook_ids"])
    return Scope(**kept, within=plan.within)


def matching(columns: tuple[Any, ...], scope: Scope, *, kind: str, now: datetime) -> sa.Select[Any]:
    """Those of a scope that an order may take at this moment, wherever in time their events lie."""
    statement = sa.select(*columns).select_from(_delivery).where(*takes(kind, now))
    if scope.webhooks is not None:
        statement = statement.where(_delivery.c.webhook_id.in_(scope.webhooks))
    if scope.status is not None:
        statement = statement.where(_delivery.c.status == scope.status)
    if scope.trigger is not None and scope.trigger.endswith(".*"):
        statement = statement.where(_delivery.c.trigger.startswith(scope.trigger[:-1], autoescape=True))
    elif scope.trigger is not None:
        statement = statement.where(_delivery.c.trigger == scope.trigger)
    if scope.tenant is not None:
        statement = statement.join(_event, _event.c.id == _delivery.c.event_id).where(_event.c.tenant == scope.tenant)
    if scope.error_class is None and scope.response_status is None:
        return statement
    last = sa.and_(
        _attempt.c.webhook_id == _delivery.c.webhook_id,
        _attempt.c.event_id == _delivery.c.event_id,
        _attempt.c.id == _delivery.c.last_attempt_id,
    )
    statement = statement.join(_attempt, last)
    if scope.error_class is not None:
        statement = statement.where(_attempt.c.error_class == scope.error_class)
    if scope.response_status is not None:
        statement = statement.where(_attempt.c.response_status == scope.response_status)
    return statement


def takes(kind: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """What an order asks of a delivery's own row. What is in flight is left alone, and so are test sends."""
    if kind == "cancel":
        return _delivery.c.due_at.is_not(None), transitions.free(now)
    not_cancelled = sa.or_(_delivery.c.closed.is_(None), _delivery.c.closed != "cancelled")
    return _delivery.c.status == "error", not_cancelled, transitions.free(now), sa.not_(_delivery.c.test)


def _plain(value: Any) -> Any:
    """A value of a scope as JSON has it."""
    if isinstance(value, datetime):
        return times.to_text(value)
    return list(value) if isinstance(value, tuple) else value


def _number(value: Any, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(what)
    return value


def _webhook_id(value: Any) -> int:
    return _number(value, 1, 10**18 - 1, tr("This must be the number of a webhook, for example 14."))


def _webhook_ids(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_WEBHOOKS:
        raise ValueError(
            tr("This must be a list of 1 to {count} numbers of webhooks, for example [3, 14].", count=MOST_WEBHOOKS)
        )
    return tuple(
        dict.fromkeys(_number(one, 1, 10**18 - 1, tr("Each must be the number of a webhook.")) for one in value)
    )


def _response_status(value: Any) -> int:
    return _number(value, 100, 599, tr("This must be an HTTP status, a number from 100 to 599."))


def _trigger(value: Any) -> str:
    text = clean_text(value, 200)
    if not PATTERN.fullmatch(text):
        raise ValueError(tr("This must be a trigger's name or a group, for example user.created or user.*."))
    return text


def _tenant(value: Any) -> str:
    return tenant(value) or ""


def _one_of(options: tuple[str, ...]) -> Callable[[Any], str]:
    def judge(value: Any) -> str:
        if value in options:
            return str(value)
        near = difflib.get_close_matches(value, options, n=1) if isinstance(value, str) else []
        raise ValueError(
            tr("Did you mean {name}?", name=near[0])
            if near
            else tr("This must be one of: {options}.", options=", ".join(options))
        )

    return judge


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError(tr("This must be a time with its zone, for example 2026-11-23T09:00:00Z, or a day."))
    return times.check(value)


def _within(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(tr("This must be a number of minutes, hours or days, as text: 30m, 24h, 7d."))
    window(value)
    return value


_CHECKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "webhook_id": ("webhook_id", _webhook_id),
    "webhook_ids": ("webhook_ids", _webhook_ids),
    "trigger": ("trigger", _trigger),
    "tenant": ("tenant", _tenant),
    "status": ("status", _one_of(("error", "pending"))),
    "error_class": ("error_class", _one_of(tuple(ErrorClass))),
    "response_status": ("response_status", _response_status),
    "from": ("since", _moment),
    "to": ("until", _moment),
    "within": ("within", _within),
}
FIELDS = tuple(_CHECKS)
