# SPDX-License-Identifier: Apache-2.0
"""Convert yearly reports to CSV: a row for each figure, and one for each of its pieces."""

from stemtide.protocol.files.progress import to_csv
from stemtide.protocol.law.yearly import YearlyReport


def yearly_csv(report: YearlyReport) -> str:
    """Return the report as CSV.

    known: yes if the hub counted, given if the party entered it, no if it is unknown: then its
    count is an empty cell, never zero.
    """
    rows: list[dict[str, object]] = []
    for part in report.parts:
        for figure in part.figures:
            known_by = "yes" if figure.is_known else "given" if figure.is_given else "no"
            plain = {"year": report.year, "article": part.article, "figure": figure.name}
            whole = {"count": figure.count, "text": figure.text, "title": figure.title}
            rows.append({**plain, "of": "", "known": known_by, **whole})
            rows += [
                {**plain, "of": piece.name, "known": known_by, "count": piece.count}
                | {"text": "", "title": piece.title}
                for piece in figure.pieces
            ]
    return to_csv(rows)
