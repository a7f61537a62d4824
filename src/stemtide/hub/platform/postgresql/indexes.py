# SPDX-License-Identifier: Apache-2.0
"""Build an index in a migration while other processes go on to write to its table."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddIndex
from django.db.migrations.state import ProjectState


class AddIndexBesideWriters(AddIndexConcurrently):
    """Add an index that PostgreSQL builds without stopping those that write to the table.

    SQLite builds it as usual: it has one writer at a time. The migration needs atomic = False. So
    a process that was killed may leave the index, or on PostgreSQL a part of it that serves no
    query: it is removed first.
    """

    def describe(self) -> str:
        """Say what the operation does, for the plan of an upgrade."""
        return f"{AddIndex.describe(self)}; PostgreSQL lets others write meanwhile"

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index."""
        states = app_label, schema_editor, from_state, to_state
        name = schema_editor.quote_name(self.index.name)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            super().database_forwards(*states)
        else:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
            AddIndex.database_forwards(self, *states)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Remove the index."""
        states = app_label, schema_editor, from_state, to_state
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(*states)
        else:
            AddIndex.database_backwards(self, *states)
