# SPDX-License-Identifier: Apache-2.0
"""The tables of a new hub are what all migrations together would have made.

Not compared: the order of columns, names of primary keys, which follow a table's first name, and
a table of Django's own whose numbers are wider in new hubs.
"""

import json
import subprocess
import sys

from tests.hub.api.conftest import empty_database
from tests.hub.running import compared_migrations
from tests.rounds import rounds

DESCRIBE = """
import json
from django.db import connection
QUERIES = {
    "sqlite": [
        "SELECT m.name, c.name, c.type, c.[notnull], c.dflt_value, c.pk"
        " FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
        "SELECT m.name, f.[from], f.[table], f.[to] FROM sqlite_master m"
        " JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type <> 'table'",
        "SELECT 'checks', name, (length(sql) - length(replace(sql, 'CHECK (', ''))) / 7"
        " FROM sqlite_master WHERE type = 'table'",
    ],
    "postgresql": [
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,"
        " column_default, is_identity FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'auth_group_permissions'",
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'",
        "SELECT conrelid::regclass::text, CASE contype WHEN 'p' THEN '' ELSE conname END,"
        " pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    ],
}
facts = []
with connection.cursor() as cursor:
    for query in QUERIES[connection.vendor]:
        cursor.execute(query)
        facts += [list(map(str, row)) for row in cursor.fetchall()]
    for table in connection.introspection.table_names(cursor):
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        facts.append(["rows", table, str(cursor.fetchone()[0])])
print(json.dumps(sorted(facts)))
"""
AT_ONCE = "from stemtide.hub import boot; boot.start(); boot.migrate()" + DESCRIBE
STEP_BY_STEP = (
    "from stemtide.hub import boot; boot.start()\n"
    "from django.core.management import call_command\n"
    "call_command('migrate', verbosity=0)" + DESCRIBE
)
"""What to run on an empty database, and what it prints about the tables afterwards."""


def facts_after(script, *, folder, environment):
    """Return what a script's database holds: columns, indexes, constraints, guards, rows."""
    with empty_database() as database:
        command = [sys.executable, "-c", script]
        environment = {**environment, **database, "STEMTIDE_DATA_DIR": str(folder)}
        printed = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    return {tuple(fact) for fact in json.loads(printed.stdout)}


def test_the_tables_made_at_once_are_those_of_all_migrations(empty_hub, tmp_path):
    at_once = facts_after(AT_ONCE, folder=tmp_path / "once", environment=empty_hub)
    assert ("rows", "ledger_numbering", "1") in at_once
    if rounds(not compared_migrations.are_compared(), nightly=True):
        by_step = facts_after(STEP_BY_STEP, folder=tmp_path / "steps", environment=empty_hub)
        assert at_once ^ by_step == set()
