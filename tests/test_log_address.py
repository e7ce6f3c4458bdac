"""What an address asks of a log: read and written without loss, its times judged, its window put into words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from webhook_ui.history.deliveries import DeliveryFilter
from webhook_ui.history.over_time import Minute
from webhook_ui.ui import attempt_counts, histogram
from webhook_ui.ui.attempt_counts import SCALES, AttemptCounts, Bar
from webhook_ui.ui.log_address import (
    LogAddress,
    in_words,
    judge,
    read_moment,
    scope_query,
    shown_moment,
    window_in_words,
    write,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHOLE = LogAddress(
    status="error",
    trigger="order.paid",
    webhook="14",
    cause="http",
    response="503",
    first="2026-11-23T09:00",
    last="2026-11-24",
    attempted_first="2026-11-23T09:00:00Z",
    attempted_last="2026-11-23T09:15:00Z",
    tz="Europe/Berlin",
    span="7d",
    cursor="W10",
    number=51,
    delivery="dlv_1_7",
)


def test_an_address_is_read_and_written_without_loss() -> None:
    assert LogAddress.read(write("/deliveries", WHOLE.query())) == WHOLE
    nonsense = "status=x&error_class=x&response_status=99&webhook_id=0&span=2d&first=-1&trigger=%00&tz=Europe/Berlin"
    nonsense += "&attempted_from=2026-11-23&attempted_to=2026-13-01T00:00Z"
    assert LogAddress.read(f"/deliveries?{nonsense}").query() == {}
    assert LogAddress.read("/deliveries?" + "a=1&" * 60) == LogAddress()


@pytest.mark.parametrize(
    ("typed", "end", "moment"),
    [
        ("", False, None),
        ("2026-11-23", False, "2026-11-22T23:00:00+00:00"),
        ("2026-11-23", True, "2026-11-23T23:00:00+00:00"),
        ("2026-11-23 9:30", False, "2026-11-23T08:30:00+00:00"),
        ("2026-11-23T09:30", True, "2026-11-23T08:30:00+00:00"),
        ("2026-11-23T09:30:15Z", False, "2026-11-23T09:30:15+00:00"),
        ("9999-12-31", True, "2199-12-29T23:00:00+00:00"),
    ],
)
def test_times_are_understood(typed: str, end: bool, moment: str | None) -> None:
    found = read_moment(typed, BERLIN, end=end)
    assert (found.isoformat() if found else None) == moment


@pytest.mark.parametrize("typed", ["nonsense", "2026-11-31", "2026-11-23 25:00", "2026-11-23 9", "23.11.2026"])
def test_what_is_no_time_is_explained(typed: str) -> None:
    with pytest.raises(ValueError, match=r"Write|There is no"):
        read_moment(typed, BERLIN)
    judged = judge(LogAddress(first=typed, last=typed), BERLIN)
    assert judged.first_problem
    assert judged.last_problem
    assert (judged.criteria.since, judged.criteria.until) == (None, None)


def test_a_window_is_said_in_the_readers_zone() -> None:
    log = LogAddress(first="2026-11-23T08:00:00Z", last="2026-11-23T13:32:00Z")
    assert window_in_words(log, BERLIN) == "23 Nov 2026, 09:00 – 14:32"
    assert window_in_words(LogAddress(first="2026-11-23"), BERLIN) == "since 23 Nov 2026, 00:00"
    assert window_in_words(LogAddress(last="2026-11-23"), BERLIN) == "before 24 Nov 2026, 00:00"
    assert shown_moment("2026-11-23T08:00:00Z", BERLIN) == "2026-11-23 09:00"
    assert shown_moment("2026-11-23T08:00", BERLIN) == "2026-11-23 08:00"
    assert judge(LogAddress(first="2026-11-23", last="2026-11-22"), BERLIN).last_problem == "To lies before From."
    tried = LogAddress(status="open", attempted_first="2026-11-23T08:00:00Z", attempted_last="2026-11-23T08:01:00Z")
    assert in_words(tried, BERLIN) == "status Open and attempted 23 Nov 2026, 09:00 – 09:01"
    assert judge(tried, BERLIN).criteria == DeliveryFilter(
        open=True, attempted_since=NOON - timedelta(hours=4), attempted_until=NOON - timedelta(minutes=239)
    )
    assert tried.narrowed
    assert not LogAddress(span="7d", cursor="W10", number=51, delivery="dlv_1_7", tz="Europe/Berlin").narrowed
    assert in_words(LogAddress(status="error", cause="dns", response="503", webhook="14"), BERLIN) == (
        "status Error, webhook #14, cause Name not found and response 503"
    )


def test_a_filter_becomes_the_scope_of_a_redelivery() -> None:
    criteria = judge(WHOLE, BERLIN).criteria
    assert scope_query(criteria, new="redeliver", status="error") == {
        "new": "redeliver",
        "status": "error",
        "webhook_id": "14",
        "trigger": "order.paid",
        "error_class": "http",
        "response_status": "503",
        "from": "2026-11-23T08:00:00Z",
        "to": "2026-11-24T23:00:00Z",
    }


class Counted:
    """A database that holds an attempt a minute and counts how many minutes it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    async def read(self, _fn: object, since: datetime, until: datetime, **_: object) -> list[Minute]:
        minutes = round((until - since) / timedelta(minutes=1))
        self.asked += minutes
        return [Minute(at=since + timedelta(minutes=one), sent=1, error=0) for one in range(minutes)]


async def test_what_is_over_is_added_up_once() -> None:
    database, counts = Counted(), AttemptCounts()
    now = datetime(2026, 11, 23, 12, 7, tzinfo=UTC)
    ask: dict[str, Any] = {"now": now, "zone": BERLIN, "webhook_id": None}
    bars = await counts.bars(database, SCALES["24h"], **ask)
    assert [bar.sent for bar in bars] == [15] * 96
    assert (bars[0].since, bars[-1].until) == (NOON - timedelta(hours=23, minutes=45), NOON + timedelta(minutes=15))
    assert database.asked == 24 * 60
    await counts.bars(database, SCALES["24h"], **ask)
    assert database.asked - 24 * 60 <= 45, "only the last quarters are looked at again"
    week = await counts.bars(database, SCALES["7d"], **ask)
    assert [bar.sent for bar in week] == [120] * 84
    assert week[0].since.astimezone(BERLIN).hour % 2 == 0
    hour = await counts.bars(database, SCALES["1h"], **ask)
    assert [bar.sent for bar in hour] == [1] * 60


def test_bars_are_drawn_from_numbers_and_said_in_words() -> None:
    quarter = attempt_counts.CELL
    bars = [
        Bar(since=NOON + quarter * place, until=NOON + quarter * (place + 1), sent=sent, error=error)
        for place, (sent, error) in enumerate([(1200, 0), (45, 2), (0, 1), (0, 0)])
    ]
    svg = "".join(histogram.draw(bars, BERLIN))
    before = [bars[0]] * 90 + [bars[1]] * 5
    picture, later = (histogram.Picture.of([*before, last], BERLIN) for last in (bars[2], bars[3]))
    assert [one == other for one, other in zip(picture.groups, later.groups, strict=True)] == [True] * 11 + [False]
    assert 'id="w-hist-bar-1" aria-label="23 Nov 2026, 13:15 – 13:30: 45 arrived, 2 failed"' in svg
    assert svg.count('role="option"') == 4
    assert histogram.extent(bars) == (1500, 2, 0.78)
    assert histogram.extent([]) == (1, 0, 0.98)
    assert histogram.extent(bars[2:]) == (0, 1, 0.02)
    assert histogram.marks(bars) == [(1500, 0.0), (750, 0.39), (0, 0.78), (2, 1.0)]
    for sent, error in product((0, 1, 2, 6, 40, 1200), repeat=2):
        shares = [share for _, share in histogram.marks([replace(bars[0], sent=sent, error=error)])]
        assert all(after - before >= 0.2 for before, after in pairwise(shares)), (sent, error)  # a line high and more
