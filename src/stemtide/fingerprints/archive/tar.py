# SPDX-License-Identifier: Apache-2.0
"""Read tar archives from a stream that is decompressed on the fly.

Python's tarfile reads headers of any stated size into memory, and versions in use take quadratic
time over hostile ones. A header here has at most a megabyte.

source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from collections.abc import Iterator

from stemtide.fingerprints.archive.streams import ArchiveError, PieceReader, Pieces

BLOCK_BYTES = 512
_MAX_HEADER_BYTES = 1 << 20
_REGULAR = frozenset(b"0\x007")
_LONG_NAME, _PAX, _SPARSE = ord("L"), ord("x"), ord("S")
_WITHOUT_CONTENT = frozenset(b"123456")
_CHECKSUM = slice(148, 156)


def is_tar(head: bytes) -> bool:
    """Whether the first block is the header of a tar archive with a correct checksum."""
    block = head[:BLOCK_BYTES]
    if len(block) < BLOCK_BYTES or not block[0]:
        return False
    return _sum(block) == _number(block[_CHECKSUM])


def tar_entries(stream: PieceReader) -> Iterator[tuple[str, Pieces]]:
    """Yield name and content of each file, one after the other.

    The unread rest of a content is skipped when the next file is requested.

    raises: ArchiveError where the archive is damaged or cut off.
    """
    name, size = "", -1
    while (block := stream.read(BLOCK_BYTES)) and any(block):
        if not is_tar(block):
            raise ArchiveError("it is cut off or damaged: a header of it is")
        kind, stated = block[156], _number(block[124:136])
        if kind in {_LONG_NAME, _PAX}:
            header = _header(stream, stated)
            found_name, found_size = _read_header(kind, header)
            name, size = found_name or name, found_size if found_size >= 0 else size
            continue
        length = size if size >= 0 else stated
        content = stream.pieces(0 if kind in _WITHOUT_CONTENT else length)
        if kind in _REGULAR or kind == _SPARSE:
            yield name or _name(block), content
        for _ in content:
            pass  # the unread rest
        stream.read(-length % BLOCK_BYTES if kind not in _WITHOUT_CONTENT else 0)
        name, size = "", -1


def _header(stream: PieceReader, size: int) -> bytes:
    if size > _MAX_HEADER_BYTES:
        raise ArchiveError(f"it is damaged: a header of it has {size:,} bytes")
    header = b"".join(stream.pieces(size))
    stream.read(-size % BLOCK_BYTES)
    return header


def _read_header(kind: int, header: bytes) -> tuple[str, int]:
    """Return name and size from a header before a file; "" and -1 for neither."""
    if kind == _LONG_NAME:
        return header.split(b"\0", 1)[0].decode("utf-8", "replace"), -1
    name, size, at = "", -1, 0
    while at < len(header):
        length, _, _ = header[at : at + 20].partition(b" ")
        if not length.isdigit() or not int(length):
            break
        key, _, value = header[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "replace")
        elif key == b"size" and value[:20].isdigit():
            size = int(value[:20])
        at += int(length)
    return name, size


def _name(block: bytes) -> str:
    name = block[:100].split(b"\0", 1)[0]
    if block[257:262] == b"ustar" and block[345]:
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    return name.decode("utf-8", "replace")


def _number(field: bytes) -> int:
    """Parse a number in octal, or in base 256 if its first bit is set; -1 if it is neither."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return -1


def _sum(block: bytes) -> int:
    return sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")
