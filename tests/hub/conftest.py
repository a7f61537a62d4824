# SPDX-License-Identifier: Apache-2.0
"""Databases and cast of the hub's tests.

`make test` runs on PostgreSQL, too, what the databases may answer differently: each test of a room
that asks the database, each test that commits, and what is marked both_databases. Pages, papers
and doors work on what rooms hand them. The cases of a test send the same statements with other
values: so of those that do not commit only the first one runs there, except in EACH_CASE. Of these
repeated_statements.txt leaves out those whose statements other tests send (statements.py).
`make nightly` runs all of the hub on PostgreSQL.

Between tests that really commit, the rows of all tables are deleted, in place of Django's `flush`:
that makes the permissions of each app anew, which took longer than most of these tests. The guards
of the ledger refuse it: they are lifted for that moment, and the numbering's row is put back.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.expressions import Col
from django.test import TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from stemtide.hub.desk.crises import blocks as room_blocks, content
from stemtide.hub.platform import rate_windows
from stemtide.hub.platform.documents import verification
from stemtide.hub.rooms.ledger.models import Numbering
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.signals.reads import clusters
from stemtide.hub.rooms.signals.reads.caches.pictures import pictures
from stemtide.hub.rooms.transparency.writes import kept_head
from tests import forks
from tests.hub import statements
from tests.world import World, make_world

ONE_DATABASE = {"api", "desk", "outside", "papers", "running"}
"""Folders whose tests run on both databases only where they are marked, or commit."""

ONE_DATABASE_FILES = {
    *("alerts/test_enclosures.py", "alerts/test_links.py", "reports/test_timeline.py"),
    *("reports/test_report.py", "situation/test_leads.py", "situation/test_lines.py"),
    *("exchanges/test_misp_api.py", "exchanges/test_misp_push.py", "exchanges/test_tcap.py"),
    *("exchanges/test_threatexchange.py", "exchanges/test_threatexchange_push.py"),
    *("orders/test_authenticity.py", "orders/test_doubts.py", "orders/test_entries.py"),
    *("orders/test_finality.py", "orders/test_preservation.py", "orders/test_second_looks.py"),
    *("exercises/test_bots.py", "reports/test_dsa.py", "reports/test_recount.py"),
    *("situation/test_references.py", "situation/test_tasks.py"),
}
"""Files of rooms of which the same holds: they typeset, seal, read answers of others, count again,
or move plain rows through states."""

EACH_CASE = {
    *("test_blanks.py", "test_lanes.py", "test_long_values.py", "test_page_table.py"),
    *("test_pages.py", "test_progress.py", "test_search.py", "test_spread.py"),
    "test_yearly_oracle.py",
    *("test_filters_say_what_is_told", "test_only_what_a_client_takes_is_sent"),
    *("test_each_viewer_sees_what_its_marks_let_in", "test_who_sees_whose_agents"),
    *("test_who_sees_whose_contact_points", "test_who_sees_whose_sightings"),
    *("test_a_complaint_is_seen_by_its_provider_alone",),
    *("test_redress_is_seen_by_whom_it_asks_alone",),
    *("test_the_room_of_a_crisis_reads_and_writes_its_collection",),
}
"""Files and tests of which each case runs on both databases: a case decides about the statement."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark both_databases what needs no mark of its own, and further_case what repeats another."""
    here = Path(__file__).parent
    first_cases: dict[str, str] = {}
    repeating = statements.repeating()
    for item in items:
        if here not in item.path.parents:
            continue
        if commits(item):
            item.add_marker(pytest.mark.both_databases)
            continue
        if asks_in_a_room(item):
            item.add_marker(pytest.mark.both_databases)
        function = item.nodeid.partition("[")[0]
        is_first = first_cases.setdefault(function, item.nodeid) == item.nodeid
        is_each_case = not EACH_CASE.isdisjoint({item.path.name, item.originalname})
        if not is_each_case and (not is_first or statements.name_of(item) in repeating):
            item.add_marker(pytest.mark.further_case)


def commits(item: pytest.Item) -> bool:
    """Whether a test really commits: other threads and connections see it."""
    mark = item.get_closest_marker("django_db")
    is_asked = mark is not None and mark.kwargs.get("transaction", False)
    return is_asked or "transactional_db" in item.fixturenames


def asks_in_a_room(item: pytest.Item) -> bool:
    """Whether a test is a room's, and asks the database."""
    asks = "db" in item.fixturenames or item.get_closest_marker("django_db") is not None
    folder = item.path.parent.name
    return (
        asks
        and folder not in ONE_DATABASE
        and f"{folder}/{item.path.name}" not in ONE_DATABASE_FILES
    )


@contextmanager
def guards_lifted() -> Iterator[None]:
    """Let the tables that have triggers be emptied, for as long as this lasts."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            tables = ("ledger_entry", "ledger_numbering", "signals_signal")
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in triggers:
            cursor.execute(statement)


KEPT_TABLES = {"auth_permission", "django_content_type", "django_migrations"}
"""Tables that no test writes into: they stay as the first start of a hub fills them."""


def delete_all_rows() -> None:
    """Delete what tests wrote, in a transaction: foreign keys are checked at its end."""
    tables = [name for name in connection.introspection.table_names() if name not in KEPT_TABLES]
    with transaction.atomic(), connection.cursor() as cursor:
        filled = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)  # noqa: S608  # the hub's own tables
        cursor.execute(" UNION ALL ".join(filled))
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608  # the hub's own tables


@pytest.fixture(autouse=True, scope="session")
def _rows_are_deleted_after_commits():
    """Leave an empty hub behind a test that commits."""

    def empty(_: TransactionTestCase) -> None:
        with guards_lifted():
            delete_all_rows()
            Numbering.objects.create(hub=uuid4())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_listed_once():
    """Let test clients share the list of static files, which each would make anew."""
    add, listed = WhiteNoiseMiddleware.add_files_from_finders, {}

    def add_once(self) -> None:
        if not listed:
            add(self)
            listed.update(self.files)
        self.files.update(listed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_once)
        yield


@pytest.fixture(autouse=True, scope="session")
def _columns_are_hashed_quickly():
    """Hash a column by its table and field.

    Django does so for each column of an ordered query, by all that its constructor takes: a
    twentieth of the time of the hub's tests. Equal columns still have equal hashes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Col, "__hash__", lambda column: hash((column.alias, column.target)))
        yield


WAITS = (
    "stemtide.hub.rooms.alerts.channels.mail.TIMEOUT_S",
    "stemtide.hub.rooms.alerts.channels.webhook.TIMEOUT_S",
    "stemtide.hub.rooms.exchanges.sources.source.ONE_TIMEOUT_S",
    "stemtide.egress.probe.TIMEOUT_S",
    "stemtide.hub.platform.documents.verification._WALL_S",
    "stemtide.hub.rooms.webhooks.sender.TIMEOUT_S",
)
"""How long the hub waits for others, and for a process of its own."""


LONG_WAIT_S = 600.0


@pytest.fixture(autouse=True, scope="session")
def _others_have_time():
    """Wait for others however slow the machine is; a test of too long a wait sets its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in WAITS:
            patch.setattr(name, LONG_WAIT_S)
        yield


@pytest.fixture(autouse=True, scope="session")
def _documents_are_verified_in_forks():
    """Verify a document in a fork of a process that has the verifier loaded.

    To load it took most of the time of these tests. The hubs of the stories, which are processes,
    start it as in use, and so does a test of too long a wait.
    """
    start = subprocess.run

    def run(command: list[str], *, timeout: float, **named: object) -> CompletedProcess[bytes]:
        if timeout < LONG_WAIT_S:
            return start(command, timeout=timeout, **named)
        read_end, write_end = os.pipe()  # it may write to no file
        with (
            TemporaryFile() as given,
            Path(os.devnull).open("wb") as nothing,
            os.fdopen(read_end, "rb") as answer,
        ):
            given.write(named["input"])
            given.seek(0)
            streams = {"stdin": given.fileno(), "stdout": write_end, "stderr": nothing.fileno()}
            fork = forks.Fork(["verifier"], environment=named["env"], **streams)
            os.close(write_end)
            printed = answer.read()
            return CompletedProcess(command, fork.wait(), printed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            verification, "subprocess", SimpleNamespace(**vars(subprocess) | {"run": run})
        )
        yield


@pytest.fixture(autouse=True)
def _no_head_is_kept():
    """Forget the head that a scheduler kept: the log of the next test does not continue it."""
    yield
    (settings.DATA_DIR / kept_head.FILE).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet():
    """Begin with unused rate limits, and with nothing that a process keeps of a crisis.

    A crisis that is put in place (tests/replays.py) has the id that it had in the last test.
    """
    rate_windows.windows._windows.clear()
    room_blocks.block_cache.clear()
    content._counted_at.cache_clear()
    clusters.crisis_clusters.clear()
    pictures.forget()
    hub_settings.cache.clear()


@pytest.fixture
def world(db) -> World:  # noqa: ARG001  # it must come first
    """The cast, in a transaction that is rolled back after the test."""
    return make_world()


@pytest.fixture
def committed_world(transactional_db) -> World:  # noqa: ARG001  # it must come first
    """The cast, committed: other threads and connections see it."""
    return make_world()
