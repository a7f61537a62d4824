# SPDX-License-Identifier: Apache-2.0
"""Which frames held are near enough to which frames of a query to look closer.

Two frames are near in the 64 coarsest bits of their PDQ hashes: unrelated frames within 10 bits
are 3 in 100 000, while nine of ten altered videos have such a frame.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

WITHIN_BITS = 10
_BITS = 64
_BLOCK = 1 << 15
"""Rows compared at a time: they and what is made of them fit the second-level cache."""


class Near(NamedTuple):
    """Pairs of a query word and a row that are near, or nearly opposite.

    query: (n,) int64, place of the word in the query.
    row:   (n,) int64, place of the row.
    bits:  (n,) int64, their distance, 0..64; over 32 where they are nearly opposite.
    """

    query: Places
    row: Places
    bits: Places


def near(rows: Words, queries: Words, *, within_bits: int = WITHIN_BITS) -> Near:
    """Find all pairs within `within_bits` of each other, or of each other's complement.

    rows:    (n,) uint64.
    queries: (q,) uint64.
    """
    found: list[Near] = []
    reach = np.uint8(2 * within_bits)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        for place, word in enumerate(queries):
            bits = np.bitwise_count(block ^ word)
            # Adding and wrapping at 64 puts both ends of 0..64 side by side, in 0..2 * within.
            hits = np.flatnonzero(((bits + np.uint8(within_bits)) & np.uint8(_BITS - 1)) <= reach)
            if len(hits):
                query = np.full(len(hits), place, np.int64)
                found.append(Near(query, hits + start, bits[hits].astype(np.int64)))
    if not found:
        none = np.empty(0, np.int64)
        return Near(none, none, none)
    return Near(*(np.concatenate(column) for column in zip(*found, strict=True)))
