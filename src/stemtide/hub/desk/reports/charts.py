# SPDX-License-Identifier: Apache-2.0
"""Charts of a report: a bar for each count. Withheld counts have a word in place of a bar."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from stemtide.hub.desk.labels import label
from stemtide.hub.desk.progress.charts import Bar, bars
from stemtide.protocol.messages.reports import Cell, Figures


def charts_of(figures: Figures) -> list[tuple[str, list[Bar]]]:
    """Return the charts of a report with their titles, without empty ones."""
    groups: list[tuple[str, str, Sequence[Cell]]] = [
        (_("Outcomes at providers"), "outcome", figures.outcomes),
        (_("Signals by kind"), "kind", figures.signals_by_kind),
        (_("Signals by state"), "state", figures.signals_by_state),
    ]
    return [
        (
            title,
            bars(
                {cell.name: label(cell.name, of) for cell in cells},
                {cell.name: cell.count for cell in cells},
                whole=None,
            ),
        )
        for title, of, cells in groups
        if any(cell.count != 0 for cell in cells)
    ]
