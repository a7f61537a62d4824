# SPDX-License-Identifier: Apache-2.0
"""Remember the newest timeline of PostgreSQL, so that a replaced primary is noticed.

Each promotion of a standby begins a new timeline. A primary that was lost and comes back by itself
is still on the old one, and takes writes beside the promoted standby. Decision 0215.

1 Each machine keeps the newest timeline that it has seen in its data folder.
2 Each new connection is compared with it (base.py).
3 Timelines of different systems are not compared: a restored backup begins at 1 on a new server.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from django.db import OperationalError

from stemtide.hub.platform import secret_files

FILE = "database.timeline"

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
    """A server takes writes although a standby was promoted in its place."""

    def __init__(self, host: str, port: str, *, newest: Timeline) -> None:
        super().__init__(
            f"{host}:{port} takes writes, but a standby was promoted in its place (timeline"
            f" {newest.number}): stop it, and make it a standby. If you set the database back on"
            f" purpose, delete {FILE} in the data folder of each machine of the hub"
        )


def read(cursor: Any) -> Timeline:  # noqa: ANN401  # of Django or of psycopg
    """Return the timeline of a server. raises: the driver's errors."""
    cursor.execute(_READ)
    return Timeline(*cursor.fetchone())


def newest_seen(folder: Path) -> Timeline | None:
    """Return the kept timeline; None if there is none that can be read."""
    with suppress(OSError, ValueError, TypeError):
        return Timeline(*map(int, (folder / FILE).read_text("ascii").split()))
    return None


def keep(folder: Path, newest: Timeline) -> None:
    """Keep a timeline, if it is newer than the kept one, or of another system. raises: OSError."""
    before = newest_seen(folder)
    is_older = before is not None and before.continues(newest)  # another process has seen more
    if newest.number and newest != before and not is_older:
        secret_files.replace(folder / FILE, f"{newest.system} {newest.number}\n".encode())
