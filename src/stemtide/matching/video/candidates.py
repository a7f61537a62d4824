# SPDX-License-Identifier: Apache-2.0
"""Find the stored frames that are near enough to frames of a query to be aligned.

Two frames are near in the 64 coarsest bits of their PDQ hashes: unrelated frames within 10 bits
are 3 in 100 000, while nine of ten altered videos have such a frame.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemtide.kernels import frames

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

WITHIN_BITS = 10
MOST_PAIRS = 1 << 20
_NARROWER_BITS = 3


class Near(NamedTuple):
    """Pairs of a query word and a row that are near, or nearly opposite.

    query: (n,) int64, index of the word in the query.
    row:   (n,) int64, index of the row.
    bits:  (n,) int64, their distance, 0..64; over 32 if they are nearly opposite.
    """

    query: Places
    row: Places
    bits: Places


def near(rows: Words, queries: Words, *, within_bits: int = WITHIN_BITS) -> Near:
    """Find all pairs within `within_bits` of each other, or of each other's complement.

    If there are more than MOST_PAIRS, only nearer ones are returned. This bounds the cost of
    content that resembles many stored frames, or of a signal that was made to resemble many.

    rows:    (n,) uint64.
    queries: (q,) uint64.
    """
    words = np.ascontiguousarray(queries)
    pairs, count = frames.near(rows, words, within_bits=within_bits, most=MOST_PAIRS)
    while count > MOST_PAIRS and within_bits > 0:
        within_bits = max(0, within_bits - _NARROWER_BITS)
        pairs, count = frames.near(rows, words, within_bits=within_bits, most=MOST_PAIRS)
    return Near(
        query=pairs["query"].astype(np.int64),
        row=np.ascontiguousarray(pairs["row"]),
        bits=pairs["bits"].astype(np.int64),
    )
