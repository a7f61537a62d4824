# SPDX-License-Identifier: Apache-2.0
"""Read from the headers of a RAR 5 archive which of its files are encrypted.

libarchive before 3.8 hands out the content of such a file as it is packed, without a word.

source: RARLAB, RAR 5.0 archive format.
"""

import itertools
from collections.abc import Iterator

from stemtide.fingerprints.archive.streams import ArchiveBudget

RAR_5 = b"Rar!\x1a\x07\x01\x00"
_CRC_BYTES = 4
_FILE, _END = 2, 5
_HAS_EXTRA, _HAS_DATA = 1, 2
_ENCRYPTION = 1
_MAX_NUMBER_BYTES = 10
_HEADERS_AT_ONCE = 1000


def encrypted_files(blob: bytes, budget: ArchiveBudget) -> Iterator[bool]:
    """Yield for each file of an archive, folders included, whether it is encrypted.

    It ends where the archive is damaged or cut off.

    raises: LimitError if that takes too long: an archive can be headers without a file.
    """
    at = len(RAR_5)
    for count in itertools.count():
        if at >= len(blob):
            return
        if count % _HEADERS_AT_ONCE == 0:
            budget.spend(0)  # looks at the clock
        size, start = _number(blob, at + _CRC_BYTES)
        kind, place = _number(blob, start)
        flags, place = _number(blob, place)
        extra_bytes = data_bytes = 0
        if flags & _HAS_EXTRA:
            extra_bytes, place = _number(blob, place)
        if flags & _HAS_DATA:
            data_bytes, place = _number(blob, place)
        end = start + size
        if kind == _END:
            return
        if kind == _FILE:
            yield _names_encryption(blob[max(place, end - extra_bytes) : end])
        at = end + data_bytes


def _names_encryption(extra: bytes) -> bool:
    """Whether one of the records of an extra area is that of encryption."""
    at = 0
    while at < len(extra):
        size, start = _number(extra, at)
        kind, _ = _number(extra, start)
        if kind == _ENCRYPTION:
            return True
        at = start + size
    return False


def _number(blob: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and the place after it."""
    value = 0
    for place, byte in enumerate(blob[at : at + _MAX_NUMBER_BYTES]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the last byte of the number
            return value, at + place + 1
    return value, at + _MAX_NUMBER_BYTES
