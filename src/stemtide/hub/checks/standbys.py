# SPDX-License-Identifier: Apache-2.0
"""Check that PostgreSQL's standbys follow, and that the transparency log lacks nothing signed."""

from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.rooms.transparency.reads.restarts import lost_head

LAG_MB = 16
"""Megabytes of changes that a standby may lack: one file of PostgreSQL's write-ahead log."""

_STREAMING = "streaming"
_STANDBYS = """
SELECT application_name, state, sync_state IN ('sync', 'quorum'),
pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint FROM pg_stat_replication
"""
_WAITS = (
    "SELECT current_setting('synchronous_standby_names') <> ''"
    " AND current_setting('synchronous_commit') NOT IN ('off', 'local')"
)
_GO_ON = "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()"


class _Standby(NamedTuple):
    """A standby that is connected. lag_bytes: None if the hub's user may not see it."""

    name: str
    state: str | None
    is_waited_for: bool | None
    lag_bytes: int | None


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
    yield from _flaws(expected, *_read())


def _read() -> tuple[list[_Standby], bool]:
    """Return the connected standbys, and whether writes wait for one."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDBYS)
        rows = [_Standby(*row) for row in cursor.fetchall()]
        cursor.execute(_WAITS)
        (waits,) = cursor.fetchone()
    return rows, bool(waits)


def _flaws(expected: int, rows: list[_Standby], waits: bool) -> Iterator[CheckResult]:  # noqa: FBT001  # of _read()
    """Yield what is wrong with standbys; that all is well if nothing is."""
    if any(row.state is None for row in rows):
        user = settings.DATABASES["default"]["USER"]
        text = "the hub's database user may not see how far the standbys are"
        yield CheckResult("standbys", Level.WARN, text, f"GRANT pg_monitor TO {user}")
        return
    following = [row for row in rows if row.state == _STREAMING]
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
