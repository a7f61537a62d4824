# SPDX-License-Identifier: Apache-2.0
"""Figures of progress as rows of a table: for CSV files, whose readers may be spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from stemtide.protocol.csv_cells import guard

WITHHELD = ""
"""Stands in a cell whose count is not told: never a nought."""


def flat(figures: Mapping[str, object]) -> dict[str, object]:
    """One row of figures, with its times and its named counts as columns of their own."""
    row: dict[str, object] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            row |= {f"{name}_{part}": told for part, told in value.items()}
        elif isinstance(value, list):
            row |= {f"{name}_{one['name'] or 'none'}": one["count"] for one in value}
        else:
            row[name] = value
    return row


def to_csv(rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as CSV; a column that some row lacks is 0 there: nothing of that name was counted."""
    told = list(rows)
    heads: list[str] = list(dict.fromkeys(name for row in told for name in row))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(map(guard, heads))
    for row in told:
        writer.writerow([_cell(row.get(name, 0)) for name in heads])
    return out.getvalue()


def progress_csv(total: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> str:
    """Figures as CSV: a row each, the sum last, under the name total."""
    whole = {**total, "name": "total"}
    return to_csv([flat({**row, "name": row["name"] or "unknown"}) for row in rows] + [flat(whole)])


def _cell(value: object) -> object:
    """A cell: nothing where nothing is told; text that no spreadsheet takes for a formula."""
    if value is None:
        return WITHHELD
    return guard(value) if isinstance(value, str) else value
