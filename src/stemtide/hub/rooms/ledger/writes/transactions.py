# SPDX-License-Identifier: Apache-2.0
"""Split long acts into transactions, so that short writes can run between them.

SQLite gives its write lock to whichever writer polls when it is free, and a waiting writer polls
every 0.1 s. PostgreSQL serves writers in order of arrival, so that several long acts would delay a
short one. Parts therefore wait for each other before they wait for the write lock, and on SQLite
the next part pauses for as long as the part before it took.

The locks here are those of the operating system if the database is a file of this machine,
otherwise PostgreSQL's: both are released if a process dies.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from stemtide.hub.platform.disconnects import carried_through
from stemtide.hub.rooms.ledger.writes.ledger import lock_ledger

LONGEST_PAUSE_S = 0.25
"""The longest pause between two parts, in which a waiting writer polls at least twice.

source: sqliteDefaultBusyCallback() in SQLite's main.c.
"""

_FOLDER = "locks"
_PARTS = "parts"


@contextmanager
def part() -> Iterator[None]:
    """Run one part of a long act in a transaction that holds the write lock.

    Call it outside every transaction.
    """
    if connection.vendor == "sqlite":
        with _wait_for_other_parts(), _large_cache(), transaction.atomic(durable=True):
            yield
        return
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_number(_PARTS)])
        lock_ledger()
        yield


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Try to take a named lock without waiting; yield whether it is ours.

    Call it outside every transaction.
    """
    if connection.vendor == "sqlite":
        with _lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_lock_number(name)])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            # A broken connection has released the lock already.
            with carried_through(), suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock_number(name)])


@contextmanager
def _wait_for_other_parts() -> Iterator[None]:
    """Wait until no other part runs on this machine, and until the pause after the last is over."""
    with _lock_file(_PARTS) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pause_until = os.fstat(file).st_mtime
        time.sleep(min(max(pause_until - time.time(), 0.0), LONGEST_PAUSE_S))
        began = time.monotonic()
        try:
            yield
        finally:
            pause_s = min(time.monotonic() - began, LONGEST_PAUSE_S)
            os.utime(file, (time.time() + pause_s,) * 2)


@contextmanager
def _large_cache() -> Iterator[None]:
    """Let SQLite keep a part's changes in memory, which makes the part a third faster."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size = -65536")
        try:
            yield
        finally:
            with carried_through():
                cursor.execute("PRAGMA cache_size = -2000")


@contextmanager
def _lock_file(name: str) -> Iterator[int]:
    """Open the file of a lock; closing it releases the lock."""
    folder = Path(settings.DATA_DIR) / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)  # also for a child that was forked with the file open
        os.close(file)


def _lock_number(name: str) -> int:
    """Return the number of a named lock in PostgreSQL."""
    digest = hashlib.sha256(f"stemtide {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
