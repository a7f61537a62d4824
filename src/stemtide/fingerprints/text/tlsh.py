# SPDX-License-Identifier: Apache-2.0
"""Compute TLSH, for exchange with parties that compare documents by it.

Only made here, never compared: it misses a copy in capitals, or with a space more here and there
(docs/understand/fingerprints.md). The package py-tlsh has no wheels; numpy does as well.

source: Oliver, Cheng and Chen, "TLSH - A Locality Sensitive Hash" (2013); Pearson, "Fast Hashing of
        Variable-Length Text Strings", Communications of the ACM 33(6), 1990, for the permutation.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

MIN_BYTES = 50
"""Shorter content has no TLSH."""

MAX_BYTES = 1 << 24
"""Longer content gets none: its checksum is computed byte by byte."""

_PEARSON = bytes.fromhex(
    "0157310cb0b266a679c10654f9e62ca30ec5d5b5a155da5040ef18e2ec8e26c8"
    "6eb168678dfdff324d6551122d601fde196bbe4656edf02248f214d6f4e395eb"
    "61ea39163cfa52afd0057fc76f3e87f8aea9d33a429a6ac3f5ab11bbb6b300f3"
    "8438944b80859e64827e5b0d99f6d8db7744df4e5358c9637a0b5c208872340a"
    "8a1e30b79c233d1a8f4afb5e81a23f98aa0773a7f1ce0396373b97dc5a351783"
    "7dad0fee4f5f59106989e1e0d9a0257b7649029d2e74099186e4cfd4cad745e5"
    "1bbc437ca8fc2a041d6c15f713cd27cbe928ba93c6c09b21a4bf62cca5b4754c"
    "8c24d2ac29369f08b9e871c4e72f927833411c90fedd5dbdc28b702b476db8d1"
)
_BUCKETS = 128
_MIN_FILLED = 64
_BLOCK = 1 << 20
_TRIPLETS = ((2, 1, 2), (3, 1, 3), (5, 2, 3), (7, 2, 4), (11, 1, 4), (13, 3, 4))
"""Salt, and offsets in bytes of the second and the third of three, in windows of five."""


def tlsh_of(blob: bytes) -> str:
    """Return the TLSH of content (128 buckets, checksum of one byte), as "T1" and 70 hex digits.

    returns: "" if there is none: under 50 bytes, over 16 MB, or too little variety.
    """
    if not MIN_BYTES <= len(blob) <= MAX_BYTES:
        return ""
    counts = _counts(blob)
    ordered = np.sort(counts)
    first, second, third = (int(ordered[at]) for at in (31, 63, 95))
    if not third or np.count_nonzero(counts) <= _MIN_FILLED:
        return ""
    over = (counts > first).astype(int) + (counts > second) + (counts > third)
    code = bytes(int(four @ (1, 4, 16, 64)) for four in over.reshape(-1, 4))[::-1]
    ratios = (100 * second // third % 16) | (100 * first // third % 16) << 4
    head = bytes((_swapped(_checksum(blob)), _swapped(_length(len(blob))), ratios))
    return f"T1{(head + code).hex().upper()}"


def _counts(blob: bytes) -> npt.NDArray[np.int64]:
    """Count the hits of each bucket."""
    table = np.frombuffer(_PEARSON, np.uint8)
    counts = np.zeros(256, np.int64)
    for window in _windows(blob):
        for salt, second, third in _TRIPLETS:
            hashed = table[table[_PEARSON[salt] ^ window[0]] ^ window[second]] ^ window[third]
            counts += np.bincount(table[hashed], minlength=256)
    return counts[:_BUCKETS]


def _windows(blob: bytes) -> Iterator[list[Bytes]]:
    """Yield five arrays at a time: each byte from the fifth on, the one before it, and so on."""
    whole = np.frombuffer(blob, np.uint8)
    for at in range(4, len(blob), _BLOCK):
        end = min(at + _BLOCK, len(blob))
        yield [whole[at - back : end - back] for back in range(5)]


def _checksum(blob: bytes) -> int:
    table = np.frombuffer(_PEARSON, np.uint8)
    checksum = 0
    for window in _windows(blob):
        for hashed in table[table[_PEARSON[0] ^ window[0]] ^ window[1]].tobytes():
            checksum = _PEARSON[hashed ^ checksum]
    return checksum


def _length(size: int) -> int:
    """Return the length on a logarithmic scale, in three ranges."""
    if size <= 656:  # noqa: PLR2004 - the paper's
        return int(math.log(size) / math.log(1.5)) & 0xFF
    if size <= 3199:  # noqa: PLR2004 - the paper's
        return int(math.log(size) / math.log(1.3) - 8.72777) & 0xFF
    return int(math.log(size) / math.log(1.1) - 62.5472) & 0xFF


def _swapped(byte: int) -> int:
    """Swap the two digits of a byte."""
    return byte >> 4 | (byte & 0xF) << 4
