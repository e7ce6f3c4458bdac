"""Plans for many deliveries in words: what they are for, how fast, when, how far they have come. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.redeliveries import TITLES, RedeliveryRow
from webhook_ui.history.redelivery_outcome import Outcome
from webhook_ui.languages import mark, short_number, tr, trn
from webhook_ui.models import Redelivery
from webhook_ui.outbox.forecast import duration
from webhook_ui.outbox.left import MOST, Left, Waiting
from webhook_ui.ui import formats
from webhook_ui.ui.delivery_words import status_line
from webhook_ui.ui.log_address import write
from webhook_ui.ui.parts import Status

ALL = mark("All webhooks")
APART, TOGETHER = "\u2068", "\u2069"  # around words whose direction is their own
ERROR_CLASSES = {
    "dns": mark("Name not found"),
    "connect": mark("No connection"),
    "tls": mark("TLS"),
    "timeout": mark("Timeout"),
    "blocked": mark("Blocked by the guard"),
    "protocol": mark("Not HTTP"),
    "http": mark("HTTP status"),
    "plugin": mark("Plugin"),
    "crash": mark("Dispatcher broke off"),
}
_CANCELS = {
    "": mark("Cancel all that is open"),
    "pending": mark("Cancel pending"),
    "error": mark("Cancel retries"),
}
_UNITS = {"m": "min", "h": "h", "d": "d"}
_DAYS = (
    mark("Sunday"),
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
)
_NAMES = {day[:3].lower(): number for number, day in enumerate(_DAYS)}
_REASONS = {
    "stopped": mark("sending is stopped"),
    "paused": mark("it is paused"),
    "disabled": mark("it is disabled"),
    "breaker": mark("its receiver is down, and one delivery at a time is tried"),
}
_SHORT = {
    "stopped": mark("sending is stopped"),
    "paused": mark("webhook paused"),
    "disabled": mark("webhook disabled"),
    "breaker": mark("receiver down"),
}
OBSERVED = (20, 5.0)  # deliveries done, and seconds, after which a run's own pace says more than what was foreseen


def status_of(plan: Redelivery, outcome: Outcome | None = None) -> Status:
    """The state as a pill shows it: what a cancelled plan has reopened takes a while to be closed.

    One that is done says so only where what it was for has not failed again.
    """
    if plan.state == "done" and outcome and outcome.failed:
        return "some_failed" if outcome.sent or outcome.waiting or not outcome.complete else "all_failed"
    if plan.state == "cancelled" and plan.upper_bound is not None:
        return "cancelling"
    return plan.state  # type: ignore[return-value]  # one of five, by a CHECK of the table


def title(row: RedeliveryRow) -> str:
    """The webhook it is for; of several how many, which no narrow column cuts off, and the first of them."""
    named = row.webhooks
    if named is None:
        return tr(ALL)
    titles = [webhook_title(row, number) for number in named[:TITLES]]
    if len(named) == 1:
        return titles[0]
    more = ", …" if len(named) > TITLES else ""
    # each title is kept apart from the others, whatever its direction
    listed = ", ".join(f"{APART}{title}{TOGETHER}" for title in titles)
    return trn("{n} webhook: {titles}", "{n} webhooks: {titles}", len(named), titles=listed + more)


def webhook_title(row: RedeliveryRow, number: int) -> str:
    """The title of one that it names, its number where it is gone."""
    return row.titles.get(number) or tr("Webhook #{number}", number=number)


def scope(plan: Redelivery, now: datetime, zone: ZoneInfo) -> str:
    """'Errors of user.*, 503 Service Unavailable, last 24 h before each run'; 'Errors, any time'."""
    given = plan.scope
    parts = [_what(plan.kind, given.get("status"))]
    if given.get("trigger"):
        parts[0] = tr("{what} of {trigger}", what=parts[0], trigger=given["trigger"])
    if given.get("tenant"):
        parts.append(tr("tenant {tenant}", tenant=given["tenant"]))
    if given.get("error_class"):
        parts.append(tr(ERROR_CLASSES.get(given["error_class"], str(given["error_class"]))))
    if given.get("response_status"):
        parts.append(status_line(int(given["response_status"])))
    return ", ".join([*parts, *_window(plan, now, zone)])


def _what(kind: str, status: str | None) -> str:
    if kind == "redeliver":
        return tr("Errors")
    return tr(_CANCELS.get(status or "", _CANCELS[""]))


def _window(plan: Redelivery, now: datetime, zone: ZoneInfo) -> list[str]:
    if plan.within is not None:
        length = within(plan.within)
        return [tr("last {length} before each run", length=length) if plan.cron else tr("last {length}", length=length)]
    since, until = (times.from_text(text) if (text := plan.scope.get(name)) else None for name in ("from", "to"))
    if since and until:
        return [f"{_moment(since, now, zone)} – {_moment(until, now, zone)}"]
    if since:
        return [tr("since {moment}", moment=_moment(since, now, zone))]
    return [tr("until {moment}", moment=_moment(until, now, zone)) if until else tr("any time")]


def _moment(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    same_year = local.year == now.astimezone(zone).year
    day = formats.short_day(local.date()) if same_year else formats.day(local.date())
    return f"{day}, {formats.clock(moment, zone, seconds=False)}"


def within(text: str) -> str:
    """'24 h' for `24h`."""
    return f"{text[:-1]} {_UNITS.get(text[-1:], text[-1:])}"


def pace(rate: float | None) -> str:
    """'2 a second', 'as fast as it goes'."""
    return tr("as fast as it goes") if rate is None else tr("{rate} a second", rate=short_number(rate))


def schedule(plan: Redelivery, zone: ZoneInfo) -> str:
    """'At 02:30, Monday to Friday, Europe/Berlin'; 'Once'."""
    if plan.cron is None:
        return tr("Once")
    other = "" if plan.timezone == zone.key else f", {plan.timezone}"
    return f"{cron(plan.cron) or plan.cron}{other}"


def coming(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """'today, 18:00', 'Tue 24 Nov, 02:30', 'Sun 31 Oct, 02:30 (UTC+2)'."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        words = tr("today, {time}", time=formats.clock(moment, zone, seconds=False))
    else:
        words = f"{formats.weekday(local.date())} {_moment(moment, now, zone)}"
    return words + _which(local)


def _which(local: datetime) -> str:
    """Of the two moments that have the same time when clocks are put back; else nothing."""
    offset = local.utcoffset() or timedelta()
    if offset == local.replace(fold=1 - local.fold).utcoffset():
        return ""
    return f" (UTC{offset / timedelta(hours=1):+g})"


def left_seconds(plan: Redelivery, now: datetime, *, held: int = 0) -> float:
    """How long what is left of a run takes, less what is `held`: by its own pace once there is one, until then as
    foreseen.
    """
    left = max(plan.matched - plan.done - held, 0)
    begun = plan.started_at
    # its own pace counts only where nobody has paused or changed it meanwhile
    if begun is not None and plan.updated_at == begun:
        elapsed = (now - begun).total_seconds()
        if plan.done >= OBSERVED[0] and elapsed >= OBSERVED[1]:
            return left / (plan.done / elapsed)
    return duration(left, pace=plan.pace, rate=plan.rate)


def ending(plan: Redelivery, waiting: Left, now: datetime, zone: ZoneInfo) -> str:
    """'about 3 min left, ends at about 14:35'; what waits for others has no end that could be foreseen."""
    if plan.state == "paused":
        return tr("paused")
    if plan.state == "cancelled":
        return tr("what it has reopened is being closed")
    held = sum(one.count for one in waiting.named)
    seconds = left_seconds(plan, now, held=held)
    if seconds < 1:
        waits = held or waiting.others or waiting.empty
        return tr("ends once its webhooks take deliveries again") if waits else tr("nearly done")
    if held or waiting.others:
        return tr("about {span} for the others", span=formats.span(seconds))
    at = now + timedelta(seconds=seconds)
    today = at.astimezone(zone).date() == now.astimezone(zone).date()
    end = formats.clock(at, zone, seconds=False) if today else coming(at, now, zone)
    return tr("about {span} left, ends at about {end}", span=formats.span(seconds), end=end)


def part(done: int, matched: int) -> str:
    """'620 of 1,000'."""
    return tr("{done} of {matched}", done=formats.count(done), matched=formats.count(max(matched, done)))


def held(waiting: Left) -> str:
    """'118 wait: webhook paused'; with several webhooks, how many there are."""
    some = waiting.named
    if not some and not waiting.others:
        return ""
    count = sum(one.count for one in some)
    number = _at_least(count, more=bool(waiting.others) or any(one.count >= MOST for one in some))
    if len(some) == 1 and not waiting.others:
        return trn("{n} wait: {reason}", "{n} wait: {reason}", count, n=number, reason=tr(_SHORT[some[0].reason]))
    webhooks = len(some) + waiting.others
    return trn("{n} wait for {count} webhooks", "{n} wait for {count} webhooks", count, n=number, count=webhooks)


def done(plan: Redelivery) -> str:
    """'620 of 1,000 redelivered'."""
    figures = part(plan.done, plan.matched)
    return tr("{part} redelivered", part=figures) if plan.kind == "redeliver" else tr("{part} cancelled", part=figures)


def came_to(outcome: Outcome) -> str:
    """'3 sent, 1 failed again, 0 waiting'; of very many, those that were looked at."""
    words = tr(
        "{sent} sent, {failed} failed again, {waiting} waiting",
        sent=formats.count(outcome.sent),
        failed=formats.count(outcome.failed),
        waiting=formats.count(outcome.waiting),
    )
    if outcome.complete:
        return words
    number = formats.count(outcome.sent + outcome.failed + outcome.waiting)
    return tr("{words}, of the first {number}", words=words, number=number)


def outcome_path(plan: Redelivery, outcome: Outcome) -> str:
    """The log of what the plan has had sent again: of what failed where something did."""
    status = {"status": "error"} if outcome.failed else {}
    return write("/deliveries", {**status, "redelivery_id": str(plan.id)})


def waits(waiting: Waiting) -> str:
    """'118 deliveries wait for {webhook}: it is paused.', for `parts.sentence`."""
    return trn(
        "{n} delivery waits for {webhook}: {reason}.",
        "{n} deliveries wait for {webhook}: {reason}.",
        waiting.count,
        n=_at_least(waiting.count, more=waiting.count >= MOST),
        webhook="{webhook}",
        reason=tr(_REASONS[waiting.reason]),
    )


def _at_least(count: int, *, more: bool) -> str:
    return tr("{n} or more", n=formats.count(count)) if more else formats.count(count)


def cron(text: str) -> str:
    """'At 02:30, Monday to Friday'; empty for what takes more words than the crontab itself."""
    fields = text.lower().split()
    if len(fields) != 5 or fields[3] != "*":
        return ""
    minute, hour, day, _, weekday = fields
    clock = _clock(minute, hour)
    days = _day_of_month(day) if weekday == "*" else _weekdays(weekday) if day == "*" else ""
    if not clock or (days == "" and (weekday != "*" or day != "*")):
        return ""
    if days:
        return f"{clock}, {days}"
    return tr("{clock} every day", clock=clock) if hour.isdigit() else clock


def _clock(minute: str, hour: str) -> str:
    if minute.isdigit() and hour.isdigit():
        time = f"{int(hour):02}:{int(minute):02}"
        return tr("At {time}", time=time)
    if minute.isdigit() and hour == "*":
        return tr("Every hour") if int(minute) == 0 else tr("Every hour at minute {minute}", minute=int(minute))
    if hour == "*" and minute == "*":
        return tr("Every minute")
    if hour == "*" and minute.startswith("*/") and minute[2:].isdigit():
        return tr("Every {count} minutes", count=int(minute[2:]))
    if minute.isdigit() and hour.startswith("*/") and hour[2:].isdigit():
        return tr("Every {count} hours at minute {minute}", count=int(hour[2:]), minute=int(minute))
    return ""


def _day_of_month(day: str) -> str:
    return tr("on day {day} of the month", day=int(day)) if day.isdigit() else ""


def _weekdays(text: str) -> str:
    names = [[_day_name(end) for end in part.split("-")] for part in text.split(",")]
    if not all(all(ends) and len(ends) <= 2 for ends in names):
        return ""
    return formats.joined(
        [tr("{first} to {last}", first=ends[0], last=ends[1]) if len(ends) > 1 else ends[0] for ends in names]
    )


def _day_name(text: str) -> str:
    number = int(text) if text.isdigit() else _NAMES.get(text, -1)
    return tr(_DAYS[number % 7]) if 0 <= number <= 7 else ""


def took(began: datetime, ended: datetime | None) -> str:
    """'2 min', 'still running'."""
    return tr("goes on") if ended is None else formats.span((ended - began).total_seconds())
