# SPDX-License-Identifier: Apache-2.0
"""Where the rows of an import come from: a file of text, stdin, or a process that reads Parquet."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from stemtide.cli.output import fail

if TYPE_CHECKING:
    from stemtide.protocol.files.columns import Columns, Found


class BulkForm(StrEnum):
    """As what signals lie in a file."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    VPDQ = "vpdq"
    TX = "tx"


_BY_SUFFIX = {
    **{f".{form}": form for form in BulkForm},
    ".ndjson": BulkForm.JSONL,
    ".tsv": BulkForm.CSV,
}

_DIED = "the process that reads the file ended: this may be a hostile or a damaged file"
NEEDS_PYARROW = "Parquet needs pyarrow: pip install 'stemtide[parquet]'"


@dataclass
class Source:
    """The rows of a file as they are read.

    length: how much there is to read, 0 where nobody knows; done: how much of it was read.
    """

    rows: "Iterator[Found]"
    length: int
    done: Callable[[], int]


def form_of(name: str, *, what: str) -> BulkForm:
    """The form that a file's name says. what: how the command calls the file."""
    form = _BY_SUFFIX.get(Path(name).suffix.lower())
    if form is None:
        fail(f"{what} {name}: say what it is: --format {'|'.join(BulkForm)}", code=2)
    return form


def check_pyarrow() -> None:
    """End the command where Parquet cannot be spoken."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        fail(NEEDS_PYARROW, code=2)


@contextmanager
def opened(source: str, *, form: BulkForm | None, columns: "Columns") -> Iterator[Source]:
    """The rows of a file, or of stdin where it is called -."""
    form = form or form_of(source, what="the file")
    if form is BulkForm.PARQUET:
        check_pyarrow()
        if source == "-":
            fail("Parquet is read from its end: give a file, not stdin", code=2)
        with _read_elsewhere(Path(source), columns) as rows:
            yield rows
        return
    if source == "-":
        yield _text(sys.stdin.buffer, form, columns, length=0)
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115  # closed below; errors there are not ours
    except OSError as error:
        fail(f"{source} cannot be read: {error.strerror}", code=2)
    with file:
        yield _text(file, form, columns, length=os.fstat(file.fileno()).st_size)


def _text(file: BinaryIO, form: BulkForm, columns: "Columns", *, length: int) -> Source:
    """The rows of a text."""
    from stemtide.protocol.files.signal_readers import READERS, text_lines

    done = file.tell if length else lambda: 0
    return Source(READERS[form](text_lines(file), columns), length, done)


@contextmanager
def _read_elsewhere(path: Path, columns: "Columns") -> Iterator[Source]:
    """The rows of a Parquet file, decoded by a process that may die of it."""
    command = [sys.executable, "-m", "stemtide.cli.commands.signals.parquet_rows", str(path)]
    # Arrow's own allocators take a gigabyte of addresses at once, which is all that there is.
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    with subprocess.Popen(  # noqa: S603  # our own module
        command,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        try:
            yield _told(cast("BinaryIO", process.stdout), columns)
        finally:
            process.kill()


def _told(stream: BinaryIO, columns: "Columns") -> Source:
    """What that process tells: a head, the rows, and its end. raises: BulkFileError."""
    from stemtide.protocol.files.columns import BulkFileError, Found
    from stemtide.protocol.files.signal_readers import text_lines

    lines = _decoded(text_lines(stream))
    count = 0
    head: dict[str, Any] = next(lines, {})
    if "columns" not in head:
        raise BulkFileError(head.get("error", _DIED))
    names = columns.ours(head["columns"])

    def rows() -> "Iterator[Found]":
        nonlocal count
        for cells in lines:
            if isinstance(cells, dict) and "end" in cells:
                return
            count += 1
            if isinstance(cells, dict):
                raise BulkFileError(f"row {count}: {cells['error']}")
            named = zip(names, cells, strict=True)
            row = {name: cell for name, cell in named if name and cell is not None and cell != ""}
            yield Found(count, columns.shared(row))
        raise BulkFileError(f"row {count + 1}: {_DIED}")

    return Source(rows(), head["rows"], lambda: count)


def _decoded(lines: "Iterator[str]") -> Iterator[Any]:
    """What the process told: a head, rows, an end. A killed one may leave half a line."""
    import msgspec

    for line in lines:
        try:
            told = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return
        yield told
