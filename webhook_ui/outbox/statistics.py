"""Statistics, rolled up as attempts are settled: one row per webhook, minute and dispatcher, so that none is hot."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
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


def add(connection: Connection, answers: Iterable[tuple[int, Answer]], *, dispatcher: str) -> None:
    """Counts `answers` (webhook id, answer) into their minutes; merging two rows is adding them up."""
    groups: dict[tuple[int, datetime], list[Answer]] = defaultdict(list)
    for webhook_id, answer in answers:
        groups[webhook_id, answer.at.replace(second=0, microsecond=0)].append(answer)
    if not groups:
        return
    store = store_of(connection)
    webhook_ids, minutes = {key[0] for key in groups}, {key[1] for key in groups}
    stored = store.latencies(connection, dispatcher, minutes, webhook_ids)
    rows = []
    for (webhook_id, minute), group in sorted(groups.items(), key=lambda item: item[0]):
        before = stored.get((webhook_id, minute))
        latency: list[int] = msgspec.json.decode(before) if before else [0] * (len(BUCKETS) + 1)
        for answer in group:
            latency[bisect_left(BUCKETS, answer.duration_ms)] += 1
        sent = sum(answer.result is Result.sent for answer in group)
        merged = msgspec.json.encode(latency).decode()
        rows.append(StatisticsRow(webhook_id, minute, dispatcher, sent, len(group) - sent, merged))
    store.add_statistics(connection, rows)
