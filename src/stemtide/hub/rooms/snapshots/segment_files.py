# SPDX-License-Identifier: Apache-2.0
"""Files of segments, which readers share, and the state of each reader, which lists its own.

A segment's file never changes. Files and states may be deleted at any time: they are made again.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from stemtide.hub.platform import secret_files
from stemtide.hub.rooms.snapshots.cache import SnapshotBusyError
from stemtide.protocol.sync.segments import SnapshotSegment

UNUSED_FOR = timedelta(days=2)
"""A segment that no list had for so long is deleted: who reads an old list has time to finish."""

_TOUCH_AFTER = timedelta(hours=1)
_OWN_NAME = re.compile(r"[0-9a-f]{64}(\.|$)")
"""Names of segments, complete or not: the folder may hold files of others."""


def damaged_files(folder: Path) -> list[str]:
    """Return names of segments that differ from their content's digest. raises: OSError."""
    paths = folder.iterdir() if folder.exists() else ()
    segments = [path for path in paths if re.fullmatch(r"[0-9a-f]{64}", path.name)]
    return [
        path.name for path in segments if hashlib.sha256(path.read_bytes()).hexdigest() != path.name
    ]


class SegmentState(BaseModel):
    """A reader's segments, and the state of the hub that they were read in.

    view: as of signals.reads.snapshots.digest_of_view().
    made_at: when the last was read; begun_at: the first. first_entries: entries at that time.
    """

    model_config = ConfigDict(frozen=True)

    hub: UUID
    view: str
    version: int
    history: str
    made_at: AwareDatetime
    begun_at: AwareDatetime
    first_entries: int
    segments: list[SnapshotSegment]


class SegmentFiles:
    """The state of one reader, and the folder of all segments."""

    def __init__(self, folder: Path, *, segments: Path, reader: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        segments.mkdir(parents=True, exist_ok=True)
        self._segments = segments
        self._path = folder / f"{reader}.segments"

    def state(self) -> SegmentState | None:
        """Return the stored state; None if there is none, or a file of it is gone."""
        try:
            state = SegmentState.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):  # never built, deleted, or of an earlier version
            return None
        is_complete = all(self._file(segment).exists() for segment in state.segments)
        return state if is_complete else None

    def put(self, state: SegmentState) -> None:
        """Store a state, which has the keys of its segments: readable by its owner only."""
        secret_files.replace(self._path, state.model_dump_json().encode())

    def add(self, segment: SnapshotSegment, content: bytes) -> SnapshotSegment:
        """Write the file of a segment, unless another reader has the same; return the segment."""
        path = self._file(segment)
        if path.exists():
            os.utime(path)
            return segment
        secret_files.replace(path, content)
        path.chmod(0o644)  # it is encrypted, and a web server of another user may hand it on
        return segment

    def note_use(self, state: SegmentState) -> None:
        """Mark the files of a state as used now."""
        before = (state.made_at - _TOUCH_AFTER).timestamp()
        for segment in state.segments:
            with suppress(FileNotFoundError):  # the next request notices
                if self._file(segment).stat().st_mtime < before:
                    os.utime(self._file(segment))

    def sweep(self, now: datetime) -> None:
        """Delete the segments that were in no list sent lately."""
        before = (now - UNUSED_FOR).timestamp()
        for path in self._segments.iterdir():
            with suppress(FileNotFoundError):
                if _OWN_NAME.match(path.name) and path.stat().st_mtime < before:
                    path.unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one thread at a time build this reader's segments. raises: SnapshotBusyError."""
        with self._path.with_suffix(".segments-lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise SnapshotBusyError from error
            yield

    def _file(self, segment: SnapshotSegment) -> Path:
        """Return the path of a segment's file."""
        return self._segments / segment.name
