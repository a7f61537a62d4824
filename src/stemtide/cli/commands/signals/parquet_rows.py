# SPDX-License-Identifier: Apache-2.0
"""Print the rows of a Parquet file as JSON lines, in a sandboxed process.

Native code decodes a file from somebody else and trusts the sizes that it states. So this process
has no network, cannot change files and has limited memory; its parent notices if it dies.

1 An object: the number of rows, and the names of the columns.
2 An array for each row.
3 An object: the end, or the error.
"""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.lockdown import isolate, lock_down
from stemtide.protocol.files.columns import LISTS, MAX_COLUMNS
from stemtide.protocol.files.signal_readers import split_values

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

_ENCODER = msgspec.json.Encoder()
_AT_ONCE = 5000
"""Rows that are decoded at once, fewer where they are long."""

_AT_ONCE_BYTES = 64 << 20
_SHOWN = 60

Convert = Callable[[Any], Any]


class ColumnError(ValueError):
    """A column is of a type that no field has."""


def _warm_up() -> None:
    """Read a made-up file, so that all modules for reading are loaded before the lockdown."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sample = pa.table(
        {
            "shared_at": pa.array([datetime.now(UTC)], type=pa.timestamp("us", tz="UTC")),
            "expires_at": pa.array([None], type=pa.timestamp("ns")),
            "kind": pa.array(["md5"]).dictionary_encode(),
            "labels": pa.array([["other"]]),
            "value": pa.array([b"0"]),
            "confidence": pa.array([90.0]),
            "quality": pa.array([90]),
            "url": pa.array([None], type=pa.null()),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(sample, sink)
    for _ in _lines(pq.ParquetFile(pa.BufferReader(sink.getvalue()))):
        pass


def main(path: str) -> int:
    """Print the rows of a file. returns: the exit code."""
    # Arrow's usual allocator reserves a gigabyte of addresses, which is all that the limit allows.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = sys.stdout.buffer
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # opened before the lockdown
            pa.set_cpu_count(1)
            _warm_up()
            isolate()
            lock_down(DecodingLimits())
            for line in _lines(pq.ParquetFile(file, pre_buffer=False, memory_map=False)):
                out.write(line)
        out.write(_ENCODER.encode({"end": True}) + b"\n")
    except ColumnError as error:
        out.write(_ENCODER.encode({"error": str(error)}) + b"\n")
    except MemoryError:
        message = "it needs more memory than rows of signals can: the file may be hostile"
        out.write(_ENCODER.encode({"error": message}) + b"\n")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        message = " ".join(str(error).split())[:300]
        out.write(
            _ENCODER.encode({"error": f"this is not a readable Parquet file: {message}"}) + b"\n"
        )
    out.flush()
    return 0


def _lines(file: "ParquetFile") -> Iterator[bytes]:
    """Yield the head and the rows, as JSON lines."""
    schema, about = file.schema_arrow, file.metadata
    if len(schema.names) > MAX_COLUMNS or about.num_columns > MAX_COLUMNS:
        raise ColumnError(
            f"there are {about.num_columns} columns: remove those that are no fields of signals"
        )
    readers = [_reader(field) for field in schema]
    yield _ENCODER.encode({"rows": about.num_rows, "columns": schema.names}) + b"\n"
    size = _AT_ONCE
    if about.num_row_groups and about.num_rows:
        groups = [about.row_group(index) for index in range(min(about.num_row_groups, 100))]
        a_row = max(group.total_byte_size // max(1, group.num_rows) for group in groups)
        size = max(1, min(_AT_ONCE, _AT_ONCE_BYTES // max(1, a_row)))
    for batch in file.iter_batches(batch_size=size, use_threads=False):
        columns = [read(column) for read, column in zip(readers, batch.columns, strict=True)]
        yield _ENCODER.encode_lines(list(zip(*columns, strict=True)))


def _reader(field: "pa.Field") -> Callable[["pa.Array"], list[Any]]:
    """Return a function that converts a column to JSON values. raises: ColumnError."""
    import pyarrow as pa
    import pyarrow.types as of

    is_list, kind = field.name.strip().lower() in LISTS, field.type
    if of.is_dictionary(kind):
        kind = kind.value_type
    if of.is_timestamp(kind):
        # Its zone does not matter, and would have to be read from a file.
        target = pa.timestamp("us", tz="UTC" if kind.tz else None)
        return lambda column: [
            _time(moment) for moment in column.cast(target, safe=False).to_pylist()
        ]
    if of.is_list(kind) or of.is_large_list(kind):
        if not of.is_string(kind.value_type) and not of.is_large_string(kind.value_type):
            raise _wrong(field)
        return lambda column: column.to_pylist()
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        convert: Convert | None = split_values if is_list else None
    elif of.is_binary(kind) or of.is_large_binary(kind) or of.is_fixed_size_binary(kind):
        convert = _bytes
    elif of.is_floating(kind):
        convert = _number
    elif of.is_integer(kind) or of.is_boolean(kind) or of.is_null(kind):
        convert = None
    else:
        raise _wrong(field)
    if convert is None:
        return lambda column: column.to_pylist()
    converter = convert
    return lambda column: [
        None if value is None else converter(value) for value in column.to_pylist()
    ]


def _wrong(field: "pa.Field") -> ColumnError:
    kind = str(field.type)
    shown = kind if len(kind) <= _SHOWN else f"{kind[:_SHOWN]}…"
    return ColumnError(
        f"the column {field.name[:40]!r} is of type {shown}: write texts, whole numbers, booleans,"
        " times, or lists of texts"
    )


def _time(moment: datetime | None) -> str | None:
    """Format a time as ISO 8601. One without a zone stays without, so that the hub refuses it."""
    if moment is None:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def _bytes(value: bytes) -> str:
    """Return bytes as hex, in which an id may be spelled too."""
    return value.hex()


def _number(value: float) -> float | int | None:
    """Return a whole float as int, since some programs write 90 as 90.0, and NaN as None."""
    if value != value:  # noqa: PLR0124  # NaN alone differs from itself
        return None
    return int(value) if value.is_integer() else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
