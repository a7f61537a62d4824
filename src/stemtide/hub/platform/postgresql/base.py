# SPDX-License-Identifier: Apache-2.0
"""Connect to PostgreSQL as Django does, but to no primary that was replaced.

Django finds this module by the name of its package (ENGINE in database_url.py).
"""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from stemtide.hub.platform.postgresql.timelines import (
    OutdatedServerError,
    Timeline,
    newest_seen,
    read,
)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection. Of several hosts it leaves out those whose history is outdated."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401  # of psycopg
        """Connect to the first host that takes writes and is not outdated.

        raises: OutdatedServerError if all others fail; psycopg.Error.
        """
        session = super().get_new_connection(conn_params)
        newest = newest_seen(settings.DATA_DIR)
        if newest is None or not newest.continues(_timeline(session)):
            return session
        place = session.info.host, str(session.info.port)
        session.close()
        error = OutdatedServerError(*place, newest=newest)
        others = [other for other in hosts(conn_params) if other != place]
        if not others:
            raise error
        names, ports = zip(*others, strict=True)
        left = conn_params | {"host": ",".join(names), "port": ",".join(ports)}
        try:
            return self.get_new_connection(left)
        except self.Database.OperationalError as reason:
            raise error from reason


def _timeline(session: Any) -> Timeline:  # noqa: ANN401  # of psycopg
    """Return the timeline of a new session's server. raises: psycopg.Error."""
    with session.cursor() as cursor:
        timeline = read(cursor)
    session.rollback()  # Django expects a session without a transaction
    return timeline


def hosts(conn_params: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the hosts that connection parameters name, each with its port."""
    names = str(conn_params.get("host", "")).split(",")
    ports = str(conn_params.get("port", "")).split(",")
    ports = ports * len(names) if len(ports) == 1 else ports
    return list(zip(names, ports, strict=True))
