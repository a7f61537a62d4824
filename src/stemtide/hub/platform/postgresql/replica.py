# SPDX-License-Identifier: Apache-2.0
"""Let a request read from a replica that has everything the primary had when it began to read.

1 The door authenticates the caller on the primary, and writes its entries there.
2 The primary says up to which place its write-ahead log is on the disk. The replica is used if it
  has replayed it up to there, or does within a moment. So it shows no signal that was withdrawn
  before, and no crisis whose room the caller has left. Decision 0216.
3 Otherwise, or if the replica does not answer, the primary is read.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

log = logging.getLogger(__name__)

ALIAS = "replica"

WAIT_S = 0.1
"""Seconds that a request waits for the replica to catch up."""

REST_S = 10.0
"""Seconds in which a replica that failed is not asked again."""

_POLL_S = 0.005
_WRITTEN = "SELECT pg_current_wal_flush_lsn()::text"
_HAS = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn"

_Part = TypeVar("_Part")


class _Rest:
    """When the replica may be asked again, in monotonic seconds."""

    until = 0.0


@contextmanager
def reading() -> Iterator[None]:
    """Let the block read from the replica, if there is one that is as new as the primary.

    The block must not write: the replica refuses it.
    """
    if not _is_current():
        yield
        return
    primary = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[ALIAS]  # of this thread alone
    try:
        yield
    except DatabaseError as error:
        _rest(error)
        raise
    finally:
        connections[DEFAULT_DB_ALIAS] = primary


def reading_each(parts: Iterator[_Part]) -> Iterator[_Part]:
    """Yield parts, each read from the replica if that is then as new as the primary."""
    while True:
        with reading():
            try:
                part = next(parts)
            except StopIteration:
                return
        yield part


def _is_current() -> bool:
    """Whether there is a replica that has all that the primary has on its disk."""
    if ALIAS not in connections.settings or time.monotonic() < _Rest.until:
        return False
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return False
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(_WRITTEN)
        (written,) = cursor.fetchone()
    until = time.monotonic() + WAIT_S
    try:
        with connections[ALIAS].cursor() as cursor:
            while True:
                cursor.execute(_HAS, [written])
                if cursor.fetchone() == (True,):
                    return True
                if time.monotonic() > until:
                    return False
                time.sleep(_POLL_S)
    except DatabaseError as error:
        _rest(error)
        return False


def _rest(error: DatabaseError) -> None:
    """Leave the replica alone for a while."""
    connections[ALIAS].close()
    _Rest.until = time.monotonic() + REST_S
    log.warning("the replica failed, and the primary is read for %.0f s: %s", REST_S, error)
