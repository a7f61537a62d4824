# SPDX-License-Identifier: Apache-2.0
"""Batches as files of comma-separated values: what people send, and what they get back."""

import csv
import io
from collections.abc import Iterable, Mapping

from stemtide.protocol.batches import MAX_ROWS, BatchRowIn, BatchRowOut
from stemtide.protocol.csv_cells import guard

COLUMNS = (
    *("url", "provider", "reason", "labels", "terms", "language", "ideology", "content_type"),
)
"""Columns of a file, in any order; only url must be there, where defaults say the others."""

_LONGEST = {
    "url": 10_000,
    "provider": 200,
    "reason": 10_000,
    "labels": 1000,
    "terms": 1000,
    "language": 100,
    "ideology": 100,
    "content_type": 100,
}
"""Characters of a cell that travel: more is wrong anyway, and is said to be."""

_OUT = ("number", "outcome", "reference", "message", "provider", "url", "referral")


class BatchFileError(ValueError):
    """A file is no batch. The words say what is wrong, and what to do."""


def read_rows(text: str, *, defaults: Mapping[str, str] | None = None) -> list[BatchRowIn]:
    """The rows of a file, numbered from 1; commas or semicolons, whichever its first line has.

    defaults: what stands in a column where the file has none, or an empty cell.

    raises: BatchFileError.
    """
    text = text.removeprefix("\ufeff")
    first = text.split("\n", 1)[0]
    apart = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=apart, strict=True)
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        _check_columns(names)
        reader.fieldnames = names
        rows = [one for one in reader if any(_cell(one, name) for name in COLUMNS)]
    except csv.Error as error:
        raise BatchFileError(f"line {reader.line_num} is not as it should be: {error}") from error
    if not rows:
        raise BatchFileError("the file has no rows: put one address in each line below the heading")
    if len(rows) > MAX_ROWS:
        raise BatchFileError(f"the file has {len(rows)} rows: send at most {MAX_ROWS} in a batch")
    said = defaults or {}
    return [
        BatchRowIn(
            number=number,
            **{
                name: (_cell(one, name) or said.get(name, ""))[: _LONGEST[name]] for name in COLUMNS
            },
        )
        for number, one in enumerate(rows, start=1)
    ]


def write_rows(rows: Iterable[BatchRowOut]) -> str:
    """What became of rows, as a file. A cell that a spreadsheet would run is made words."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_OUT)
    for row in rows:
        writer.writerow([guard(str(getattr(row, name) or "")) for name in _OUT])
    return out.getvalue()


def _check_columns(names: list[str]) -> None:
    """Refuse a file without addresses, or with columns that nobody reads."""
    if "url" not in names:
        raise BatchFileError(
            "the first line names no column url: write a heading such as url,provider,reason,labels"
        )
    if unknown := sorted({name for name in names if name} - set(COLUMNS)):
        raise BatchFileError(
            f"there is no column {unknown[0][:40]!r}; known are {', '.join(COLUMNS)}"
        )
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise BatchFileError(f"the column {twice[0]!r} is there twice: leave one out")


def _cell(row: Mapping[str, str | None], name: str) -> str:
    """What stands in a cell; "" where there is none."""
    return (row.get(name) or "").strip()
