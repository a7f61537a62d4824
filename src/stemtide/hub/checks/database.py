# SPDX-License-Identifier: Apache-2.0
"""Check the database: whether it answers, fits the program, and has room for all processes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from stemtide.hub import vitals
from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.first_tables import waiting_migrations
from stemtide.hub.rooms.ledger.reads import ledger

CONNECTIONS_OF_A_WORKER = 40
_OTHER_CONNECTIONS = 20
_MUCH_USED = 0.8
_LONG_S = 60
_OFF_S = 2.0

_LONG_QUERIES = """
SELECT pid, state, extract(epoch FROM now() - coalesce(xact_start, query_start))::int
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend' AND state <> 'idle'
AND now() - coalesce(xact_start, query_start) > %s * interval '1 second' ORDER BY 3 DESC
"""
_CONNECTIONS = "SELECT current_setting('max_connections')::int, count(*) FROM pg_stat_activity"


def answers() -> CheckResult:
    """Check that the database can be used at all. A missing one is not created."""
    remedy = "check STEMTIDE_DATABASE_URL and the server; start the hub once to create tables"
    path = Path(settings.DATABASES["default"]["NAME"])
    if connection.vendor == "sqlite" and not path.exists():
        return CheckResult("database", Level.FAIL, f"there is no file {path}", remedy)
    for trouble in vitals.database_troubles(waits_for_standby=False):
        if trouble.reason == "outdated":
            remedy = "see Promote the standby in docs/run/large.md"
        return CheckResult("database", Level.FAIL, " ".join(trouble.text.split()), remedy)
    return CheckResult("database", Level.OK, f"{connection.display_name} answers")


def migrations() -> Iterator[CheckResult]:
    """Check that the tables are those of this program."""
    loader = MigrationLoader(connection)
    waiting = waiting_migrations(connection)
    newer = sorted(set(loader.applied_migrations) - set(loader.disk_migrations))
    if newer:
        text = f"the tables are of a newer version ({'.'.join(newer[-1])})"
        yield CheckResult("migrations", Level.FAIL, text, "install that version again")
    elif waiting:
        text = f"{len(waiting)} migrations wait, the first is {waiting[0]}"
        remedy = "back up the hub, then start it: it migrates its tables"
        yield CheckResult("migrations", Level.FAIL, text, remedy)
    else:
        yield CheckResult("migrations", Level.OK, "the tables are up to date")


def clock(now: datetime) -> Iterator[CheckResult]:
    """Compare this machine's clock with the database server's, and with the last entry."""
    last = ledger.heads().entries
    for entry in ledger.unfiltered(after=last - 1, limit=1):
        if entry.recorded_at > now + timedelta(seconds=_LONG_S):
            text = f"entry {last} of the ledger is {entry.recorded_at - now} in the future"
            yield CheckResult("clock", Level.FAIL, text, "set the clock right, with NTP")
            return
    off_s = _seconds_off(now)
    if off_s > _OFF_S:
        text = f"this machine and the database server differ by {off_s:.0f} s"
        yield CheckResult("clock", Level.FAIL, text, "run NTP on both")
    else:
        yield CheckResult("clock", Level.OK, "the clock agrees with the database")


def connections(workers: int) -> Iterator[CheckResult]:
    """Check that PostgreSQL lets all processes connect. workers: of all machines."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        most, used = cursor.fetchone()
    needed = CONNECTIONS_OF_A_WORKER * workers + _OTHER_CONNECTIONS
    if most < needed:
        text = f"max_connections is {most}, and {workers} workers may need {needed}"
        remedy = f"set max_connections = {needed} and restart PostgreSQL"
        yield CheckResult("connections", Level.FAIL, text, remedy)
    elif used > _MUCH_USED * most:
        text = f"{used} of {most} connections are used"
        yield CheckResult("connections", Level.WARN, text, "raise max_connections")
    else:
        yield CheckResult("connections", Level.OK, f"{used} of {most} are used")


def queries() -> Iterator[CheckResult]:
    """Name processes that keep PostgreSQL busy for long, without the query: it may contain data."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(_LONG_QUERIES, [_LONG_S])
        rows = cursor.fetchall()
    for pid, state, seconds in rows:
        text = f"server process {pid} is {state} for {seconds} s"
        remedy = f"find out what it does; end it with SELECT pg_terminate_backend({pid})"
        yield CheckResult("queries", Level.WARN, text, remedy)
    if not rows:
        yield CheckResult("queries", Level.OK, f"none takes longer than {_LONG_S} s")


def _seconds_off(now: datetime) -> float:
    """Return how far the server's clock is from ours; SQLite has none of its own."""
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        (seconds,) = cursor.fetchone()
    return abs(float(seconds) - now.timestamp())
