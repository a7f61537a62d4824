# SPDX-License-Identifier: Apache-2.0
"""What knows one database from another is tested on both."""

import re
from pathlib import Path

from tests.house.test_rooms import HUB, ROOM

ROOT = Path(__file__).parents[2]
KNOWS = re.compile(
    r"\bcursor\(|select_for_update|\.vendor\b|RawSQL|\bpg_|skip_locked|psycopg\.|ON CONFLICT"
    r"|execute_wrapper|ignore_conflicts|update_conflicts|__contains\b|__has_key|KeyTransform"
)
TESTED = {
    "base.py": "running/test_timelines.py",
    "boot.py": "running/test_migration_lock.py",
    "bulk_insert.py": "rooms/test_bulks.py",
    "database.py": "running/test_doctor.py",
    "databases.py": "running/test_backups.py",
    "disconnects.py": "api/test_disconnects.py",
    "health.py": "api/test_endpoints.py",
    "indexes.py": "running/test_indexes.py",
    "migration_lock.py": "running/test_migration_lock.py",
    "migration_plan.py": "running/test_indexes.py",
    "notifier.py": "api/test_wake.py",
    "replica.py": "running/test_replica.py",
    "standbys.py": "running/test_doctor.py",
    "timelines.py": "running/test_timelines.py",
    "verification.py": "running/test_verification.py",
    "vitals.py": "running/test_vitals.py",
    "workers.py": "running/test_workers.py",
}
"""Modules outside of rooms that know their database, and the file that tests each on both.

Rooms are not named here: their tests run on both databases (tests/hub/conftest.py).
"""


def test_what_knows_its_database_outside_of_rooms_names_its_test_on_both():
    knowing = {
        path.name
        for path in HUB.rglob("*.py")
        if "migrations" not in path.parts
        and ROOM not in path.parents
        and KNOWS.search(path.read_text("utf-8"))
    }
    assert knowing == set(TESTED)


def test_each_of_these_tests_runs_on_both():
    for name in TESTED.values():
        text = (ROOT / "tests/hub" / name).read_text("utf-8")
        assert re.search("both_databases|transactional_db|committed_world", text), name
