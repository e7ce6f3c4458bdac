"""Schedule: fires events by the clock, by crontab or at an interval.

Set WEBHOOK_UI_SCHEDULE_EVENTS to a JSON list, for example
[{"trigger": "clock.nightly", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}, {"trigger": "clock.beat", "every": 60}]

Only one process does it, the elected one. Times that passed while none ran are made up for by one event when one runs
again, with the last of these times as `at`. Where clocks are put forward, a time in the hour they skip comes an hour
later by the clock; where they are put back, a time in the hour they repeat comes twice.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from webhook_ui import Event, Host, Job, Trigger, hookimpl, needs_settings


class Scheduled(BaseModel, extra="forbid"):
    """One event; give either `cron` or `every`, in seconds."""

    trigger: str
    title: str = ""
    cron: str | None = None
    every: float | None = None
    timezone: str = "UTC"
    payload: dict[str, Any] = {}
    """Stands in each event, beside `at`, the moment it was due."""


class Settings(BaseModel):
    """None of them: nothing happens."""

    events: list[Scheduled] = []


@hookimpl
def register_settings() -> type[Settings]:
    return Settings


@hookimpl
@needs_settings("events")
def register_triggers(host: Host) -> list[Trigger]:
    return [
        Trigger(
            name=one.trigger,
            title=one.title or one.trigger,
            description=f"By the clock: {one.cron or f'every {one.every:g} s'}, {one.timezone}.",
            example={**one.payload, "at": "2026-11-23T03:00:00+00:00"},
        )
        for one in host.setting.events
    ]


@hookimpl
@needs_settings("events")
def register_jobs(host: Host) -> list[Job]:
    return [
        Job(one.trigger, firing(one), cron=one.cron, every=one.every, timezone=one.timezone)
        for one in host.setting.events
    ]


def firing(one: Scheduled) -> Callable[[datetime], list[Event]]:
    """A job's function: what it returns is stored together with the note that it was done."""

    def fire(at: datetime) -> list[Event]:
        due = at.isoformat()
        payload = {**one.payload, "at": due}
        return [Event(trigger=one.trigger, payload=payload, idempotency_key=due, occurred_at=at)]

    return fire
