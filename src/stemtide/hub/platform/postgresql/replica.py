# SPDX-License-Identifier: Apache-2.0
"""Let a request read from a replica that has everything the primary had when it began to read.

1 The door authenticates the caller on the primary, and writes its entries there.
2 The primary says up to which place its write-ahead log is on the disk. The replica is used if it
  has replayed it up to there, or does within a moment. So it shows no signal that was withdrawn
  before, and no crisis whose room the caller has left. Decision 0216.
3 Places are compared on one timeline of one server only. A standby that still follows a replaced
  primary can have a later place, and lack what is new.
4 Otherwise, or if the replica does not answer, the primary is read.
5 A read that takes too long is cut off, so that no thread waits for a replica that hangs. Its
  request is answered 503, and the next ones read the primary.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from threading import Timer
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connections

from stemtide.hub.database_url import READ_OF_REPLICA_S

log = logging.getLogger(__name__)

ALIAS = "replica"

WAIT_S = 0.1
"""Seconds that a request waits for the replica to catch up."""

SILENT_S = 2.0
"""Seconds after which a replica that says nothing to the question is given up."""

REST_S = 10.0
"""Seconds in which a replica that failed is not asked again."""

_POLL_S = 0.005
_WRITTEN = """
SELECT pg_current_wal_flush_lsn()::text, system_identifier,
('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int
FROM pg_control_system()
"""
_HAS = """
SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_is_in_recovery() AND system_identifier = %s
AND greatest(min_recovery_end_timeline, timeline_id) = %s
FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()
"""
"""Whether a replica has a place, and whether its places are those of the primary's timeline."""

_Part = TypeVar("_Part")
_Params = ParamSpec("_Params")
_Response = TypeVar("_Response")


class _Rest:
    """When the replica may be asked again, in monotonic seconds."""

    until = 0.0


@contextmanager
def reading() -> Iterator[bool]:
    """Let the block read from the replica, if there is one that is as new as the primary.

    yields: whether it does.

    The block must not write: the replica refuses it. It fails if it takes READ_OF_REPLICA_S.
    """
    if not _is_current():
        yield False
        return
    primary = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[ALIAS]  # of this thread alone
    try:
        with _given_up_after(READ_OF_REPLICA_S):
            yield True
    except Error as error:
        _rest(error)
        raise
    finally:
        connections[DEFAULT_DB_ALIAS] = primary


def reads_replica(view: Callable[_Params, _Response]) -> Callable[_Params, _Response]:
    """Let a view, or a function, read from the replica. It must not write; see `reading`.

    If the replica fails meanwhile, it is called again and reads the primary. Do so for what reads
    much: the two questions to primary and replica cost a millisecond.
    """

    @wraps(view)
    def read(*args: _Params.args, **named: _Params.kwargs) -> _Response:
        is_of_replica = False
        try:
            with reading() as is_of_replica:
                return view(*args, **named)
        except Error:
            if not is_of_replica:
                raise
        return view(*args, **named)

    read.reads_replica = True  # type: ignore[attr-defined]  # by which tests find such views
    return read


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
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(_WRITTEN)
            written = cursor.fetchone()
        with _given_up_after(SILENT_S):
            return _has(written)
    except DatabaseError as error:
        _rest(error)
        return False


def _has(written: tuple[str, int, int]) -> bool:
    """Whether the replica has what the primary has, or has it in a moment.

    written: place, server and timeline of the primary. raises: DatabaseError.
    """
    until = time.monotonic() + WAIT_S
    with connections[ALIAS].cursor() as cursor:
        while True:
            cursor.execute(_HAS, written)
            has, is_comparable = cursor.fetchone()
            if not is_comparable:
                _rest("it does not follow the primary on its timeline")
                return False
            if has or time.monotonic() > until:
                return bool(has)
            time.sleep(_POLL_S)


@contextmanager
def _given_up_after(seconds: float) -> Iterator[None]:
    """Cut the connection to the replica if the block takes longer: libpq waits without end."""
    replica = connections[ALIAS]
    replica.ensure_connection()  # for which connect_timeout holds
    with socket.socket(fileno=os.dup(replica.connection.fileno())) as copy:

        def cut() -> None:
            with suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)

        timer = Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _rest(reason: Error | str) -> None:
    """Leave the replica alone for a while."""
    connections[ALIAS].close()
    _Rest.until = time.monotonic() + REST_S
    log.warning("the replica is not read for %.0f s: %s", REST_S, reason)
