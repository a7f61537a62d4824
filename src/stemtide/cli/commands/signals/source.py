# SPDX-License-Identifier: Apache-2.0
"""Rows of an import, from a text file, stdin, or a process that reads Parquet."""

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
    from stemtide.protocol.files.columns import Columns, ParsedLine


class BulkFormat(StrEnum):
    """Formats of signal files."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    VPDQ = "vpdq"
    TX = "tx"


_BY_SUFFIX = {
    **{f".{form}": form for form in BulkFormat},
    ".ndjson": BulkFormat.JSONL,
    ".tsv": BulkFormat.CSV,
}

_DIED = "the process that reads the file crashed: the file may be hostile or damaged"
NEEDS_PYARROW = "Parquet needs pyarrow: pip install 'stemtide[parquet]'"


@dataclass
class Source:
    """The rows of a file as they are read.

    length: size of the input, 0 if unknown; done: returns how much of it was read.
    """

    rows: "Iterator[ParsedLine]"
    length: int
    done: Callable[[], int]


def form_of(name: str, *, argument: str) -> BulkFormat:
    """Return the format that a file's name implies. argument: how errors name the file."""
    form = _BY_SUFFIX.get(Path(name).suffix.lower())
    if form is None:
        fail(f"{argument} {name}: name its format: --format {'|'.join(BulkFormat)}", code=2)
    return form


def check_pyarrow() -> None:
    """End the command if Parquet is not supported here."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        fail(NEEDS_PYARROW, code=2)


@contextmanager
def opened(source: str, *, form: BulkFormat | None, columns: "Columns") -> Iterator[Source]:
    """Open a file, or stdin if it is called "-", as a source of rows."""
    form = form or form_of(source, argument="the file")
    if form is BulkFormat.PARQUET:
        check_pyarrow()
        if source == "-":
            fail("Parquet cannot be read from stdin: name a file", code=2)
        with _parquet_source(Path(source), columns) as rows:
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


def _text(file: BinaryIO, form: BulkFormat, columns: "Columns", *, length: int) -> Source:
    """Return the rows of a text file."""
    from stemtide.protocol.files.signal_readers import READERS, text_lines

    done = file.tell if length else lambda: 0
    return Source(READERS[form](text_lines(file), columns), length, done)


@contextmanager
def _parquet_source(path: Path, columns: "Columns") -> Iterator[Source]:
    """Read the rows of a Parquet file in a separate process, which may crash."""
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
            yield _process_rows(cast("BinaryIO", process.stdout), columns)
        finally:
            process.kill()


def _process_rows(stream: BinaryIO, columns: "Columns") -> Source:
    """Return the rows that the Parquet process prints. raises: BulkFileError."""
    from stemtide.protocol.files.columns import BulkFileError, ParsedLine
    from stemtide.protocol.files.signal_readers import text_lines

    lines = _decoded(text_lines(stream))
    count = 0
    head: dict[str, Any] = next(lines, {})
    if "columns" not in head:
        raise BulkFileError(head.get("error", _DIED))
    names = columns.names_of(head["columns"])

    def rows() -> "Iterator[ParsedLine]":
        nonlocal count
        for cells in lines:
            if isinstance(cells, dict) and "end" in cells:
                return
            count += 1
            if isinstance(cells, dict):
                raise BulkFileError(f"row {count}: {cells['error']}")
            named = zip(names, cells, strict=True)
            row = {name: cell for name, cell in named if name and cell is not None and cell != ""}
            yield ParsedLine(count, columns.convert(row))
        raise BulkFileError(f"row {count + 1}: {_DIED}")

    return Source(rows(), head["rows"], lambda: count)


def _decoded(lines: "Iterator[str]") -> Iterator[Any]:
    """Yield the messages of the Parquet process; stop at the half line of a killed one."""
    import msgspec

    for line in lines:
        try:
            message = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return
        yield message
