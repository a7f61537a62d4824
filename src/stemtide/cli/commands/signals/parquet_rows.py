# SPDX-License-Identifier: Apache-2.0
"""A process that tells the rows of one Parquet file as JSON lines, behind the sandbox's walls.

Native code decodes what somebody else wrote, and believes sizes that the file states. So it is done
here: no network, no change to files, an end to the memory; whoever started it hears of its death.

1 One object: how many rows there are, and the names of the columns.
2 An array for each row.
3 An object: the end, or the error that ended it.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from stemtide.fingerprints.limits import Limits
from stemtide.fingerprints.sandbox.lockdown import raise_walls
from stemtide.protocol.files.columns import LISTS, MAX_COLUMNS
from stemtide.protocol.files.signal_readers import listed

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


def main(path: str) -> int:
    """Tell the rows of a file on stdout. returns: the exit code."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = sys.stdout.buffer
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # opened before the walls stand
            pa.set_cpu_count(1)
            raise_walls(Limits())
            for line in _lines(pq.ParquetFile(file, pre_buffer=False, memory_map=False)):
                out.write(line)
        out.write(_ENCODER.encode({"end": True}) + b"\n")
    except ColumnError as error:
        out.write(_ENCODER.encode({"error": str(error)}) + b"\n")
    except MemoryError:
        said = "it takes more memory than the rows of a signal can: this may be a hostile file"
        out.write(_ENCODER.encode({"error": said}) + b"\n")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())[:300]
        out.write(
            _ENCODER.encode({"error": f"this is no Parquet that can be read: {said}"}) + b"\n"
        )
    out.flush()
    return 0


def _lines(file: "ParquetFile") -> Iterator[bytes]:
    """The head, and the rows."""
    schema, about = file.schema_arrow, file.metadata
    if len(schema.names) > MAX_COLUMNS or about.num_columns > MAX_COLUMNS:
        raise ColumnError(f"there are {about.num_columns} columns: leave out what is no signal's")
    readers = [_reader(one) for one in schema]
    yield _ENCODER.encode({"rows": about.num_rows, "columns": schema.names}) + b"\n"
    size = _AT_ONCE
    if about.num_row_groups and about.num_rows:
        groups = [about.row_group(one) for one in range(min(about.num_row_groups, 100))]
        a_row = max(group.total_byte_size // max(1, group.num_rows) for group in groups)
        size = max(1, min(_AT_ONCE, _AT_ONCE_BYTES // max(1, a_row)))
    for batch in file.iter_batches(batch_size=size, use_threads=False):
        columns = [read(one) for read, one in zip(readers, batch.columns, strict=True)]
        yield _ENCODER.encode_lines(list(zip(*columns, strict=True)))


def _reader(field: "pa.Field") -> Callable[["pa.Array"], list[Any]]:
    """What makes a column's values those of JSON. raises: ColumnError."""
    import pyarrow as pa
    import pyarrow.types as of

    is_list, kind = field.name.strip().lower() in LISTS, field.type
    if of.is_dictionary(kind):
        kind = kind.value_type
    if of.is_timestamp(kind):
        told = pa.timestamp("us", tz=kind.tz)
        return lambda column: [_time(one) for one in column.cast(told, safe=False).to_pylist()]
    if of.is_list(kind) or of.is_large_list(kind):
        if not of.is_string(kind.value_type) and not of.is_large_string(kind.value_type):
            raise _wrong(field)
        return lambda column: column.to_pylist()
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        convert: Convert | None = listed if is_list else None
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
    made = convert
    return lambda column: [None if one is None else made(one) for one in column.to_pylist()]


def _wrong(field: "pa.Field") -> ColumnError:
    kind = str(field.type)
    shown = kind if len(kind) <= _SHOWN else f"{kind[:_SHOWN]}…"
    return ColumnError(
        f"the column {field.name[:40]!r} is of type {shown}: write texts, whole numbers, booleans,"
        " times, or lists of texts"
    )


def _time(moment: datetime | None) -> str | None:
    """A time as it travels; one without a zone stays without, so that it is refused."""
    if moment is None:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def _bytes(value: bytes) -> str:
    """Bytes as hex, which an id may be spelled as too."""
    return value.hex()


def _number(value: float) -> float | int | None:
    """A number that some programs write as 90.0, and what is missing as not a number."""
    if value != value:  # noqa: PLR0124  # NaN alone differs from itself
        return None
    return int(value) if value.is_integer() else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
