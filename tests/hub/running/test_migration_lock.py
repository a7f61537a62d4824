# SPDX-License-Identifier: Apache-2.0
"""Processes that meet an empty or an old database at the same moment, and one lock for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forks, tables

pytestmark = pytest.mark.both_databases

HOLD = """
import sys
from stemtide.hub import boot
boot.start()
from stemtide.hub.migration_lock import migration_lock
with migration_lock():
    print("held", flush=True)
    sys.stdin.read()
"""

BRING_UP_TO_DATE = """
import os
from stemtide.hub import boot
boot.start()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE clear AS SELECT 'words in clear' AS words")
    cursor.execute("UPDATE clear SET words = 'encrypted'")
boot.migrate()
os._exit(0)  # as a hub ends that is killed: no connection is closed
"""


@pytest.mark.nightly
def test_two_hubs_and_a_command_that_begin_together_on_an_empty_database_all_work(run):
    hubs = [run("hub", "start", "--port", "0") for _ in range(2)]
    command = run("party", "add", "be-police", "--kind", "authority", "--country", "BE")

    assert [hub.stdout.readline()[:18] for hub in hubs] == ["The hub listens at"] * 2
    assert command.wait() == 0, command.stderr.read()


def test_who_waits_for_the_tables_says_for_whom_and_goes_on_when_they_are_free(empty_hub):
    if "STEMTIDE_DATABASE_URL" not in empty_hub:
        tables.lay(Path(empty_hub["STEMTIDE_DATA_DIR"]))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=empty_hub,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    read_end, write_end = os.pipe()
    with holder, os.fdopen(read_end) as printed:
        assert holder.stdout.readline() == "held\n"
        words = ("party", "add", "be-police", "--kind", "authority", "--country", "BE")
        with os.fdopen(write_end, "wb") as log:
            command = forks.ForkedProcess(["stemtide", *words], environment=empty_hub, log=log)

        with command.stdout:
            line = printed.readline()
            holder.stdin.close()
            code, rest = command.wait(), printed.read()

    assert "waiting until the tables are up to date; they are locked by " in line
    assert "process" in line
    assert "since 20" in line
    assert code == 0, rest


@pytest.mark.nightly
def test_what_migrations_encrypt_stands_in_no_file_of_the_database_afterwards(empty_hub):
    if "STEMTIDE_DATABASE_URL" in empty_hub:
        pytest.skip("PostgreSQL clears its files itself")
    folder = Path(empty_hub["STEMTIDE_DATA_DIR"])
    tables.lay(folder)
    subprocess.run([sys.executable, "-c", BRING_UP_TO_DATE], env=empty_hub, check=True)
    content = b"".join(path.read_bytes() for path in folder.glob("hub.sqlite3*"))
    assert b"words in clear" not in content
    assert b"encrypted" in content
