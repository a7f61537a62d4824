# SPDX-License-Identifier: Apache-2.0
"""Convert the public figures of a quarter to CSV that is safe for spreadsheets."""

import csv
import io
from collections.abc import Iterator

from stemtide.protocol.figures.messages import FigureTable, PublicFigures
from stemtide.protocol.files.csv_cells import guard

HEADS = ("quarter", "table", "row", "column", "count", "withheld", "median_s")
_ALL = "all"
_NONE = "none"

_Line = tuple[str, str, int | None, float | None]


def figures_csv(figures: PublicFigures) -> str:
    """Return figures as CSV, a count in each line. A withheld count is empty, never 0."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADS)
    for table in figures.tables:
        for row, column, count, median_s in _lines(table):
            shown = "" if count is None else count
            withheld = "yes" if count is None else "no"
            words = map(guard, (figures.quarter, table.name.value, row, column))
            writer.writerow([*words, shown, withheld, "" if median_s is None else median_s])
    return out.getvalue()


def _lines(table: FigureTable) -> Iterator[_Line]:
    """Yield the lines of a table: its rows with their cells, and the totals last."""
    for row in table.rows:
        name = row.name or _NONE
        yield name, _ALL, row.count, row.median_s
        yield from ((name, cell.name, cell.count, None) for cell in row.cells)
    yield _ALL, _ALL, table.total, table.median_s
    yield from ((_ALL, cell.name, cell.count, None) for cell in table.columns)
