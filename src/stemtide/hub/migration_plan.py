# SPDX-License-Identifier: Apache-2.0
"""List the migrations that a database lacks, and what they do to a hub that goes on meanwhile."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterModelOptions,
    CreateModel,
    Migration,
    RemoveConstraint,
    RemoveIndex,
    RunPython,
)
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation

_EXPANDING = (
    *(CreateModel, AddIndex, AddConstraint, RemoveConstraint, RemoveIndex, AlterModelOptions),
)
_HEADING = re.compile(r"^--\n-- .*\n--$", re.MULTILINE)
_EMPTY = "-- (no-op)"
"""Comments in the statements that Django collects: before an operation, and for one without any."""

_REWRITES = re.compile(
    r'CREATE TABLE "new__(\w+)"|ALTER TABLE "(\w+)" [^;]*(?:TYPE |ADD COLUMN [^;]*IDENTITY)'
)
"""Statements that write every row of a table anew: of SQLite, and of PostgreSQL."""

_INDEXES = re.compile(r'CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^;]*? ON "(?!new__)(\w+)"')
_CREATES = re.compile(r'CREATE TABLE "(\w+)"')
_CHECKS = re.compile(
    r'ALTER TABLE "(\w+)" (?:ADD CONSTRAINT |ADD COLUMN [^;]*?\b(?:CHECK|UNIQUE)\b)'
    r"(?![^;]* NOT VALID)"
)
"""Statements of PostgreSQL that look at every row of a table while they lock it."""

_ROWS = {
    "sqlite": 'SELECT coalesce(max(rowid), 0) FROM "{}"',
    "postgresql": "SELECT nullif(reltuples, -1)::bigint FROM pg_class"
    " WHERE oid = to_regclass('public.\"{}\"')",
}
"""How many rows a table has at most, or about, without counting them."""


@dataclass(frozen=True, slots=True)
class PlannedMigration:
    """A migration that a database lacks.

    name: such as parties.0018_replaced_keys. changes: its operations in words.
    is_expanding: old code goes on with the new tables. rewrites: tables whose rows are all written.
    indexes: other tables that get an index, which nothing writes to until it is built.
    checks: other tables whose rows are all compared with a new rule; nothing uses them meanwhile.
    fills: whether it changes existing rows. rows: about how many each of these tables has.
    """

    name: str
    changes: tuple[str, ...]
    is_expanding: bool
    rewrites: tuple[str, ...]
    indexes: tuple[str, ...]
    checks: tuple[str, ...]
    fills: bool
    rows: dict[str, int]


def planned_migrations(connection: BaseDatabaseWrapper) -> Iterator[PlannedMigration]:
    """Yield the migrations that a database lacks, in order. It changes nothing.

    raises: django.db.Error.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    applied = set(executor.loader.applied_migrations) & set(executor.loader.graph.nodes)
    state = executor.loader.project_state(sorted(applied))
    for migration, _ in plan:
        with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            state = migration.apply(state, editor, collect_sql=True)
        statements = editor.collected_sql
        locked = _rewritten(statements), _indexed(statements), _checked(statements)
        yield PlannedMigration(
            f"{migration.app_label}.{migration.name}",
            changes=tuple(operation.describe() for operation in migration.operations),
            is_expanding=_expands(migration, statements),
            rewrites=tuple(locked[0]),
            indexes=tuple(locked[1]),
            checks=tuple(locked[2]),
            fills=_fills(migration),
            rows=_estimated_rows(connection, {name for names in locked for name in names}),
        )


def _expands(migration: Migration, statements: Iterable[str]) -> bool:
    """Whether the code of the version before works after each operation that changes tables.

    An operation that changes no table, such as another list of choices, stops nobody.
    """
    parts = _HEADING.split("\n".join(statements))[1:]
    is_empty = (part.strip() == _EMPTY for part in parts)
    pairs = zip(migration.operations, is_empty, strict=True)
    return all(empty or _is_expanding(operation) for operation, empty in pairs)


def _is_expanding(operation: Operation) -> bool:
    """Whether the code of the version before works on the tables after an operation."""
    if isinstance(operation, AddField):
        field = operation.field
        return field.null or field.has_db_default() or field.many_to_many is True
    return isinstance(operation, (*_EXPANDING, RunPython))


def _fills(migration: Migration) -> bool:
    """Whether a migration runs code of ours, which reads or changes rows."""
    return any(isinstance(operation, RunPython) for operation in migration.operations)


def _rewritten(statements: Iterable[str]) -> list[str]:
    """Return the tables that some statements write anew, each once."""
    matches = (match for text in statements for match in _REWRITES.finditer(text))
    return list(dict.fromkeys(match[1] or match[2] for match in matches))


def _indexed(statements: Iterable[str]) -> list[str]:
    """Return the tables that get an index, each once: neither new ones nor those written anew."""
    text = "\n".join(statements)
    others = {*_CREATES.findall(text), *_rewritten([text])}
    return [name for name in dict.fromkeys(_INDEXES.findall(text)) if name not in others]


def _checked(statements: Iterable[str]) -> list[str]:
    """Return the other tables whose rows a new constraint is compared with, each once."""
    text = "\n".join(statements)
    others = {*_CREATES.findall(text), *_rewritten([text])}
    return [name for name in dict.fromkeys(_CHECKS.findall(text)) if name not in others]


def _estimated_rows(connection: BaseDatabaseWrapper, tables: set[str]) -> dict[str, int]:
    """Return about how many rows tables have; without those that the database cannot estimate."""
    existing = tables & set(connection.introspection.table_names())
    rows = {}
    with connection.cursor() as cursor:
        for table in sorted(existing):
            cursor.execute(_ROWS[connection.vendor].format(table))
            (number,) = cursor.fetchone()
            if number is not None:
                rows[table] = int(number)
    return rows
