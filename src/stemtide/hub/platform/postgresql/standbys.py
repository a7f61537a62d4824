# SPDX-License-Identifier: Apache-2.0
"""Read how far PostgreSQL's standbys are, from the primary."""

from typing import NamedTuple

from django.db import connection

_STREAMING = "streaming"
_STANDBYS = """
SELECT application_name, state, sync_state IN ('sync', 'quorum'),
pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,
coalesce(extract(epoch FROM replay_lag), 0)::float
FROM pg_stat_replication
"""


class Standby(NamedTuple):
    """A standby that is connected, and how far its copy is behind.

    state, is_waited_for, lag_bytes: None if the hub's user may not see them. lag_s: of the last
    change that it took in; 0 if none came lately.
    """

    name: str
    state: str | None
    is_waited_for: bool | None
    lag_bytes: int | None
    lag_s: float

    @property
    def is_following(self) -> bool:
        """Whether it takes in changes as they come."""
        return self.state == _STREAMING


def connected_standbys() -> list[Standby]:
    """Return the standbys that are connected to the primary. raises: django.db.Error."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDBYS)
        return [Standby(*row) for row in cursor.fetchall()]
