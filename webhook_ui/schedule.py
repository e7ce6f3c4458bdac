"""The clock: APScheduler says when, never what is due. Whoever asks is only woken and looks into the database."""

import asyncio
import difflib
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from webhook_ui.languages import mark, tr

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # as crontab numbers them
CRON_FIELDS = (mark("minute"), mark("hour"), mark("day of month"), mark("month"), mark("day of week"))
BOUNDS = {"minute": (0, 59), "hour": (0, 23), "day of month": (1, 31), "month": (1, 12)}


class Clock:
    """Rings in the running event loop. Start it there."""

    def __init__(self) -> None:
        # misfire_grace_time=None: late is better than never, after a suspended machine for example
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            executors={"default": AsyncIOExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._alarms: dict[str, datetime] = {}

    def start(self) -> None:
        """Begins to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Rings no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set_alarm(self, name: str, at: datetime | None, ring: Callable[[], None]) -> None:
        """Calls `ring` once, at `at`, instead of the earlier alarm of this name; None takes that one away."""
        if self._alarms.get(name) == at:
            return
        if at is None:
            self._remove(name)
            return
        self._alarms[name] = at

        async def run() -> None:
            self._alarms.pop(name, None)  # a new alarm for the same moment must count as new
            ring()

        self._scheduler.add_job(run, "date", run_date=at, id=name, replace_existing=True)

    def wake_by(self, name: str, at: datetime, ring: Callable[[], None]) -> None:
        """`set_alarm` for those who only look: an alarm that is set for earlier stays, since setting one takes time."""
        known = self._alarms.get(name)
        if known is None or at < known:
            self.set_alarm(name, at, ring)

    def every(self, seconds: float, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Runs `run` every so many seconds; a run that takes longer is not overtaken by the next."""

        async def run_or_stop() -> None:
            with suppress(asyncio.CancelledError):  # by `stop`: no failure, as which it would be logged
                await run()

        self._scheduler.add_job(run_or_stop, "interval", seconds=seconds, id=name, replace_existing=True)

    def _remove(self, name: str) -> None:
        self._alarms.pop(name, None)
        try:
            self._scheduler.remove_job(name)
        except JobLookupError:
            return


def next_time(cron: str, timezone: str, after: datetime) -> datetime:
    """The first moment after `after` that a crontab's five fields name, by the clocks of `timezone`.

    When clocks are put forward, what falls into the hour they skip comes an hour later by the clock (at a day's very
    beginning, not that day); when they are put back, what falls into the hour they repeat comes twice. Raises
    ValueError for what is no crontab or never comes, LookupError for an unknown timezone.
    """
    zone = _zone(timezone)
    try:
        trigger = CronTrigger.from_crontab(_readable(cron), timezone=zone)
        found = trigger.get_next_fire_time(None, after.astimezone(UTC) + timedelta(microseconds=1))
    except (ValueError, OverflowError) as error:
        reason = str(error).strip().rstrip(".")
        raise ValueError(
            tr("This is no crontab: {reason}. Write for example 0 9 * * mon-fri.", reason=reason)
        ) from None
    if found is None:
        raise ValueError(tr("There is no such day in any year; choose another one."))
    following: datetime = found.astimezone(UTC)
    return following


def next_times(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The first so many moments after `after`. Raises as `next_time` does."""
    found: list[datetime] = []
    while len(found) < count:
        after = next_time(cron, timezone, after)
        found.append(after)
    return found


def _readable(cron: str) -> str:
    """`cron` in APScheduler's words: it numbers weekdays otherwise, and overlooks what stands after a name."""
    fields = cron.lower().split()
    if len(fields) != len(CRON_FIELDS):
        raise ValueError(
            tr(
                "it needs five fields ({names}), and has {count}",
                names=", ".join(tr(name) for name in CRON_FIELDS),
                count=len(fields),
            )
        )
    for name, field in zip(CRON_FIELDS, fields, strict=True):
        names = {"month": MONTHS, "day of week": WEEKDAYS}.get(name, ())
        item = rf"(\*|{_one(names)}(-{_one(names)})?)(/[1-9][0-9]?)?"
        if not re.fullmatch(rf"{item}(,{item})*", field):
            raise ValueError(tr("{field} cannot be read as {name}", field=field[:50], name=tr(name)))
        for part in field.split(",") if name in BOUNDS else ():
            _check_part(part, name)
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        raise ValueError(tr("give either a day of the month or a day of the week; programs disagree on what both mean"))
    for number, name in enumerate(MONTHS, start=1):
        month = month.replace(name, str(number))
    days = {WEEKDAYS[number % 7] for item in weekday.split(",") for number in _weekday_numbers(item)}
    return f"{minute} {hour} {day} {month} {'*' if len(days) == 7 else ','.join(sorted(days))}"


def _one(names: Sequence[str]) -> str:
    return f"(?:{'|'.join(['[0-9]{1,2}', *names])})"


def _check_part(part: str, name: str) -> None:
    """Whether one part of a field lies within its bounds. Weekdays are judged where they are read."""
    least, most = BOUNDS[name]
    span, _, step = part.partition("/")
    ends = [MONTHS.index(end) + 1 if end in MONTHS else int(end) for end in span.split("-") if end != "*"]
    if any(not least <= end <= most for end in ends):
        raise ValueError(
            tr(
                "{part} is no {name}, which goes from {least} to {most}",
                part=part,
                name=tr(name),
                least=least,
                most=most,
            )
        )
    if ends != sorted(ends):
        raise ValueError(tr("{part} runs backwards; put the smaller number first", part=part))
    first, last = (ends[0], ends[-1] if "-" in span else most) if ends else (least, most)
    if step and int(step) > last - first:
        raise ValueError(tr("the step of {part} leads past its end at once", part=part))


def _weekday_numbers(item: str) -> range:
    """The days that one part of a crontab's weekdays names, 0 or 7 for Sunday."""
    days, _, step = item.partition("/")
    first, _, last = days.partition("-")
    if days == "*":
        return range(0, 7, int(step or 1))
    start = int(first) if first.isdigit() else WEEKDAYS.index(first)
    end = 6 if step and not last else start
    if last:
        end = int(last) if last.isdigit() else WEEKDAYS.index(last) or 7
    if not start <= end <= 7:
        raise ValueError(
            tr(
                "{days} is no range of weekdays; the week runs from sun (0) to sat (6), or mon (1) to sun (7)",
                days=days,
            )
        )
    return range(start, end + 1, int(step or 1))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() | {"UTC"})


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    if name not in _zones():
        near = difflib.get_close_matches(name, _zones(), n=1, cutoff=0.5)
        hint = tr("Did you mean {name}?", name=near[0]) if near else tr("Write it like Europe/Berlin.")
        raise LookupError(tr("There is no such timezone. {hint}", hint=hint))
    return ZoneInfo(name)
