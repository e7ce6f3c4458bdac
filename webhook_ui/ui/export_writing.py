"""Records as lines of CSV or NDJSON. A spreadsheet must never take what others wrote for a formula."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_ui import times

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would work out
TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


@dataclass(frozen=True)
class Raw:
    """JSON text that stands in a record exactly as it was stored."""

    text: str


Record = Mapping[str, Any]


def head(ending: str, columns: Sequence[str]) -> bytes:
    """What a file begins with."""
    return _csv_lines([columns]) if ending == "csv" else b""


def lines(ending: str, columns: Sequence[str], records: Iterable[Record]) -> bytes:
    """A line for each record."""
    if ending == "csv":
        return _csv_lines([_cell(record[name]) for name in columns] for record in records)
    return "".join(_json_line(columns, record) for record in records).encode()


def broken_off(ending: str, reason: str) -> bytes:
    """The last line of a file that is not whole."""
    words = f"The export broke off here and is not complete: {reason}"
    return _csv_lines([[_cell(words)]]) if ending == "csv" else json.dumps({"error": words}).encode() + b"\n"


def _csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Raw):
        value = value.text
    elif isinstance(value, datetime):
        value = times.to_text(value)
    elif not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if value.startswith(FORMULA) else value


def _json_line(columns: Sequence[str], record: Record) -> str:
    fields = ",".join(f"{json.dumps(name)}:{_json(record[name])}" for name in columns)
    return f"{{{fields}}}\n"


def _json(value: Any) -> str:
    if isinstance(value, Raw):  # line ends stand between tokens only: within a text JSON writes them otherwise
        return value.text.replace("\r", " ").replace("\n", " ")
    return json.dumps(times.to_text(value) if isinstance(value, datetime) else value, ensure_ascii=False)
