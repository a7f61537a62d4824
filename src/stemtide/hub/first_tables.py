# SPDX-License-Identifier: Apache-2.0
"""Create all tables of a new hub at once, instead of migration by migration. Decision 0121.

Django works out the state of all tables for each step of each migration: nearly 15 seconds of CPU
for some 300 steps. In an empty database only their outcome counts.
"""

from collections.abc import Iterator
from typing import cast

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration, RunPython
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import StateApps

from stemtide.hub.platform.exemptions import needs_no_entry


def waiting_migrations(connection: BaseDatabaseWrapper) -> list[Migration]:
    """Return the migrations that a database lacks, in order."""
    executor = MigrationExecutor(connection)
    return [step for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def is_empty(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a database has no table yet."""
    return not connection.introspection.table_names()


@needs_no_entry("it makes the ledger")
def create_tables(connection: BaseDatabaseWrapper) -> None:
    """Create the tables as the models are now, and record all migrations as applied.

    Operations of migrations that are not elidable, such as the ledger's guards, are run as well.
    All of it is one transaction.

    raises: django.db.Error.
    """
    recorder = MigrationRecorder(connection)
    with connection.schema_editor() as editor:
        for model in apps.get_models():
            editor.create_model(model)
        editor.create_model(recorder.Migration)
        for app, name, migration in _in_order(connection):
            if migration.__module__.startswith("stemtide."):
                _run_remaining(migration, editor=editor)
            recorder.record_applied(app, name)


def _in_order(connection: BaseDatabaseWrapper) -> Iterator[tuple[str, str, Migration]]:
    """Yield each migration with its app and name, after those that it depends on."""
    graph = MigrationLoader(connection).graph
    listed = set()
    for leaf in graph.leaf_nodes():
        for node in graph.forwards_plan(leaf):
            if node not in listed:
                listed.add(node)
                yield *node, graph.nodes[node]


def _run_remaining(migration: Migration, *, editor: BaseDatabaseSchemaEditor) -> None:
    """Run what a migration does that models do not say, unless it only changes existing rows."""
    for operation in migration.operations:
        if isinstance(operation, RunPython) and not operation.elidable:
            operation.code(cast("StateApps", apps), editor)
