# SPDX-License-Identifier: Apache-2.0
"""Triggers that keep the past: entries stay as they are, and numbering only moves forward.

SQLite drops a table's triggers when a later migration remakes the table: such a migration must
call add_guards again (tests/hub/rooms/test_ledger.py would see it).
"""

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SQLITE = [
    """CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry BEGIN
         SELECT RAISE(ABORT, 'ledger_is_append_only: an entry is never changed');
       END""",
    """CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry BEGIN
         SELECT RAISE(ABORT, 'ledger_is_append_only: an entry is never deleted');
       END""",
    """CREATE TRIGGER ledger_numbering_forward BEFORE UPDATE ON ledger_numbering
       WHEN NEW.entries < OLD.entries OR NEW.positions < OLD.positions OR NEW.hub <> OLD.hub BEGIN
         SELECT RAISE(ABORT, 'ledger_numbering_moves_forward: numbers are never given out again');
       END""",
    """CREATE TRIGGER ledger_numbering_no_delete BEFORE DELETE ON ledger_numbering BEGIN
         SELECT RAISE(ABORT, 'ledger_numbering_moves_forward: its row is never deleted');
       END""",
    """CREATE TRIGGER ledger_numbering_one_row BEFORE INSERT ON ledger_numbering
       WHEN EXISTS (SELECT 1 FROM ledger_numbering) BEGIN
         SELECT RAISE(ABORT, 'ledger_numbering_moves_forward: there is one row');
       END""",
]
SQLITE_UNDO = [
    "DROP TRIGGER ledger_entry_no_update",
    "DROP TRIGGER ledger_entry_no_delete",
    "DROP TRIGGER ledger_numbering_forward",
    "DROP TRIGGER ledger_numbering_no_delete",
    "DROP TRIGGER ledger_numbering_one_row",
]
POSTGRESQL = [
    """CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'ledger_is_append_only: an entry is never changed or deleted'
         USING ERRCODE = 'integrity_constraint_violation';
       END $$""",
    """CREATE TRIGGER ledger_entry_no_change BEFORE UPDATE OR DELETE ON ledger_entry
       FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()""",
    """CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry
       FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
    """CREATE FUNCTION ledger_numbering_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'ledger_numbering_moves_forward: one row, whose numbers only grow'
         USING ERRCODE = 'integrity_constraint_violation';
       END $$""",
    """CREATE TRIGGER ledger_numbering_forward BEFORE UPDATE ON ledger_numbering FOR EACH ROW
       WHEN (NEW.entries < OLD.entries OR NEW.positions < OLD.positions OR NEW.hub <> OLD.hub)
       EXECUTE FUNCTION ledger_numbering_moves_forward()""",
    """CREATE TRIGGER ledger_numbering_no_delete BEFORE DELETE ON ledger_numbering
       FOR EACH ROW EXECUTE FUNCTION ledger_numbering_moves_forward()""",
    """CREATE TRIGGER ledger_numbering_no_truncate BEFORE TRUNCATE ON ledger_numbering
       FOR EACH STATEMENT EXECUTE FUNCTION ledger_numbering_moves_forward()""",
    # A second row: every row lies in one index place.
    "CREATE UNIQUE INDEX ledger_numbering_one_row ON ledger_numbering ((true))",
]
POSTGRESQL_UNDO = [
    "DROP INDEX ledger_numbering_one_row",
    "DROP FUNCTION ledger_is_append_only() CASCADE",
    "DROP FUNCTION ledger_numbering_moves_forward() CASCADE",
]
ADD = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
REMOVE = {"sqlite": SQLITE_UNDO, "postgresql": POSTGRESQL_UNDO}


def add_guards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Make the triggers of this database."""
    for statement in ADD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove_guards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Undo add_guards."""
    for statement in REMOVE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_numbering")]
    operations = [migrations.RunPython(add_guards, remove_guards)]
