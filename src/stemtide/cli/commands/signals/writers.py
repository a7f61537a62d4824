# SPDX-License-Identifier: Apache-2.0
"""Writers of an export: each takes the rows that the hub sends, and writes one format."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from stemtide.cli.commands.signals.source import BulkFormat
from stemtide.protocol.files.columns import COLUMNS, LISTS
from stemtide.protocol.files.signal_rows import csv_heading, csv_rows, json_rows, tx_line, vpdq_line

if TYPE_CHECKING:
    import pyarrow as pa

Rows = list[dict[str, Any]]

_GROUP_ROWS = 50_000
"""Rows of one group of a Parquet file, fewer where their values are long."""

_GROUP_BYTES = 16 << 20
_TIMES = frozenset({"shared_at", "expires_at", "withdrawn_at"})
_NUMBERS = {"quality": 16, "within_bits": 16, "confidence": 16, "position": 64}
_FLAGS = frozenset({"exercise", "disputed"})


@dataclass(frozen=True, slots=True)
class ExportOrigin:
    """Origin of an export: a hub, the position of its feed, and the time."""

    hub: str
    position: str
    at: datetime


class Writer(Protocol):
    """A writer of rows in one format."""

    def write(self, rows: Rows) -> Rows:
        """Write rows. returns: those that the format can hold."""

    def close(self) -> None:
        """Write the end of the file; the file itself stays open."""


def writer(form: BulkFormat, file: BinaryIO, head: ExportOrigin) -> Writer:
    """Return the writer of a format."""
    if form is BulkFormat.PARQUET:
        return _Parquet(file, head)
    if form is BulkFormat.CSV:
        return _Lines(file, lambda rows: csv_rows(rows).encode(), head=csv_heading().encode())
    if form is BulkFormat.JSONL:
        return _Lines(file, json_rows)
    return _Bare(file, tx_line if form is BulkFormat.TX else vpdq_line)


class _Lines:
    """Writes a line for every row."""

    def __init__(
        self, file: BinaryIO, spell: Callable[[Rows], bytes], *, head: bytes = b""
    ) -> None:
        self._file, self._spell = file, spell
        file.write(head)

    def write(self, rows: Rows) -> Rows:
        self._file.write(self._spell(rows))
        return rows

    def close(self) -> None:
        pass


class _Bare:
    """Writes a bare value line for the rows that have one."""

    def __init__(self, file: BinaryIO, spell: Callable[[dict[str, Any]], str | None]) -> None:
        self._file, self._spell = file, spell

    def write(self, rows: Rows) -> Rows:
        lines = [(row, line) for row in rows if (line := self._spell(row))]
        self._file.write("".join(line for _, line in lines).encode())
        return [row for row, _ in lines]

    def close(self) -> None:
        pass


class _Parquet:
    """Writes a typed table; its schema names hub, position and time."""

    def __init__(self, file: BinaryIO, head: ExportOrigin) -> None:
        from pyarrow.parquet import ParquetWriter

        self._schema = _schema(head)
        self._writer = ParquetWriter(file, self._schema, compression="zstd")
        self._rows: Rows = []
        self._weight = 0

    def write(self, rows: Rows) -> Rows:
        for row in rows:
            self._rows.append(row)
            self._weight += len(row["value"] or "")
            if len(self._rows) >= _GROUP_ROWS or self._weight > _GROUP_BYTES:
                self._flush()
        return rows

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._rows:
            return
        arrays = []
        for name in COLUMNS:
            values = [row.get(name) for row in self._rows]
            kind = self._schema.field(name).type
            array = (
                pa.array(values, pa.string()).cast(kind)
                if name in _TIMES
                else pa.array(values, kind)
            )
            arrays.append(array)
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._weight = [], 0


def _schema(head: ExportOrigin) -> "pa.Schema":
    """Return the schema: the types of the columns, and the origin as metadata."""
    import pyarrow as pa

    def type_of(name: str) -> "pa.DataType":
        if name in LISTS:
            return pa.list_(pa.string())
        if name in _TIMES:
            return pa.timestamp("us", tz="UTC")
        if name in _FLAGS:
            return pa.bool_()
        if name in _NUMBERS:
            return pa.int16() if _NUMBERS[name] == 16 else pa.int64()  # noqa: PLR2004  # bits
        return pa.string()

    about = {
        "stemtide.hub": head.hub,
        "stemtide.position": head.position,
        "stemtide.at": head.at.isoformat(),
    }
    return pa.schema([(name, type_of(name)) for name in COLUMNS], metadata=about)
