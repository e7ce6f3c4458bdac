"""How the dashboard writes times, durations and numbers. Pure: the present moment and the zone are passed in."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RELATIVE_FOR = timedelta(days=7)
"""Beyond this, a day says more than a distance. `static/app.js` counts on in the browser and knows the same limit."""


def span(seconds: float, parts: int = 2) -> str:
    """A length of time: '38 s', '4 min', '2 h 16 min', '3 d 4 h'; never rounded up."""
    whole = int(abs(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    big, small = (86400, 3600) if whole >= 86400 else (3600, 60)
    names = ("d", "h") if whole >= 86400 else ("h", "min")
    text = f"{whole // big} {names[0]}"
    rest = whole % big // small
    return f"{text} {rest} {names[1]}" if parts > 1 and rest else text


def relative(moment: datetime, now: datetime) -> str:
    """'in 38 s', '12 s ago', '2 h ago', 'now': coarse for what is over, finer for what is to come."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {span(seconds)}" if seconds > 0 else f"{span(seconds, 1)} ago"


def when(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Relative within a week, else the day: '19 Nov', '19 Nov 2025'."""
    if abs(moment - now) < RELATIVE_FOR:
        return relative(moment, now)
    local = moment.astimezone(zone)
    return day(local.date()) if local.year != now.astimezone(zone).year else f"{local.day} {MONTHS[local.month - 1]}"


def day(value: date) -> str:
    """'2 Mar 2026'."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def absolute(moment: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """'2 Mar 2026, 09:14' in `zone`, with seconds where asked."""
    return f"{day(moment.astimezone(zone).date())}, {clock(moment, zone, seconds=seconds)}"


def clock(moment: datetime, zone: ZoneInfo, *, seconds: bool = True) -> str:
    """'14:31:58' in `zone`."""
    return moment.astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def day_and_time(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """'today, 14:20', 'yesterday, 23:59' or '2 Mar 2026, 09:14'."""
    distance = (now.astimezone(zone).date() - moment.astimezone(zone).date()).days
    names = {0: "today", 1: "yesterday", -1: "tomorrow"}
    if distance in names:
        return f"{names[distance]}, {clock(moment, zone, seconds=False)}"
    return absolute(moment, zone)


def precise(moment: datetime, zone: ZoneInfo) -> str:
    """For titles, with the zone stated: '2 Mar 2026, 09:14:05 Europe/Berlin, 08:14:05 UTC'."""
    local = f"{absolute(moment, zone, seconds=True)} {zone.key}"
    return local if zone.key == "UTC" else f"{local}, {clock(moment.astimezone(UTC), ZoneInfo('UTC'))} UTC"


def duration(milliseconds: float) -> str:
    """'84 ms', '0.64 s' from half a second on, '15.0 s', '2 min'."""
    if milliseconds < 500:
        return f"{round(milliseconds)} ms"
    seconds = milliseconds / 1000
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 59.95 else span(seconds)


def count(number: int) -> str:
    """'196,051'."""
    return f"{number:,}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """'1 webhook', '1,340 webhooks'."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


def size(octets: int) -> str:
    """'190 B', '16.0 KiB', '1.2 MiB'."""
    amount, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{octets} B" if unit == "B" else f"{amount:.1f} {unit}"


def success(sent: int, errors: int) -> str:
    """'100 %', '99.9 %', '–' without any; never rounds up to 100 and never down to 0."""
    total = sent + errors
    if not total:
        return "–"
    if not errors:
        return "100 %"
    tenths = sent * 1000 // total
    return f"{max(tenths, 1 if sent else 0) / 10:.1f} %"


def initials(name: str) -> str:
    """'DK' for 'Dana Keller' and for 'dana.keller@acme.example'."""
    words = re.split(r"[\s._-]+", name.split("@", maxsplit=1)[0].strip("._- "))
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper() or "?"


def listed(names: list[str], shown: int = 2) -> str:
    """'order.paid, order.refunded +1'."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" +{more}" if more > 0 else "")


def joined(names: list[str]) -> str:
    """'Title', 'Title and URL', 'Title, URL and Triggers'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def read_date(text: str) -> date | None:
    """The day that was typed, `None` for an empty field. Raises ValueError that says what is wrong with it."""
    typed = text.strip()
    if not typed:
        return None
    parts = typed.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts) or len(parts[0]) != 4:
        raise ValueError("Write the date as YYYY-MM-DD, for example 2026-03-02.")
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        raise ValueError(f"There is no day {typed}. Write the date as YYYY-MM-DD, for example 2026-03-02.") from None


def read_clock(text: str) -> time:
    """The time of day that was typed, midnight for an empty field. Raises ValueError that says what is wrong."""
    typed = text.strip() or "00:00"
    hour, _, minute = typed.partition(":")
    if not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (hour, minute)):
        raise ValueError("Write the time as HH:MM, for example 14:30.")
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(f"There is no time {typed}. Write it as HH:MM, for example 14:30.") from None
