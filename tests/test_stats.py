"""Statistics read back: by webhook and span of time, with percentiles, through the REST API."""

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api_house import House, build
from tests.stored import add_webhook
from webhook_ui.database import Database
from webhook_ui.errors import Invalid
from webhook_ui.history import health, statistics
from webhook_ui.models import Statistics, table
from webhook_ui.outbox.statistics import BUCKETS

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


def latency(*milliseconds: float) -> list[int]:
    """Attempts of these durations, by bucket."""
    counts = [0] * (len(BUCKETS) + 1)
    for duration in milliseconds:
        counts[bisect_left(BUCKETS, duration)] += 1
    return counts


def count(
    database: Database, webhook_id: int, minute: datetime, durations: Sequence[float], *, error: int = 0, by: str = "a"
) -> None:
    """Stores a row as a dispatcher does."""
    row = {"webhook_id": webhook_id, "minute": minute, "dispatcher": by, "latency": latency(*durations)}
    counts = {"sent": len(durations) - error, "error": error}
    database.write_now(lambda session: session.execute(table(Statistics).insert().values(**row, **counts)))


async def ask(house: House, **query: Any) -> httpx.Response:
    async with house.client("viewer") as client:
        return await client.get("/stats", params={name.rstrip("_"): value for name, value in query.items()})


async def items(house: House, **query: Any) -> list[dict[str, Any]]:
    answer = await ask(house, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_attempts_are_added_up_by_webhook_and_hour(house: House) -> None:
    minute = timedelta(minutes=1)
    count(house.database, 1, NINE, [10, 20, 30], error=1)
    count(house.database, 1, NINE, [40], by="b")  # another dispatcher in the same minute
    count(house.database, 1, NINE + 59 * minute, [50] * 6)
    count(house.database, 1, NINE + 60 * minute, [5])
    count(house.database, 2, NINE + 5 * minute, [700], error=1)
    found = await items(house, from_="2026-11-23", to="2026-11-23")
    assert [(one["from"], one["to"], one["webhook_id"], one["sent"], one["error"]) for one in found] == [
        ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", 1, 1, 0),
        ("2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z", 1, 9, 1),
        ("2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z", 2, 0, 1),
    ]
    assert await items(house, from_="2026-11-23", to="2026-11-23", webhook_id=2) == found[2:]
    (day,) = await items(house, from_="2026-11-23", to="2026-11-23", bucket="day", by="all")
    assert (day["webhook_id"], day["sent"], day["error"]) == (None, 10, 2)
    assert len(await items(house, from_="2026-11-23", to="2026-11-23", bucket="minute")) == 4


async def test_a_span_is_cut_off_where_the_question_ends(house: House) -> None:
    for number in range(60):
        count(house.database, 1, NINE + timedelta(minutes=number), [10])
    query = {"from_": "2026-11-23T09:10:30Z", "to": "2026-11-23T09:20:00Z"}
    (span,) = await items(house, **query)
    assert (span["from"], span["to"], span["sent"]) == ("2026-11-23T09:10:00Z", "2026-11-23T09:20:00Z", 10)


async def test_without_times_the_last_day_is_answered(house: House) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    count(house.database, 1, now, [10])
    count(house.database, 1, now - timedelta(hours=25), [10])
    (span,) = await items(house)
    assert span["sent"] == 1


async def test_pages_hold_every_span_once(house: House) -> None:
    for hour in range(3):
        for webhook_id in range(1, 5):
            count(house.database, webhook_id, NINE + timedelta(hours=hour), [10])
    whole = await items(house, from_="2026-11-23", to="2026-11-23")
    assert len(whole) == 12
    pages, cursor = [], ""
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = (await ask(house, from_="2026-11-23", to="2026-11-23", limit=5, **query)).json()
        pages += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == whole


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from_": "2026-11-01", "to": "2026-11-23", "bucket": "minute"}, "from"),
        ({"from_": "1990-01-01", "to": "2026-11-23"}, "from"),
        ({"bucket": "week"}, "bucket"),
        ({"by": "trigger"}, "by"),
        ({"webhook_id": "x"}, "webhook_id"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
async def test_what_cannot_be_answered_is_said(house: House, query: dict[str, str], field: str) -> None:
    answer = await ask(house, **query)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


def test_too_much_to_add_up_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_ROWS", 3)
    for webhook_id in range(1, 5):
        count(database, webhook_id, NINE, [10])
    criteria = statistics.Criteria(since=NINE, until=NINE + timedelta(hours=1), size=timedelta(hours=1))
    with pytest.raises(Invalid, match="name a webhook"):
        database.read_now(statistics.list_spans, criteria, limit=10)
    one = statistics.Criteria(since=NINE, until=criteria.until, size=criteria.size, webhook_id=2)
    assert len(database.read_now(statistics.list_spans, one, limit=10).rows) == 1


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_percentiles_lie_in_the_right_bucket(share: float) -> None:
    chance = random.Random(7)
    durations = sorted(chance.lognormvariate(4, 1) for _ in range(5000))
    tally = statistics.Tally(sent=5000, latency=latency(*durations))
    estimate = tally.percentile(share, BUCKETS)
    assert estimate is not None
    exact = durations[int(share * len(durations))]
    place = bisect_left(BUCKETS, exact)
    assert BUCKETS[place - 1] * 0.99 <= estimate <= BUCKETS[place] * 1.01
    assert abs(estimate - exact) / exact < 0.1, "linear within the bucket comes close where there are many"


def test_what_timed_out_took_no_longer_than_the_timeout(database: Database) -> None:
    hook, patient = add_webhook(database), add_webhook(database, timeout=20)
    for webhook_id in (hook, patient):
        count(database, webhook_id, NINE, [15_004] * 16)
    asked = statistics.Criteria(
        since=NINE, until=NINE + timedelta(hours=1), size=timedelta(hours=1), usual_timeout=15.0
    )
    spans = {row.webhook_id: row.tally for row in database.read_now(statistics.list_spans, asked, limit=10).rows}
    assert [spans[hook].percentile(share, BUCKETS) for share in (0.5, 0.99)] == [15_000, 15_000]
    assert spans[patient].percentile(1.0, BUCKETS) == 20_000
    (whole,) = database.read_now(statistics.list_spans, replace(asked, together=True), limit=10).rows
    assert whole.tally.percentile(1.0, BUCKETS) == 20_000, "as long as the most patient one waits"
    (shown, *_) = database.read_now(
        health.spans, hook, since=NINE, now=NINE, size=timedelta(hours=1), usual_timeout=15.0
    )
    assert shown.tally.percentile(0.5, BUCKETS) == 15_000
    unlimited = statistics.Tally(latency=latency(*[15_004] * 16), longest=10_000)
    assert (unlimited.percentile(0.5, BUCKETS) or 0) > 15_000, "the timeout was longer once: the bucket stays"


def test_percentiles_at_the_ends() -> None:
    assert statistics.Tally().percentile(0.5, BUCKETS) is None
    assert statistics.Tally(latency=latency(*[60_000] * 3)).percentile(0.5, BUCKETS) == BUCKETS[-1]
    assert statistics.Tally(latency=latency(0.1, 0.1)).percentile(0.5, BUCKETS) == 0.5
