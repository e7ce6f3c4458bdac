"""Plans for many deliveries in words: what they are for, how fast, when, how far they have come. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.redeliveries import TITLES, RedeliveryRow
from webhook_ui.history.redelivery_outcome import Outcome
from webhook_ui.languages import tr
from webhook_ui.models import Redelivery
from webhook_ui.outbox.forecast import duration
from webhook_ui.outbox.left import MOST, Left, Waiting
from webhook_ui.ui import formats
from webhook_ui.ui.delivery_words import status_line
from webhook_ui.ui.log_address import write
from webhook_ui.ui.parts import Status

ALL = "All webhooks"
APART, TOGETHER = "\u2068", "\u2069"  # around words whose direction is their own
ERROR_CLASSES = {
    "dns": "Name not found",
    "connect": "No connection",
    "tls": "TLS",
    "timeout": "Timeout",
    "blocked": "Blocked by the guard",
    "protocol": "Not HTTP",
    "http": "HTTP status",
    "plugin": "Plugin",
    "crash": "Dispatcher broke off",
}
_UNITS = {"m": "min", "h": "h", "d": "d"}
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_NAMES = {day[:3].lower(): number for number, day in enumerate(_DAYS)}
_REASONS = {
    "stopped": "sending is stopped",
    "paused": "it is paused",
    "disabled": "it is disabled",
    "breaker": "its receiver is down, and one delivery at a time is tried",
}
_SHORT = {
    "stopped": "sending is stopped",
    "paused": "webhook paused",
    "disabled": "webhook disabled",
    "breaker": "receiver down",
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
        return ALL
    titles = [webhook_title(row, number) for number in named[:TITLES]]
    if len(named) == 1:
        return titles[0]
    more = ", …" if len(named) > TITLES else ""
    # each title is kept apart from the others, whatever its direction
    return f"{len(named)} webhooks: {', '.join(f'{APART}{title}{TOGETHER}' for title in titles)}{more}"


def webhook_title(row: RedeliveryRow, number: int) -> str:
    """The title of one that it names, its number where it is gone."""
    return row.titles.get(number) or f"Webhook #{number}"


def scope(plan: Redelivery, now: datetime, zone: ZoneInfo) -> str:
    """'Errors of user.*, 503 Service Unavailable, last 24 h before each run'."""
    given = plan.scope
    parts = [_what(plan.kind, given.get("status"))]
    if given.get("trigger"):
        parts[0] += f" of {given['trigger']}"
    if given.get("tenant"):
        parts.append(f"tenant {given['tenant']}")
    if given.get("error_class"):
        parts.append(ERROR_CLASSES.get(given["error_class"], str(given["error_class"])))
    if given.get("response_status"):
        parts.append(status_line(int(given["response_status"])))
    return ", ".join([*parts, *_window(plan, now, zone)])


def _what(kind: str, status: str | None) -> str:
    if kind == "redeliver":
        return "Errors"
    return {"pending": "Cancel pending", "error": "Cancel retries"}.get(status or "", "Cancel all that is open")


def _window(plan: Redelivery, now: datetime, zone: ZoneInfo) -> list[str]:
    if plan.within is not None:
        length = within(plan.within)
        return [f"last {length} before each run" if plan.cron else f"last {length}"]
    since, until = (times.from_text(text) if (text := plan.scope.get(name)) else None for name in ("from", "to"))
    if since and until:
        return [f"{_moment(since, now, zone)} – {_moment(until, now, zone)}"]
    if since:
        return [f"since {_moment(since, now, zone)}"]
    return [f"until {_moment(until, now, zone)}"] if until else []


def _moment(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    year = f" {local.year}" if local.year != now.astimezone(zone).year else ""
    return f"{local.day} {formats.MONTHS[local.month - 1]}{year}, {formats.clock(moment, zone, seconds=False)}"


def within(text: str) -> str:
    """'24 h' for `24h`."""
    return f"{text[:-1]} {_UNITS.get(text[-1:], text[-1:])}"


def pace(rate: float | None) -> str:
    """'2 a second', 'as fast as it goes'."""
    return "as fast as it goes" if rate is None else f"{rate:g} a second"


def schedule(plan: Redelivery, zone: ZoneInfo) -> str:
    """'At 02:30, Monday to Friday, Europe/Berlin'; 'Once'."""
    if plan.cron is None:
        return "Once"
    other = "" if plan.timezone == zone.key else f", {plan.timezone}"
    return f"{cron(plan.cron) or plan.cron}{other}"


def coming(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """'today, 18:00', 'Tue 24 Nov, 02:30'."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"today, {formats.clock(moment, zone, seconds=False)}"
    return f"{local:%a} {_moment(moment, now, zone)}"


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
        return "paused"
    if plan.state == "cancelled":
        return "what it has reopened is being closed"
    held = sum(one.count for one in waiting.named)
    seconds = left_seconds(plan, now, held=held)
    if seconds < 1:
        waits = held or waiting.others or waiting.empty
        return "ends once its webhooks take deliveries again" if waits else "nearly done"
    if held or waiting.others:
        return f"about {formats.span(seconds)} for the others"
    end = coming(now + timedelta(seconds=seconds), now, zone).removeprefix("today, ")
    return f"about {formats.span(seconds)} left, ends at about {end}"


def part(done: int, matched: int) -> str:
    """'620 of 1,000'."""
    return f"{formats.count(done)} of {formats.count(max(matched, done))}"


def held(waiting: Left) -> str:
    """'118 wait: webhook paused'; with several webhooks, how many there are."""
    some = waiting.named
    if not some and not waiting.others:
        return ""
    count = sum(one.count for one in some)
    more = " or more" if waiting.others or any(one.count >= MOST for one in some) else ""
    if len(some) == 1 and not waiting.others:
        return f"{formats.count(count)}{more} wait: {_SHORT[some[0].reason]}"
    return f"{formats.count(count)}{more} wait for {len(some) + waiting.others} webhooks"


def done(plan: Redelivery) -> str:
    """'620 of 1,000 redelivered'."""
    verb = "redelivered" if plan.kind == "redeliver" else "cancelled"
    return f"{part(plan.done, plan.matched)} {verb}"


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


def waits(waiting: Waiting) -> tuple[str, str]:
    """'118 deliveries wait: ', and after the webhook's title ' is …' in words."""
    more = " or more" if waiting.count >= MOST else ""
    many = formats.counted(waiting.count, "delivery waits", "deliveries wait")
    return f"{many.replace(' ', more + ' ', 1)} for ", f": {_REASONS[waiting.reason]}."


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
    return f"{clock}, {days}" if days else f"{clock}{' every day' if clock.startswith('At ') else ''}"


def _clock(minute: str, hour: str) -> str:
    if minute.isdigit() and hour.isdigit():
        return f"At {int(hour):02}:{int(minute):02}"
    if minute.isdigit() and hour == "*":
        return "Every hour" if int(minute) == 0 else f"Every hour at minute {int(minute)}"
    if hour == "*" and minute == "*":
        return "Every minute"
    if hour == "*" and minute.startswith("*/") and minute[2:].isdigit():
        return f"Every {int(minute[2:])} minutes"
    if minute.isdigit() and hour.startswith("*/") and hour[2:].isdigit():
        return f"Every {int(hour[2:])} hours at minute {int(minute)}"
    return ""


def _day_of_month(day: str) -> str:
    return f"on day {int(day)} of the month" if day.isdigit() else ""


def _weekdays(text: str) -> str:
    names = [[_day_name(end) for end in part.split("-")] for part in text.split(",")]
    if not all(all(ends) and len(ends) <= 2 for ends in names):
        return ""
    return formats.joined([" to ".join(ends) for ends in names])


def _day_name(text: str) -> str:
    number = int(text) if text.isdigit() else _NAMES.get(text, -1)
    return _DAYS[number % 7] if 0 <= number <= 7 else ""


def took(began: datetime, ended: datetime | None) -> str:
    """'2 min', 'still running'."""
    return "goes on" if ended is None else formats.span((ended - began).total_seconds())
