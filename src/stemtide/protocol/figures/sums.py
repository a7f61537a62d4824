# SPDX-License-Identifier: Apache-2.0
"""Check that the sums in published figures add up, as far as nothing is withheld."""

from collections.abc import Iterator, Sequence

from stemtide.protocol.figures.messages import FORMAT, FigureCell, FigureTable, PublicFigures
from stemtide.protocol.figures.quarters import Quarter, QuarterError

_SAME_TOTAL = ("signals_shared_by_", "orders_by_", "referrals_by_")
"""Tables whose names begin in the same way divide the same things."""


def faults(figures: PublicFigures) -> Iterator[str]:
    """Yield in words what does not hold within the figures of a quarter; nothing if all holds."""
    yield from _period_faults(figures)
    names = [table.name for table in figures.tables]
    if len(set(names)) != len(names):
        yield "a table is there twice"
    for table in figures.tables:
        yield from _table_faults(table)
    for start in _SAME_TOTAL:
        totals = {table.total for table in figures.tables if table.name.startswith(start)}
        if len(totals) > 1:
            yield f"the totals of the tables {start}… differ"


def _period_faults(figures: PublicFigures) -> Iterator[str]:
    """Yield what is wrong with the format and the days."""
    if figures.format != FORMAT:
        yield f"the format is {figures.format[:40]!r}, not {FORMAT}"
    try:
        quarter = Quarter.read(figures.quarter)
    except QuarterError as error:
        yield str(error)
        return
    if (figures.first, figures.last) != (quarter.first, quarter.last):
        yield f"the days are not those of {quarter.name}"


def _table_faults(table: FigureTable) -> Iterator[str]:
    """Yield the sums of one table that do not add up."""
    counts = [row.count for row in table.rows]
    yield from _sum_faults(f"{table.name}", table.total, counts, overlaps=table.overlaps)
    if not table.columns:
        return
    names = [cell.name for cell in table.columns]
    yield from _sum_faults(f"{table.name}, columns", table.total, _counts_of(table.columns))
    for row in table.rows:
        name = f"{table.name}, {row.name or 'none'}"
        yield from _sum_faults(name, row.count, _counts_of(row.cells))
        if [cell.name for cell in row.cells] != names:
            yield f"{name}: its columns are others than the table's"
            return
    for place, column in enumerate(table.columns):
        cells = [row.cells[place].count for row in table.rows]
        name = f"{table.name}, column {column.name}"
        yield from _sum_faults(name, column.count, cells, overlaps=table.overlaps)


def _counts_of(cells: Sequence[FigureCell]) -> list[int | None]:
    """Return the counts of cells."""
    return [cell.count for cell in cells]


def _sum_faults(
    name: str, total: int | None, counts: Sequence[int | None], *, overlaps: bool = False
) -> Iterator[str]:
    """Yield that counts do not add up to their total. overlaps: each may be up to the total."""
    shown = [count for count in counts if count is not None]
    if any(count < 0 for count in shown):
        yield f"{name}: a count is below 0"
    if total is None:
        return
    if overlaps:
        if any(count > total for count in shown):
            yield f"{name}: a part is larger than the total of {total}"
    elif len(shown) == len(counts) and sum(shown) != total:
        yield f"{name}: the parts add up to {sum(shown)}, and the total is {total}"
    elif sum(shown) > total:
        yield f"{name}: the parts add up to more than the total of {total}"
