# SPDX-License-Identifier: Apache-2.0
"""Readers for files of signals: CSV, JSON lines, vPDQ, and python-threatexchange's text lines.

Files are read a row at a time, so memory use does not grow with the file. A line is limited to
MAX_LINE_BYTES; the error names the line that is longer.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import msgspec

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES, FingerprintError, Kind
from stemtide.fingerprints.video.vpdq import from_text
from stemtide.protocol.files.columns import (
    BETWEEN,
    LISTS,
    BadRow,
    BulkFileError,
    Columns,
    ParsedLine,
    Row,
)
from stemtide.protocol.files.csv_cells import unguard

MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES + 65_536
"""Maximum bytes of a line: the longest value in hex, and all other fields."""

# Of the whole process, so set once: a cell may be as long as a row, which has a limit of its own.
csv.field_size_limit(MAX_LINE_BYTES)
_SEPARATORS = ",;\t"
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

KIND_OF_TX = {
    "pdq": Kind.PDQ,
    "video_md5": Kind.MD5,
    "photo_md5": Kind.MD5,
    "video_sha256": Kind.SHA256,
    "url": Kind.URL,
    "vpdq": Kind.VIDEO,
    **{f"stemtide_{kind}": kind for kind in Kind if kind is not Kind.PDQ},
}
"""Our kind for each type name of tx, including the types that we add to it."""

_UNSUPPORTED_TYPES = {
    "url_md5": "an MD5 of an address leads back to none: share the address",
    "raw_text": "texts are compared by fingerprints: stemtide signal share FILE.txt makes one",
    "trend_query": "a query is no fingerprint: there is nothing to share",
}
"""Types of tx that cannot be shared, and why."""


def text_lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of a UTF-8 file with their ends, without a byte order mark.

    raises: BulkFileError naming the line, for another encoding or a line that is far too long.
    """
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            if line.startswith(_UTF_16):
                raise BulkFileError("line 1: this is UTF-16: save the file as CSV UTF-8")
            line = line.removeprefix(_BOM)
        if len(line) > MAX_LINE_BYTES:
            raise BulkFileError(
                f"line {number}: is longer than {MAX_LINE_BYTES:,} bytes: no signal is"
            )
        if b"\0" in line:
            raise BulkFileError(f"line {number}: holds a NUL character: is this a text file?")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BulkFileError(
                f"line {number}: is not in UTF-8 (byte {error.start + 1} of it): save the file as"
                " UTF-8, which spreadsheets call CSV UTF-8"
            ) from error


def read_csv(lines: Iterable[str], columns: Columns) -> Iterator[ParsedLine]:
    """Yield the rows of a CSV file. The separator is the most frequent of , ; and tab.

    An empty cell says nothing, and an empty row is none. raises: BulkFileError.
    """
    rest = iter(lines)
    first, begin = next(rest, ""), 0
    # Some spreadsheets name the separator in a line of its own.
    if first.lower().startswith("sep="):
        apart, first, begin = first[4:5].strip() or "\t", next(rest, ""), 1
    else:
        apart = max(_SEPARATORS, key=first.count)
    if not first.strip():
        raise BulkFileError("line 1: is empty: write the names of the columns there")
    rows = _RowLines(chain([first], rest), number=begin)
    reader = csv.reader(rows, delimiter=apart, strict=True)
    try:
        names = columns.names_of(next(reader))
        while True:
            rows.begin()
            line = begin + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            if any(cells):
                row = _row(cells, names)
                yield ParsedLine(line, columns.convert(row) if isinstance(row, dict) else row)
    except csv.Error as error:
        at = begin + reader.line_num
        raise BulkFileError(f"line {at}: is no CSV ({error}): is a quote left open?") from error


class _RowLines(Iterator[str]):
    """Lines of a CSV file, with a limit on the length of a row that spans several lines.

    number: lines before.
    """

    def __init__(self, lines: Iterator[str], *, number: int) -> None:
        self._lines = lines
        self._number, self._weight = number, 0
        self._first = number + 1

    def begin(self) -> None:
        """Start a new row at the next line."""
        self._first, self._weight = self._number + 1, 0

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self._weight += len(line)
        if self._weight > MAX_LINE_BYTES:
            raise BulkFileError(
                f"line {self._number}: the row from line {self._first} on is longer than"
                f" {MAX_LINE_BYTES:,} characters: no signal is; is a quote left open?"
            )
        return line


def _row(cells: list[str], names: list[str]) -> Row | BadRow:
    """Return the non-empty cells by column name."""
    if len(cells) != len(names):
        return BadRow(
            "", f"has {len(cells)} cells and the heading {len(names)}: quote what holds separators"
        )
    row: Row = {}
    for name, cell in zip(names, cells, strict=True):
        text = cell.strip()
        if not text or not name:
            continue
        if "'" in text:
            text = unguard(text)
        row[name] = split_values(text) if name in LISTS else text
    return row


def split_values(text: str) -> list[str]:
    """Return the values of a cell that holds several."""
    return [word for part in text.split(BETWEEN) if (word := part.strip())]


def read_json_lines(lines: Iterable[str], columns: Columns) -> Iterator[ParsedLine]:
    """Yield the rows of a file with one JSON object a line; null counts as absent."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield ParsedLine(number, _parse_object(line, columns))


def _parse_object(line: str, columns: Columns) -> Any:  # noqa: ANN401  # as ParsedLine has it
    """Return the fields that a JSON line shares, or why it is not shared."""
    try:
        record = msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        return BadRow("", f"is no JSON: {error}")
    if not isinstance(record, dict):
        return BadRow("", "is no JSON object: write one signal a line")
    named = columns.renamed
    row = {named.get(name, name): value for name, value in record.items() if value is not None}
    row.pop("", None)
    return columns.convert(row)


def read_tx_lines(lines: Iterable[str], columns: Columns) -> Iterator[ParsedLine]:
    """Yield the rows of a file of lines `signal_type value`, as tx's local_file writes them."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        named, _, value = line.strip().partition(" ")
        if (kind := KIND_OF_TX.get(named)) is None:
            why = _UNSUPPORTED_TYPES.get(named, f"known are {', '.join(KIND_OF_TX)}")
            yield ParsedLine(number, BadRow("kind", f"there is no kind for {named[:40]!r}: {why}"))
        elif named == "vpdq":
            yield ParsedLine(number, _video_row(value, columns))
        else:
            yield ParsedLine(number, columns.convert({"kind": kind.value, "value": value.strip()}))


def read_vpdq(lines: Iterable[str], columns: Columns) -> Iterator[ParsedLine]:
    """Yield the videos of a vPDQ file: a JSON list a line, or lines of frames numbered from 0.

    raises: BulkFileError where a film has more frames than any may.
    """
    begin, last, frames, weight = 0, -1, list[str](), 0
    for number, line in enumerate(chain(lines, ["\n"]), start=1):
        is_json = line.lstrip().startswith("[")
        at = line.split(",", 1)[0].strip()
        goes_on = at.isdecimal() and int(at[:9]) > last
        if frames and not goes_on:
            yield ParsedLine(begin, _video_row("".join(frames), columns))
            frames, last, weight = [], -1, 0
        if is_json:
            yield ParsedLine(number, _video_row(line, columns))
        elif line.strip():
            begin = begin if frames else number
            last = int(at[:9]) if at.isdecimal() else last
            frames.append(line)
            weight += len(line)
            if weight > MAX_LINE_BYTES:
                raise BulkFileError(
                    f"line {number}: the film from line {begin} on is longer than"
                    f" {MAX_LINE_BYTES:,} bytes: no signal is"
                )


def _video_row(text: str, columns: Columns) -> Any:  # noqa: ANN401  # as ParsedLine has it
    """Return the fields of a video fingerprint made of a vPDQ text's full frames, or the error."""
    try:
        value = from_text(text).to_bytes()
    except FingerprintError as error:
        return BadRow("value", str(error))
    return columns.convert({"kind": Kind.VIDEO.value, "value": value.hex()})


READERS: dict[str, Callable[[Iterable[str], Columns], Iterator[ParsedLine]]] = {
    "csv": read_csv,
    "jsonl": read_json_lines,
    "tx": read_tx_lines,
    "vpdq": read_vpdq,
}
"""Reader of each text format."""
