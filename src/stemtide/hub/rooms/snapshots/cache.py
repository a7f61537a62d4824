# SPDX-License-Identifier: Apache-2.0
"""File cache of snapshots: each reader's newest one, and the one before it for a while.

A file and its note are replaced together: the note names the file, and is replaced atomically. All
files may be deleted at any time; they are rebuilt.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.sync.signatures import Signed
from stemtide.protocol.sync.snapshots import SnapshotManifest

UNUSED_FOR = timedelta(days=1)
"""A reader's files are deleted after this time without a new build, when another's are built."""


class SnapshotBusyError(Exception):
    """The snapshot is being built at this moment."""


class CacheNote(msgspec.Struct, frozen=True):
    """The metadata stored beside a file.

    file: its name; before: version and name of the previous one, which may still be in transfer.
    starts: for each gzip member its offset, and the position of its first signal.
    drops: signals that no longer match: position, id and state, lowest position first.
    oldest: the lowest version that a delta may begin at.
    took_s: how long it took to build, in seconds.
    """

    manifest: str
    signatures: list[tuple[str, str]]
    file: str
    before: tuple[int, str] | None
    starts: list[tuple[int, int]]
    drops: list[tuple[int, str, str]]
    oldest: int
    took_s: float


_NOTES = msgspec.json.Decoder(CacheNote)
_ENCODE = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class CachedSnapshot:
    """A cached snapshot. path: its file. size_bytes: of the file."""

    note: CacheNote
    manifest: SnapshotManifest
    path: Path

    @property
    def signed(self) -> Signed:
        """Return its manifest with its signatures."""
        signatures = [
            {"key": key, "signature": signature} for key, signature in self.note.signatures
        ]
        return Signed.model_validate({"manifest": self.note.manifest, "signatures": signatures})

    @property
    def tag(self) -> str:
        """Return an ETag for the bytes of the file."""
        return self.path.name.split(".")[0]


class SnapshotCache:
    """The cache folder of one reader."""

    def __init__(self, folder: Path, *, viewer: Party, exercise: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._name = f"{viewer.pk}{'x' if exercise else 'r'}"
        self._note = folder / f"{self._name}.note"

    def newest(self) -> CachedSnapshot | None:
        """Return the newest snapshot; None if there is none, or its file is gone."""
        try:
            note = _NOTES.decode(self._note.read_bytes())
            manifest = SnapshotManifest.model_validate_json(note.manifest)
        except (OSError, ValueError):  # never built, deleted, or of an earlier version
            return None
        path = self._folder / note.file
        return CachedSnapshot(note, manifest, path) if path.exists() else None

    def file_of(self, version: int) -> Path | None:
        """Return the file of a version, if it is the newest or the previous one."""
        snapshot = self.newest()
        if snapshot is None:
            return None
        if snapshot.manifest.version == version:
            return snapshot.path
        if snapshot.note.before and snapshot.note.before[0] == version:
            path = self._folder / snapshot.note.before[1]
            return path if path.exists() else None
        return None

    def new_file(self, *, version: int) -> tuple[str, BinaryIO]:
        """Create a uniquely named file for a new snapshot; return its name and the open file."""
        name = f"{self._name}-{version}-{os.urandom(6).hex()}.jsonl.gz"
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        return name, os.fdopen(descriptor, "w+b")

    def put(self, note: CacheNote) -> None:
        """Make a new file the newest, and delete all but the previous one."""
        new_note = self._note.with_suffix(".new")
        descriptor = os.open(new_note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_ENCODE.encode(note))
        new_note.replace(self._note)
        self.clear(keep={note.file, note.before[1] if note.before else ""})

    def clear(self, *, keep: set[str]) -> None:
        """Delete this reader's other files. Responses in progress keep their open file."""
        for path in self._folder.glob(f"{self._name}-*"):
            if path.name not in keep:
                path.unlink(missing_ok=True)

    def sweep(self, now: datetime) -> None:
        """Delete files of any reader that were not requested lately."""
        before = (now - UNUSED_FOR).timestamp()
        for note in self._folder.glob("*.note"):
            if note.stat().st_mtime < before:
                for path in self._folder.glob(f"{note.stem}-*"):
                    path.unlink(missing_ok=True)
                note.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time build this reader's snapshot. raises: SnapshotBusyError."""
        with (self._folder / f"{self._name}.lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise SnapshotBusyError from error
            yield


def age(snapshot: CachedSnapshot, *, now: datetime) -> timedelta:
    """Return the age of a snapshot."""
    return now.astimezone(UTC) - snapshot.manifest.made_at
