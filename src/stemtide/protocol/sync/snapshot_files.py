# SPDX-License-Identifier: Apache-2.0
"""Files of snapshots and deltas: write them, verify them with a public key, apply deltas.

A file is gzip in members of about a megabyte. The first line has a member of its own, so that it
can be read before the rest has arrived; lines never span members, so that a tail can be cut off.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES
from stemtide.protocol.sync.signatures import PublicKey, Signed, check
from stemtide.protocol.sync.snapshots import DeltaHead, DeltaManifest, SnapshotManifest, WholeHead

MEMBER_BYTES = 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES + 256 * 1024  # a value is in hex
_LEVEL = 4  # of gzip; higher levels take twice the time to save 2 %
_READ_BYTES = 256 * 1024
_DELTA = b'{"delta":'

_Kind = TypeVar("_Kind", bound=BaseModel)


class SnapshotFileError(ValueError):
    """A file is not a snapshot, or not the one that its hub signed. The message says what to do."""


class WrongBaseError(SnapshotFileError):
    """A delta does not start at the snapshot at hand: another one, or a full one, is needed."""


class _Id(msgspec.Struct):
    id: str


_IDS = msgspec.json.Decoder(_Id)


@dataclass(frozen=True, slots=True)
class VerifiedSnapshotHead:
    """The verified first line of a full snapshot. key: the key that signed it."""

    signed: Signed
    manifest: SnapshotManifest
    key: PublicKey


@dataclass(frozen=True, slots=True)
class VerifiedDeltaHead:
    """The verified first line of a delta."""

    manifest: DeltaManifest
    result: VerifiedSnapshotHead


class LineWriter:
    """Write lines into a gzip file, and count and digest them.

    starts: for each member, the mark of its first lines and its offset in the output.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._mark = 0
        self._written = 0
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.starts: list[tuple[int, int]] = []

    def add(self, lines: bytes, *, mark: int = 0) -> None:
        """Write complete lines."""
        if not lines:
            return
        if not self._waiting:
            self._mark = mark
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)
        self._digest.update(lines)
        self.size_bytes += len(lines)
        if self._waiting_bytes >= MEMBER_BYTES:
            self.flush()

    def flush(self) -> None:
        """End the member."""
        if not self._waiting:
            return
        self.starts.append((self._mark, self._written))
        self._written += self._file.write(member(b"".join(self._waiting)))
        self._waiting, self._waiting_bytes = [], 0

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of all lines so far, in hex."""
        return self._digest.hexdigest()


def member(lines: bytes) -> bytes:
    """Return lines as a gzip member, byte for byte the same for the same lines."""
    return gzip.compress(lines, compresslevel=_LEVEL, mtime=0)


def head_member(head: BaseModel) -> bytes:
    """Return the first line of a file, as its first member."""
    return member(head.model_dump_json().encode() + b"\n")


class SnapshotDownload:
    """A download from an untrusted source, limited to the size that its signed head promises.

    head: of the snapshot that it is or leads to, once enough bytes have arrived.
    """

    def __init__(self, file: BinaryIO, *, trusted: Collection[PublicKey], at: int = 0) -> None:
        """Continue at an offset. at: where new bytes begin; the file has those before it."""
        self._file = file
        self._trusted = trusted
        self._size = at
        self._head_bytes = b""
        self._promised = 0
        self.head: VerifiedSnapshotHead | None = None
        if at:
            file.seek(0)
            self._head_bytes = file.read(min(at, MAX_HEAD_BYTES))
            self._read_head()
            file.seek(at)

    def add(self, part: bytes) -> None:
        """Write a part. raises: SnapshotFileError, SignatureError."""
        if self.head is None:
            self._head_bytes += part[: MAX_HEAD_BYTES - len(self._head_bytes)]
            self._read_head()
        self._size += len(part)
        if self._size > self._max_bytes():
            raise SnapshotFileError(
                f"the hub sends more than the {self._max_bytes()} bytes that its snapshot may have:"
                " tell whoever runs it"
            )
        self._file.write(part)

    def _max_bytes(self) -> int:
        """Return the size limit: the promised size, and the overhead that gzip may add."""
        return self._promised + self._promised // 500 + 2 * MAX_HEAD_BYTES

    def _read_head(self) -> None:
        """Read the head, if it has arrived completely."""
        inflater = zlib.decompressobj(31)
        try:
            begin = inflater.decompress(self._head_bytes, MAX_HEAD_BYTES)
        except zlib.error as error:
            raise SnapshotFileError(f"what the hub sends is not gzip ({error})") from error
        if not inflater.eof:
            return
        name = "what the hub sends"
        if begin.startswith(_DELTA):
            delta = _delta_head(begin, name=name, trusted=self._trusted)
            self.head, self._promised = delta.result, delta.manifest.size_bytes
        else:
            self.head = read_whole_head(begin, name=name, trusted=self._trusted)
            self._promised = self.head.manifest.size_bytes


@contextmanager
def opened_whole(
    path: Path, *, trusted: Collection[PublicKey]
) -> Iterator[tuple[VerifiedSnapshotHead, "SnapshotLines"]]:
    """Open a full snapshot: its head, and its lines, which are verified once all are read.

    raises: SnapshotFileError, SignatureError, OSError.
    """
    with gzip.open(path, "rb") as file:
        first = _first_line(file, name=str(path))
        head = read_whole_head(first, name=str(path), trusted=trusted)
        yield head, SnapshotLines(file, head.manifest, count=head.manifest.signals, name=str(path))


@contextmanager
def opened_delta(
    path: Path, *, trusted: Collection[PublicKey]
) -> Iterator[tuple[VerifiedDeltaHead, "SnapshotLines"]]:
    """Open a delta, like opened_whole. raises: SnapshotFileError, SignatureError, OSError."""
    with gzip.open(path, "rb") as file:
        head = _delta_head(_first_line(file, name=str(path)), name=str(path), trusted=trusted)
        count = head.manifest.drops + head.manifest.puts
        yield head, SnapshotLines(file, head.manifest, count=count, name=str(path))


def is_delta(path: Path) -> bool:
    """Whether a file is a delta, not a full snapshot. raises: SnapshotFileError, OSError."""
    with gzip.open(path, "rb") as file:
        return _first_line(file, name=str(path)).startswith(_DELTA)


def read_whole_head(
    line: bytes, *, name: str, trusted: Collection[PublicKey]
) -> VerifiedSnapshotHead:
    """Parse and verify a full snapshot's first line. raises: SnapshotFileError, SignatureError."""
    return _verified_head(_read(WholeHead, line, name=name).snapshot, name=name, trusted=trusted)


class SnapshotLines:
    """The lines after the first, in pieces. Do not use them before all of them were read."""

    def __init__(
        self,
        file: gzip.GzipFile,
        manifest: SnapshotManifest | DeltaManifest,
        *,
        count: int,
        name: str,
    ) -> None:
        self._file = file
        self._manifest = manifest
        self._count = count
        self._name = name

    def pieces(self) -> Iterator[bytes]:
        """Yield groups of complete lines. May be called once.

        raises: SnapshotFileError, at the latest at the end, if they are not the signed lines.
        """
        digest, size, count, rest = hashlib.sha256(), 0, 0, bytearray()
        while part := _read_bytes(self._file, name=self._name):
            size += len(part)
            if size > self._manifest.size_bytes or len(rest) > MAX_LINE_BYTES:
                break
            digest.update(part)
            cut = part.rfind(b"\n") + 1
            if not cut:
                rest += part
                continue
            piece, rest = bytes(rest) + part[:cut], bytearray(part[cut:])
            count += piece.count(b"\n")
            yield piece
        actual = (size, count, digest.hexdigest())
        if rest or actual != (self._manifest.size_bytes, self._count, self._manifest.sha256):
            raise SnapshotFileError(
                f"{self._name} is not what the hub signed: it was cut or changed ({count} of"
                f" {self._count} lines, {size} of {self._manifest.size_bytes} bytes were read);"
                " fetch it again"
            )

    def read(self) -> None:
        """Read all lines to verify them. raises: SnapshotFileError."""
        for _ in self.pieces():
            pass


def apply(
    base: Path, delta: Path, out: Path, *, trusted: Collection[PublicKey]
) -> VerifiedSnapshotHead:
    """Apply a delta to a base snapshot; out is replaced by the result, or left unchanged.

    1 Verify the delta, and collect the ids of its signals.
    2 Write the base's other lines, verifying the base along the way.
    3 Append the delta's signals: they changed last, so their positions are the highest.
    4 Keep the result only if it is the snapshot that the hub signed, byte for byte.

    raises: WrongBaseError, SnapshotFileError, SignatureError, OSError.
    """
    with opened_delta(delta, trusted=trusted) as (head, lines):
        spoken_of = {_id(line) for piece in lines.pieces() for line in piece.splitlines()}
    target = head.result.manifest
    with replacing(out) as file:
        file.write(head_member(WholeHead(snapshot=head.result.signed)))
        writer = LineWriter(file)
        with opened_whole(base, trusted=trusted) as (before, lines):
            check_base(before.manifest, head.manifest, name=str(base))
            for piece in lines.pieces():
                writer.add(_drop_lines(piece, spoken_of))
        with opened_delta(delta, trusted=trusted) as (again, lines):
            rest = again.manifest.drops
            for piece in lines.pieces():
                piece_lines = piece.splitlines(keepends=True)
                writer.add(b"".join(piece_lines[rest:]))
                rest = max(0, rest - len(piece_lines))
        writer.flush()
        if (writer.size_bytes, writer.sha256) != (target.size_bytes, target.sha256):
            raise WrongBaseError(
                f"{delta} makes of {base} not what the hub signed as version {target.version}:"
                " fetch the whole snapshot"
            )
    return head.result


def check_base(base: SnapshotManifest, delta: DeltaManifest, *, name: str) -> None:
    """Refuse a base that the delta does not start at. raises: WrongBaseError."""
    if (base.hub, base.party, base.exercise) != (delta.hub, delta.party, delta.exercise):
        raise WrongBaseError(
            f"{name} is a snapshot of another hub, party or kind than the delta (exercise or not):"
            " put those together that belong together"
        )
    if base.version != delta.base:
        raise WrongBaseError(
            f"{name} is version {base.version}, and the delta begins at {delta.base}: apply deltas"
            " in their order, each once"
        )
    if base.view != delta.view:
        raise WrongBaseError(
            f"what {base.party} may see has changed since {name}: fetch the whole snapshot"
        )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces another one once it is completely on disk.

    Readable by its owner only: handling marks on signals are binding.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _verified_head(
    signed: Signed, *, name: str, trusted: Collection[PublicKey]
) -> VerifiedSnapshotHead:
    """Return a full snapshot's head after verifying its signature."""
    key = check(signed, trusted=trusted)
    return VerifiedSnapshotHead(
        signed, _read(SnapshotManifest, signed.manifest.encode(), name=name), key
    )


def _delta_head(line: bytes, *, name: str, trusted: Collection[PublicKey]) -> VerifiedDeltaHead:
    """Parse a delta's first line and verify its signatures."""
    head = _read(DeltaHead, line, name=name)
    check(head.delta, trusted=trusted)
    manifest = _read(DeltaManifest, head.delta.manifest.encode(), name=name)
    result = _verified_head(head.snapshot, name=name, trusted=trusted)
    _check_heads_match(manifest, result.manifest, name=name)
    return VerifiedDeltaHead(manifest, result)


def _check_heads_match(delta: DeltaManifest, to: SnapshotManifest, *, name: str) -> None:
    """Refuse a delta whose two heads do not belong together. raises: SnapshotFileError."""
    of_delta = (delta.hub, delta.party, delta.exercise, delta.version, delta.view, delta.result)
    if of_delta != (to.hub, to.party, to.exercise, to.version, to.view, to.sha256):
        raise SnapshotFileError(f"{name} holds two heads that do not belong together")


def _read(kind: type[_Kind], line: bytes, *, name: str) -> _Kind:
    """Parse the message in a line. raises: SnapshotFileError."""
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise SnapshotFileError(
            f"{name} does not begin as a {kind.__name__} does: it is no snapshot of a hub, or one"
            " of a later version of Stemtide"
        ) from error


def _first_line(file: gzip.GzipFile, *, name: str) -> bytes:
    """Read the head's line. raises: SnapshotFileError."""
    try:
        return file.readline(MAX_HEAD_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SnapshotFileError(
            f"{name} is no snapshot of a hub, or a damaged one ({error})"
        ) from error


def _read_bytes(file: gzip.GzipFile, *, name: str) -> bytes:
    """Read the next bytes. raises: SnapshotFileError."""
    try:
        return file.read1(_READ_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SnapshotFileError(f"{name} is cut or damaged ({error}): fetch it again") from error


def _id(line: bytes) -> str:
    """Return the id of a line's signal. raises: SnapshotFileError."""
    try:
        return _IDS.decode(line).id
    except msgspec.DecodeError as error:
        raise SnapshotFileError(f"a line speaks of no signal ({error})") from error


def _drop_lines(piece: bytes, ids: Collection[str]) -> bytes:
    """Return lines without those of the given signals."""
    if not ids:
        return piece
    lines: Sequence[bytes] = piece.splitlines(keepends=True)
    return b"".join(line for line in lines if _id(line) not in ids)
