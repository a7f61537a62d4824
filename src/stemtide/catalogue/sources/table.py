# SPDX-License-Identifier: Apache-2.0
"""List content by the rows of a table: a CSV or Parquet file with an id and a path or an address.

The operator's own storage is named in `path`, which may be an address such as s3://bucket/key. What
stands in `url` may come from users, so only the web is reached by it: see stemtide.egress.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stemtide.catalogue.items import CatalogueError, StoredItem, UnlistedItem
from stemtide.catalogue.sources.folder import stamp_of

LOCATIONS = ("path", "url")
"""Columns that say where content lies; one of them is needed beside `id`."""

_NEEDS_PYARROW = "Parquet needs pyarrow: pip install 'stemtide[catalogue]'"
_COLUMNS = "the columns are id, path or url, and version if you have one"


def list_csv(path: Path) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the content that the rows of a CSV file name. raises: CatalogueError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            check_columns(reader.fieldnames or (), name=str(path))
            yield from items_of(reader, name=str(path), root=path.parent.absolute(), first=2)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogueError(f"{path} cannot be read as CSV: {error}") from error


def list_parquet(path: Path) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the content that the rows of a Parquet file name. raises: CatalogueError."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - of an extra
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise CatalogueError(_NEEDS_PYARROW) from error
    try:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            check_columns(names, name=str(path))
            columns = [name for name in ("id", *LOCATIONS, "version") if name in names]
            rows = (
                row for batch in file.iter_batches(columns=columns) for row in batch.to_pylist()
            )
            yield from items_of(rows, name=str(path), root=path.parent.absolute())
    except (OSError, pa.ArrowException) as error:
        raise CatalogueError(f"{path} cannot be read as Parquet: {error}") from error


def check_columns(columns: Iterable[str], *, name: str) -> None:
    """Refuse a table that lacks a column. raises: CatalogueError."""
    present = set(columns)
    if "id" not in present:
        raise CatalogueError(f"{name} has no column id: {_COLUMNS}")
    if not present & set(LOCATIONS):
        raise CatalogueError(f"{name} has neither a column path nor a column url: {_COLUMNS}")


def items_of(
    rows: Iterable[Mapping[str, object]], *, name: str, root: Path, first: int = 1
) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the content that rows name.

    name:  of the table, for people.  root: where relative paths start from.
    first: number of the first row, for people.
    """
    for number, row in enumerate(rows, start=first):
        place = f"{name}, row {number}"
        ref = _text(row.get("id"))
        location = next((text for name in LOCATIONS if (text := _text(row.get(name)))), "")
        if not ref:
            yield UnlistedItem(place, "has no id: give your own id of the content")
        elif not location:
            yield UnlistedItem(place, f"has neither a path nor a url (id {ref[:80]})")
        elif not _text(row.get("path")) and not location.startswith(("http://", "https://")):
            yield UnlistedItem(ref, "its url is no http:// or https:// address: see path")
        elif "://" in location:
            yield StoredItem(ref, location, _text(row.get("version")))
        else:
            yield _file(ref, str(root / location), _text(row.get("version")))


def _file(ref: str, path: str, version: str) -> StoredItem | UnlistedItem:
    try:
        stamp, size_bytes = stamp_of(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return UnlistedItem(ref, f"{path} cannot be read: {why}")
    return StoredItem(ref, path, version or stamp, size_bytes)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
