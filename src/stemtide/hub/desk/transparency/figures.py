# SPDX-License-Identifier: Apache-2.0
"""The public figures of a quarter, as charts with their tables.

No account, no cookie, no script. What is withheld is decided when figures are published.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.labels.progress import Words
from stemtide.hub.desk.progress.charts import Bar, bars
from stemtide.hub.desk.public_pages import languages, public_page
from stemtide.hub.desk.transparency import labels
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.reports.reads.public import figures as reads
from stemtide.protocol.figures.messages import FigureTable, PublicFigures


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table. cells: its counts in the order of the columns."""

    name: str
    count: int | None
    cells: list[int | None]
    median_s: float | None


@dataclass(frozen=True, slots=True)
class _Block:
    """A chart with its table. has_medians: whether the table has a column of them."""

    name: str
    title: Words
    note: Words
    table: FigureTable
    columns: list[Words]
    totals: list[int | None]
    rows: list[_Row]
    bars: list[Bar]
    has_medians: bool


@require_safe
@public_page
def figures(request: HttpRequest) -> HttpResponse:
    """Show the figures of a quarter: the latest, or the one in the query."""
    now = datetime.now(UTC)
    quarters = reads.published()
    name = request.GET.get("quarter", "") or (quarters[0] if quarters else "")
    context = {
        "quarters": quarters,
        "next_date": reads.next_date(now),
        "address": settings.HUB_ADDRESS or request.build_absolute_uri("/").rstrip("/"),
        "lag_hours": settings.LOG_LAG_HOURS,
    }
    if name:
        try:
            shown = reads.figures(name)
        except NotFoundError as error:
            raise Http404(str(error)) from error
        context |= {"figures": shown, "blocks": _blocks(shown)}
    return render(request, "desk/figures.html", context | languages())


def _blocks(shown: PublicFigures) -> list[_Block]:
    """Return the tables of a quarter with their charts."""
    return [_block(table) for table in shown.tables]


def _block(table: FigureTable) -> _Block:
    """Return a table with its chart."""
    name_of = labels.ROWS[table.name]
    rows = [
        _Row(name_of(row.name), row.count, [cell.count for cell in row.cells], row.median_s)
        for row in table.rows
    ]
    return _Block(
        name=table.name.value,
        title=labels.TITLES[table.name],
        note=labels.NOTES.get(table.name, ""),
        table=table,
        columns=[labels.COLUMNS.get(cell.name, cell.name) for cell in table.columns],
        totals=[cell.count for cell in table.columns],
        rows=rows,
        bars=_bars(rows, total=table.total),
        has_medians=table.median_s is not None or any(row.median_s is not None for row in rows),
    )


def _bars(rows: Sequence[_Row], *, total: int | None) -> list[Bar]:
    """Return the chart of a table."""
    words: dict[str, Words] = {str(place): row.name for place, row in enumerate(rows)}
    counts = {str(place): row.count for place, row in enumerate(rows)}
    return bars(words, counts, whole=total)
