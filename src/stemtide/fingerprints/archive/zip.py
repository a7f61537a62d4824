# SPDX-License-Identifier: Apache-2.0
"""Read zip archives entry by entry from their directory.

Python's zipfile reads the whole directory first, at a kilobyte of memory per entry; a directory of
256 MB has five million. This one is read on demand.

source: PKWARE, APPNOTE.TXT (.ZIP File Format Specification) 6.3.10.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from stemtide.fingerprints.archive.streams import (
    ArchiveBudget,
    ArchiveError,
    Pieces,
    bzipped,
    deflated,
    lzma_filter,
    raw_lzma,
    stored,
    xzipped,
)

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_COMMENT_BYTES = 0xFFFF
_ALL_ONES = 0xFFFFFFFF
_ENCRYPTED, _UTF_8 = 0x1, 0x800
_AES = 99
_ZIP_64 = 1
_LZMA_PROPERTIES_BYTES = 9


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry of the directory, with its stated sizes and place."""

    name: str
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    offset: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")

    @property
    def is_encrypted(self) -> bool:
        """Whether it needs a password."""
        return bool(self.flags & _ENCRYPTED) or self.method == _AES


def zip_entries(blob: bytes) -> Iterator[ZipEntry]:
    """Yield the entries of the directory.

    raises: ArchiveError if there is none, or where it is damaged.
    """
    at, count, shift = _directory(blob)
    for _ in range(count):
        try:
            fields = _ENTRY.unpack_from(blob, at)
        except struct.error as error:
            raise ArchiveError("it is cut off in its directory") from error
        if fields[0] != b"PK\x01\x02":
            raise ArchiveError("its directory is damaged")
        flags, method, crc = fields[3], fields[4], fields[7]
        name_bytes, extra_bytes, comment_bytes = fields[10:13]
        at += _ENTRY.size
        name = blob[at : at + name_bytes]
        extra = blob[at + name_bytes : at + name_bytes + extra_bytes]
        at += name_bytes + extra_bytes + comment_bytes
        packed, size, offset = _wide(extra, packed=fields[8], size=fields[9], offset=fields[16])
        yield ZipEntry(
            name=name.decode("utf-8" if flags & _UTF_8 else "cp437", "replace"),
            flags=flags,
            method=method,
            crc=crc,
            packed_bytes=packed,
            size_bytes=size,
            offset=offset + shift,
        )


def open_entry(blob: bytes, entry: ZipEntry, budget: ArchiveBudget) -> Pieces:
    """Yield the content of an entry, and verify its checksum at the end.

    raises: ArchiveError if it is damaged, or packed with an unsupported method.
    """
    try:
        fields = _LOCAL.unpack_from(blob, entry.offset)
    except struct.error as error:
        raise ArchiveError("it is cut off") from error
    if entry.offset < 0 or fields[0] != b"PK\x03\x04":
        raise ArchiveError("it is damaged: its content is not where its directory says")
    at = entry.offset + _LOCAL.size + fields[9] + fields[10]
    packed = memoryview(blob)[at : at + entry.packed_bytes]
    crc = 0
    for piece in _opened(packed, entry, budget):
        crc = zlib.crc32(piece, crc)
        yield piece
    if crc != entry.crc:
        raise ArchiveError("it is damaged: its checksum is another one")


def _opened(packed: memoryview, entry: ZipEntry, budget: ArchiveBudget) -> Pieces:
    match entry.method:
        case 0:
            return stored(packed, budget)
        case 8:
            return deflated(packed, budget)
        case 12:
            return bzipped(packed, budget)
        case 14:
            filters = [lzma_filter(bytes(packed[4:_LZMA_PROPERTIES_BYTES]))]
            whole = raw_lzma(packed[_LZMA_PROPERTIES_BYTES:], budget, filters=filters)
            return _first(whole, entry.size_bytes)
        case 95:
            return xzipped(packed, budget)
    raise ArchiveError(f"it is packed by method {entry.method}, which is not opened here")


def _first(pieces: Pieces, size: int) -> Pieces:
    """Yield this many bytes and read no further: bare LZMA does not state where it ends."""
    for piece in pieces:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return


def _directory(blob: bytes) -> tuple[int, int, int]:
    """Return the start of the directory, its number of entries, and the size of any prefix."""
    end = blob.rfind(b"PK\x05\x06", max(0, len(blob) - _MAX_COMMENT_BYTES - _END.size))
    if end < 0 or end + _END.size > len(blob):
        raise ArchiveError("it is cut off: its directory is missing")
    *_, count, size, offset, _ = _END.unpack_from(blob, end)
    if end >= _LOCATOR_64.size and blob[end - 20 : end - 16] == b"PK\x06\x07":
        wide = _LOCATOR_64.unpack_from(blob, end - _LOCATOR_64.size)[2]
        if blob[wide : wide + 4] == b"PK\x06\x06" and wide + _END_64.size <= len(blob):
            *_, count, size, offset = _END_64.unpack_from(blob, wide)
            end = wide
    # A prefix of an archive (a picture, a program) shifts everything by its length.
    shift = end - size - offset
    if shift < 0:
        raise ArchiveError("its directory is damaged")
    return offset + shift, count, shift


def _wide(extra: bytes, *, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """Replace sizes that do not fit 32 bits by those of the extra field for them."""
    at, wide = 0, b""
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP_64:
            wide = extra[at + 4 : at + 4 + length]
        at += 4 + length
    stated = []
    for number in (size, packed, offset):
        if number == _ALL_ONES and len(wide) >= 8:  # noqa: PLR2004 - bytes of a 64-bit number
            stated.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            stated.append(number)
    return stated[1], stated[0], stated[2]
