# SPDX-License-Identifier: Apache-2.0
"""A server of PostgreSQL whose history is older than one that was seen is left alone."""

import pytest
from django.db import connection

from stemtide.hub import vitals
from stemtide.hub.checks import database
from stemtide.hub.checks.results import Level
from stemtide.hub.platform.postgresql import timelines
from stemtide.hub.platform.postgresql.base import hosts
from stemtide.hub.platform.postgresql.timelines import FILE, OutdatedServerError, Timeline


@pytest.fixture
def seen(transactional_db, settings, tmp_path):  # noqa: ARG001  # connections are closed
    """The timeline of the server, in a data folder that keeps none yet."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no standbys")
    settings.DATA_DIR = tmp_path
    with connection.cursor() as cursor:
        yield timelines.read(cursor)
    (tmp_path / FILE).unlink(missing_ok=True)
    connection.close()


def connect_again():
    connection.close()
    connection.ensure_connection()


def test_the_health_checks_keep_the_timeline(seen, settings):
    assert timelines.read_history(settings.DATA_DIR) == ()
    assert vitals.HealthChecks().troubles() == ()
    assert timelines.read_history(settings.DATA_DIR) == (seen,)
    connect_again()


def test_a_server_on_an_older_timeline_is_refused_and_named(seen, settings):
    timelines.keep(settings.DATA_DIR, seen._replace(number=seen.number + 1))
    with pytest.raises(OutdatedServerError, match="takes writes, but a standby was promoted"):
        connect_again()
    (trouble,) = vitals.HealthChecks().troubles()
    assert (trouble.part, trouble.reason) == ("database", "outdated")
    assert FILE in trouble.text
    answer = database.answers()
    assert (answer.level, "large.md" in answer.remedy) == (Level.FAIL, True)


@pytest.mark.parametrize(
    "kept", ["{other} 9", "{system} {number}", "{system}", "", "no numbers", "{system} 0"]
)
def test_other_servers_and_damaged_files_are_no_reason_to_refuse(seen, settings, kept):
    text = kept.format(other=seen.system + 1, system=seen.system, number=seen.number)
    (settings.DATA_DIR / FILE).write_text(text)
    connect_again()


def test_a_place_that_libpq_writes_in_another_way_is_tried_once(seen, settings, monkeypatch):
    """As it does with the port, if the address has none."""
    port = connection.settings_dict["PORT"]
    timelines.keep(settings.DATA_DIR, seen._replace(number=seen.number + 1))
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", f"0{port}")
    with pytest.raises(OutdatedServerError, match=f":{port} takes writes"):
        connection.ensure_connection()
    monkeypatch.undo()


@pytest.fixture
def _plain_user(monkeypatch):
    """Have the hub connect as a user without the right to read timelines."""
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS plain")
        cursor.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        cursor.execute("GRANT SELECT ON ledger_numbering TO plain")
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    connection.close()
    for name in ("USER", "PASSWORD"):
        monkeypatch.setitem(connection.settings_dict, name, "plain")
    yield
    connection.close()
    monkeypatch.undo()
    with connection.cursor() as cursor:
        cursor.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        cursor.execute("DROP OWNED BY plain")
        cursor.execute("DROP ROLE plain")


@pytest.mark.usefixtures("seen", "_plain_user")
def test_a_user_without_the_right_to_read_timelines_may_connect(seen, settings, caplog):
    timelines.keep(settings.DATA_DIR, seen)
    checks = vitals.HealthChecks()
    for _ in range(2):
        connection.close()
        checks._look()
    assert checks.troubles() == ()
    assert caplog.text.count("is not kept: permission denied") == 1


def test_a_process_on_an_older_timeline_does_not_undo_the_newer_one(tmp_path):
    for timeline in (Timeline(7, 2), Timeline(7, 1)):
        timelines.keep(tmp_path, timeline)
        assert timelines.read_history(tmp_path) == (Timeline(7, 2),)


def test_a_system_that_was_left_does_not_become_the_latest_again(tmp_path):
    for timeline in (Timeline(7, 2), Timeline(8, 1), Timeline(7, 2), Timeline(7, 3)):
        timelines.keep(tmp_path, timeline)
    assert timelines.read_history(tmp_path) == (Timeline(8, 1), Timeline(7, 3))
    for number in range(100, 120):
        timelines.keep(tmp_path, Timeline(number, 1))
    assert len(timelines.read_history(tmp_path)) == timelines.MAX_SYSTEMS


@pytest.mark.parametrize(
    ("other", "is_outdated_alone", "is_outdated_of_several"),
    [
        (Timeline(8, 2), False, False),
        (Timeline(8, 1), True, True),
        (Timeline(7, 5), False, True),
        (Timeline(7, 4), True, True),
        (Timeline(9, 1), False, False),
        (Timeline(7, 0), False, False),
        (timelines.UNKNOWN, False, False),
    ],
)
def test_which_servers_are_outdated(other, is_outdated_alone, is_outdated_of_several):
    history = Timeline(8, 2), Timeline(7, 5)
    alone, of_several = (
        bool(timelines.flaw_of(other, history=history, is_one_of_several=several))
        for several in (False, True)
    )
    assert (alone, of_several) == (is_outdated_alone, is_outdated_of_several)


def test_of_several_hosts_one_that_a_restored_server_replaced_is_refused(
    seen, settings, monkeypatch
):
    timelines.keep(settings.DATA_DIR, seen)
    timelines.keep(settings.DATA_DIR, Timeline(seen.system + 1, 1))
    connect_again()  # the only host that is named
    connection.close()
    host = connection.settings_dict["HOST"]
    port = connection.settings_dict["PORT"]
    monkeypatch.setitem(connection.settings_dict, "HOST", f"{host},{host}")
    monkeypatch.setitem(connection.settings_dict, "PORT", f"{port},1")
    with pytest.raises(OutdatedServerError, match="was restored into another server"):
        connection.ensure_connection()
    monkeypatch.undo()


def test_a_standby_has_no_timeline_and_is_never_older():
    newest = Timeline(7, 3)
    assert newest.continues(Timeline(7, 2))
    for other in (Timeline(7, 3), Timeline(7, 4), Timeline(7, 0), Timeline(8, 2)):
        assert not newest.continues(other), other


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("db1,db2", "5432,5433", [("db1", "5432"), ("db2", "5433")]),
        ("db1,db2", 5432, [("db1", "5432"), ("db2", "5432")]),
        ("db1", 5432, [("db1", "5432")]),
        ("db1", "", [("db1", "5432")]),
    ],
)
def test_each_host_has_a_port(host, port, expected):
    assert hosts({"host": host, "port": port}) == expected
