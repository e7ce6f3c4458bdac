"""Reads a table by a column that grows, also where a lower key is committed after a higher one. No plugin by itself."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

BATCH = 500
GAPS = 200  # that are looked at in one go

# transactions below the first number are all over; one that has written nothing yet is not below the second
HORIZON = sa.text(
    "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint FROM pg_current_snapshot() AS now"
)


class Gap(NamedTuple):
    """Keys that were left out, and when that was: by the clock, and by the first transaction that had not begun."""

    first: int
    last: int
    at: float
    begun: int


class Reader:
    """How far a table was read: all keys up to `top`, but for the `gaps`, whose rows may be committed yet."""

    def __init__(self, url: sa.URL, table: str, column: str, *, overlap: float, position: str | None) -> None:
        self._is_postgresql = url.get_backend_name() == "postgresql"
        options = {"isolation_level": "REPEATABLE READ"} if self._is_postgresql else {}  # all it reads is of one moment
        self._engine = sa.create_engine(url, pool_pre_ping=True, **options)
        self._name, self._column, self._overlap = table, column, overlap
        self._table: sa.Table | None = None
        stored = json.loads(position or "{}")
        self._top: int | None = stored.get("top")
        self._gaps = [Gap(*gap) for gap in stored.get("gaps", ())]

    @property
    def position(self) -> str:
        """What is to be stored of it."""
        return json.dumps({"top": self._top, "gaps": self._gaps})

    def close(self) -> None:
        self._engine.dispose()

    def read(self) -> Sequence[Mapping[str, Any]]:
        """The rows that were not seen before, at most twice BATCH; those there are at the very first are none."""
        with self._engine.connect() as connection:
            if self._table is None:
                self._table = sa.Table(self._name, sa.MetaData(), autoload_with=connection)
            column = self._table.c[self._column]
            over, begun = connection.execute(HORIZON).one() if self._is_postgresql else (0, 0)
            if self._top is None:
                self._top = connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one()
                return []
            query, turn = sa.select(self._table).order_by(column).limit(BATCH), self._gaps[:GAPS]
            missing = sa.or_(sa.false(), *(column.between(gap.first, gap.last) for gap in turn))
            late = [row._asdict() for row in connection.execute(query.where(missing))]
            new = [row._asdict() for row in connection.execute(query.where(column > self._top))]
        now = time.time()
        if new:
            turn.append(Gap(self._top + 1, new[-1][column.name], now, begun))
            self._top = new[-1][column.name]
        all_found = len(late) < BATCH
        turn = [gap for gap in turn if not (all_found and gap.at <= now - self._overlap and gap.begun <= over)]
        rows = [*late, *new]
        keys = sorted(row[column.name] for row in rows)
        self._gaps = self._gaps[GAPS:] + [rest for gap in turn for rest in without(gap, keys)]
        return rows


def without(gap: Gap, keys: Sequence[int]) -> Iterator[Gap]:
    """What is left of a gap when these keys, in order, were seen."""
    first = gap.first
    for key in [*(key for key in keys if gap.first <= key <= gap.last), gap.last + 1]:
        if first < key:
            yield gap._replace(first=first, last=key - 1)
        first = key + 1
