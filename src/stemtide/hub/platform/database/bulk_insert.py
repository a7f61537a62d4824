# SPDX-License-Identifier: Apache-2.0
"""Insert many rows, in the fastest way that the database has."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper
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


def insert_rows(
    model: type[Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    shared: Mapping[str, Any],
) -> None:
    """Insert rows of a model, in their order.

    columns: what each row has values of, in the form that the database driver takes.
    shared:  values that all rows have, by column, in that form.
    """
    table = model._meta.db_table  # noqa: SLF001  # Django documents it as public
    into = f"{table} ({', '.join([*columns, *shared])})"
    of_all = list(shared.values())
    with connection.cursor() as cursor:
        if len(rows) == 1:
            values = f"({', '.join(['%s'] * (len(columns) + len(of_all)))})"
            cursor.execute(f"INSERT INTO {into} VALUES {values}", [*rows[0], *of_all])  # noqa: S608  # our own column names
        elif connection.vendor == "postgresql":
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row((*row, *of_all))
        else:
            _insert_in_sqlite(cursor, into, rows, of_all)


def _insert_in_sqlite(
    cursor: CursorWrapper, into: str, rows: Sequence[Sequence[Any]], of_all: list[Any]
) -> None:
    """Insert many rows with each statement, which gets what they share once.

    After every statement other threads of this process may take Python's lock, for which this one
    would wait while it holds the write lock.
    """
    if not rows:
        return
    width = len(rows[0])
    values, also = f"({', '.join(['%s'] * width)})", ", %s" * len(of_all)
    at_once = (_VALUES_IN_A_STATEMENT - len(of_all)) // width
    groups = [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
    for size, same in groupby(groups, key=len):
        parameters = [[*of_all, *chain.from_iterable(group)] for group in same]
        all_values = ", ".join([values] * size)
        source = f"SELECT *{also} FROM (VALUES {all_values})"  # noqa: S608  # our own column names
        cursor.executemany(f"INSERT INTO {into} {source}", parameters)
