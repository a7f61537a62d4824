# SPDX-License-Identifier: Apache-2.0
"""Do again what many tests begin with, without the work: put the rows that it left in place.

To activate a crisis takes some 250 statements, and hundreds of tests begin with one. The first
test of a process that calls such a function has it done. Where another calls it with the same
arguments, and every row of the database is as it was then, the rows are put in place as they were
afterwards. That holds on SQLite within a transaction; elsewhere it is done each time.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
Rows = dict[str, dict[tuple[Any, ...], None]]
"""The rows of each table, in their order."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a function did: the rows that it took away and put in, by table; what it returned."""

    gone: Rows
    come: Rows
    returned: object


def replayed(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Have what a function changes in the database put in place where it was done before."""
    changes: dict[tuple[str, int], Change] = {}

    @wraps(function)
    def replay(*arguments: Given.args, **named: Given.kwargs) -> Returned:
        if connection.vendor != "sqlite" or not connection.in_atomic_block:
            return function(*arguments, **named)
        before = _all_rows()
        key = repr((arguments, named)), hash(str(before))
        if key not in changes:
            returned = function(*arguments, **named)
            after = _all_rows()
            gone, come = _without(before, after), _without(after, before)
            changes[key] = Change(gone, come, copy.deepcopy(returned))
            return returned
        _apply(changes[key])
        return copy.deepcopy(changes[key].returned)  # type: ignore[return-value]

    return replay


def _all_rows() -> Rows:
    """Return all that is in the database."""
    sqlite = connection.connection
    # What SQLite keeps for itself, the last id of each table, it keeps up by itself.
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {
        name: dict.fromkeys(sqlite.execute(f"SELECT rowid, * FROM {name}").fetchall())  # noqa: S608  # the hub's own tables
        for (name,) in sqlite.execute(tables).fetchall()
    }


def _without(rows: Rows, others: Rows) -> Rows:
    """Return the rows that the others do not have, by table."""
    less = {
        name: {row: None for row in those if row not in others[name]}
        for name, those in rows.items()
    }
    return {name: those for name, those in less.items() if those}


def _apply(change: Change) -> None:
    """Put rows in place: those that were changed are changed, for a guard may refuse more."""
    sqlite = connection.connection
    for name in change.gone.keys() | change.come.keys():
        gone = {row[0] for row in change.gone.get(name, ())}
        come = {row[0]: row[1:] for row in change.come.get(name, ())}
        columns = [row[1] for row in sqlite.execute(f"PRAGMA table_info({name})")]
        new = [(number, *row) for number, row in come.items() if number not in gone]
        kept = [(*row, number) for number, row in come.items() if number in gone]
        lost = [(number,) for number in gone - come.keys()]
        sets = ", ".join(f"{column} = ?" for column in columns)
        into = ", ".join(["rowid", *columns])
        marks = ", ".join("?" * (len(columns) + 1))
        sqlite.executemany(f"DELETE FROM {name} WHERE rowid = ?", lost)  # noqa: S608
        sqlite.executemany(f"UPDATE {name} SET {sets} WHERE rowid = ?", kept)  # noqa: S608
        sqlite.executemany(f"INSERT INTO {name} ({into}) VALUES ({marks})", new)  # noqa: S608
