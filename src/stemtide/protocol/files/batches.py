# SPDX-License-Identifier: Apache-2.0
"""CSV files of batches: referrals to send, and the result of each row."""

import csv
import io
from collections.abc import Iterable, Mapping

from stemtide.protocol.files.csv_cells import guard
from stemtide.protocol.messages.batches import MAX_ROWS, ROW_COLUMNS, BatchRowIn, BatchRowOut

_MAX_CHARS = {
    name: limit.max_length
    for name in ROW_COLUMNS
    for limit in BatchRowIn.model_fields[name].metadata
    if hasattr(limit, "max_length")
}
"""Maximum characters of a cell; longer cells are cut here, so that their row alone is refused."""

_OUT = ("number", "outcome", "reference", "message", "provider", "url", "referral")


class BatchFileError(ValueError):
    """A file cannot be read as a batch. The message says why, and the remedy."""


def read_rows(text: str, *, defaults: Mapping[str, str] | None = None) -> list[BatchRowIn]:
    """Return the rows of a CSV file, numbered from 1.

    Columns come in any order. Only url is required if defaults give the others.
    The separator is a comma or a semicolon, whichever the first line has more of.
    defaults: values for columns that the file lacks, and for empty cells.

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
        rows = [row for row in reader if any(_cell(row, name) for name in ROW_COLUMNS)]
    except csv.Error as error:
        raise BatchFileError(f"line {reader.line_num} is no valid CSV: {error}") from error
    if not rows:
        raise BatchFileError("the file has no rows: put one address in each line below the heading")
    if len(rows) > MAX_ROWS:
        raise BatchFileError(f"the file has {len(rows)} rows: send at most {MAX_ROWS} in a batch")
    fallbacks = defaults or {}
    return [
        BatchRowIn(
            number=number,
            **{
                name: (_cell(row, name) or fallbacks.get(name, ""))[: _MAX_CHARS[name]]
                for name in ROW_COLUMNS
            },
        )
        for number, row in enumerate(rows, start=1)
    ]


def write_rows(rows: Iterable[BatchRowOut]) -> str:
    """Return the results of rows as CSV. Cells that a spreadsheet would run are escaped."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_OUT)
    for row in rows:
        writer.writerow([guard(str(getattr(row, name) or "")) for name in _OUT])
    return out.getvalue()


def _check_columns(names: list[str]) -> None:
    """Refuse a file that has no url column, an unknown column or a duplicate column."""
    if "url" not in names:
        raise BatchFileError(
            "the first line names no column url: write a heading such as url,provider,reason,labels"
        )
    if unknown := sorted({name for name in names if name} - set(ROW_COLUMNS)):
        raise BatchFileError(
            f"there is no column {unknown[0][:40]!r}; known are {', '.join(ROW_COLUMNS)}"
        )
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise BatchFileError(f"the column {twice[0]!r} is there twice: leave one out")


def _cell(row: Mapping[str, str | None], name: str) -> str:
    """Return the text of a cell, "" if it is empty."""
    return (row.get(name) or "").strip()
