# SPDX-License-Identifier: Apache-2.0
"""What a hub's tables lack, before anything is changed."""

import subprocess
import sys

import pytest
from django.db import connection, models
from django.db.migrations import (
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    RemoveField,
    RunPython,
)

from stemtide.hub.migration_plan import _checked, _indexed, _is_expanding, _rewritten
from tests.cli.conftest import surroundings


@pytest.mark.nightly
def test_a_hub_of_an_older_version_names_what_is_missing_and_stays_as_it_is(stemtide, hub_folder):
    at = ("--data-dir", hub_folder)
    stemtide("party", "add", "agency", "--kind", "agency", *at)
    assert stemtide("hub", "migrate", "--plan", "--json", *at).rows == []
    back = """
import sys; from stemtide.hub import boot; boot.start()
from django.core.management import call_command
call_command("migrate", "parties", "0017", verbosity=0)
"""
    python(back, hub_folder)
    for _ in range(2):  # the first one changed nothing
        planned = stemtide("hub", "migrate", "--plan", "--json", *at)
        rows = {row["migration"]: row for row in planned.rows}
        assert "parties.0018_replaced_keys" in rows
        assert (planned.code, all(row["expand_only"] for row in rows.values())) == (0, True)
        assert "can go on meanwhile" in planned.err
        replaced = rows["parties.0018_replaced_keys"]
        locked = [*replaced["rewrites"], *replaced["indexes"], *replaced["checks"]]
        assert set(locked) == {"parties_apikey"}
        assert replaced["rows"] == {"parties_apikey": 0}
    assert "replaces" in str(rows["parties.0018_replaced_keys"]["changes"])
    assert stemtide("hub", "migrate", *at).code == 0
    assert stemtide("hub", "migrate", "--plan", *at).out == ""


def python(code, folder):
    """Run code on the hub of a folder, in a process of its own."""
    environment = surroundings({"STEMTIDE_DATA_DIR": str(folder)})
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.parametrize(
    ("operation", "is_expanding"),
    [
        (CreateModel("Thing", []), True),
        (AddField("thing", "at", models.DateTimeField(null=True)), True),
        (AddField("thing", "name", models.TextField(db_default="")), True),
        (AddField("thing", "name", models.TextField(default="")), False),
        (AlterField("thing", "name", models.CharField(max_length=5)), False),
        (RemoveField("thing", "name"), False),
        (DeleteModel("Thing"), False),
        (RunPython(RunPython.noop), True),
    ],
)
def test_what_old_code_survives(operation, is_expanding):
    assert _is_expanding(operation) is is_expanding


CHOICES = """
from stemtide.hub import boot; boot.start()
from django.db import connection, models
from django.db.migrations import AddField, AlterField, Migration
from django.db.migrations.executor import MigrationExecutor
from stemtide.hub.migration_plan import _expands
field = models.CharField(choices=[("signal", "signal")], max_length={length})
added = AddField("legalhold", "at", models.DateTimeField(null=True))
migration = Migration("0099_choices", "retention")
migration.operations = [AlterField("legalhold", "row_class", field), added]
state = MigrationExecutor(connection).loader.project_state()
with connection.schema_editor(collect_sql=True, atomic=True) as editor:
    migration.apply(state, editor, collect_sql=True)
assert _expands(migration, editor.collected_sql) is {expands}
"""


@pytest.mark.nightly
@pytest.mark.parametrize(("length", "expands"), [(12, True), (30, False)])
def test_another_list_of_choices_stops_nobody_and_another_length_does(tmp_path, length, expands):
    python(CHOICES.format(length=length, expands=expands), tmp_path)


@pytest.mark.django_db
def test_a_table_that_is_written_anew_is_named():
    text = {
        "sqlite": 'CREATE TABLE "new__parties_party" ("id" integer)',
        "postgresql": 'ALTER TABLE "parties_party" ALTER COLUMN "name" TYPE varchar(90)',
    }[connection.vendor]
    assert _rewritten([text, 'CREATE TABLE "other" ("id" integer)']) == ["parties_party"]


def test_a_table_that_gets_an_index_is_named_unless_it_is_new():
    """As Django writes it for both databases."""
    statements = [
        'CREATE TABLE "ledger_thing" ("at" datetime NOT NULL)',
        'CREATE INDEX "entries_by_kind" ON "ledger_entry" ("kind", "number")',
        'CREATE INDEX "entries_like" ON "ledger_entry" ("kind" varchar_pattern_ops)',
        'CREATE INDEX "thing_at" ON "ledger_thing" ("at")',
        'CREATE INDEX CONCURRENTLY "signals_at" ON "signals_signal" ("at")',
    ]
    assert _indexed(statements) == ["ledger_entry"]


def test_a_table_whose_rows_a_new_rule_is_compared_with_is_named():
    """As Django writes it for PostgreSQL; SQLite writes the whole table anew."""
    rule = 'ALTER TABLE "{}" ADD CONSTRAINT "{}_not_empty" CHECK (NOT ("actor" = \'\'))'
    statements = [
        'CREATE TABLE "ledger_thing" ("at" timestamp NOT NULL)',
        rule.format("ledger_thing", "thing"),
        rule.format("ledger_entry", "entry"),
        rule.format("parties_party", "party") + " NOT VALID",
        'ALTER TABLE "signals_signal" ADD COLUMN "n" integer NULL CHECK ("n" >= 0)',
        'ALTER TABLE "orders_order" ADD COLUMN "replaces_id" bigint NULL UNIQUE',
        'ALTER TABLE "orders_answer" ADD COLUMN "note" text DEFAULT \'\' NOT NULL',
    ]
    statements = [f"{statement};" for statement in statements]
    assert _checked(statements) == ["ledger_entry", "signals_signal", "orders_order"]
