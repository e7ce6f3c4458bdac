"""How the dashboard writes times, durations and numbers, as is the custom of the reader's language.

The present moment and the zone are passed in. English is written here, other languages as Babel knows them.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import parse_pattern

from webhook_ui.languages import LANGUAGES, LONGEST_HEADER, SOURCE, language, number, tr

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RELATIVE_FOR = timedelta(days=7)
"""Beyond this, a day says more than a distance. `static/app.js` counts on in the browser and knows the same limit."""

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


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


def wait(seconds: float) -> str:
    """A length of time that was set: as `span`, but '0.5 s', and '1 min 25 s'."""
    whole = int(seconds)
    if 60 < whole < 3600 and whole % 60:
        return f"{whole // 60} min {whole % 60} s"
    return span(seconds) if whole or not seconds else f"{seconds:g} s"


def relative(moment: datetime, now: datetime) -> str:
    """'in 38 s', '12 s ago', '2 h ago', 'now': coarse for what is over, finer for what is to come."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return tr("now")
    return tr("in {span}", span=span(seconds)) if seconds > 0 else tr("{span} ago", span=span(seconds, 1))


def when(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Relative within a week, else the day: '19 Nov', '19 Nov 2025'."""
    if abs(moment - now) < RELATIVE_FOR:
        return relative(moment, now)
    local = moment.astimezone(zone)
    return day(local.date()) if local.year != now.astimezone(zone).year else short_day(local.date())


def day(value: date) -> str:
    """'2 Mar 2026'."""
    return _written(value, language())


def short_day(value: date) -> str:
    """'2 Mar', where the year is understood."""
    return _written(value, language(), year=False)


def weekday(value: date) -> str:
    """'Tue'."""
    return _weekday(value, language())


def absolute(moment: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """'2 Mar 2026, 09:14' in `zone`, with seconds where asked."""
    return f"{day(moment.astimezone(zone).date())}, {clock(moment, zone, seconds=seconds)}"


def clock(moment: datetime, zone: ZoneInfo, *, seconds: bool = True) -> str:
    """'14:31:58' in `zone`."""
    local = moment.astimezone(zone)
    text = f"{local.hour:02}:{local.minute:02}"
    return f"{text}:{local.second:02}" if seconds else text


def day_and_time(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """'today, 14:20', 'yesterday, 23:59' or '2 Mar 2026, 09:14'."""
    time_of_day = clock(moment, zone, seconds=False)
    match (now.astimezone(zone).date() - moment.astimezone(zone).date()).days:
        case 0:
            return tr("today, {time}", time=time_of_day)
        case 1:
            return tr("yesterday, {time}", time=time_of_day)
        case -1:
            return tr("tomorrow, {time}", time=time_of_day)
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
        return f"{number(seconds, 2)} s"
    return f"{number(seconds, 1)} s" if seconds < 59.95 else span(seconds)


def count(amount: int) -> str:
    """'196,051'."""
    return number(amount)


def counted(amount: int, singular: str, plural: str | None = None) -> str:
    """'1 webhook', '1,340 webhooks': in English."""
    return f"{count(amount)} {singular if amount == 1 else plural or singular + 's'}"


def size(octets: int) -> str:
    """'190 B', '16.0 KiB', '1.2 MiB'."""
    amount, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{octets} B" if unit == "B" else f"{number(amount, 1)} {unit}"


def success(sent: int, errors: int) -> str:
    """'100 %', '99.9 %', '–' without any; never rounds up to 100 and never down to 0."""
    total = sent + errors
    if not total:
        return "–"
    if not errors:
        return "100 %"
    tenths = sent * 1000 // total
    return f"{number(max(tenths, 1 if sent else 0) / 10, 1)} %"


def in_order(text: str) -> str:
    """`text` of others with the signs that would show its characters in another order written out, as in JSON."""
    return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


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
    return names[0] if len(names) == 1 else tr("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])


def read_date(text: str) -> date | None:
    """The day that was typed, `None` for an empty field. Raises ValueError that says what is wrong with it."""
    typed = text.strip()
    if not typed:
        return None
    parts = typed.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts) or len(parts[0]) != 4:
        raise ValueError(tr("Write the date as YYYY-MM-DD, for example 2026-03-02."))
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        missing = tr("There is no day {day}. Write the date as YYYY-MM-DD, for example 2026-03-02.", day=typed)
        raise ValueError(missing) from None


def read_clock(text: str) -> time:
    """The time of day that was typed, midnight for an empty field. Raises ValueError that says what is wrong."""
    typed = text.strip() or "00:00"
    hour, _, minute = typed.partition(":")
    if not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (hour, minute)):
        raise ValueError(tr("Write the time as HH:MM, for example 14:30."))
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(tr("There is no time {time}. Write it as HH:MM, for example 14:30.", time=typed)) from None


@lru_cache(maxsize=256)
def first_weekday(accepted: str, code: str) -> int:
    """The first day of a week where `code` is spoken, by the country that the header Accept-Language names with it.

    Sunday is 0.
    """
    known = code if code in LANGUAGES else SOURCE
    named = [entry.partition(";")[0].strip() for entry in accepted[:LONGEST_HEADER].split(",")]
    for name in [one for one in named if one.lower().partition("-")[0] == known] + [known]:
        try:
            return (int(Locale.parse(name, sep="-").first_week_day) + 1) % 7
        except (ValueError, UnknownLocaleError):
            continue
    return 1


@lru_cache(maxsize=2048)
def _weekday(value: date, code: str) -> str:
    if code == SOURCE or code not in LANGUAGES:
        return WEEKDAYS[value.weekday()]
    return str(Locale.parse(code).days["format"]["abbreviated"][value.weekday()])


@lru_cache(maxsize=2048)
def _written(value: date, code: str, *, year: bool = True) -> str:
    if code == SOURCE or code not in LANGUAGES:
        text = f"{value.day} {MONTHS[value.month - 1]}"
        return f"{text} {value.year}" if year else text
    locale = Locale.parse(code)
    pattern = locale.date_formats["medium"] if year else parse_pattern(locale.datetime_skeletons["MMMd"])
    return str(pattern.apply(value, locale))
