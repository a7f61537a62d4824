# SPDX-License-Identifier: Apache-2.0
"""Find equal values of fixed length, such as digests, in five bytes each.

Of a value, 32 bits of a keyed hash are stored. So one in 2^32 pairs of different values looks
equal: the caller compares again. The key is secret and new in each process, so nobody can make
content whose values look equal to those of a signal.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BUCKETS = 1 << 16
_KEY = np.uint64(secrets.randbits(64) | 1)

Hashes = npt.NDArray[np.uint32]
Seqs = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.uint8]
"""(n, 3) uint8: numbers below 2^24."""


def hash_values(values: Sequence[bytes]) -> Hashes:
    """Return the hashes of values, from the first 8 bytes of each.

    source: Dietzfelbinger and others, A reliable randomized algorithm for the closest-pair problem,
            Journal of Algorithms 25 (1997), 19-51: multiply by an odd key, take the highest bits.
    """
    words = np.frombuffer(b"".join(value[:8] for value in values), dtype="<u8")
    return ((words * _KEY) >> np.uint64(32)).astype(np.uint32)


@dataclass(frozen=True, eq=False)
class PackedDigests:
    """Hashes, sorted, with the entries that they are of.

    starts: (_BUCKETS + 1,) uint32, by the upper half of the hash. lower: (n,) uint16, the other
    half. offsets: (n, 3) uint8, the number of each one's entry, from `first` on.
    """

    first: int
    starts: npt.NDArray[np.uint32]
    lower: npt.NDArray[np.uint16]
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.lower)

    @classmethod
    def of(cls, hashes: Hashes, seqs: Seqs, *, first: int) -> "PackedDigests":
        """Pack hashes of entries whose numbers are less than 2^24 apart from `first`."""
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        starts = np.searchsorted(hashes >> 16, np.arange(_BUCKETS + 1)).astype(np.uint32)
        lower = (hashes & 0xFFFF).astype(np.uint16)
        return cls(first, starts, lower, pack_offsets(seqs[order], first=first))

    def columns(self) -> tuple[Hashes, Seqs]:
        """Return all hashes with the numbers of their entries."""
        upper = np.repeat(np.arange(_BUCKETS, dtype=np.uint32), np.diff(self.starts))
        hashes = (upper << np.uint32(16) | self.lower).astype(np.uint32)
        return hashes, unpack_offsets(self.offsets, first=self.first)

    def find(self, hashes: Hashes) -> tuple[npt.NDArray[np.intp], Seqs]:
        """Return the pairs of a hash's place in `hashes` and an entry that has it."""
        upper, lower = hashes >> 16, (hashes & 0xFFFF).astype(np.uint16)
        first, stop = self.starts[upper], self.starts[upper + 1]
        places = [
            begin + np.searchsorted(self.lower[begin:end], [value, value + 1])
            for begin, end, value in zip(first.tolist(), stop.tolist(), lower.tolist(), strict=True)
        ]
        return _pairs(np.array(places, dtype=np.int64).reshape(-1, 2), self)


def _pairs(
    ranges: npt.NDArray[np.int64], digests: PackedDigests
) -> tuple[npt.NDArray[np.intp], Seqs]:
    """Return each place of the ranges, as the number of its range and the number of its entry."""
    counts = ranges[:, 1] - ranges[:, 0]
    which = np.repeat(np.arange(len(ranges)), counts)
    begins = np.repeat(ranges[:, 0] - np.cumsum(counts) + counts, counts)
    offsets = digests.offsets[begins + np.arange(len(which))]
    return which, unpack_offsets(offsets, first=digests.first)


def pack_offsets(seqs: Seqs, *, first: int) -> Offsets:
    """Return the numbers of entries from `first` on, in three bytes each."""
    offsets = (seqs - first).astype("<u4")
    return np.ascontiguousarray(offsets.view(np.uint8).reshape(-1, 4)[:, :3])


def unpack_offsets(offsets: Offsets, *, first: int) -> Seqs:
    """Return the numbers of entries."""
    wide = np.zeros((len(offsets), 4), dtype=np.uint8)
    wide[:, :3] = offsets
    return wide.view("<u4").reshape(-1).astype(np.int64) + first
