# SPDX-License-Identifier: Apache-2.0
"""Check that PostgreSQL's standbys follow, and that the transparency log lacks nothing signed."""

from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, connections

from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.platform.postgresql import timelines
from stemtide.hub.platform.postgresql.base import hosts
from stemtide.hub.platform.postgresql.replica import ALIAS
from stemtide.hub.platform.postgresql.standbys import Standby, connected_standbys
from stemtide.hub.rooms.transparency.reads.restarts import lost_head

LAG_MB = 16
"""Megabytes of changes that a standby may lack: one file of PostgreSQL's write-ahead log."""

_WAITS = (
    "SELECT current_setting('synchronous_standby_names') <> ''"
    " AND current_setting('synchronous_commit') NOT IN ('off', 'local')"
)
_GO_ON = "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()"


def standbys() -> Iterator[CheckResult]:
    """Compare the standbys that follow with STEMTIDE_STANDBYS."""
    if connection.vendor != "postgresql":
        return
    expected, has_several = settings.STANDBYS, "," in str(settings.DATABASES["default"]["HOST"])
    if not expected:
        if has_several:
            text = "STEMTIDE_DATABASE_URL names several hosts, and STEMTIDE_STANDBYS is not set"
            remedy = "set it to the number of standbys, so that a missing one is noticed"
            yield CheckResult("standbys", Level.WARN, text, remedy)
        return
    if not has_several:
        text = "STEMTIDE_DATABASE_URL names one host, so the hub does not follow a promoted standby"
        yield CheckResult("standbys", Level.FAIL, text, "name all hosts: host1,host2")
    rows, waits = _read()
    yield from _flaws(expected, rows, waits=waits)


def primaries() -> Iterator[CheckResult]:
    """Look for a second host that takes writes: a primary that was replaced and came back."""
    if connection.vendor != "postgresql":
        return
    parameters = connection.get_connection_params() | {"target_session_attrs": "any"}
    writable: dict[str, timelines.Timeline] = {}
    for host, port in hosts(parameters):
        with (
            suppress(psycopg.Error),  # standbys() names one that is away, the log a missing right
            closing(psycopg.connect(**parameters | {"host": host, "port": port})) as db,
            db.cursor() as cursor,
        ):
            timeline = timelines.read(cursor)
            if timeline.number:
                writable[f"{host}:{port}"] = timeline
    if len(writable) > 1:
        yield _two_primaries(writable)


def _two_primaries(writable: dict[str, timelines.Timeline]) -> CheckResult:
    """Return the result for several servers that take writes, each with its timeline."""
    places = [f"{place} (timeline {number})" for place, (_, number) in writable.items()]
    remedy = "stop the one on the lower timeline, and make it a standby: docs/run/large.md"
    if len({timeline.system for timeline in writable.values()}) > 1:
        places = [f"{place} (system {system})" for place, (system, _) in writable.items()]
        remedy = (
            "stop the one that the hub no longer uses, and make it a standby: docs/run/large.md"
        )
    return CheckResult("primaries", Level.FAIL, f"{' and '.join(places)} take writes", remedy)


def replica() -> Iterator[CheckResult]:
    """Check that the replica of STEMTIDE_REPLICA_URL answers, and is a standby."""
    if ALIAS not in connections.settings:
        return
    try:
        with connections[ALIAS].cursor() as cursor:
            system, number = timelines.read(cursor)
        with connection.cursor() as cursor:
            primary = timelines.read(cursor)
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        text = f"the replica cannot be read, so the primary is: {reason}"
        yield CheckResult("replica", Level.WARN, text, "start it, or unset STEMTIDE_REPLICA_URL")
        return
    if number or system != primary.system:
        text = "the server of STEMTIDE_REPLICA_URL is no standby of the hub's, so it is not read"
        yield CheckResult("replica", Level.WARN, text, "name a standby of the hub's database")
    else:
        yield CheckResult("replica", Level.OK, "the replica answers")


def _read() -> tuple[list[Standby], bool]:
    """Return the connected standbys, and whether writes wait for one."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS)
        (waits,) = cursor.fetchone()
    return connected_standbys(), bool(waits)


def _flaws(expected: int, rows: list[Standby], *, waits: bool) -> Iterator[CheckResult]:
    """Yield what is wrong with standbys; that all is well if nothing is."""
    if any(row.state is None for row in rows):
        user = settings.DATABASES["default"]["USER"]
        text = "the hub's database user may not see how far the standbys are"
        yield CheckResult("standbys", Level.WARN, text, f"GRANT pg_monitor TO {user}")
        return
    following = [row for row in rows if row.is_following]
    if len(following) < expected:
        text = f"{len(following)} of {expected} standbys follow"
        remedy = "start the standby, and look at its log"
        if waits and not any(row.is_waited_for for row in following):
            text += ", and writes wait until one does"
            remedy += f"; to write without it meanwhile: {_GO_ON}"
        yield CheckResult("standbys", Level.FAIL, text, remedy)
        return
    behind = [row for row in following if (row.lag_bytes or 0) > LAG_MB * 1_000_000]
    for row in behind:
        text = f"standby {row.name} lacks {(row.lag_bytes or 0) // 1_000_000} MB of changes"
        remedy = "look at its disk, its network, and queries that run on it"
        yield CheckResult("standbys", Level.FAIL, text, remedy)
    if not waits:
        text = "writes wait for no standby: the last ones are lost with the primary"
        remedy = "set synchronous_standby_names, and synchronous_commit to on"
        yield CheckResult("standbys", Level.WARN, text, remedy)
    elif not behind:
        text = f"{len(following)} follow, and each write waits for one"
        yield CheckResult("standbys", Level.OK, text)


def transparency_log() -> Iterator[CheckResult]:
    """Check that the database has all entries that the hub signed."""
    last = lost_head()
    if last is not None:
        text = f"the database lacks signed entries, up to {last.size - 1}: no head is signed"
        remedy = "run stemtide hub reopen-log --yes, and have sharers share again"
        yield CheckResult("log", Level.FAIL, text, remedy)
