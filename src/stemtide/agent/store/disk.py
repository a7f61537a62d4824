# SPDX-License-Identifier: Apache-2.0
"""Check that the agent's data directory can be written to."""

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_EVERY_S = 4.0

MIN_FREE_MB = 20
"""Less free space than this is reported as a problem."""

_FAILURE_LASTS_S = 10.0  # a small test write may succeed where a page of the feed does not fit
_BLOCK = b"\0" * 4096
_DISK_ERRORS = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Disk:
    """Health of the data directory: remembers failed writes, and makes test writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_check = ""
        self._failure = ""
        self._failed_at = float("-inf")

    @property
    def trouble(self) -> str:
        """Return why the disk cannot be written; "" if it can. A failure counts for ten seconds."""
        if time.monotonic() - self._failed_at < _FAILURE_LASTS_S:
            return self._failure
        return self._last_check

    @property
    def free_bytes(self) -> int | None:
        """Return the free space; None if it cannot be read."""
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Remember a database write that fails because of the disk."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(_DISK_ERRORS):
                self._failure = f"{self._folder} cannot be written to: {error}"
                self._failed_at = time.monotonic()
            raise

    def look(self) -> None:
        """Write and sync a test block, and check the free space."""
        path = self._folder / ".health"
        try:
            _write(path)
            free_mb = shutil.disk_usage(self._folder).free // 1_000_000
        except OSError as error:
            why = "it is full" if error.errno in _NO_ROOM else error.strerror
            self._last_check = f"{self._folder} cannot be written to: {why}"
            return
        is_short = free_mb < MIN_FREE_MB
        self._last_check = f"{self._folder} has {free_mb} MB left: make room" if is_short else ""


def _write(path: Path) -> None:
    """Write, sync and remove a test file. raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if os.write(descriptor, _BLOCK) < len(_BLOCK):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)
