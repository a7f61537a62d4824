# SPDX-License-Identifier: Apache-2.0
"""A yearly report as rows of a table: a row for each figure, and one for each of its pieces."""

from stemtide.protocol.progress_table import to_csv
from stemtide.protocol.yearly import YearlyReport


def yearly_csv(report: YearlyReport) -> str:
    """The report as CSV.

    known: yes where the hub counted, given where the party wrote it, no where nobody knows: then
    its count is an empty cell, and never a nought.
    """
    rows: list[dict[str, object]] = []
    for part in report.parts:
        for figure in part.figures:
            known = "yes" if figure.is_known else "given" if figure.is_given else "no"
            plain = {"year": report.year, "article": part.article, "figure": figure.name}
            whole = {"count": figure.count, "text": figure.text, "title": figure.title}
            rows.append({**plain, "of": "", "known": known, **whole})
            rows += [
                {**plain, "of": piece.name, "known": known, "count": piece.count}
                | {"text": "", "title": piece.title}
                for piece in figure.pieces
            ]
    return to_csv(rows)
