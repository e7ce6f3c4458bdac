"""How the dashboard writes times, durations, numbers and names, and reads a typed date."""

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from webhook_ui.languages import PSEUDO, spoken
from webhook_ui.ui import formats

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 13, 32, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "now"), (-12, "12 s ago"), (-59.9, "59 s ago"), (-60, "1 min ago"), (-7200, "2 h ago"),
        (-90000, "1 d ago"), (38, "in 38 s"), (260, "in 4 min"), (8190, "in 2 h 16 min"), (10800, "in 3 h"),
        (183600, "in 2 d 3 h"),
    ],
)  # fmt: skip
def test_a_moment_is_told_by_its_distance(seconds: float, expected: str) -> None:
    assert formats.relative(NOW + timedelta(seconds=seconds), NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (0.5, "0.5 s"), (25, "25 s"), (60, "1 min"), (85, "1 min 25 s"), (5400, "1 h 30 min")],
)
def test_a_wait_that_was_set_is_told_with_its_seconds(seconds: float, expected: str) -> None:
    assert formats.wait(seconds) == expected


def test_what_is_long_ago_is_told_by_its_day() -> None:
    assert formats.when(NOW - timedelta(days=6), NOW, BERLIN) == "6 d ago"
    assert formats.when(datetime(2026, 3, 2, 23, 30, tzinfo=UTC), NOW, BERLIN) == "3 Mar"
    assert formats.when(datetime(2025, 3, 2, 8, tzinfo=UTC), NOW, BERLIN) == "2 Mar 2025"


def test_absolute_times_stand_in_the_zone_of_the_reader() -> None:
    moment = datetime(2026, 3, 2, 8, 14, 5, tzinfo=UTC)
    assert formats.absolute(moment, BERLIN) == "2 Mar 2026, 09:14"
    assert formats.precise(moment, BERLIN) == "2 Mar 2026, 09:14:05 Europe/Berlin, 08:14:05 UTC"
    assert formats.precise(moment, ZoneInfo("UTC")) == "2 Mar 2026, 08:14:05 UTC"
    assert formats.day_and_time(NOW, NOW, BERLIN) == "today, 14:32"
    assert formats.day_and_time(datetime(2026, 11, 22, 22, 59, tzinfo=UTC), NOW, BERLIN) == "yesterday, 23:59"


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0.4, "0 ms"), (84, "84 ms"), (640, "0.64 s"), (9994, "9.99 s"), (15000, "15.0 s"), (125000, "2 min")],
)
def test_durations(milliseconds: float, expected: str) -> None:
    assert formats.duration(milliseconds) == expected


def test_numbers() -> None:
    assert formats.count(196051) == "196,051"
    assert formats.counted(1, "webhook") == "1 webhook"
    assert formats.counted(1340, "delivery", "deliveries") == "1,340 deliveries"
    assert [formats.size(n) for n in (0, 190, 16384, 1258291)] == ["0 B", "190 B", "16.0 KiB", "1.2 MiB"]


@pytest.mark.parametrize(
    ("sent", "errors", "expected"),
    [(0, 0, "–"), (5, 0, "100 %"), (99999, 1, "99.9 %"), (1, 9999, "0.1 %"), (0, 3, "0.0 %"), (2114, 806, "72.3 %")],
)
def test_a_rate_is_never_rounded_into_all_or_nothing(sent: int, errors: int, expected: str) -> None:
    assert formats.success(sent, errors) == expected


def test_what_others_wrote_is_read_in_the_order_in_which_it_came() -> None:
    turned = '{"to": "\u202egro.live\u202c", "who": "مزامنة\u200f", "back": "\u2067x\u2069"}'
    shown = formats.in_order(turned)
    assert shown == '{"to": "\\u202egro.live\\u202c", "who": "مزامنة\u200f", "back": "\\u2067x\\u2069"}'
    assert json.loads(shown) == json.loads(turned)


def test_names() -> None:
    assert [formats.initials(n) for n in ("Dana Keller", "dana.keller@acme.example", "ops", "", "@")] == [
        "DK", "DK", "O", "?", "?",
    ]  # fmt: skip
    assert formats.listed(["a.b", "c.d", "e.f"]) == "a.b, c.d +1"
    assert formats.joined(["Title", "URL", "Triggers"]) == "Title, URL and Triggers"


def test_a_typed_date() -> None:
    assert formats.read_date("  ") is None
    assert formats.read_date(" 2026-03-02 ") == date(2026, 3, 2)
    for wrong in ("31.12.2026", "2026-3", "26-03-02", "٢٠٢٦-03-02", "garbage"):
        with pytest.raises(ValueError, match="Write the date as YYYY-MM-DD"):
            formats.read_date(wrong)
    with pytest.raises(ValueError, match="There is no day 2026-02-30"):
        formats.read_date("2026-02-30")


def test_a_typed_time_of_day() -> None:
    assert [formats.read_clock(typed) for typed in ("", " 9:05 ", "23:59")] == [time(0), time(9, 5), time(23, 59)]
    for wrong in ("9", "9:5:1", "٠٩:٣٠", "noon", ":", "-1:00", "012:00"):
        with pytest.raises(ValueError, match="Write the time as HH:MM"):
            formats.read_clock(wrong)
    with pytest.raises(ValueError, match="There is no time 24:00"):
        formats.read_clock("24:00")


def test_spanish_has_its_own_custom() -> None:
    with spoken("es"):
        seconds = (0.4, -12, -7200, 38, 8190)
        told = [formats.relative(NOW + timedelta(seconds=one), NOW) for one in seconds]
        assert told == ["ahora", "hace 12 s", "hace 2 h", "en 38 s", "en 2 h 16 min"]
        assert formats.when(datetime(2026, 3, 2, 23, 30, tzinfo=UTC), NOW, BERLIN) == "3 mar"
        assert formats.when(datetime(2025, 9, 2, 8, tzinfo=UTC), NOW, BERLIN) == "2 sept 2025"
        moment = datetime(2026, 3, 2, 8, 14, 5, tzinfo=UTC)
        assert formats.precise(moment, BERLIN) == "2 mar 2026, 09:14:05 Europe/Berlin, 08:14:05 UTC"
        assert formats.weekday(date(2026, 11, 24)) == "mar"
        days = [formats.day_and_time(NOW + timedelta(days=days), NOW, BERLIN) for days in (-1, 0, 1)]
        assert days == ["ayer, 14:32", "hoy, 14:32", "mañana, 14:32"]
        assert [formats.count(amount) for amount in (999, 1234, 1234567)] == ["999", "1.234", "1.234.567"]
        assert [formats.duration(length) for length in (84, 640, 15000, 125000)] == [
            "84 ms",
            "0,64 s",
            "15,0 s",
            "2 min",
        ]
        assert (formats.size(1258291), formats.success(99999, 1)) == ("1,2 MiB", "99,9 %")
        assert formats.joined(["Título", "URL"]) == "Título y URL"
        with pytest.raises(ValueError, match="No existe el día 2026-02-30"):
            formats.read_date("2026-02-30")


def test_a_language_without_customs_has_those_of_english() -> None:
    with spoken(PSEUDO):
        assert (formats.day(date(2026, 3, 2)), formats.count(1234)) == ("2 Mar 2026", "1,234")


@pytest.mark.parametrize(
    ("accepted", "code", "day"),
    [
        ("en-GB,en;q=0.9", "en", 1),
        ("en-US,en;q=0.9", "en", 0),
        ("es-MX,es;q=0.9,en-US;q=0.8", "es", 0),
        ("es-MX,es;q=0.9,en-GB;q=0.8", "en", 1),
        ("de-DE", "es", 1),
        ("en-XX-???,en-US", "en", 0),
        ("", PSEUDO, 1),
    ],
)
def test_a_week_begins_as_it_does_where_the_reader_is(accepted: str, code: str, day: int) -> None:
    assert formats.first_weekday(accepted, code) == day
