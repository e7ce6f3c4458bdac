"""How measurements are told: as tables with ratios, or as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import gauges

Cell = str | float | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a measurement found; all rows have the same columns, named with their unit."""

    name: str
    rows: Sequence[Mapping[str, Cell]]
    notes: Sequence[str] = ()


def ratio(ours: float, theirs: float) -> float:
    """How many times `theirs` `ours` is."""
    return ours / theirs if theirs else math.nan


def show(reports: Sequence[Report], *, as_json: bool) -> None:
    """Prints what was found, and the machine it was found on."""
    print(_json(reports) if as_json else "\n".join(line for report in reports for line in _lines(report)))


def _lines(report: Report) -> list[str]:
    columns = [name for name in report.rows[0] if any(row[name] is not None for row in report.rows)]
    table = [columns] + [[_text(row[name]) for name in columns] for row in report.rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["", f"{report.name} ({gauges.machine()})"]
    for first, *others in table:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(["", first.ljust(widths[0]), *cells]).rstrip())
    return lines + [f"  {note}" for note in report.notes]


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None or math.isnan(cell):
        return "–"
    return f"{cell:,.0f}" if isinstance(cell, int) or abs(cell) >= 100 else f"{cell:.3g}"


def _json(reports: Sequence[Report]) -> str:
    told = [
        {
            "name": report.name,
            "rows": [{name: _number(cell) for name, cell in row.items()} for row in report.rows],
            "notes": list(report.notes),
        }
        for report in reports
    ]
    return json.dumps({"machine": gauges.machine(), "reports": told}, indent=2, ensure_ascii=False)


def _number(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and math.isnan(cell) else cell  # JSON knows no NaN
