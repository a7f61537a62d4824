# SPDX-License-Identifier: Apache-2.0
"""Remember the newest timeline of PostgreSQL, so that a replaced primary is noticed.

Each promotion of a standby begins a new timeline. A primary that was lost and comes back by itself
is still on the old one, and takes writes beside the promoted standby. Decision 0215.

1 Each machine keeps the newest timeline of each system that it has seen in its data folder, the
  latest system first.
2 Each new connection is compared with it (base.py).
3 Timelines of different systems are not compared: a restored backup begins at 1 on a new server.
  But if several hosts are named, so that libpq chooses, a system that was seen before the latest
  is outdated: it is the server that the backup was restored for, and that came back.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from django.db import OperationalError

from stemtide.hub.platform import secret_files

FILE = "database.timeline"
MAX_SYSTEMS = 8
"""Systems that a machine remembers; the one that was seen first is forgotten."""

_READ = """
SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN 0
ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END
FROM pg_control_system()
"""


class Timeline(NamedTuple):
    """A timeline. system: of the server and its copies. number: 0 for a standby."""

    system: int
    number: int

    def continues(self, other: Self) -> bool:
        """Whether a promotion lies between another primary and this timeline."""
        return self.system == other.system and 0 < other.number < self.number


UNKNOWN = Timeline(0, 0)
"""Of a server that does not let the hub read it. No timeline continues it."""


class OutdatedServerError(OperationalError):
    """A server takes writes although another was promoted, or restored, in its place."""

    def __init__(self, host: str, port: str, *, reason: str) -> None:
        super().__init__(
            f"{host}:{port} takes writes, but {reason}: stop it, and make it a standby. If you set"
            f" the database back on purpose, delete {FILE} in the data folder of each machine of"
            " the hub"
        )


def read(cursor: Any) -> Timeline:  # noqa: ANN401  # of Django or of psycopg
    """Return the timeline of a server. raises: the driver's errors."""
    cursor.execute(_READ)
    return Timeline(*cursor.fetchone())


def read_history(folder: Path) -> tuple[Timeline, ...]:
    """Return the kept timelines, that of the latest system first; none if they cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        lines = (folder / FILE).read_text("ascii").splitlines()
        return tuple(Timeline(*map(int, line.split())) for line in lines)
    return ()


def flaw_of(other: Timeline, *, history: Sequence[Timeline], is_one_of_several: bool) -> str:
    """Return why a server is outdated; "" if it is not.

    history: as read_history() returns it. is_one_of_several: whether several hosts are named.
    """
    newest = next((timeline for timeline in history if timeline.system == other.system), None)
    if newest is None or not other.number:
        return ""
    if newest.continues(other):
        return f"a standby was promoted in its place (timeline {newest.number})"
    if is_one_of_several and newest != history[0]:
        return f"the database was restored into another server (system {history[0].system})"
    return ""


def keep(folder: Path, newest: Timeline) -> None:
    """Keep a timeline, if it is newer than the kept one of its system. raises: OSError.

    A system that was not seen before becomes the latest. No other does: a process of before may
    still be connected to it.
    """
    if not newest.number:
        return
    before = read_history(folder)
    after = tuple(
        max(timeline, newest) if timeline.system == newest.system else timeline
        for timeline in before
    )
    if newest.system not in {timeline.system for timeline in before}:
        after = (newest, *before[: MAX_SYSTEMS - 1])
    if after != before:
        lines = "".join(f"{system} {number}\n" for system, number in after)
        secret_files.replace(folder / FILE, lines.encode())
