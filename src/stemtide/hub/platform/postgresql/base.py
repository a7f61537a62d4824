# SPDX-License-Identifier: Apache-2.0
"""Connect to PostgreSQL as Django does, but to no primary that was replaced.

Django finds this module by the name of its package (ENGINE in database_url.py).
"""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from stemtide.hub.platform.postgresql.timelines import (
    UNKNOWN,
    OutdatedServerError,
    Timeline,
    flaw_of,
    read,
    read_history,
)

PORT = "5432"
"""Of a host whose address names none."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection. Of several hosts it leaves out those whose history is outdated."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401  # of psycopg
        """Connect to the first host that takes writes and is not outdated.

        raises: OutdatedServerError if all others fail; psycopg.Error.
        """
        session = super().get_new_connection(conn_params)
        history = read_history(settings.DATA_DIR)
        several = len(hosts(self.get_connection_params())) > 1
        if not history or not (
            flaw := flaw_of(self._timeline(session), history=history, is_one_of_several=several)
        ):
            return session
        place = session.info.host, str(session.info.port)
        session.close()
        error = OutdatedServerError(*place, reason=flaw)
        named = hosts(conn_params)
        others = [other for other in named if other != place]
        if not others or len(others) == len(named):  # a name that libpq reads in its own way
            raise error
        names, ports = zip(*others, strict=True)
        left = conn_params | {"host": ",".join(names), "port": ",".join(ports)}
        try:
            return self.get_new_connection(left)
        except self.Database.OperationalError as reason:
            raise error from reason

    def _timeline(self, session: Any) -> Timeline:  # noqa: ANN401  # of psycopg
        """Return the timeline of a new session's server; UNKNOWN without the right to read it.

        raises: psycopg.OperationalError.
        """
        try:
            with session.cursor() as cursor:
                return read(cursor)
        except (self.Database.ProgrammingError, self.Database.NotSupportedError):
            return UNKNOWN  # the health checks warn of it
        finally:
            if not session.closed:
                session.rollback()  # Django expects a session without a transaction


def hosts(conn_params: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the hosts that connection parameters name, each with its port."""
    names = str(conn_params.get("host") or "").split(",")
    ports = str(conn_params.get("port") or PORT).split(",")
    ports = ports * len(names) if len(ports) == 1 else ports
    return list(zip(names, ports, strict=True))
