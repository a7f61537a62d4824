# SPDX-License-Identifier: Apache-2.0
"""An index of the ledger is built while others append to it, and anew after a kill.

The plan of an upgrade names tables that others cannot use meanwhile, and the ledger is none.
"""

import json
import subprocess
import sys

import pytest

from tests import tables
from tests.flows.conftest import until

pytestmark = pytest.mark.both_databases

BACK = """
from stemtide.hub import boot
boot.start()
from django.core.management import call_command
call_command("migrate", "ledger", "0010", verbosity=0)
call_command("migrate", "parties", "0017", verbosity=0)
"""
FORTH = "from stemtide.hub import boot; boot.start(); boot.migrate()"
PLAN = """
import json
from stemtide.hub import boot
boot.start()
from django.db import connection
from stemtide.hub.migration_plan import planned_migrations
steps = list(planned_migrations(connection))
print(json.dumps({name: step.rows for step in steps for name in (*step.indexes, *step.checks)}))
"""
APPEND = "UPDATE ledger_entry SET number = number WHERE false"
BUILDS = """
SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%bulks_by_time%' AND state = 'active'
"""
VALID = """
SELECT indexrelid::regclass::text, indisvalid FROM pg_index
WHERE indexrelid::regclass::text IN ('bulks_by_time', 'entries_by_actor') ORDER BY 1
"""


@pytest.mark.nightly
def test_an_index_is_built_while_others_write_and_anew_after_a_kill(empty_hub):
    address = empty_hub.get("STEMTIDE_DATABASE_URL")
    if address is None:
        pytest.skip("SQLite has one writer at a time")
    carry_out(FORTH, empty_hub)
    carry_out(BACK, empty_hub)
    with tables.connected(address) as writer, tables.connected(address) as other:
        other.execute("VACUUM ANALYZE parties_apikey")
        planned = json.loads(carry_out(PLAN, empty_hub))
        assert planned["parties_apikey"] == {"parties_apikey": 0}
        assert "ledger_entry" not in planned  # nobody has to wait
        writer.execute("BEGIN")
        writer.execute(APPEND)
        builder = subprocess.Popen([sys.executable, "-c", FORTH], env=empty_hub)
        until(lambda: other.execute(BUILDS).fetchone())
        other.execute("SET lock_timeout = '2s'")
        other.execute(APPEND)  # would fail behind a lock of the table
        builder.kill()
        builder.wait()
        (number,) = other.execute(BUILDS).fetchone()
        other.execute("SELECT pg_terminate_backend(%s)", [number])
        until(lambda: not other.execute(BUILDS).fetchone())
        assert other.execute(VALID).fetchall() == [("bulks_by_time", False)]
        writer.execute("ROLLBACK")
        carry_out(FORTH, empty_hub)
        both = [("bulks_by_time", True), ("entries_by_actor", True)]
        assert other.execute(VALID).fetchall() == both


def carry_out(script, environment):
    """Run a script on the hub, and return what it prints."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
