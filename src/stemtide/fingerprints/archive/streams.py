# SPDX-License-Identifier: Apache-2.0
"""Decompress streams piece by piece, within a budget.

The author of a file decides how far it expands: 42 KB can become 4 GB. So nothing here reads "all",
each piece is counted against a budget before it is passed on, and memory for dictionaries is
limited.
"""

import bz2
import lzma
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from stemtide.fingerprints.limits import LimitError

PIECE_BYTES = 1 << 18
_FED_BYTES = 1 << 16
_MAX_DICTIONARY_BYTES = 256 << 20
_MAX_STREAMS = 10_000
_MB = 1 << 20
_ALLOWED_BYTES = 16 * _MB
"""Size to which anything may expand, however small: the ratio means nothing below it."""

Pieces = Iterator[bytes]


class ArchiveError(ValueError):
    """An archive, or a part of it, cannot be opened. The message says why."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits of one archive, including everything nested in it.

    max_members:      number of files.
    max_depth:        levels of nested archives; 1 is none.
    max_member_bytes: larger files are skipped.
    max_total_bytes:  unpacked bytes in all, skipped files included.
    max_ratio:        unpacked size as a multiple of the packed size, beyond 16 MB.
    cpu_s:            processor time for opening, not for the analysis of the files.
    """

    max_members: int = 2000
    max_depth: int = 4
    max_member_bytes: int = 96 * _MB
    max_total_bytes: int = 384 * _MB
    max_ratio: int = 250
    cpu_s: float = 5.0


@dataclass(slots=True)
class ArchiveBudget:
    """Cost of one archive so far."""

    limits: ArchiveLimits
    packed_bytes: int
    spent_bytes: int = 0
    spent_cpu_s: float = 0.0
    members: int = 0
    _since_s: float = field(default_factory=time.process_time)

    def spend(self, size: int) -> None:
        """Count unpacked bytes.

        raises: LimitError naming the limit that is exceeded.
        """
        self.spent_bytes += size
        most = self.limits.max_ratio * self.packed_bytes
        if self.spent_bytes > self.limits.max_total_bytes:
            raise LimitError(
                "max_total_bytes",
                f"more than {self.limits.max_total_bytes:,} bytes come out of it",
            )
        if self.spent_bytes > max(most, _ALLOWED_BYTES):
            raise LimitError(
                "max_ratio", f"more than {self.limits.max_ratio:,} times its size comes out of it"
            )
        if self.spent_cpu_s + time.process_time() - self._since_s > self.limits.cpu_s:
            raise LimitError("cpu_s", f"opening it takes more than {self.limits.cpu_s:g} s")

    def count_member(self) -> None:
        """Count one file.

        raises: LimitError if there are too many.
        """
        self.members += 1
        if self.members > self.limits.max_members:
            raise LimitError(
                "max_members", f"more than {self.limits.max_members:,} files are in it"
            )

    def pause(self) -> None:
        """Stop the clock while the caller works on a file."""
        self.spent_cpu_s += time.process_time() - self._since_s

    def resume(self) -> None:
        """Start the clock again."""
        self._since_s = time.process_time()


class PieceReader:
    """Pieces, read like a file that cannot be rewound."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._held = b""
        self._failure: ArchiveError | None = None

    def read(self, size: int) -> bytes:
        """Return this many bytes, or fewer at the end.

        raises: ArchiveError if there is nothing more because the stream is damaged.
        """
        parts, missing = [], size
        while missing > 0 and self._fill():
            parts.append(self._held[:missing])
            self._held = self._held[missing:]
            missing -= len(parts[-1])
        if self._failure is not None and not parts and size:
            raise self._failure
        return b"".join(parts)

    def pieces(self, size: int) -> Pieces:
        """Yield the next bytes, this many in all, piece by piece.

        raises: ArchiveError if it ends before.
        """
        while size > 0:
            piece = self.read(min(size, PIECE_BYTES))
            if not piece:
                raise ArchiveError("it is cut off")
            size -= len(piece)
            yield piece

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them; fewer at the end or at damage."""
        ahead = b""
        while len(ahead) < size and self._fill():
            ahead, self._held = ahead + self._held, b""
        self._held = ahead
        return ahead[:size]

    def _fill(self) -> bool:
        """Read a piece if none is buffered. returns: whether there is one."""
        if not self._held and self._failure is None:
            try:
                self._held = next(self._pieces, b"")
            except ArchiveError as failure:
                self._failure = failure
        return bool(self._held)


def stored(blob: memoryview, budget: ArchiveBudget) -> Pieces:
    """Yield uncompressed content."""
    for at in range(0, len(blob), PIECE_BYTES):
        piece = bytes(blob[at : at + PIECE_BYTES])
        budget.spend(len(piece))
        yield piece


def deflated(blob: memoryview, budget: ArchiveBudget) -> Pieces:
    """Inflate one bare deflate stream."""
    yield from _inflate(blob, budget, wbits=-zlib.MAX_WBITS)


def gzipped(blob: memoryview, budget: ArchiveBudget) -> Pieces:
    """Inflate gzip, including all concatenated streams."""
    for _ in range(_MAX_STREAMS):
        end = yield from _inflate(blob, budget, wbits=16 + zlib.MAX_WBITS)
        blob = blob[end:]
        if bytes(blob[:2]) != b"\x1f\x8b":
            return
    raise LimitError("max_members", f"more than {_MAX_STREAMS:,} streams are in it")


def bzipped(blob: memoryview, budget: ArchiveBudget) -> Pieces:
    """Decompress bzip2, including all concatenated streams."""
    yield from _decompress(blob, budget, magic=b"BZh", make=bz2.BZ2Decompressor)


def xzipped(blob: memoryview, budget: ArchiveBudget) -> Pieces:
    """Decompress xz, including all concatenated streams."""
    yield from _decompress(blob, budget, magic=b"\xfd7zXZ", make=_xz)


def raw_lzma(blob: memoryview, budget: ArchiveBudget, *, filters: list[dict[str, int]]) -> Pieces:
    """Decompress bare LZMA or LZMA2, through filters, the outermost first.

    raises: LimitError if its dictionary is larger than the memory for it.
    """
    if any(step.get("dict_size", 0) > _MAX_DICTIONARY_BYTES for step in filters):
        raise LimitError(
            "memory_bytes", f"its dictionary takes more than {_MAX_DICTIONARY_BYTES:,} bytes"
        )

    def make() -> lzma.LZMADecompressor:
        try:
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        except (lzma.LZMAError, ValueError, OverflowError) as error:
            raise ArchiveError(f"it is damaged ({error})") from error

    yield from _decompress(blob, budget, magic=b"", make=make)


def lzma_filter(properties: bytes) -> dict[str, int]:
    """Read the five bytes of properties of LZMA.

    raises: ArchiveError if they are not possible.
    """
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:  # noqa: PLR2004 - lc + 9 * (lp + 5 * pb)
        raise ArchiveError("it is damaged: its LZMA properties are not possible")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    size = max(int.from_bytes(properties[1:], "little"), 4096)
    return {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": size}


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_DICTIONARY_BYTES + 32 * _MB)


def _inflate(blob: memoryview, budget: ArchiveBudget, *, wbits: int) -> Generator[bytes, None, int]:
    """Inflate one stream. returns: where its input ends."""
    engine, at, fed = zlib.decompressobj(wbits), 0, b""
    while not engine.eof:
        if not fed:
            fed = bytes(blob[at : at + _FED_BYTES])
            at += len(fed)
        try:
            piece = engine.decompress(fed, PIECE_BYTES)
        except zlib.error as error:
            raise ArchiveError(f"it is damaged ({error})") from error
        if not piece and not fed:
            raise ArchiveError("it is cut off")
        fed = engine.unconsumed_tail
        budget.spend(len(piece))
        if piece:
            yield piece
    return at - len(engine.unused_data)


def _decompress(
    blob: memoryview,
    budget: ArchiveBudget,
    *,
    magic: bytes,
    make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor],
) -> Pieces:
    """Decompress concatenated streams, as long as the next one begins with the magic."""
    for _ in range(_MAX_STREAMS):
        engine, at = make(), 0
        while not engine.eof:
            fed = bytes(blob[at : at + _FED_BYTES]) if engine.needs_input else b""
            at += len(fed)
            piece = _step(engine, fed)
            if not piece and not fed and engine.needs_input:
                raise ArchiveError("it is cut off")
            budget.spend(len(piece))
            if piece:
                yield piece
        blob = blob[at - len(engine.unused_data) :]
        if not magic or bytes(blob[: len(magic)]) != magic:
            return
    raise LimitError("max_members", f"more than {_MAX_STREAMS:,} streams are in it")


def _step(engine: bz2.BZ2Decompressor | lzma.LZMADecompressor, fed: bytes) -> bytes:
    try:
        return engine.decompress(fed, PIECE_BYTES)
    except lzma.LZMAError as error:
        if "limit" in str(error).lower():
            raise LimitError(
                "memory_bytes", f"its dictionary takes more than {_MAX_DICTIONARY_BYTES:,} bytes"
            ) from error
        raise ArchiveError(f"it is damaged ({error})") from error
    except (OSError, ValueError, EOFError) as error:
        raise ArchiveError(f"it is damaged ({error})") from error
