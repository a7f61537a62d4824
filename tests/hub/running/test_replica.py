# SPDX-License-Identifier: Apache-2.0
"""Reads go to the primary if there is no replica, or if it is not a standby that has caught up.

tests/flows/test_replica.py reads from a real one.
"""

import os
import signal
import time

import pytest
from django.db import connection, connections

from stemtide.hub.checks import standbys
from stemtide.hub.checks.results import Level
from stemtide.hub.platform.postgresql import replica
from tests.cli.conftest import run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def named(request):
    """A replica with some settings that differ from the primary's."""
    if connection.vendor != "postgresql":
        pytest.skip("a hub on SQLite has no replica")
    connections.settings[replica.ALIAS] = connections.settings["default"] | request.param
    connections[replica.ALIAS].alias = "default"  # the only one that tests may connect to
    yield
    connections[replica.ALIAS].close()
    del connections[replica.ALIAS], connections.settings[replica.ALIAS]
    replica._Rest.until = 0.0


def reads_the_primary():
    primary = connections["default"]
    with replica.reading():
        return connections["default"] is primary


def test_without_a_replica_the_primary_is_read():
    assert reads_the_primary()
    assert list(replica.reading_each(iter("abc"))) == ["a", "b", "c"]
    assert list(standbys.replica()) == []


@pytest.mark.parametrize("named", [{"HOST": "127.0.0.1", "PORT": 1}], indirect=True)
@pytest.mark.usefixtures("named")
def test_a_replica_that_is_away_is_left_alone_for_a_while():
    assert reads_the_primary()
    assert replica._Rest.until > time.monotonic()
    (result,) = standbys.replica()
    assert (result.level, "cannot be read" in result.text) == (Level.WARN, True)


@pytest.mark.parametrize("named", [{}], indirect=True)
@pytest.mark.usefixtures("named")
def test_a_server_that_is_no_standby_is_not_read():
    assert reads_the_primary()
    (result,) = standbys.replica()
    assert (result.level, "is no standby of the hub's" in result.text) == (Level.WARN, True)


@pytest.mark.parametrize("named", [{}], indirect=True)
@pytest.mark.usefixtures("named")
@pytest.mark.nightly
def test_a_replica_that_hangs_is_given_up():
    with connections[replica.ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (hanging,) = cursor.fetchone()
    begin = time.monotonic()
    os.kill(hanging, signal.SIGSTOP)
    try:
        assert reads_the_primary()
    finally:
        os.kill(hanging, signal.SIGCONT)
    assert time.monotonic() - begin < replica.SILENT_S + 5
    assert replica._Rest.until > begin


@pytest.fixture
def _no_places():
    """A primary that does not say how far its log is, as some that others run do not."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE blind; GRANT USAGE ON SCHEMA public TO blind")
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        cursor.execute("SET ROLE blind")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        cursor.execute("DROP OWNED BY blind; DROP ROLE blind")


@pytest.mark.parametrize("named", [{}], indirect=True)
@pytest.mark.usefixtures("named", "_no_places")
def test_a_primary_that_names_no_place_is_read():
    assert reads_the_primary()
    assert replica._Rest.until > time.monotonic()


def test_a_hub_on_sqlite_refuses_the_setting(tmp_path):
    settings = {"STEMTIDE_DATABASE_URL": "", "STEMTIDE_REPLICA_URL": "postgres://me@db2/stemtide"}
    done = run("hub", "doctor", "--data-dir", tmp_path, **settings)
    assert done.code != 0
    assert "STEMTIDE_REPLICA_URL needs a hub on PostgreSQL" in done.err + done.out
