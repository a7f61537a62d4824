# SPDX-License-Identifier: Apache-2.0
"""A lock that lets one process at a time migrate the tables.

Hubs of several machines start together, and commands run while a hub starts. Django's migrations
take no lock: two that run at once fail half-way.

On SQLite the lock is a file beside the database, not a lock in it: the first connection to a new
file, which turns on WAL, fails if another one is opened at the same moment. On PostgreSQL it is a
session's advisory lock, which ends with its process. A process that waits there polls: a statement
that waits in the server would block `CREATE INDEX CONCURRENTLY` of the lock's holder.
"""

import fcntl
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

log = logging.getLogger(__name__)

APPLICATION = "stemtide-migrate"
"""application_name of the session that holds the lock."""

_KEY = int.from_bytes(b"stemtide")  # the number of the advisory lock; no other program uses it
_POLL_S = 0.2
_WARN_AFTER_S = 1.0
_WARN_EVERY_S = 30.0

_HOLDER = (
    "SELECT a.pid, coalesce(host(a.client_addr), 'this machine'), a.backend_start"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
    " AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database"
    " WHERE datname = current_database()) AND (l.classid::bigint << 32) + l.objid::bigint = %s"
)


@contextmanager
def migration_lock() -> Iterator[None]:
    """Hold the lock on the tables of the configured database; wait while another process has it.

    raises: OSError, django.db.Error.
    """
    with _advisory_lock() if connection.vendor == "postgresql" else _file_lock():
        yield


@contextmanager
def _file_lock() -> Iterator[None]:
    """Hold the lock file beside a SQLite database. It names its holder, and is not deleted."""
    database = Path(settings.DATABASES["default"]["NAME"])
    path = database.with_name(f"{database.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:

        def take() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _wait(take, holder=lambda: path.read_text("utf-8").strip() or "another process")
        file.truncate()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        name = Path(sys.argv[0]).name
        file.write(f"process {os.getpid()} ({name}) on {socket.gethostname()}, since {since}\n")
        file.flush()
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)


@contextmanager
def _advisory_lock() -> Iterator[None]:
    """Hold PostgreSQL's advisory lock on a connection of its own, which no migration closes."""
    parameters = connection.get_connection_params() | {"application_name": APPLICATION}
    with closing(connection.get_new_connection(parameters)) as session:
        session.autocommit = True

        def take() -> bool:
            (is_taken,) = session.execute("SELECT pg_try_advisory_lock(%s)", [_KEY]).fetchone()
            return bool(is_taken)

        def holder() -> str:
            row = session.execute(_HOLDER, [_KEY]).fetchone()
            if row is None:
                return "another process"
            pid, host, since = row
            return f"a process on {host}, since {since:%Y-%m-%dT%H:%M:%S%z} (server process {pid})"

        with connection.wrap_database_errors:
            _wait(take, holder=holder)
        yield


def _wait(take: Callable[[], bool], *, holder: Callable[[], str]) -> None:
    """Poll for the lock until it is acquired; log from time to time who holds it."""
    began = time.monotonic()
    warn_at = began + _WARN_AFTER_S
    while not take():
        if time.monotonic() >= warn_at:
            log.warning("waiting until the tables are up to date; they are locked by %s", holder())
            warn_at = time.monotonic() + _WARN_EVERY_S
        time.sleep(_POLL_S)
