# SPDX-License-Identifier: Apache-2.0
"""Insert many rows, in the fastest way that the database has."""

from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

_VALUES_IN_A_STATEMENT = 30_000
"""Most parameters of a statement in SQLite. source: SQLite, Implementation Limits, section 9."""


def prepare(model: type[Model], column: str, value: object) -> object:
    """Return a column's value in the form that the database driver takes."""
    field: Any = model._meta.get_field(column)  # noqa: SLF001  # Django documents it as public
    prepared = field.get_db_prep_save(value, connection)
    # Convert bools: the lookup of an adapter for bool is slow in sqlite3.
    is_sqlite_bool = isinstance(prepared, bool) and connection.vendor == "sqlite"
    return int(prepared) if is_sqlite_bool else prepared


def prepare_ids(ids: Iterable[UUID]) -> list[UUID] | list[str]:
    """Return ids in the form that the database driver takes, without asking the column of each."""
    return list(ids) if connection.features.has_native_uuid_field else [uid.hex for uid in ids]


def insert_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of a model. rows: values in the form that the database driver takes."""
    table = model._meta.db_table  # noqa: SLF001  # Django documents it as public
    into = f"{table} ({', '.join(columns)})"
    if connection.vendor == "postgresql" and len(rows) > 1:
        with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    # Many rows in each statement: after every statement other threads of this process may take
    # Python's lock, for which this one would wait while it holds the write lock.
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    at_once = max(1, _VALUES_IN_A_STATEMENT // len(columns))
    groups = [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
    with connection.cursor() as cursor:
        for size, same in groupby(groups, key=len):
            all_placeholders = ", ".join([placeholders] * size)
            values: list[list[Any]] = [list(chain.from_iterable(group)) for group in same]
            cursor.executemany(f"INSERT INTO {into} VALUES {all_placeholders}", values)  # noqa: S608  # our own column names
