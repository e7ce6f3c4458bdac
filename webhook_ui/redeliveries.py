"""Orders for many deliveries as every door gives them: judged field by field, counted, stored as a plan.

A feeder carries the plan out; what it may do to a delivery stands in `outbox`.
"""

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from webhook_ui import schedule, times
from webhook_ui.actors import Actor, Role
from webhook_ui.database import Database, moment
from webhook_ui.errors import Invalid
from webhook_ui.history.deliveries import DeliveryFilter, DeliveryRow, list_deliveries
from webhook_ui.languages import carried, short_number, tr
from webhook_ui.models import Redelivery
from webhook_ui.outbox import forecast, plans, scope
from webhook_ui.outbox.forecast import Forecast, Glance
from webhook_ui.outbox.plans import Timing
from webhook_ui.outbox.scope import Scope
from webhook_ui.webhook_fields import clean_text

FIELDS = {"redeliver": (*scope.FIELDS, "rate", "at", "cron", "timezone"), "cancel": scope.FIELDS}
EDITABLE = ("state", "rate", "within", "at", "cron", "timezone")
ONCE_BEGUN = ("state", "rate")  # of a plan that runs only once
FASTEST = 10_000.0
DEFAULT_TIMEZONE = "UTC"


@dataclass(frozen=True, kw_only=True)
class Order:
    """A plan that may be stored: `kind` is redeliver or cancel."""

    kind: str
    scope: Scope
    rate: float | None
    timing: Timing


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an order would begin at `at`, and some of the deliveries it would take."""

    order: Order
    glance: Glance
    samples: Sequence[DeliveryRow]
    at: datetime


def check(values: Mapping[str, Any], *, kind: str, now: datetime) -> Order:
    """The order in `values` (moments as datetimes). Raises Invalid with what is wrong at each field."""
    problems = _unknown(values, FIELDS[kind])
    wanted, mistakes = scope.check(values, kind=kind)
    problems |= mistakes
    rate, timing = None, Timing()
    if kind == "redeliver":
        rate = _check_rate(values, problems)
        timing = _check_timing(values, problems, now)
    if problems:
        raise Invalid(problems)
    return Order(kind=kind, scope=wanted, rate=rate, timing=timing)


async def foresee(database: Database, values: Mapping[str, Any], *, kind: str, actor: Actor) -> Forecast:
    """What `place` would begin if it were done now; changes nothing. Raises Invalid."""
    forecast, _ = await database.read(carried(_prepare), values, kind, actor)
    return forecast


async def place(database: Database, values: Mapping[str, Any], *, kind: str, actor: Actor) -> Redelivery:
    """Stores a plan: to redeliver or to cancel (`kind`) all that is in its scope. Raises Invalid."""
    forecast, order = await database.read(carried(_prepare), values, kind, actor)
    return await database.write(carried(_store), order, forecast, actor)


async def preview(database: Database, values: Mapping[str, Any], *, kind: str, actor: Actor) -> Preview:
    """What `foresee` says, as far as a second goes, and some of what is meant. Raises Invalid."""
    actor.require(Role.operator)
    return await database.read(carried(_preview), values, kind)


def change(session: Session, plan_id: int, values: Mapping[str, Any], *, actor: Actor, now: datetime) -> Redelivery:
    """Pauses, resumes or edits a plan; fields that are not named stay. Raises Invalid, or Conflict if it is over."""
    actor.require(Role.operator)
    plan = plans.locked(session, plan_id)
    problems = _unknown(values, EDITABLE)
    state = values.get("state")
    if "state" in values and state not in ("paused", "running"):
        problems["state"] = tr("This must be paused or running. To end it for good, delete it.")
    begun = plan.upper_bound is not None and plan.cron is None
    if begun or plan.kind == "cancel":
        fixed = [name for name in values if name in EDITABLE and name not in ONCE_BEGUN]
        problems |= dict.fromkeys(fixed, tr("This plan has begun: only its state and its rate can be changed."))
    rate = _check_rate(values, problems) if "rate" in values else plan.rate
    merged = scope.of_plan(plan)
    if "within" in values:
        merged, mistakes = scope.check({**_given(merged), "within": values["within"]}, kind=plan.kind)
        problems |= mistakes
    timing = _change_timing(plan, values, problems, now)
    if problems:
        raise Invalid(problems)
    plans.change(session, plan, state=state, rate=rate, within=merged.within, timing=timing, actor=actor, now=now)
    return plan


def next_run(plan: Redelivery, now: datetime) -> datetime | None:
    """When a plan runs after the run that is due now; None for one that runs once."""
    return schedule.next_time(plan.cron, plan.timezone or DEFAULT_TIMEZONE, now) if plan.cron is not None else None


def _prepare(session: Session, values: Mapping[str, Any], kind: str, actor: Actor) -> tuple[Forecast, Order]:
    actor.require(Role.operator)
    now = moment(session)
    order = check(values, kind=kind, now=now)
    return forecast.foresee(session, order.scope, kind=kind, now=now), order


def _preview(session: Session, values: Mapping[str, Any], kind: str) -> Preview:
    now = moment(session)
    order = check(values, kind=kind, now=now)
    seen = forecast.glance(session, order.scope, kind=kind, now=now)
    samples = [
        row
        for webhook_id, event_id in seen.samples
        for row in list_deliveries(session, DeliveryFilter(webhook_id=webhook_id, event_id=event_id), now=now).rows
    ]
    return Preview(order=order, glance=seen, samples=samples, at=now)


def _store(session: Session, order: Order, forecast: Forecast, actor: Actor) -> Redelivery:
    return plans.store(
        session,
        kind=order.kind,
        scope=order.scope,
        rate=order.rate,
        timing=order.timing,
        forecast=forecast,
        actor=actor,
        now=moment(session),
    )


def _unknown(values: Collection[str], known: Collection[str]) -> dict[str, str]:
    problems = {}
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name[:100], known, n=1)
            problems[name] = f"There is no such field.{f' Did you mean {near[0]}?' if near else ''}"
    return problems


def _given(found: Scope) -> dict[str, Any]:
    return {"from": found.since, "to": found.until}


def _check_rate(values: Mapping[str, Any], problems: dict[str, str]) -> float | None:
    rate = values.get("rate")
    if rate is None:
        return None
    number = not isinstance(rate, bool) and isinstance(rate, int | float)
    if not number or not math.isfinite(rate) or not 0 < rate <= FASTEST:
        problems["rate"] = tr(
            "This must be deliveries a second, more than 0 and at most {most}; or leave it out.",
            most=short_number(FASTEST),
        )
        return None
    return float(rate)


def _check_timing(values: Mapping[str, Any], problems: dict[str, str], now: datetime) -> Timing:
    at, cron, timezone = (values.get(name) for name in ("at", "cron", "timezone"))
    if at is not None and cron is not None:
        problems["at"] = tr("Give a time or a crontab, not both.")
    elif at is not None:
        return _check_at(at, problems, now)
    elif cron is not None:
        return _check_cron(cron, timezone or DEFAULT_TIMEZONE, problems, now)
    if timezone is not None and cron is None:
        problems["timezone"] = tr("This belongs to cron; a time brings its own zone.")
    return Timing()


def _check_at(at: Any, problems: dict[str, str], now: datetime) -> Timing:
    try:
        if not isinstance(at, datetime):
            raise ValueError(tr("This must be a time with its zone, for example 2026-11-23T09:00:00Z."))
        at = times.check(at)
    except ValueError as error:
        problems["at"] = str(error)
        return Timing()
    if at <= now:
        problems["at"] = tr("This time has passed. Leave it out to begin now, or name a later one.")
    return Timing(at=at, next_run_at=at)


def _check_cron(cron: Any, timezone: Any, problems: dict[str, str], now: datetime) -> Timing:
    for name, value in (("cron", cron), ("timezone", timezone)):
        try:
            clean_text(value, 100)
        except ValueError as error:
            problems[name] = str(error)
    if not {"cron", "timezone"} & problems.keys():
        try:
            following = schedule.next_time(cron, timezone, now)
            return Timing(cron=cron.strip(), timezone=timezone, next_run_at=following)
        except ValueError as error:
            problems["cron"] = str(error)
        except LookupError as error:
            problems["timezone"] = str(error)
    return Timing()


def _change_timing(plan: Redelivery, values: Mapping[str, Any], problems: dict[str, str], now: datetime) -> Timing:
    """The timing a plan has after a change; a plan that waits must go on having one."""
    kept = Timing(at=plan.at, cron=plan.cron, timezone=plan.timezone, next_run_at=plan.next_run_at)
    named = {name: values[name] for name in ("at", "cron", "timezone") if name in values}
    resumed = plan.state == "paused" and values.get("state") == "running"
    if not named:
        if resumed and plan.upper_bound is None and plan.at is not None:
            return replace(kept, next_run_at=plan.at)
        return replace(kept, next_run_at=next_run(plan, now)) if resumed else kept
    present: dict[str, Any] = {"cron": plan.cron, "timezone": plan.timezone, "at": plan.at}
    if named.get("at") is not None:
        present = {}  # a time takes the crontab's place, and the other way round
    elif named.get("cron") is not None:
        present.pop("at")
    wanted = {**present, **named}
    if wanted.get("at") is None and wanted.get("cron") is None:
        field = "at" if "at" in named else "cron" if "cron" in named else "timezone"
        problems.setdefault(field, tr("Give a time or a crontab; to run it no more, pause or delete it."))
        return kept
    return _check_timing(wanted, problems, now)
