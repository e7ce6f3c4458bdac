"""Statistics, rolled up as attempts are settled: one row per webhook, minute and dispatcher, so that none is hot."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.engine import Connection

from webhook_ui.outbox.store import StatisticsRow
from webhook_ui.outbox.stores import store_of
from webhook_ui.wire import Answer, Result

# upper ends of the latency buckets in ms, each some 1.5 times the one before; a last bucket takes the rest
BUCKETS = (
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    22,
    33,
    50,
    75,
    110,
    170,
    250,
    380,
    570,
    850,
    1300,
    1900,
    2900,
    4300,
    6500,
    10_000,
    15_000,
    30_000,
)
_NOTHING = (0,) * (len(BUCKETS) + 1)


Minute = tuple[int, datetime]  # a webhook's
Latencies = Mapping[Minute, Sequence[int]]  # how many fell into each bucket


def add(
    connection: Connection, answers: Iterable[tuple[int, Answer]], *, dispatcher: str, known: Latencies
) -> Latencies:
    """Counts `answers` (webhook id, answer) into their minutes; merging two rows is adding them up.

    `known` is what this dispatcher has stored of some minutes; what is not among it is read. Returns what it has stored
    now of those that were counted.
    """
    groups: dict[Minute, list[Answer]] = defaultdict(list)
    for webhook_id, answer in answers:
        groups[webhook_id, answer.at.replace(second=0, microsecond=0)].append(answer)
    if not groups:
        return {}
    before = {**known, **_stored(connection, groups.keys() - known.keys(), dispatcher)}
    rows, after = [], {}
    for minute, group in sorted(groups.items(), key=_minute):
        latency = list(before.get(minute, _NOTHING))
        sent = 0
        for answer in group:
            latency[bisect_left(BUCKETS, answer.duration_ms)] += 1
            sent += answer.result is Result.sent
        after[minute] = latency
        merged = msgspec.json.encode(latency).decode()
        rows.append(StatisticsRow(*minute, dispatcher, sent, len(group) - sent, merged))
    store_of(connection).add_statistics(connection, rows)
    return after


def _stored(connection: Connection, minutes: Collection[Minute], dispatcher: str) -> Latencies:
    if not minutes:
        return {}
    found = store_of(connection).latencies(
        connection, dispatcher, {minute for _, minute in minutes}, {webhook_id for webhook_id, _ in minutes}
    )
    return {minute: msgspec.json.decode(found[minute]) for minute in minutes if minute in found}


def _minute(item: tuple[Minute, object]) -> Minute:
    return item[0]
