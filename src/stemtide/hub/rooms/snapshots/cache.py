# SPDX-License-Identifier: Apache-2.0
"""The files of snapshots: the newest of each reader, and the one before it, until it is unlinked.

A file and what is told of it are replaced together: the note names the file, and is replaced whole.
All of it may be deleted at any time; it is made again.
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
"""After so long without being made anew a reader's files are deleted, when another's are made."""


class BusyError(Exception):
    """Somebody makes it just now."""


class Note(msgspec.Struct, frozen=True):
    """What is kept beside a file.

    file: its name; before: version and name of the one before, which may still be on its way.
    starts: for each member its offset, and the position of its first signal.
    drops: signals that no longer match, position, id and state, lowest position first.
    oldest: the lowest version that a delta may begin at.
    took_s: how long it took to make, in seconds.
    """

    manifest: str
    signatures: list[tuple[str, str]]
    file: str
    before: tuple[int, str] | None
    starts: list[tuple[int, int]]
    drops: list[tuple[int, str, str]]
    oldest: int
    took_s: float


_NOTES = msgspec.json.Decoder(Note)
_ENCODE = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that is there. path: its file. size_bytes: of the file."""

    note: Note
    manifest: SnapshotManifest
    path: Path

    @property
    def signed(self) -> Signed:
        """Its manifest under its signatures."""
        each = [{"key": key, "signature": one} for key, one in self.note.signatures]
        return Signed.model_validate({"manifest": self.note.manifest, "signatures": each})

    @property
    def tag(self) -> str:
        """Names the bytes of the file, and no other file's."""
        return self.path.name.split(".")[0]


class Shelf:
    """Where one reader's files lie."""

    def __init__(self, folder: Path, *, viewer: Party, exercise: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._name = f"{viewer.pk}{'x' if exercise else 'r'}"
        self._note = folder / f"{self._name}.note"

    def newest(self) -> Kept | None:
        """The newest snapshot; None where there is none, or its file is gone."""
        try:
            note = _NOTES.decode(self._note.read_bytes())
            manifest = SnapshotManifest.model_validate_json(note.manifest)
        except (OSError, ValueError):  # never made, deleted, or of an earlier version of the hub
            return None
        path = self._folder / note.file
        return Kept(note, manifest, path) if path.exists() else None

    def file_of(self, version: int) -> Path | None:
        """The file of a version, if it is the newest or the one before."""
        kept = self.newest()
        if kept is None:
            return None
        if kept.manifest.version == version:
            return kept.path
        if kept.note.before and kept.note.before[0] == version:
            path = self._folder / kept.note.before[1]
            return path if path.exists() else None
        return None

    def new_file(self, *, version: int) -> tuple[str, BinaryIO]:
        """A file for a new snapshot, and its name; nobody else's."""
        name = f"{self._name}-{version}-{os.urandom(6).hex()}.jsonl.gz"
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        return name, os.fdopen(descriptor, "w+b")

    def put(self, note: Note) -> None:
        """Let a new file be the newest, and delete those before the one before it."""
        beside = self._note.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_ENCODE.encode(note))
        beside.replace(self._note)
        self.clear(keep={note.file, note.before[1] if note.before else ""})

    def clear(self, *, keep: set[str]) -> None:
        """Delete this reader's files but some. An answer under way reads on from an open one."""
        for path in self._folder.glob(f"{self._name}-*"):
            if path.name not in keep:
                path.unlink(missing_ok=True)

    def sweep(self, now: datetime) -> None:
        """Delete what nobody has asked for lately, of any reader."""
        before = (now - UNUSED_FOR).timestamp()
        for note in self._folder.glob("*.note"):
            if note.stat().st_mtime < before:
                for path in self._folder.glob(f"{note.stem}-*"):
                    path.unlink(missing_ok=True)
                note.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time make this reader's snapshot. raises: BusyError."""
        with (self._folder / f"{self._name}.lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BusyError from error
            yield


def age(kept: Kept, *, now: datetime) -> timedelta:
    """How long ago a snapshot was made."""
    return now.astimezone(UTC) - kept.manifest.made_at
