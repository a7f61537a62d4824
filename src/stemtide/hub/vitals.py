# SPDX-License-Identifier: Apache-2.0
"""Health checks of this process: its disk and its database.

1 Every few seconds a thread writes a small file to the disk, reads the free space, and queries the
  database. The result is kept for /health, /metrics and the board.
2 A request's write that fails because of the disk counts as well, for ten seconds.
3 A check that does not return is itself reported as trouble.
4 The newest timeline of PostgreSQL is kept, so that a replaced primary is noticed.
"""

import errno
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from stemtide.hub.platform.postgresql import timelines

log = logging.getLogger(__name__)

CHECK_EVERY_S = 4.0
SILENT_S = 9.0
"""Seconds after which a check counts as hanging, because of the database or the disk."""

_FAILURE_COUNTS_S = 10.0
_BLOCK = b"\0" * 4096
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_POSTGRES_REASONS = {"53100": "full", "25006": "not-writable"}  # PostgreSQL, Appendix A


class CheckedPart(StrEnum):
    """The part that is checked."""

    DISK = "disk"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failed check. reason: a code for machines; text: for the hub's operator."""

    part: CheckedPart
    reason: str
    text: str


class HealthChecks:
    """Checks disk and database; in a thread of its own once it is started."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._looking = threading.Lock()
        self._seen: tuple[Trouble, ...] = ()
        self._began_at = self._ended_at = float("-inf")
        self._failure: tuple[float, Trouble] | None = None
        self._timeline_fault = ""

    def start(self) -> None:
        """Check once, and start the thread."""
        self._stop.clear()
        self._look()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; a check that hangs is left to the end of the process."""
        self._stop.set()
        self._thread = None

    def troubles(self) -> tuple[Trouble, ...]:
        """Return the current troubles; empty if all is well."""
        now = time.monotonic()
        if self._thread is None and now - self._ended_at > CHECK_EVERY_S:
            self._look()
        current = list(self._seen)
        if self._thread is not None and now - self._ended_at > SILENT_S:
            text = f"disk or database have not answered for {now - self._ended_at:.0f} s"
            current.append(Trouble(CheckedPart.DATABASE, "offline", text))
        if self._failure and now - self._failure[0] < _FAILURE_COUNTS_S:
            current.append(self._failure[1])
        return tuple(current)

    def record_error(self, error: Exception) -> None:
        """Record an error of a request if disk or database are at fault."""
        trouble = _trouble_of(error) if isinstance(error, DatabaseError) else None
        if trouble and trouble.reason != "away":
            self._failure = (time.monotonic(), trouble)

    def _run(self) -> None:
        while not self._stop.wait(CHECK_EVERY_S):
            self._look()

    def _look(self) -> None:
        """Run the checks once, unless another thread runs them now."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            before = self._seen
            self._seen = (*disk_troubles(), *database_troubles())
            if not self._seen:
                self._keep_timeline()
            for trouble in self._seen:
                if trouble not in before:
                    log.error("the hub is not well: %s", trouble.text)
        finally:
            self._ended_at = time.monotonic()
            self._looking.release()
            if threading.current_thread() is self._thread:
                connection.close()

    def _keep_timeline(self) -> None:
        """Keep PostgreSQL's timeline, or warn once that replaced primaries go unnoticed."""
        before, self._timeline_fault = self._timeline_fault, _timeline_fault()
        if self._timeline_fault not in {"", before}:
            log.warning("the timeline of the database is not kept: %s", self._timeline_fault)


vitals = HealthChecks()
"""The health checks of this process."""


def is_damaged(error: Exception) -> bool:
    """Whether an error means that the file of a SQLite database is damaged."""
    trouble = _trouble_of(error)
    return trouble is not None and trouble.reason == "damaged"


def folders() -> list[Path]:
    """Return the folders that the hub writes to."""
    writable = [Path(settings.DATA_DIR)]
    if connection.vendor == "sqlite":
        database = Path(settings.DATABASES["default"]["NAME"]).parent
        writable += [database] if database.is_dir() and database not in writable else []
    return writable


def disk_troubles() -> Iterator[Trouble]:
    """Yield the faults seen after writing to each folder and reading its free space."""
    for folder in folders():
        path = folder / f".health-{os.getpid()}"
        try:
            _write(path)
            free_mb = shutil.disk_usage(folder).free // 1_000_000
        except OSError as error:
            reason = "full" if error.errno in _FULL else "not-writable"
            text = f"{folder} cannot be written to: {error.strerror}"
            yield Trouble(CheckedPart.DISK, reason, text)
            continue
        if free_mb < settings.MIN_FREE_MB:
            text = (
                f"{folder} has {free_mb} MB left, and less than {settings.MIN_FREE_MB} is trouble"
            )
            yield Trouble(CheckedPart.DISK, "nearly-full", text)


def _write(path: Path) -> None:
    """Write a block, flush it to the disk, and remove it.

    raises: OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if os.write(descriptor, _BLOCK) < len(_BLOCK):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def database_troubles(*, waits_for_standby: bool = True) -> Iterator[Trouble]:
    """Yield the faults of a query; PostgreSQL, whose disk is elsewhere, writes to its log.

    waits_for_standby: whether it waits for a standby where each write does.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT positions FROM ledger_numbering")
            cursor.fetchone()
            if connection.vendor == "postgresql":  # written to its log; changes no row
                statement = "SELECT pg_logical_emit_message(%s, 'stemtide', 'health')"
                cursor.execute(statement, [waits_for_standby])  # only transactions wait
    except DatabaseError as error:
        yield _trouble_of(error) or Trouble(CheckedPart.DATABASE, "away", f"the database: {error}")


def _timeline_fault() -> str:
    """Keep PostgreSQL's timeline; return why it cannot be read or kept, and "" if it is."""
    if connection.vendor != "postgresql":
        return ""
    try:
        with connection.cursor() as cursor:
            timelines.keep(Path(settings.DATA_DIR), timelines.read(cursor))
    except (DatabaseError, OSError) as error:
        return " ".join(str(error).split())
    return ""


def _trouble_of(error: Exception) -> Trouble | None:
    """Return the trouble that a database error means; None if disk and file are not at fault."""
    if isinstance(error, timelines.OutdatedServerError):
        return Trouble(CheckedPart.DATABASE, "outdated", str(error))
    cause = error.__cause__
    name = getattr(cause, "sqlite_errorname", "") if isinstance(cause, sqlite3.Error) else ""
    reason = _POSTGRES_REASONS.get(str(getattr(cause, "sqlstate", "")), "")
    if name == "SQLITE_FULL":
        reason = "full"
    elif name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
        reason = "not-writable"
    elif name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        reason = "damaged"
    if not reason:
        return None
    part = CheckedPart.DATABASE if reason == "damaged" else CheckedPart.DISK
    return Trouble(part, reason, f"the database cannot be written to: {error}")
