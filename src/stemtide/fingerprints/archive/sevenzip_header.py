# SPDX-License-Identifier: Apache-2.0
"""Parse the directory of a 7z archive: packed streams, their coders, and names of files.

Any number in it may be false, so each count is checked against the bytes that are left for it.

source: 7-Zip, DOC/7zFormat.txt.
"""

import zlib
from dataclasses import dataclass, replace

from stemtide.fingerprints.archive.streams import ArchiveError
from stemtide.fingerprints.limits import LimitError

START_BYTES = 32
_MAX_HEADER_BYTES = 16 << 20
_MAX_FILES = 100_000
_MAX_CODERS = 8
_END, _HEADER, _PROPERTIES, _ADDITIONAL, _MAIN, _FILES = 0, 1, 2, 3, 4, 5
_PACK, _UNPACK, _SUBSTREAMS, _SIZE, _CRC, _FOLDER, _CODER_SIZES, _PART_COUNTS = range(6, 14)
_EMPTY_STREAM, _EMPTY_FILE, _NAMES = 14, 15, 17
_PACKED_HEADER = 23


@dataclass(frozen=True, slots=True)
class Coder:
    """One step of packing: the number of its method in hex, and its properties."""

    method: str
    properties: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """Files that are packed together as one stream.

    coders:   the outermost first: the output of the first is the content.
    is_chain: whether each coder has one input and one output.
    parts:    (size, CRC-32 or None) of each file in it.
    """

    coders: tuple[Coder, ...]
    is_chain: bool
    packed_streams: int
    sizes: tuple[int, ...] = ()
    offset: int = 0
    packed_bytes: int = 0
    crc: int | None = None
    parts: tuple[tuple[int, int | None], ...] = ()
    main: int = 0

    @property
    def size_bytes(self) -> int:
        """Return the size of the unpacked stream."""
        return self.sizes[self.main]


@dataclass(frozen=True, slots=True)
class Archive:
    """The directory of an archive: names are in order of the parts of the folders."""

    folders: tuple[Folder, ...]
    files: tuple[str, ...]
    empty_files: tuple[str, ...]


def read_start(blob: bytes) -> bytes:
    """Return the directory in its stored form, which may be packed.

    raises: ArchiveError if it is missing.
    """
    offset, size, crc = (
        int.from_bytes(blob[a:b], "little") for a, b in ((12, 20), (20, 28), (28, 32))
    )
    header = blob[START_BYTES + offset : START_BYTES + offset + size]
    if len(header) != size or len(blob) < START_BYTES:
        raise ArchiveError("it is cut off: its directory is missing")
    if size > _MAX_HEADER_BYTES:
        raise LimitError("max_members", f"its directory has {size:,} bytes")
    if zlib.crc32(header) != crc:
        raise ArchiveError("its directory is damaged")
    return header


def read_packed_header(header: bytes) -> Folder | None:
    """Return the packing of a directory, None if it is not packed.

    raises: ArchiveError if it is damaged.
    """
    reader = _Reader(header)
    if not header or reader.byte() != _PACKED_HEADER:
        return None
    folders = _streams(reader)
    if len(folders) != 1 or folders[0].size_bytes > _MAX_HEADER_BYTES:
        raise ArchiveError("its directory is damaged: it is packed in an odd way")
    return folders[0]


def read_archive(header: bytes) -> Archive:
    """Parse an unpacked directory.

    raises: ArchiveError if it is damaged.
    """
    if not header:
        return Archive((), (), ())
    reader = _Reader(header)
    reader.expect(_HEADER)
    kind = reader.byte()
    if kind == _PROPERTIES:
        while reader.byte() != _END:
            reader.take(reader.number())
        kind = reader.byte()
    if kind == _ADDITIONAL:
        _streams(reader)
        kind = reader.byte()
    folders: list[Folder] = []
    if kind == _MAIN:
        folders = _streams(reader)
        kind = reader.byte()
    files, empty_files = _files(reader) if kind == _FILES else ([], [])
    return Archive(tuple(folders), tuple(files), tuple(empty_files))


class _Reader:
    """Reads numbers from bytes, and never past them."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0

    def take(self, size: int) -> bytes:
        if size > len(self._blob) - self._at:
            raise ArchiveError("its directory is damaged: it is too short")
        self._at += size
        return self._blob[self._at - size : self._at]

    def rest(self) -> bytes:
        return self.take(len(self._blob) - self._at)

    def byte(self) -> int:
        return self.take(1)[0]

    def expect(self, kind: int) -> None:
        if (actual := self.byte()) != kind:
            raise ArchiveError(f"its directory is damaged: {actual} where {kind} belongs")

    def number(self) -> int:
        """Read a number of one to nine bytes: leading ones of the first tell how many follow."""
        first = self.byte()
        following = next((at for at in range(8) if not first & (0x80 >> at)), 8)
        low = int.from_bytes(self.take(following), "little")
        high = first & ((0x80 >> following) - 1) if following < 8 else 0  # noqa: PLR2004 - bits
        return high << (8 * following) | low

    def count(self, most: int = _MAX_FILES) -> int:
        """Read the number of items that follow."""
        count = self.number()
        if count > most:
            raise LimitError("max_members", f"its directory counts {count:,} of something")
        return count

    def bits(self, count: int) -> list[bool]:
        packed = self.take(-(-count // 8))
        return [bool(packed[at // 8] & (0x80 >> at % 8)) for at in range(count)]

    def some_bits(self, count: int) -> list[bool]:
        """Read bits, after a byte that is set if all of them are."""
        return [True] * count if self.byte() else self.bits(count)

    def checksums(self, count: int) -> list[int | None]:
        return [
            int.from_bytes(self.take(4), "little") if is_there else None
            for is_there in self.some_bits(count)
        ]


def _streams(reader: _Reader) -> list[Folder]:
    """Read the packed streams: their place, coders and parts."""
    offset, sizes, folders, are_parts_read = 0, list[int](), list[Folder](), False
    while (kind := reader.byte()) != _END:
        if kind == _PACK:
            offset, sizes = _packed(reader)
        elif kind == _UNPACK:
            folders = _placed(_folders(reader), offset, sizes)
        elif kind == _SUBSTREAMS:
            folders, are_parts_read = _parts(reader, folders), True
        else:
            raise ArchiveError(f"its directory is damaged: {kind} among the streams")
    if not are_parts_read:
        folders = [replace(folder, parts=((folder.size_bytes, folder.crc),)) for folder in folders]
    return folders


def _packed(reader: _Reader) -> tuple[int, list[int]]:
    offset, count, sizes = reader.number(), reader.count(), list[int]()
    while (kind := reader.byte()) != _END:
        if kind == _SIZE:
            sizes = [reader.number() for _ in range(count)]
        elif kind == _CRC:
            reader.checksums(count)
        else:
            raise ArchiveError(f"its directory is damaged: {kind} among packed sizes")
    return START_BYTES + offset, sizes


def _folders(reader: _Reader) -> list[Folder]:
    reader.expect(_FOLDER)
    count = reader.count()
    reader.expect(0)  # in this place, not elsewhere
    folders = [_folder(reader) for _ in range(count)]
    reader.expect(_CODER_SIZES)
    folders = [
        replace(folder, sizes=tuple(reader.number() for _ in folder.coders)) for folder in folders
    ]
    kind = reader.byte()
    if kind == _CRC:
        checksums = reader.checksums(count)
        folders = [replace(entry, crc=crc) for entry, crc in zip(folders, checksums, strict=True)]
        kind = reader.byte()
    if kind != _END:
        raise ArchiveError(f"its directory is damaged: {kind} among folders")
    return folders


def _folder(reader: _Reader) -> Folder:
    coders, inputs, outputs = [], 0, 0
    for _ in range(reader.count(_MAX_CODERS)):
        flags = reader.byte()
        method = reader.take(flags & 0xF).hex()
        ins, outs = (reader.number(), reader.number()) if flags & 0x10 else (1, 1)
        if ins > _MAX_CODERS or outs != 1 or flags & 0xC0:
            raise ArchiveError("its directory is damaged: a coder is not possible")
        coders.append(Coder(method, reader.take(reader.number()) if flags & 0x20 else b""))
        inputs, outputs = inputs + ins, outputs + outs
    if not coders:
        raise ArchiveError("its directory is damaged: nothing says how it is packed")
    bound = {}  # which output each input takes
    for _ in range(outputs - 1):
        taking = reader.number()
        bound[taking] = reader.number()
    packed = inputs - len(bound)
    if packed > 1:
        for _ in range(packed):
            reader.number()
    is_chain = inputs == len(coders) and packed == 1
    main = min(set(range(len(coders))) - set(bound.values()), default=0)
    order = _order(bound, main, len(coders)) if is_chain else list(range(len(coders)))
    return Folder(tuple(coders[at] for at in order), is_chain, max(1, packed), main=main)


def _order(bound: dict[int, int], main: int, count: int) -> list[int]:
    """Return the coders of a chain, from the one whose output is the content to the packed one."""
    order: list[int] = []
    at: int | None = main
    while at is not None and at not in order and at < count:
        order.append(at)
        at = bound.get(at)
    if len(order) != count:
        raise ArchiveError("its directory is damaged: its coders are no chain")
    return order


def _placed(folders: list[Folder], offset: int, sizes: list[int]) -> list[Folder]:
    """Assign packed bytes to each folder; folders with several streams are not opened."""
    placed, at = [], 0
    for folder in folders:
        own = sizes[at : at + folder.packed_streams]
        if len(own) != folder.packed_streams:
            raise ArchiveError("its directory is damaged: a packed size is missing")
        placed.append(replace(folder, offset=offset, packed_bytes=own[0]))
        offset += sum(own)
        at += folder.packed_streams
    return placed


def _parts(reader: _Reader, folders: list[Folder]) -> list[Folder]:
    counts, kind = [1] * len(folders), reader.byte()
    if kind == _PART_COUNTS:
        counts = [reader.count() for _ in folders]
        kind = reader.byte()
    if sum(counts) > _MAX_FILES:
        raise LimitError("max_members", f"its directory counts {sum(counts):,} files")
    sizes = []
    for folder, count in zip(folders, counts, strict=True):
        stated = [reader.number() for _ in range(count - 1)] if kind == _SIZE else []
        rest = folder.size_bytes - sum(stated)
        if rest < 0 or len(stated) < count - 1:
            raise ArchiveError("its directory is damaged: sizes do not add up")
        sizes.append([*stated, rest] if count else [])
    kind = reader.byte() if kind == _SIZE else kind
    known_crcs = [
        folder.crc if len(own) == 1 else None for folder, own in zip(folders, sizes, strict=True)
    ]
    missing = sum(len(own) for own, crc in zip(sizes, known_crcs, strict=True) if crc is None)
    checksums = iter(reader.checksums(missing) if kind == _CRC else [None] * missing)
    with_parts = []
    for folder, own, crc in zip(folders, sizes, known_crcs, strict=True):
        crcs = [next(checksums) if crc is None else crc for _ in own]
        with_parts.append(replace(folder, parts=tuple(zip(own, crcs, strict=True))))
    while kind != _END:
        kind = reader.byte()
    return with_parts


def _files(reader: _Reader) -> tuple[list[str], list[str]]:
    """Return the names of files with content, and of those without; folders are skipped."""
    count = reader.count()
    names, is_empty, is_file = [""] * count, [False] * count, list[bool]()
    while (kind := reader.number()) != _END:
        part = _Reader(reader.take(reader.number()))
        if kind == _EMPTY_STREAM:
            is_empty = part.bits(count)
        elif kind == _EMPTY_FILE:
            is_file = part.bits(sum(is_empty))
        elif kind == _NAMES and part.byte() == 0:
            names = part.rest().decode("utf-16-le", "replace").split("\0")[:count]
            names += ["unnamed"] * (count - len(names))
    full = [name for name, empty in zip(names, is_empty, strict=True) if not empty]
    empty = [name for name, empty in zip(names, is_empty, strict=True) if empty]
    return full, [name for name, is_one in zip(empty, is_file, strict=False) if is_one]
