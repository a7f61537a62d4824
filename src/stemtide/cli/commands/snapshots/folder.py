# SPDX-License-Identifier: Apache-2.0
"""A folder with the newest snapshot of a hub, and the key to verify it with.

1 The hub's key is pinned at the first use; afterwards no other key is accepted.
2 The snapshot is replaced as a whole, by one that is fully verified, or not at all.
3 The version never decreases: a replayed old snapshot is refused.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stemtide.protocol.sync.signatures import PublicKey
from stemtide.protocol.sync.snapshot_files import (
    SnapshotDownload,
    SnapshotFileError,
    VerifiedSnapshotHead,
    WrongBaseError,
    apply,
    opened_whole,
)
from stemtide.protocol.sync.snapshots import SnapshotManifest, SnapshotOffer

if TYPE_CHECKING:
    import httpx

    from stemtide.client import Hub as Client
    from stemtide.client.call import Parts

Result = TypeVar("Result")

SNAPSHOT_FILE = "snapshot.jsonl.gz"
KEY_FILE = "hub.key"
_PART, _TAG, _DELTA = ".whole.part", ".whole.tag", ".delta.part"
_NOT_READY, _RESUMED, _TAKE_WHOLE = 503, 206, frozenset({409, 410})
_TRIES, _WAIT_S = 60, 2.0


class PullError(Exception):
    """The folder could not be updated and is unchanged. The message names the remedy."""


@dataclass(frozen=True, slots=True)
class PullResult:
    """Result of an update. mode: whole, delta, or nothing. received_bytes: over the network."""

    manifest: SnapshotManifest
    mode: str
    received_bytes: int


class SnapshotFolder:
    """The folder of a snapshot, used by one command at a time."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self.file = path / SNAPSHOT_FILE

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the folder against other commands. raises: PullError."""
        with (self._path / ".lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise PullError(f"another command is using {self._path}") from error
            yield

    def pinned(self) -> tuple[PublicKey, ...]:
        """Return the trusted keys; () before the first use. raises: SignatureError."""
        return read_keys(self._path / KEY_FILE)

    def pin(self, *keys: PublicKey) -> None:
        """Trust these keys and no others."""
        beside = self._path / f".{KEY_FILE}.new"
        beside.write_text("".join(f"{key}\n" for key in keys), "ascii")
        beside.replace(self._path / KEY_FILE)

    def stored_head(self, *, also: tuple[PublicKey, ...] = ()) -> VerifiedSnapshotHead | None:
        """Return the head of the stored snapshot, or None. also: keys that were trusted before.

        raises: SnapshotFileError, SignatureError.
        """
        if not self.file.exists():
            return None
        with opened_whole(self.file, trusted=(*self.pinned(), *also)) as (head, _):
            return head


class Puller:
    """Updates a folder from a hub.

    note:   called with the bytes received so far, and the expected total.
    before: keys that were trusted before new ones were given. Their snapshots are no base for a
            delta any more, but still tell which version the folder has.
    """

    def __init__(
        self,
        folder: Path,
        client: "Client",
        *,
        exercise: bool,
        deltas: Path | None = None,
        note: Callable[[int, int], None] = lambda _come, _of: None,
    ) -> None:
        self.folder = SnapshotFolder(folder)
        self._root = folder
        self._client = client
        self._exercise = exercise
        self._deltas = deltas
        self._note = note
        self._received = 0
        self.before: tuple[PublicKey, ...] = ()

    def hub_keys(self) -> tuple[PublicKey, ...]:
        """Return the hub's current keys, newest first, at least one.

        raises: PullError, SignatureError, HubError.
        """
        response = self._when_ready(self._client.read_keys)
        if not response.keys:
            raise PullError("the hub has no signing key: is --hub right?")
        return tuple(PublicKey.read(key.key) for key in response.keys)

    def pull(self) -> PullResult:
        """Fetch the changes, or the whole snapshot.

        raises: PullError, SnapshotFileError, SignatureError, OSError, HubError.
        """
        current = self.folder.stored_head(also=self.before)
        have = current.manifest.version if current else None
        offer = self._when_ready(
            lambda: self._client.find_snapshot(have=have, exercise=self._exercise)
        )
        if current is None:
            return self._take_whole(None, offer)
        mine = current.manifest
        self._check_mine(mine)
        if offer.version < mine.version:
            raise self._set_back(mine, offer.version)
        if current.key not in self.folder.pinned():
            return self._take_whole(mine, offer)
        if offer.made_at <= mine.made_at:
            return PullResult(mine, "nothing", self._received)
        if offer.view != mine.view or mine.version < offer.oldest_base:
            return self._take_whole(mine, offer)
        return self._take_delta(mine) or self._take_whole(mine, offer)

    def _check_mine(self, mine: SnapshotManifest) -> None:
        """Refuse to mix snapshots with and without exercise signals."""
        if mine.exercise != self._exercise:
            has = "with" if mine.exercise else "without"
            raise PullError(
                f"{self._root} holds a snapshot {has} exercise signals: say so in the same way as"
                " before (--exercise or not), or take another folder"
            )

    def _set_back(self, mine: SnapshotManifest, version: int) -> PullError:
        """Return the error for a hub that offers an older version."""
        return PullError(
            f"the hub offers version {version}, and {self._root} holds {mine.version}, which is"
            " later: either the hub was restored from a backup, or somebody replays an old snapshot"
            f". Ask the hub's operator; if so, delete {self.folder.file} and pull again"
        )

    def _check_next(self, new: SnapshotManifest, mine: SnapshotManifest | None) -> None:
        """Refuse a snapshot that may not follow the stored one."""
        if new.exercise != self._exercise:
            raise PullError("the hub sent another kind of snapshot than requested")
        if mine is None:
            return
        if (new.hub, new.party) != (mine.hub, mine.party):
            raise PullError(
                f"{self._root} holds a snapshot of {mine.party} at hub {mine.hub}, and this one is"
                f" of {new.party} at {new.hub}: take another folder for it"
            )
        if (new.version, new.made_at) < (mine.version, mine.made_at):
            raise self._set_back(mine, new.version)

    def _take_delta(self, mine: SnapshotManifest) -> PullResult | None:
        """Fetch the changes; None if only the whole snapshot helps."""
        from stemtide.client import HubError
        from stemtide.client.calls import snapshots

        question = snapshots.read_delta(
            from_=mine.version,
            view=mine.view,
            exercise=self._exercise,
            history=mine.history or None,
        )
        path = self._root / _DELTA
        trusted = self.folder.pinned()
        try:
            with self._opened(question) as answer, _private(path, "wb") as file:
                manifest = self._receive(
                    answer, SnapshotDownload(file, trusted=trusted), mine
                ).manifest
            apply(self.folder.file, path, self.folder.file, trusted=trusted)
            if self._deltas is not None:
                self._deltas.mkdir(parents=True, exist_ok=True, mode=0o700)
                name = f"{mine.version}-{manifest.version}.delta.jsonl.gz"
                shutil.copyfile(path, self._deltas / name)
        except WrongBaseError:
            return None
        except HubError as error:
            if error.status in _TAKE_WHOLE:
                return None
            raise
        finally:
            path.unlink(missing_ok=True)
        return PullResult(manifest, "delta", self._received)

    def _take_whole(self, mine: SnapshotManifest | None, offer: SnapshotOffer) -> PullResult:
        """Fetch the whole snapshot, resuming an interrupted download."""
        from stemtide.client.calls import snapshots

        path, tag_file = self._root / _PART, self._root / _TAG
        version, _, tag = _read_text(tag_file).partition(" ")
        begin = path.stat().st_size if tag and path.exists() else 0
        question = snapshots.read_latest_snapshot(exercise=self._exercise)
        if begin and version == str(offer.version):
            question = replace(
                snapshots.read_snapshot_version(version=offer.version, exercise=self._exercise),
                headers={"Range": f"bytes={begin}-", "If-Range": tag},
            )
        with self._opened(question) as answer:
            begin = begin if answer.status_code == _RESUMED else 0
            tag_file.write_text(f"{offer.version} {answer.headers.get('ETag', '')}", "ascii")
            try:
                manifest = self._receive_whole(answer, path, mine, begin=begin)
            except (ValueError, PullError):
                path.unlink()  # or the next try would go on from it
                raise
        tag_file.unlink()
        path.replace(self.folder.file)
        return PullResult(manifest, "whole", self._received)

    def _receive_whole(
        self, answer: "httpx.Response", path: Path, mine: SnapshotManifest | None, *, begin: int
    ) -> SnapshotManifest:
        """Receive a whole snapshot and verify it."""
        trusted = self.folder.pinned()
        with _private(path, "r+b" if begin else "w+b") as file:
            manifest = self._receive(
                answer, SnapshotDownload(file, trusted=trusted, at=begin), mine, begin=begin
            ).manifest
        with opened_whole(path, trusted=trusted) as (_, lines):
            lines.read()
        return manifest

    def _receive(
        self,
        answer: "httpx.Response",
        incoming: SnapshotDownload,
        mine: SnapshotManifest | None,
        *,
        begin: int = 0,
    ) -> VerifiedSnapshotHead:
        """Receive a response, and check its head before the rest arrives."""
        come, size = begin, begin + int(answer.headers.get("Content-Length", "0"))
        is_checked = False
        for part in answer.iter_bytes():
            incoming.add(part)
            come += len(part)
            self._received += len(part)
            self._note(come, size)
            if incoming.head and not is_checked:
                self._check_next(incoming.head.manifest, mine)
                is_checked = True
        if incoming.head is None:
            raise SnapshotFileError("the hub's response ended before its first line: pull again")
        self._check_next(incoming.head.manifest, mine)
        return incoming.head

    @contextmanager
    def _opened(self, question: "Parts[bytes]") -> Iterator["httpx.Response"]:
        """Open a successful response as a stream. raises: HubError; PullError if it breaks off."""
        from stemtide.client import UnreachableError

        stack = ExitStack()
        answer = self._when_ready(lambda: stack.enter_context(self._client.opened(question)))
        try:
            with stack:
                yield answer
        except UnreachableError as error:
            raise PullError(
                f"the hub closed the connection ({error.__cause__}); pull again to resume"
            ) from error

    def _when_ready(self, ask: Callable[[], Result]) -> Result:
        """Send a request, and retry while the hub is building its snapshot. raises: HubError."""
        from stemtide.client import UnreachableError

        for left in reversed(range(_TRIES)):
            try:
                return ask()
            except UnreachableError as error:
                if error.status != _NOT_READY or not left:
                    raise
            time.sleep(_WAIT_S)
        raise AssertionError("the last try ends in an answer or in an error")


def read_keys(path: Path) -> tuple[PublicKey, ...]:
    """Return the public keys in a file, one a line; () without a file. raises: SignatureError."""
    return tuple(PublicKey.read(line) for line in _read_text(path).split("\n") if line.strip())


def _read_text(path: Path) -> str:
    """Return the content of a small file, or "" without a file."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def _private(path: Path, mode: str) -> Any:  # noqa: ANN401  # an open file
    """Open a file that only its owner reads."""
    flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if "w" in mode else 0)
    return os.fdopen(os.open(path, flags, 0o600), mode)
