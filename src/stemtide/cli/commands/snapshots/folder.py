# SPDX-License-Identifier: Apache-2.0
"""A folder that is kept up with a hub's snapshots: the newest one, and the key that it is held to.

1 The hub's key is pinned at the first use, and no other is believed after that.
2 What is there is replaced whole by what was verified to the byte, or stays.
3 A version never goes down: an old snapshot that somebody plays back is refused.
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
    Incoming,
    SnapshotFileError,
    Whole,
    WrongBaseError,
    apply,
    opened_whole,
)
from stemtide.protocol.sync.snapshots import SnapshotManifest, SnapshotOffer

if TYPE_CHECKING:
    import httpx

    from stemtide.client import Hub as Client
    from stemtide.client.call import Parts

Given = TypeVar("Given")

SNAPSHOT_FILE = "snapshot.jsonl.gz"
KEY_FILE = "hub.key"
_PART, _TAG, _DELTA = ".whole.part", ".whole.tag", ".delta.part"
_NOT_READY, _RESUMED, _TAKE_WHOLE = 503, 206, frozenset({409, 410})
_TRIES, _WAIT_S = 60, 2.0


class PullError(Exception):
    """The folder could not be brought up to date, and is as it was. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of the folder. how: whole, delta, or nothing. received_bytes: over the wire."""

    manifest: SnapshotManifest
    how: str
    received_bytes: int


class Folder:
    """The folder, in the hands of one command at a time."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self.file = path / SNAPSHOT_FILE

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands out. raises: PullError."""
        with (self._path / ".lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise PullError(f"another command is at work in {self._path}") from error
            yield

    def pinned(self) -> tuple[PublicKey, ...]:
        """The keys that this folder trusts; none before the first use. raises: SignatureError."""
        return read_keys(self._path / KEY_FILE)

    def pin(self, *keys: PublicKey) -> None:
        """Trust these keys and no others."""
        beside = self._path / f".{KEY_FILE}.new"
        beside.write_text("".join(f"{key}\n" for key in keys), "ascii")
        beside.replace(self._path / KEY_FILE)

    def held(self, *, also: tuple[PublicKey, ...] = ()) -> Whole | None:
        """The head of what is there; None for nothing. also: keys that were trusted before.

        raises: SnapshotFileError, SignatureError.
        """
        if not self.file.exists():
            return None
        with opened_whole(self.file, trusted=(*self.pinned(), *also)) as (head, _):
            return head


class Puller:
    """Brings a folder up to date with a hub.

    note:   hears how much has come, and of how much.
    before: keys that the folder trusted before others were named: what they signed is no base any
            more, and still says how far the folder was.
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
        self.folder = Folder(folder)
        self._root = folder
        self._client = client
        self._exercise = exercise
        self._deltas = deltas
        self._note = note
        self._received = 0
        self.before: tuple[PublicKey, ...] = ()

    def hub_keys(self) -> tuple[PublicKey, ...]:
        """The keys that the hub says are its own, newest first; one at least.

        raises: PullError, SignatureError, HubError.
        """
        said = self._when_ready(self._client.read_keys)
        if not said.keys:
            raise PullError("the hub names no key of its own: is --hub right?")
        return tuple(PublicKey.read(key.key) for key in said.keys)

    def pull(self) -> Pulled:
        """Take what changed, or all of it.

        raises: PullError, SnapshotFileError, SignatureError, OSError, HubError.
        """
        held = self.folder.held(also=self.before)
        have = held.manifest.version if held else None
        offer = self._when_ready(
            lambda: self._client.find_snapshot(have=have, exercise=self._exercise)
        )
        if held is None:
            return self._take_whole(None, offer)
        mine = held.manifest
        self._check_mine(mine)
        if offer.version < mine.version:
            raise self._set_back(mine, offer.version)
        if held.key not in self.folder.pinned():
            return self._take_whole(mine, offer)
        if offer.made_at <= mine.made_at:
            return Pulled(mine, "nothing", self._received)
        if offer.view != mine.view or mine.version < offer.oldest_base:
            return self._take_whole(mine, offer)
        return self._take_delta(mine) or self._take_whole(mine, offer)

    def _check_mine(self, mine: SnapshotManifest) -> None:
        """Refuse to mix exercise and real."""
        if mine.exercise != self._exercise:
            has = "with" if mine.exercise else "without"
            raise PullError(
                f"{self._root} holds a snapshot {has} exercise signals: say so in the same way as"
                " before (--exercise or not), or take another folder"
            )

    def _set_back(self, mine: SnapshotManifest, version: int) -> PullError:
        """What is wrong with a hub that is behind."""
        return PullError(
            f"the hub offers version {version}, and {self._root} holds {mine.version}, which is"
            " later: either the hub was set back to a backup, or somebody plays an old snapshot"
            f" back. Ask whoever runs the hub; if it was, delete {self.folder.file} and pull again"
        )

    def _check_next(self, new: SnapshotManifest, mine: SnapshotManifest | None) -> None:
        """Refuse what may not follow what is there."""
        if new.exercise != self._exercise:
            raise PullError("the hub sent a snapshot of another kind than was asked for")
        if mine is None:
            return
        if (new.hub, new.party) != (mine.hub, mine.party):
            raise PullError(
                f"{self._root} holds a snapshot of {mine.party} at hub {mine.hub}, and this one is"
                f" of {new.party} at {new.hub}: take another folder for it"
            )
        if (new.version, new.made_at) < (mine.version, mine.made_at):
            raise self._set_back(mine, new.version)

    def _take_delta(self, mine: SnapshotManifest) -> Pulled | None:
        """Take what changed; None where only the whole helps."""
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
                made = self._receive(answer, Incoming(file, trusted=trusted), mine).manifest
            apply(self.folder.file, path, self.folder.file, trusted=trusted)
            if self._deltas is not None:
                self._deltas.mkdir(parents=True, exist_ok=True, mode=0o700)
                name = f"{mine.version}-{made.version}.delta.jsonl.gz"
                shutil.copyfile(path, self._deltas / name)
        except WrongBaseError:
            return None
        except HubError as error:
            if error.status in _TAKE_WHOLE:
                return None
            raise
        finally:
            path.unlink(missing_ok=True)
        return Pulled(made, "delta", self._received)

    def _take_whole(self, mine: SnapshotManifest | None, offer: SnapshotOffer) -> Pulled:
        """Take all of it, from where the last try was cut off."""
        from stemtide.client.calls import snapshots

        path, tag_file = self._root / _PART, self._root / _TAG
        version, _, tag = _text(tag_file).partition(" ")
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
                made = self._receive_whole(answer, path, mine, begin=begin)
            except (ValueError, PullError):
                path.unlink()  # or the next try would go on from it
                raise
        tag_file.unlink()
        path.replace(self.folder.file)
        return Pulled(made, "whole", self._received)

    def _receive_whole(
        self, answer: "httpx.Response", path: Path, mine: SnapshotManifest | None, *, begin: int
    ) -> SnapshotManifest:
        """Take a whole snapshot in and verify it."""
        trusted = self.folder.pinned()
        with _private(path, "r+b" if begin else "w+b") as file:
            made = self._receive(
                answer, Incoming(file, trusted=trusted, at=begin), mine, begin=begin
            ).manifest
        with opened_whole(path, trusted=trusted) as (_, lines):
            lines.read()
        return made

    def _receive(
        self,
        answer: "httpx.Response",
        incoming: Incoming,
        mine: SnapshotManifest | None,
        *,
        begin: int = 0,
    ) -> Whole:
        """Take an answer in; its head is looked at before the rest is there."""
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
            raise SnapshotFileError("what the hub sent is cut before its first line: pull again")
        self._check_next(incoming.head.manifest, mine)
        return incoming.head

    @contextmanager
    def _opened(self, question: "Parts[bytes]") -> Iterator["httpx.Response"]:
        """A good answer as it comes. raises: HubError; PullError where it breaks off."""
        from stemtide.client import UnreachableError

        stack = ExitStack()
        answer = self._when_ready(lambda: stack.enter_context(self._client.opened(question)))
        try:
            with stack:
                yield answer
        except UnreachableError as error:
            raise PullError(
                f"the hub hung up ({error.__cause__}); pull again: it goes on from where it was"
            ) from error

    def _when_ready(self, ask: Callable[[], Given]) -> Given:
        """Ask, and again while the hub makes what it is about. raises: HubError."""
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
    """Public keys in a file, one a line; none where there is no file. raises: SignatureError."""
    return tuple(PublicKey.read(line) for line in _text(path).split("\n") if line.strip())


def _text(path: Path) -> str:
    """What a small file holds; "" where there is none."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def _private(path: Path, mode: str) -> Any:  # noqa: ANN401  # an open file
    """Open a file that only its owner reads."""
    flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if "w" in mode else 0)
    return os.fdopen(os.open(path, flags, 0o600), mode)
