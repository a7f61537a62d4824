# SPDX-License-Identifier: Apache-2.0
"""List content by a query of a database: SQLite or PostgreSQL. Reads only."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from stemtide.catalogue.items import CatalogueError, StoredItem, UnlistedItem, shown_address
from stemtide.catalogue.sources.table import check_columns, items_of

SCHEMES = ("sqlite", "postgres", "postgresql")
_ROWS = 10_000
_NEEDS_PSYCOPG = "PostgreSQL is read by psycopg: pip install 'stemtide[catalogue]'"


def list_query(address: str, query: str) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the content that the rows of a query name. raises: CatalogueError.

    address: sqlite:///relative.db, sqlite:////absolute.db or postgresql://…
    """
    name = f"the query of {shown_address(address)}"
    rows = _sqlite_rows if address.startswith("sqlite:") else _postgres_rows
    try:
        yield from items_of(rows(address, query, name), name=name, root=Path().absolute())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _failed(name, error) from error


def _sqlite_rows(address: str, query: str, name: str) -> Iterator[Mapping[str, object]]:
    path = Path(address.removeprefix("sqlite:///"))
    if not path.is_file():
        raise CatalogueError(f"{path} does not exist: write sqlite:///a/file.db, or sqlite:////a/…")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        yield from _rows(connection.execute(query), name)


def _postgres_rows(address: str, query: str, name: str) -> Iterator[Mapping[str, object]]:
    try:
        import psycopg  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise CatalogueError(_NEEDS_PSYCOPG) from error
    try:
        with psycopg.connect(address) as connection:
            connection.read_only = True
            with connection.cursor("stemtide_catalogue") as cursor:
                cursor.execute(query.encode())
                yield from _rows(cursor, name)
    except psycopg.Error as error:
        raise _failed(name, error) from error


def _failed(name: str, error: Exception) -> CatalogueError:
    return CatalogueError(f"{name} fails: {' '.join(str(error).split())}")


def _rows(cursor: Any, name: str) -> Iterator[Mapping[str, object]]:  # noqa: ANN401 - of two drivers
    columns = [column[0] for column in cursor.description or ()]
    check_columns(columns, name=name)
    while rows := cursor.fetchmany(_ROWS):
        yield from (dict(zip(columns, row, strict=True)) for row in rows)
