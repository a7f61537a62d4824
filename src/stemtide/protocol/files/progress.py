# SPDX-License-Identifier: Apache-2.0
"""Convert figures of progress to CSV that is safe for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from stemtide.protocol.files.csv_cells import guard

WITHHELD = ""
"""Text of a cell whose count is withheld: empty, never 0."""


def flat(figures: Mapping[str, object]) -> dict[str, object]:
    """Return a row of figures with nested times and named counts flattened to columns."""
    row: dict[str, object] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            row |= {f"{name}_{part}": part_value for part, part_value in value.items()}
        elif isinstance(value, list):
            row |= {f"{name}_{entry['name'] or 'none'}": entry["count"] for entry in value}
        else:
            row[name] = value
    return row


def to_csv(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV. A column that a row lacks is 0 there, as nothing was counted."""
    all_rows = list(rows)
    heads: list[str] = list(dict.fromkeys(name for row in all_rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(map(guard, heads))
    for row in all_rows:
        writer.writerow([_cell(row.get(name, 0)) for name in heads])
    return out.getvalue()


def progress_csv(total: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> str:
    """Return figures as CSV: a row each, and the sum last, under the name total."""
    whole = {**total, "name": "total"}
    return to_csv([flat({**row, "name": row["name"] or "unknown"}) for row in rows] + [flat(whole)])


def _cell(value: object) -> object:
    """Return a cell, empty for withheld counts; texts are escaped for spreadsheets."""
    if value is None:
        return WITHHELD
    return guard(value) if isinstance(value, str) else value
