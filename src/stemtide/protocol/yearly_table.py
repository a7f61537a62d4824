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
        for one in part.figures:
            known = "yes" if one.is_known else "given" if one.is_given else "no"
            plain = {"year": report.year, "article": part.article, "figure": one.name}
            whole = {"count": one.count, "text": one.text, "title": one.title}
            rows.append({**plain, "of": "", "known": known, **whole})
            rows += [
                {**plain, "of": piece.name, "known": known, "count": piece.count}
                | {"text": "", "title": piece.title}
                for piece in one.pieces
            ]
    return to_csv(rows)
